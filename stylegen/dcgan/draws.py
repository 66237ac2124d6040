"""Random tensors of a training step, named by seed, step and purpose: nothing but the step has to be kept.

By integer hashing, see `stylegen.optimize.stateless_random`: the same numbers with XLA and without.
"""

import math

from stylegen.optimize.stateless_random import draw, hash_uint32
from stylegen.utils.backend import tf

PURPOSES = ('latents', 'flip', 'augment_real', 'augment_fake', 'augment_generator', 'penalty')


class Draws:
    """The random tensors of one step, for one shard of the batch. Those of all shards form those of the whole batch.

    Args:
        seed: The seed of the run.
        step: The number of the step, an int64 scalar.
        count: The number of images in the shard.
        shard, shards: The number of the shard, from 0, and how many shards there are.
    """

    def __init__(self, seed: int, step: tf.Tensor, count: tf.Tensor, shard: tf.Tensor | int = 0, shards: int = 1):
        self.seed, self.step, self.count = seed % 2**31, step, count
        self.shard, self.shards = shard, shards

    def normal(self, purpose: str, shape: tuple[int, ...]) -> tf.Tensor:
        """Returns standard normal numbers, float32 (count, *shape)."""
        return tf.math.ndtri(self.uniform(purpose, shape))

    def uniform(self, purpose: str, shape: tuple[int, ...] = ()) -> tf.Tensor:
        """Returns numbers strictly between 0 and 1, float32 (count, *shape), odd multiples of 2^-24."""
        size = math.prod(shape)
        key = tf.stack([self.seed, tf.cast(self.step, tf.int32) * len(PURPOSES) + PURPOSES.index(purpose)])
        first, second = tf.unstack(draw(key))
        places = tf.range(self.count * size) + self.shard * self.count * size
        # two hashes, each with a word of the key; with one, two steps could have shifted copies of one sequence
        words = hash_uint32(tf.bitwise.bitwise_xor(hash_uint32(tf.cast(places, tf.uint32) + first), second))
        shares = tf.cast(tf.bitwise.right_shift(words, tf.constant(9, tf.uint32)), tf.float32) * 2.0**-23 + 2.0**-24
        return tf.reshape(shares, [self.count, *shape])
