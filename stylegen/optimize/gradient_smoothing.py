"""Smooths the gradient of an image with Gaussians, or by equalising the bands of a Laplacian pyramid."""

import numpy as np

from stylegen.networks.padding import extend
from stylegen.utils.backend import tf
from stylegen.utils.choices import SMOOTHINGS
from stylegen.utils.errors import unknown

GAUSSIAN_REACH = 8  # radius in pixels; the largest sigma of a run is 5
LAPLACIAN_MARGIN = 64
BANDS = 4  # of a Laplacian pyramid
_BINOMIAL = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256.0


def gaussian_kernel(sigma: tf.Tensor) -> tf.Tensor:
    """Returns a sampled Gaussian of 2 * GAUSSIAN_REACH + 1 values that sum to 1."""
    taps = tf.range(-GAUSSIAN_REACH, GAUSSIAN_REACH + 1, dtype=tf.float32)
    weights = tf.exp(-tf.square(taps / sigma) / 2)
    return weights / tf.reduce_sum(weights)


def gaussian_blur(image: tf.Tensor, sigma: tf.Tensor, border: str = 'mirror') -> tf.Tensor:
    """Blurs (N, H, W, 3) with a Gaussian of `sigma` pixels, each colour separately. Constants stay."""
    kernel = tf.tile(gaussian_kernel(sigma)[:, None, None, None], [1, 1, image.shape[-1], 1])
    image = extend(image, GAUSSIAN_REACH, border)
    image = tf.nn.depthwise_conv2d(image, kernel, [1, 1, 1, 1], 'VALID')
    return tf.nn.depthwise_conv2d(image, tf.transpose(kernel, [1, 0, 2, 3]), [1, 1, 1, 1], 'VALID')


def cascade(gradient: tf.Tensor, done: tf.Tensor, border: str = 'mirror') -> tf.Tensor:
    """Returns the mean of three blurs with sigma / 2, sigma and 2 sigma, where sigma = 2 done + 0.5.

    `done`, the share of the steps that are done, rises to 1, so that details become coarser. (A. Gordic's
    pytorch-deepdream, which uses 9 values a kernel.)
    """
    sigma = 2 * done + 0.5
    return tf.add_n([gaussian_blur(gradient, sigma * factor, border) for factor in (0.5, 1.0, 2.0)]) / 3


def _colour_kernel(channels: int) -> np.ndarray:
    return (_BINOMIAL[:, :, None, None] * np.eye(channels)).astype(np.float32)


def laplacian_split(image: tf.Tensor) -> list[tf.Tensor]:
    """Splits an image into bands from fine to coarse and the rest below them: BANDS + 1 tensors.

    Burt and Adelson (1983), with the binomial kernel [1, 4, 6, 4, 1] in both directions.
    """
    kernel, parts = _colour_kernel(image.shape[-1]), []
    for _ in range(BANDS):
        low = tf.nn.conv2d(image, kernel, 2, 'SAME')
        parts.append(image - _upsampled(low, image, kernel))
        image = low
    return [*parts, image]


def laplacian_merge(parts: list[tf.Tensor]) -> tf.Tensor:
    """Restores the image from the result of `laplacian_split`."""
    image = parts[-1]
    kernel = _colour_kernel(image.shape[-1])
    for part in reversed(parts[:-1]):
        image = _upsampled(image, part, kernel) + part
    return image


def _upsampled(low, like, kernel):
    return tf.ensure_shape(tf.nn.conv2d_transpose(low, kernel * 4, tf.shape(like), 2, 'SAME'), like.shape)


def equalize_bands(gradient: tf.Tensor) -> tf.Tensor:
    """Scales each band of an image's Laplacian pyramid to a root mean square of 1; zeros stay zeros.

    ("Laplacian pyramid gradient normalization", Mordvintsev 2015, TensorFlow's DeepDream tutorial of 2016.) A gradient
    has little energy in coarse structures; this makes them as strong as the fine ones.
    """

    def unit(part):
        size = tf.sqrt(tf.reduce_mean(tf.square(part), axis=[1, 2, 3], keepdims=True))
        return tf.math.divide_no_nan(part, size)

    return laplacian_merge([unit(part) for part in laplacian_split(gradient)])


def smooth(gradient: tf.Tensor, smoothing: str, done: tf.Tensor, border: str = 'mirror') -> tf.Tensor:
    """Smooths a gradient by one of SMOOTHINGS. `done` is the share of the steps that are done, in (0, 1].

    Raises:
        UserError: The smoothing is unknown.
    """
    if smoothing not in SMOOTHINGS:
        raise unknown('smoothing', smoothing, SMOOTHINGS)
    if smoothing == 'gaussian':
        return cascade(gradient, done, border)
    if smoothing == 'laplacian':
        wide = extend(gradient, LAPLACIAN_MARGIN, border)
        largest = tf.reduce_max(tf.abs(wide), axis=[1, 2, 3], keepdims=True)
        inner = equalize_bands(tf.math.divide_no_nan(wide, largest))
        inner = inner[:, LAPLACIAN_MARGIN:-LAPLACIAN_MARGIN, LAPLACIAN_MARGIN:-LAPLACIAN_MARGIN]
        return tf.ensure_shape(inner, gradient.shape)
    return gradient
