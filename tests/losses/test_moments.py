"""Moments at a million positions against float64, for bright, dark and flat pictures, and the losses made of them."""

import numpy as np
import pytest
import scipy.linalg

from stylegen.losses import moments, statistics, wasserstein
from stylegen.losses.histograms import HISTOGRAM_BINS, histogram
from stylegen.utils.backend import tf

SIDE = 1024
MIX = np.array([[0.8, 0.3, 0.1], [0.2, 0.9, 0.3], [0.1, 0.2, 0.7]])  # channels that go together
SKIES = {  # mean and deviation
    'bright': (0.9, 0.05),
    'bright and calm': (0.97, 0.004),
    'middle': (0.5, 0.2),
    'dark': (0.03, 0.01),
}
FLAT = {'white': 1.0, 'grey': 77 / 255, 'black': 0.0}


def picture(mean, deviation, seed=0, side=SIDE):
    noise = np.random.default_rng(seed).normal(size=(1, side, side, 3)) @ MIX
    return (mean + deviation * noise).clip(0, 1).astype(np.float32)


def flat(value, side=SIDE):
    return np.full((1, side, side, 3), value, np.float32)


def exact(image):
    """Mean and covariance in float64."""
    colors = image.reshape(-1, 3).astype(np.float64)
    mean = colors.mean(0)
    return mean, (colors - mean).T @ (colors - mean) / len(colors)


def sums_of(image, **features):
    return moments.moments({'input': tf.constant(image), **features}, 'input')


def target_of(image):
    sums = sums_of(image)
    return sums | wasserstein.wasserstein_target(sums)


def exact_wasserstein(image, style):
    """The relative loss in float64, and its gradient at every position: 2 (m - m' + (1 - T)(x - m)) / positions."""
    (mean, ours), (wanted, theirs) = exact(image), exact(style)
    root = np.real(scipy.linalg.sqrtm(theirs))
    middle = np.real(scipy.linalg.sqrtm(root @ ours @ root))
    unit = np.sum(wanted**2) + np.trace(theirs)
    value = np.sum((mean - wanted) ** 2) + np.trace(ours + theirs) - 2 * np.trace(middle)
    transport = root @ np.linalg.inv(middle) @ root
    colors = image.reshape(-1, 3).astype(np.float64)
    gradient = 2 * (mean - wanted + (colors - mean) @ (np.eye(3) - transport)) / len(colors)
    return value / unit, gradient.reshape(image.shape) / unit


def judged(image, target):
    """The loss in float32, and its gradient."""
    given = tf.constant(image)
    with tf.GradientTape() as tape:
        tape.watch(given)
        value = statistics.wasserstein_loss('input', target)({'input': given})
    assert value.dtype == tf.float32
    return float(value), tape.gradient(value, given).numpy()


@pytest.mark.parametrize('sky', SKIES)
def test_a_million_positions_have_the_mean_and_the_covariance_of_float64(sky):
    image = picture(*SKIES[sky])
    mean, covariance = exact(image)
    sums = sums_of(image)
    assert np.abs(moments.mean(sums)[0] - mean).max() < 1e-7
    assert np.abs(moments.covariance(sums)[0] - covariance).max() < 1e-5 * np.trace(covariance)
    colors = image.reshape(-1, 3)  # the control: what float32 gives where the sums are taken as they come
    plain = (colors.T @ colors) / len(colors) - np.outer(*[colors.sum(0) / len(colors)] * 2)
    if mean.min() > 0.5:
        assert np.abs(plain - covariance).max() > 1e-3 * np.trace(covariance)


def test_a_million_positions_that_count_by_weights_too():
    image, weights = picture(0.9, 0.05), np.random.default_rng(1).uniform(size=(1, SIDE, SIDE, 1)).astype(np.float32)
    sums = moments.moments({'input': tf.constant(image), ('weights', 'input'): tf.constant(weights)}, 'input', 0)
    colors, column = (x.reshape(-1, x.shape[-1]).astype(np.float64) for x in (image, weights))
    mean = (colors * column).sum(0) / column.sum()
    covariance = ((colors - mean) * column).T @ (colors - mean) / column.sum()
    assert np.abs(moments.mean(sums)[0] - mean).max() < 1e-7
    assert np.abs(moments.covariance(sums)[0] - covariance).max() < 1e-5 * np.trace(covariance)


def test_a_batch_has_the_moments_of_its_pictures_one_by_one():
    both = np.concatenate([picture(0.9, 0.05, side=200), picture(0.1, 0.02, seed=1, side=200)])
    together = sums_of(both)
    for number in range(2):
        for name, alone in sums_of(both[number : number + 1]).items():
            assert np.allclose(together[name][number], alone[0], rtol=1e-6)


@pytest.mark.parametrize(('sky', 'style'), [('bright', 'dark'), ('dark', 'bright'), ('bright and calm', 'middle')])
def test_the_wasserstein_loss_and_its_gradient_are_those_of_float64(sky, style):
    image, wanted = picture(*SKIES[sky]), picture(*SKIES[style], seed=1)
    value, gradient = judged(image, target_of(wanted))
    expected, right = exact_wasserstein(image, wanted)
    assert np.isclose(value, expected, rtol=1e-3)
    cosine = np.sum(gradient * right) / np.linalg.norm(gradient.ravel()) / np.linalg.norm(right.ravel())
    assert cosine > 0.9999 and np.isclose(np.linalg.norm(gradient), np.linalg.norm(right), rtol=1e-3)


@pytest.mark.parametrize('value', FLAT)
@pytest.mark.parametrize('name', statistics.STYLE_LOSSES)
def test_a_picture_of_one_colour_has_finite_losses_as_picture_and_as_style(name, value):
    one, other = flat(FLAT[value], 64), picture(0.6, 0.2, side=64)
    for image, style in ((one, other), (other, one), (one, one)):
        target = target_of(style)
        target['top'] = tf.cast(moments.mean(target)[0], tf.float32)
        target['histogram'] = histogram({'input': tf.constant(style)}, 'input', target['top'])
        given = tf.constant(image)
        with tf.GradientTape() as tape:
            tape.watch(given)
            loss = statistics.STYLE_LOSSES[name]('input', target)({'input': given})
        assert np.isfinite(loss) and np.isfinite(tape.gradient(loss, given)).all()


@pytest.mark.parametrize('value', ['white', 'grey'])
def test_a_flat_picture_is_as_far_from_a_style_as_float64_says(value):
    image, style = flat(FLAT[value]), picture(0.5, 0.2)
    sums, (mean, covariance) = sums_of(image), exact(style)
    assert np.allclose(moments.mean(sums), np.float32(FLAT[value]), rtol=1e-12, atol=0)
    assert np.abs(moments.covariance(sums)).max() < 1e-14
    apart = np.sum((np.float64(np.float32(FLAT[value])) - mean) ** 2) + np.trace(covariance)
    loss, gradient = judged(image, target_of(style))
    assert np.isclose(loss, apart / (np.sum(mean**2) + np.trace(covariance)), rtol=1e-3)
    assert np.all(np.sign(gradient) == np.sign(FLAT[value] - 0.5))  # towards the style's mean, everywhere alike


def test_a_count_of_more_than_float32_has_ones_for_does_not_stand_still():
    """A white picture of 4200 x 4200 in one channel: 17.6 million positions in one bin."""
    image = np.ones((1, 4200, 4200, 1), np.float32)
    counts = histogram({'input': tf.constant(image)}, 'input', tf.constant([1.0]))
    assert counts.shape == (1, HISTOGRAM_BINS) and float(counts[0, -1]) == 4200**2
