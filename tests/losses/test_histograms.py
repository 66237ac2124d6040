"""Histograms of channels against NumPy."""

import numpy as np

from stylegen.losses.histograms import histogram
from stylegen.utils.backend import tf


def test_a_histogram_counts_each_value_once_and_puts_what_is_beyond_at_the_ends():
    values = np.array([[0.0, 0.001, 0.5, 0.999, 1.0, 7.0, 0.25, 0.25], [0.0, 3.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0]]).T
    counts = histogram({'x': tf.constant(values.reshape(1, 2, 4, 2))}, 'x', tf.constant([1.0, 2.0], tf.float64))
    assert counts.shape == (2, 256) and np.array_equal(np.sum(counts, 1), [8, 8])
    assert [counts[0, i] for i in (0, 64, 128, 255)] == [2, 2, 1, 3]
    assert [counts[1, i] for i in (0, 128, 255)] == [4, 3, 1]
    rng = np.random.default_rng(3)
    many = rng.gamma(2, size=(1, 30, 40, 3))
    counts = histogram({'x': tf.constant(many)}, 'x', tf.constant([9.0] * 3, tf.float64))
    for channel in range(3):
        assert np.array_equal(counts[channel], np.histogram(many[..., channel].clip(0, 9), 256, (0, 9))[0])
