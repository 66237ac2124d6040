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
        towards = 0.5 * stretch * (3 * unit - stretch**2 * tf.matmul(inverse, root))
        root, inverse = tf.matmul(root, towards), tf.matmul(towards, inverse)

    def gradient(upstream):
        return upstream[:, None, None] * 0.5 * tf.math.divide_no_nan(inverse, length)

    return tf.linalg.trace(root) * length[:, 0, 0], gradient


def matrix_root(matrix: tf.Tensor) -> tf.Tensor:
    """The square root of a symmetric positive semidefinite matrix, by its eigenvectors; for targets."""
    values, vectors = tf.linalg.eigh(matrix)
    return tf.matmul(vectors * tf.sqrt(tf.nn.relu(values))[..., None, :], vectors, transpose_b=True)


def common_trace(root: tf.Tensor, covariance: tf.Tensor) -> tf.Tensor:
    """How much of two covariances is common to both, tr (S'^1/2 S S'^1/2)^1/2 of S'^1/2 and S, (N,)."""
    precise = tf.float64 if has_gpu() else covariance.dtype  # a GPU multiplies float32 by 10 bits, too few for a root
    wide = tf.cast(root, precise)
    return tf.cast(trace_of_root(tf.matmul(wide, tf.matmul(tf.cast(covariance, precise), wide))), covariance.dtype)
