"""The settings that the functions of DeepDream take: how to dream, from noise and on films."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass
from typing import Any

from stylegen.runs.layer_weights import WeightsLike, as_weights, format_weights
from stylegen.runs.settings import MachineSettings, NetworkSettings
from stylegen.utils.choices import JIT, SMOOTHINGS
from stylegen.utils.errors import UserError, unknown
from stylegen.utils.memory import AUTO, resolve_memory
from stylegen.utils.settings import Settings, setting

SUBJECT, STEPS = 'What to dream of', 'How to dream'  # headings of `--help`
FROM_NOISE, FILM = 'From noise (--input=noise)', 'Film (--zoom, or a clip as --input)'
NOISE_SIZE = 256  # side of a picture from noise, in pixels
RATE = 24.0  # frames per second of a zoom
GRADIENT_NORMALIZATIONS = ('layer', 'picture', 'none')
_FORMER_NORMALIZATIONS = {'signal': 'layer', 'gradient': 'picture'}


def read_gradient_normalization(value: str, name: str) -> str:
    """Returns one of `GRADIENT_NORMALIZATIONS`; it takes the former names 'signal' and 'gradient' too.

    Raises:
        UserError: There is no such choice.
    """
    value = _FORMER_NORMALIZATIONS.get(value, value)
    if value not in GRADIENT_NORMALIZATIONS:
        raise unknown(name, str(value), GRADIENT_NORMALIZATIONS)
    return value


@dataclass(frozen=True, kw_only=True)
class DreamSettings(MachineSettings, NetworkSettings):
    """How a picture is dreamt on.

    Attributes:
        network: 'auto', a name of `stylegen.networks.NETWORKS`, a .keras file, or a `FeatureExtractor`.
        weights: A file of weights. None: the weights are searched for, see `stylegen.networks.pretrained`.
        layers: Weights by layer, 'block4_conv2', by channels of a layer, 'block4_conv2[3,17-19]', or by neuron,
            'block4_conv2[3@0.5,0.25]'. A negative weight makes it less active. A list of names gives each the weight 1.
            None: the network's own layers, unless there are classes, guides or regions.
        classes: Weights by name or number of a class. The whole picture becomes more like the class.
        guide_layers: Weights by layer. These layers are compared with the guides'. None: the network's own layers.
        gradient_normalization: 'layer' divides the gradient of each layer, guide and class by its norm at that layer,
            before the weight applies (K. Crowson's deep_dream). 'picture' takes the norm of the gradient at the
            picture. 'none' divides nothing.
        measure: What of the activations rises: 'mean_square' or 'mean'. 'auto' is 'mean_square' of layers and 'mean' of
            channels, neurons and classes.
        octaves, octave_scale, strength, smoothing: None is the network's own, see `presets.defaults_of_network`.
        strength: The root mean square of the change of the picture, in pixel units [0, 1]. The steps adapt to reach it,
            whatever the network, the layers, the size and the number of steps. `color` and `mask` then take some of the
            change back. Where only regions are dreamt of, it is the change within them.
        step_size: The change of the picture by one step, in pixel units, measured by `norm`. It replaces `strength`.
        smoothing: See `stylegen.optimize.gradient_smoothing`.
        jitter: Without `wrap` the shift is at most half a stride of the network. A picture that is cut into tiles is
            shifted by up to a tile.
        color: 'luminance' changes the lightness only. 'match' keeps the mean and the covariance of the colours.
        wrap: The best sides of a tile are multiples of the network's stride.
        max_memory: Bytes, or a text such as '4GB'.
    """

    layers: WeightsLike = setting(
        None,
        "layers that become more active: LAYER:WEIGHT,...; 'list' shows those of the network",
        group='Network',
        read=as_weights,
        write=format_weights,
    )
    classes: WeightsLike = setting(
        None,
        "classes that the picture becomes more like: CLASS:WEIGHT,... by name or number; 'list' shows them",
        group=SUBJECT,
        read=as_weights,
        write=format_weights,
    )
    guide_layers: WeightsLike = setting(
        None,
        'layers that are compared with the guide: LAYER:WEIGHT,...',
        group=SUBJECT,
        read=as_weights,
        write=format_weights,
    )
    gradient_normalization: str = setting(
        'layer',
        'where the gradients of all layers get the same norm, before their weights apply: layer, picture, or none',
        group=SUBJECT,
        choices=GRADIENT_NORMALIZATIONS,
        kind='text',
        read=read_gradient_normalization,
        formerly='balance',
    )
    measure: str = setting(
        'auto',
        'what of the activations rises; auto: mean_square of layers, mean of channels and classes',
        group=SUBJECT,
        choices=('auto', 'mean_square', 'mean'),
    )
    octaves: int | None = setting(
        None, "how many sizes to work through; by default the network's own", group=STEPS, at_least=1
    )
    octave_scale: float | None = setting(
        None, "ratio of one size to the next; by default the network's own", group=STEPS, above=1, at_most=100
    )
    steps: int = setting(10, 'steps at each size', group=STEPS, at_least=0)
    strength: float | None = setting(
        None,
        'RMS change of a picture or frame, where pixels are 0 to 1; the steps adapt to reach it; by default '
        "the network's own",
        group=STEPS,
        above=0,
        at_most=1,
    )
    step_size: float | None = setting(
        None, 'fixed change per step, in place of the strength', group=STEPS, at_least=0, at_most=1
    )
    norm: str = setting(
        'mean_abs', 'how the size of the gradient is measured for step_size', group=STEPS, choices=('mean_abs', 'std')
    )
    smoothing: str | None = setting(
        None, "how the gradient is smoothed; by default the network's own", group=STEPS, choices=SMOOTHINGS
    )
    variation: float = setting(
        0.0, 'how much each step smooths the picture (total variation), as a share of the step', group=STEPS, at_least=0
    )
    jitter: int = setting(
        32, 'largest random shift before each step', group=STEPS, at_least=0, at_most=10000, unit='pixels'
    )
    color: str = setting(
        'free',
        'luminance keeps the colours, match keeps their mean and spread',
        group=STEPS,
        choices=('free', 'luminance', 'match'),
    )
    wrap: bool = setting(False, 'make a tile that repeats without seams', group=STEPS)
    seed: int = setting(0, 'the same seed gives the same dream', group=STEPS, at_least=0)

    def on_this_machine(self) -> DreamSettings:
        """The settings with the memory and the precision that 'auto' means on this machine now."""
        from stylegen.utils.backend import fast_precision

        named = isinstance(self.network, str)  # a `FeatureExtractor` has its precision already
        precision = fast_precision() if named and self.precision == AUTO else self.precision
        memory = resolve_memory(AUTO) if self.max_memory == AUTO else self.max_memory
        return self.replace(max_memory=memory, precision=precision)


def read_sides(value: Any, name: str) -> int | tuple[int, int]:
    """A side in pixels, or (height, width).

    Raises:
        UserError: It is neither.
    """
    sides = list(value) if isinstance(value, (list, tuple)) else [value]
    if len(sides) not in (1, 2) or not all(isinstance(side, numbers.Integral) and int(side) >= 1 for side in sides):
        raise UserError(f'expected {name} as whole pixels, or as (height, width), got {value!r}')
    return int(sides[0]) if len(sides) == 1 else (int(sides[0]), int(sides[1]))


@dataclass(frozen=True, kw_only=True)
class NoiseSettings(Settings):
    """How pictures are made from noise, as far as the command line says it."""

    parameterization: str = setting(
        'fourier', 'what Adam changes: Fourier coefficients or pixels', group=FROM_NOISE, choices=('fourier', 'pixels')
    )
    size: int | tuple[int, int] = setting(
        NOISE_SIZE, 'side of the square pictures, or (height, width)', unit='pixels', read=read_sides
    )
    count: int = setting(1, 'how many pictures, on one sheet', group=FROM_NOISE, at_least=1, at_most=1000)
    steps: int = setting(128, 'steps of Adam', at_least=0)
    diversity: float = setting(
        0.0, 'how much the pictures are pushed apart; 1 to 3 is felt', group=FROM_NOISE, at_least=0
    )
    seed: int = setting(0, 'the same seed gives the same pictures', at_least=0)
    jit: str = setting('auto', 'compile with XLA; auto: on a GPU', choices=JIT)


@dataclass(frozen=True, kw_only=True)
class VisualizeSettings(NoiseSettings):
    """How pictures are made from noise. The fields that it adds have no flag: their defaults suit every target.

    Attributes:
        count: All pictures are made at once. Without `diversity` a picture does not depend on the others.
        steps: Colours and contrast grow with steps * learning_rate. A product of 4 gives about those of photographs.
        parameterization: See `stylegen.optimize.parameterization`.
        diversity: The weight of a term that pushes the pictures apart: the mean over the extractor's layers of
            `stylegen.losses.diversity_loss`, which is about 1 at most. The mean of a channel rises by 3 to 10. A weight
            of 1 to 3 is then felt, and 100 leaves nothing of the channel.
        decay: The exponent of 1 / f. A higher one is smoother. 1.2 is that of photographs.
        contrast: 1 is the contrast of a photograph's Fourier parameters. Too little leaves empty areas.
        learning_rate: In standard deviations of a photograph's Fourier parameters, or in logits of pixels.
        jitter: None is a sixteenth of the shorter side. (Olah et al. shift by 16 and then 8 pixels, scale by 0.05 and
            turn by 5 degrees, in 2560 steps of Adam at 0.05; appendix.)
    """

    decay: float = setting(1.2, 'how fast the Fourier parameters fall with the frequency', flag=False)
    contrast: float = setting(0.2, 'contrast of the noise', flag=False, at_least=0)
    learning_rate: float = setting(0.03, 'learning rate of Adam', flag=False, above=0)
    jitter: int | None = setting(None, 'largest shift of a view', flag=False, at_least=0, unit='pixels')
    scale: float = setting(0.1, 'largest change of the size of a view, as a share', flag=False, at_least=0, below=1)
    rotation: float = setting(10.0, 'largest turn of a view', flag=False, at_least=0, unit='degrees')

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.diversity and self.count == 1:
            raise UserError('diversity is between pictures; ask for a count of 2 or more')


def read_shift(value: Any, name: str) -> tuple[float, float]:
    """(x, y), also from a text 'X,Y'.

    Raises:
        UserError: It has another form, or is not finite.
    """
    try:
        x, y = (float(part) for part in (value.split(',') if isinstance(value, str) else value))
    except (TypeError, ValueError):
        x = y = math.nan
    if not (math.isfinite(x) and math.isfinite(y)):
        raise UserError(f'expected {name} as X,Y in widths and heights per second, got {value!r}')
    return x, y


def _format_shift(shift: tuple[float, float]) -> str:
    return ','.join(str(part).removesuffix('.0') for part in shift)


@dataclass(frozen=True, kw_only=True)
class ZoomSettings(Settings):
    """How the picture moves in an endless zoom, and how long.

    Attributes:
        zoom: 1 stands still. A smaller one would need what lies beyond the border.
        rotation: Counter-clockwise.
        shift: (x, y): how fast the middle moves to the right and down.
    """

    zoom: float = setting(1.5, 'growth of a zoom: factor per second', group=FILM, at_least=1)
    rotation: float = setting(0.0, 'turn of a zoom: degrees per second', group=FILM)
    shift: tuple[float, float] = setting(
        (0.0, 0.0),
        'shift of a zoom: X,Y in widths and heights per second',
        group=FILM,
        read=read_shift,
        write=_format_shift,
    )
    seconds: float = setting(5.0, 'length of a zoom', group=FILM, above=0)
    fps: float = setting(
        RATE, f'rate of a zoom: frames per second; the strength is that of a frame at {RATE:g}', group=FILM, above=0
    )

    @property
    def frames(self) -> int:
        """How many frames the film has, at least 1."""
        return max(1, round(self.seconds * self.fps))


@dataclass(frozen=True, kw_only=True)
class FootageSettings(Settings):
    """How a clip is dreamt on.

    Attributes:
        blend: 0 dreams on each frame by itself. A larger share holds still better. A smaller one lets the dream follow
            sooner.
    """

    blend: float = setting(
        0.7,
        'share of the dream that the optical flow carries to the next frame of a clip',
        group=FILM,
        at_least=0,
        below=1,
    )
