"""The octaves, the tiles and the memory of a dream, calculated before it runs."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stylegen.deepdream.tile_shapes import tile_shapes
from stylegen.optimize import pyramid
from stylegen.utils.errors import UserError
from stylegen.utils.memory import format_memory, parse_memory

if TYPE_CHECKING:
    from stylegen.deepdream.settings import DreamSettings
    from stylegen.networks.extractor import FeatureExtractor

LONGEST_TILE = 1024  # beyond this a longer tile saves nothing
MARGINS = (4, 16)  # pixels mirrored around each octave, at least and at most: half a stride, see experiments/margins.py
WRAP_STRIDES = 12  # strides wrapped around each octave of a seamless tile: as far as the gradient of a VGG reaches
COPIES = 12  # pictures of the whole size that are in memory at once: octaves, gradient, detail, sums


@dataclass(frozen=True)
class Plan:
    """What a dream on one picture takes.

    Attributes:
        sizes: (height, width) of every octave, the smallest first.
        tile: The longest side of a tile in pixels. 0: the picture is not cut.
        memory: The memory that it takes, in bytes.
        shapes: (height, width) of each octave's tiles with XLA. Empty without it.
    """

    sizes: tuple[tuple[int, int], ...]
    tile: int
    memory: float
    shapes: tuple[tuple[int, int], ...] = ()

    def longest(self, octave: int) -> tuple[int, int]:
        """(height, width) of the largest tile of an octave. With XLA all tiles have it."""
        return self.shapes[octave] if self.shapes else (self.tile, self.tile)


def margin_of(extractor: 'FeatureExtractor', wrap: bool) -> int:
    """How many pixels are added at each border before the network sees the picture, so that borders dream alike."""
    stride = max(extractor.strides.values())
    if wrap:
        return WRAP_STRIDES * stride
    least, most = MARGINS
    return min(max(stride // 2, least), most)


def plan(extractor: 'FeatureExtractor', shape: tuple[int, int], settings: 'DreamSettings', xla_tile: int = 0) -> Plan:
    """The octaves, the tile that fits in the memory, and the memory that it takes.

    Args:
        extractor: The network.
        shape: (height, width) of the picture.
        settings: The settings; octaves and octave_scale are not None.
        xla_tile: The side of the largest square tile that XLA may compile for, see `tile_shapes`. 0 without XLA. The
            picture takes memory in addition to this tile.

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
    octaves, scale = settings.octaves, settings.octave_scale
    sizes = pyramid.octave_sizes(shape, octaves, scale, max(smallest, 32))  # type: ignore[arg-type]
    if settings.wrap:  # the network's grid has to fit into the tile that repeats
        on_grid = lambda side: max(1, round(side / stride)) * stride
        sizes = [*((on_grid(height), on_grid(width)) for height, width in sizes[:-1]), sizes[-1]]
    margin = margin_of(extractor, settings.wrap)
    memory = parse_memory(settings.max_memory)
    fixed = shape[0] * shape[1] * 3 * 4 * COPIES
    per_pixel = extractor.bytes_per_pixel
    whole = (shape[0] + 2 * margin) * (shape[1] + 2 * margin) * per_pixel + fixed
    if whole <= memory and not xla_tile:
        return Plan(tuple(sizes), 0, whole)
    if fixed >= memory:
        raise UserError(
            f'a picture of {shape[1]} x {shape[0]} alone takes {format_memory(fixed)} of the '
            f'{format_memory(memory)} allowed; raise --max_memory or give a smaller --size'
        )
    if xla_tile:
        shapes = tile_shapes(sizes, margin, stride, xla_tile, smallest)
        cut = any(side + 2 * margin > most for side, most in zip(shape, shapes[-1], strict=True))
        needed = max(height * width for height, width in shapes) * per_pixel + fixed
        return Plan(tuple(sizes), max(shapes[-1]) if cut else 0, needed, tuple(shapes))
    tile = min(pyramid.tile_side(per_pixel, memory - fixed, stride, smallest), LONGEST_TILE // stride * stride)
    return Plan(tuple(sizes), tile, tile * tile * per_pixel + fixed)
