"""Differentiable augmentation of what the discriminator sees, real and generated alike (Zhao et al. 2020)."""

from collections.abc import Callable

from stylegen.dcgan.settings import parse_policy
from stylegen.utils.backend import tf

SHIFT, CUT = 1 / 8, 1 / 2  # of a side
DRAWS = 7  # random numbers that an image needs, whatever is done to it


def _color(images: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
    """Brightness by up to 0.5, saturation by 0 to 2, contrast by 0.5 to 1.5, in this order."""
    brightness, saturation, contrast = (draws[:, i, None, None, None] for i in range(3))
    images += brightness - 0.5
    grey = tf.reduce_mean(images, 3, keepdims=True)
    images = (images - grey) * (2 * saturation) + grey
    mean = tf.reduce_mean(images, [1, 2, 3], keepdims=True)
    return (images - mean) * (contrast + 0.5) + mean


def _translation(images: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
    """Whole pixels up to an eighth of the side either way; what comes in is 0, the middle grey."""
    _, height, width, _ = images.shape
    rows = _shifting(draws[:, 3], height)
    columns = _shifting(draws[:, 4], width)
    images = tf.einsum('nij,njwc->niwc', rows, images)
    return tf.einsum('nij,nhjc->nhic', columns, images)


def _shifting(draws: tf.Tensor, side: int) -> tf.Tensor:
    """Matrices (N, side, side) that shift by as many places as the draws say."""
    reach = int(side * SHIFT + 0.5)
    shifts = tf.floor(draws * (2 * reach + 1)) - reach
    places = tf.range(side, dtype=tf.float32)
    return tf.cast(places[None, :, None] - places[None, None, :] == shifts[:, None, None], tf.float32)


def _cutout(images: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
    """A rectangle of half the sides becomes 0; its centre may lie anywhere, so that it may stick out."""
    _, height, width, _ = images.shape
    inside = _covered(draws[:, 5], height)[:, :, None] * _covered(draws[:, 6], width)[:, None, :]
    return images * (1 - inside[..., None])


def _covered(draws: tf.Tensor, side: int) -> tf.Tensor:
    """1 where a stretch of half the side lies, else 0: (N, side)."""
    length = int(side * CUT + 0.5)
    first = tf.floor(draws * (side + 1 - length % 2)) - length // 2
    places = tf.range(side, dtype=tf.float32)[None, :] - first[:, None]
    return tf.cast((places >= 0) & (places < length), tf.float32)


OPERATIONS: dict[str, Callable[[tf.Tensor, tf.Tensor], tf.Tensor]] = {
    'color': _color,
    'translation': _translation,
    'cutout': _cutout,
}


def augment(images: tf.Tensor, draws: tf.Tensor, policy: str) -> tf.Tensor:
    """The images, each changed at random.

    Args:
        images: float32 (N, H, W, C) in [-1, 1]. Colours may leave the range: a gradient must reach every pixel.
        draws: float32 (N, DRAWS) in [0, 1).
        policy: Names of `OPERATIONS`, with commas between; 'none' leaves the images as they are.
    """
    for name in parse_policy(policy):
        images = OPERATIONS[name](images, draws)
    return images
