"""Keras layers for what Caffe's networks have and Keras lacks. Importing this imports TensorFlow.

Caffe's convolutions pad both sides with the same number of zeros. The last window of its poolings may extend beyond the
border if the stride leaves a rest.
"""

from collections.abc import Callable
from typing import Any

from stylegen.utils.backend import keras, tf
from stylegen.utils.keras_defaults import DTYPE, LAYOUT

Shape = tuple[Any, ...]  # unknown sides are None
MAPS = {'dtype': DTYPE, 'data_format': LAYOUT}


@keras.saving.register_keras_serializable('stylegen')
class LocalResponseNormalization(keras.layers.Layer):
    """Divides each value by a sum over neighbouring channels: x / (1 + alpha / size * sum x^2)^beta.

    The sum covers `size` channels centred on the value's own; channels beyond the first and the last are zero.
    Krizhevsky et al. 2012, section 3.3, as in Caffe: alpha is divided by the number of channels, and k is 1. Computed
    in float32.

    Args:
        size: Channels, an odd number.
        alpha, beta: As in the formula.
    """

    def __init__(self, size: int = 5, alpha: float = 1e-4, beta: float = 0.75, **kwargs: Any):
        super().__init__(**kwargs)
        self.size, self.alpha, self.beta = size, alpha, beta

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns the normalised map (n, height, width, channels)."""
        maps = tf.cast(inputs, tf.float32)
        maps = tf.nn.local_response_normalization(
            maps, depth_radius=self.size // 2, bias=1.0, alpha=self.alpha / self.size, beta=self.beta
        )
        return tf.cast(maps, inputs.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the shape of the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the layer."""
        return {**super().get_config(), 'size': self.size, 'alpha': self.alpha, 'beta': self.beta}


@keras.saving.register_keras_serializable('stylegen')
class EdgePadding(keras.layers.Layer):
    """Repeats the last row and the last column of a map `margin` times, so that the last window fits into the map.

    A maximum keeps its value, whatever its sign, and a mean keeps its magnitude.
    """

    def __init__(self, margin: int = 1, **kwargs: Any):
        super().__init__(**kwargs)
        self.margin = margin

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns the map with margins at the bottom and on the right."""
        return tf.pad(inputs, [(0, 0), (0, self.margin), (0, self.margin), (0, 0)], 'SYMMETRIC')

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the shape with the margins added; None stays None."""
        batch, *sides, channels = input_shape
        return batch, *(None if side is None else side + self.margin for side in sides), channels

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the layer."""
        return {**super().get_config(), 'margin': self.margin}


@keras.saving.register_keras_serializable('stylegen')
class GroupedConv2D(keras.layers.Conv2D):
    """A grouped convolution as one convolution per group. Its weights are those of Keras's layer.

    Without oneDNN TensorFlow has no gradient of a grouped convolution on a CPU. Keras's own layer has one through XLA,
    which takes ten times as long.
    """

    def convolution_op(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """Returns the maps of all groups, joined along the channels."""
        groups = zip(tf.split(inputs, self.groups, -1), tf.split(kernel, self.groups, -1), strict=True)
        step, around, rate = self.strides, self.padding.upper(), self.dilation_rate
        return tf.concat([tf.nn.conv2d(maps, part, step, around, dilations=rate) for maps, part in groups], -1)


def convolution(name: str, filters: int, size: int, *, groups: int = 1) -> Callable[[Any], Any]:
    """Returns a convolution of stride 1 with ReLU that keeps the size of the map; `size` is odd."""
    kind, options = (GroupedConv2D, {'groups': groups}) if groups > 1 else (keras.layers.Conv2D, {})
    return kind(filters, size, padding='same', activation='relu', name=name, **MAPS, **options)


def pooling(name: str) -> Callable[[Any], Any]:
    """Returns max pooling of 3 x 3 with stride 2 and Caffe's rounding: n positions become n // 2."""

    def pooled(maps: Any) -> Any:
        maps = EdgePadding(1, name=f'{name}_pad', dtype=DTYPE)(maps)
        return keras.layers.MaxPooling2D(3, 2, name=name, **MAPS)(maps)

    return pooled
