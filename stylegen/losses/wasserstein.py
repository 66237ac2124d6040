"""The Wasserstein-2 distance between the Gaussians of pictures and styles, of several layers together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stylegen.losses.matrix_roots import around, between, matrix_factor, trace_and_inverse, trace_of_values
from stylegen.losses.moments import covariance, mean
from stylegen.utils.backend import tf

Sums = Mapping[str, tf.Tensor]  # see `moments.moments` and `moments.central_moments`

FLOOR = 100  # rounding errors of the mean variance
LEFT_OUT = 8  # rounding errors of the variance
FLAT = 1e-5  # a deviation in units of the mean's length, far below what the eye sees
BATCH_COST = 5 * 2**18  # multiplications of a matrix product that a batch of its own costs as much as


def for_wasserstein(sums: Sums, dtype: tf.DType = tf.float32) -> dict[str, tf.Tensor]:
    """What the distance from a style needs to know of it.

    Args:
        sums: `moments` of the style.
        dtype: Of the roots.

    Returns:
        'factor' (1, C, R), F with F F' the covariance, of `dtype`; 'mean' (1, C); 'trace' (1,), that of the covariance;
        'own' (1,), what the style has in common with itself. Directions with a share of the variance that is lost in
        rounding are left out: R may be less than C.
    """
    matrix, wanted = covariance(sums).numpy(), mean(sums).numpy()
    rest = LEFT_OUT * np.finfo(dtype.as_numpy_dtype).eps
    factor, trace = matrix_factor(matrix, rest), np.trace(matrix, axis1=1, axis2=2)
    values = np.sum(factor**2, 1)  # eigenvalues, for the columns of the factor are orthogonal
    lifted = values * (values + _floor(trace, np.sum(wanted**2, 1), dtype)[:, None] / matrix.shape[-1])
    found = {'mean': wanted, 'trace': trace, 'own': trace_of_values(lifted)}
    return {name: tf.constant(x) for name, x in found.items()} | {'factor': tf.constant(factor, dtype)}


@dataclass(frozen=True, eq=False)
class Distance:
    """The distance from one style as a function of sums: the mean over the pictures of a batch.

    Attributes:
        target: What `for_wasserstein` gives.
    """

    target: Sums

    def __call__(self, sums: Sums) -> tf.Tensor:
        """The mean of the relative distances."""
        return tf.reduce_mean(_together([self.target], [sums])[0])


def distances(values: Sequence[Distance], sums: Sequence[Sums]) -> list[tf.Tensor]:
    """Several distances, each as the one alone gives it."""
    return [tf.reduce_mean(found) for found in distances_by_picture([value.target for value in values], sums)]


def distances_by_picture(targets: Sequence[Sums], sums: Sequence[Sums]) -> list[tf.Tensor]:
    """The relative distances (N,) of the pictures of a batch, for each of several layers.

    Layers that are nearly as deep are filled up with zeros and go together, which costs less than the calls.

    Args:
        targets: For each layer, what `for_wasserstein` gives: of one style, or of a style for each picture, in which
            case every array has N rows.
        sums: For each layer, `moments` or `central_moments` of the pictures.
    """
    found: dict[int, tf.Tensor] = {}
    for group in near([target['factor'].shape[1] for target in targets]):
        parts = _together([targets[number] for number in group], [sums[number] for number in group])
        found |= dict(zip(group, parts, strict=True))
    return [found[number] for number in range(len(targets))]


def near(widths: Sequence[int]) -> list[list[int]]:
    """The places of widths in groups that are worth filling up to their largest, widest first."""
    groups: list[list[int]] = []
    for number in sorted(range(len(widths)), key=lambda number: -widths[number]):
        if groups and widths[groups[-1][0]] ** 3 - widths[number] ** 3 <= BATCH_COST:
            groups[-1].append(number)
        else:
            groups.append([number])
    return groups


def _together(targets: Sequence[Sums], sums: Sequence[Sums]) -> list[tf.Tensor]:
    """The distances (N,) of each of several layers from its style."""
    channels = [target['factor'].shape[1] for target in targets]
    width, dtype = max(channels), sums[0]['sum'].dtype
    rank = tf.reduce_max([tf.shape(target['factor'])[-1] for target in targets])
    counts = [each['sum'].shape[0] or tf.shape(each['sum'])[0] for each in sums]

    def joined(parts, *axes, repeat=False):
        """Tensors filled up to sizes from their second axis on, one after the other; one style goes to all pictures."""
        parts = [tf.convert_to_tensor(part) for part in parts]
        if len(parts) > 1:
            parts = [_filled(part, axes) for part in parts]
        if repeat:
            parts = [_for_each(part, count) for part, count in zip(parts, counts, strict=True)]
        return tf.concat(parts, 0)

    def wanted(name, *axes):
        return joined([target[name] for target in targets], *axes, repeat=True)

    zeros = [tf.zeros_like(each['sum']) for each in sums if 'centre' not in each]
    apart = _apart(
        joined([each['second_moment'] for each in sums], width, width),
        joined([each['sum'] for each in sums], width),
        joined([each['weight'] for each in sums]),
        joined(zeros or [each['centre'] for each in sums], width),
        tf.repeat(tf.constant(channels, dtype), counts),
        {'factor': wanted('factor', width, rank), 'mean': tf.cast(wanted('mean', width), dtype)}
        | {name: tf.cast(wanted(name), dtype) for name in ('trace', 'own')},
    )
    return tf.split(apart, counts)


def _for_each(target: tf.Tensor, count: int | tf.Tensor) -> tf.Tensor:
    """A style's array for each of `count` pictures, where it is not there for each already."""
    if isinstance(count, int) and target.shape[0] == count:
        return target
    return tf.repeat(target, count // tf.shape(target)[0], 0)


def _filled(x: tf.Tensor, sizes: Sequence[int | tf.Tensor]) -> tf.Tensor:
    """A tensor with zeros behind it, up to sizes of its axes from the second on."""
    more = [size - (x.shape[axis] or tf.shape(x)[axis]) for axis, size in enumerate(sizes, 1)]
    return x if all(isinstance(n, int) and not n for n in more) else tf.pad(x, [[0, 0], *([0, n] for n in more)])


def _apart(second_moment, total, weight, centre, channels, target):
    """The relative distances of stacked layers, (N,). Only the first two have gradients, which are in closed form."""
    each, factor = tf.math.divide_no_nan(tf.ones_like(weight), weight), target['factor']

    @tf.custom_gradient
    def apart(second_moment, total):
        shift = each[:, None] * total
        matrix = each[:, None, None] * second_moment - shift[:, :, None] * shift[:, None, :]
        average, variance = centre + shift, tf.linalg.trace(matrix)
        common, inverse = trace_and_inverse(between(factor, _lifted(matrix, average, channels, factor.dtype)))
        away, unit = average - target['mean'], _squares(target['mean']) + target['trace']
        traces = variance - target['trace'] + 2 * (target['own'] - tf.cast(common, variance.dtype))

        def gradient(upstream):
            share = tf.math.divide_no_nan(upstream, unit) * each
            transport = tf.cast(around(factor, inverse), share.dtype)
            of_second = share[:, None, None] * (tf.eye(total.shape[-1], dtype=share.dtype) - transport)
            return of_second, 2 * (share[:, None] * away - tf.linalg.matvec(of_second, shift))

        return tf.math.divide_no_nan(_squares(away) + traces, unit), gradient

    return apart(second_moment, total)


def _lifted(matrix: tf.Tensor, average: tf.Tensor, channels: int | tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """A covariance (N, C, C) with a little added to its diagonal, for roots of `dtype`.

    Lest rounding errors make an eigenvalue negative: as much as a hundred of them come to, in units of the mean
    variance, and what a deviation of 1e-5 of the mean comes to, for a picture of one colour.
    """
    floor = _floor(tf.linalg.trace(matrix), _squares(average), dtype)
    return matrix + (floor / channels)[:, None, None] * tf.eye(matrix.shape[-1], dtype=matrix.dtype)


def _floor(variance, squares, dtype):
    """What all of a covariance's diagonal is lifted by, for its trace and the squared length of the mean."""
    return FLOOR * np.finfo(dtype.as_numpy_dtype).eps * variance + FLAT**2 * (variance + squares)


def _squares(x: tf.Tensor) -> tf.Tensor:
    """The squared length of each vector (N, C)."""
    return tf.reduce_sum(tf.square(x), 1)
