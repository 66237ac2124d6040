"""A network that paints a photo in one pass, and the one that tells it how from the statistics of a painting.

Johnson, Alahi, Fei-Fei (2016), "Perceptual losses for real-time style transfer and super-resolution"; conditional
instance normalization after Dumoulin, Shlens, Kudlur (2017), "A learned representation for artistic style"; its
parameters predicted from a painting after Ghiasi et al. (2017), "Exploring the structure of a real-time, arbitrary
neural artistic stylization network".
"""

import functools
import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from stylegen.style.norms import EPSILON, NOISE, NOISE_SIDE, NetworkShape, noise_tile
from stylegen.style.numpy_pass import MIDDLE, PHASES, SWING
from stylegen.utils.backend import keras, tf
from stylegen.utils.keras_defaults import DTYPE, LAYOUT

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

    Attributes:
        smooth: None, or a function of the mean and the variance, (C,) each, that gives those to normalise with. Then
            the map is of one picture.
        positions: A number that divides the number of the map's positions.
    """

    smooth: Any = None
    positions: int = 1

    def call(self, inputs: Sequence[tf.Tensor]) -> tf.Tensor:
        """The map, (N, H, W, C)."""
        x, norms = inputs
        if self.smooth:
            scale, shift = tf.split(tf.cast(norms[0], tf.float32), 2)
            return of_one_picture(x, 1 + scale, shift, self.smooth, self.positions)
        precise = tf.cast(x, tf.float32)
        mean, variance = tf.nn.moments(precise, [1, 2], keepdims=True)
        scale, shift = (part[:, None, None] for part in tf.split(tf.cast(norms, tf.float32), 2, axis=-1))
        factor = (1 + scale) * tf.math.rsqrt(variance + EPSILON)
        return tf.cast(precise * factor + (shift - mean * factor), x.dtype)

    def compute_output_shape(self, shapes: Sequence[Sequence[int | None]]) -> tuple[int | None, ...]:
        """The shape of the map."""
        return tuple(shapes[0])


def of_one_picture(x: tf.Tensor, scale: tf.Tensor, shift: tf.Tensor, smooth: Callable, positions: int) -> tf.Tensor:
    """Instance normalization of a map of one picture, in a third of the time that `tf.nn.moments` and the rest take.

    With one picture it is a batch normalization. TensorFlow's operation is fast where the channels are a multiple of
    LANES. So neighbours lie side by side as channels of their own where they can, and their statistics are put
    together.

    Args:
        x: (1, H, W, C).
        scale, shift: (C,).
        smooth, positions: See `ConditionalInstanceNormalization`.
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
    return tf.reshape(normalize(**given, is_training=False).y, tf.shape(x))


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
        times = [(side + NOISE_SIDE - 1) // NOISE_SIDE for side in (height, width)]
        noise = tf.tile(noise, [*times, 1])[:height, :width]
        return x + tf.cast(tf.tensordot(noise, tf.cast(self.kernel, tf.float32), 1), x.dtype)

    def compute_output_shape(self, shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """The shape of the map."""
        return tuple(shape)

    def get_config(self) -> dict[str, Any]:
        """The arguments, as Keras saves them."""
        return super().get_config() | {'seed': self.seed}


def transform_network(shape: NetworkShape, precision: str = 'float32', seed: int = 0) -> keras.Model:
    """The network that paints: (photos, norms) to pictures.

    Half the sides by putting 2 x 2 pixels into one position, a quarter and an eighth by convolutions, residual blocks
    at an eighth, for large shapes, and then at a quarter, for strokes; back by repeating positions before a
    convolution. What was found at an eighth is added to the map at a quarter.

    Args:
        shape: Its size.
        precision: The dtype policy of its layers but the first, whose normalization would enlarge the rounding of a
            smooth photo.
        seed: Of its weights.

    Returns:
        A model of [float32 RGB (N, H, W, 3) in [0, 1] with sides that are multiples of `shape.grid`, (N, shape.norms)]
        whose output is float32 RGB (N, H, W, 3), about in [0, 1].
    """
    seeds = itertools.count(1000 * seed)
    width = shape.width
    image = keras.Input((None, None, 3), dtype=DTYPE, name='image')
    norms = keras.Input((shape.norms,), dtype=DTYPE, name='norms')
    lengths = tuple(2 * size for size in shape.sizes.values())
    parts = dict(zip(shape.sizes, Split(lengths, name='split')(norms), strict=True))

    def normalized(x, name, activation='relu', dtype=precision):
        if name in shape.noisy:
            x = AddedNoise(next(seeds), dtype=dtype, name=f'{name}_noise')(x)
        x = ConditionalInstanceNormalization(dtype=dtype, name=f'{name}_norm')([x, parts[name]])
        return keras.layers.Activation(activation, dtype=dtype, name=f'{name}_{activation}')(x) if activation else x

    def convolved(x, channels, name, strides=1, drawn=keras.initializers.HeNormal, bias=False, dtype=precision):
        x = ReflectionPadding(1, dtype=dtype, name=f'{name}_pad')(x)
        how = dict(use_bias=bias, kernel_initializer=drawn(seed=next(seeds)), data_format=LAYOUT, dtype=dtype)
        return keras.layers.Conv2D(channels, 3, strides, name=name, **how)(x)

    def block(x, name):
        channels, glorot = x.shape[-1], keras.initializers.GlorotNormal
        y = normalized(convolved(x, channels, f'{name}_a'), f'{name}_a')
        y = normalized(convolved(y, channels, f'{name}_b', drawn=glorot), f'{name}_b', activation=None)
        return keras.layers.Add(dtype=precision, name=f'{name}_sum')([x, y])

    def raised(x, channels, name, **how):
        return normalized(UpsampledConvolution(channels, next(seeds), dtype=precision, name=name)(x), name, **how)

    x = SpaceToDepth(dtype=DTYPE, name='halves')(image)
    x = keras.layers.Rescaling(2.0, offset=-1.0, dtype=DTYPE, name='scaled')(x)
    x = normalized(convolved(x, width // 2, 'begin', dtype=DTYPE), 'begin', dtype=DTYPE)
    x = normalized(convolved(x, width, 'down', 2), 'down')
    if shape.deep:
        y = normalized(convolved(x, 2 * width, 'down2', 2), 'down2')
        for number in range(shape.deep):
            y = block(y, f'deep{number}')
        y = raised(y, width, 'up0', activation=None)
        x = keras.layers.Add(dtype=precision, name='deep_sum')([x, y])
    for number in range(shape.blocks):
        x = block(x, f'block{number}')
    for name, channels in (('up1', width // 2), ('up2', width // 4)):
        x = raised(x, channels, name)
    x = convolved(x, 3, 'end', drawn=keras.initializers.GlorotNormal, bias=True)
    x = keras.layers.Activation('tanh', dtype=DTYPE, name='bounded')(x)
    x = keras.layers.Rescaling(SWING, offset=MIDDLE, dtype=DTYPE, name='pixels')(x)
    return keras.Model([image, norms], x, name='transform')


def shift_noise(network: keras.Model, shift: Sequence[Any]) -> None:
    """Moves the noise that a model of `transform_network` sees, to (row, column) of the tile, two integers."""
    for layer in network.layers:
        if isinstance(layer, AddedNoise):
            layer.shift = shift


def give_weights(network: keras.Model, arrays: Mapping[str, np.ndarray]) -> None:
    """Gives arrays, '<layer>/<weight>', to a model of `transform_network` or `style_predictor`."""
    for layer in network.layers:
        if layer.weights:
            layer.set_weights([arrays[f'{layer.name}/{weight.name}'] for weight in layer.weights])


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


def style_predictor(statistics: int, norms: int, hidden: int = 192) -> keras.Model:
    """The network that tells `transform_network` how a painting is painted: (N, statistics) to (N, norms).

    Args:
        statistics: Length of what `style_statistics` gives.
        norms: `NetworkShape.norms` of the network.
        hidden: Length of the vector between the two layers.
    """
    x = inputs = keras.Input((statistics,), dtype=DTYPE, name='statistics')
    x = keras.layers.Dense(hidden, activation='relu', kernel_initializer='he_normal', dtype=DTYPE, name='hidden')(x)
    small = keras.initializers.RandomNormal(stddev=0.3 / hidden**0.5)
    x = keras.layers.Dense(norms, kernel_initializer=small, dtype=DTYPE, name='predicted')(x)
    return keras.Model(inputs, x, name='predictor')


def style_statistics(spread: Iterable[Sequence[tf.Tensor]]) -> tf.Tensor:
    """What `style_predictor` sees of paintings: mean and deviation of every channel of every layer, (N, statistics).

    Times the root of the number of channels, so that each is about 1 for the components of `small_vgg`.

    Args:
        spread: For each layer the mean and the variance of its channels, (N, C) each.
    """
    parts = []
    for mean, variance in spread:
        deviation = tf.sqrt(tf.nn.relu(tf.cast(variance, tf.float32)) + 1e-6)
        parts += [part * float(mean.shape[-1]) ** 0.5 for part in (tf.cast(mean, tf.float32), deviation)]
    return tf.concat(parts, -1)
