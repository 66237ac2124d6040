"""Batch normalisation for adversarial training: fused, with statistics that a pass may use and yet leave alone."""

import contextlib
import threading
from collections.abc import Iterable, Iterator
from typing import Any

from stylegen.utils.backend import keras, tf


class _Tracing(threading.local):  # tf.distribute traces replicas in threads that take turns in the midst of a pass
    frozen = 0  # blocks of `frozen_statistics` that this thread is in


_tracing = _Tracing()


@contextlib.contextmanager
def frozen_statistics() -> Iterator[None]:
    """Within the block a training pass normalises by the statistics of its batch and keeps none of them.

    A pass through one network for the sake of the other's gradient must leave no trace. Decided while a function is
    traced.
    """
    _tracing.frozen += 1
    try:
        yield
    finally:
        _tracing.frozen -= 1


@keras.saving.register_keras_serializable('stylegen')
class BatchNorm(keras.layers.Layer):
    """Batch normalisation of the last axis (Ioffe and Szegedy 2015), of (N, H, W, C) or (N, C).

    In training it is TensorFlow's fused kernel, which Keras's layer is not; as in PyTorch the moving variance is the
    unbiased one. The statistics are float32 in every precision.

    Args:
        momentum: Share of the moving statistics that stays at each step; PyTorch's momentum is 1 minus this.
        epsilon: Added to the variance.
        gamma_initializer: Of the gains; the shifts begin at 0.
        synchronized: Statistics are those of the batches of all replicas together, under `tf.distribute`.
    """

    def __init__(
        self,
        momentum: float = 0.9,
        epsilon: float = 1e-5,
        gamma_initializer: str | keras.Initializer = 'ones',
        synchronized: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.momentum, self.epsilon, self.synchronized = momentum, epsilon, synchronized
        self.gamma_initializer = keras.initializers.get(gamma_initializer)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the variables."""

        def weight(name, initializer, **kwargs):
            options = {'dtype': 'float32', 'autocast': False} | kwargs
            return self.add_weight(shape=input_shape[-1:], name=name, initializer=initializer, **options)

        self.gamma, self.beta = weight('gamma', self.gamma_initializer), weight('beta', 'zeros')
        # synchronized statistics are the same on all replicas already
        moving = {'trainable': False, 'aggregation': 'none' if self.synchronized else 'mean'}
        self.moving_mean = weight('moving_mean', 'zeros', **moving)
        self.moving_variance = weight('moving_variance', 'ones', **moving)

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """The normalised batch; by its own statistics in training, which move the layer's unless they are frozen."""
        maps = x if len(x.shape) == 4 else x[:, None, None, :]
        if not training:
            moving = (tf.convert_to_tensor(v) for v in (self.moving_mean, self.moving_variance))
            result = self._normalized(tf.cast(maps, tf.float32), *moving)
        elif self.synchronized and tf.distribute.in_cross_replica_context() is False:
            result = self._over_replicas(tf.cast(maps, tf.float32))
        else:
            scale, shift = tf.convert_to_tensor(self.gamma), tf.convert_to_tensor(self.beta)
            result, mean, variance = tf.compat.v1.nn.fused_batch_norm(maps, scale, shift, epsilon=self.epsilon)
            self._move(mean, variance)
        return tf.reshape(tf.cast(result, x.dtype), tf.shape(x))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """That of the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """What the layer is made again from."""
        own = {name: getattr(self, name) for name in ('momentum', 'epsilon', 'synchronized')}
        return super().get_config() | own | {'gamma_initializer': keras.initializers.serialize(self.gamma_initializer)}

    def _normalized(self, maps, mean, variance):
        scale = tf.math.rsqrt(variance + self.epsilon) * tf.convert_to_tensor(self.gamma)
        return maps * scale + (tf.convert_to_tensor(self.beta) - mean * scale)

    def _over_replicas(self, maps):
        replicas = tf.distribute.get_replica_context()
        centre = tf.stop_gradient(tf.convert_to_tensor(self.moving_mean))  # the same everywhere, and near the mean
        apart = maps - centre
        means = tf.stack([tf.reduce_mean(tf.reduce_mean(x, [1, 2]), 0) for x in (apart, tf.square(apart))])
        mean, square = tf.unstack(replicas.all_reduce(tf.distribute.ReduceOp.MEAN, means))
        variance = tf.nn.relu(square - tf.square(mean))
        mean += centre
        count = tf.cast(tf.size(maps[..., 0]) * replicas.num_replicas_in_sync, tf.float32)
        self._move(mean, variance * count / (count - 1))
        return self._normalized(maps, mean, variance)

    def _move(self, mean, variance):
        if _tracing.frozen:
            return
        for moving, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + tf.stop_gradient(now) * (1 - self.momentum))


def settle_statistics(model: keras.Model, batches: Iterable[Any]) -> None:
    """Sets the moving statistics of all `BatchNorm` layers to the means of those of the batches.

    A network whose weights are an average over steps needs it: its maps vary less than those that the moving
    statistics were averaged over, and would come out dull (Izmailov et al. 2018, section 3.2).

    Args:
        model: Moves nothing but its statistics.
        batches: What the model takes.
    """
    layers = [layer for layer in model.layers if isinstance(layer, BatchNorm)]
    momenta = [layer.momentum for layer in layers]
    try:
        for count, batch in enumerate(batches):
            for layer in layers:
                layer.momentum = count / (count + 1)
            model(batch, training=True)
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
