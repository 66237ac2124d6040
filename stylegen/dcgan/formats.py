"""Convert a generator to Keras's own layers, write it in the formats of other programs, and open it again."""

import errno
import tempfile
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stylegen.dcgan.load import Generator
from stylegen.dcgan.model_layers import Double
from stylegen.training.normalization import BatchNorm
from stylegen.utils.backend import keras, silent_stderr, tf
from stylegen.utils.errors import UserError, unknown
from stylegen.utils.keras_defaults import DTYPE, LAYOUT

Images = Callable[[Mapping[str, np.ndarray]], np.ndarray]  # maps inputs by name to images
OUTPUT = 'images'  # name of the output tensor

# Layers of this package -> layers of Keras with the same output outside training. Other programs have only the latter.
REPLACED = {
    BatchNorm: lambda layer: keras.layers.BatchNormalization(
        momentum=layer.momentum, epsilon=layer.epsilon, name=layer.name, dtype=DTYPE
    ),
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


def images_of(network: keras.Model) -> Images:
    """Returns the function from inputs by name to images that a network computes."""
    return lambda inputs: np.asarray(network([*inputs.values()] if len(inputs) > 1 else inputs['latents']))


def _write_keras(network: keras.Model, path: Path, quantize: str) -> None:
    del quantize
    network.save(path)


def _open_keras(path: Path) -> Images:
    return images_of(keras.models.load_model(path, compile=False))


def _write_saved_model(network: keras.Model, path: Path, quantize: str) -> None:
    """Writes a SavedModel. Its function 'serve' and default signature map latents (and labels) to {'images': ...}."""
    del quantize
    specs = [tf.TensorSpec(tensor.shape, tensor.dtype, tensor.name) for tensor in network.inputs]
    call: Callable[..., dict[str, tf.Tensor]]
    if len(specs) > 1:
        call = lambda latents, labels: {OUTPUT: network([latents, labels], training=False)}
    else:
        call = lambda latents: {OUTPUT: network(latents, training=False)}
    module = tf.Module()  # Keras's own export writes every variable twice
    module.weights = [variable.value for variable in network.variables]
    module.serve = tf.function(call, input_signature=specs)
    try:
        tf.saved_model.save(module, str(path), signatures={'serving_default': module.serve})
    except tf.errors.ResourceExhaustedError as error:  # TensorFlow's error for a full disk
        raise OSError(errno.ENOSPC, 'the disk is full') from error


def _open_saved_model(path: Path) -> Images:
    model = tf.saved_model.load(str(path))
    return lambda inputs: model.serve(*(tf.constant(value) for value in inputs.values()))[OUTPUT].numpy()


def _write_tflite(network: keras.Model, path: Path, quantize: str) -> None:
    """Writes a TFLite file with built-in operations only; 'float16' writes the weights in half precision."""
    if not hasattr(tf, 'lite'):
        raise UserError('this TensorFlow cannot write TFLite; take --format=saved_model, or an earlier TensorFlow')
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        _write_saved_model(network, Path(folder) / 'model', 'none')
        converter = tf.lite.TFLiteConverter.from_saved_model(str(Path(folder) / 'model'))
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        if quantize == 'float16':
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        with silent_stderr():
            path.write_bytes(converter.convert())


def _open_tflite(path: Path) -> Images:
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # TensorFlow's advice to install LiteRT
        run = tf.lite.Interpreter(str(path)).get_signature_runner()

    def images(inputs):
        with silent_stderr():  # the first call prints the delegate
            return run(**inputs)[OUTPUT]

    return images


class Format(NamedTuple):
    """Writes a network to a path, as `quantize` says, and opens it again."""

    write: Callable[[keras.Model, Path, str], None]
    open: Callable[[Path], Images]


FORMATS = {
    'keras': Format(_write_keras, _open_keras),
    'saved_model': Format(_write_saved_model, _open_saved_model),
    'tflite': Format(_write_tflite, _open_tflite),
}
