"""What a picture shows beyond its borders: its own mirror image, or itself again."""

from stylegen.utils.backend import tf
from stylegen.utils.errors import unknown

BORDERS = ('mirror', 'wrap')


def seen_at(index: tf.Tensor, size: tf.Tensor, border: str = 'mirror') -> tf.Tensor:
    """Which row of a picture of `size` rows is seen at rows that may lie beyond its borders, see `extend`."""
    if border not in BORDERS:
        raise unknown('border', border, BORDERS)
    if border == 'wrap':
        return index % size
    period = tf.maximum(2 * size - 2, 1)
    index %= period
    return tf.minimum(index, period - index)


def extend(image: tf.Tensor, margin: tf.Tensor | int, border: str = 'mirror') -> tf.Tensor:
    """A picture with `margin` more pixels at each border.

    Args:
        image: (N, H, W, C), H and W perhaps not known yet.
        margin: Pixels; it may exceed the picture, which is then repeated.
        border: 'mirror', about the outermost pixels, which are not doubled; 'wrap', as a tile that repeats.

    Returns:
        (N, H + 2 margin, W + 2 margin, C).
    """
    for axis in (1, 2):
        size = tf.shape(image)[axis]
        index = seen_at(tf.range(-margin, size + margin), size, border)
        shape = image.shape.as_list()
        shape[axis] = None
        image = tf.ensure_shape(tf.gather(image, index, axis=axis), shape)
    return image
