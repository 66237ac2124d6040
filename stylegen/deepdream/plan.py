"""What a dream will use, before it runs: sizes, tiles, memory. Arithmetic only."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stylegen.deepdream.tile_shapes import tile_shapes
from stylegen.optimize import pyramid
from stylegen.utils.errors import UserError
from stylegen.utils.memory import format_memory, parse_memory

if TYPE_CHECKING:
    from stylegen.networks.extractor import FeatureExtractor

LONGEST_TILE = 1024  # beyond this a longer tile saves nothing
MARGINS = (4, 16)  # pixels mirrored around each octave, at least and at most: half a stride, see experiments/margins.py
WRAP_STRIDES = 12  # strides wrapped around each octave of a seamless tile: as far as the gradient of a VGG reaches
COPIES = 12  # pictures of the whole size that are in memory at once: octaves, gradient, detail, sums


@dataclass(frozen=True)
class Plan:
    """Sizes from the smallest octave, longest tile side (0: uncut), bytes predicted, and of XLA each octave's tiles."""

    sizes: tuple[tuple[int, int], ...]
    tile: int
    memory: float
    shapes: tuple[tuple[int, int], ...] = ()

    def longest(self, octave: int) -> tuple[int, int]:
        """The sides of an octave's tiles, at most or, with XLA, exactly."""
        return self.shapes[octave] if self.shapes else (self.tile, self.tile)


def margin_of(extractor: 'FeatureExtractor', wrap: bool) -> int:
    """How many pixels are added at each border before the network looks: so that it dreams like the rest."""
    stride = max(extractor.strides.values())
    if wrap:
        return WRAP_STRIDES * stride
    least, most = MARGINS
    return min(max(stride // 2, least), most)


def plan(
    extractor: 'FeatureExtractor',
    shape: tuple[int, int],
    octaves: int,
    octave_scale: float,
    max_memory: str | float,
    wrap: bool = False,
    largest_fixed: int = 0,
) -> Plan:
    """Octave sizes, the tile that fits in `max_memory`, and the memory it takes.

    Args:
        largest_fixed: The side of the largest square tile that XLA may compile for, see `tile_shapes`; 0 without XLA.
            The picture comes on top of the memory that it was chosen for.

    Raises:
        UserError: The picture is too small for the network, or too large for the memory.
    """
    stride = max(extractor.strides.values())
    smallest = max(extractor.min_size, stride)
    if min(shape) < smallest:
        raise UserError(
            f'the picture is {shape[1]} x {shape[0]}; {extractor.network} needs at least {smallest} pixels a side: '
            f'enlarge it with --size'
        )
    sizes = pyramid.octave_sizes(shape, octaves, octave_scale, max(smallest, 32))
    if wrap:  # the network's grid has to fit into the tile that repeats
        on_grid = lambda side: max(1, round(side / stride)) * stride
        sizes = [*((on_grid(height), on_grid(width)) for height, width in sizes[:-1]), sizes[-1]]
    margin = margin_of(extractor, wrap)
    memory = parse_memory(max_memory)
    fixed = shape[0] * shape[1] * 3 * 4 * COPIES
    per_pixel = extractor.bytes_per_pixel
    whole = (shape[0] + 2 * margin) * (shape[1] + 2 * margin) * per_pixel + fixed
    if whole <= memory and not largest_fixed:
        return Plan(tuple(sizes), 0, whole)
    if fixed >= memory:
        raise UserError(
            f'a picture of {shape[1]} x {shape[0]} alone takes {format_memory(fixed)} of the '
            f'{format_memory(memory)} allowed; raise --max_memory or give a smaller --size'
        )
    if largest_fixed:
        shapes = tile_shapes(sizes, margin, stride, largest_fixed, smallest)
        cut = any(side + 2 * margin > most for side, most in zip(shape, shapes[-1], strict=True))
        needed = max(height * width for height, width in shapes) * per_pixel + fixed
        return Plan(tuple(sizes), max(shapes[-1]) if cut else 0, needed, tuple(shapes))
    tile = min(pyramid.tile_side(per_pixel, memory - fixed, stride, smallest), LONGEST_TILE // stride * stride)
    return Plan(tuple(sizes), tile, tile * tile * per_pixel + fixed)
