"""Losses: each is built with its target and maps features to a scalar that is to be minimised.

Features are a mapping from layer names to float32 activations (N, H, W, C); the image itself, in [0, 1], is 'input'.
"""

from collections.abc import Callable, Mapping

from stylegen.backend import tf

Features = Mapping[str, tf.Tensor]
Loss = Callable[[Features], tf.Tensor]

DREAM_MEASURES = {'mean_square': lambda a: tf.reduce_mean(tf.square(a)), 'mean': tf.reduce_mean}


def dream_loss(layer: str, measure: str = 'mean_square') -> Loss:
    """The negative activity of a layer, so that minimising it makes the layer more active.

    Args:
        layer: Name of the layer.
        measure: 'mean_square', the mean of squares: its gradient is parallel to the one of Mordvintsev et al. (2015,
            "Inceptionism", code), who seed the backward pass with the activation itself. 'mean': the TensorFlow
            tutorial's.
    """
    activity = DREAM_MEASURES[measure]
    return lambda features: -activity(features[layer])


def content_loss(layer: str, target: tf.Tensor) -> Loss:
    """Mean square difference of a layer's activations from `target` (Gatys et al. 2016, eq. 1, but a mean)."""
    return lambda features: tf.reduce_mean(tf.math.squared_difference(features[layer], target))


def gram_matrix(activation: tf.Tensor) -> tf.Tensor:
    """Channel correlations: (N, H, W, C) to (N, C, C), divided by H * W (Gatys et al. 2016, eq. 3, but a mean).

    The division makes the matrix independent of the picture's size, so that one style target serves every size.
    """
    shape = tf.shape(activation)
    flat = tf.reshape(activation, [shape[0], shape[1] * shape[2], activation.shape[-1]])
    return tf.matmul(flat, flat, transpose_a=True) / tf.cast(shape[1] * shape[2], activation.dtype)


def gram_loss(layer: str, target: tf.Tensor) -> Loss:
    """Relative square distance of Gram matrices, |G - A|^2 / |A|^2 with A = `target` (after Gatys et al. 2016, eq. 4).

    Dividing by the target's own norm, where the paper divides by 4 C^2 (H W)^2, gives every layer and every network
    the same scale: 0 at the target, 1 for a picture without any activity.
    """
    norm = tf.reduce_sum(tf.square(target))
    return lambda features: tf.reduce_sum(tf.math.squared_difference(gram_matrix(features[layer]), target)) / norm


def total_variation_loss(layer: str = 'input') -> Loss:
    """Mean square of the differences between neighbours, both directions (Mahendran and Vedaldi 2015, beta = 2)."""

    def loss(features: Features) -> tf.Tensor:
        image = features[layer]
        down = tf.reduce_mean(tf.square(image[:, 1:] - image[:, :-1]))
        across = tf.reduce_mean(tf.square(image[:, :, 1:] - image[:, :, :-1]))
        return down + across

    return loss
