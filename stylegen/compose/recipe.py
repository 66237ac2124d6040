"""Elements: the rows of X. A recipe says which ones pictures give, names them, and makes them band by band."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from stylegen.compose.settings import ComposeSettings

CHANNELS = ('r', 'g', 'b')
DEGREES = {'affine': 1, 'quadratic': 2, 'cubic': 3, 'quartic': 4}
BAND = 1 << 13  # about the pixels of a band; its elements fit into the processor's cache


def monomials(basis: str) -> tuple[tuple[int, ...], ...]:
    """Returns the products of a basis without its constant: each as the numbers of its channels, by degree.

    Example:
        monomials('quadratic')  # (0,), (1,), (2,), (0, 0), (0, 1), ...
    """
    degrees = range(1, DEGREES.get(basis, 1) + 1)
    return tuple(one for degree in degrees for one in itertools.combinations_with_replacement(range(3), degree))


@dataclass(frozen=True)
class Recipe:
    """Which elements some pictures give.

    Attributes:
        pictures: The names of the pictures.
        basis, reach, blur: See `ComposeSettings`.
        masks: The names of the masks; every element then counts once for each, multiplied by it.
    """

    pictures: tuple[str, ...]
    basis: str = 'affine'
    reach: int = 0
    blur: tuple[float, ...] = ()
    masks: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: ComposeSettings, pictures: Sequence[str], masks: Sequence[str] = ()) -> Recipe:
        """The recipe of settings."""
        return cls(tuple(pictures), settings.basis, settings.reach, settings.blur, tuple(masks))

    @property
    def rows(self) -> tuple[str, ...]:
        """The names of T's rows: the channels of the result, or one row where each picture is an element."""
        return ('picture',) if self.basis == 'pictures' else CHANNELS

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of T's columns, in the order in which `bands` gives the elements."""
        names = [name for number in range(len(self.pictures)) for name in self._names(number)]
        names += ['1'] if self.basis in DEGREES else []
        return tuple(f'{mask}:{name}' for mask in self.masks for name in names) if self.masks else tuple(names)

    def _names(self, number: int) -> list[str]:
        """The names of what one picture gives."""
        if self.basis == 'pictures':
            return [self.pictures[number]]
        names = ['*'.join(CHANNELS[channel] for channel in one) for one in monomials(self.basis)]
        names += [f'sqrt({a}*{b})' for a, b in itertools.combinations(CHANNELS, 2)] if self.basis == 'root' else []
        names += [f'{channel}[{dy:+d},{dx:+d}]' for dy, dx in self.shifts() for channel in CHANNELS]
        names += [f'{channel}~{radius:g}' for radius in self.blur for channel in CHANNELS]
        return [f'{self.pictures[number]}.{name}' for name in names] if len(self.pictures) > 1 else names

    def shifts(self) -> list[tuple[int, int]]:
        """The shifts (down, to the right) of the copies, without that by nothing."""
        span = range(-self.reach, self.reach + 1)
        return [shift for shift in itertools.product(span, span) if shift != (0, 0)]

    def bands(
        self, pictures: Sequence[np.ndarray], masks: Sequence[np.ndarray] = (), dtype: type = np.float32, step: int = 1
    ) -> Iterator[tuple[slice, np.ndarray]]:
        """Yields the elements of some rows of pixels after the other, see `Elements`."""
        elements = Elements(self, pictures, masks, dtype, step)
        for band in elements.bands:
            x = elements(band)
            if x.shape[1]:
                yield band, x


class Elements:
    """Makes X of pictures, some rows of pixels at a time; several threads may call it.

    Args:
        recipe: Says which elements.
        pictures: float32 (H, W, 3), of one size, in the order of the names.
        masks: float32 (H, W), in the order of the names.
        dtype: The dtype of X.
        step: Of so many pixels one is taken.

    Attributes:
        bands: The rows of pixels, in order.
    """

    def __init__(
        self,
        recipe: Recipe,
        pictures: Sequence[np.ndarray],
        masks: Sequence[np.ndarray] = (),
        dtype: type = np.float32,
        step: int = 1,
    ):
        self.recipe, self.pictures, self.masks, self.dtype, self.step = recipe, pictures, masks, dtype, step
        around = ((recipe.reach,) * 2, (recipe.reach,) * 2, (0, 0))
        self.padded = [np.pad(one, around, 'edge') if recipe.reach else one for one in pictures]
        self.blurred = [[gaussian(one, radius) for radius in recipe.blur] for one in pictures]
        height, width = pictures[0].shape[:2]
        rows = max(1, BAND * step // width)
        self.bands = [slice(top, min(top + rows, height)) for top in range(0, height, rows)]

    def __call__(self, band: slice) -> np.ndarray:
        """Returns X of a band, (elements, pixels); of 'pictures' the three channels of a pixel are three columns."""
        recipe = self.recipe
        first = -band.start * self.pictures[0].shape[1] % self.step
        x: np.ndarray
        if recipe.basis == 'pictures':
            x = np.stack([self._taken(one[band], first).ravel() for one in self.pictures]).astype(self.dtype)
        else:
            x = self._channels(band, first)
        if not self.masks:
            return x
        repeat = 3 if recipe.basis == 'pictures' else 1
        shares = [np.repeat(self._taken(mask[band][..., None], first), repeat) for mask in self.masks]
        return np.concatenate([x * share.astype(self.dtype) for share in shares])

    def _taken(self, band: np.ndarray, first: int) -> np.ndarray:
        """The pixels of a band (rows, W, C) that are taken, (pixels, C)."""
        return band.reshape(-1, band.shape[2])[first :: self.step]

    def _channels(self, band: slice, first: int) -> np.ndarray:
        """The elements of all pictures, and the constant."""
        recipe, powers = self.recipe, monomials(self.recipe.basis)
        constant = recipe.basis in DEGREES
        count = len(self._taken(self.pictures[0][band], first))
        names = len(recipe.columns) // max(1, len(recipe.masks))
        x: np.ndarray = np.empty((names, count), self.dtype)
        own = (names - constant) // len(self.pictures)
        for number, picture in enumerate(self.pictures):
            out = x[number * own : (number + 1) * own]
            out[:3] = self._taken(picture[band], first).T
            for at, one in enumerate(powers[3:], 3):
                np.multiply(out[powers.index(one[:-1])], out[one[-1]], out=out[at])
            at = len(powers)
            if recipe.basis == 'root':
                for a, b in itertools.combinations(range(3), 2):
                    np.sqrt(np.maximum(out[a] * out[b], 0), out=out[at])
                    at += 1
            copies = [*self._around(self.padded[number], band), *(blur[band] for blur in self.blurred[number])]
            for copy in copies:
                out[at : at + 3] = self._taken(copy, first).T
                at += 3
        if constant:
            x[-1] = 1
        return x

    def _around(self, padded: np.ndarray, band: slice) -> list[np.ndarray]:
        """The shifted copies of a band: copy (dy, dx) has at a place what stands dy below and dx to the right of it."""
        reach, width = self.recipe.reach, self.pictures[0].shape[1]
        return [
            padded[band.start + reach + dy : band.stop + reach + dy, reach + dx : reach + dx + width]
            for dy, dx in self.recipe.shifts()
        ]


def sampling_step(shape: tuple[int, ...], pixels: int) -> int:
    """Returns the least step at which at most so many pixels are taken, and not always those of the same columns."""
    step = math.ceil(shape[0] * shape[1] / pixels)
    while step > 1 and math.gcd(step, shape[1]) > 1:
        step += 1
    return step


def gaussian(picture: np.ndarray, radius: float) -> np.ndarray:
    """Returns a blurred picture, float32 (H, W, C): a Gaussian of this standard deviation, edges repeated."""
    reach = math.ceil(3 * radius)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / radius) ** 2)
    weights = (weights / weights.sum()).astype(np.float32)
    for axis in (0, 1):
        padded = np.pad(picture, [(reach, reach) if axis == other else (0, 0) for other in range(3)], 'edge')
        length = picture.shape[axis]
        blurred = np.zeros_like(picture)
        for start, weight in enumerate(weights):
            blurred += weight * (padded[start : start + length] if axis == 0 else padded[:, start : start + length])
        picture = blurred
    return picture
