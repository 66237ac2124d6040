"""Convert a generator to Keras's own layers, as the formats of other programs need it."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from stylegen.dcgan.image_layers import MapsToImage
from stylegen.dcgan.load import Generator
from stylegen.dcgan.model_layers import Double
from stylegen.networks.formats import FORMATS, Opened, Portable
from stylegen.training.normalization import BatchNorm
from stylegen.utils.backend import keras
from stylegen.utils.errors import unknown
from stylegen.utils.keras_defaults import DTYPE, LAYOUT

__all__ = ['FORMATS', 'Portable']
OUTPUT = 'images'  # name of the output tensor

# Layers of this package -> layers of Keras with the same output outside training. Other programs have only the latter.
REPLACED = {
    BatchNorm: lambda layer: keras.layers.BatchNormalization(
        momentum=layer.momentum, epsilon=layer.epsilon, name=layer.name, dtype=DTYPE
    ),
    MapsToImage: lambda layer: keras.layers.Conv2DTranspose.from_config(layer.get_config()),
    Double: lambda layer: keras.Sequential(  # Reshape states the shape, which TFLite needs and UpSampling2D loses
        [
            keras.layers.UpSampling2D(2, data_format=LAYOUT, dtype=DTYPE),
            keras.layers.Reshape(layer.output.shape[1:], dtype=DTYPE),
        ],
        name=layer.name,
    ),
}


def _unit(images):
    return keras.layers.Rescaling(0.5, 0.5, name='unit', dtype=DTYPE)(images)


def _bytes(images):
    levels = keras.layers.Rescaling(127.5, 127.5, name='levels', dtype=DTYPE)(images)
    return keras.ops.cast(keras.ops.round(levels), 'uint8')


class Pixels(NamedTuple):
    """A range of pixel values: the maps from [-1, 1] to it, in Keras and in NumPy, and its width."""

    layers: Callable
    values: Callable[[np.ndarray], np.ndarray]
    width: float


PIXELS = {
    'unit': Pixels(_unit, lambda images: images / 2 + 0.5, 1),
    'signed': Pixels(lambda images: images, lambda images: images, 2),
    'uint8': Pixels(_bytes, lambda images: np.rint(images * 127.5 + 127.5), 255),
}


def in_float32(generator: Generator) -> keras.Model:
    """Returns the network of the generator in float32, with images in [-1, 1]; its training may have used bfloat16."""
    network, _ = replace(generator.plan, precision='float32').networks()
    network.set_weights(generator.model.get_weights())
    return network


def portable(network: keras.Model, pixels: str = 'unit') -> keras.Model:
    """Returns the same network with layers of Keras only.

    Args:
        network: A generator, float32.
        pixels: A key of `PIXELS`.
    """
    if pixels not in PIXELS:
        raise unknown('pixels', pixels, PIXELS)

    def copied(layer):
        make = REPLACED.get(type(layer))
        return make(layer) if make else type(layer).from_config(layer.get_config())

    copy = keras.models.clone_model(network, clone_function=copied)
    for layer in copy.layers:
        layer.set_weights(network.get_layer(layer.name).get_weights())
    return keras.Model(copy.input, PIXELS[pixels].layers(copy.output), name='generator')


def given(network: keras.Model, latents: np.ndarray, classes: int) -> dict[str, np.ndarray]:
    """Returns the inputs of a network by name: the latents, and with classes the labels 0, 1, 2, ... in turn."""
    labels = np.arange(len(latents), dtype=np.int32) % max(classes, 1)
    return dict(zip([tensor.name for tensor in network.inputs], (latents, labels), strict=False))


def images_of(network: keras.Model) -> Opened:
    """Returns the function from inputs by name to images that a network computes."""
    return lambda inputs: np.asarray(network([*inputs.values()] if len(inputs) > 1 else inputs['latents']))
