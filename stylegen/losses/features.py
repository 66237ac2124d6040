"""Losses on features. Each is built with its target and maps features to a scalar to minimise.

Features map layer names to float32 activations (N, H, W, C). The image itself, in [0, 1], is 'input'.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stylegen.utils.backend import tf
from stylegen.utils.errors import unknown

Features = Mapping[Any, tf.Tensor]  # by layer name; an objective adds targets under pairs of names
Loss = Callable[[Features], tf.Tensor]

DREAM_MEASURES = {'mean_square': tf.square, 'mean': tf.identity}


def region_weights(features: Features, layer: str, region: int) -> tf.Tensor:
    """Returns the weight of each position of a layer's map for a region, (N, h, w, 1): the mean of its mask there.

    Args:
        features: Contains the masks of all regions as 'masks', float32 (N, H, W, R) at the image's size.
        layer: Name of the layer.
        region: Index of the mask.
    """
    mask = features['masks'][..., region]
    size, wanted = tf.shape(mask), tf.shape(features[layer])
    rows, columns = (_area_weights(size[axis], wanted[axis]) for axis in (1, 2))
    return tf.matmul(rows, tf.matmul(mask, columns, transpose_b=True))[..., None]


def position_weights(features: Features, layer: str, region: int | None) -> tf.Tensor | None:
    """Returns the weight of each position of a layer's map for a region, (N, h, w, 1); None if `region` is None.

    An objective may put precomputed weights among the features, as ('weights', layer), (N, h, w, R). Otherwise the
    masks are reduced to the map's size, see `region_weights`.
    """
    if region is None:
        return None
    ready = features.get(('weights', layer))
    return region_weights(features, layer, region) if ready is None else ready[..., region : region + 1]


def _area_weights(length: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """Returns the weight of each of `length` pixels in each of `count` equal parts, (count, length). Rows sum to 1.

    (tf.image.resize with method 'area' computes the same, but XLA does not support it.)
    """
    pixels = tf.cast(tf.range(length), tf.float32)
    step = tf.cast(length, tf.float32) / tf.cast(count, tf.float32)
    begin = tf.cast(tf.range(count), tf.float32)[:, None] * step
    return tf.nn.relu(tf.minimum(begin + step, pixels + 1) - tf.maximum(begin, pixels)) / step


def dream_loss(
    layer: str, measure: str = 'mean_square', channels: Sequence[int] = (), region: int | None = None
) -> Loss:
    """Returns the negative activity of a layer. Minimising it makes the layer more active.

    Args:
        layer: Name of the layer.
        measure: 'mean_square', the mean of squares: its gradient is parallel to the one of Mordvintsev et al. (2015,
            "Inceptionism", code), who start the backward pass with the activation itself. 'mean': that of the
            TensorFlow tutorial, and of Olah et al. (2017) for channels.
        channels: Only these channels; empty: all.
        region: Index of the mask to apply; None: everywhere.

    Raises:
        UserError: The measure is unknown.

    Example:
        loss = dream_loss('block4_conv2', channels=[17])
    """
    if measure not in DREAM_MEASURES:
        raise unknown('measure', measure, DREAM_MEASURES)
    of = DREAM_MEASURES[measure]

    def loss(features: Features) -> tf.Tensor:
        activation = features[layer]
        if channels:
            activation = tf.gather(activation, list(channels), axis=-1)
        activity = of(activation)
        if region is not None:
            activity *= region_weights(features, layer, region)
        return -tf.reduce_mean(activity)

    return loss


MATCHES_AT_ONCE = 2**22  # dot products that are in memory at the same time: 16 MB


def best_matches(activation: tf.Tensor, guide: tf.Tensor) -> tf.Tensor:
    """Returns, for each position of a map, the guide's vector with the largest dot product.

    Args:
        activation: (N, h, w, C).
        guide: (Q, C), the vectors to choose from.

    Returns:
        (N, h, w, C).
    """
    depth = activation.shape[-1]
    flat = tf.reshape(activation, [-1, depth])
    count, most = tf.shape(flat)[0], max(1, MATCHES_AT_ONCE // guide.shape[0])
    chunks = (count + most - 1) // most
    chunk = (count + chunks - 1) // chunks  # XLA needs equal chunks; zeros fill the last one
    parts = tf.reshape(tf.pad(flat, [[0, chunks * chunk - count], [0, 0]]), tf.stack([chunks, chunk, depth]))

    def choose(part):
        return tf.argmax(tf.matmul(part, guide, transpose_b=True), axis=1, output_type=tf.int32)

    chosen = tf.map_fn(choose, parts, fn_output_signature=tf.int32, parallel_iterations=1)
    return tf.reshape(tf.gather(guide, tf.reshape(chosen, [-1])[:count]), tf.shape(activation))


def guide_loss(layer: str, guide: tf.Tensor) -> Loss:
    """Returns minus the dot product of each position with its best match in a guide: -mean_p max_q <x_p, y_q>.

    The gradient at a position is minus its best match, with which Mordvintsev et al. (2015, code, "Controlling dreams")
    start the backward pass.

    Args:
        layer: Name of the layer.
        guide: (Q, C), the layer's activations on one or more guide pictures.

    Example:
        guide = tf.reshape(extractor(guide_picture)['block4_conv2'], [-1, channels])
        loss = guide_loss('block4_conv2', guide)
    """
    guide = tf.convert_to_tensor(guide)

    def loss(features: Features) -> tf.Tensor:
        activation = features[layer]
        product = activation * best_matches(tf.stop_gradient(activation), guide)
        return -tf.reduce_mean(product) * activation.shape[-1]

    return loss


def total_variation_loss(layer: str = 'input', power: float = 2.0, joint: bool = False) -> Loss:
    """Returns the mean of the differences between neighbours to a power, in both directions.

    Mahendran and Vedaldi 2015, "Understanding deep image representations by inverting them", section 3, with a mean
    instead of their sum. A power of 2 smooths, a power of 1 keeps edges.

    Args:
        layer: Name of the layer; the image itself is 'input'.
        power: The power of the differences.
        joint: Both directions form one length (their version); otherwise each counts separately.

    Example:
        smoothness = Term('variation', 0.1, total_variation_loss())
    """

    def mean(differences, power):
        if power == 2:
            return tf.reduce_mean(tf.square(differences))
        lengths = tf.abs(differences)
        return tf.reduce_mean(lengths if power == 1 else tf.pow(lengths, power))

    def loss(features: Features) -> tf.Tensor:
        rows, channels = _rows(features[layer])
        down, across = _differences(rows, 1, 1), _differences(rows, 2, channels)
        if not joint:
            return mean(down, power) + mean(across, power)
        squares = tf.square(down[:, :, :-channels]) + tf.square(across[:, :-1])
        return mean(squares + 1e-12, power / 2)

    return loss


def _rows(image: tf.Tensor) -> tuple[tf.Tensor, int]:
    """Reshapes a map (N, H, W, C) to rows of numbers (N, H, W C), which are sliced much faster. Also returns C."""
    shape, channels = tf.shape(image), image.shape[-1]
    return tf.reshape(image, tf.stack([shape[0], shape[1], shape[2] * channels])), channels


def _differences(rows: tf.Tensor, axis: int, distance: int) -> tf.Tensor:
    """Returns the differences of numbers that are `distance` apart on an axis of (N, rows, columns), 1 or 2.

    Its gradient is computed from whole blocks. TensorFlow's own gradient, of two slices, takes five times as long.
    """

    def cut(x, begin, size):
        return tf.slice(x, [0] * axis + [begin] + [0] * (2 - axis), [-1] * axis + [size] + [-1] * (2 - axis))

    @tf.custom_gradient
    def differences(x):
        def gradient(upstream):
            nothing = tf.zeros_like(cut(x, 0, distance))
            return tf.concat([nothing, upstream], axis) - tf.concat([upstream, nothing], axis)

        return cut(x, distance, -1) - cut(x, 0, tf.shape(x)[axis] - distance), gradient

    return differences(rows)


# Versions of total variation, each a mean over the picture.
VARIATIONS: Mapping[str, Callable[[], Loss]] = {
    'square': total_variation_loss,
    'absolute': lambda: total_variation_loss(power=1.0),
    'power': lambda: total_variation_loss(power=2.5, joint=True),
}
