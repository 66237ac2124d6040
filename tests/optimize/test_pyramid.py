"""Sizes and tiles: arithmetic with known answers."""

import pytest

from stylegen.optimize.pyramid import octave_sizes, tile_side, total_pixels
from stylegen.utils.errors import UserError


def test_octaves_grow_to_the_picture_and_are_rounded_once():
    assert octave_sizes((300, 451), 4, 1.4) == [(109, 164), (153, 230), (214, 322), (300, 451)]


def test_octaves_too_small_are_left_out_but_never_the_picture_itself():
    assert octave_sizes((100, 50), 6, 2.0, smallest=20) == [(50, 25), (100, 50)]
    assert octave_sizes((10, 10), 3, 2.0, smallest=20) == [(10, 10)]
    assert octave_sizes((1, 1000), 3, 1.5) == [(1, 444), (1, 667), (1, 1000)]


def test_a_tile_is_the_largest_multiple_of_the_stride_that_fits():
    assert tile_side(1000, 1000 * 100 * 100, 16, 16) == 96
    with pytest.raises(UserError, match='raise --max_memory'):
        tile_side(1000, 1000 * 30 * 30, 16, 16)


def test_pixels_of_all_sizes_are_added_up():
    assert total_pixels([(2, 3), (4, 5)]) == 26


def test_the_smallest_tile_is_a_whole_number_of_strides():
    for stride, smallest, least in ((16, 75, 160), (16, 72, 144), (32, 75, 160), (1, 75, 150)):
        assert tile_side(1.0, least**2, stride, smallest) == least
        with pytest.raises(UserError, match=f'its smallest tile, {least} x {least}, needs'):
            tile_side(1.0, least**2 - 1, stride, smallest)


def test_an_octave_scale_is_above_1():
    for scale in (1, 0.5):
        with pytest.raises(UserError, match=f'expected an octave scale above 1, got {scale}'):
            octave_sizes((64, 64), 3, scale)
    assert octave_sizes((1, 4), 3, 2.0) == [(1, 1), (1, 2), (1, 4)]
