"""Random numbers by hashing: uniform, and the same under XLA."""

import numpy as np

from stylegen.optimize.stateless_random import draw, draw_uniform
from stylegen.utils.backend import tf


def test_draws_are_uniform_and_the_same_under_xla():
    keys = [tf.constant([seed, step]) for seed in range(40) for step in range(50)]
    draws = np.array([draw(k) for k in keys], np.float64) / 2**32
    for values in (*draws.T, np.diff(draws[:, 0]) % 1, (draws[:, 0] - draws[:, 1]) % 1):
        counts = np.histogram(values, 10, (0, 1))[0]
        assert ((counts - len(values) / 10) ** 2 / (len(values) / 10)).sum() < 27.9  # chi squared, 9 degrees, p 0.001
    xla = tf.function(draw, jit_compile=True)
    assert all(np.array_equal(xla(k), draw(k)) for k in keys[:5])


def test_more_draws_go_on_from_fewer_and_are_uniform():
    key = tf.constant([3, 14])
    assert np.array_equal(draw(key, 7)[:2], draw(key))
    values = draw_uniform(key, 4000).numpy()
    assert values.dtype == np.float32 and values.min() >= 0 and values.max() < 1
    assert abs(values.mean() - 0.5) < 0.02 and abs(values.std() - 12**-0.5) < 0.01
    assert abs(np.corrcoef(values[1:], values[:-1])[0, 1]) < 0.05
    assert len(set(values)) > 3990


def by_hand(seed, step, count):
    """`draw` in whole numbers of Python, with the constants of lowbias32."""
    found = []
    for lane in range(count):
        x = (seed * 0x9E3779B1 + step * 0x85EBCA77 + lane * 0xEE817C82 + 0x27D4EB2F) % 2**32
        x = (x ^ (x >> 16)) * 0x7FEB352D % 2**32
        x = (x ^ (x >> 15)) * 0x846CA68B % 2**32
        found.append(x ^ (x >> 16))
    return found


def test_the_numbers_of_a_key_are_those_of_every_version():
    for seed, step in ((0, 0), (3, 14), (2**31 - 1, 12345)):
        assert draw(tf.constant([seed, step]), 4).numpy().tolist() == by_hand(seed, step, 4)
        expected = [number // 256 / 2**24 for number in by_hand(seed, step, 4)]
        assert draw_uniform(tf.constant([seed, step]), 4).numpy().tolist() == expected
    assert by_hand(0, 0, 2) == [3348245848, 2126711127]
