"""What XLA compiles for: arithmetic over sizes of picture, and that no more shapes than planned reach the network."""

import itertools

import numpy as np
import pytest

from stylegen.deepdream import Dreamer
from stylegen.deepdream.tile_shapes import LEAST, SIDES, SPARE, tile_shapes
from stylegen.optimize import pyramid
from tests.conftest import TinyNetwork, photo

SIZES = [*itertools.product(range(100, 700, 53), repeat=2), *itertools.product((768, 1024, 1500, 2048), repeat=2)]


def planned(shape, margin, smallest, octaves=6, scale=1.5, longest=512):
    """The shapes of a picture's octaves; pixels that pass the network in tiles, without XLA, and of the picture."""
    sizes = pyramid.octave_sizes(shape, octaves, scale, smallest)
    shapes = tile_shapes(sizes, margin, 16, longest)
    seen = [(height + 2 * margin, width + 2 * margin) for height, width in sizes]
    tiles = [[-(-a // b) for a, b in zip(*pair, strict=True)] for pair in zip(seen, shapes, strict=True)]
    filled = sum(np.prod(count) * np.prod(shape) for count, shape in zip(tiles, shapes, strict=True))
    assert all(
        side >= LEAST for pair in zip(tiles, shapes, strict=True) for n, side in zip(*pair, strict=True) if n > 1
    )
    return shapes, filled, sum(h * w for h, w in seen), pyramid.total_pixels(sizes)


@pytest.mark.parametrize(('margin', 'smallest'), [(16, 75), (8, 32), (4, 32)])  # inception_v3, mini, a shallow layer
def test_little_is_filled_up_and_few_shapes_are_compiled(margin, smallest):
    """Without XLA the picture's pixels and its margins pass the network: at most 1.3 times as many do with it."""
    all_shapes, counts = set(), []
    for shape in SIZES:
        if max(shape) > 3 * min(shape):
            continue  # strips are filled up more
        shapes, filled, seen, _ = planned(shape, margin, smallest)
        assert filled <= max(1.3 * seen, seen + SPARE), shape
        all_shapes |= set(shapes)
        counts.append(len(set(shapes)))
    assert max(counts) <= 4 and np.mean(counts) < 2
    assert len(all_shapes) <= len(SIDES) ** 2


@pytest.mark.parametrize('options', [{'octaves': 1}, {'scale': 1.2}, {'scale': 2.0}, {'octaves': 3, 'scale': 1.4}])
def test_other_octaves_are_filled_up_no_more(options):
    for shape in SIZES[::5]:
        shapes, filled, seen, _ = planned(shape, 8, 32, **options)
        assert filled <= max(1.3 * seen, seen + SPARE) or max(shape) > 3 * min(shape), shape
        assert len(set(shapes)) <= 5


@pytest.mark.parametrize(('shape', 'before', 'now'), [((768, 1024), 2.6, 1.45), ((512, 512), 4.5, 1.55)])
def test_shapes_take_fewer_pixels_than_tiles_of_512(shape, before, now):
    shapes, filled, _, picture = planned(shape, 16, 75)
    sizes = pyramid.octave_sizes(shape, 6, 1.5, 75)
    assert sum(np.prod([-(-(side + 32) // 512) * 512 for side in size]) for size in sizes) / picture > before
    assert filled / picture < now and len(set(shapes)) == 1


def test_shapes_keep_to_the_stride_the_memory_and_what_the_network_needs():
    sizes = [(300, 400), (600, 800)]
    assert all(side % 24 == 0 for shape in tile_shapes(sizes, 8, 24, 512) for side in shape)
    assert all(h * w <= 200**2 for h, w in tile_shapes(sizes, 8, 8, 200))
    assert all(min(shape) >= 230 for shape in tile_shapes(sizes, 8, 8, 512, 230))
    assert tile_shapes(sizes, 8, 8, 96) == [(96, 96)] * 2  # what the memory allows, however small


def test_a_dreamer_shows_its_network_no_other_shapes(monkeypatch):
    monkeypatch.setattr('stylegen.deepdream.tile_shapes.SPARE', 0)  # so that one shape is not enough
    shown = []

    class Noting(TinyNetwork):
        def __call__(self, image):
            from stylegen.utils.backend import tf

            shown.append(tf.numpy_function(lambda shape: seen.add(tuple(shape)) or shape, [tf.shape(image)], tf.int32))
            with tf.control_dependencies(shown[-1:]):
                return super().__call__(tf.identity(image))

    seen = set()
    dreamer = Dreamer(network=Noting(), layers={'a': 1.0}, octaves=3, steps=2, jit='on')
    object.__setattr__(dreamer._objective, 'xla', False)  # NumPy cannot be compiled
    picture = photo(90, 300)
    made = dreamer.plan(picture.shape[:2])
    assert dreamer(picture, steps_per_call=2).shape == picture.shape
    assert {shape[1:3] for shape in seen} == set(made.shapes) and len(seen) > 1
