"""The shapes of the tiles that XLA compiles a network for: few shapes, and few pixels that only fill a tile.

XLA compiles anew for each shape, which takes many times as long as a step. But tiles of one shape for a whole picture
have more pixels than the picture: the last tiles of a row and those of the small octaves must be filled up.
"""

from collections.abc import Sequence

import numpy as np

Shape = tuple[int, int]

SIDES = (128, 160, 192, 224, 256, 320)  # heights and widths of tiles, in pixels
LEAST = 160  # smallest side of a tile where an octave is cut: smaller tiles have too many seams
WASTE = 0.3  # pixels that may be added to fill tiles up, as a share of those of the octaves and their margins
SPARE = 2**17  # pixels that may always be added: another compilation takes longer
MOST = 5  # shapes for one picture, at most


def tile_shapes(sizes: Sequence[Shape], margin: int, stride: int, longest: int, smallest: int = 1) -> list[Shape]:
    """The shape of the tiles of each octave: as few shapes as `WASTE` allows, and of these the largest.

    They depend on the size of the picture alone, not on what was compiled before.

    Args:
        sizes: (height, width) of the octaves.
        margin: Pixels that are added at each border.
        stride: Sides of tiles are multiples of it.
        longest: Side of the largest square that the memory allows, a multiple of the stride.
        smallest: Smallest side that the network takes.
    """
    extended = np.array(sizes) + 2 * margin
    shapes = _possible_shapes(stride, longest, smallest)
    filled = np.array([[_filled(octave, shape) for octave in extended] for shape in shapes])
    pixels = extended.prod(1).sum()
    chosen = _fewest(filled, pixels + max(WASTE * pixels, SPARE))
    best = filled[chosen].argmin(0)
    return [shapes[chosen[number]] for number in best]


def _possible_shapes(stride: int, longest: int, smallest: int) -> list[Shape]:
    """All shapes that fit, the largest first. Where none fits: the square of the longest side."""
    sides = sorted({-(-side // stride) * stride for side in SIDES})
    fitting = [(h, w) for h in sides for w in sides if h * w <= longest**2 and min(h, w) >= smallest]
    return sorted(fitting, key=lambda shape: (-shape[0] * shape[1], *shape)) or [(longest, longest)]


def _filled(octave: np.ndarray, shape: Shape) -> float:
    """Pixels of the tiles that cover an octave. Infinite where the octave must not be cut into such small tiles."""
    counts = -(-octave // shape)
    if any(count > 1 and side < LEAST for count, side in zip(counts, shape, strict=True)):
        return np.inf
    return float(np.prod(counts * shape))


def _fewest(filled: np.ndarray, allowed: float) -> list[int]:
    """The numbers of the fewest shapes that cover the octaves with no more pixels than are allowed, the first of these.

    Args:
        filled: Pixels by shape and octave.
        allowed: Pixels in all. Where no `MOST` shapes keep within, they take more.
    """
    alone = np.flatnonzero(filled.sum(1) <= allowed)
    if len(alone):
        return [int(alone[0])]
    pairs = np.minimum(filled[:, None], filled[None]).sum(2)
    firsts, seconds = np.nonzero(pairs <= allowed)
    if len(firsts):
        number = min(range(len(firsts)), key=lambda n: (max(firsts[n], seconds[n]), min(firsts[n], seconds[n])))
        return [int(firsts[number]), int(seconds[number])]
    chosen = [int(number) for number in np.unravel_index(pairs.argmin(), pairs.shape)]
    while len(chosen) < MOST and filled[chosen].min(0).sum() > allowed:  # adds the best shape each time
        chosen.append(int(np.minimum(filled, filled[chosen].min(0)).sum(1).argmin()))
    return chosen
