"""Kernels sum to 1, bands split and merge exactly, each comes out at RMS 1; borders mirror and wrap."""

import numpy as np
import pytest

from stylegen import losses
from stylegen.networks.padding import extend
from stylegen.optimize import gradient_smoothing, updates
from stylegen.utils.backend import tf
from stylegen.utils.errors import UserError


def noise(height=37, width=50, seed=0):
    return tf.constant(np.random.default_rng(seed).normal(size=(1, height, width, 3)).astype(np.float32))


@pytest.mark.parametrize('margin', [0, 1, 3, 11, 40])
@pytest.mark.parametrize('border, mode', [('mirror', 'reflect'), ('wrap', 'wrap')])
def test_borders_are_numpys(margin, border, mode):
    image = noise(9, 12)
    expected = np.pad(image[0], ((margin, margin), (margin, margin), (0, 0)), mode)
    assert np.array_equal(extend(image, margin, border)[0], expected)


def test_names_that_there_are_not_are_told():
    with pytest.raises(UserError, match=r"unknown border 'mirrored'; did you mean mirror\?"):
        extend(noise(), 2, 'mirrored')
    with pytest.raises(UserError, match="unknown smoothing 'gauss'"):
        gradient_smoothing.smooth(noise(), 'gauss', 0.5)
    with pytest.raises(UserError, match="unknown norm 'max'; there are: mean_abs, std"):
        updates.normalize(noise(), 'max')
    with pytest.raises(UserError, match=r"unknown measure 'means'; did you mean mean"):
        losses.dream_loss('a', 'means')


def test_a_pixel_is_mirrored_too():
    assert np.array_equal(extend(tf.ones([1, 1, 1, 3]), 2), np.ones((1, 5, 5, 3)))


@pytest.mark.parametrize('sigma', [0.3, 1.0, 2.5])
def test_a_gaussian_blur_is_scipys_and_keeps_constants(sigma):
    ndimage = pytest.importorskip('scipy.ndimage')
    image = noise()
    blurred = gradient_smoothing.gaussian_blur(image, sigma)[0].numpy()
    radius = gradient_smoothing.GAUSSIAN_REACH
    expected = [
        ndimage.gaussian_filter(image[0, ..., c].numpy(), sigma, mode='mirror', radius=radius) for c in range(3)
    ]
    assert np.allclose(blurred, np.stack(expected, -1), atol=1e-5)
    assert np.allclose(gradient_smoothing.gaussian_blur(tf.fill([1, 20, 20, 3], 0.7), sigma), 0.7, atol=1e-6)
    assert np.isclose(gradient_smoothing.gaussian_kernel(sigma).numpy().sum(), 1, atol=1e-6)


@pytest.mark.parametrize('size', [(32, 32), (37, 50), (5, 200), (33, 1)])
def test_laplacian_bands_merge_to_what_was_split(size):
    image = noise(*size)
    parts = gradient_smoothing.laplacian_split(image)
    assert len(parts) == 5
    assert np.allclose(gradient_smoothing.laplacian_merge(parts), image, atol=1e-5)


def test_every_band_comes_out_at_rms_1():
    """Of a gradient whose fine detail is 1000 times its coarse structure the coarse one is there afterwards."""
    coarse = np.sin(np.arange(128) / 15)[None, :, None, None] * np.ones((1, 128, 128, 3))
    gradient = tf.constant(noise(128, 128).numpy() * 1000 + coarse.astype(np.float32))
    parts = gradient_smoothing.laplacian_split(gradient)
    merged = gradient_smoothing.equalize_bands(gradient)
    units = [p / np.sqrt(np.mean(np.square(p))) for p in parts]
    assert np.allclose(merged, gradient_smoothing.laplacian_merge(units), atol=1e-4)
    assert all(np.isclose(np.sqrt(np.mean(np.square(u))), 1, atol=1e-5) for u in units)
    seen = lambda image: np.corrcoef(np.ravel(image), np.ravel(coarse))[0, 1]
    assert seen(merged) > 20 * seen(gradient)


@pytest.mark.parametrize('kind', gradient_smoothing.SMOOTHINGS)
def test_smoothing_does_not_mind_the_unit_and_keeps_zeros(kind):
    done = tf.constant(0.5)
    smooth = lambda g: gradient_smoothing.smooth(g, kind, done).numpy()
    one = smooth(noise())
    big, small = smooth(noise() * 1e8), smooth(noise() * 1e-8)
    unit = lambda x: x / np.abs(x).max()
    assert np.allclose(unit(one), unit(big), atol=1e-4) and np.allclose(unit(one), unit(small), atol=1e-4)
    assert not smooth(tf.zeros([1, 40, 40, 3])).any()
    assert one.shape == (1, 37, 50, 3)


@pytest.mark.parametrize('kind', ['gaussian', 'laplacian'])
def test_wrapped_smoothing_moves_with_a_roll(kind):
    image = noise(64, 64)
    smooth = lambda g, border: gradient_smoothing.smooth(g, kind, tf.constant(0.5), border).numpy()
    rolled = tf.roll(image, [16, 32], [1, 2])
    moved = lambda border: np.roll(smooth(rolled, border), (-16, -32), (1, 2)).ravel()
    alike = lambda border: np.corrcoef(moved(border), smooth(image, border).ravel())[0, 1]
    assert alike('wrap') > 0.9995 and alike('wrap') > 1 - (1 - alike('mirror')) / 5


@pytest.mark.parametrize('done', [0.1, 0.5, 1.0])
def test_gaussian_smoothing_is_the_mean_of_three_blurs_that_widen_with_the_steps(done):
    ndimage = pytest.importorskip('scipy.ndimage')
    image, radius = noise(), gradient_smoothing.GAUSSIAN_REACH
    blurs = [
        ndimage.gaussian_filter(image[0].numpy(), (sigma, sigma, 0), mode='mirror', radius=(radius, radius, 0))
        for sigma in ((2 * done + 0.5) / 2, 2 * done + 0.5, 2 * (2 * done + 0.5))
    ]
    assert np.allclose(gradient_smoothing.smooth(image, 'gaussian', tf.constant(done))[0], np.mean(blurs, 0), atol=1e-5)


def test_bands_are_free_of_what_is_constant_and_blur_by_the_binomial():
    flat = gradient_smoothing.laplacian_split(tf.fill([1, 64, 64, 3], 0.7))
    inner = slice(8, -8)
    assert np.allclose(flat[0][:, inner, inner], 0, atol=1e-6) and np.allclose(flat[1][:, inner, inner], 0, atol=1e-6)
    impulse = np.zeros((1, 64, 64, 3), np.float32)
    impulse[0, 32, 32] = 1
    spread = impulse - gradient_smoothing.laplacian_split(tf.constant(impulse))[0].numpy()  # down and up again
    taps = np.convolve([4, 0, 4], [1, 4, 6, 4, 1]) / 128  # of every second place, which are 31 and 33, and blurred
    assert np.allclose(spread[0, 29:36, 29:36, 0], np.outer(taps, taps), atol=1e-6) and np.isclose(spread.sum(), 3)


def test_each_gradient_of_a_batch_is_equalized_by_itself():
    one, other = noise(40, 40), 1000 * noise(40, 40, seed=1)
    both = gradient_smoothing.equalize_bands(tf.concat([one, other], 0))
    assert np.allclose(
        both,
        tf.concat([gradient_smoothing.equalize_bands(one), gradient_smoothing.equalize_bands(other)], 0),
        atol=1e-4,
    )
