"""Histograms of a map's channels, and the transfer of values from one histogram to another."""

from stylegen.losses.features import Features, position_weights
from stylegen.losses.moments import BLOCK
from stylegen.utils.backend import tf

HISTOGRAM_BINS = 256


def histogram(features: Features, layer: str, top: tf.Tensor, region: int | None = None) -> tf.Tensor:
    """Counts the values of each channel: (C, HISTOGRAM_BINS), from 0 to `top` (C,). The last bin counts larger ones.

    It takes one picture and a layer without negative values. It has no gradient.

    Args:
        features: Contains the map (1, H, W, C).
        layer: Name of the layer.
        top: The upper end of each channel's histogram, (C,).
        region: Index of the mask to apply; None: everywhere.
    """
    activation = tf.cast(tf.stop_gradient(features[layer]), top.dtype)
    depth = activation.shape[-1]
    flat = tf.reshape(activation, [-1, depth])
    bins = tf.cast(tf.math.divide_no_nan(flat, top) * HISTOGRAM_BINS, tf.int32)
    bins = tf.clip_by_value(bins, 0, HISTOGRAM_BINS - 1) + HISTOGRAM_BINS * tf.range(depth)
    weights = position_weights(features, layer, region)
    counts = tf.ones_like(flat) if weights is None else tf.ones_like(flat) * tf.reshape(weights, [-1, 1])
    # Counts within blocks, then over the blocks: adding 1 to a float32 stops to change it at 2^24.
    positions = tf.shape(flat)[0]
    bins += depth * HISTOGRAM_BINS * (tf.range(positions) // BLOCK)[:, None]
    blocks = (positions - 1) // BLOCK + 1
    parts = tf.math.unsorted_segment_sum(
        tf.reshape(counts, [-1]), tf.reshape(bins, [-1]), blocks * depth * HISTOGRAM_BINS
    )
    return tf.reduce_sum(tf.reshape(parts, [blocks, depth, HISTOGRAM_BINS]), 0)


def matched_values(flat: tf.Tensor, counts: tf.Tensor, wanted: tf.Tensor, top: tf.Tensor) -> tf.Tensor:
    """Replaces each value by the one at the same quantile of another histogram.

    Args:
        flat: (positions, C).
        counts: Their `histogram`, (C, HISTOGRAM_BINS).
        wanted: The other histogram, with the same `top`, (C,).
    """
    ours, theirs = _cumulative_shares(counts), _cumulative_shares(wanted)
    edges = _quantile_positions(theirs, ours)  # (C, bins + 1): the position of our bins' edges in the other
    position = tf.clip_by_value(tf.math.divide_no_nan(flat, top) * HISTOGRAM_BINS, 0, HISTOGRAM_BINS)
    low = tf.minimum(tf.floor(position), HISTOGRAM_BINS - 1)
    index = tf.cast(low, tf.int32) + (HISTOGRAM_BINS + 1) * tf.range(flat.shape[-1])
    table = tf.reshape(edges, [-1])
    below, above = tf.gather(table, index), tf.gather(table, index + 1)
    return (below + (position - low) * (above - below)) / HISTOGRAM_BINS * top


def _cumulative_shares(counts: tf.Tensor) -> tf.Tensor:
    """Converts counts (C, bins) to the share below each edge, (C, bins + 1), strictly increasing."""
    shares = tf.math.divide_no_nan(counts, tf.reduce_sum(counts, 1, keepdims=True)) + 1e-6
    shares /= tf.reduce_sum(shares, 1, keepdims=True)
    return tf.pad(tf.cumsum(shares, axis=1), [[0, 0], [1, 0]])


def _quantile_positions(cumulated: tf.Tensor, wanted: tf.Tensor) -> tf.Tensor:
    """Returns where, in bins, an increasing (C, bins + 1) reaches the values `wanted`, (C, K): linear between edges."""
    top = cumulated.shape[1] - 1
    low = tf.clip_by_value(tf.searchsorted(cumulated, wanted, side='right') - 1, 0, top - 1)
    below = tf.gather(cumulated, low, batch_dims=1)
    above = tf.gather(cumulated, low + 1, batch_dims=1)
    part = tf.math.divide_no_nan(wanted - below, above - below)
    return tf.cast(low, cumulated.dtype) + tf.clip_by_value(part, 0, 1)
