"""Random views of a picture, so that the result does not depend on single pixels: transformation robustness.

Olah, Mordvintsev, Schubert (2017), "Feature Visualization", Distill, section "Transformation robustness"; jitter is
from Mordvintsev et al. (2015), "Inceptionism". Views have the size of the picture and mirror it beyond its borders.
"""

import math

from stylegen.optimize.stateless_random import draw_uniform
from stylegen.utils.backend import tf


def _mirrored(position, size):
    """Reflects positions on an axis of `size` pixels into the picture, at the centres of the outermost pixels."""
    last = tf.cast(size - 1, position.dtype)
    return last - tf.abs(last - tf.math.floormod(position, tf.maximum(2 * last, 1)))


def resample(images: tf.Tensor, zoom: tf.Tensor, angle: tf.Tensor, shift: tf.Tensor) -> tf.Tensor:
    """Zooms and rotates pictures about their centre, then shifts them. Bilinear, with mirrored borders.

    Args:
        images: (N, H, W, C).
        zoom: (N,), above 1 enlarges.
        angle: (N,), in radians, counter-clockwise.
        shift: (N, 2), pixels down and to the right; whole pixels are exact.

    Returns:
        (N, H, W, C). The gradient is exact, for the pictures only.
    """
    count, height, width, channels = tf.unstack(tf.shape(images))
    kind = images.dtype
    centre = tf.cast(tf.stack([height, width]) - 1, kind) / 2
    zoom, angle, shift = (tf.cast(value, kind) for value in (zoom, angle, shift))
    down = tf.cast(tf.range(height), kind)[None, :, None] - centre[0] - shift[:, 0, None, None]
    across = tf.cast(tf.range(width), kind)[None, None, :] - centre[1] - shift[:, 1, None, None]
    cosine, sine = ((f(angle) / zoom)[:, None, None] for f in (tf.cos, tf.sin))
    y = _mirrored(cosine * down + sine * across + centre[0], height)
    x = _mirrored(cosine * across - sine * down + centre[1], width)
    top, left = tf.floor(y), tf.floor(x)
    below, beside = (y - top)[..., None], (x - left)[..., None]
    rows, columns = tf.cast(top, tf.int32), tf.cast(left, tf.int32)
    flat = tf.reshape(images, [count, height * width, channels])

    def at(row, column):
        index = tf.minimum(rows + row, height - 1) * width + tf.minimum(columns + column, width - 1)
        return tf.gather(flat, index, batch_dims=1)

    upper = (1 - beside) * at(0, 0) + beside * at(0, 1)
    lower = (1 - beside) * at(1, 0) + beside * at(1, 1)
    return tf.ensure_shape((1 - below) * upper + below * lower, images.shape)


def random_views(images: tf.Tensor, key: tf.Tensor, jitter: int, scale: float, rotation: float) -> tf.Tensor:
    """Moves every picture of a batch a little, at random from `key`, see `stateless_random`.

    Args:
        images: (N, H, W, C).
        key: Pair of int32, seed and step.
        jitter: Shifts by -jitter..jitter whole pixels in each direction.
        scale: Zooms by 1 - scale..1 + scale.
        rotation: Rotates by -rotation..rotation degrees.

    Returns:
        (N, H, W, C).
    """
    uniform = tf.reshape(draw_uniform(key, 4 * tf.shape(images)[0]), [-1, 4])
    signed = 2 * uniform - 1
    shift = tf.floor(uniform[:, :2] * (2 * jitter + 1)) - jitter
    return resample(images, 1 + scale * signed[:, 2], math.radians(rotation) * signed[:, 3], shift)
