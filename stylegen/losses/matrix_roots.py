"""Square roots of positive semidefinite matrices: their traces and their inverses, by matrix products."""

import numpy as np

from stylegen.utils.backend import has_gpu, tf


def _stretches(smallest: float = 2e-3, steps: int = 10) -> list[float]:
    """How much each step of the iteration stretches what it begins with.

    As much as still keeps a spectrum from `smallest` to 1 within 1 (Chen and Chow 2014, "A stable scaling of
    Newton-Schulz for improving the sign function computation of a Hermitian matrix", algorithm 2).
    """
    stretches = []
    for _ in range(steps):
        stretches.append((3 / (1 + smallest + smallest**2)) ** 0.5)
        smallest = 0.5 * stretches[-1] * smallest * (3 - (stretches[-1] * smallest) ** 2)
    return stretches


def trace_and_inverse(matrix: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The trace of M^1/2, (N,), and M^-1/2, of positive semidefinite matrices (N, C, C), by Newton-Schulz.

    The coupled iteration (Higham 2008, "Functions of matrices", eq. 6.35), stretched so that ten steps do, gives both
    in matrix products alone, and d tr M^1/2 = tr(M^-1/2 dM) / 2. Roots under about a thousandth of the norm's come out
    too small, for their inverses stay under 2000 times its: that keeps it finite where there are fewer positions than
    channels.
    """
    trace = tf.linalg.trace(matrix)[:, None, None]
    root = tf.math.divide_no_nan(matrix, trace)  # first, so that the norm's squares stay within float32
    norm = tf.norm(root, axis=[1, 2], keepdims=True)
    root, length = tf.math.divide_no_nan(root, norm), tf.sqrt(trace * norm)
    unit = tf.eye(matrix.shape[-1] or tf.shape(matrix)[-1], dtype=matrix.dtype)

    def towards(stretch, product):  # the unit matrix, where root and inverse are there
        return 1.5 * stretch * unit - 0.5 * stretch**3 * product

    first, *others, last = _stretches()
    inverse = towards(first, root)  # from the unit matrix
    root = _product(root, inverse)
    for stretch in others:
        step = towards(stretch, _product(inverse, root))
        root, inverse = _product(root, step), _product(step, inverse)
    step = towards(last, _product(inverse, root))
    inverse = _product(step, inverse)
    return tf.reduce_sum(root * step, [1, 2]) * length[:, 0, 0], tf.math.divide_no_nan(inverse, length)


def trace_of_values(values: np.ndarray) -> np.ndarray:
    """What `trace_and_inverse` gives as the trace for a matrix of these eigenvalues, (N, C) to (N,)."""
    trace = values.sum(-1, keepdims=True)
    root = np.divide(values, trace, out=np.zeros_like(values), where=trace > 0)
    norm = np.linalg.norm(root, axis=-1, keepdims=True)
    root = np.divide(root, norm, out=np.zeros_like(values), where=norm > 0)
    inverse = np.ones_like(root)
    for stretch in _stretches():
        step = 1.5 * stretch - 0.5 * stretch**3 * inverse * root
        root, inverse = root * step, inverse * step
    return (root * np.sqrt(trace * norm)).sum(-1)


def matrix_factor(matrix: np.ndarray, rest: float) -> np.ndarray:
    """F (N, C, R) with F F' = M, positive semidefinite (N, C, C), for as few columns R as do; for targets.

    Args:
        matrix: M.
        rest: What share of M's trace may be left out.
    """
    values, vectors = (x.numpy() for x in tf.linalg.eigh(matrix))  # smallest first; NumPy's may wait for busy cores
    values = values.clip(0)
    left_out = np.cumsum(values, -1) <= rest * values.sum(-1, keepdims=True)
    first = min(left_out.all(0).sum(), matrix.shape[-1] - 1)
    return (vectors * np.sqrt(values)[..., None, :])[..., first:]


def between(factor: tf.Tensor, matrix: tf.Tensor) -> tf.Tensor:
    """F' S F of F (1 or N, C, R) and symmetric S (N, C, C): (N, R, R), in the precision of F.

    With F F' = S' its eigenvalues are those of S'^1/2 S S'^1/2, and zeros. F has no gradient.
    """
    factor = tf.convert_to_tensor(factor)

    @tf.custom_gradient
    def between_factors(x):  # bits that are cut off have no gradient of their own
        return _between(factor, x), lambda upstream: around(factor, upstream)

    return between_factors(tf.cast(matrix, factor.dtype))


def _between(factor, matrix):
    return _product(factor, _product(matrix, factor), transpose_a=True)


def around(factor: tf.Tensor, matrix: tf.Tensor) -> tf.Tensor:
    """F M F' of F (1 or N, C, R) and symmetric M (N, R, R), in one precision: (N, C, C)."""
    return _product(factor, _product(matrix, factor, transpose_b=True))


def _product(a: tf.Tensor, b: tf.Tensor, **transposed: bool) -> tf.Tensor:
    """The product of two matrices to float32's precision, on a GPU too.

    A GPU multiplies float32 by 11 bits (TF32), which is too little for a root: the iteration diverges. So each factor
    is split into what 11 bits hold and the rest, and three products are added up. That is as fast as float32, where
    float64 takes a consumer's GPU 32 to 64 times as long.
    """
    if not has_gpu() or a.dtype != tf.float32:
        return _multiplied(a, b, **transposed)
    (a, a_rest), (b, b_rest) = _split(a), _split(b)
    rest = _multiplied(a, b_rest, **transposed) + _multiplied(a_rest, b, **transposed)
    return _multiplied(a, b, **transposed) + rest


def _split(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The first 11 bits of float32 numbers, and the rest of them."""
    bits = tf.bitwise.bitwise_and(tf.bitcast(x, tf.int32), -(2**13))
    first = tf.bitcast(bits, tf.float32)
    return first, x - first


def _multiplied(a: tf.Tensor, b: tf.Tensor, **transposed: bool) -> tf.Tensor:
    return tf.matmul(a, b, **transposed)
