"""What is trained and how: a preset, and what was asked for beside it, in one."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from stylegen.dcgan.presets import USUAL, preset
from stylegen.dcgan.sizes import levels
from stylegen.utils.errors import UserError, unknown
from stylegen.utils.signatures import defaults_of

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
BELOW_1 = ('label_smoothing', 'beta_1', 'beta_2')
# arguments of the networks that stand elsewhere in a plan
_OF_BOTH = ('channels', 'classes', 'synchronized', 'precision')


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
        from stylegen.dcgan import models
        from stylegen.utils.backend import prepare_devices

        prepare_devices()
        common: dict[str, Any] = {
            'classes': len(self.classes),
            'synchronized': synchronized,
            'precision': self.precision,
        }
        generator = models.generator(self.size, self.channels, **self.generator, **common)
        return generator, models.discriminator(self.size, self.channels, **self.discriminator, **common)

    def sampler(self) -> 'keras.Model':
        """A fresh generator to draw with: in float32, so that pictures are the same with and without bfloat16."""
        return replace(self, precision='float32').networks()[0]

    def build(self, synchronized: bool = False) -> 'DCGAN':
        """The untrained model.

        Raises:
            UserError: The options do not go together.
        """
        from stylegen.dcgan.gan import DCGAN

        return DCGAN(*self.networks(synchronized), **self.training)


def make_plan(
    name: str = USUAL,
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    *,
    classes: tuple[str, ...] = (),
    steps: int = 0,
    seed: int = 0,
    precision: str = 'float32',
    **options: Any,
) -> Plan:
    """A preset with changes; what neither says is the default of the functions, so that a plan says all.

    Args:
        name: One of `PRESETS`.
        size, channels: Of the images; None: the preset's.
        classes: Names of the classes to tell the networks.
        steps: Over which the learning rate falls, where it does.
        seed: Of everything random.
        precision: 'float32', or 'mixed_bfloat16'.
        options: Of `OPTIONS`; None is the preset's.

    Raises:
        UserError: There is no such preset or option, the options do not go together, or the size cannot be built.
    """
    base = preset(name)
    size = size or base.size
    levels(size)
    parts = {part: {**usual, **getattr(base, part)} for part, usual in usual_arguments().items()}
    for option, value in options.items():
        if option not in OPTIONS:
            raise unknown('option', option, OPTIONS)
        if value is not None:
            part, argument = OPTIONS[option]
            parts[part][argument] = value
    batch_size = parts['training'].pop('batch_size', BATCH_SIZE)
    for part, number in (('generator', 2 * seed), ('discriminator', 2 * seed + 1), ('training', seed)):
        parts[part]['seed'] = number
    if parts['training']['decay'] != 'none':
        parts['training']['decay_steps'] = steps
    _check_together(parts['discriminator']['norm'], parts['training'])
    return Plan(name, size, channels or base.channels, classes, **parts, batch_size=batch_size, precision=precision)


def usual_arguments() -> dict[str, dict[str, Any]]:
    """The defaults of the functions that a plan has the arguments of, by part."""
    from stylegen.dcgan import gan, models

    functions: dict[str, Callable[..., Any]] = {
        'generator': models.generator, 'discriminator': models.discriminator, 'training': gan.DCGAN.__init__
    }  # fmt: skip
    parts = {part: defaults_of(function) for part, function in functions.items()}
    return {part: {name: parts[part][name] for name in parts[part] if name not in _OF_BOTH} for part in parts}


def compared(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a run, to be held against those of another: by what a user types, and none left out.

    Earlier versions kept what differed from the defaults only.
    """
    flags = {place: option for option, place in OPTIONS.items()}
    flags |= {('training', 'seed'): 'seed', ('training', 'decay_steps'): 'steps'}
    usual = usual_arguments()
    found = {name: value for name, value in settings.items() if name not in usual}
    for part, defaults in usual.items():
        for name, value in {**defaults, **(settings.get(part) or {})}.items():
            found[flags.get((part, name), f'{part}.{name}')] = value
    return {name: value for name, value in found.items() if name not in ('generator.seed', 'discriminator.seed')}


def idle_options(plan: Plan, given: Iterable[str]) -> dict[str, str]:
    """Why each option changes nothing that does so, of those that somebody gave."""
    from stylegen.dcgan.losses import ADVERSARIAL

    loss = ADVERSARIAL[plan.training['loss']]
    penalised, smoothed = (
        ' or '.join(f'--loss={name}' for name, other in ADVERSARIAL.items() if getattr(other, part))
        for part in ('penalty', 'smooth')
    )
    idle = {}
    if not loss.penalty:
        idle['gradient_penalty'] = f'it is for {penalised}'
    if not (loss.penalty or plan.training['r1']):
        idle['penalty_every'] = f'it is for --r1 or {penalised}'
    if not loss.smooth:
        idle['label_smoothing'] = f'it is for {smoothed}'
    return {name: why for name, why in idle.items() if name in set(given)}


def _check_together(norm: str, training: Mapping[str, Any]) -> None:
    """Refuses options that do not go together.

    Args:
        norm: Of the discriminator.
        training: Arguments of `DCGAN`.

    Raises:
        UserError: They do not.
    """
    from stylegen.dcgan.augment import parse_policy
    from stylegen.dcgan.losses import adversarial

    parse_policy(training['augment'])
    if training['updates'] == 'simultaneous' and training['d_steps'] > 1:
        raise UserError('several --d_steps are one after the other; leave out --updates=simultaneous')
    for name in BELOW_1:
        if not 0 <= training[name] < 1:
            raise UserError(f'--{name} is 0 at least and below 1; got {training[name]:g}')
    loss = adversarial(training['loss'])
    if norm == 'batch' and (loss.penalty or training['r1']):
        raise UserError(
            'a gradient penalty needs a discriminator that judges each image by itself (Gulrajani et al. 2017, '
            'section 4); give --d_norm=none or --d_norm=spectral'
        )
