"""Settings of DeepDream: each field says its default, its bounds or choices, its unit and what it does."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stylegen.deepdream.presets import PRESETS
from stylegen.runs.inputs import DEFAULT_SIZE
from stylegen.runs.layer_weights import WeightsLike, as_weights, format_weights, parse_weights
from stylegen.runs.settings import MachineSettings, NetworkSettings, ResultSettings
from stylegen.utils.choices import JIT, SMOOTHINGS
from stylegen.utils.errors import UserError
from stylegen.utils.memory import AUTO, settled_memory
from stylegen.utils.settings import Settings, setting

PICTURES, SUBJECT, STEPS = 'Pictures', 'What to dream of', 'How to dream'  # headings of `--help`
FROM_NOISE, FILM = 'From noise (--input=noise)', 'Film (--zoom, or a clip as --input)'
HEADINGS = (PICTURES, 'Network', SUBJECT, STEPS, FROM_NOISE, FILM, 'Machine')
DEFAULT_OUTPUT = 'deepdream.png'
FILM_SIZE = 512  # longest side of a film's frames, in pixels, unless --size says otherwise
NOISE_SIZE = 256  # side of a picture from noise
TILE_SIZE = 512  # side of a tile that repeats and is made from noise
EXPLORE_SIZE = 256  # longest side of each picture on a contact sheet
RATE = 24.0  # frames per second of a zoom


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
        balance: 'signal' scales each layer, guide and class by the norm of its gradient at its layer, before its weight
            applies (K. Crowson's deep_dream). 'gradient' takes the norm of the gradient at the picture. 'none' scales
            nothing.
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
        "LAYER:WEIGHT,... or 'list' to see what the network has",
        group='Network',
        read=as_weights,
        write=format_weights,
    )
    classes: WeightsLike = setting(
        None,
        "CLASS:WEIGHT,... by name or number, or 'list': the picture becomes more like them",
        group=SUBJECT,
        read=as_weights,
        write=format_weights,
    )
    guide_layers: WeightsLike = setting(
        None,
        'LAYER:WEIGHT,... that are compared with the guide',
        group=SUBJECT,
        read=as_weights,
        write=format_weights,
    )
    balance: str = setting(
        'signal',
        'signal, gradient: make all layers contribute equally before their weights apply',
        group=SUBJECT,
        choices=('signal', 'gradient', 'none'),
    )
    measure: str = setting(
        'auto',
        'of activity; auto: mean_square of layers, mean of channels and classes',
        group=SUBJECT,
        choices=('auto', 'mean_square', 'mean'),
    )
    octaves: int | None = setting(None, 'sizes to work through; default by network', group=STEPS, at_least=1)
    octave_scale: float | None = setting(
        None, 'ratio of one size to the next; default by network', group=STEPS, above=1, at_most=100
    )
    steps: int = setting(10, 'steps at each size', group=STEPS, at_least=0)
    strength: float | None = setting(
        None,
        'RMS change of a picture or frame, pixels being 0 to 1; steps adapt to reach it; default by network',
        group=STEPS,
        above=0,
        at_most=1,
    )
    step_size: float | None = setting(
        None, 'fixed change per step, instead of the strength', group=STEPS, at_least=0, at_most=1
    )
    norm: str = setting(
        'mean_abs', 'how the size of the gradient is measured for step_size', group=STEPS, choices=('mean_abs', 'std')
    )
    smoothing: str | None = setting(None, 'of the gradient; default by network', group=STEPS, choices=SMOOTHINGS)
    variation: float = setting(
        0.0, 'smooths the picture (total variation): share of each step', group=STEPS, at_least=0
    )
    jitter: int = setting(32, 'random shift before each step', group=STEPS, at_least=0, at_most=10000, unit='pixels')
    color: str = setting(
        'free',
        'luminance keeps the colours, match their mean and spread',
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
        memory = settled_memory(AUTO) if self.max_memory == AUTO else self.max_memory
        return self.replace(max_memory=memory, precision=precision)


def read_sides(value: Any, name: str) -> int | tuple[int, int]:
    """A side in pixels, or (height, width).

    Raises:
        UserError: It is neither.
    """
    sides = list(value) if isinstance(value, (list, tuple)) else [value]
    if len(sides) > 2 or not all(isinstance(side, int) and side >= 1 for side in sides) or not sides:
        raise UserError(f'expected {name} as whole pixels, or as (height, width), got {value!r}')
    return sides[0] if len(sides) == 1 else (sides[0], sides[1])


@dataclass(frozen=True, kw_only=True)
class NoiseSettings(Settings):
    """How pictures are made from noise, as far as the command line says it."""

    parameterization: str = setting('fourier', 'what is optimised', group=FROM_NOISE, choices=('fourier', 'pixels'))
    size: int | tuple[int, int] = setting(
        NOISE_SIZE, 'side of the square pictures, or (height, width)', unit='pixels', read=read_sides
    )
    count: int = setting(1, 'pictures, on one sheet', group=FROM_NOISE, at_least=1, at_most=1000)
    steps: int = setting(128, 'steps of Adam', at_least=0)
    diversity: float = setting(0.0, 'pushes the pictures apart; 1 to 3 is felt', group=FROM_NOISE, at_least=0)
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
    learning_rate: float = setting(0.03, 'of Adam', flag=False, above=0)
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

    zoom: float = setting(1.5, 'factor per second', group=FILM, at_least=1)
    rotation: float = setting(0.0, 'of a zoom: degrees per second', group=FILM)
    shift: tuple[float, float] = setting(
        (0.0, 0.0),
        'of a zoom: X,Y in widths and heights per second',
        group=FILM,
        read=read_shift,
        write=_format_shift,
    )
    seconds: float = setting(5.0, 'length of a zoom', group=FILM, above=0)
    fps: float = setting(
        RATE, f'of a zoom: frames per second; the strength is that of a frame at {RATE:g}', group=FILM, above=0
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
        'of a clip: share of the dream that is carried along by the optical flow',
        group=FILM,
        at_least=0,
        below=1,
    )


@dataclass(frozen=True, kw_only=True)
class FilmSettings(FootageSettings, ZoomSettings):
    """The film that the command makes. Without a zoom it makes one of a clip only."""

    zoom: float | None = setting(  # type: ignore[assignment]
        None,
        'makes a film that zooms into its own dream: factor per second, such as 1.5',
        group=FILM,
        at_least=1,
    )


def read_paths(value: Any, name: str) -> tuple[str, ...]:
    """Paths, from one, several or none."""
    return () if value is None else (value,) if isinstance(value, str) else tuple(map(str, value))


def _format_inputs(paths: Sequence[str]) -> Any:
    """None, one path or a list, as results have recorded `input` from the first."""
    return list(paths) if len(paths) > 1 else paths[0] if paths else None


def read_regions(value: Any, name: str) -> tuple[tuple[str, dict[str, float]], ...]:
    """Pairs of a mask's path and weights by layer, also from texts 'MASK=LAYER:WEIGHT,...'.

    Raises:
        UserError: A text has another form.
    """
    regions = []
    for region in value:
        path, equals, layers = region.rpartition('=') if isinstance(region, str) else (region[0], '=', region[1])
        if not equals or not path:
            raise UserError(f'expected --{name}=MASK=LAYER:WEIGHT,..., got {region!r}')
        regions.append((path, parse_weights(layers, name) if isinstance(layers, str) else layers))
    return tuple(regions)


def _format_regions(regions: Sequence[tuple[str, dict[str, float]]]) -> list[str]:
    return [f'{path}={format_weights(layers)}' for path, layers in regions]


@dataclass(frozen=True, kw_only=True)
class PictureSettings(Settings):
    """The pictures that the command reads, and what it makes of them."""

    input: tuple[str, ...] = setting(
        (),
        "a picture, a folder, a clip, or 'noise'; several pictures give a result each; by default a picture that comes "
        'with the program',
        group=PICTURES,
        kind='paths',
        read=read_paths,
        write=_format_inputs,
    )
    size: int | None = setting(
        None,
        f'longest side in pixels; by default its own, up to {DEFAULT_SIZE}; of a film {FILM_SIZE}, from noise '
        f'{NOISE_SIZE} (a tile {TILE_SIZE}), of each picture on a contact sheet {EXPLORE_SIZE}',
        group=PICTURES,
        at_least=1,
    )
    mask: str | None = setting(
        None, 'grey picture: white dreams, black stays as it is, bit for bit', group=PICTURES, kind='path'
    )
    preset: str | None = setting(None, 'settings by name; what is typed beside it wins', group=SUBJECT, choices=PRESETS)
    guide: tuple[str, ...] = setting(
        (),
        'a picture whose contents are looked for in yours; may be given several times',
        group=SUBJECT,
        kind='paths',
        read=read_paths,
        write=list,
    )
    region: tuple[tuple[str, dict[str, float]], ...] = setting(
        (),
        'MASK=LAYER:WEIGHT,...: layers that act where a grey picture is white; may be given several times',
        group=SUBJECT,
        kind='paths',
        read=read_regions,
        write=_format_regions,
    )
    explore: str | None = setting(
        None, "a contact sheet of what 'layers' do to the picture, or the channels of a layer", group=SUBJECT
    )


@dataclass(frozen=True, kw_only=True)
class DreamResultSettings(ResultSettings):
    """How the command writes its results."""

    output: str | None = setting(
        None,
        f'PNG, JPEG, WebP or TIFF; GIF, WebP or MP4 of a film; of many results a folder; by default {DEFAULT_OUTPUT}, '
        'or a free name like it',
        group=PICTURES,
        kind='path',
    )
