"""Smoothing of an image's gradient: by Gaussians, and by the bands of a Laplacian pyramid."""

import numpy as np

from stylegen.networks.padding import extend
from stylegen.utils.backend import tf
from stylegen.utils.choices import SMOOTHINGS
from stylegen.utils.errors import unknown

GAUSSIAN_REACH = 8  # pixels at each side; the widest Gaussian of a run has sigma 5
LAPLACIAN_MARGIN = 64
BANDS = 4  # of a Laplacian pyramid
_BINOMIAL = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256.0


def gaussian_kernel(sigma: tf.Tensor) -> tf.Tensor:
    """A sampled Gaussian of 2 * GAUSSIAN_REACH + 1 taps that sum to 1."""
    taps = tf.range(-GAUSSIAN_REACH, GAUSSIAN_REACH + 1, dtype=tf.float32)
    weights = tf.exp(-tf.square(taps / sigma) / 2)
    return weights / tf.reduce_sum(weights)


def gaussian_blur(image: tf.Tensor, sigma: tf.Tensor, border: str = 'mirror') -> tf.Tensor:
    """(N, H, W, 3) blurred by a Gaussian of `sigma` pixels, each colour by itself; constants stay."""
    kernel = tf.tile(gaussian_kernel(sigma)[:, None, None, None], [1, 1, image.shape[-1], 1])
    image = extend(image, GAUSSIAN_REACH, border)
    image = tf.nn.depthwise_conv2d(image, kernel, [1, 1, 1, 1], 'VALID')
    return tf.nn.depthwise_conv2d(image, tf.transpose(kernel, [1, 0, 2, 3]), [1, 1, 1, 1], 'VALID')


def cascade(gradient: tf.Tensor, done: tf.Tensor, border: str = 'mirror') -> tf.Tensor:
    """The mean of three blurs, of sigma / 2, sigma and 2 sigma, with sigma = 2 done + 0.5.

    Large details late: `done`, the share of the steps that are done, runs from above 0 to 1. (A. Gordic's
    pytorch-deepdream; there with 9 taps.)
    """
    sigma = 2 * done + 0.5
    return tf.add_n([gaussian_blur(gradient, sigma * factor, border) for factor in (0.5, 1.0, 2.0)]) / 3


def _colour_kernel(channels: int) -> np.ndarray:
    return (_BINOMIAL[:, :, None, None] * np.eye(channels)).astype(np.float32)


def laplacian_split(image: tf.Tensor) -> list[tf.Tensor]:
    """The bands of an image from fine to coarse, and what is left below them: BANDS + 1 tensors.

    Burt and Adelson (1983), with the binomial kernel [1, 4, 6, 4, 1] in both directions.
    """
    kernel, parts = _colour_kernel(image.shape[-1]), []
    for _ in range(BANDS):
        low = tf.nn.conv2d(image, kernel, 2, 'SAME')
        parts.append(image - _enlarged(low, image, kernel))
        image = low
    return [*parts, image]


def laplacian_merge(parts: list[tf.Tensor]) -> tf.Tensor:
    """The image that `laplacian_split` was given."""
    image = parts[-1]
    kernel = _colour_kernel(image.shape[-1])
    for part in reversed(parts[:-1]):
        image = _enlarged(image, part, kernel) + part
    return image


def _enlarged(low, like, kernel):
    return tf.ensure_shape(tf.nn.conv2d_transpose(low, kernel * 4, tf.shape(like), 2, 'SAME'), like.shape)


def equalized(gradient: tf.Tensor) -> tf.Tensor:
    """The image with each band of its Laplacian pyramid at a root mean square of 1; zeros stay zeros.

    ("Laplacian pyramid gradient normalization", Mordvintsev 2015, TensorFlow's DeepDream tutorial of 2016.) The coarse
    structures, which a gradient has little of, then come out as strongly as the fine ones.
    """

    def unit(part):
        size = tf.sqrt(tf.reduce_mean(tf.square(part), axis=[1, 2, 3], keepdims=True))
        return tf.math.divide_no_nan(part, size)

    return laplacian_merge([unit(part) for part in laplacian_split(gradient)])


def smooth(gradient: tf.Tensor, smoothing: str, done: tf.Tensor, border: str = 'mirror') -> tf.Tensor:
    """A gradient smoothed by one of SMOOTHINGS; `done` is the share of the steps that are done, in (0, 1]."""
    if smoothing not in SMOOTHINGS:
        raise unknown('smoothing', smoothing, SMOOTHINGS)
    if smoothing == 'gaussian':
        return cascade(gradient, done, border)
    if smoothing == 'laplacian':
        wide = extend(gradient, LAPLACIAN_MARGIN, border)
        largest = tf.reduce_max(tf.abs(wide), axis=[1, 2, 3], keepdims=True)
        inner = equalized(tf.math.divide_no_nan(wide, largest))
        inner = inner[:, LAPLACIAN_MARGIN:-LAPLACIAN_MARGIN, LAPLACIAN_MARGIN:-LAPLACIAN_MARGIN]
        return tf.ensure_shape(inner, gradient.shape)
    return gradient
