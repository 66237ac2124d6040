"""The tiles that XLA compiles a network for: a few shapes, so that few are compiled and little is filled up.

XLA compiles anew for each shape, which takes many times as long as a step. Of tiles of one shape a picture needs more
than it has pixels, since the last ones of a row and the small octaves have to be filled up. Arithmetic only.
"""

from collections.abc import Sequence

import numpy as np

Shape = tuple[int, int]

SIDES = (128, 160, 192, 224, 256, 320)  # of a tile, down or across
LEAST = 160  # side of a tile where an octave is cut: a smaller one would be all seams
WASTE = 0.3  # share of the pixels that are seen without XLA, margins among them, that may be added to fill tiles up
SPARE = 2**17  # pixels that may be added in any case: a small picture is not worth another compilation
MOST = 5  # shapes for one picture


def tile_shapes(sizes: Sequence[Shape], margin: int, stride: int, longest: int, smallest: int = 1) -> list[Shape]:
    """The shape of the tiles of each octave: as few different ones as keep within `WASTE`, and of these the largest.

    They depend on the picture's own size alone, never on what was compiled before.

    Args:
        sizes: (height, width) of the octaves.
        margin: Pixels at each border beyond them.
        stride: What sides are a multiple of.
        longest: Side of the largest square that the memory allows, a multiple of the stride.
        smallest: Side that the network needs.
    """
    wanted = np.array(sizes) + 2 * margin
    shapes = _family(stride, longest, smallest)
    filled = np.array([[_filled(octave, shape) for octave in wanted] for shape in shapes])
    seen = wanted.prod(1).sum()
    chosen = _fewest(filled, seen + max(WASTE * seen, SPARE))
    best = filled[chosen].argmin(0)
    return [shapes[chosen[number]] for number in best]


def _family(stride: int, longest: int, smallest: int) -> list[Shape]:
    """All shapes that fit, the largest first; the square of the longest side where none does."""
    sides = sorted({-(-side // stride) * stride for side in SIDES})
    fitting = [(h, w) for h in sides for w in sides if h * w <= longest**2 and min(h, w) >= smallest]
    return sorted(fitting, key=lambda shape: (-shape[0] * shape[1], *shape)) or [(longest, longest)]


def _filled(octave: np.ndarray, shape: Shape) -> float:
    """Pixels of the tiles that cover an octave; infinite where tiles are too small to cut it into."""
    counts = -(-octave // shape)
    if any(count > 1 and side < LEAST for count, side in zip(counts, shape, strict=True)):
        return np.inf
    return float(np.prod(counts * shape))


def _fewest(filled: np.ndarray, allowed: float) -> list[int]:
    """The first shapes, in their order, whose best choice for each octave takes no more pixels than are allowed."""
    alone = np.flatnonzero(filled.sum(1) <= allowed)
    if len(alone):
        return [int(alone[0])]
    pairs = np.minimum(filled[:, None], filled[None]).sum(2)
    firsts, seconds = np.nonzero(pairs <= allowed)
    if len(firsts):
        number = min(range(len(firsts)), key=lambda n: (max(firsts[n], seconds[n]), min(firsts[n], seconds[n])))
        return [int(firsts[number]), int(seconds[number])]
    chosen = [int(number) for number in np.unravel_index(pairs.argmin(), pairs.shape)]
    while len(chosen) < MOST and filled[chosen].min(0).sum() > allowed:  # and one after the other, the best each time
        chosen.append(int(np.minimum(filled, filled[chosen].min(0)).sum(1).argmin()))
    return chosen
