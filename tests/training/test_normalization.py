"""Batch normalisation over replicas keeps its digits where the mean is large beside the deviation."""

import numpy as np
import pytest

from stylegen.training.normalization import BatchNorm
from stylegen.utils.backend import tf


def test_synchronized_statistics_are_those_of_float64_once_the_moving_mean_is_near():
    maps = (30 + 0.05 * np.random.default_rng(0).normal(size=(8, 64, 64, 3))).astype(np.float32)
    layer = BatchNorm(momentum=0.0, epsilon=0.0, synchronized=True)
    layer(tf.constant(maps[:1]), training=True)  # from here on the moving mean is near
    normalized = layer(tf.constant(maps), training=True).numpy()
    exact = maps.astype(np.float64)
    assert np.allclose(layer.moving_mean, exact.mean((0, 1, 2)), rtol=1e-6)
    assert np.allclose(layer.moving_variance, exact.reshape(-1, 3).var(0, ddof=1), rtol=1e-4)
    right = (exact - exact.mean((0, 1, 2))) / exact.std((0, 1, 2))
    assert np.abs(normalized - right).max() < 1e-3
    plain = np.square(maps).mean((0, 1, 2)) - np.square(maps.mean((0, 1, 2)))  # the control
    assert not np.allclose(plain, exact.var((0, 1, 2)), rtol=1e-2)


@pytest.mark.parametrize('synchronized', [False, True])
def test_statistics_of_a_single_value_are_finite(synchronized):
    layer = BatchNorm(momentum=0.5, synchronized=synchronized)
    layer(tf.constant([[2.0, -3.0]]), training=True)
    assert np.allclose(layer.moving_mean, [1.0, -1.5]) and np.allclose(layer.moving_variance, 0.5)
