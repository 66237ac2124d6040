"""Losses on the statistics of features: what is summed over positions, and how far the sums are from a style's.

A style is what remains when positions are forgotten. Each loss here is therefore made of two halves: `sums`, which adds
up over the positions of a map, so that it can be had tile by tile, and `value`, a function of the sums alone. As a
`Loss` it is the one after the other. All of them are relative: 0 at the target, about 1 for a map without any activity,
whatever the network, the layer and the size of the picture. For a batch they are the mean over its pictures.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from stylegen.losses.features import Features, Loss, weights_of
from stylegen.losses.histograms import histogram, matched
from stylegen.losses.moments import central_moments, covariance, gram, mean, moments
from stylegen.losses.wasserstein import Distance, distances
from stylegen.utils.backend import tf

Sums = Any  # a nest of tensors, additive over positions


@dataclass(frozen=True, eq=False)
class SummedLoss:
    """A loss that is a function of sums over the positions of one layer.

    Attributes:
        layer: Whose activations are summed.
        sums: Features to a nest of tensors that adds up over the positions of a picture.
        at_once: Features of a whole picture to what `value` takes too, in fewer operations; None: `sums` does it.
        value: The sums over all positions to the loss, in their precision.
        survey: None, or sums without a gradient that `sums` needs of the whole picture, as its second argument.
    """

    layer: str
    sums: Callable[..., Sums]
    at_once: Callable[[Features], Sums] | None
    value: Callable[[Sums], tf.Tensor]
    survey: Callable[[Features], Sums] | None = None

    def of(self, features: Features) -> Sums:
        """The sums over a picture whose features are all there."""
        if self.survey is not None:
            return self.sums(features, self.survey(features))
        return (self.at_once or self.sums)(features)

    def __call__(self, features: Features) -> tf.Tensor:
        """The loss of a picture whose features are all there, in their precision or float32."""
        value, dtype = self.value(self.of(features)), features[self.layer].dtype
        return tf.cast(value, tf.float32 if dtype.size < 4 else dtype)


def values_of(losses: Sequence[SummedLoss], totals: Sequence[Sums]) -> list[tf.Tensor]:
    """The values of losses of their sums over all positions; the roots that several take are taken together."""
    of_styles = {number: loss.value for number, loss in enumerate(losses) if isinstance(loss.value, Distance)}
    found = distances(list(of_styles.values()), [totals[number] for number in of_styles])
    ready = dict(zip(of_styles, found, strict=True))
    return [ready[number] if number in ready else loss.value(totals[number]) for number, loss in enumerate(losses)]


def _moments_of(layer: str, region: int | None) -> tuple[Callable[[Features], Sums], Callable[[Features], Sums]]:
    """The sums of windows of a picture, which add up, and those of the whole picture at once."""
    return lambda features: moments(features, layer, region), lambda features: central_moments(features, layer, region)


def _squares(x: tf.Tensor) -> tf.Tensor:
    """The sum of squares of each member of a batch, (N,)."""
    return tf.reduce_sum(tf.square(x), list(range(1, len(x.shape))))


def _relative(x: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    target = tf.cast(target, x.dtype)
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

    return SummedLoss(layer, *_moments_of(layer, region), value)


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

    return SummedLoss(layer, *_moments_of(layer, region), value)


def wasserstein_loss(layer: str, target: Sums, region: int | None = None) -> SummedLoss:
    """The square of the Wasserstein-2 distance between the Gaussians with the features' mean and covariance, relative.

    |m - m'|^2 + tr(S + S' - 2 (S'^1/2 S S'^1/2)^1/2), divided by |m'|^2 + tr S' (Dowson and Landau 1982; as a style
    loss in K. Crowson's style-transfer-pytorch). The root underestimates where eigenvalues are small. tr S' is
    therefore written as 2 tr (S'^1/2 S' S'^1/2)^1/2 - tr S': its first part has the same error as the cross term, and
    the two cancel.

    Args:
        layer, region: As for `gram_loss`.
        target: What `for_wasserstein` gives for the style.
    """
    return SummedLoss(layer, *_moments_of(layer, region), Distance(target))


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
        activation = tf.cast(features[layer], target['top'].dtype)
        flat = tf.reshape(activation, [-1, activation.shape[-1]])
        wanted = tf.stop_gradient(matched(tf.stop_gradient(flat), counts, target['histogram'], target['top']))
        squares = tf.math.squared_difference(flat, wanted)
        weights = weights_of(features, layer, region)
        squares = squares if weights is None else squares * tf.reshape(weights, [-1, 1])
        return tf.math.divide_no_nan(tf.reduce_sum(squares), tf.reduce_sum(counts[0]))

    def value(total):
        return tf.math.divide_no_nan(total, tf.cast(tf.linalg.trace(gram(target))[0], total.dtype))

    return SummedLoss(layer, sums, None, value, survey=survey)


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
        content = features['content', layer]
        squares = tf.math.squared_difference(tf.cast(features[layer], content.dtype), content)
        return tf.math.divide_no_nan(tf.reduce_sum(squares), features['total_variance', layer])

    return SummedLoss(layer, sums, None, lambda total: total)


STYLE_LOSSES = {
    'gram': gram_loss,
    'covariance': mean_covariance_loss,
    'wasserstein': wasserstein_loss,
    'histogram': histogram_loss,
}
