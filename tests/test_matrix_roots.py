"""Traces of square roots against SciPy, in float64 and in float32, also of singular matrices."""

import numpy as np
import pytest
import scipy.linalg

from stylegen.backend import tf
from stylegen.matrix_roots import matrix_root, trace_of_root


def near(ours, theirs, tolerance):
    """Whether no entry is farther off than this part of the largest."""
    return np.abs(ours - theirs).max() <= tolerance * np.abs(theirs).max()


def random_covariance(depth, rank, seed=3):
    parts = np.random.default_rng(seed).normal(size=(depth, rank))
    return parts @ parts.T / rank


@pytest.mark.parametrize('unit', [1e-8, 1.0, 1e8])
def test_the_trace_of_a_root_and_its_gradient_match_scipy(unit):
    matrices = np.stack([unit * random_covariance(12, 40, seed) for seed in (0, 1)])
    given = tf.constant(matrices)
    with tf.GradientTape() as tape:
        tape.watch(given)
        traces = trace_of_root(given)
    roots = np.stack([scipy.linalg.sqrtm(m) for m in matrices])
    assert np.allclose(traces, np.trace(roots, axis1=1, axis2=2), rtol=1e-8, atol=0)
    assert near(tape.gradient(traces, given), np.linalg.inv(roots) / 2, 1e-8)
    assert near(matrix_root(given), roots, 1e-12)
    assert np.allclose(trace_of_root(tf.constant(matrices, tf.float32)), traces, rtol=1e-5, atol=0)


@pytest.mark.parametrize('rank', [0, 1, 8])
def test_the_trace_of_the_root_of_a_singular_matrix_is_near_in_float32(rank):
    """Deep layers of small pictures have fewer positions than channels."""
    matrix = random_covariance(96, rank) if rank else np.zeros([96, 96])
    given = tf.constant(matrix[None], tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(given)
        trace = trace_of_root(given)
    expected = np.sum(np.sqrt(np.linalg.eigvalsh(matrix).clip(0)))
    assert np.isclose(trace[0], expected, rtol=2e-3, atol=1e-12)
    largest = np.abs(tape.gradient(trace, given)).max()
    assert largest <= 1000 / max(1, np.linalg.norm(matrix) ** 0.5)
