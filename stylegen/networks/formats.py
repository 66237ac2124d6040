"""Write networks in the formats of other programs, and open them again: `.keras`, SavedModel, TFLite, ONNX."""

from __future__ import annotations

import contextlib
import errno
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stylegen.utils.backend import keras, silent_stderr, tf
from stylegen.utils.errors import UserError

Opened = Callable[[Mapping[str, np.ndarray]], np.ndarray]  # from inputs by name, in the network's order, to the output
OPSET = 18  # version of ONNX's operations


@dataclass(frozen=True)
class Portable:
    """A network to be written in a format of other programs.

    Args:
        model: Of Keras's own layers; its inputs have names.
        output: Name of what it computes.
        call: What TensorFlow's formats and ONNX compute instead of it, from tensors in the order of the inputs.
        variables: Those that `call` uses.
    """

    model: keras.Model
    output: str
    call: Callable[..., tf.Tensor] | None = None
    variables: tuple = ()

    @property
    def specs(self) -> list[tf.TensorSpec]:
        """The inputs' shapes, types and names."""
        return [tf.TensorSpec(tensor.shape, tensor.dtype, tensor.name) for tensor in self.model.inputs]

    def function(self) -> tf.types.experimental.PolymorphicFunction:
        """The function of named tensors to {output: tensor} that TensorFlow's formats keep."""

        def own(*given: tf.Tensor) -> tf.Tensor:
            return self.model([*given] if len(given) > 1 else given[0], training=False)

        call = self.call or own
        specs = self.specs
        # TensorFlow takes the names of arguments from the specs
        if len(specs) > 1:
            return tf.function(lambda one, other: {self.output: call(one, other)}, input_signature=specs)
        return tf.function(lambda one: {self.output: call(one)}, input_signature=specs)


def _write_keras(network: Portable, path: Path, quantize: str) -> None:
    del quantize
    network.model.save(path)


def _open_keras(path: Path) -> Opened:
    model = keras.models.load_model(path, compile=False)
    return lambda inputs: np.asarray(model([*inputs.values()] if len(inputs) > 1 else next(iter(inputs.values()))))


def _write_saved_model(network: Portable, path: Path, quantize: str) -> None:
    """Writes a SavedModel. Its function 'serve' and default signature map the inputs to {output: ...}."""
    del quantize
    module = tf.Module()  # Keras's own export writes every variable twice
    module.weights = [*network.variables] or [variable.value for variable in network.model.variables]
    module.serve = network.function()
    try:
        tf.saved_model.save(module, str(path), signatures={'serving_default': module.serve})
    except tf.errors.ResourceExhaustedError as error:  # TensorFlow's error for a full disk
        raise OSError(errno.ENOSPC, 'the disk is full') from error


def _open_saved_model(path: Path) -> Opened:
    model = tf.saved_model.load(str(path))
    return lambda inputs: next(iter(model.serve(*map(tf.constant, inputs.values())).values())).numpy()


def _write_tflite(network: Portable, path: Path, quantize: str) -> None:
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


def _open_tflite(path: Path) -> Opened:
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # TensorFlow's advice to install LiteRT
        run = tf.lite.Interpreter(str(path)).get_signature_runner()

    def call(inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        with silent_stderr():  # the first call prints the delegate
            return next(iter(run(**inputs).values()))

    return call


@contextlib.contextmanager
def _quiet_converter() -> Iterator[None]:
    """Without the lines of tf2onnx and the warnings of what it uses."""
    logger = logging.getLogger('tf2onnx')
    level = logger.level
    with warnings.catch_warnings(), silent_stderr():
        warnings.simplefilter('ignore')
        logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            logger.setLevel(level)


def _write_onnx(network: Portable, path: Path, quantize: str) -> None:
    """Writes an ONNX file with the operations of `OPSET`; its inputs and its output have their names."""
    del quantize
    with _quiet_converter():
        import tf2onnx

        model, _ = tf2onnx.convert.from_function(network.function(), input_signature=network.specs, opset=OPSET)
    for value in (*model.graph.input, *model.graph.output):
        for name, extent in zip('NHWC', value.type.tensor_type.shape.dim, strict=False):
            if extent.dim_param:
                extent.dim_param = name  # instead of a number of the converter's
    path.write_bytes(model.SerializeToString())


def _open_onnx(path: Path) -> Opened:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=['CPUExecutionProvider'])
    return lambda inputs: session.run(None, dict(inputs))[0]


class Format(NamedTuple):
    """Writes a network to a path, as `quantize` says, and opens it again."""

    write: Callable[[Portable, Path, str], None]
    open: Callable[[Path], Opened]


FORMATS = {
    'keras': Format(_write_keras, _open_keras),
    'saved_model': Format(_write_saved_model, _open_saved_model),
    'tflite': Format(_write_tflite, _open_tflite),
    'onnx': Format(_write_onnx, _open_onnx),
}
