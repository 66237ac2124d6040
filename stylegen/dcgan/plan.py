"""What is trained and how: a preset, and what was asked for beside it, in one."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from stylegen.dcgan.presets import preset
from stylegen.dcgan.sizes import levels
from stylegen.errors import UserError, unknown

if TYPE_CHECKING:
    import keras

    from stylegen.dcgan.gan import DCGAN

OPTIONS = {  # option -> the function that it is an argument of, and the argument
    'latent_dim': ('generator', 'latent_dim'),
    'g_width': ('generator', 'width'),
    'd_width': ('discriminator', 'width'),
    'upsampling': ('generator', 'upsampling'),
    'd_norm': ('discriminator', 'norm'),
    **{
        name: ('training', name)
        for name in (
            'loss', 'label_smoothing', 'r1', 'gradient_penalty', 'penalty_every', 'augment', 'flip', 'ema', 'updates',
            'd_steps', 'learning_rate', 'd_learning_rate', 'beta_1', 'beta_2', 'decay', 'batch_size',
        )
    },
}  # fmt: skip
BATCH_SIZE = 64


@dataclass(frozen=True)
class Plan:
    """Arguments of the two networks and of `DCGAN`; JSON-serialisable, and kept in every checkpoint.

    Args:
        preset: The name that the rest came from.
        size, channels: Of the images.
        classes: Names of the classes that the networks are told; () for none.
        generator, discriminator: Arguments of the functions in `stylegen.dcgan.models`.
        training: Arguments of `stylegen.dcgan.gan.DCGAN`.
        batch_size: Images of a step of each network.
        precision: 'float32' or 'mixed_bfloat16'.
    """

    preset: str
    size: tuple[int, int]
    channels: int
    classes: tuple[str, ...]
    generator: Mapping[str, Any]
    discriminator: Mapping[str, Any]
    training: Mapping[str, Any]
    batch_size: int
    precision: str = 'float32'

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> 'Plan':
        """The plan that `as_settings` made JSON of."""
        values = {name: settings[name] for name in cls.__dataclass_fields__}
        return cls(**values | {'size': tuple(values['size']), 'classes': tuple(values['classes'])})

    def as_settings(self) -> dict[str, Any]:
        """The plan as JSON has it."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def networks(self, synchronized: bool = False) -> 'tuple[keras.Model, keras.Model]':
        """Fresh generator and discriminator."""
        from stylegen.backend import keras
        from stylegen.dcgan import models

        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(self.precision)
        try:
            common: dict[str, Any] = {'classes': len(self.classes), 'synchronized': synchronized}
            generator = models.generator(self.size, self.channels, **self.generator, **common)
            return generator, models.discriminator(self.size, self.channels, **self.discriminator, **common)
        finally:
            keras.config.set_dtype_policy(before)

    def sampler(self) -> 'keras.Model':
        """A fresh generator to draw with: in float32, so that pictures are the same with and without bfloat16."""
        return replace(self, precision='float32').networks()[0]

    def build(self, synchronized: bool = False) -> 'DCGAN':
        """The untrained model.

        Raises:
            UserError: The options do not go together.
        """
        from stylegen.dcgan.gan import DCGAN
        from stylegen.dcgan.losses import adversarial

        loss = adversarial(self.training['loss'], self.training.get('label_smoothing', 0.0))
        if self.discriminator.get('norm', 'batch') == 'batch' and (loss.penalty or self.training.get('r1')):
            raise UserError(
                'a gradient penalty needs a discriminator that judges each image by itself (Gulrajani et al. 2017, '
                'section 4); give --d_norm=none or --d_norm=spectral'
            )
        return DCGAN(*self.networks(synchronized), **self.training)


def make_plan(
    name: str = 'cifar32',
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    *,
    classes: tuple[str, ...] = (),
    steps: int = 0,
    seed: int = 0,
    precision: str = 'float32',
    **options: Any,
) -> Plan:
    """A preset with changes.

    Args:
        name: One of `PRESETS`.
        size, channels: Of the images; None: the preset's.
        classes: Names of the classes to tell the networks.
        steps: Over which the learning rate falls, where it does.
        seed: Of everything random.
        precision: 'float32', or 'mixed_bfloat16'.
        options: Of `OPTIONS`; None is the preset's.

    Raises:
        UserError: There is no such preset or option, or the size cannot be built.
    """
    base = preset(name)
    size = size or base.size
    levels(size)
    parts = {part: dict(getattr(base, part)) for part in ('generator', 'discriminator', 'training')}
    for option, value in options.items():
        if option not in OPTIONS:
            raise unknown('option', option, OPTIONS)
        if value is not None:
            part, argument = OPTIONS[option]
            parts[part][argument] = value
    batch_size = parts['training'].pop('batch_size', BATCH_SIZE)
    training = {'loss': 'non_saturating', **parts['training'], 'seed': seed}
    if training.get('decay', 'none') != 'none':
        training['decay_steps'] = steps
    seeds = {'generator': {'seed': 2 * seed}, 'discriminator': {'seed': 2 * seed + 1}}
    return Plan(
        name,
        size,
        channels or base.channels,
        classes,
        parts['generator'] | seeds['generator'],
        parts['discriminator'] | seeds['discriminator'],
        training,
        batch_size,
        precision,
    )
