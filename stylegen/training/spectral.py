"""Spectral normalisation (Miyato et al. 2018): layers that divide their kernel by its estimated spectral norm.

Keras's own wrapper assigns W / sigma to W at every call: it overwrites the trained weight, sigma gets no gradient, and
a pass for the generator changes the discriminator. Here W / sigma is a function of W. With u fixed, sigma = |W u|,
whose gradient v u' (v = W u / |W u|) is that of the paper's equation 12. Only `power_iteration` changes u, once a step.
"""

from collections.abc import Mapping, MutableMapping
from typing import Any

from stylegen.utils.backend import keras, tf

TINY = 1e-12


class _Spectral(keras.layers.Layer):
    """The common part of the layers. The kernel, whose last axis is the output's, is a matrix (inputs, outputs)."""

    def _add_direction(self, outputs: int) -> None:
        self.direction = self.add_weight(
            shape=(outputs,),
            name='direction',
            initializer=keras.initializers.RandomNormal(seed=outputs),
            trainable=False,
            aggregation='only_first_replica',
            dtype='float32',
            autocast=False,
        )

    def sigma(self, kernel: tf.Tensor) -> tf.Tensor:
        """Returns the estimate of the largest singular value, float32. It is never above the true value."""
        matrix = tf.cast(tf.reshape(kernel, [-1, kernel.shape[-1]]), tf.float32)
        direction = tf.math.l2_normalize(tf.convert_to_tensor(self.direction), epsilon=TINY)
        return tf.maximum(tf.norm(tf.linalg.matvec(matrix, direction)), TINY)

    def normalized(self, kernel: tf.Tensor) -> tf.Tensor:
        """Returns the kernel divided by `sigma`. Both get gradients."""
        kernel = tf.convert_to_tensor(kernel)
        return kernel / tf.cast(self.sigma(kernel), kernel.dtype)

    def iterate(self) -> None:
        """Does one step of the power iteration: u becomes W'W u, scaled to length 1."""
        matrix = tf.reshape(tf.convert_to_tensor(self._matrix()), [-1, self._matrix().shape[-1]])
        image = tf.linalg.matvec(matrix, tf.convert_to_tensor(self.direction))
        self.direction.assign(tf.math.l2_normalize(tf.linalg.matvec(matrix, image, transpose_a=True), epsilon=TINY))

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Also saves the direction, which Keras's layers do not know."""
        keras.layers.Layer.save_own_variables(self, store)

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Loads what `save_own_variables` saved."""
        keras.layers.Layer.load_own_variables(self, store)

    def _matrix(self) -> keras.Variable:
        return self.kernel


@keras.saving.register_keras_serializable('stylegen')
class SpectralConv2D(_Spectral, keras.layers.Conv2D):
    """A convolution whose kernel is divided by its spectral norm."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates the variables."""
        super().build(input_shape)
        self._add_direction(self.filters)

    def convolution_op(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """Returns the convolution with the normalised kernel."""
        return super().convolution_op(inputs, self.normalized(kernel))


@keras.saving.register_keras_serializable('stylegen')
class SpectralDense(_Spectral, keras.layers.Dense):
    """A dense layer without activation whose kernel is divided by its spectral norm."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates the variables."""
        super().build(input_shape)
        self._add_direction(self.units)

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Returns the product with the normalised kernel, plus the bias."""
        del training
        outputs = tf.linalg.matmul(inputs, self.normalized(self.kernel))
        return outputs if self.bias is None else outputs + self.bias


@keras.saving.register_keras_serializable('stylegen')
class SpectralEmbedding(_Spectral, keras.layers.Embedding):
    """A vector for each class, from a table that is divided by its spectral norm."""

    def build(self, input_shape: tuple[int | None, ...] | None = None) -> None:
        """Creates the variables."""
        super().build(input_shape)
        self._add_direction(self.output_dim)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns the vectors of the classes."""
        return tf.gather(self.normalized(self.embeddings), inputs)

    def _matrix(self) -> keras.Variable:
        return self.embeddings


def power_iteration(model: keras.Model) -> None:
    """Does one step of the power iteration in all spectral layers. Call it once for each step of the model."""
    for layer in model.layers:
        if isinstance(layer, _Spectral):
            layer.iterate()
