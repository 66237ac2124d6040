"""How large a one-pass network is, the statistics of its normalizations, and what a style does with them.

Without TensorFlow.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from stylegen.utils.errors import UserError

NOISE_SIDE, WHITE_NOISE = 256, 4  # side in positions, and channels, of the noise
BLURS = 1.5, 3.0, 6.0, 12.0  # positions: deviations of the Gaussians that blur further channels of noise
NOISE = WHITE_NOISE + len(BLURS)
MARGIN = 16  # pixels; with 24 and 32 borders are no better
EPSILON = 1e-3  # added to a variance, so that a flat area does not become an outlier
PALETTE = 6  # numbers of a palette: mean and deviation of each channel
GAINS = 0.5, 2.0  # least and largest factor of a picture's contrast, so that no grain of a flat one is enlarged
DARKEST = 0.13  # a palette with a mean below this is lightened to it ...
LIGHTENED = 2.0  # ... by this factor at most
CACHED = 50_000  # numbers that stay in a processor's cache through some operations
TOE, SHOULDER = 0.06, 0.12  # ends of the range in which values are pressed together in place of being clipped


@dataclass(frozen=True)
class NetworkShape:
    """How large a network that paints in one pass is.

    Attributes:
        width: Channels at a quarter of the sides; at an eighth there are twice as many.
        blocks: Residual blocks at a quarter of the sides.
        deep: Residual blocks at an eighth of the sides; 0: the network does not go there, and sees no noise.
    """

    width: int
    blocks: int
    deep: int

    @property
    def sizes(self) -> dict[str, int]:
        """The channels that each normalization has, by the name of its convolution, in the order of the norms."""
        at_quarter, at_eighth = ([f'{name}{n}_{part}' for n in range(count) for part in 'ab']
                                 for name, count in (('block', self.blocks), ('deep', self.deep)))  # fmt: skip
        width = self.width
        below = {'down2': 2 * width, **dict.fromkeys(at_eighth, 2 * width), 'up0': width} if self.deep else {}
        return {'begin': width // 2, 'down': width, **below, **dict.fromkeys(at_quarter, width),
                'up1': width // 2, 'up2': width // 4}  # fmt: skip

    @property
    def norms(self) -> int:
        """The length of the norms of a style: a scale and a shift for each channel of each normalization."""
        return 2 * sum(self.sizes.values())

    @property
    def noisy(self) -> tuple[str, ...]:
        """The convolutions to whose maps noise is added."""
        return tuple(name for name in self.sizes if name.startswith('down') or name.endswith('_a')) if self.deep else ()

    @property
    def grid(self) -> int:
        """The sides of a photo must be multiples of it."""
        return 8 if self.deep else 4

    @property
    def margin(self) -> int:
        """How many pixels are mirrored around a photo, and cut off its picture.

        A network that looks far has learned the frames of paintings, and paints them along the borders.
        """
        return MARGIN if self.deep else 0

    def positions(self, name: str) -> int:
        """A number that divides the number of positions of the map that a normalization sees."""
        below = {'up2': 1, 'up1': 2, 'begin': 2, 'down2': 8} | {
            name: 8 for name in self.sizes if name.startswith('deep')
        }
        return (self.grid // below.get(name, 4)) ** 2

    def split(self, norms: Any) -> dict[str, Any]:
        """What each normalization multiplies and adds, (2 C,), by the name of its convolution, of (norms,)."""
        ends = np.cumsum([2 * size for size in self.sizes.values()])[:-1]
        return dict(zip(self.sizes, np.split(norms, ends, axis=-1), strict=True))


def check_norms(norms: np.ndarray, shape: NetworkShape, palette: int, adapters: int) -> None:
    """Refuses norms that are not those of a network; its palette and the shares of its adapters may be missing.

    Raises:
        UserError: They are too many, too few or not finite.
    """
    counts = sorted({shape.norms, shape.norms + palette, shape.norms + palette + adapters})
    if len(norms) not in counts or not np.isfinite(norms).all():
        raise UserError(f'expected norms of {" or ".join(map(str, counts))} finite numbers')


def palette_of(picture: np.ndarray) -> np.ndarray:
    """The mean and the deviation of each channel of a picture (H, W, 3), float32 (6,)."""
    rows, count = picture.reshape(len(picture), -1), picture.size // 3
    middle = np.tile(picture[0, 0], picture.shape[1])  # a mean far from 0 would take the digits of the deviation
    total, squares = np.zeros(3), np.zeros(3)
    for first in range(0, len(rows), step := max(1, CACHED // rows.shape[1])):
        part = rows[first : first + step] - middle
        total += part.sum(0, dtype=np.float64).reshape(-1, 3).sum(0)
        squares += np.einsum('ij,ij->j', part, part).reshape(-1, 3).sum(0, dtype=np.float64)
    mean = total / count
    deviation = np.sqrt(np.maximum(squares / count - mean**2, 0))
    return np.concatenate([mean + picture[0, 0], deviation]).astype(np.float32)


def with_palette(picture: np.ndarray, own: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """A picture (H, W, 3) with the means and deviations of `palette` in place of its own, both of `palette_of`.

    A palette darker than DARKEST is lightened: in an almost black picture nobody could recognise the photo. Values
    beyond the range are brought back by `within_range`, which takes a little from the deviations.

    The network paints with less contrast than a painting has: of what it cannot know it paints the mean.
    """
    palette = palette * np.clip(DARKEST / np.maximum(palette[:3].mean(), 1e-6), 1, LIGHTENED)
    gain = np.clip(palette[3:] / np.maximum(own[3:], 1e-6), *GAINS).astype(np.float32)
    low = (palette[:3] - gain * own[:3]).astype(np.float32)
    rows = np.ascontiguousarray(picture).reshape(len(picture), -1)
    gain, low = (np.tile(each, picture.shape[1]) for each in (gain, low))  # longer loops, without broadcasting
    made, step = np.empty(rows.shape, np.float32), max(1, CACHED // rows.shape[1])
    for first in range(0, len(rows), step):
        strip = slice(first, first + step)
        made[strip] = within_range(rows[strip] * gain + low, low, low + gain)
    return made.reshape(picture.shape)


def within_range(picture: Any, low: Any, high: Any, ops: Any = np) -> Any:
    """A picture whose values beyond [0, 1] are brought back, so that what is there is not clipped to one value.

    `low` becomes 0 where it is below, and `high` 1 where it is above. Only values near these ends of the range change.
    At the shoulder e = x - (1 - SHOULDER) becomes e / (1 + c e), and `high` becomes 1; at the toe alike.

    Args:
        picture: (..., H, W, 3).
        low, high: What the network's black and white have become, of a shape that broadcasts.
        ops: NumPy, or `keras.ops` for tensors.
    """
    most = ops.maximum(high - (1 - SHOULDER), SHOULDER)
    above = ops.maximum(picture - (1 - SHOULDER), 0.0)
    picture = picture - above + above / (1 + (1 / SHOULDER - 1 / most) * above)
    most = ops.maximum(TOE - low, TOE)
    below = ops.maximum(TOE - picture, 0.0)
    return picture + below - below / (1 + (1 / TOE - 1 / most) * below)


@functools.cache
def noise_tile() -> np.ndarray:
    """The noise that a network sees, (NOISE_SIDE, NOISE_SIDE, NOISE) with a deviation of 1, the same for ever.

    It is repeated over a map from its upper left corner on, and its edges fit together. Without it a network cannot
    paint strokes into a plain sky, where the photo is the same everywhere (see Ulyanov et al. 2016, "Texture
    networks"). The first channels are white noise. The others are blurred, so that marks may differ from one part of
    the sky to the next.
    """
    draw = np.random.RandomState(0).standard_normal
    white = draw((NOISE_SIDE, NOISE_SIDE, WHITE_NOISE)).astype(np.float32)
    squared = np.fft.fftfreq(NOISE_SIDE)[:, None] ** 2 + np.fft.rfftfreq(NOISE_SIDE) ** 2
    blurred = []
    for deviation in BLURS:
        gaussian = np.exp(-2 * (np.pi * deviation) ** 2 * squared)
        channel = np.fft.irfft2(np.fft.rfft2(draw((NOISE_SIDE, NOISE_SIDE))) * gaussian)
        blurred.append((channel - channel.mean()) / channel.std())
    return np.concatenate([white, np.stack(blurred, -1).astype(np.float32)], -1)


def with_all_noise(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The weights of a network that knew fewer channels of noise, which sees nothing of the others."""
    missing = {name: NOISE - len(array) for name, array in arrays.items() if name.endswith('_noise/kernel')}
    return arrays | {name: np.pad(arrays[name], [(0, count), (0, 0)]) for name, count in missing.items()}


class SmoothedStatistics:
    """The statistics of normalizations, mixed with those of the frame before.

    Args:
        before: Mean and variance of each normalization in the frame before, (2 C,), by the name of its convolution.
        share: Of the frame before, 0 to 1.

    Attributes:
        found: What was taken for this frame, as `before`, each as a pair.
    """

    def __init__(self, before: Mapping[str, Any], share: Any):
        self.before, self.share = before, share
        self.found: dict[str, tuple[Any, Any]] = {}

    def __call__(self, name: str, mean: Any, variance: Any) -> tuple[Any, Any]:
        """The mean and the variance to normalise with, (..., C) each."""
        known, channels = self.before[name], mean.shape[-1]
        mean = self.share * known[:channels] + (1 - self.share) * mean
        variance = self.share * known[channels:] + (1 - self.share) * variance
        self.found[name] = mean, variance
        return mean, variance


def paint_by_parts(
    paint: Callable[..., np.ndarray],
    arrays: Mapping[str, np.ndarray],
    shape: NetworkShape,
    photo: np.ndarray,
    norms: np.ndarray,
    before: np.ndarray,
    share: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Paints by a function that takes the norms of each convolution by its name.

    Args:
        paint: `numpy_pass.paint_by_numpy`, or `strips.paint_by_strips` with its rows.
        arrays: The weights of the network.
        shape: Of the network.
        photo: float32 (H, W, 3) in [0, 1].
        norms: (norms,).
        before: The statistics of the frame before, (norms,).
        share: Of those, 0 to 1.

    Returns:
        The picture, and its statistics.
    """
    parts = shape.split(norms)
    smooth = SmoothedStatistics(shape.split(before), share)
    made = paint(arrays, shape, photo, parts, smooth=smooth)
    return made, np.concatenate([np.concatenate(smooth.found[name]) for name in parts]).astype(np.float32)
