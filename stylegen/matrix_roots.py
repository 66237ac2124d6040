"""Square roots of positive semidefinite matrices, and the trace of one with its gradient, in matrix products."""

from stylegen.backend import has_gpu, tf


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


@tf.custom_gradient
def trace_of_root(matrix: tf.Tensor) -> tf.Tensor:
    """The trace of the square root of positive semidefinite matrices, (N, C, C) to (N,), by Newton-Schulz.

    The coupled iteration (Higham 2008, "Functions of matrices", eq. 6.35), stretched so that ten steps do, gives M^1/2
    and M^-1/2 in matrix products alone; d tr M^1/2 = tr(M^-1/2 dM) / 2, so that nothing of it has to be kept for the
    way back. Roots under about a thousandth of the norm's come out too small, for their inverses stay under 2000 times
    its: that keeps it finite where there are fewer positions than channels.
    """
    unit = tf.eye(matrix.shape[-1], dtype=matrix.dtype)
    trace = tf.linalg.trace(matrix)[:, None, None]
    root = tf.math.divide_no_nan(matrix, trace)  # first, so that the norm's squares stay within float32
    norm = tf.norm(root, axis=[1, 2], keepdims=True)
    root, length = tf.math.divide_no_nan(root, norm), tf.sqrt(trace * norm)
    inverse = tf.broadcast_to(unit, tf.shape(matrix))
    for stretch in _stretches():
        towards = 0.5 * stretch * (3 * unit - stretch**2 * _product(inverse, root))
        root, inverse = _product(root, towards), _product(towards, inverse)

    def gradient(upstream):
        return upstream[:, None, None] * 0.5 * tf.math.divide_no_nan(inverse, length)

    return tf.linalg.trace(root) * length[:, 0, 0], gradient


def matrix_root(matrix: tf.Tensor) -> tf.Tensor:
    """The square root of a symmetric positive semidefinite matrix, by its eigenvectors; for targets."""
    values, vectors = tf.linalg.eigh(matrix)
    return tf.matmul(vectors * tf.sqrt(tf.nn.relu(values))[..., None, :], vectors, transpose_b=True)


def common_trace(root: tf.Tensor, covariance: tf.Tensor) -> tf.Tensor:
    """How much of two covariances is common to both, tr (S'^1/2 S S'^1/2)^1/2 of S'^1/2 and S, (N,).

    It is computed in the precision of `root` (1, C, C) and given in that of `covariance` (N, C, C).
    """
    root = tf.convert_to_tensor(root)

    @tf.custom_gradient
    def between_roots(matrix):  # bits that are cut off have no gradient of their own
        return _product(root, _product(matrix, root)), lambda upstream: _product(root, _product(upstream, root))

    return tf.cast(trace_of_root(between_roots(tf.cast(covariance, root.dtype))), covariance.dtype)


def _product(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """The product of two matrices to float32's precision, on a GPU too.

    A GPU multiplies float32 by 11 bits (TF32), which is too little for a root: the iteration diverges. So each factor
    is split into what 11 bits hold and the rest, and three products are added up. That is as fast as float32, where
    float64 takes a consumer's GPU 32 to 64 times as long.
    """
    if not has_gpu() or a.dtype != tf.float32:
        return _multiplied(a, b)
    (a, a_rest), (b, b_rest) = _split(a), _split(b)
    return _multiplied(a, b) + (_multiplied(a, b_rest) + _multiplied(a_rest, b))


def _split(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The first 11 bits of float32 numbers, and the rest of them."""
    bits = tf.bitwise.bitwise_and(tf.bitcast(x, tf.int32), -(2**13))
    first = tf.bitcast(bits, tf.float32)
    return first, x - first


def _multiplied(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    return tf.matmul(a, b)
