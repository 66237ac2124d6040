"""Traces and inverses of the square roots of positive semidefinite matrices, by matrix products."""

import numpy as np

from stylegen.utils.backend import has_gpu, tf


def _step_scales(smallest: float = 2e-3, steps: int = 10) -> list[float]:
    """Returns the factor by which each step of the iteration scales its input.

    The factors are the largest that keep a spectrum from `smallest` to 1 below 1 (Chen and Chow 2014, "A stable scaling
    of Newton-Schulz for improving the sign function computation of a Hermitian matrix", algorithm 2).
    """
    scales = []
    for _ in range(steps):
        scales.append((3 / (1 + smallest + smallest**2)) ** 0.5)
        smallest = 0.5 * scales[-1] * smallest * (3 - (scales[-1] * smallest) ** 2)
    return scales


def root_trace_and_inverse(matrix: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the trace of M^1/2, (N,), and M^-1/2 of positive semidefinite matrices (N, C, C), by Newton-Schulz.

    The coupled iteration (Higham 2008, "Functions of matrices", eq. 6.35), scaled so that ten steps are enough, needs
    only matrix products, and d tr M^1/2 = tr(M^-1/2 dM) / 2. Roots below about a thousandth of the norm's root come out
    too small, because their inverses stay below 2000 times its inverse. That keeps the result finite if there are fewer
    positions than channels.
    """
    trace = tf.linalg.trace(matrix)[:, None, None]
    root = tf.math.divide_no_nan(matrix, trace)  # so that the squares in the norm fit float32
    norm = tf.norm(root, axis=[1, 2], keepdims=True)
    root, length = tf.math.divide_no_nan(root, norm), tf.sqrt(trace * norm)
    unit = tf.eye(matrix.shape[-1] or tf.shape(matrix)[-1], dtype=matrix.dtype)

    def correction(scale, product):  # the unit matrix at convergence
        return 1.5 * scale * unit - 0.5 * scale**3 * product

    first, *others, last = _step_scales()
    inverse = correction(first, root)  # the iteration starts with the unit matrix
    root = _product(root, inverse)
    for scale in others:
        step = correction(scale, _product(inverse, root))
        root, inverse = _product(root, step), _product(step, inverse)
    step = correction(last, _product(inverse, root))
    inverse = _product(step, inverse)
    return tf.reduce_sum(root * step, [1, 2]) * length[:, 0, 0], tf.math.divide_no_nan(inverse, length)


def root_trace_of_eigenvalues(values: np.ndarray) -> np.ndarray:
    """Returns the trace that `root_trace_and_inverse` gives for a matrix of these eigenvalues, (N, C) to (N,)."""
    trace = values.sum(-1, keepdims=True)
    root = np.divide(values, trace, out=np.zeros_like(values), where=trace > 0)
    norm = np.linalg.norm(root, axis=-1, keepdims=True)
    root = np.divide(root, norm, out=np.zeros_like(values), where=norm > 0)
    inverse = np.ones_like(root)
    for scale in _step_scales():
        step = 1.5 * scale - 0.5 * scale**3 * inverse * root
        root, inverse = root * step, inverse * step
    return (root * np.sqrt(trace * norm)).sum(-1)


def low_rank_factor(matrix: np.ndarray, rest: float) -> np.ndarray:
    """Returns F (N, C, R) with F F' = M, for positive semidefinite M (N, C, C), with the fewest columns R. For targets.

    Args:
        matrix: M.
        rest: The share of M's trace that may be left out.
    """
    values, vectors = (x.numpy() for x in tf.linalg.eigh(matrix))  # ascending; NumPy's version may wait for busy cores
    values = values.clip(0)
    left_out = np.cumsum(values, -1) <= rest * values.sum(-1, keepdims=True)
    first = min(left_out.all(0).sum(), matrix.shape[-1] - 1)
    return (vectors * np.sqrt(values)[..., None, :])[..., first:]


def project(factor: tf.Tensor, matrix: tf.Tensor) -> tf.Tensor:
    """Returns F' S F, (N, R, R), for F (1 or N, C, R) and symmetric S (N, C, C), in the precision of F.

    If F F' = S', its eigenvalues are those of S'^1/2 S S'^1/2, and zeros. F gets no gradient.
    """
    factor = tf.convert_to_tensor(factor)

    @tf.custom_gradient
    def projected(x):  # the gradient ignores how `_product` splits numbers
        return _projected(factor, x), lambda upstream: expand(factor, upstream)

    return projected(tf.cast(matrix, factor.dtype))


def _projected(factor, matrix):
    return _product(factor, _product(matrix, factor), transpose_a=True)


def expand(factor: tf.Tensor, matrix: tf.Tensor) -> tf.Tensor:
    """Returns F M F', (N, C, C), for F (1 or N, C, R) and symmetric M (N, R, R), in one precision."""
    return _product(factor, _product(matrix, factor, transpose_b=True))


def _product(a: tf.Tensor, b: tf.Tensor, **transposed: bool) -> tf.Tensor:
    """Multiplies two matrices with float32's precision, also on a GPU.

    A GPU multiplies float32 with 11 bits (TF32). That is too imprecise for a root: the iteration diverges. So each
    factor is split into its first 11 bits and the rest, and three products are added. This is as fast as float32, while
    float64 takes a consumer's GPU 32 to 64 times as long.
    """
    if not has_gpu() or a.dtype != tf.float32:
        return _multiplied(a, b, **transposed)
    (a, a_rest), (b, b_rest) = _split(a), _split(b)
    rest = _multiplied(a, b_rest, **transposed) + _multiplied(a_rest, b, **transposed)
    return _multiplied(a, b, **transposed) + rest


def _split(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Splits float32 numbers into their first 11 bits and the rest."""
    bits = tf.bitwise.bitwise_and(tf.bitcast(x, tf.int32), -(2**13))
    first = tf.bitcast(bits, tf.float32)
    return first, x - first


def _multiplied(a: tf.Tensor, b: tf.Tensor, **transposed: bool) -> tf.Tensor:
    return tf.matmul(a, b, **transposed)
