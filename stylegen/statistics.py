"""Losses on the statistics of features: what is summed over places, and how far the sums are from a style's.

A style is what remains when places are forgotten. Each loss here is therefore made of two halves: `sums`, which adds up
over the places of a map, so that it can be had tile by tile, and `value`, a function of the sums alone. As a `Loss` it
is the one after the other. All of them are relative: 0 at the target, about 1 for a map without any activity, whatever
the network, the layer and the size of the picture. For a batch they are the mean over its pictures.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from stylegen.backend import has_gpu, tf
from stylegen.losses import Features, weights_of

Sums = Any  # a nest of tensors, additive over places


@dataclass(frozen=True, eq=False)
class SummedLoss:
    """A loss that is a function of sums over the places of one layer.

    Attributes:
        layer: Whose activations are summed.
        sums: Features to a nest of tensors that adds up over the places of a picture.
        value: The sums over all places to the loss.
        survey: None, or sums without a gradient that `sums` needs of the whole picture, as its second argument.
    """

    layer: str
    sums: Callable[..., Sums]
    value: Callable[[Sums], tf.Tensor]
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
    flat = tf.reshape(activation, [activation.shape[0] or shape[0], shape[1] * shape[2], activation.shape[-1]])
    weights = weights_of(features, layer, place)
    if weights is None:
        weight = tf.fill(shape[:1], tf.cast(shape[1] * shape[2], flat.dtype))
        return {'raw': _products(flat), 'first': tf.reduce_sum(flat, 1), 'weight': weight}
    column = tf.reshape(tf.cast(weights, flat.dtype), [shape[0], shape[1] * shape[2], 1])
    first = tf.reduce_sum(flat * column, 1)
    return {'raw': _products(flat, column), 'first': first, 'weight': tf.reduce_sum(column, [1, 2])}


def _products(flat: tf.Tensor, column: tf.Tensor | None = None) -> tf.Tensor:
    """The products of channels, (N, places, C) to (N, C, C), summed over places that count as `column` says.

    The two factors are one map, so that its gradient takes one matrix product and not two. There is none for `column`.
    """

    def weighted(x):
        return x if column is None else x * column

    @tf.custom_gradient
    def product(x):
        def gradient(upstream):
            return weighted(_matmul(x, upstream + tf.linalg.matrix_transpose(upstream)))

        return _matmul(weighted(x), x, transpose_a=True), gradient

    return product(flat)


def _matmul(a: tf.Tensor, b: tf.Tensor, transpose_a: bool = False) -> tf.Tensor:
    """The matrix products of two batches. Those of a single picture take up to half the time as plain matrices."""
    if a.shape[0] == 1:
        return tf.matmul(tf.squeeze(a, 0), tf.squeeze(b, 0), transpose_a=transpose_a)[None]
    return tf.matmul(a, b, transpose_a=transpose_a)


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
    its: that keeps it finite where there are fewer places than channels.
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


def _common(root: tf.Tensor, spread: tf.Tensor) -> tf.Tensor:
    """How much of two covariances is common to both, tr (S'^1/2 S S'^1/2)^1/2 of S'^1/2 and S, (N,)."""
    precise = tf.float64 if has_gpu() else spread.dtype  # a GPU multiplies float32 by 10 bits, too few for a root
    wide = tf.cast(root, precise)
    return tf.cast(trace_of_root(tf.matmul(wide, tf.matmul(tf.cast(spread, precise), wide))), spread.dtype)


def for_wasserstein(sums: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """What `wasserstein_loss` wants of a style beside its moments: 'root' (1, C, C) of their covariance, 'own' (1,)."""
    root = matrix_root(covariance(sums))
    return {'root': root, 'own': _common(root, covariance(sums))}


def wasserstein_loss(layer: str, target: Sums, place: int | None = None) -> SummedLoss:
    """The square of the Wasserstein-2 distance between the Gaussians with the features' mean and covariance, relative.

    |m - m'|^2 + tr(S + S' - 2 (S'^1/2 S S'^1/2)^1/2), divided by |m'|^2 + tr S' (Dowson and Landau 1982; as a style
    loss in K. Crowson's style-transfer-pytorch). What `trace_of_root` leaves out of small roots cancels: it is left out
    of the style's own as well, of which tr S' is twice the trace of the root, less itself.

    Args:
        layer, target, place: As for `gram_loss`; beside the moments what `for_wasserstein` gives.
    """

    def value(sums):
        centre, wanted = mean(sums), mean(target)
        spread, wanted_trace = covariance(sums), tf.linalg.trace(covariance(target))
        apart = _squares(centre - wanted) + tf.linalg.trace(spread) - wanted_trace
        apart += 2 * (target['own'] - _common(target['root'], spread))
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
    losses", eq. 8: the matched activation is held fixed for the gradient. A channel that is 0 everywhere is matched
    with 0, for one value has no quantiles; Gram matrices tell it apart.

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
        return tf.math.divide_no_nan(tf.reduce_sum(squares), tf.reduce_sum(counts[0]))

    def value(total):
        return total / tf.linalg.trace(gram(target))[0]

    return SummedLoss(layer, sums, value, survey=survey)


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

    return SummedLoss(layer, sums, lambda total: total)


STYLE_LOSSES = {
    'gram': gram_loss,
    'covariance': mean_covariance_loss,
    'wasserstein': wasserstein_loss,
    'histogram': histogram_loss,
}
