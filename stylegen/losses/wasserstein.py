"""The Wasserstein-2 distance between the Gaussians of pictures and styles, for several layers together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stylegen.losses.matrix_roots import (
    expand,
    low_rank_factor,
    project,
    root_trace_and_inverse,
    root_trace_of_eigenvalues,
)
from stylegen.losses.moments import covariance, mean
from stylegen.utils.backend import tf

Sums = Mapping[str, tf.Tensor]  # see `moments.moments` and `moments.central_moments`

REGULARIZATION = 100  # of the covariance's diagonal, in rounding errors of the mean variance
DISCARDED_VARIANCE = 8  # at most, in rounding errors of the total variance
MIN_DEVIATION = 1e-5  # relative to the length of the mean; far below what the eye sees
BATCH_COST = 5 * 2**18  # the cost of one more batch, in multiplications of a matrix product


def wasserstein_target(sums: Sums, dtype: tf.DType = tf.float32) -> dict[str, tf.Tensor]:
    """Returns what the distance from a style needs.

    Directions whose share of the variance is below rounding errors are left out, so R may be less than C.

    Args:
        sums: `moments` of the style.
        dtype: The dtype of the roots.

    Returns:
        'factor' (1, C, R), F with F F' the covariance, of `dtype`; 'mean' (1, C); 'trace' (1,), of the covariance;
        'root_trace' (1,), the trace of the root for the style and itself.
    """
    matrix, wanted = covariance(sums).numpy(), mean(sums).numpy()
    rest = DISCARDED_VARIANCE * np.finfo(dtype.as_numpy_dtype).eps
    factor, trace = low_rank_factor(matrix, rest), np.trace(matrix, axis1=1, axis2=2)
    values = np.sum(factor**2, 1)  # eigenvalues, because the factor's columns are orthogonal
    regularized = values * (values + _regularization(trace, np.sum(wanted**2, 1), dtype)[:, None] / matrix.shape[-1])
    found = {'mean': wanted, 'trace': trace, 'root_trace': root_trace_of_eigenvalues(regularized)}
    return {name: tf.constant(x) for name, x in found.items()} | {'factor': tf.constant(factor, dtype)}


@dataclass(frozen=True, eq=False)
class Distance:
    """The distance from one style as a function of sums: the mean over the pictures of a batch.

    Attributes:
        target: The result of `wasserstein_target`.
    """

    target: Sums

    def __call__(self, sums: Sums) -> tf.Tensor:
        """Returns the mean of the relative distances."""
        return tf.reduce_mean(_batched_distances([self.target], [sums])[0])


def distances(values: Sequence[Distance], sums: Sequence[Sums]) -> list[tf.Tensor]:
    """Returns several distances. Each equals the result of its own call."""
    return [tf.reduce_mean(found) for found in distances_by_picture([value.target for value in values], sums)]


def distances_by_picture(targets: Sequence[Sums], sums: Sequence[Sums]) -> list[tf.Tensor]:
    """The relative distances (N,) of the pictures of a batch, for each of several layers.

    Layers of similar depth are padded with zeros and computed together, which costs less than separate calls.

    Args:
        targets: For each layer, what `wasserstein_target` gives: of one style, or of a style for each picture. In the
            second case every array has N rows.
        sums: For each layer, `moments` or `central_moments` of the pictures.
    """
    found: dict[int, tf.Tensor] = {}
    for group in group_by_width([target['factor'].shape[1] for target in targets]):
        parts = _batched_distances([targets[number] for number in group], [sums[number] for number in group])
        found |= dict(zip(group, parts, strict=True))
    return [found[number] for number in range(len(targets))]


def group_by_width(widths: Sequence[int]) -> list[list[int]]:
    """Groups the indices of widths that are worth padding to the group's largest, widest first."""
    groups: list[list[int]] = []
    for number in sorted(range(len(widths)), key=lambda number: -widths[number]):
        if groups and widths[groups[-1][0]] ** 3 - widths[number] ** 3 <= BATCH_COST:
            groups[-1].append(number)
        else:
            groups.append([number])
    return groups


def _batched_distances(targets: Sequence[Sums], sums: Sequence[Sums]) -> list[tf.Tensor]:
    """Returns the distances (N,) of each of several layers from its style."""
    channels = [target['factor'].shape[1] for target in targets]
    width, dtype = max(channels), sums[0]['sum'].dtype
    rank = tf.reduce_max([tf.shape(target['factor'])[-1] for target in targets])
    counts = [each['sum'].shape[0] or tf.shape(each['sum'])[0] for each in sums]

    def stacked(parts, *sizes, repeat=False):
        """Pads tensors to `sizes` from their second axis on, and joins them. `repeat` copies a style per picture."""
        parts = [tf.convert_to_tensor(part) for part in parts]
        if len(parts) > 1:
            parts = [_zero_padded(part, sizes) for part in parts]
        if repeat:
            parts = [_for_each(part, count) for part, count in zip(parts, counts, strict=True)]
        return tf.concat(parts, 0)

    def wanted(name, *axes):
        return stacked([target[name] for target in targets], *axes, repeat=True)

    zeros = [tf.zeros_like(each['sum']) for each in sums if 'centre' not in each]
    relative_distances = _relative_distances(
        stacked([each['second_moment'] for each in sums], width, width),
        stacked([each['sum'] for each in sums], width),
        stacked([each['weight'] for each in sums]),
        stacked(zeros or [each['centre'] for each in sums], width),
        tf.repeat(tf.constant(channels, dtype), counts),
        {'factor': wanted('factor', width, rank), 'mean': tf.cast(wanted('mean', width), dtype)}
        | {name: tf.cast(wanted(name), dtype) for name in ('trace', 'root_trace')},
    )
    return tf.split(relative_distances, counts)


def _for_each(target: tf.Tensor, count: int | tf.Tensor) -> tf.Tensor:
    """Copies the array of one style for each of `count` pictures. Styles of every picture stay as they are."""
    if isinstance(count, int) and target.shape[0] == count:
        return target
    return tf.repeat(target, count // tf.shape(target)[0], 0)


def _zero_padded(x: tf.Tensor, sizes: Sequence[int | tf.Tensor]) -> tf.Tensor:
    """Pads a tensor with zeros at the end, up to `sizes` from its second axis on."""
    more = [size - (x.shape[axis] or tf.shape(x)[axis]) for axis, size in enumerate(sizes, 1)]
    return x if all(isinstance(n, int) and not n for n in more) else tf.pad(x, [[0, 0], *([0, n] for n in more)])


def _relative_distances(second_moment, total, weight, centre, channels, target):
    """Returns the relative distances of stacked layers, (N,). Only the first two arguments get gradients."""
    each, factor = tf.math.divide_no_nan(tf.ones_like(weight), weight), target['factor']

    @tf.custom_gradient
    def relative_distances(second_moment, total):
        shift = each[:, None] * total
        matrix = each[:, None, None] * second_moment - shift[:, :, None] * shift[:, None, :]
        average, variance = centre + shift, tf.linalg.trace(matrix)
        common, inverse = root_trace_and_inverse(project(factor, _regularized(matrix, average, channels, factor.dtype)))
        offset, unit = average - target['mean'], _squares(target['mean']) + target['trace']
        traces = variance - target['trace'] + 2 * (target['root_trace'] - tf.cast(common, variance.dtype))

        def gradient(upstream):
            share = tf.math.divide_no_nan(upstream, unit) * each
            transport = tf.cast(expand(factor, inverse), share.dtype)
            of_second = share[:, None, None] * (tf.eye(total.shape[-1], dtype=share.dtype) - transport)
            return of_second, 2 * (share[:, None] * offset - tf.linalg.matvec(of_second, shift))

        return tf.math.divide_no_nan(_squares(offset) + traces, unit), gradient

    return relative_distances(second_moment, total)


def _regularized(matrix: tf.Tensor, average: tf.Tensor, channels: int | tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """Adds a little to the diagonal of a covariance (N, C, C), for roots of `dtype`.

    This keeps rounding errors from making an eigenvalue negative. It adds a hundred rounding errors of the mean
    variance, and for a picture of one colour the variance of a deviation of 1e-5 of the mean.
    """
    added = _regularization(tf.linalg.trace(matrix), _squares(average), dtype)
    return matrix + (added / channels)[:, None, None] * tf.eye(matrix.shape[-1], dtype=matrix.dtype)


def _regularization(variance, squares, dtype):
    """Returns what is added to a covariance's diagonal in total, for its trace and the squared length of the mean."""
    return REGULARIZATION * np.finfo(dtype.as_numpy_dtype).eps * variance + MIN_DEVIATION**2 * (variance + squares)


def _squares(x: tf.Tensor) -> tf.Tensor:
    """Returns the squared length of each vector (N, C)."""
    return tf.reduce_sum(tf.square(x), 1)
