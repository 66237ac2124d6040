"""The sizes of the maps of both networks. Halving an image leads to maps with a shorter side of 4 to 8 pixels."""

import re

from stylegen.utils.errors import UserError

LEAST, BASE = 16, 4


def levels(size: tuple[int, int]) -> int:
    """Returns the number of halvings of a size (height, width).

    Raises:
        UserError: A side is below 16.
    """
    if min(size) < LEAST:
        raise UserError(f'{show_size(size)} is too small; the least --image_size is {LEAST}')
    return (min(size) // BASE).bit_length() - 1


def built_size(size: tuple[int, int]) -> tuple[int, int]:
    """Returns the size that the generator builds: the least that covers `size` and can be halved `levels` times.

    Its pictures are cut to `size`, the same at opposite edges; the discriminator needs no such size.

    Example:
        built_size((64, 64))  # (64, 64)
        built_size((100, 75))  # (112, 80)
    """
    step = 1 << levels(size)
    return -(-size[0] // step) * step, -(-size[1] // step) * step


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
