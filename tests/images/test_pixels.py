"""Bytes, sizes and resampling."""

import numpy as np
import pytest

from stylegen.images import fit, from_uint8, resize, to_uint8
from stylegen.images.pixels import as_rgb, crop_to_aspect, quantize, sample, seamless


def noise(*shape):
    return np.random.default_rng(0).random(shape, np.float32)


def test_every_byte_survives():
    every = np.arange(256, dtype=np.uint8)
    assert from_uint8(every).dtype == np.float32
    np.testing.assert_array_equal(to_uint8(from_uint8(every)), every)
    deep = np.arange(65536, dtype=np.uint16)
    np.testing.assert_array_equal(quantize(deep / np.float32(65535), 16), deep)


def test_bytes_are_rounded_and_clipped():
    np.testing.assert_array_equal(
        to_uint8(np.array([-1.0, 0.4 / 255, 0.6 / 255, 254.6 / 255, 2.0])), [0, 0, 1, 255, 255]
    )


def test_what_is_no_unit_float_is_refused():
    with pytest.raises(ValueError, match='3 of 4 values are not finite'):
        to_uint8(np.array([np.nan, np.inf, -np.inf, 0.5]))
    with pytest.raises(ValueError, match='uint8'):
        to_uint8(np.array([255], np.uint8))
    with pytest.raises(ValueError, match='int64'):
        as_rgb(np.ones((2, 2, 3), np.int64))
    for shape in [(2, 2, 4), (1, 2, 2, 3), (0, 2, 3), (5,)]:
        with pytest.raises(ValueError, match='expected one image'):
            as_rgb(np.ones(shape))


def test_grey_becomes_rgb():
    grey = noise(4, 5)
    for image in (grey, grey[..., None]):
        np.testing.assert_array_equal(as_rgb(image), np.repeat(grey[..., None], 3, 2))


@pytest.mark.parametrize(
    ('shape', 'size', 'expected'),
    [
        ((100, 200, 3), 50, (25, 50)),
        ((200, 100), 400, (400, 200)),
        ((20, 10000), 512, (1, 512)),
        ((1, 1), 7, (7, 7)),
        ((333, 500), 250, (166, 250)),
        ((667, 1000), 100, (67, 100)),
    ],
)
def test_fit_keeps_the_aspect(shape, size, expected):
    assert fit(shape, size) == expected


def test_fit_refuses_sizes_below_one():
    for shape, size in [((10, 10), 0), ((0, 10), 5)]:
        with pytest.raises(ValueError, match='at least 1'):
            fit(shape, size)


@pytest.mark.parametrize('shape', [(7, 9), (40, 50), (7, 50), (1, 1), (23, 30)])
def test_resize_is_linear_and_unclipped(shape):
    one, two = noise(23, 31, 3), noise(23, 31, 3)[::-1]
    both = resize(5 * one - 9 * two, shape)
    assert both.shape == (*shape, 3)
    assert both.dtype == np.float32
    np.testing.assert_allclose(both, 5 * resize(one, shape) - 9 * resize(two, shape), atol=2e-5)
    assert resize(one - 1, shape).mean() < -0.2  # a clip to [0, 1] would give 0


@pytest.mark.parametrize('shape', [(5, 6), (64, 50), (11, 100)])
def test_resize_keeps_constants(shape):
    np.testing.assert_allclose(resize(np.full((32, 33, 2), -3.7, np.float32), shape), -3.7, rtol=1e-6)


def test_resize_antialiases():
    checkers = (np.indices((256, 256)).sum(0) % 2).astype(np.float32)
    small = resize(checkers, (32, 32))
    assert small.shape == (32, 32)
    np.testing.assert_allclose(small[2:-2, 2:-2], 0.5, atol=0.01)


def test_resize_chooses_lanczos_only_where_a_side_shrinks():
    spike = np.zeros((33, 33), np.float32)
    spike[16, 16] = 1
    row = resize(spike, (33, 99))[16]
    assert np.flatnonzero(np.abs(row) > 1e-6).size <= 12  # bicubic reaches 2 pixels each way: 4 x 3
    mixed = resize(spike, (30, 99))
    assert np.flatnonzero(np.abs(mixed).max(0) > 1e-6).size > 12  # Lanczos reaches 3


def test_resize_of_channels_and_same_size():
    many = noise(8, 9, 5)
    assert resize(many, (8, 9)) is many
    result = resize(many, (4, 12))
    np.testing.assert_array_equal(result[..., 3], resize(many[..., 3], (4, 12)))
    assert resize(noise(1, 1, 3), (5, 5)).shape == (5, 5, 3)
    for shape in [(0, 5), (5, -1)]:
        with pytest.raises(ValueError, match='at least 1'):
            resize(many, shape)
    with pytest.raises(ValueError, match='expected an image'):
        resize(np.ones((1, 4, 4, 3)), (2, 2))


def test_sampling_is_exact_at_pixels_on_ramps_and_in_the_mirror():
    image = noise(9, 12, 2)
    x, y = np.arange(12.0), np.arange(9.0)[:, None]
    x, y = np.broadcast_arrays(x, y)
    assert np.array_equal(sample(image, x, y), image)
    beyond = np.pad(image, ((9, 9), (12, 12), (0, 0)), 'symmetric')
    assert np.array_equal(sample(image, x - 12, y + 9), beyond[18:, :12])
    ramp = (2 * x - 3 * y)[..., None].astype(np.float32)
    inside = slice(2, -2)
    expected = (2 * (x + 0.3) - 3 * (y - 0.8))[inside, inside]
    assert np.abs(sample(ramp, x + 0.3, y - 0.8)[inside, inside, 0] - expected).max() < 1e-5


def test_sampling_keeps_constants_and_reads_bands_alike():
    tall = noise(700, 300, 1)
    x, y = np.meshgrid(np.arange(300) + 0.37, np.arange(700) - 0.2)
    assert np.array_equal(sample(tall, x, y)[431:433], sample(tall, x[431:433], y[431:433]))
    assert np.abs(sample(np.ones_like(tall), x, y) - 1).max() < 1e-6


def test_a_large_tile_of_one_colour_keeps_it():
    """Two million values summed one after another would give a mean that is off by half a level of 255."""
    assert np.abs(seamless(np.full((1400, 1400, 3), 0.8, np.float32)) - np.float32(0.8)).max() < 1e-6


@pytest.mark.parametrize(
    ('size', 'shape', 'rows', 'columns'),
    [
        ((40, 100), (80, 80), slice(0, 40), slice(30, 70)),
        ((100, 40), (10, 20), slice(40, 60), slice(0, 40)),
        ((30, 45), (60, 90), slice(0, 30), slice(0, 45)),
        ((3, 3), (1, 1000), slice(1, 2), slice(0, 3)),
    ],
)
def test_the_largest_part_around_the_middle_has_the_aspect(size, shape, rows, columns):
    image = noise(*size, 3)
    np.testing.assert_array_equal(crop_to_aspect(image, shape), image[rows, columns])
    np.testing.assert_array_equal(crop_to_aspect(image[..., 0], shape), image[rows, columns, 0])
