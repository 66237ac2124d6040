"""The set that is drawn: each picture hangs on its number alone, shows its shape, and can be seen."""

import math

import numpy as np
import pytest

from stylegen.datasets.synthetic import SHAPES, draw_shapes, shape_labels

AREAS = {
    'disc': math.pi,
    'ring': 0.75 * math.pi,
    'triangle': 1.5 * math.sin(2 * math.pi / 3),
    'square': 2.0,
    'hexagon': 3 * math.sin(math.pi / 3),
    'cross': 2 * 1.9 * 0.6 - 0.36,
    'star': 5 * 0.42 * math.sin(math.pi / 5),
}

KNOWN = [
    [[[61, 74, 60], [138, 205, 214], [65, 52, 49]], [[53, 49, 36], [83, 91, 91], [71, 52, 56]]],
    [[[216, 205, 219], [156, 160, 185], [139, 153, 179]], [[238, 212, 226], [212, 198, 214], [192, 190, 208]]],
    [[[41, 50, 46], [41, 50, 46], [41, 50, 46]], [[58, 48, 62], [35, 38, 37], [35, 39, 37]]],
    [[[26, 27, 40], [26, 26, 41], [27, 26, 43]], [[26, 30, 40], [26, 29, 40], [49, 56, 84]]],
    [[[82, 52, 68], [76, 45, 59], [67, 34, 44]], [[80, 59, 77], [70, 47, 62], [48, 23, 29]]],
    [[[82, 67, 68], [113, 100, 119], [74, 56, 54]], [[76, 67, 64], [79, 69, 67], [75, 64, 61]]],
]


def plane(count):
    """Points of [-1.2, 1.2] squared."""
    line = (np.arange(count) + 0.5) / count * 2.4 - 1.2
    return np.meshgrid(line, line)


def test_a_picture_hangs_on_its_number_alone():
    together = draw_shapes(np.arange(24), (16, 24))
    assert together.shape == (24, 16, 24, 3) and together.dtype == np.uint8
    assert np.array_equal(draw_shapes(np.array([17, 3]), (16, 24)), together[[17, 3]])
    assert len(np.unique(together.reshape(24, -1), axis=0)) == 24


def test_the_numbers_go_on_for_ever():
    far = draw_shapes(np.array([2**40, 2**40 + 8, 8]), (16, 16))
    assert len(np.unique(far.reshape(3, -1), axis=0)) == 3


def test_the_size_says_only_how_finely_it_is_drawn():
    numbers = np.arange(16)
    fine = draw_shapes(numbers, (96, 96)).reshape(16, 32, 3, 32, 3, 3).mean((2, 4))
    assert np.abs(fine - draw_shapes(numbers, (32, 32))).mean() < 1
    assert np.abs(fine - draw_shapes(numbers + 8, (32, 32))).mean() > 20


def test_shapes_take_turns():
    assert shape_labels(np.arange(2 * len(SHAPES))).tolist() == 2 * list(range(len(SHAPES)))


@pytest.mark.parametrize('name', AREAS)
def test_areas_are_those_of_the_shapes(name):
    inside = SHAPES[name](*plane(600)) < 0
    assert inside.mean() * 2.4**2 == pytest.approx(AREAS[name], rel=0.01)


@pytest.mark.parametrize('name', SHAPES)
def test_fields_grow_by_one_a_unit_so_that_edges_are_equally_soft(name):
    x, y = plane(100)
    field, step = SHAPES[name], 1e-6
    across = (field(x + step, y) - field(x - step, y)) / (2 * step)
    down = (field(x, y + step) - field(x, y - step)) / (2 * step)
    assert np.quantile(np.abs(np.hypot(across, down) - 1), 0.97) < 1e-6  # the rest lies on folds
    assert (field(x, y)[np.hypot(x, y) > 1] > 0).all()


def test_edges_are_smooth_and_shapes_stand_out_even_in_grey():
    grey = draw_shapes(np.arange(800), (32, 32), 1).astype(int)
    assert grey.shape == (800, 32, 32, 1)
    assert np.ptp(grey, axis=(1, 2, 3)).min() > 12
    disc = draw_shapes(np.array([0]), (64, 64), 1)[0, ..., 0]
    assert len(np.unique(disc)) > 20


def test_the_pictures_are_those_of_every_version():
    """A run that goes on under a later version must see the same pictures: means of 2 x 3 blocks of six of them."""
    numbers = np.array([0, 1, 2, 7, 2**16 + 5, 2**40 + 4])
    blocks = draw_shapes(numbers, (24, 36)).reshape(6, 2, 12, 3, 12, 3).mean((2, 4))
    assert np.abs(blocks - KNOWN).max() < 0.6
