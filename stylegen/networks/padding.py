"""Extends a picture beyond its borders: by its mirror image, or by repeating it."""

from stylegen.utils.backend import tf
from stylegen.utils.errors import unknown

BORDERS = ('mirror', 'wrap')


def source_index(index: tf.Tensor, size: tf.Tensor, border: str = 'mirror') -> tf.Tensor:
    """Returns the row of a picture of `size` rows that each index shows. Indices may lie beyond the borders."""
    if border not in BORDERS:
        raise unknown('border', border, BORDERS)
    if border == 'wrap':
        return index % size
    period = tf.maximum(2 * size - 2, 1)
    index %= period
    return tf.minimum(index, period - index)


def extend(image: tf.Tensor, margin: tf.Tensor | int, border: str = 'mirror') -> tf.Tensor:
    """Returns a picture with `margin` more pixels at each border.

    Args:
        image: (N, H, W, C); H and W may be unknown.
        margin: Pixels. It may be larger than the picture, which is then repeated.
        border: 'mirror' about the outermost pixels, which are not doubled; 'wrap' as a repeating tile.

    Returns:
        (N, H + 2 margin, W + 2 margin, C).
    """
    for axis in (1, 2):
        size = tf.shape(image)[axis]
        index = source_index(tf.range(-margin, size + margin), size, border)
        shape = image.shape.as_list()
        shape[axis] = None
        image = tf.ensure_shape(tf.gather(image, index, axis=axis), shape)
    return image
