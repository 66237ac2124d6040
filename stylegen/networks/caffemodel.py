"""Reads weights from Caffe's `.caffemodel` files without Caffe. Importing this imports Keras.

Such a file is one protobuf message, NetParameter of Caffe's caffe.proto. Only the fields that hold weights are
described here. The file is read layer by layer, so that at most one layer is in memory beside the network.
"""

import functools
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory

from stylegen.utils.backend import keras
from stylegen.utils.errors import UserError

Layer = tuple[str, list[np.ndarray]]  # its name and its float32 arrays in Caffe's layout
Shape = tuple[int, ...]

_FIELD = descriptor_pb2.FieldDescriptorProto
# {message: {field: (number, type or inner message, repeated)}}. Packed lists of numbers are declared as bytes, so that
# protobuf does not create millions of Python numbers. Names are bytes too, because versions of protobuf differ in how
# they handle invalid UTF-8.
_MESSAGES: dict[str, dict[str, tuple[int, int | str, bool]]] = {
    'BlobShape': {'dim': (1, _FIELD.TYPE_INT64, True)},
    'BlobProto': {
        'num': (1, _FIELD.TYPE_INT64, False),
        'channels': (2, _FIELD.TYPE_INT64, False),
        'height': (3, _FIELD.TYPE_INT64, False),
        'width': (4, _FIELD.TYPE_INT64, False),
        'data': (5, _FIELD.TYPE_BYTES, True),
        'shape': (7, 'BlobShape', False),
        'double_data': (8, _FIELD.TYPE_BYTES, True),
    },
    'LayerParameter': {'name': (1, _FIELD.TYPE_BYTES, False), 'blobs': (7, 'BlobProto', True)},
    'V1LayerParameter': {'name': (4, _FIELD.TYPE_BYTES, False), 'blobs': (6, 'BlobProto', True)},
}
_NAME = 1  # field number of the network's name in NetParameter
_LAYERS = {100: 'LayerParameter', 2: 'V1LayerParameter'}  # field numbers of its layers, today and in 2014
_LOOKALIKES = {'CaffeNet': 'AlexNet'}  # network -> the one with the same layers in another order


def load_caffemodel(model: keras.Model, path: str | Path, network: str) -> None:
    """Loads a `.caffemodel` into a model. Layers of the file that the model lacks are ignored.

    Layers are matched by name, with _ in place of Caffe's /. Kernels are transposed from (out, in, rows, columns) to
    Keras's (rows, columns, in, out). The rows of a Dense layer after Flatten are reordered, because Caffe flattens the
    channels first.

    Args:
        model: A functional model.
        path: The file.
        network: The name of the network, for errors.

    Raises:
        UserError: The file is no caffemodel, damaged, or of another network. The error names the first layer that
            differs.
    """
    missing = {layer.name: layer for layer in model.layers if layer.weights}
    for name, blobs in read_caffemodel(path):
        if layer := missing.pop(name.replace('/', '_'), None):
            weights = _converted(layer, blobs, f'{path}: not the weights of {network}')
            blobs.clear()  # frees the memory of a layer
            layer.set_weights(weights)
    if missing:
        layer = next(iter(missing.values()))
        if all(isinstance(layer, keras.layers.Dense) for layer in missing.values()):
            raise UserError(
                f'{path}: it has no classifier (layer {layer.name}), which the layer classes of {network} needs'
            )
        takes = _text([_caffe_kernel_shape(layer), _caffe_kernel_shape(layer)[:1]])
        raise UserError(
            f'{path}: not the weights of {network}: layer {layer.name} takes {takes}, the file has no such layer'
        )


def read_caffemodel(path: str | Path) -> Iterator[Layer]:
    """Yields the layers of a `.caffemodel` that have weights, in the order of the file.

    Raises:
        UserError: The file is no caffemodel, damaged, or of a network that is easily confused with another one.
    """
    found = False
    try:
        with open(path, 'rb') as file:
            for number, content in _fields(file, path):
                if number == _NAME:
                    _reject_lookalike(content, path)
                    continue
                read = _message(_LAYERS[number]).FromString(content)
                del content  # frees the memory of a layer
                if not read.blobs:
                    continue
                found, name, arrays = True, _decoded(read.name), _arrays(read, path)
                del read
                yield name, arrays
    except message.DecodeError as error:
        raise UserError(f'{path}: not a caffemodel, or damaged; copy or download it again') from error
    except OSError as error:
        raise UserError(f'{path}: cannot be read ({error.strerror})') from error
    if not found:
        raise UserError(f'{path}: not a caffemodel: there are no layers with weights in it')


def _fields(file: BinaryIO, path: str | Path) -> Iterator[tuple[int, bytes]]:
    """Yields the network's name and its layers with their field numbers in NetParameter, and skips the rest."""
    size = os.fstat(file.fileno()).st_size
    found = False
    while file.tell() < size:
        tag = _varint(file)
        kind, number = tag & 7, tag >> 3
        if kind == 2:
            length = _varint(file)
        elif kind == 0:
            _varint(file)
            continue
        else:  # protobuf's other types have 8 and 4 bytes
            length = {1: 8, 5: 4}.get(kind, -1)
        if length < 0 or not number:
            raise message.DecodeError
        if length > size - file.tell():
            if not found:  # another kind of file, whose first bytes look like a length
                raise message.DecodeError
            raise UserError(f'{path}: cut off after {size} bytes, in the middle of a layer; copy or download it again')
        if number == _NAME or number in _LAYERS:
            found = found or number in _LAYERS
            yield number, file.read(length)
        else:
            file.seek(length, os.SEEK_CUR)


def _varint(file: BinaryIO) -> int:
    """Reads a protobuf number: seven bits a byte, lowest first. The eighth bit says that more bytes follow."""
    value = 0
    for shift in range(0, 64, 7):
        byte = file.read(1)
        if not byte:
            break
        value |= (byte[0] & 127) << shift
        if byte[0] < 128:
            return value
    raise message.DecodeError


@functools.cache
def _message(name: str) -> Any:
    """Returns the class of a message. It is created at first use."""
    file = descriptor_pb2.FileDescriptorProto(name='stylegen_caffe.proto', package='stylegen_caffe', syntax='proto2')
    for title, fields in _MESSAGES.items():
        described = file.message_type.add(name=title)
        for field, (number, kind, several) in fields.items():
            label = _FIELD.LABEL_REPEATED if several else _FIELD.LABEL_OPTIONAL
            added = described.field.add(name=field, number=number, label=label)
            if isinstance(kind, str):
                added.type, added.type_name = _FIELD.TYPE_MESSAGE, f'.stylegen_caffe.{kind}'
            else:
                added.type = kind
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f'stylegen_caffe.{name}'))


def _reject_lookalike(name: bytes, path: str | Path) -> None:
    called = _decoded(name)
    if called in _LOOKALIKES:
        raise UserError(
            f'{path}: the weights of {called}, whose layers have another order than those of {_LOOKALIKES[called]}; '
            f'give the weights of {_LOOKALIKES[called]}'
        )


def _decoded(name: bytes) -> str:
    """Returns a name as text for a message, on one line."""
    return ascii(name.decode(errors='replace'))[1:-1]


def _arrays(read: Any, path: str | Path) -> list[np.ndarray]:
    """Returns the arrays of a layer."""
    arrays = []
    for number, blob in enumerate(read.blobs):
        field, dtype = ('data', '<f4') if blob.data else ('double_data', '<f8')
        content = b''.join(getattr(blob, field))
        old = (blob.num, blob.channels, blob.height, blob.width)
        shape = tuple(blob.shape.dim) if blob.HasField('shape') else old
        if len(content) != math.prod(shape) * np.dtype(dtype).itemsize:
            raise UserError(
                f'{path}: damaged: array {number} of layer {_decoded(read.name)} is {_text([shape])} and has '
                f'{len(content)} bytes; copy or download it again'
            )
        arrays.append(np.frombuffer(content, dtype).astype(np.float32, copy=False).reshape(shape))
    return arrays


def _converted(layer: keras.Layer, blobs: list[np.ndarray], complaint: str) -> list[np.ndarray]:
    """Returns copies of the kernel and bias of a Conv2D or Dense in Keras's layout.

    Raises:
        UserError: They have other shapes.
    """
    shape = _caffe_kernel_shape(layer)
    shapes = [shape, shape[:1]]
    if len(blobs) == 2:
        blobs = [_without_leading_ones(blob, len(shape)) for blob, shape in zip(blobs, shapes, strict=True)]
    if [blob.shape for blob in blobs] != shapes:
        found = _text([blob.shape for blob in blobs])
        raise UserError(f'{complaint}: layer {layer.name} takes {_text(shapes)}, the file has {found}')
    kernel, bias = blobs
    if isinstance(layer, keras.layers.Dense) and (map_shape := _flattened(layer)):
        kernel = kernel.reshape(shape[0], map_shape[2], *map_shape[:2]).transpose(2, 3, 1, 0)
    else:
        kernel = kernel.transpose(2, 3, 1, 0) if kernel.ndim == 4 else kernel.T
    return [np.ascontiguousarray(kernel).reshape(layer.kernel.shape), bias.copy()]


def _caffe_kernel_shape(layer: keras.Layer) -> Shape:
    """Returns the shape of a layer's kernel in Caffe."""
    *sides, inputs, outputs = layer.kernel.shape
    return outputs, inputs, *sides


def _without_leading_ones(blob: np.ndarray, axes: int) -> np.ndarray:
    """Returns an array with `axes` axes. Old files give every array four axes, with ones in front."""
    spare = max(0, blob.ndim - axes)
    return blob.reshape(blob.shape[spare:]) if blob.shape[:spare] == (1,) * spare else blob


def _flattened(layer: keras.Layer) -> Shape | None:
    """Returns (rows, columns, channels) of the map that is flattened before a Dense layer; None if there is none."""
    before = layer.input._keras_history.operation
    return before.input.shape[1:] if isinstance(before, keras.layers.Flatten) else None


def _text(shapes: list[Shape]) -> str:
    return ' and '.join('x'.join(map(str, shape)) for shape in shapes) or 'nothing'
