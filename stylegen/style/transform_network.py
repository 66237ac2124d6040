"""A network that paints a photo in one pass, and the one that tells it how from the statistics of a painting.

Johnson, Alahi, Fei-Fei (2016), "Perceptual losses for real-time style transfer and super-resolution"; conditional
instance normalization after Dumoulin, Shlens, Kudlur (2017), "A learned representation for artistic style"; its
parameters predicted from a painting after Ghiasi et al. (2017), "Exploring the structure of a real-time, arbitrary
neural artistic stylization network".
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from stylegen.style.norms import NetworkShape
from stylegen.style.numpy_pass import MIDDLE, SWING
from stylegen.style.transform_layers import (
    AddedNoise,
    ConditionalInstanceNormalization,
    ReflectionPadding,
    SpaceToDepth,
    Split,
    UpsampledConvolution,
)
from stylegen.utils.backend import keras, tf
from stylegen.utils.keras_defaults import DTYPE, LAYOUT


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

    def normalized(x, name, relu=True, dtype=precision):
        if name in shape.noisy:
            x = AddedNoise(next(seeds), dtype=dtype, name=f'{name}_noise')(x)
        return ConditionalInstanceNormalization(relu, dtype=dtype, name=f'{name}_norm')([x, parts[name]])

    def convolved(x, channels, name, strides=1, drawn=keras.initializers.HeNormal, bias=False, dtype=precision):
        x = ReflectionPadding(1, dtype=dtype, name=f'{name}_pad')(x)
        how = dict(use_bias=bias, kernel_initializer=drawn(seed=next(seeds)), data_format=LAYOUT, dtype=dtype)
        return keras.layers.Conv2D(channels, 3, strides, name=name, **how)(x)

    def block(x, name):
        channels, glorot = x.shape[-1], keras.initializers.GlorotNormal
        y = normalized(convolved(x, channels, f'{name}_a'), f'{name}_a')
        y = normalized(convolved(y, channels, f'{name}_b', drawn=glorot), f'{name}_b', relu=False)
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
        y = raised(y, width, 'up0', relu=False)
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
