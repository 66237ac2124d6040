"""Makes the layers of the DCGAN: kernels, batch normalisation and activations of one seed, precision and layout."""

import itertools
from typing import Any

import numpy as np

from stylegen.dcgan.image_layers import ImageToMaps, MapsToImage, can_use_blocks
from stylegen.networks.layers import Shape
from stylegen.training.normalization import BatchNorm
from stylegen.training.spectral import SpectralConv2D, SpectralDense
from stylegen.utils.backend import keras, tf
from stylegen.utils.errors import unknown
from stylegen.utils.keras_defaults import LAYOUT

INITS = {  # name -> initialiser of kernels
    'normal': lambda seed: keras.initializers.RandomNormal(0, 0.02, seed),
    'glorot': lambda seed: keras.initializers.GlorotUniform(seed),
}
GAINS = {  # name -> initialiser of the gains of batch normalisation
    'normal': lambda seed: keras.initializers.RandomNormal(1, 0.02, seed),
    'glorot': lambda seed: keras.initializers.Ones(),
}


@keras.saving.register_keras_serializable('stylegen')
class Double(keras.layers.Layer):
    """Doubles both sides by nearest neighbour. It uses broadcasting, which XLA can differentiate."""

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Maps (N, H, W, C) to (N, 2H, 2W, C)."""
        _, height, width, channels = x.shape
        tiled = tf.broadcast_to(x[:, :, None, :, None], [tf.shape(x)[0], height, 2, width, 2, channels])
        return tf.reshape(tiled, [-1, 2 * height, 2 * width, channels])

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the shape with doubled sides."""
        count, height, width, channels = input_shape
        return count, 2 * height, 2 * width, channels


@keras.saving.register_keras_serializable('stylegen')
class BatchDeviation(keras.layers.Layer):
    """Computes how much the maps of a batch differ, so that a discriminator sees pictures that are all alike.

    Karras et al. 2018 (section 3) do so for groups of 4 images and make one more map of it. Here the images of the same
    class are a group, or a generator could hide behind the differences between classes; and each channel has a number
    of its own.

    Args:
        classes: Number of classes; 0: the batch is one group, and there are no labels.
    """

    def __init__(self, classes: int, **options: Any):
        super().__init__(**options)
        self.classes = classes

    def call(self, inputs: Any) -> tf.Tensor:
        """Maps (N, H, W, C), or [these, int32 labels (N,)], to standard deviations (N, C), means over H and W."""
        maps, labels = inputs if self.classes else (inputs, None)
        shape = tf.shape(maps)
        flat = tf.reshape(maps, [shape[0], -1])
        members = (
            tf.ones([shape[0], 1], flat.dtype) if labels is None else tf.one_hot(labels, self.classes, dtype=flat.dtype)
        )
        counts = tf.maximum(tf.reduce_sum(members, 0), 1)[:, None]
        means = tf.matmul(members, flat, transpose_a=True) / counts
        away = tf.square(flat - tf.matmul(members, means))
        deviations = tf.sqrt(tf.matmul(members, away, transpose_a=True) / counts + 1e-8)
        deviations = tf.reduce_mean(tf.reshape(deviations, [-1, shape[1] * shape[2], maps.shape[-1]]), 1)
        return tf.matmul(members, deviations)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Returns (N, C)."""
        first = input_shape[0] if self.classes else input_shape
        return first[0], first[-1]

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments."""
        return {**super().get_config(), 'classes': self.classes}


class Layers:
    """Makes layers that state name, seed, layout and dtype, so that a model depends on its arguments only.

    Args:
        seed: Each layer's seed is drawn from it, in the order of creation.
        init: Initialisation of the kernels, one of `INITS`.
        precision: Policy of the layers.
        slope: Slope of the leaky ReLU for negative values.
        norms: Arguments of batch normalisation, see `BatchNorm`.
        spectral: Whether convolutions and dense layers have spectral normalisation.
    """

    def __init__(
        self, seed: int, init: str, precision: str, slope: float, norms: dict[str, Any], spectral: bool = False
    ):
        if init not in INITS:
            raise unknown('init', init, INITS)
        self.seeds = (_word(seed, part) for part in itertools.count())
        self.init, self.slope, self.norms, self.spectral = init, slope, norms, spectral
        self.dtype: dict[str, Any] = {'dtype': precision}
        self.maps = {**self.dtype, 'data_format': LAYOUT}

    def kernel(self) -> keras.initializers.Initializer:
        """Returns the initialiser of the next kernel."""
        return INITS[self.init](next(self.seeds))

    def conv(
        self, x: keras.KerasTensor, channels: int, kernel: int, name: str, strides: int = 1, bias: bool = False
    ) -> keras.KerasTensor:
        """Adds a convolution."""
        layer = SpectralConv2D if self.spectral else keras.layers.Conv2D
        if not self.spectral and can_use_blocks(x.shape[-1], kernel, strides):
            layer = ImageToMaps
        return layer(
            channels, kernel, strides, 'same', use_bias=bias, kernel_initializer=self.kernel(), name=name, **self.maps
        )(x)  # fmt: skip

    def transposed(
        self, x: keras.KerasTensor, channels: int, kernel: int, name: str, strides: int = 2, bias: bool = False
    ) -> keras.KerasTensor:
        """Adds a transposed convolution."""
        layer = MapsToImage if can_use_blocks(channels, kernel, strides) else keras.layers.Conv2DTranspose
        return layer(
            channels, kernel, strides, 'same', use_bias=bias, kernel_initializer=self.kernel(), name=name, **self.maps
        )(x)

    def dense(
        self, x: keras.KerasTensor, units: int, name: str, bias: bool = False, **options: Any
    ) -> keras.KerasTensor:
        """Adds a dense layer."""
        layer = SpectralDense if self.spectral else keras.layers.Dense
        options = self.dtype | options
        return layer(units, use_bias=bias, kernel_initializer=self.kernel(), name=name, **options)(x)

    def norm(self, x: keras.KerasTensor, name: str) -> keras.KerasTensor:
        """Adds batch normalisation."""
        gains = GAINS[self.init](next(self.seeds))
        return BatchNorm(gamma_initializer=gains, name=f'{name}_norm', **self.norms, **self.dtype)(x)

    def leaky(self, x: keras.KerasTensor, name: str) -> keras.KerasTensor:
        """Adds a leaky ReLU."""
        return keras.layers.LeakyReLU(self.slope, name=f'{name}_relu', **self.dtype)(x)

    def dropout(self, x: keras.KerasTensor, rate: float, name: str) -> keras.KerasTensor:
        """Adds dropout, if the rate is above 0."""
        if not rate:
            return x
        return keras.layers.Dropout(rate, seed=next(self.seeds), name=f'{name}_drop', **self.dtype)(x)

    def normed(self, x: keras.KerasTensor, name: str) -> keras.KerasTensor:
        """Adds batch normalisation and a leaky ReLU."""
        return self.leaky(self.norm(x, name), name)


def _word(seed: int, part: int) -> int:
    return int(np.random.SeedSequence([seed, part]).generate_state(1)[0] >> 1)
