"""The two networks of DCGAN (Radford, Metz, Chintala 2016), for any size that can be halved down to 4..7 pixels.

Both are functional Keras models on images in [-1, 1]. Kernels of 4 with stride 2 (Odena et al. 2016: a kernel that the
stride divides leaves no checkerboard).
"""

import itertools
from collections.abc import Callable

import numpy as np

from stylegen.dcgan.settings import choices_of
from stylegen.dcgan.sizes import levels
from stylegen.networks.layers import Shape
from stylegen.training.normalization import BatchNorm
from stylegen.training.spectral import SpectralConv2D, SpectralDense, SpectralEmbedding
from stylegen.utils.backend import keras, tf
from stylegen.utils.errors import unknown
from stylegen.utils.keras_defaults import DTYPE, LAYOUT

WIDEST = 8  # greatest number of channels of a level, divided by that of the finest level
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


class _Layers:
    """Makes layers that state name, seed, layout and dtype, so that a model depends on its arguments only."""

    def __init__(self, seed: int, init: str, precision: str, spectral: bool = False):
        if init not in INITS:
            raise unknown('init', init, INITS)
        self.seeds = (_word(seed, part) for part in itertools.count())
        self.init, self.spectral = init, spectral
        self.dtype = {'dtype': precision}
        self.maps = {**self.dtype, 'data_format': LAYOUT}

    def kernel(self):
        """Returns the initialiser of the next kernel."""
        return INITS[self.init](next(self.seeds))

    def conv(self, x, channels, kernel, name, strides=1, bias=False):
        """Adds a convolution."""
        layer = SpectralConv2D if self.spectral else keras.layers.Conv2D
        return layer(
            channels, kernel, strides, 'same', use_bias=bias, kernel_initializer=self.kernel(), name=name, **self.maps
        )(x)  # fmt: skip

    def transposed(self, x, channels, kernel, name, strides=2, bias=False):
        """Adds a transposed convolution."""
        return keras.layers.Conv2DTranspose(
            channels, kernel, strides, 'same', use_bias=bias, kernel_initializer=self.kernel(), name=name, **self.maps
        )(x)

    def dense(self, x, units, name, bias=False, **options):
        """Adds a dense layer."""
        layer = SpectralDense if self.spectral else keras.layers.Dense
        options = self.dtype | options
        return layer(units, use_bias=bias, kernel_initializer=self.kernel(), name=name, **options)(x)

    def norm(self, x, name, **options):
        """Adds batch normalisation."""
        options |= self.dtype
        return BatchNorm(gamma_initializer=GAINS[self.init](next(self.seeds)), name=name, **options)(x)

    def leaky(self, x, slope, name):
        """Adds a leaky ReLU."""
        return keras.layers.LeakyReLU(slope, name=name, **self.dtype)(x)


def _word(seed: int, part: int) -> int:
    return int(np.random.SeedSequence([seed, part]).generate_state(1)[0] >> 1)


def generator(
    size: tuple[int, int],
    channels: int = 3,
    latent_dim: int = 100,
    *,
    width: int = 64,
    kernel: int = 4,
    upsampling: str = 'transposed',
    base_conv: bool = False,
    image_kernel: int = 0,
    slope: float = 0.0,
    momentum: float = 0.9,
    epsilon: float = 1e-5,
    synchronized: bool = False,
    init: str = 'normal',
    classes: int = 0,
    label_dim: int = 50,
    seed: int = 0,
    precision: str = DTYPE,
) -> keras.Model:
    """Builds the generator, from latent vectors to images.

    A dense layer makes the coarsest maps, each level doubles the sides and halves the channels, with batch
    normalisation and ReLU between; tanh at the end. With the defaults and 64 x 64 x 3 it is that of the paper's authors
    in Torch, 3,576,704 parameters.

    Args:
        size: Height and width, see `stylegen.dcgan.sizes.levels`.
        channels: 1 or 3.
        latent_dim: Length of a latent vector.
        width: Channels of the last level but the image; each coarser one has twice as many, up to 8 times.
        kernel: Side of the kernels.
        upsampling: 'transposed' convolutions, or 'resize': nearest neighbour and a 3 x 3 convolution.
        base_conv: Begin with a transposed convolution of stride 1, as the TensorFlow tutorial does.
        image_kernel: Side of the kernel of a convolution to the image after all levels (3 in Miyato et al. 2018); 0:
            the last level gives the image.
        slope: Slope of the leaky ReLU for negative values; 0 is ReLU.
        momentum, epsilon, synchronized: Arguments of batch normalisation, see `BatchNorm`.
        init: Initialisation of the kernels, one of `INITS`.
        classes: Number of classes; with any, the model takes (latents, labels), and a learned vector of length
            `label_dim` for the label is put beside the latents (Mirza and Osindero 2014).
        seed: Seed of the initial weights.
        precision: Policy of the layers: 'float32', or a mixed policy of Keras.

    Returns:
        Latents float32 (N, latent_dim), or [latents, int32 labels (N,)], to float32 (N, H, W, channels) in [-1, 1].
    """
    if upsampling not in UPSAMPLINGS:
        raise unknown('upsampling', upsampling, UPSAMPLINGS)
    make, depth = _Layers(seed, init, precision), levels(size)
    norms = {'momentum': momentum, 'epsilon': epsilon, 'synchronized': synchronized}

    def active(x, name):
        return make.leaky(make.norm(x, f'{name}_norm', **norms), slope, f'{name}_relu')

    latents = x = keras.Input((latent_dim,), name='latents', dtype=DTYPE)
    inputs = latents
    if classes:
        labels = keras.Input((), dtype='int32', name='labels')
        inputs = [latents, labels]
        vectors = keras.layers.Embedding(
            classes, label_dim, embeddings_initializer=make.kernel(), name='label', **make.dtype
        )
        x = keras.layers.Concatenate(name='given', **make.dtype)([latents, vectors(labels)])
    count = depth + base_conv + bool(image_kernel)
    wide = [
        width * min(2**level, WIDEST) for level in reversed(range(count))
    ]  # channels after the dense layer, then of each level
    base = [side >> depth for side in size]
    x = make.dense(x, base[0] * base[1] * wide[0], 'dense')
    if base_conv:  # the tutorial normalises each unit of the dense layer, not each channel
        x = active(x, 'dense')
        x = keras.layers.Reshape((*base, wide.pop(0)), name='maps', **make.dtype)(x)
        x = active(make.transposed(x, wide[0], kernel, 'stem', strides=1), 'stem')
    else:
        x = active(keras.layers.Reshape((*base, wide[0]), name='maps', **make.dtype)(x), 'dense')
    for level in range(1, len(wide)):
        x = active(UPSAMPLINGS[upsampling](make, x, wide[level], kernel, f'up{level}'), f'up{level}')
    if image_kernel:
        x = make.conv(x, channels, image_kernel, 'image', bias=True)
    else:
        x = UPSAMPLINGS[upsampling](make, x, channels, kernel, 'image')
    images = keras.layers.Activation('tanh', dtype=DTYPE, name='tanh')(x)
    return keras.Model(inputs, images, name='generator')


def _resized(make: _Layers, x: keras.KerasTensor, channels: int, kernel: int, name: str) -> keras.KerasTensor:
    del kernel  # an even kernel would shift the picture by half a pixel
    return make.conv(Double(name=f'{name}_double', **make.dtype)(x), channels, 3, name)


UPSAMPLINGS: dict[str, Callable[..., keras.KerasTensor]] = {'transposed': _Layers.transposed, 'resize': _resized}


def discriminator(
    size: tuple[int, int],
    channels: int = 3,
    *,
    width: int = 64,
    kernel: int = 4,
    norm: str = 'batch',
    extra_convs: bool = False,
    slope: float = 0.2,
    dropout: float = 0.0,
    momentum: float = 0.9,
    epsilon: float = 1e-5,
    synchronized: bool = False,
    init: str = 'normal',
    classes: int = 0,
    seed: int = 1,
    precision: str = DTYPE,
) -> keras.Model:
    """Builds the discriminator, from images to one logit each; a real image should have the higher one.

    Each level halves the sides and doubles the channels. With the defaults and 64 x 64 x 3 it is that of the paper's
    authors in Torch, 2,765,568 parameters.

    Args:
        size, channels, kernel, momentum, epsilon, synchronized, init, seed, precision: As for `generator`.
        width: Channels of the first level; each coarser one has twice as many, up to 8 times.
        norm: 'batch' on all levels but the first, 'spectral' on all layers, or 'none'. With 'batch' the first layer and
            the last have no shifts, as in Torch; else all have, or twice the contrast would give twice the logit.
        extra_convs: A 3 x 3 convolution before each level and after the last, as in SN-DCGAN (Miyato et al. 2018).
        slope: Slope of the leaky ReLU for negative values.
        dropout: Dropout rate after each level.
        classes: Number of classes; with any, the model takes (images, labels) and adds the product of the label's
            vector with the summed last maps (projection: Miyato and Koyama 2018, equation 4).

    Returns:
        Images float32 (N, H, W, channels) in [-1, 1], or [images, int32 labels (N,)], to logits float32 (N, 1).
    """
    if norm not in choices_of('d_norm'):
        raise unknown('norm', norm, choices_of('d_norm'))
    make, depth, bias = _Layers(seed, init, precision, norm == 'spectral'), levels(size), norm != 'batch'

    def level(x, channels, kernel, name, strides=2, first=False):
        normed = norm == 'batch' and not first
        x = make.conv(x, channels, kernel, name, strides, bias=bias)
        if normed:
            x = make.norm(x, f'{name}_norm', momentum=momentum, epsilon=epsilon, synchronized=synchronized)
        x = make.leaky(x, slope, f'{name}_relu')
        if not dropout:
            return x
        return keras.layers.Dropout(dropout, seed=next(make.seeds), name=f'{name}_drop', **make.dtype)(x)

    images = x = keras.Input((*size, channels), name='images', dtype=DTYPE)
    wide = [width * min(2**i, WIDEST) for i in range(depth + 1)]
    for i in range(depth):
        if extra_convs:
            x = level(x, wide[i], 3, f'same{i + 1}', strides=1, first=i == 0)
        x = level(x, wide[i + extra_convs], kernel, f'down{i + 1}', first=i == 0 and not extra_convs)
    if extra_convs:
        x = level(x, wide[depth], 3, f'same{depth + 1}', strides=1)
    logits = make.dense(keras.layers.Flatten(name='flat', **make.maps)(x), 1, 'logit', bias=bias, dtype=DTYPE)
    if not classes:
        return keras.Model(images, logits, name='discriminator')
    labels = keras.Input((), dtype='int32', name='labels')
    table = SpectralEmbedding if norm == 'spectral' else keras.layers.Embedding
    vectors = table(classes, x.shape[-1], embeddings_initializer=make.kernel(), name='label', dtype=DTYPE)
    summed = keras.layers.GlobalAveragePooling2D(name='mean', dtype=DTYPE, data_format=LAYOUT)(x)
    area = x.shape[1] * x.shape[2]
    summed = keras.layers.Rescaling(area, name='sum', dtype=DTYPE)(summed)
    product = keras.layers.Dot(1, name='projection', dtype=DTYPE)([vectors(labels), summed])
    logits = keras.layers.Add(name='logits', dtype=DTYPE)([logits, product])
    return keras.Model([images, labels], logits, name='discriminator')
