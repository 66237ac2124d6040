"""The sizes of octaves and of tiles. Nothing here computes a pixel."""

from collections.abc import Iterable

from stylegen.utils.errors import UserError
from stylegen.utils.memory import format_memory


def octave_sizes(shape: tuple[int, int], octaves: int, scale: float, smallest: int = 1) -> list[tuple[int, int]]:
    """Returns sizes (h, w) from the smallest octave to `shape` itself, each `scale` times the previous one.

    Every size is rounded once, from `shape`. Octaves whose shorter side is below `smallest` are left out, except the
    last.

    Raises:
        UserError: There are no octaves, or the scale is not above 1.

    Example:
        octave_sizes((600, 800), octaves=3, scale=2.0)  # [(150, 200), (300, 400), (600, 800)]
    """
    if octaves < 1:
        raise UserError(f'expected at least one octave, got {octaves}')
    if scale <= 1:
        raise UserError(f'expected an octave scale above 1, got {scale}')
    height, width = shape
    scales = [scale**k for k in range(octaves)]
    sizes = [(max(1, round(height / each)), max(1, round(width / each))) for each in scales]
    kept = [size for size in sizes[1:] if min(size) >= smallest]
    return [*reversed(kept), sizes[0]]


def tile_side(bytes_per_pixel: float, memory: float, stride: int, smallest: int) -> int:
    """Returns the longest side of a square tile that fits in `memory` bytes, at least `smallest`.

    It is a multiple of `stride`.

    Raises:
        UserError: Even the smallest tile does not fit.
    """
    side = int((memory / bytes_per_pixel) ** 0.5) // stride * stride
    least = -(-2 * smallest // stride) * stride  # tiles of almost equal size may have half this side
    if side < least:
        needed = least * least * bytes_per_pixel
        raise UserError(
            f'{format_memory(memory)} is too little for this network: its smallest tile, {least} x {least}, needs '
            f'{format_memory(needed)}; raise --max_memory'
        )
    return side


def total_pixels(sizes: Iterable[tuple[int, int]]) -> int:
    """Returns the number of pixels of all sizes together."""
    return sum(h * w for h, w in sizes)
