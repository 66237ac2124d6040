"""The set that is drawn: each picture hangs on its number alone, shows its shape, and can be seen."""

import math

import numpy as np
import pytest

from stylegen.shapes import SHAPES, draw_shapes, shape_labels

AREAS = {
    'disc': math.pi,
    'ring': 0.75 * math.pi,
    'triangle': 1.5 * math.sin(2 * math.pi / 3),
    'square': 2.0,
    'hexagon': 3 * math.sin(math.pi / 3),
    'cross': 2 * 1.9 * 0.6 - 0.36,
    'star': 5 * 0.42 * math.sin(math.pi / 5),
}


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
