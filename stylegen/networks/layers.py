"""Keras layers that replace others when a feature network is rebuilt. Importing this imports TensorFlow."""

import math
from collections.abc import Sequence
from typing import Any

from stylegen.networks.padding import source_index
from stylegen.utils.backend import keras, tf
from stylegen.utils.keras_defaults import EPSILON

Shape = tuple[Any, ...]  # unknown sides are None

# Factors that keep the magnitude of max pooling, measured by K. Crowson (style-transfer-pytorch, `pooling_scales`):
# 2 for the mean; 0.78 for the root of the *sum* of squares over 2x2, which is 1.56 for the root of their mean.
# The factor 1.56 also holds for the 3x3 windows of other networks.
AVERAGE_SCALE = 2.0
L2_SCALE = 2 * 0.78
BVLC_MEAN = (104.0, 117.0, 123.0)  # blue, green, red: `mean_value` in models/bvlc_googlenet/train_val.prototxt of Caffe


@keras.saving.register_keras_serializable('stylegen')
class Preprocess(keras.layers.Layer):
    """Converts pixels in [0, 1] to a network's input, like `preprocess_input` of keras.applications after times 255.

    Args:
        mode: 'caffe' (BGR minus the mean, 0..255), 'bvlc' (the same with the rounded mean of Caffe's own networks),
            'tf' ([-1, 1]) or 'bytes' (0..255).
    """

    def __init__(self, mode: str, **kwargs: Any):
        super().__init__(**kwargs)
        self.mode = mode

    def call(self, images: tf.Tensor) -> tf.Tensor:
        """Returns the network's input."""
        images = images * 255.0
        if self.mode == 'bytes':
            return images
        if self.mode == 'bvlc':
            return images[..., ::-1] - tf.constant(BVLC_MEAN, images.dtype)
        return keras.applications.imagenet_utils.preprocess_input(images, data_format='channels_last', mode=self.mode)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the shape of the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the layer."""
        return {**super().get_config(), 'mode': self.mode}


@keras.saving.register_keras_serializable('stylegen')
class Standardization(keras.layers.Normalization):
    """Keras's Normalization with a fixed smallest deviation, whatever epsilon Keras is configured with."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns the inputs minus their mean, divided by their deviation."""
        mean, variance = self.convert_weight(self.mean), self.convert_weight(self.variance)
        deviation = tf.maximum(tf.sqrt(variance), EPSILON)
        return inputs * deviation + mean if self.invert else (inputs - mean) / deviation


@keras.saving.register_keras_serializable('stylegen')
class FrozenConv2D(keras.layers.Conv2D):
    """A convolution that casts its frozen kernel to the layer's precision once and not at every call."""

    frozen: tf.Tensor | None = None

    def freeze(self) -> None:
        """Stores the current kernel in the layer's precision."""
        self.frozen = tf.cast(self.kernel.value, self.compute_dtype)

    def convolution_op(self, inputs: tf.Tensor, kernel: tf.Variable) -> tf.Tensor:
        """Returns the convolution without bias."""
        return super().convolution_op(inputs, kernel if self.frozen is None else self.frozen)


@keras.saving.register_keras_serializable('stylegen')
class AveragePooling(keras.layers.AveragePooling2D):
    """Average pooling times 2, a replacement of max pooling (Gatys et al. 2015, section 'Methods')."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns twice the means of the windows."""
        return AVERAGE_SCALE * super().call(inputs)


@keras.saving.register_keras_serializable('stylegen')
class L2Pooling(keras.layers.AveragePooling2D):
    """Root mean square of a window times 1.56. Its gradient at a window of zeros is 0. Computed in float32."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns 1.56 times the root mean squares of the windows."""
        squares = super().call(tf.square(tf.cast(inputs, tf.float32)))
        positive = squares > 0
        root = tf.sqrt(tf.where(positive, squares, 1.0))
        return tf.cast(L2_SCALE * tf.where(positive, root, 0.0), inputs.dtype)


@keras.saving.register_keras_serializable('stylegen')
class ReflectPadding(keras.layers.Layer):
    """Extends a map (n, height, width, channels) by mirroring it about its border pixels, like `np.pad(reflect)`.

    Args:
        rows, columns: (before, after). If a map is not larger than its padding, it is mirrored back and forth; a single
            pixel is repeated.
    """

    def __init__(self, rows: Sequence[int], columns: Sequence[int], **kwargs: Any):
        super().__init__(**kwargs)
        self.rows, self.columns = tuple(rows), tuple(columns)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns the map with its margins."""
        for axis, (before, after) in ((1, self.rows), (2, self.columns)):
            inputs = self._pad(inputs, axis, before, after)
        return inputs

    @staticmethod
    def _pad(inputs, axis, before, after):
        if not before and not after:
            return inputs
        size, most = tf.shape(inputs)[axis], max(before, after)

        def reflect_once():
            return tf.pad(inputs, [(before, after) if i == axis else (0, 0) for i in range(4)], 'REFLECT')

        def reflect_repeatedly():
            return tf.gather(inputs, source_index(tf.range(-before, size + after), size), axis=axis)

        if (static := inputs.shape[axis]) is not None:
            return reflect_once() if static > most else reflect_repeatedly()
        return tf.cond(size > most, reflect_once, reflect_repeatedly)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the shape with the margins added; None stays None."""
        batch, height, width, channels = input_shape
        height = None if height is None else height + sum(self.rows)
        width = None if width is None else width + sum(self.columns)
        return batch, height, width, channels

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the layer."""
        return {**super().get_config(), 'rows': self.rows, 'columns': self.columns}


@keras.saving.register_keras_serializable('stylegen')
class MapDense(keras.layers.Dense):
    """A Dense layer applied at every place of a map: a 'valid' convolution whose kernel is the Dense matrix.

    Args:
        units: As for Dense.
        window: Rows and columns of the map that the layer reads at a time, flattened in the order of Flatten. A smaller
            map is padded with zeros on all sides.
    """

    def __init__(self, units: int, window: Sequence[int] = (1, 1), **kwargs: Any):
        super().__init__(units, **kwargs)
        self.window = tuple(window)

    def build(self, input_shape: Shape) -> None:
        """Creates the matrix and the bias for all positions of the window together."""
        super().build((None, math.prod(self.window) * input_shape[-1]))
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Returns the outputs at every place of the window."""
        if self.window != (1, 1):
            missing = tf.maximum(tf.constant(self.window) - tf.shape(inputs)[1:3], 0)
            before = tf.pad(missing // 2, [(1, 1)])
            inputs = tf.pad(inputs, tf.stack([before, tf.pad(missing, [(1, 1)]) - before], 1))
        kernel = keras.ops.reshape(self.kernel, (*self.window, -1, self.units))
        result = tf.nn.conv2d(inputs, kernel, 1, 'VALID')
        return self.activation(result if self.bias is None else result + self.bias)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns one position for every place of the window; None stays None."""
        batch, *sides, _ = input_shape
        rows, columns = (
            side and max(side - size + 1, 1) for side, size in zip(sides, self.window, strict=True)
        )  # an empty map has no positions
        return batch, rows, columns, self.units

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the layer."""
        return {**super().get_config(), 'window': self.window}


@keras.saving.register_keras_serializable('stylegen')
class PooledNormalization(keras.layers.LayerNormalization):
    """Layer normalisation of a pooled map, applied before the pooling: the mean of its output is the pooled result.

    Each position is centred over its channels and divided by the deviation of the map's mean over all positions. So the
    mean over positions of the result is the normalised mean. Computed in float32.
    """

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns the normalised map."""
        maps = tf.cast(inputs, tf.float32)
        maps -= tf.reduce_mean(maps, -1, keepdims=True)
        variance = tf.reduce_mean(tf.square(tf.reduce_mean(maps, (1, 2), keepdims=True)), -1, keepdims=True)
        maps *= tf.math.rsqrt(variance + self.epsilon)
        if self.gamma is not None:
            maps *= self.gamma
        if self.beta is not None:
            maps += self.beta
        return tf.cast(maps, self.compute_dtype)
