"""The two networks of DCGAN (Radford, Metz, Chintala 2016), for any size from 16 pixels up.

Both are functional Keras models on images in [-1, 1]. Kernels of 4 with stride 2 (Odena et al. 2016: a kernel that the
stride divides leaves no checkerboard).
"""

from collections.abc import Callable, Sequence

from stylegen.dcgan.model_layers import BatchDeviation, Double, Layers
from stylegen.dcgan.settings import choices_of
from stylegen.dcgan.sizes import built_size, levels
from stylegen.training.spectral import SpectralEmbedding
from stylegen.utils.backend import keras
from stylegen.utils.errors import unknown
from stylegen.utils.keras_defaults import DTYPE, LAYOUT

WIDEST = 8  # greatest number of channels of a level, divided by that of the finest level


def _widths(width: int, count: int) -> list[int]:
    """Returns the channels of `count` levels, from the finest one: twice as many for each, up to `WIDEST` times."""
    return [width * min(2**level, WIDEST) for level in range(count)]


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
    in Torch, 3,576,704 parameters. A size that cannot be halved so often is cut out of a larger picture.

    Args:
        size: Height and width, from 16 up, see `stylegen.dcgan.sizes.built_size`.
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
        init: Initialisation of the kernels, one of `model_layers.INITS`.
        classes: Number of classes; with any, the model takes (latents, labels), and a learned vector of length
            `label_dim` for the label is put beside the latents (Mirza and Osindero 2014).
        seed: Seed of the initial weights.
        precision: Policy of the layers: 'float32', or a mixed policy of Keras.

    Returns:
        Latents float32 (N, latent_dim), or [latents, int32 labels (N,)], to float32 (N, H, W, channels) in [-1, 1].
    """
    if upsampling not in UPSAMPLINGS:
        raise unknown('upsampling', upsampling, UPSAMPLINGS)
    norms = {'momentum': momentum, 'epsilon': epsilon, 'synchronized': synchronized}
    make, depth = Layers(seed, init, precision, slope, norms), levels(size)
    latents = keras.Input((latent_dim,), name='latents', dtype=DTYPE)
    inputs, vectors = _with_labels(make, latents, classes, label_dim) if classes else (latents, latents)
    widths = _widths(width, depth + base_conv + bool(image_kernel))[::-1]  # of the dense layer, then of each level
    coarsest = [side >> depth for side in built_size(size)]
    x = _coarsest_maps(make, vectors, coarsest, widths, kernel if base_conv else 0)
    upsample = UPSAMPLINGS[upsampling]
    for level, level_width in enumerate(widths[1 + base_conv :], 1):
        x = make.normed(upsample(make, x, level_width, kernel, f'up{level}'), f'up{level}')
    if image_kernel:
        x = make.conv(x, channels, image_kernel, 'image', bias=True)
    else:
        x = upsample(make, x, channels, kernel, 'image')
    images = keras.layers.Activation('tanh', dtype=DTYPE, name='tanh')(_cut(make, x, size))
    return keras.Model(inputs, images, name='generator')


def _cut(make: Layers, x: keras.KerasTensor, size: tuple[int, int]) -> keras.KerasTensor:
    """Cuts the maps to a size, the same at opposite edges; where one pixel is left it is the last."""
    over = [have - want for have, want in zip(x.shape[1:3], size, strict=True)]
    if not any(over):
        return x
    edges = [(pixels // 2, pixels - pixels // 2) for pixels in over]
    return keras.layers.Cropping2D(edges, name='cut', **make.maps)(x)


def _with_labels(
    make: Layers, latents: keras.KerasTensor, classes: int, label_dim: int
) -> tuple[list[keras.KerasTensor], keras.KerasTensor]:
    """Returns the inputs of a conditional generator, and the latents with the label's vector beside them."""
    labels = keras.Input((), dtype='int32', name='labels')
    table = keras.layers.Embedding(classes, label_dim, embeddings_initializer=make.kernel(), name='label', **make.dtype)
    return [latents, labels], keras.layers.Concatenate(name='given', **make.dtype)([latents, table(labels)])


def _coarsest_maps(
    make: Layers, vectors: keras.KerasTensor, sides: Sequence[int], widths: Sequence[int], base_kernel: int
) -> keras.KerasTensor:
    """Returns the coarsest maps of the generator: a dense layer, and with a `base_kernel` a convolution after it.

    Args:
        make: Makes the layers.
        vectors: (N, length).
        sides: Height and width of the maps.
        widths: Channels after the dense layer, then after the convolution.
        base_kernel: Side of the kernel of the convolution; 0: none.
    """
    x = make.dense(vectors, sides[0] * sides[1] * widths[0], 'dense')
    if base_kernel:  # the tutorial normalises each unit of the dense layer, not each channel
        x = make.normed(x, 'dense')
    x = keras.layers.Reshape((*sides, widths[0]), name='maps', **make.dtype)(x)
    if not base_kernel:
        return make.normed(x, 'dense')
    return make.normed(make.transposed(x, widths[1], base_kernel, 'stem', strides=1), 'stem')


def _resized(make: Layers, x: keras.KerasTensor, channels: int, kernel: int, name: str) -> keras.KerasTensor:
    del kernel  # an even kernel would shift the picture by half a pixel
    return make.conv(Double(name=f'{name}_double', **make.dtype)(x), channels, 3, name)


UPSAMPLINGS: dict[str, Callable[..., keras.KerasTensor]] = {'transposed': Layers.transposed, 'resize': _resized}


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
    batch_std: bool = False,
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
        batch_std: Let the logit depend on how much the images of a class differ in the batch, see `BatchDeviation`.
        classes: Number of classes; with any, the model takes (images, labels) and adds the product of the label's
            vector with the summed last maps (projection: Miyato and Koyama 2018, equation 4).

    Returns:
        Images float32 (N, H, W, channels) in [-1, 1], or [images, int32 labels (N,)], to logits float32 (N, 1).
    """
    if norm not in choices_of('d_norm'):
        raise unknown('norm', norm, choices_of('d_norm'))
    norms = {'momentum': momentum, 'epsilon': epsilon, 'synchronized': synchronized}
    make = Layers(seed, init, precision, slope, norms, spectral=norm == 'spectral')
    images = x = keras.Input((*size, channels), name='images', dtype=DTYPE)
    bias, depth = norm != 'batch', levels(size)
    widths = _widths(width, depth + 1)
    convolutions = _convolutions(widths, kernel, extra_convs)
    for number, (name, level_width, side, strides) in enumerate(convolutions):
        x = make.conv(x, level_width, side, name, strides, bias=bias)
        x = make.normed(x, name) if norm == 'batch' and number else make.leaky(x, name)
        x = make.dropout(x, dropout, name)
    logits = make.dense(keras.layers.Flatten(name='flat', **make.maps)(x), 1, 'logit', bias=bias, dtype=DTYPE)
    labels = keras.Input((), dtype='int32', name='labels') if classes else None
    if batch_std:
        spread = BatchDeviation(classes, name='deviations', dtype=DTYPE)([x, labels] if classes else x)
        spread = make.dense(spread, 1, 'deviations_logit', dtype=DTYPE)
        logits = keras.layers.Add(name='with_deviations', dtype=DTYPE)([logits, spread])
    if labels is None:
        return keras.Model(images, logits, name='discriminator')
    logits = keras.layers.Add(name='logits', dtype=DTYPE)([logits, _projection(make, x, labels, classes)])
    return keras.Model([images, labels], logits, name='discriminator')


def _convolutions(widths: Sequence[int], kernel: int, extra_convs: bool) -> list[tuple[str, int, int, int]]:
    """Returns (name, channels, side of the kernel, stride) of each convolution of the discriminator, in order.

    `widths` has one number more than there are levels: without extra convolutions the last is unused.
    """
    found, depth = [], len(widths) - 1
    for level in range(depth):
        if extra_convs:
            found.append((f'same{level + 1}', widths[level], 3, 1))
        found.append((f'down{level + 1}', widths[level + extra_convs], kernel, 2))
    return [*found, (f'same{depth + 1}', widths[depth], 3, 1)] if extra_convs else found


def _projection(make: Layers, maps: keras.KerasTensor, labels: keras.KerasTensor, classes: int) -> keras.KerasTensor:
    """Returns the product of each label's learned vector with the sums of the maps, (N, 1)."""
    table = SpectralEmbedding if make.spectral else keras.layers.Embedding
    vectors = table(classes, maps.shape[-1], embeddings_initializer=make.kernel(), name='label', dtype=DTYPE)
    means = keras.layers.GlobalAveragePooling2D(name='mean', dtype=DTYPE, data_format=LAYOUT)(maps)
    sums = keras.layers.Rescaling(maps.shape[1] * maps.shape[2], name='sum', dtype=DTYPE)(means)
    return keras.layers.Dot(1, name='projection', dtype=DTYPE)([vectors(labels), sums])


def frozen_copy(generator: keras.Model) -> keras.Model:
    """Returns a copy with the same weights that is not trained."""
    copy = keras.models.clone_model(generator)
    copy.set_weights(generator.get_weights())
    copy.trainable = False
    return copy
