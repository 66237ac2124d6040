"""Moments of feature maps: sums over positions that keep their digits, whatever the mean and however many there are.

A float32 sum of many equal terms loses digits: one after another, four million values of 0.8 come out 0.15 % wrong. And
a covariance as E[xx'] - E[x]E[x]' loses as many as the mean is larger than the deviation. So the float32 sums here are
of deviations from a centre near the mean. They are taken in two stages: within blocks of positions, then over the
blocks. The few numbers that are left are float64 from there on, moved to the centre 0. There they add up over the
windows of a large picture, and over pictures.
"""

from collections.abc import Callable, Mapping

from stylegen.backend import tf
from stylegen.losses import Features, weights_of

BLOCK = 2**14  # positions that are summed at once, before the sums of the blocks are
SAMPLE = 2**12  # positions, or nearly twice as many, that the centre is the mean of


def moments(features: Features, layer: str, region: int | None = None) -> dict[str, tf.Tensor]:
    """Sums over the positions of a map, each counted with its weight for `region`.

    Args:
        features: The map (N, H, W, C) among them.
        layer: Its name.
        region: Index of the mask that says where; None: everywhere.

    Returns:
        All float64: 'second_moment' (N, C, C), of the products of channels; 'sum' (N, C), of the channels; 'weight'
        (N,), of 1.
    """
    activation = features[layer]
    shape = tf.shape(activation)
    flat = tf.reshape(activation, [activation.shape[0] or shape[0], shape[1] * shape[2], activation.shape[-1]])
    weights = weights_of(features, layer, region)
    if weights is None:
        column, weight = None, tf.fill(shape[:1], tf.cast(shape[1] * shape[2], tf.float64))
    else:
        column = tf.reshape(tf.cast(weights, flat.dtype), [shape[0], shape[1] * shape[2], 1])
        weight = tf.reduce_sum(tf.cast(column, tf.float64), [1, 2])
    centre = tf.stop_gradient(_near_mean(flat, column))
    products, total = (tf.cast(x, tf.float64) for x in _sums_about(flat, centre[:, None], column))
    centre = tf.cast(centre, tf.float64)
    crossed = _outer(total, centre)
    moved = crossed + tf.linalg.matrix_transpose(crossed) + weight[:, None, None] * _outer(centre, centre)
    return {'second_moment': products + moved, 'sum': total + weight[:, None] * centre, 'weight': weight}


def mean(sums: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """The mean of each channel, (N, C)."""
    return tf.math.divide_no_nan(sums['sum'], sums['weight'][:, None])


def gram(sums: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """The Gram matrix per position, (N, C, C) (Gatys et al. 2016, eq. 3, as a mean over positions)."""
    return tf.math.divide_no_nan(sums['second_moment'], sums['weight'][:, None, None])


def covariance(sums: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """The covariance of the channels, (N, C, C)."""
    centre = mean(sums)
    return gram(sums) - _outer(centre, centre)


def _outer(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    return a[:, :, None] * b[:, None, :]


def _near_mean(flat: tf.Tensor, column: tf.Tensor | None) -> tf.Tensor:
    """The mean of a sample of the positions of maps (N, positions, C), weighted by `column`: (N, C).

    Any centre gives the same moments, but for rounding; this one is good to the deviation over 60.
    """
    positions = tf.shape(flat)[1]
    chosen = tf.range(0, positions, tf.maximum(1, positions // SAMPLE))
    sample = tf.gather(flat, chosen, axis=1)
    counted = tf.ones_like(sample[..., :1]) if column is None else tf.gather(column, chosen, axis=1)
    return tf.math.divide_no_nan(tf.reduce_sum(sample * counted, 1), tf.reduce_sum(counted, 1))  # 0 of no positions


def _sums_about(flat: tf.Tensor, centre: tf.Tensor, column: tf.Tensor | None) -> tuple[tf.Tensor, tf.Tensor]:
    """Sums of d d' and of d over positions, d = flat - centre: (N, positions, C) to (N, C, C) and (N, C).

    Each position counts as `column` (N, positions, 1) says. The two factors of d d' are one map, so that the gradient
    takes one matrix product and not two. Neither `centre` (N, 1, C) nor `column` has a gradient.
    """

    def counted(x):
        return x if column is None else x * column

    @tf.custom_gradient
    def sums(x):
        def gradient(of_products, of_total):
            both = of_products + tf.linalg.matrix_transpose(of_products)
            shift = of_total[:, None] - tf.matmul(centre, both)
            return counted(_matmul(x, both) + shift)  # the deviation is not kept for it: that would be one more map

        deviation = x - centre
        products = _in_blocks(lambda a, b: tf.matmul(a, b, transpose_a=True), counted(deviation), deviation)
        return (products, _in_blocks(lambda a: tf.reduce_sum(a, -2), counted(deviation))), gradient

    return sums(flat)


def _in_blocks(function: Callable[..., tf.Tensor], *maps: tf.Tensor) -> tf.Tensor:
    """What `function` gives for blocks of the positions of maps (N, positions, C), summed over the blocks."""
    count = tf.shape(maps[0])[1] // BLOCK
    one = maps[0].shape[0] == 1  # as a plain matrix: its product takes up to half the time
    maps = tuple(tf.squeeze(x, 0) for x in maps) if one else maps
    batch = [] if one else [tf.shape(maps[0])[0]]
    blocks = (tf.reshape(x[..., : count * BLOCK, :], [*batch, count, BLOCK, x.shape[-1]]) for x in maps)
    total = tf.reduce_sum(function(*blocks), len(batch)) + function(*(x[..., count * BLOCK :, :] for x in maps))
    return total[None] if one else total


def _matmul(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """The matrix products of two batches; those of a single picture as plain matrices, which is faster."""
    if a.shape[0] == 1:
        return tf.matmul(tf.squeeze(a, 0), tf.squeeze(b, 0))[None]
    return tf.matmul(a, b)
