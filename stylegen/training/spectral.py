"""Spectral normalisation (Miyato et al. 2018): layers whose kernel is divided by its spectral norm, as estimated.

Keras's own wrapper assigns W / sigma to W at every call: the trained weight is overwritten, no gradient passes sigma,
and a pass for the generator's sake changes the discriminator. Here W / sigma is a function of W. With u held fixed,
sigma = |W u|, whose gradient v u' (v = W u / |W u|) is that of the paper's equation 12; `power_iteration` moves u, once
a step, and nothing else does.
"""

from collections.abc import Mapping, MutableMapping
from typing import Any

from stylegen.utils.backend import keras, tf

TINY = 1e-12


class _Spectral(keras.layers.Layer):
    """What the layers share. Their kernel, the last axis being the output's, is taken as a matrix (inputs, outputs)."""

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
        """The estimate of the largest singular value, float32, never above it."""
        matrix = tf.cast(tf.reshape(kernel, [-1, kernel.shape[-1]]), tf.float32)
        direction = tf.math.l2_normalize(tf.convert_to_tensor(self.direction), epsilon=TINY)
        return tf.maximum(tf.norm(tf.linalg.matvec(matrix, direction)), TINY)

    def normalized(self, kernel: tf.Tensor) -> tf.Tensor:
        """The kernel over `sigma`; the gradient passes both."""
        kernel = tf.convert_to_tensor(kernel)
        return kernel / tf.cast(self.sigma(kernel), kernel.dtype)

    def iterate(self) -> None:
        """One step of the power iteration: u becomes W'W u, of length 1."""
        matrix = tf.reshape(tf.convert_to_tensor(self._matrix()), [-1, self._matrix().shape[-1]])
        image = tf.linalg.matvec(matrix, tf.convert_to_tensor(self.direction))
        self.direction.assign(tf.math.l2_normalize(tf.linalg.matvec(matrix, image, transpose_a=True), epsilon=TINY))

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Keeps the direction too, which the layers of Keras do not know of."""
        keras.layers.Layer.save_own_variables(self, store)

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Reads what `save_own_variables` kept."""
        keras.layers.Layer.load_own_variables(self, store)

    def _matrix(self) -> keras.Variable:
        return self.kernel


@keras.saving.register_keras_serializable('stylegen')
class SpectralConv2D(_Spectral, keras.layers.Conv2D):
    """A convolution with the kernel over its spectral norm."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the variables."""
        super().build(input_shape)
        self._add_direction(self.filters)

    def convolution_op(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """The convolution by the normalised kernel."""
        return super().convolution_op(inputs, self.normalized(kernel))


@keras.saving.register_keras_serializable('stylegen')
class SpectralDense(_Spectral, keras.layers.Dense):
    """A dense layer without activation, with the kernel over its spectral norm."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the variables."""
        super().build(input_shape)
        self._add_direction(self.units)

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """The product with the normalised kernel, and the shift."""
        del training
        outputs = tf.linalg.matmul(inputs, self.normalized(self.kernel))
        return outputs if self.bias is None else outputs + self.bias


@keras.saving.register_keras_serializable('stylegen')
class SpectralEmbedding(_Spectral, keras.layers.Embedding):
    """A vector for each class, of a table over its spectral norm."""

    def build(self, input_shape: tuple[int | None, ...] | None = None) -> None:
        """Makes the variables."""
        super().build(input_shape)
        self._add_direction(self.output_dim)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """The vectors of the classes."""
        return tf.gather(self.normalized(self.embeddings), inputs)

    def _matrix(self) -> keras.Variable:
        return self.embeddings


def power_iteration(model: keras.Model) -> None:
    """Moves the estimates of all spectral layers by one step; to be called once for each step of the model."""
    for layer in model.layers:
        if isinstance(layer, _Spectral):
            layer.iterate()
