"""Traces of square roots against SciPy, in float64 and in float32, also of singular matrices."""

import numpy as np
import pytest
import scipy.linalg

from stylegen.losses import matrix_roots
from stylegen.losses.matrix_roots import low_rank_factor, project, root_trace_and_inverse
from stylegen.utils.backend import tf


@tf.custom_gradient
def trace_of_root(matrix):
    """The trace with the gradient that follows from the inverse, as `wasserstein` uses the two."""
    trace, inverse = root_trace_and_inverse(matrix)
    return trace, lambda upstream: upstream[:, None, None] * 0.5 * inverse


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


def test_of_eigenvalues_the_trace_is_that_of_the_matrix_with_its_error():
    axes = np.linalg.qr(np.random.default_rng(0).normal(size=(50, 50)))[0]
    values = np.stack([np.logspace(0, -9, 50), np.logspace(2, -2, 50)])  # small roots come out too small
    matrices = axes * values[:, None] @ axes.T
    ours = matrix_roots.root_trace_of_eigenvalues(values)
    assert np.allclose(ours, trace_of_root(tf.constant(matrices)), rtol=1e-9, atol=0)
    assert not np.allclose(ours, np.sqrt(values).sum(1), rtol=1e-6, atol=0)
    assert matrix_roots.root_trace_of_eigenvalues(np.zeros([1, 4])) == 0


def test_a_factor_has_as_many_columns_as_the_matrix_has_directions():
    matrix = random_covariance(40, 7)[None]
    factor = low_rank_factor(matrix, 1e-12)
    assert factor.shape == (1, 40, 7) and near(factor @ factor.transpose(0, 2, 1), matrix, 1e-11)
    most = low_rank_factor(matrix, 0.3)  # nor more than may be left out
    assert 0.7 <= np.sum(most**2) / np.trace(matrix[0]) < 1 and most.shape[2] < 7
    assert np.array_equal(low_rank_factor(np.zeros([1, 4, 4]), 1e-12), np.zeros([1, 4, 1]))


def tf32(a, b, **transposed):
    """A product as a GPU's: of float32 factors it sees 11 bits."""

    def seen(x):
        return tf.bitcast(tf.bitwise.bitwise_and(tf.bitcast(x, tf.int32) + 2**12, -(2**13)), tf.float32)

    return tf.matmul(seen(a), seen(b), **transposed)


def test_on_a_gpu_three_products_of_few_bits_come_to_the_gradient_of_float64(monkeypatch):
    """Of covariances whose eigenvalues fall to a 100,000th, as those of a network's maps do."""

    def falling(seed):
        axes = np.linalg.qr(np.random.default_rng(seed).normal(size=(64, 64)))[0]
        return tf.constant((axes * np.logspace(0, -5, 64) @ axes.T)[None])

    root, covariance = tf.constant(scipy.linalg.sqrtm(falling(0)[0])[None]), falling(1)

    def judged(dtype):
        with tf.GradientTape() as tape:
            tape.watch(covariance)
            trace = trace_of_root(project(tf.cast(root, dtype), covariance))
        return float(trace[0]), tape.gradient(trace, covariance).numpy()

    def cosine(a, b):
        return np.sum(a * b) / np.linalg.norm(a) / np.linalg.norm(b)

    right, gradient = judged(tf.float64)
    monkeypatch.setattr(matrix_roots, '_multiplied', tf32)
    alone, of_one = judged(tf.float32)  # the control: a GPU's product as it is
    monkeypatch.setattr(matrix_roots, 'has_gpu', lambda: True)
    three, of_three = judged(tf.float32)
    assert abs(three / right - 1) < 1e-4 and cosine(of_three, gradient) > 0.9999
    assert not (abs(alone / right - 1) < 1e-3 and cosine(of_one, gradient) > 0.99)
