"""The sizes to work through, and how large a tile may be: arithmetic only, nothing here computes a pixel."""

from collections.abc import Iterable

from stylegen.utils.errors import UserError
from stylegen.utils.memory import format_memory


def octave_sizes(shape: tuple[int, int], octaves: int, scale: float, smallest: int = 1) -> list[tuple[int, int]]:
    """Sizes (h, w) from the smallest octave to `shape` itself, each `scale` times the one before.

    Every size is rounded once, from `shape`. Octaves whose shorter side would fall under `smallest` are left out, but
    never the last one.
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
    """The longest side of a square tile that fits in `memory` bytes: a multiple of `stride`, not under `smallest`.

    Raises:
        UserError: Where even the smallest tile does not fit.
    """
    side = int((memory / bytes_per_pixel) ** 0.5) // stride * stride
    least = -(-2 * smallest // stride) * stride  # near-equal tiles may be half as long as the longest one
    if side < least:
        needed = least * least * bytes_per_pixel
        raise UserError(
            f'{format_memory(memory)} is too little for this network: its smallest tile, {least} x {least}, needs '
            f'{format_memory(needed)}; raise --max_memory'
        )
    return side


def total_pixels(sizes: Iterable[tuple[int, int]]) -> int:
    """Pixels of all sizes together."""
    return sum(h * w for h, w in sizes)
