"""Which range the numbers of a picture are in: one rule for arrays, `.npz` sets and picture files of floats.

Floats are in [0, 1]. What is outside by up to half of one of 255 levels is rounding, and is clipped: it changes no
byte. In a file, floats that plainly are in another usual range are read as such, and a line says so: plainly means that
they reach beyond half of it. What lies between is refused with what was found.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from stylegen.utils.errors import UserError

_LEVELS = 255
_PLAINLY = 0.5  # of a range, that values reach beyond


class Range(NamedTuple):
    """The least and the greatest value."""

    low: float
    high: float

    def holds(self, low: float, high: float) -> bool:
        """Whether values from `low` to `high` are within, but for rounding."""
        rounding = (self.high - self.low) / _LEVELS / 2
        return self.low - rounding <= low and high <= self.high + rounding

    def plainly_holds(self, low: float, high: float) -> bool:
        """Whether they are within, and reach beyond half of what [0, 1] lacks."""
        reaches = low < _PLAINLY * self.low if self.low < 0 else high > _PLAINLY * self.high
        return self.holds(low, high) and reaches

    def __str__(self) -> str:
        return f'[{self.low:g}, {self.high:g}]'


UNIT, SIGNED, BYTES, DEEP = Range(0, 1), Range(-1, 1), Range(0, 255), Range(0, 65535)
IN_FILES = (SIGNED, BYTES, DEEP)
_RESIZED = Range(-0.25, 1.25)  # resampling overshoots by less


def range_of(values: np.ndarray, name: str, others: Sequence[Range] = ()) -> Range:
    """The range that the numbers of a picture are in.

    Booleans, and whole numbers of which none is above 1, are in [0, 1]; uint8 and other whole numbers up to 255 in
    [0, 255]; uint16 in [0, 65535], but in a file only plainly so. For floats see above.

    Args:
        values: Of any dtype; not empty.
        name: What they are called in an error, such as 'the picture'.
        others: Ranges beside [0, 1] that floats may plainly be in: IN_FILES for a file.

    Raises:
        UserError: They are in none, not finite, or no real numbers; it says what was found and what to do.
    """
    kind = values.dtype.kind
    if kind == 'b':
        return UNIT
    if values.dtype == np.uint8:
        return BYTES
    if values.dtype == np.uint16 and not others:
        return DEEP
    if kind == 'c':
        raise UserError(f'{name} is complex ({values.dtype}); expected floats in {UNIT}: take np.abs of it')
    if kind not in 'iuf':
        raise UserError(f'{name} is of {values.dtype}; expected floats in {UNIT}, or uint8')
    low, high = float(values.min()), float(values.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        what, bad = ('NaN', np.isnan(values)) if np.isnan(low) else ('infinite', np.isinf(values))
        raise UserError(f'{np.count_nonzero(bad)} of {values.size} values of {name} are {what}; replace them')
    if UNIT.holds(low, high):
        return UNIT
    if kind in 'iu' and BYTES.holds(low, high):
        return BYTES
    for other in others:
        if other.plainly_holds(low, high):
            return other
    expected = 'uint8, uint16 or floats' if kind in 'iu' else 'floats'
    also = ', or a greatest value that plainly is of another range' if others else ''
    raise UserError(
        f'the values of {name} are from {low:.6g} to {high:.6g}; expected {expected} in {UNIT}{also}: '
        f'{_advice(low, high)}'
    )


def _advice(low: float, high: float) -> str:
    if _RESIZED.holds(low, high):
        return 'np.clip them to 0 and 1, if they come from resizing'
    if SIGNED.plainly_holds(low, high):
        return 'add 1 and halve them'
    for other in (BYTES, DEEP):
        if low > -1 and high < other.high + 1:
            return f'divide them by {other.high}'
    return 'scale them'


def scaled(values: np.ndarray, of: Range) -> np.ndarray:
    """Values of a range as float32 in [0, 1], rounding clipped; the array itself where nothing is to be done."""
    values = values.astype(np.float32, copy=False)
    if of != UNIT:
        values = (values - np.float32(of.low)) / np.float32(of.high - of.low)
    return np.clip(values, 0, 1) if values.min() < 0 or values.max() > 1 else values
