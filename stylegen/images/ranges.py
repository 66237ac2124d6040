"""Finds the range of a picture's numbers: one rule for arrays, `.npz` sets and picture files of floats.

Floats are in [0, 1]. Values outside by at most half of 1/255 are rounding errors and are clipped; this changes no byte.
In a file, floats may also be clearly in another usual range, and a note says so: the values reach beyond half of that
range. Anything else is refused, with the values that were found.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from stylegen.utils.errors import UserError

_LEVELS = 255
_MIN_SHARE = 0.5  # the part of a range that values must exceed


class Range(NamedTuple):
    """The lowest and the highest value."""

    low: float
    high: float

    def holds(self, low: float, high: float) -> bool:
        """Returns whether values from `low` to `high` are within the range, except for rounding."""
        rounding = (self.high - self.low) / _LEVELS / 2
        return self.low - rounding <= low and high <= self.high + rounding

    def plainly_holds(self, low: float, high: float) -> bool:
        """Returns whether the values are within the range and clearly not in [0, 1]: they reach beyond half of it."""
        reaches = low < _MIN_SHARE * self.low if self.low < 0 else high > _MIN_SHARE * self.high
        return self.holds(low, high) and reaches

    def __str__(self) -> str:
        return f'[{self.low:g}, {self.high:g}]'


UNIT, SIGNED, BYTES, DEEP = Range(0, 1), Range(-1, 1), Range(0, 255), Range(0, 65535)
IN_FILES = (SIGNED, BYTES, DEEP)
_OVERSHOOT = Range(-0.25, 1.25)  # resampling overshoots less than this


def range_of(values: np.ndarray, name: str, others: Sequence[Range] = ()) -> Range:
    """Returns the range of a picture's numbers.

    Booleans, and whole numbers of at most 1, are in [0, 1]; uint8 and other whole numbers up to 255 are in [0, 255];
    uint16 is in [0, 65535], but in a file only if its values clearly are. For floats see above.

    Args:
        values: Of any dtype; not empty.
        name: How an error calls them, such as 'the picture'.
        others: Ranges beside [0, 1] that floats may clearly be in: IN_FILES for a file.

    Raises:
        UserError: The values are in no range, not finite, or not real. The error says what was found and what to do.
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
    if _OVERSHOOT.holds(low, high):
        return 'np.clip them to 0 and 1, if they come from resizing'
    if SIGNED.plainly_holds(low, high):
        return 'add 1 and halve them'
    for other in (BYTES, DEEP):
        if low > -1 and high < other.high + 1:
            return f'divide them by {other.high}'
    return 'scale them'


def scaled(values: np.ndarray, of: Range) -> np.ndarray:
    """Scales values of a range to float32 in [0, 1], and clips rounding errors.

    Returns:
        The scaled values; the array itself if nothing changes.
    """
    values = values.astype(np.float32, copy=False)
    if of != UNIT:
        values = (values - np.float32(of.low)) / np.float32(of.high - of.low)
    return np.clip(values, 0, 1) if values.min() < 0 or values.max() > 1 else values
