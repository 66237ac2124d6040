"""Random numbers inside compiled loops. They depend only on a key: a pair of int32, the seed and the step."""

from stylegen.utils.backend import tf


def draw(key: tf.Tensor, count: int | tf.Tensor = 2) -> tf.Tensor:
    """Returns random uint32 (count,) from a pair of int32, by integer hashing (Ellis and Wellons' lowbias32).

    TensorFlow's own stateless generators give different numbers with and without XLA.
    """
    seed, step = tf.unstack(tf.cast(key, tf.uint32))
    lanes = tf.cast(tf.range(count), tf.uint32) * 0xEE817C82 + 0x27D4EB2F
    return hash_uint32(seed * 0x9E3779B1 + step * 0x85EBCA77 + lanes)


def hash_uint32(x: tf.Tensor) -> tf.Tensor:
    """Hashes each uint32, so that every bit of the result depends on all bits (lowbias32)."""
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B), (16, 1)):
        x = tf.bitwise.bitwise_xor(x, tf.bitwise.right_shift(x, tf.constant(shift, tf.uint32))) * factor
    return x


def draw_uniform(key: tf.Tensor, count: int | tf.Tensor) -> tf.Tensor:
    """Returns float32 (count,) in [0, 1), multiples of 2^-24, see `draw`."""
    return tf.cast(tf.bitwise.right_shift(draw(key, count), tf.constant(8, tf.uint32)), tf.float32) * 2.0**-24
