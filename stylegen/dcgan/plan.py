"""What is trained and how: a preset, and what was asked for beside it, in one."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from stylegen.dcgan.presets import PRESETS
from stylegen.dcgan.settings import OF_PRESET, TrainSettings
from stylegen.dcgan.sizes import levels
from stylegen.utils.errors import UserError
from stylegen.utils.settings import takes
from stylegen.utils.signatures import defaults_of

if TYPE_CHECKING:
    import keras

    from stylegen.dcgan.gan import DCGAN

PLACES = {  # setting -> the part of a plan and the argument that it is; all others are of the training, by their names
    'latent_dim': ('generator', 'latent_dim'),
    'g_width': ('generator', 'width'),
    'd_width': ('discriminator', 'width'),
    'upsampling': ('generator', 'upsampling'),
    'd_norm': ('discriminator', 'norm'),
}
BATCH_SIZE = 64
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


def place_of(name: str) -> tuple[str, str]:
    """The part of a plan and the argument in it that a setting of the preset is."""
    return PLACES.get(name, ('training', name))


@takes(TrainSettings)
def make_plan(
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    *,
    classes: tuple[str, ...] = (),
    settings: TrainSettings,
) -> Plan:
    """A preset with changes; what neither says is the default of the functions, so that a plan says all.

    Args:
        size, channels: Of the images; None: the preset's.
        classes: Names of the classes to tell the networks.
        {settings}

    Raises:
        UserError: A setting cannot be, the settings do not go together, or the size cannot be built.
    """
    base = PRESETS[settings.preset]
    size = size or base.size
    levels(size)
    parts = {part: {**usual, **getattr(base, part)} for part, usual in usual_arguments().items()}
    for name in OF_PRESET:
        if (value := getattr(settings, name)) is not None:
            part, argument = place_of(name)
            parts[part][argument] = value
    batch_size, seed = parts['training'].pop('batch_size', BATCH_SIZE), settings.seed
    for part, number in (('generator', 2 * seed), ('discriminator', 2 * seed + 1), ('training', seed)):
        parts[part]['seed'] = number
    if parts['training']['decay'] != 'none':
        parts['training']['decay_steps'] = settings.steps
    _check_together(parts['discriminator']['norm'], parts['training'])
    return Plan(
        settings.preset, size, channels or base.channels, classes, **parts, batch_size=batch_size,
        precision=settings.precision,
    )  # fmt: skip


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
    flags = {place_of(name): name for name in OF_PRESET}
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
    from stylegen.dcgan.losses import adversarial

    if training['updates'] == 'simultaneous' and training['d_steps'] > 1:
        raise UserError('several --d_steps are one after the other; leave out --updates=simultaneous')
    loss = adversarial(training['loss'])
    if norm == 'batch' and (loss.penalty or training['r1']):
        raise UserError(
            'a gradient penalty needs a discriminator that judges each image by itself (Gulrajani et al. 2017, '
            'section 4); give --d_norm=none or --d_norm=spectral'
        )
