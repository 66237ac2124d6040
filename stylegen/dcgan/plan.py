"""The plan of a run: the arguments of both networks and of the training, from a preset and the settings."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from stylegen.dcgan.presets import PRESETS
from stylegen.dcgan.settings import OF_PRESET, TrainSettings
from stylegen.dcgan.signatures import defaults_of
from stylegen.dcgan.sizes import levels
from stylegen.utils.errors import UserError
from stylegen.utils.settings import takes

if TYPE_CHECKING:
    import keras

    from stylegen.dcgan.gan import DCGAN

PLACES = {  # setting -> part and argument of a plan; all other settings are arguments of `training` with the same name
    'latent_dim': ('generator', 'latent_dim'),
    'g_width': ('generator', 'width'),
    'd_width': ('discriminator', 'width'),
    'upsampling': ('generator', 'upsampling'),
    'd_norm': ('discriminator', 'norm'),
    'batch_std': ('discriminator', 'batch_std'),
}
FORMER_NAMES = {  # part of a plan -> former and present names of its arguments
    'generator': {'stem': 'base_conv', 'last': 'image_kernel'},
    'discriminator': {'between': 'extra_convs'},
}
BATCH_SIZE = 64
# arguments of the networks that are separate fields of a plan
_OF_BOTH = ('channels', 'classes', 'synchronized', 'precision')


@dataclass(frozen=True)
class Plan:
    """Arguments of the two networks and of `DCGAN`; JSON-serialisable, and kept in every checkpoint.

    Args:
        preset: The name of the preset.
        size, channels: Size and channels of the images.
        classes: Names of the classes that are an input of the networks; () for none.
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
        """Returns the plan of a record of `as_settings`, also of an earlier version."""
        settings = renamed(settings)
        values = {name: settings[name] for name in cls.__dataclass_fields__}
        return cls(**values | {'size': tuple(values['size']), 'classes': tuple(values['classes'])})

    def as_settings(self) -> dict[str, Any]:
        """Returns the plan as a dict for JSON."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def networks(self, synchronized: bool = False) -> 'tuple[keras.Model, keras.Model]':
        """Builds the untrained generator and discriminator."""
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
        """Builds an untrained generator in float32, whose pictures do not depend on the precision of the training."""
        return replace(self, precision='float32').networks()[0]

    def build(self, synchronized: bool = False) -> 'DCGAN':
        """Builds the untrained model.

        Raises:
            UserError: Two settings exclude each other.
        """
        from stylegen.dcgan.gan import DCGAN

        return DCGAN(*self.networks(synchronized), **self.training)


def renamed(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings of a run of any version with the names that the arguments of the networks have now."""
    parts = {
        part: {names.get(name, name): value for name, value in settings[part].items()}
        for part, names in FORMER_NAMES.items()
        if isinstance(settings.get(part), Mapping)
    }
    return {**settings, **parts}


def place_of(name: str) -> tuple[str, str]:
    """Returns the part of a plan and the argument in it that a setting changes."""
    return PLACES.get(name, ('training', name))


@takes(TrainSettings)
def make_plan(
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    *,
    classes: tuple[str, ...] = (),
    settings: TrainSettings,
) -> Plan:
    """Makes the plan of a run from its settings.

    A value comes from the settings, else from the preset, else from the defaults of the functions. A plan has them all.

    Args:
        size, channels: Size and channels of the images; None: the preset's.
        classes: Names of the classes that are an input of the networks.
        {settings}

    Raises:
        UserError: A setting is out of bounds, two settings exclude each other, or the size cannot be built.

    Example:
        gan = make_plan((64, 64), preset='paper64', g_width=32).build()
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
    """Returns the defaults of the functions whose arguments a plan has, by part."""
    from stylegen.dcgan import gan, models

    functions: dict[str, Callable[..., Any]] = {
        'generator': models.generator, 'discriminator': models.discriminator, 'training': gan.DCGAN.__init__
    }  # fmt: skip
    parts = {part: defaults_of(function) for part, function in functions.items()}
    return {part: {name: parts[part][name] for name in parts[part] if name not in _OF_BOTH} for part in parts}


def compared(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings of a run by the names of the flags, complete, for a comparison with another run.

    Earlier versions recorded only the values that differed from the defaults.
    """
    flags = {place_of(name): name for name in OF_PRESET}
    flags |= {('training', 'seed'): 'seed', ('training', 'decay_steps'): 'steps'}
    settings, usual = renamed(settings), usual_arguments()
    found = {name: value for name, value in settings.items() if name not in usual}
    for part, defaults in usual.items():
        for name, value in {**defaults, **(settings.get(part) or {})}.items():
            found[flags.get((part, name), f'{part}.{name}')] = value
    return {name: value for name, value in found.items() if name not in ('generator.seed', 'discriminator.seed')}


def idle_options(plan: Plan, given: Iterable[str]) -> dict[str, str]:
    """Returns the given settings that change nothing in this plan, each with the reason."""
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
    """Refuses settings that exclude each other.

    Args:
        norm: Normalisation of the discriminator.
        training: Arguments of `DCGAN`.

    Raises:
        UserError: Two settings exclude each other.
    """
    from stylegen.dcgan.losses import adversarial

    if training['updates'] == 'simultaneous' and training['d_steps'] > 1:
        raise UserError(
            'simultaneous updates allow one discriminator step; leave out --updates=simultaneous, or --d_steps'
        )
    loss = adversarial(training['loss'])
    if norm == 'batch' and (loss.penalty or training['r1']):
        raise UserError(
            'a gradient penalty needs a discriminator that judges each image by itself (Gulrajani et al. 2017, '
            'section 4); give --d_norm=none or --d_norm=spectral'
        )
