"""Losses on the statistics of features: what is summed over places, and how far the sums are from a style's.

A style is what remains when places are forgotten. Each loss here is therefore made of two halves: `sums`, which adds up
over the places of a map, so that it can be had tile by tile, and `value`, a function of the sums alone. As a `Loss` it
is the one after the other. All of them are relative: 0 at the target, about 1 for a map without any activity, whatever
the network, the layer and the size of the picture. For a batch they are the mean over its pictures.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from stylegen.backend import tf
from stylegen.losses import Features, weights_of

Sums = Any  # a nest of tensors, additive over places


@dataclass(frozen=True, eq=False)
class SummedLoss:
    """A loss that is a function of sums over the places of one layer.

    Attributes:
        layer: Whose activations are summed.
        sums: Features to a nest of tensors that adds up over the places of a picture.
        value: The sums over all places to the loss.
        linear: `value` is a multiple of a single sum: its gradient at one place does not depend on the others.
        survey: None, or sums without a gradient that `sums` needs of the whole picture, as its second argument.
    """

    layer: str
    sums: Callable[..., Sums]
    value: Callable[[Sums], tf.Tensor]
    linear: bool = False
    survey: Callable[[Features], Sums] | None = None

    def __call__(self, features: Features) -> tf.Tensor:
        """The loss of a picture whose features are all there."""
        surveyed = () if self.survey is None else (self.survey(features),)
        return self.value(self.sums(features, *surveyed))


def moments(features: Features, layer: str, place: int | None = None) -> dict[str, tf.Tensor]:
    """Sums over the places of a map, each counted with its weight for `place`.

    Returns:
        'raw' (N, C, C), products of channels; 'first' (N, C), the channels; 'weight' (N,).
    """
    activation = features[layer]
    shape = tf.shape(activation)
    flat = tf.reshape(activation, [shape[0], shape[1] * shape[2], activation.shape[-1]])
    weights = weights_of(features, layer, place)
    if weights is None:
        weighted, weight = flat, tf.fill(shape[:1], tf.cast(shape[1] * shape[2], flat.dtype))
    else:
        column = tf.reshape(tf.cast(weights, flat.dtype), [shape[0], shape[1] * shape[2], 1])
        weighted, weight = flat * column, tf.reduce_sum(column, [1, 2])
    raw = tf.matmul(weighted, flat, transpose_a=True)
    return {'raw': raw, 'first': tf.reduce_sum(weighted, 1), 'weight': weight}


def gram(sums: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """The Gram matrix per place, (N, C, C) (Gatys et al. 2016, eq. 3, as a mean over places)."""
    return tf.math.divide_no_nan(sums['raw'], sums['weight'][:, None, None])


def mean(sums: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """The mean of each channel, (N, C)."""
    return tf.math.divide_no_nan(sums['first'], sums['weight'][:, None])


def covariance(sums: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """The covariance of the channels, (N, C, C)."""
    centre = mean(sums)
    return gram(sums) - centre[:, :, None] * centre[:, None, :]


def _squares(x: tf.Tensor) -> tf.Tensor:
    """The sum of squares of each member of a batch, (N,)."""
    return tf.reduce_sum(tf.square(x), list(range(1, len(x.shape))))


def _relative(x: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    return tf.math.divide_no_nan(_squares(x - target), _squares(target))


def gram_loss(layer: str, target: Sums, place: int | None = None) -> SummedLoss:
    """|G - A|^2 / |A|^2 with the Gram matrices G of the picture and A of the style (after Gatys et al. 2016, eq. 4).

    Where the paper divides by 4 C^2 (H W)^2, the target's own norm gives every layer and network the same scale.

    Args:
        layer: Name of the layer.
        target: `moments` of the style; a tensor or a variable of Gram matrices (1, C, C) will do for 'raw' / 'weight'.
        place: Index of the mask that says where; None: everywhere. Soft: a place counts as much as its weight
            (after Gatys et al. 2017, eq. 4, whose guidance channels enter squared).
    """

    def value(sums):
        return tf.reduce_mean(_relative(gram(sums), gram(target)))

    return SummedLoss(layer, lambda features: moments(features, layer, place), value)


def mean_covariance_loss(layer: str, target: Sums, place: int | None = None) -> SummedLoss:
    """Half the relative square distance of the channels' means, and half that of their covariances.

    It tells apart what a Gram matrix mixes up: a strong mean and a strong variation (Li et al. 2017, "Demystifying
    neural style transfer", section 4.2, whose BN statistics are its diagonal).

    Args:
        layer, target, place: As for `gram_loss`.
    """

    def value(sums):
        first = _relative(mean(sums), mean(target))
        return tf.reduce_mean(0.5 * (first + _relative(covariance(sums), covariance(target))))

    return SummedLoss(layer, lambda features: moments(features, layer, place), value)


NEWTON_SCHULZ_STEPS = 14


@tf.custom_gradient
def trace_of_root(matrix: tf.Tensor) -> tf.Tensor:
    """The trace of the square root of positive semidefinite matrices, (N, C, C) to (N,), by Newton-Schulz.

    The coupled iteration (Higham 2008, "Functions of matrices", eq. 6.35) gives M^1/2 and M^-1/2 in matrix products
    alone; d tr M^1/2 = tr(M^-1/2 dM) / 2, so that nothing of it has to be kept for the way back. A ridge of 1e-6 of the
    trace keeps the inverse finite, where there are fewer places than channels.
    """
    depth = matrix.shape[-1]
    unit = tf.eye(depth, dtype=matrix.dtype)
    matrix += (1e-6 * tf.linalg.trace(matrix)[:, None, None] + 1e-12) * unit
    scale = tf.norm(matrix, axis=[1, 2], keepdims=True)

    def better(step, root, inverse):
        towards = 0.5 * (3 * unit - tf.matmul(inverse, root))
        return step + 1, tf.matmul(root, towards), tf.matmul(towards, inverse)

    start = tf.constant(0), matrix / scale, tf.broadcast_to(unit, tf.shape(matrix))
    _, root, inverse = tf.while_loop(
        lambda step, *_: step < NEWTON_SCHULZ_STEPS, better, start,
        shape_invariants=(tf.TensorShape([]), matrix.shape, tf.TensorShape(matrix.shape)),
    )  # fmt: skip
    length = tf.sqrt(scale)

    def gradient(upstream):
        return upstream[:, None, None] * 0.5 * inverse / length

    return tf.linalg.trace(root) * length[:, 0, 0], gradient


def matrix_root(matrix: tf.Tensor) -> tf.Tensor:
    """The square root of a symmetric positive semidefinite matrix, by its eigenvectors; for targets."""
    values, vectors = tf.linalg.eigh(matrix)
    return tf.matmul(vectors * tf.sqrt(tf.nn.relu(values))[..., None, :], vectors, transpose_b=True)


def wasserstein_loss(layer: str, target: Sums, place: int | None = None) -> SummedLoss:
    """The square of the Wasserstein-2 distance between the Gaussians with the features' mean and covariance, relative.

    |m - m'|^2 + tr(S + S' - 2 (S'^1/2 S S'^1/2)^1/2), divided by |m'|^2 + tr S' (Dowson and Landau 1982; as a style
    loss in K. Crowson's style-transfer-pytorch).

    Args:
        layer, target, place: As for `gram_loss`; beside the moments, target['root'] is `matrix_root` of their
            covariance.
    """

    def value(sums):
        centre, wanted = mean(sums), mean(target)
        spread, root = covariance(sums), target['root']
        product = tf.matmul(root, tf.matmul(spread, root))
        wanted_trace = tf.linalg.trace(covariance(target))
        apart = _squares(centre - wanted) + tf.linalg.trace(spread) + wanted_trace - 2 * trace_of_root(product)
        return tf.reduce_mean(tf.math.divide_no_nan(apart, _squares(wanted) + wanted_trace))

    return SummedLoss(layer, lambda features: moments(features, layer, place), value)


HISTOGRAM_BINS = 256


def histogram(features: Features, layer: str, top: tf.Tensor, place: int | None = None) -> tf.Tensor:
    """How often each channel has which value: (C, HISTOGRAM_BINS), from 0 to `top` (C,); values beyond go to the ends.

    For pictures one at a time. Channels are those of a layer that is never negative.
    """
    activation = tf.stop_gradient(features[layer])
    depth = activation.shape[-1]
    flat = tf.reshape(activation, [-1, depth])
    bins = tf.cast(tf.math.divide_no_nan(flat, top) * HISTOGRAM_BINS, tf.int32)
    bins = tf.clip_by_value(bins, 0, HISTOGRAM_BINS - 1) + HISTOGRAM_BINS * tf.range(depth)
    weights = weights_of(features, layer, place)
    counts = tf.ones_like(flat) if weights is None else tf.ones_like(flat) * tf.reshape(weights, [-1, 1])
    total = tf.math.unsorted_segment_sum(tf.reshape(counts, [-1]), tf.reshape(bins, [-1]), depth * HISTOGRAM_BINS)
    return tf.reshape(total, [depth, HISTOGRAM_BINS])


def histogram_loss(layer: str, target: Sums, place: int | None = None) -> SummedLoss:
    """Mean square distance of each channel from itself with the style's histogram, relative to the style's mean square.

    Risser, Wilmot, Barnes 2017, "Stable and controllable neural texture synthesis and style transfer using histogram
    losses", eq. 8: the matched activation is held fixed for the gradient.

    Args:
        layer, target, place: As for `gram_loss`; beside the moments, target['top'] (C,) is each channel's largest value
            of interest, target['histogram'] what `histogram` gives for the style with it.
    """

    def survey(features):
        return histogram(features, layer, target['top'], place)

    def matched(flat, counts):
        """Each value replaced by the style's at the same quantile."""
        ours, theirs = _cumulated(counts), _cumulated(target['histogram'])
        edges = _quantile_positions(theirs, ours)  # (C, bins + 1): our bins' edges -> where the style has as much
        position = tf.clip_by_value(tf.math.divide_no_nan(flat, target['top']) * HISTOGRAM_BINS, 0, HISTOGRAM_BINS)
        low = tf.minimum(tf.floor(position), HISTOGRAM_BINS - 1)
        index = tf.cast(low, tf.int32) + (HISTOGRAM_BINS + 1) * tf.range(flat.shape[-1])
        table = tf.reshape(edges, [-1])
        below, above = tf.gather(table, index), tf.gather(table, index + 1)
        return (below + (position - low) * (above - below)) / HISTOGRAM_BINS * target['top']

    def sums(features, counts):
        activation = features[layer]
        flat = tf.reshape(activation, [-1, activation.shape[-1]])
        wanted = tf.stop_gradient(matched(tf.stop_gradient(flat), counts))
        squares = tf.math.squared_difference(flat, wanted)
        weights = weights_of(features, layer, place)
        squares = squares if weights is None else squares * tf.reshape(weights, [-1, 1])
        return tf.reduce_sum(squares) / tf.reduce_sum(counts[0])

    def value(total):
        return total / tf.linalg.trace(gram(target))[0]

    return SummedLoss(layer, sums, value, linear=True, survey=survey)


def _cumulated(counts: tf.Tensor) -> tf.Tensor:
    """Counts (C, bins) to the share that is below each edge, (C, bins + 1), strictly rising."""
    shares = tf.math.divide_no_nan(counts, tf.reduce_sum(counts, 1, keepdims=True)) + 1e-6
    shares /= tf.reduce_sum(shares, 1, keepdims=True)
    return tf.pad(tf.cumsum(shares, axis=1), [[0, 0], [1, 0]])


def _quantile_positions(cumulated: tf.Tensor, wanted: tf.Tensor) -> tf.Tensor:
    """Where, in bins, a rising (C, bins + 1) reaches each of the values `wanted`, (C, K): linear between edges."""
    top = cumulated.shape[1] - 1
    low = tf.clip_by_value(tf.searchsorted(cumulated, wanted, side='right') - 1, 0, top - 1)
    below = tf.gather(cumulated, low, batch_dims=1)
    above = tf.gather(cumulated, low + 1, batch_dims=1)
    part = tf.math.divide_no_nan(wanted - below, above - below)
    return tf.cast(low, cumulated.dtype) + tf.clip_by_value(part, 0, 1)


def content_loss(layer: str, place: int | None = None) -> SummedLoss:
    """|F - P|^2 / |P - mean P|^2: how far a layer is from the content's, 1 where nothing of it is left but the mean.

    Gatys et al. 2016, eq. 1, relative to the spread of the content's features, so that its scale is the same for every
    network, layer and size. The target is among the features, as ('content', layer), and its spread over all places as
    ('spread', layer): the sum over places and channels.

    Args:
        layer: Name of the layer.
        place: Index of the mask that says where; None: everywhere.
    """

    def sums(features):
        squares = tf.math.squared_difference(features[layer], features['content', layer])
        weights = weights_of(features, layer, place)
        squares = squares if weights is None else squares * weights
        return tf.math.divide_no_nan(tf.reduce_sum(squares), features['spread', layer])

    return SummedLoss(layer, sums, lambda total: total, linear=True)


STYLE_LOSSES = {
    'gram': gram_loss,
    'covariance': mean_covariance_loss,
    'wasserstein': wasserstein_loss,
    'histogram': histogram_loss,
}
