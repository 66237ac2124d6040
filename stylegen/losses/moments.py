"""Moments of feature maps: sums over positions that stay precise for any mean and any number of positions.

A float32 sum of many equal terms loses digits: the sum of four million values of 0.8, one after another, is wrong by
0.15 %. A covariance computed as E[xx'] - E[x]E[x]' loses digits if the mean is larger than the deviation. So the
float32 sums here are of deviations from a centre near the mean, and are taken in two stages: within blocks of
positions, then over the blocks. The few remaining numbers are converted to float64 and to the centre 0. In that form
they can be added over the windows of a large picture, and over pictures.
"""

from collections.abc import Mapping

from stylegen.losses.features import Features, position_weights
from stylegen.losses.matrix_roots import project
from stylegen.utils.backend import tf

BLOCK = 2**14  # positions of a block
SAMPLE = 2**12  # the centre is the mean of at least so many positions, at most twice as many


def moments(features: Features, layer: str, region: int | None = None) -> dict[str, tf.Tensor]:
    """Returns sums over the positions of a map, weighted for `region`. They can be added over windows.

    Args:
        features: Contains the map (N, H, W, C). If it is a linear function of another map's channels, the other map is
            enough: ('stem', layer) (N, H, W, D) with ('head', layer) (D, C) and ('bias', layer) (C,).
        layer: Name of the layer.
        region: Index of the mask to apply; None: everywhere.

    Returns:
        All float64: 'second_moment' (N, C, C), the sum of products of channels; 'sum' (N, C), of the channels; 'weight'
        (N,), of the weights.

    Example:
        target = moments(extractor(style), 'block1_conv1')
        loss = gram_loss('block1_conv1', target)
    """
    sums = {name: tf.cast(x, tf.float64) for name, x in central_moments(features, layer, region).items()}
    total, weight, centre = sums['sum'], sums['weight'][:, None], sums['centre']
    half = _outer(total + 0.5 * weight * centre, centre)
    second_moment = sums['second_moment'] + half + tf.linalg.matrix_transpose(half)
    return {'second_moment': second_moment, 'sum': total + weight * centre, 'weight': sums['weight']}


def central_moments(features: Features, layer: str, region: int | None = None) -> dict[str, tf.Tensor]:
    """Returns the same sums about a centre that depends on the picture. They are not additive, but cheaper.

    Args:
        features, layer, region: As for `moments`.

    Returns:
        In the precision of the map, or float32: 'second_moment' (N, C, C) and 'sum' (N, C) of deviations from 'centre'
        (N, C), which has no gradient; 'weight' (N,).
    """
    stem = features.get(('stem', layer))
    maps = features[layer] if stem is None else stem
    weights, dtype = position_weights(features, layer, region), _sum_dtype(maps.dtype)
    if weights is None:
        shape = tf.shape(maps)
        weight = tf.fill([maps.shape[0] or shape[0]], tf.cast(tf.reduce_prod(shape[1:3]), dtype))
    else:
        weights = tf.cast(weights, dtype)
        weight = tf.reduce_sum(weights, [1, 2, 3])
    centre = tf.stop_gradient(_approximate_mean(maps, weights))
    products, total = _central_sums(maps, centre, weights)
    if stem is not None:
        head = tf.cast(features['head', layer], dtype)
        products, total = project(head[None], products), tf.matmul(total, head)
        centre = tf.matmul(centre, head) + tf.cast(features['bias', layer], dtype)
    return {'second_moment': products, 'sum': total, 'weight': weight, 'centre': centre}


def mean(sums: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """Returns the mean of each channel, (N, C)."""
    return _offset_of_mean(sums) + sums['centre'] if 'centre' in sums else _offset_of_mean(sums)


def gram(sums: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """Returns the Gram matrix per position, (N, C, C) (Gatys et al. 2016, eq. 3, as a mean over positions)."""
    if 'centre' not in sums:
        return tf.math.divide_no_nan(sums['second_moment'], sums['weight'][:, None, None])
    average = mean(sums)
    return covariance(sums) + _outer(average, average)


def covariance(sums: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """Returns the covariance of the channels, (N, C, C)."""
    offset = _offset_of_mean(sums)
    return tf.math.divide_no_nan(sums['second_moment'], sums['weight'][:, None, None]) - _outer(offset, offset)


def _offset_of_mean(sums):
    return tf.math.divide_no_nan(sums['sum'], sums['weight'][:, None])


def _outer(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    return a[:, :, None] * b[:, None, :]


def _sum_dtype(dtype: tf.DType) -> tf.DType:
    """Returns the dtype for sums of numbers of a dtype: float32 at least."""
    return tf.float32 if dtype.size < 4 else dtype


def _flat(maps: tf.Tensor) -> tf.Tensor:
    """Reshapes maps (N, H, W, C) to (N, positions, C), or to (positions, C) for a single picture.

    A product of plain matrices takes up to half the time, and the reshape itself takes none.
    """
    shape = [-1] if maps.shape[0] == 1 else [tf.shape(maps)[0], tf.reduce_prod(tf.shape(maps)[1:3])]
    return tf.reshape(maps, [*shape, maps.shape[-1]])


def _approximate_mean(maps: tf.Tensor, weights: tf.Tensor | None) -> tf.Tensor:
    """Returns the mean of a sample of positions of maps (N, H, W, C), weighted by (N, H, W, 1): (N, C).

    Any centre gives the same moments, except for rounding. The error of this one is about the deviation over 60.
    """
    flat = _flat(maps)
    positions = tf.shape(flat)[-2]
    chosen = tf.range(0, positions, tf.maximum(1, positions // SAMPLE))
    sample = tf.cast(tf.gather(flat, chosen, axis=-2), _sum_dtype(flat.dtype))
    counted = tf.ones_like(sample[..., :1]) if weights is None else tf.gather(_flat(weights), chosen, axis=-2)
    total, count = (tf.reduce_sum(x, -2) for x in (sample * counted, counted))
    return tf.reshape(
        tf.math.divide_no_nan(total, count), [maps.shape[0] or -1, maps.shape[-1]]
    )  # 0 if there are no positions


def _central_sums(maps: tf.Tensor, centre: tf.Tensor, weights: tf.Tensor | None) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns sums of d d' and of d over positions, d = x - centre: maps (N, H, W, C) to (N, C, C) and (N, C).

    Each position has the weight `weights` (N, H, W, 1). Both factors of d d' are the same map, so that the gradient
    takes one matrix product instead of two. `centre` (N, C) and `weights` get no gradient. The sums have the precision
    of `centre`.
    """
    count, depth = maps.shape[0] or -1, maps.shape[-1]

    @tf.custom_gradient
    def sums(x):
        def gradient(of_products, of_total):
            both = of_products + tf.linalg.matrix_transpose(of_products)
            passed = _affine(x, both, of_total, centre)  # recomputes the deviation instead of keeping one more map
            return passed if weights is None else passed * tf.cast(weights, passed.dtype)

        flat = _flat(x)
        deviation = tf.cast(flat, centre.dtype) - (centre if len(flat.shape) == 2 else centre[:, None])
        counted = deviation if weights is None else deviation * _flat(weights)
        products, total = _blockwise_product(counted, deviation), _blockwise_product(_ones(counted), counted)
        return (tf.reshape(products, [count, depth, depth]), tf.reshape(total, [count, depth])), gradient

    return sums(maps)


def _affine(maps: tf.Tensor, mix: tf.Tensor, more: tf.Tensor, centre: tf.Tensor) -> tf.Tensor:
    """Returns (x - centre) mix + more at every position of maps (N, H, W, C), with (N, C, C), (N, C) and (N, C).

    For a single picture it is a convolution with bias, in one pass; in bfloat16 that takes a fifth of the time.
    """
    if maps.shape[0] != 1 or maps.dtype == tf.float16:  # the factors may exceed float16's range
        flat = tf.reshape(_flat(tf.cast(maps, mix.dtype)), [tf.shape(maps)[0], -1, maps.shape[-1]])
        mixed = tf.matmul(flat, mix) + (more - tf.linalg.matvec(mix, centre))[:, None]
        return tf.cast(tf.reshape(mixed, tf.shape(maps)), maps.dtype)
    kernel = tf.cast(mix, maps.dtype)
    shift = more - tf.linalg.matvec(tf.cast(kernel, mix.dtype), centre)  # uses the rounded kernel of the convolution
    return tf.nn.bias_add(tf.nn.conv2d(maps, kernel[None], 1, 'VALID'), tf.cast(shift[0], maps.dtype))


def _ones(x: tf.Tensor) -> tf.Tensor:
    """Returns 1 for every position of (..., positions, C): (..., positions, 1)."""
    return tf.fill(tf.concat([tf.shape(x)[:-1], [1]], 0), tf.constant(1, x.dtype))


def _blockwise_product(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Returns the sum of a' b over the positions of (..., positions, C): within blocks, then over the blocks."""
    whole = tf.shape(a)[-2] // BLOCK * BLOCK
    (a, a_rest), (b, b_rest) = (tf.split(x, [whole, -1], -2) for x in (a, b))
    batch = [] if len(a.shape) == 2 else [tf.shape(a)[0]]
    blocks = (tf.reshape(x, [*batch, -1, BLOCK, x.shape[-1]]) for x in (a, b))
    return tf.reduce_sum(tf.matmul(*blocks, transpose_a=True), -3) + tf.matmul(a_rest, b_rest, transpose_a=True)
