"""Random tensors of a training step, named by seed, step and purpose: nothing but the step has to be kept.

Philox (Salmon et al. 2011) gives the same numbers with XLA and without.
"""

from stylegen.backend import tf

PURPOSES = ('latents', 'flip', 'augment_real', 'augment_fake', 'augment_generator', 'penalty')


class Draws:
    """The draws of one step, for one shard of its batch: the draws of all shards make up those of the whole batch.

    Args:
        seed: Of the run.
        step: int64 scalar.
        count: Images of the shard.
        shard, shards: Which of how many.
    """

    def __init__(self, seed: int, step: tf.Tensor, count: tf.Tensor, shard: tf.Tensor | int = 0, shards: int = 1):
        self.seed, self.step, self.count, self.shard, self.shards = seed, step, count, shard, shards

    def normal(self, purpose: str, shape: tuple[int, ...]) -> tf.Tensor:
        """Standard normal numbers, float32 (count, *shape)."""
        return self._draw(tf.random.stateless_normal, purpose, shape)

    def uniform(self, purpose: str, shape: tuple[int, ...] = ()) -> tf.Tensor:
        """Numbers in [0, 1), float32 (count, *shape)."""
        return self._draw(tf.random.stateless_uniform, purpose, shape)

    def _draw(self, function, purpose, shape):
        key = tf.stack([tf.cast(self.seed, tf.int64), self.step * len(PURPOSES) + PURPOSES.index(purpose)])
        whole = function([self.count * self.shards, *shape], key, alg='philox')
        return whole[self.shard * self.count :][: self.count]
