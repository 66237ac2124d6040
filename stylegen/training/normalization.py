"""Batch normalisation for adversarial training: with a fused kernel, and passes that do not update the statistics."""

import contextlib
import threading
from collections.abc import Iterable, Iterator
from typing import Any

from stylegen.utils.backend import keras, tf


class _Tracing(threading.local):  # tf.distribute traces replicas in threads that alternate within a pass
    frozen = 0  # the number of `frozen_statistics` blocks around this thread


_tracing = _Tracing()


@contextlib.contextmanager
def frozen_statistics() -> Iterator[None]:
    """Within the block a training pass normalises with its batch statistics but does not update the moving ones.

    A pass through one network for the other's gradient must not change it. The state counts when a function is traced.
    """
    _tracing.frozen += 1
    try:
        yield
    finally:
        _tracing.frozen -= 1


@keras.saving.register_keras_serializable('stylegen')
class BatchNorm(keras.layers.Layer):
    """Batch normalisation of the last axis (Ioffe and Szegedy 2015), of (N, H, W, C) or (N, C).

    In training it uses TensorFlow's fused kernel, which Keras's layer does not. The moving variance is unbiased, as in
    PyTorch. The statistics are float32 in every precision.

    Args:
        momentum: The share of the moving statistics that each step keeps; PyTorch's momentum is 1 minus this.
        epsilon: Added to the variance.
        gamma_initializer: Of the gains; the shifts begin at 0.
        synchronized: Uses the statistics of all replicas' batches together, under `tf.distribute`.
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
        """Creates the variables."""

        def weight(name, initializer, **kwargs):
            options = {'dtype': 'float32', 'autocast': False} | kwargs
            return self.add_weight(shape=input_shape[-1:], name=name, initializer=initializer, **options)

        self.gamma, self.beta = weight('gamma', self.gamma_initializer), weight('beta', 'zeros')
        # synchronized statistics are the same on all replicas already
        moving = {'trainable': False, 'aggregation': 'none' if self.synchronized else 'mean'}
        self.moving_mean = weight('moving_mean', 'zeros', **moving)
        self.moving_variance = weight('moving_variance', 'ones', **moving)

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns the normalised batch. In training it uses the batch's statistics, and updates the moving ones."""
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
        """Returns the shape of the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the layer."""
        own = {name: getattr(self, name) for name in ('momentum', 'epsilon', 'synchronized')}
        return super().get_config() | own | {'gamma_initializer': keras.initializers.serialize(self.gamma_initializer)}

    def _normalized(self, maps, mean, variance):
        scale = tf.math.rsqrt(variance + self.epsilon) * tf.convert_to_tensor(self.gamma)
        return maps * scale + (tf.convert_to_tensor(self.beta) - mean * scale)

    def _over_replicas(self, maps):
        replicas = tf.distribute.get_replica_context()
        centre = tf.stop_gradient(tf.convert_to_tensor(self.moving_mean))  # equal on all replicas, and near the mean
        apart = maps - centre
        means = tf.stack([tf.reduce_mean(tf.reduce_mean(x, [1, 2]), 0) for x in (apart, tf.square(apart))])
        mean, square = tf.unstack(replicas.all_reduce(tf.distribute.ReduceOp.MEAN, means))
        variance = tf.nn.relu(square - tf.square(mean))
        mean += centre
        count = tf.cast(tf.size(maps[..., 0]) * replicas.num_replicas_in_sync, tf.float32)
        self._move(mean, variance * count / tf.maximum(count - 1, 1.0))
        return self._normalized(maps, mean, variance)

    def _move(self, mean, variance):
        if _tracing.frozen:
            return
        for moving, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + tf.stop_gradient(now) * (1 - self.momentum))


def settle_statistics(model: keras.Model, batches: Iterable[Any]) -> None:
    """Sets the moving statistics of all `BatchNorm` layers to the mean statistics of some batches.

    A network whose weights are averaged over steps needs it. Its maps vary less than those behind the moving
    statistics, and its output would look dull (Izmailov et al. 2018, section 3.2).

    Args:
        model: The model. Only its statistics change.
        batches: Inputs of the model.
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
