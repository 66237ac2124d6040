"""Losses on statistics of features: sums over positions, compared with those of a style.

A style ignores positions. So each loss here has two parts: `sums`, which is additive over the positions of a map and
can be computed tile by tile, and `value`, a function of the sums alone. Called as a `Loss`, it computes one after the
other. All losses are relative: 0 at the target and about 1 for a map without activity, for any network, layer and
picture size. For a batch they are the mean over its pictures.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from stylegen.losses.features import Features, Loss, position_weights
from stylegen.losses.histograms import histogram, matched_values
from stylegen.losses.moments import central_moments, covariance, gram, mean, moments
from stylegen.losses.wasserstein import Distance, distances
from stylegen.utils.backend import tf

Sums = Any  # nested tensors, additive over positions


@dataclass(frozen=True, eq=False)
class SummedLoss:
    """A loss that is a function of sums over the positions of one layer.

    Attributes:
        layer: The layer whose activations are summed.
        sums: Maps features to nested tensors that are additive over the positions of a picture.
        of_whole_picture: Maps the features of a whole picture to another input of `value`, with fewer operations. None:
            use `sums`.
        value: Maps the sums over all positions to the loss, in their precision.
        first_pass: None, or sums of the whole picture without a gradient that `sums` takes as its second argument.
    """

    layer: str
    sums: Callable[..., Sums]
    of_whole_picture: Callable[[Features], Sums] | None
    value: Callable[[Sums], tf.Tensor]
    first_pass: Callable[[Features], Sums] | None = None

    def sums_of(self, features: Features) -> Sums:
        """Returns the sums over a whole picture."""
        if self.first_pass is not None:
            return self.sums(features, self.first_pass(features))
        return (self.of_whole_picture or self.sums)(features)

    def __call__(self, features: Features) -> tf.Tensor:
        """Returns the loss of a whole picture, in the precision of the features or float32."""
        value, dtype = self.value(self.sums_of(features)), features[self.layer].dtype
        return tf.cast(value, tf.float32 if dtype.size < 4 else dtype)


def values_of(losses: Sequence[SummedLoss], totals: Sequence[Sums]) -> list[tf.Tensor]:
    """Returns the values of losses for their sums over all positions.

    Matrix roots of several losses are computed together.
    """
    of_styles = {number: loss.value for number, loss in enumerate(losses) if isinstance(loss.value, Distance)}
    found = distances(list(of_styles.values()), [totals[number] for number in of_styles])
    ready = dict(zip(of_styles, found, strict=True))
    return [ready[number] if number in ready else loss.value(totals[number]) for number, loss in enumerate(losses)]


def _moments_of(layer: str, region: int | None) -> tuple[Callable[[Features], Sums], Callable[[Features], Sums]]:
    """Returns two functions of features: sums of a window, which are additive, and sums of a whole picture."""
    return lambda features: moments(features, layer, region), lambda features: central_moments(features, layer, region)


def _squares(x: tf.Tensor) -> tf.Tensor:
    """Returns the sum of squares of each member of a batch, (N,)."""
    return tf.reduce_sum(tf.square(x), list(range(1, len(x.shape))))


def _relative(x: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    target = tf.cast(target, x.dtype)
    return tf.math.divide_no_nan(_squares(x - target), _squares(target))


def gram_loss(layer: str, target: Sums, region: int | None = None) -> SummedLoss:
    """Returns |G - A|^2 / |A|^2 for the Gram matrices G of the picture and A of the style.

    Gatys et al. 2016, eq. 4, divide by 4 C^2 (H W)^2. Dividing by the target's own norm gives every layer and network
    the same scale.

    Args:
        layer: Name of the layer.
        target: `moments` of the style. Gram matrices (1, C, C) as 'second_moment', with a 'weight' of 1, are enough.
        region: Index of the mask to apply; None: everywhere. A position counts as much as its mask (after Gatys et al.
            2017, eq. 4, where guidance channels are squared).

    Example:
        from stylegen.losses.moments import moments

        target = moments(extractor(style), 'block1_conv1')
        term = Term('style', 1.0, gram_loss('block1_conv1', target))
    """

    def value(sums):
        return tf.reduce_mean(_relative(gram(sums), gram(target)))

    return SummedLoss(layer, *_moments_of(layer, region), value)


def mean_covariance_loss(layer: str, target: Sums, region: int | None = None) -> SummedLoss:
    """Returns half the relative squared distance of the channels' means, plus half that of their covariances.

    It separates what a Gram matrix mixes: a high mean and a high variance (Li et al. 2017, "Demystifying neural style
    transfer", section 4.2, whose BN statistics are its diagonal).

    Args:
        layer, target, region: As for `gram_loss`.
    """

    def value(sums):
        first = _relative(mean(sums), mean(target))
        return tf.reduce_mean(0.5 * (first + _relative(covariance(sums), covariance(target))))

    return SummedLoss(layer, *_moments_of(layer, region), value)


def wasserstein_loss(layer: str, target: Sums, region: int | None = None) -> SummedLoss:
    """Returns the relative squared Wasserstein-2 distance between Gaussians with the features' mean and covariance.

    |m - m'|^2 + tr(S + S' - 2 (S'^1/2 S S'^1/2)^1/2), divided by |m'|^2 + tr S' (Dowson and Landau 1982; as a style
    loss in K. Crowson's style-transfer-pytorch). The root is too small if eigenvalues are small. So tr S' is written as
    2 tr (S'^1/2 S' S'^1/2)^1/2 - tr S': its first part has the same error as the cross term, and the two cancel.

    Args:
        layer, region: As for `gram_loss`.
        target: The result of `wasserstein_target` for the style.

    Example:
        from stylegen.losses.moments import moments
        from stylegen.losses.wasserstein import wasserstein_target

        target = wasserstein_target(moments(extractor(style), 'block1_conv1'))
        loss = wasserstein_loss('block1_conv1', target)
    """
    return SummedLoss(layer, *_moments_of(layer, region), Distance(target))


def histogram_loss(layer: str, target: Sums, region: int | None = None) -> SummedLoss:
    """Returns the mean squared distance of each channel from itself with the style's histogram, relative to the style.

    Risser, Wilmot, Barnes 2017, "Stable and controllable neural texture synthesis and style transfer using histogram
    losses", eq. 8: the matched activation is constant for the gradient. The distance is divided by the style's mean
    square. A channel that is 0 everywhere is matched with 0, because one value has no quantiles; Gram matrices can tell
    it apart.

    Args:
        layer, target, region: As for `gram_loss`. Besides the moments, target['top'] (C,) is each channel's largest
            value of interest, and target['histogram'] the style's `histogram` with it.
    """

    def first_pass(features):
        return histogram(features, layer, target['top'], region)

    def sums(features, counts):
        activation = tf.cast(features[layer], target['top'].dtype)
        flat = tf.reshape(activation, [-1, activation.shape[-1]])
        wanted = tf.stop_gradient(matched_values(tf.stop_gradient(flat), counts, target['histogram'], target['top']))
        squares = tf.math.squared_difference(flat, wanted)
        weights = position_weights(features, layer, region)
        squares = squares if weights is None else squares * tf.reshape(weights, [-1, 1])
        return tf.math.divide_no_nan(tf.reduce_sum(squares), tf.reduce_sum(counts[0]))

    def value(total):
        return tf.math.divide_no_nan(total, tf.cast(tf.linalg.trace(gram(target))[0], total.dtype))

    return SummedLoss(layer, sums, None, value, first_pass=first_pass)


def diversity_loss(layer: str) -> Loss:
    """Returns how alike the pictures of a batch are: the mean cosine between the Gram matrices of all pairs.

    Minimising it makes them different. It is 1 for equal pictures, at least 0 for activations that are never negative,
    and 0 for a batch of one. Olah, Mordvintsev, Schubert 2017, "Feature Visualization", section "Diversity", with a
    mean over pairs instead of their sum.
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
    """Returns |F - P|^2 / |P - mean P|^2: the distance of a layer from the content's; 1 if only the mean is left.

    Gatys et al. 2016, eq. 1, relative to the variance of the content's features, so that its scale is the same for
    every network, layer and size. The target P is among the features, as ('content', layer), and |P - mean P|^2, the
    sum over positions and channels, as ('total_variance', layer).
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
