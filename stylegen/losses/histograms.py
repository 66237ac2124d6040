"""Histograms of the channels of a map, and values moved from one histogram to another."""

from stylegen.losses.features import Features, weights_of
from stylegen.losses.moments import BLOCK
from stylegen.utils.backend import tf

HISTOGRAM_BINS = 256


def histogram(features: Features, layer: str, top: tf.Tensor, region: int | None = None) -> tf.Tensor:
    """How often each channel has which value: (C, HISTOGRAM_BINS), from 0 to `top` (C,); values beyond go to the ends.

    For pictures one at a time. Channels are those of a layer that is never negative.
    """
    activation = tf.cast(tf.stop_gradient(features[layer]), top.dtype)
    depth = activation.shape[-1]
    flat = tf.reshape(activation, [-1, depth])
    bins = tf.cast(tf.math.divide_no_nan(flat, top) * HISTOGRAM_BINS, tf.int32)
    bins = tf.clip_by_value(bins, 0, HISTOGRAM_BINS - 1) + HISTOGRAM_BINS * tf.range(depth)
    weights = weights_of(features, layer, region)
    counts = tf.ones_like(flat) if weights is None else tf.ones_like(flat) * tf.reshape(weights, [-1, 1])
    # Block by block, then over the blocks: a float32 count that goes on by ones stands still at 2^24.
    positions = tf.shape(flat)[0]
    bins += depth * HISTOGRAM_BINS * (tf.range(positions) // BLOCK)[:, None]
    blocks = (positions - 1) // BLOCK + 1
    parts = tf.math.unsorted_segment_sum(
        tf.reshape(counts, [-1]), tf.reshape(bins, [-1]), blocks * depth * HISTOGRAM_BINS
    )
    return tf.reduce_sum(tf.reshape(parts, [blocks, depth, HISTOGRAM_BINS]), 0)


def matched(flat: tf.Tensor, counts: tf.Tensor, wanted: tf.Tensor, top: tf.Tensor) -> tf.Tensor:
    """Each value replaced by the one at the same quantile of another histogram.

    Args:
        flat: (positions, C).
        counts: Their `histogram`, (C, HISTOGRAM_BINS).
        wanted: The other one, with the same `top`, (C,).
    """
    ours, theirs = _cumulated(counts), _cumulated(wanted)
    edges = _quantile_positions(theirs, ours)  # (C, bins + 1): our bins' edges -> where the other has as much
    position = tf.clip_by_value(tf.math.divide_no_nan(flat, top) * HISTOGRAM_BINS, 0, HISTOGRAM_BINS)
    low = tf.minimum(tf.floor(position), HISTOGRAM_BINS - 1)
    index = tf.cast(low, tf.int32) + (HISTOGRAM_BINS + 1) * tf.range(flat.shape[-1])
    table = tf.reshape(edges, [-1])
    below, above = tf.gather(table, index), tf.gather(table, index + 1)
    return (below + (position - low) * (above - below)) / HISTOGRAM_BINS * top


def _cumulated(counts: tf.Tensor) -> tf.Tensor:
    """Counts (C, bins) to the share that is below each edge, (C, bins + 1), strictly rising."""
    shares = tf.math.divide_no_nan(counts, tf.reduce_sum(counts, 1, keepdims=True)) + 1e-6
    shares /= tf.reduce_sum(shares, 1, keepdims=True)
    return tf.pad(tf.cumsum(shares, axis=1), [[0, 0], [1, 0]])


def _quantile_positions(cumulated: tf.Tensor, wanted: tf.Tensor) -> tf.Tensor:
    """Where, in bins, a rising (C, bins + 1) reaches each of the values `wanted`, (C, K): linear between edges."""
    top = cumulated.shape[1] - 1
    low = tf.clip_by_value(tf.searchsorted(cumulated, wanted, side='right') - 1, 0, top - 1)
    below = tf.gather(cumulated, low, batch_dims=1)
    above = tf.gather(cumulated, low + 1, batch_dims=1)
    part = tf.math.divide_no_nan(wanted - below, above - below)
    return tf.cast(low, cumulated.dtype) + tf.clip_by_value(part, 0, 1)
