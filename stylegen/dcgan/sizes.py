"""The image sizes that can be built: halving leads to a shorter side of 4 to 7 pixels."""

import itertools
import re

from stylegen.utils.errors import UserError

LEAST, BASE = 16, 4


def levels(size: tuple[int, int]) -> int:
    """Returns the number of halvings of a size.

    Raises:
        UserError: A side is below 16 or cannot be halved so often; the nearest sizes that can are named.
    """
    if min(size) < LEAST:
        raise UserError(f'{show_size(size)} is too small; the least --image_size is {LEAST}')
    if not _can(size):
        near = ' or '.join(show_size(other) for other in _nearest(size))
        raise UserError(f'{show_size(size)} cannot be halved {_halvings(size)} times; the nearest --image_size: {near}')
    return _halvings(size)


def parse_size(text: str | tuple[int, int], name: str = 'image_size') -> tuple[int, int]:
    """Parses N or HxW and returns (height, width); a tuple stays as it is.

    Raises:
        UserError: The text is of another form.
    """
    if isinstance(text, tuple):
        return text
    match = re.fullmatch(r'(\d{1,5})(?:x(\d{1,5}))?', text.strip().lower())
    if not match:
        raise UserError(f'expected --{name}=N or HxW, got {text!r}')
    height, width = match.groups()
    return int(height), int(width or height)


def show_size(size: tuple[int, int]) -> str:
    """Formats a size as text that `parse_size` reads."""
    height, width = size
    return str(height) if height == width else f'{height}x{width}'


def _halvings(size: tuple[int, int]) -> int:
    return (min(size) // BASE).bit_length() - 1


def _can(size: tuple[int, int]) -> bool:
    return min(size) >= LEAST and all(side % (1 << _halvings(size)) == 0 for side in size)


def _nearest(size: tuple[int, int]) -> list[tuple[int, int]]:
    """Returns the two nearest sizes that can be built; squares for a square."""
    reach = 2 << _halvings(size)
    heights, widths = (range(max(LEAST, side - reach), side + reach + 1) for side in size)
    pairs = zip(heights, widths, strict=True) if size[0] == size[1] else itertools.product(heights, widths)
    return sorted(filter(_can, pairs), key=lambda other: abs(other[0] - size[0]) + abs(other[1] - size[1]))[:2]
