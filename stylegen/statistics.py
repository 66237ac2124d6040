"""Losses on the statistics of features: what is summed over positions, and how far the sums are from a style's.

A style is what remains when positions are forgotten. Each loss here is therefore made of two halves: `sums`, which adds
up over the positions of a map, so that it can be had tile by tile, and `value`, a function of the sums alone. As a
`Loss` it is the one after the other. All of them are relative: 0 at the target, about 1 for a map without any activity,
whatever the network, the layer and the size of the picture. For a batch they are the mean over its pictures.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from stylegen.backend import tf
from stylegen.histograms import histogram, matched
from stylegen.losses import Features, Loss, weights_of
from stylegen.matrix_roots import common_trace, matrix_root
from stylegen.moments import covariance, gram, mean, moments

Sums = Any  # a nest of tensors, additive over positions

FLOOR = 100  # rounding errors of the mean variance
FLAT = 1e-5  # a deviation in units of the mean's length, far below what the eye sees


@dataclass(frozen=True, eq=False)
class SummedLoss:
    """A loss that is a function of sums over the positions of one layer.

    Attributes:
        layer: Whose activations are summed.
        sums: Features to a nest of tensors that adds up over the positions of a picture.
        value: The sums over all positions to the loss, float64 where the sums are.
        survey: None, or sums without a gradient that `sums` needs of the whole picture, as its second argument.
    """

    layer: str
    sums: Callable[..., Sums]
    value: Callable[[Sums], tf.Tensor]
    survey: Callable[[Features], Sums] | None = None

    def __call__(self, features: Features) -> tf.Tensor:
        """The loss of a picture whose features are all there."""
        surveyed = () if self.survey is None else (self.survey(features),)
        return tf.cast(self.value(self.sums(features, *surveyed)), features[self.layer].dtype)


def _squares(x: tf.Tensor) -> tf.Tensor:
    """The sum of squares of each member of a batch, (N,)."""
    return tf.reduce_sum(tf.square(x), list(range(1, len(x.shape))))


def _relative(x: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    return tf.math.divide_no_nan(_squares(x - target), _squares(target))


def gram_loss(layer: str, target: Sums, region: int | None = None) -> SummedLoss:
    """|G - A|^2 / |A|^2 with the Gram matrices G of the picture and A of the style (after Gatys et al. 2016, eq. 4).

    Where the paper divides by 4 C^2 (H W)^2, the target's own norm gives every layer and network the same scale.

    Args:
        layer: Name of the layer.
        target: `moments` of the style; of Gram matrices (1, C, C) as 'second_moment', with a 'weight' of 1, it will do.
        region: Index of the mask that says where; None: everywhere. Soft: a position counts as much as its weight
            (after Gatys et al. 2017, eq. 4, whose guidance channels enter squared).
    """

    def value(sums):
        return tf.reduce_mean(_relative(gram(sums), gram(target)))

    return SummedLoss(layer, lambda features: moments(features, layer, region), value)


def mean_covariance_loss(layer: str, target: Sums, region: int | None = None) -> SummedLoss:
    """Half the relative square distance of the channels' means, and half that of their covariances.

    It tells apart what a Gram matrix mixes up: a strong mean and a strong variation (Li et al. 2017, "Demystifying
    neural style transfer", section 4.2, whose BN statistics are its diagonal).

    Args:
        layer, target, region: As for `gram_loss`.
    """

    def value(sums):
        first = _relative(mean(sums), mean(target))
        return tf.reduce_mean(0.5 * (first + _relative(covariance(sums), covariance(target))))

    return SummedLoss(layer, lambda features: moments(features, layer, region), value)


def for_wasserstein(sums: Mapping[str, tf.Tensor], dtype: tf.DType = tf.float32) -> dict[str, tf.Tensor]:
    """What `wasserstein_loss` needs of a style beside its moments.

    Args:
        sums: `moments` of the style.
        dtype: Of the roots, those of the loss too.

    Returns:
        'root' (1, C, C), that of the covariance, of `dtype`, and 'own' (1,), what the style has in common with itself.
    """
    root = tf.cast(matrix_root(covariance(sums)), dtype)
    return {'root': root, 'own': _in_common(root, sums)}


def _in_common(root: tf.Tensor, sums: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """`common_trace` of a style's root and the covariance of `sums`, (N,), in the root's precision.

    The covariance has a little added to its diagonal, lest rounding errors make an eigenvalue negative: as much as a
    hundred of them come to, in units of the mean variance, and what a deviation of 1e-5 of the mean comes to, for a
    picture of one colour.
    """
    matrix, mean_squares = covariance(sums), tf.linalg.trace(gram(sums))
    floor = FLOOR * np.finfo(root.dtype.as_numpy_dtype).eps * tf.linalg.trace(matrix) + FLAT**2 * mean_squares
    unit = tf.eye(root.shape[-1], dtype=matrix.dtype) / root.shape[-1]
    return common_trace(root, matrix + floor[:, None, None] * unit)


def wasserstein_loss(layer: str, target: Sums, region: int | None = None) -> SummedLoss:
    """The square of the Wasserstein-2 distance between the Gaussians with the features' mean and covariance, relative.

    |m - m'|^2 + tr(S + S' - 2 (S'^1/2 S S'^1/2)^1/2), divided by |m'|^2 + tr S' (Dowson and Landau 1982; as a style
    loss in K. Crowson's style-transfer-pytorch). `trace_of_root` underestimates where eigenvalues are small. tr S' is
    therefore written as 2 tr (S'^1/2 S' S'^1/2)^1/2 - tr S': its first part has the same error as the cross term, and
    the two cancel.

    Args:
        layer, target, region: As for `gram_loss`; beside the moments what `for_wasserstein` gives.
    """

    def value(sums):
        wanted, wanted_trace = mean(target), tf.linalg.trace(covariance(target))
        apart = _squares(mean(sums) - wanted) + tf.linalg.trace(covariance(sums)) - wanted_trace
        apart += 2 * (target['own'] - _in_common(target['root'], sums))
        return tf.reduce_mean(tf.math.divide_no_nan(apart, _squares(wanted) + wanted_trace))

    return SummedLoss(layer, lambda features: moments(features, layer, region), value)


def histogram_loss(layer: str, target: Sums, region: int | None = None) -> SummedLoss:
    """Mean square distance of each channel from itself with the style's histogram, relative to the style's mean square.

    Risser, Wilmot, Barnes 2017, "Stable and controllable neural texture synthesis and style transfer using histogram
    losses", eq. 8: the matched activation is held fixed for the gradient. A channel that is 0 everywhere is matched
    with 0, for one value has no quantiles; Gram matrices tell it apart.

    Args:
        layer, target, region: As for `gram_loss`; beside the moments, target['top'] (C,) is each channel's largest
            value of interest, target['histogram'] what `histogram` gives for the style with it.
    """

    def survey(features):
        return histogram(features, layer, target['top'], region)

    def sums(features, counts):
        activation = features[layer]
        flat = tf.reshape(activation, [-1, activation.shape[-1]])
        wanted = tf.stop_gradient(matched(tf.stop_gradient(flat), counts, target['histogram'], target['top']))
        squares = tf.math.squared_difference(flat, wanted)
        weights = weights_of(features, layer, region)
        squares = squares if weights is None else squares * tf.reshape(weights, [-1, 1])
        return tf.math.divide_no_nan(tf.reduce_sum(squares), tf.reduce_sum(counts[0]))

    def value(total):
        return tf.math.divide_no_nan(total, tf.cast(tf.linalg.trace(gram(target))[0], total.dtype))

    return SummedLoss(layer, sums, value, survey=survey)


def diversity_loss(layer: str) -> Loss:
    """How alike the pictures of a batch are: the mean over all pairs of the cosine between their Gram matrices.

    Minimising it pushes them apart. 1 for equal pictures, from 0 for activations that are never negative; 0 for a
    batch of one. Olah, Mordvintsev, Schubert 2017, "Feature Visualization", section "Diversity", but a mean over pairs
    where they take a sum.
    """

    def loss(features: Features) -> tf.Tensor:
        grams = tf.cast(gram(moments(features, layer)), features[layer].dtype)
        count = tf.shape(grams)[0]
        flat = tf.math.l2_normalize(tf.reshape(grams, [count, grams.shape[-1] ** 2]), axis=1)
        cosines = tf.matmul(flat, flat, transpose_b=True)
        others = 1 - tf.eye(count, dtype=flat.dtype)
        return tf.math.divide_no_nan(tf.reduce_sum(cosines * others), tf.reduce_sum(others))

    return loss


def content_loss(layer: str) -> SummedLoss:
    """|F - P|^2 / |P - mean P|^2: how far a layer is from the content's, 1 where nothing of it is left but the mean.

    Gatys et al. 2016, eq. 1, relative to the variance of the content's features, so that its scale is the same for
    every network, layer and size. The target is among the features, as ('content', layer), and |P - mean P|^2, the sum
    over positions and channels, as ('total_variance', layer).
    """

    def sums(features):
        squares = tf.math.squared_difference(features[layer], features['content', layer])
        return tf.math.divide_no_nan(tf.reduce_sum(squares), features['total_variance', layer])

    return SummedLoss(layer, sums, lambda total: total)


STYLE_LOSSES = {
    'gram': gram_loss,
    'covariance': mean_covariance_loss,
    'wasserstein': wasserstein_loss,
    'histogram': histogram_loss,
}
