"""What Caffe's networks have and Keras has not, as Keras layers. Importing this imports TensorFlow.

Caffe's convolutions put the same number of zeros on both sides, and its poolings have a last window that hangs over the
border where the stride leaves something over.
"""

from collections.abc import Callable
from typing import Any

from stylegen.utils.backend import keras, tf
from stylegen.utils.keras_defaults import DTYPE, LAYOUT

Shape = tuple[Any, ...]  # a side that is not known is None
MAPS = {'dtype': DTYPE, 'data_format': LAYOUT}


@keras.saving.register_keras_serializable('stylegen')
class LocalResponseNormalization(keras.layers.Layer):
    """Divides each value by what its neighbours among the channels make: x / (1 + alpha / size * sum x^2)^beta.

    The sum is over `size` channels with the value's own in the middle, zeros beyond the first and the last. Krizhevsky
    et al. 2012, section 3.3, as Caffe has it: alpha is divided by the number of channels, and k is 1. Computed in
    float32.

    Args:
        size: Channels, an odd number.
        alpha, beta: As in the formula.
    """

    def __init__(self, size: int = 5, alpha: float = 1e-4, beta: float = 0.75, **kwargs: Any):
        super().__init__(**kwargs)
        self.size, self.alpha, self.beta = size, alpha, beta

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """The normalised map (n, height, width, channels)."""
        maps = tf.cast(inputs, tf.float32)
        maps = tf.nn.local_response_normalization(
            maps, depth_radius=self.size // 2, bias=1.0, alpha=self.alpha / self.size, beta=self.beta
        )
        return tf.cast(maps, inputs.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """That of the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """What the layer is made again from."""
        return {**super().get_config(), 'size': self.size, 'alpha': self.alpha, 'beta': self.beta}


@keras.saving.register_keras_serializable('stylegen')
class EdgePadding(keras.layers.Layer):
    """Repeats the last row and the last column of a map, `margin` times, so that a last window does not hang over.

    A largest value stays what it is, whatever its sign, and a mean keeps its magnitude.
    """

    def __init__(self, margin: int = 1, **kwargs: Any):
        super().__init__(**kwargs)
        self.margin = margin

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """The map with its margins, below and on the right."""
        return tf.pad(inputs, [(0, 0), (0, self.margin), (0, self.margin), (0, 0)], 'SYMMETRIC')

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Sides that are longer by the margin; None stays None."""
        batch, *sides, channels = input_shape
        return batch, *(None if side is None else side + self.margin for side in sides), channels

    def get_config(self) -> dict[str, Any]:
        """What the layer is made again from."""
        return {**super().get_config(), 'margin': self.margin}


@keras.saving.register_keras_serializable('stylegen')
class GroupedConv2D(keras.layers.Conv2D):
    """A convolution in groups as one convolution for each group, side by side; weights as Keras has them.

    TensorFlow without oneDNN has no gradient of a grouped convolution on a CPU. Keras's own layer has one, by XLA, that
    takes ten times as long.
    """

    def convolution_op(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """The maps of all groups, one after the other among the channels."""
        groups = zip(tf.split(inputs, self.groups, -1), tf.split(kernel, self.groups, -1), strict=True)
        step, around, rate = self.strides, self.padding.upper(), self.dilation_rate
        return tf.concat([tf.nn.conv2d(maps, part, step, around, dilations=rate) for maps, part in groups], -1)


def convolution(name: str, filters: int, size: int, *, groups: int = 1) -> Callable[[Any], Any]:
    """A convolution of stride 1 with ReLU, that keeps the size of its map; `size` is odd."""
    kind, options = (GroupedConv2D, {'groups': groups}) if groups > 1 else (keras.layers.Conv2D, {})
    return kind(filters, size, padding='same', activation='relu', name=name, **MAPS, **options)


def pooling(name: str) -> Callable[[Any], Any]:
    """Max pooling of 3 x 3 positions at every second, as Caffe rounds it: a side of n positions comes to n // 2."""

    def pooled(maps: Any) -> Any:
        maps = EdgePadding(1, name=f'{name}_pad', dtype=DTYPE)(maps)
        return keras.layers.MaxPooling2D(3, 2, name=name, **MAPS)(maps)

    return pooled
