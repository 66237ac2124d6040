"""The layers of the network that paints in one pass."""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

from stylegen.style.norms import EPSILON, NOISE, NOISE_SIDE, noise_tile
from stylegen.style.numpy_pass import PHASES
from stylegen.utils.backend import keras, tf

LANES = 16  # numbers that a processor's widest register holds


def mirrored(x: tf.Tensor, width: int, first: int) -> tf.Tensor:
    """The map (N, H + 2 width, W + 2 width, C), mirrored at its borders: `tf.pad` in a third of the time.

    Args:
        x: A map (N, H, W, C).
        width: Positions on every side.
        first: 1 leaves out the border itself, as 'REFLECT'; 0 repeats it, as 'SYMMETRIC'.
    """
    for axis in (2, 1):
        places = tf.shape(x)[axis]
        before = tf.gather(x, tf.range(first + width - 1, first - 1, -1), axis=axis)
        after = tf.gather(x, places - 1 - tf.range(first, first + width), axis=axis)
        x = tf.concat([before, x, after], axis)
    return x


class ReflectionPadding(keras.layers.Layer):
    """Mirrors a map at its borders, by `width` positions on every side."""

    def __init__(self, width: int = 1, **options: Any):
        super().__init__(**options)
        self.width = width

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """The map (N, H + 2 width, W + 2 width, C)."""
        return mirrored(x, self.width, 1)

    def compute_output_shape(self, shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """The shape of what `call` gives."""
        height, width = (side and side + 2 * self.width for side in shape[1:3])
        return shape[0], height, width, shape[3]

    def get_config(self) -> dict[str, Any]:
        """The arguments, as Keras saves them."""
        return super().get_config() | {'width': self.width}


class ConditionalInstanceNormalization(keras.layers.Layer):
    """Gives each channel of each picture the mean and deviation that a style has for it (Dumoulin et al. 2017, eq. 5).

    Called with a map (N, H, W, C) and (N, 2 C): by how much more than 1 each normalised channel is multiplied, and what
    is added to it.

    Args:
        relu: Whether negative values become 0.

    Attributes:
        smooth: None, or a function of the mean and the variance, (C,) each, that gives those to normalise with. Then
            the map is of one picture.
        positions: A number that divides the number of the map's positions.
    """

    smooth: Any = None
    positions: int = 1

    def __init__(self, relu: bool = False, **options: Any):
        super().__init__(**options)
        self.relu = relu

    def call(self, inputs: Sequence[tf.Tensor]) -> tf.Tensor:
        """The map, (N, H, W, C)."""
        x, norms = inputs
        if self.smooth:
            scale, shift = tf.split(tf.cast(norms[0], tf.float32), 2)
            return of_one_picture(x, 1 + scale, shift, self.relu, self.smooth, self.positions)
        precise = tf.cast(x, tf.float32)
        mean, variance = tf.nn.moments(precise, [1, 2], keepdims=True)
        scale, shift = (part[:, None, None] for part in tf.split(tf.cast(norms, tf.float32), 2, axis=-1))
        factor = (1 + scale) * tf.math.rsqrt(variance + EPSILON)
        x = tf.cast(precise * factor + (shift - mean * factor), x.dtype)
        return tf.nn.relu(x) if self.relu else x

    def compute_output_shape(self, shapes: Sequence[Sequence[int | None]]) -> tuple[int | None, ...]:
        """The shape of the map."""
        return tuple(shapes[0])

    def get_config(self) -> dict[str, Any]:
        """The arguments, as Keras saves them."""
        return super().get_config() | {'relu': self.relu}


def of_one_picture(
    x: tf.Tensor, scale: tf.Tensor, shift: tf.Tensor, relu: bool, smooth: Callable, positions: int
) -> tf.Tensor:
    """Instance normalization of a map of one picture, in a third of the time that `tf.nn.moments` and the rest take.

    With one picture it is a batch normalization. TensorFlow's operation is fast where the channels are a multiple of
    LANES. So neighbours lie side by side as channels of their own where they can, and their statistics are put
    together.

    Args:
        x: (1, H, W, C).
        scale, shift: (C,).
        relu, smooth, positions: See `ConditionalInstanceNormalization`.
    """
    channels = x.shape[-1]
    side_by_side = LANES // math.gcd(LANES, channels)
    side_by_side = 1 if positions % side_by_side else side_by_side
    wide = tf.reshape(x, [1, 1, -1, side_by_side * channels])
    count = tf.cast(tf.shape(wide)[2], tf.float32)
    normalize = functools.partial(tf.raw_ops.FusedBatchNormV3, x=wide, epsilon=EPSILON)
    ones = tf.ones([side_by_side * channels])
    known = normalize(scale=ones, offset=0 * ones, mean=[], variance=[], is_training=True)
    means = tf.reshape(known.batch_mean, [side_by_side, channels])
    variances = tf.reshape(known.batch_variance * (count - 1) / count, means.shape)  # that of a sample is given
    mean = tf.reduce_mean(means, 0)
    mean, variance = smooth(mean, tf.reduce_mean(variances + (means - mean) ** 2, 0))
    given = dict(zip(('scale', 'offset', 'mean', 'variance'), (scale, shift, mean, variance), strict=True))
    given = {name: tf.tile(value, [side_by_side]) for name, value in given.items()}
    y = normalize(**given, is_training=False).y
    return tf.reshape(tf.nn.relu(y) if relu else y, tf.shape(x))  # TensorFlow joins the two operations


class AddedNoise(keras.layers.Layer):
    """Adds a mix of the channels of `noise_tile` to each channel of a map; each channel learns its mix.

    Attributes:
        shift: The position of the tile, (row, column), at which the map begins. Training changes it with each step, so
            that the network does not learn the tile.

    Args:
        seed: Of the mixes.
    """

    shift: Any = (0, 0)

    def __init__(self, seed: int | None = None, **options: Any):
        super().__init__(**options)
        self.seed = seed

    def build(self, shape: Sequence[int | None]) -> None:
        """Makes the kernel, (NOISE, C)."""
        little = keras.initializers.RandomNormal(stddev=0.2, seed=self.seed)
        self.kernel = self.add_weight(name='kernel', shape=(NOISE, shape[-1]), initializer=little)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """The map, (N, H, W, C)."""
        noise = tf.constant(noise_tile())
        if self.shift != (0, 0):
            noise = tf.roll(noise, [-step for step in self.shift], [0, 1])
        height, width = tf.unstack(tf.shape(x)[1:3])
        mixed = tf.tensordot(tf.cast(noise[:height, :width], x.dtype), tf.cast(self.kernel, x.dtype), 1)
        times = [(side + NOISE_SIDE - 1) // NOISE_SIDE for side in (height, width)]
        return x + tf.tile(mixed, [*times, 1])[:height, :width]

    def compute_output_shape(self, shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """The shape of the map."""
        return tuple(shape)

    def get_config(self) -> dict[str, Any]:
        """The arguments, as Keras saves them."""
        return super().get_config() | {'seed': self.seed}


class SpaceToDepth(keras.layers.Layer):
    """Puts 2 x 2 positions of a map into one, (N, H / 2, W / 2, 4 C)."""

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """The map."""
        return tf.nn.space_to_depth(x, 2)

    def compute_output_shape(self, shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """The shape of what `call` gives."""
        height, width = (side and side // 2 for side in shape[1:3])
        return shape[0], height, width, 4 * (shape[3] or 0)


def phase_kernels(kernel: tf.Tensor) -> tf.Tensor:
    """The kernel 2 x 2 of `UpsampledConvolution`, (2, 2, C, 4 channels), of one 3 x 3, (3, 3, C, channels)."""
    phases = tf.constant(PHASES, kernel.dtype)
    kernels = tf.einsum('ptk,qsl,klio->tsipqo', phases, phases, kernel)
    return tf.reshape(kernels, [2, 2, kernel.shape[2], 4 * kernel.shape[3]])


class UpsampledConvolution(keras.layers.Layer):
    """Repeats every position of a map 2 x 2 times and convolves 3 x 3, without ever making the repeated map.

    Of nine places that the kernel looks at, several hold the same value. So each of the four phases of the output is a
    convolution 2 x 2 of the input, with sums of the kernel's weights: four ninths of the multiplications. The border
    repeats its last position, as mirroring the repeated map does.

    Args:
        channels: Of the output.
        seed: Of the kernel.
    """

    def __init__(self, channels: int, seed: int | None = None, **options: Any):
        super().__init__(**options)
        self.channels, self.seed = channels, seed

    def build(self, shape: Sequence[int | None]) -> None:
        """Makes the kernel, (3, 3, C, channels), without a bias."""
        shape = 3, 3, shape[-1], self.channels
        self.kernel = self.add_weight(name='kernel', shape=shape, initializer=keras.initializers.HeNormal(self.seed))

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """The map, (N, 2 H, 2 W, channels)."""
        phases = phase_kernels(tf.convert_to_tensor(self.kernel))
        padded = mirrored(x, 1, 0)
        return tf.nn.depth_to_space(tf.nn.conv2d(padded, phases, 1, 'VALID'), 2)[:, 1:-1, 1:-1]

    def compute_output_shape(self, shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """The shape of what `call` gives."""
        height, width = (side and 2 * side for side in shape[1:3])
        return shape[0], height, width, self.channels

    def get_config(self) -> dict[str, Any]:
        """The arguments, as Keras saves them."""
        return super().get_config() | {'channels': self.channels, 'seed': self.seed}


class Split(keras.layers.Layer):
    """Cuts vectors into parts of these sizes."""

    def __init__(self, sizes: Sequence[int], **options: Any):
        super().__init__(**options)
        self.sizes = tuple(sizes)

    def call(self, x: tf.Tensor) -> list[tf.Tensor]:
        """The parts."""
        return tf.split(x, self.sizes, axis=-1)

    def compute_output_shape(self, shape: Sequence[int | None]) -> list[tuple[int | None, int]]:
        """Their shapes."""
        return [(shape[0], size) for size in self.sizes]

    def get_config(self) -> dict[str, Any]:
        """The arguments, as Keras saves them."""
        return super().get_config() | {'sizes': self.sizes}
