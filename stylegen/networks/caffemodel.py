"""Read the weights that Caffe writes, `.caffemodel`, without Caffe. Importing this imports Keras.

Such a file is one protobuf message, NetParameter of Caffe's caffe.proto. Of its fields only those that hold weights are
described here. It is read layer by layer, so that no more than one layer is in memory beside the network itself.
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

Layer = tuple[str, list[np.ndarray]]  # its name and its arrays, float32, as Caffe has them
Shape = tuple[int, ...]

_FIELD = descriptor_pb2.FieldDescriptorProto
# {message: {field: (number, type, or the message that it holds, whether there may be several)}}. Lists of numbers are
# packed: declared as bytes they come as the array that they are, and not as millions of Python's numbers. So are names,
# for what is no UTF-8 is met differently by each version of protobuf.
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
_NAME = 1  # the number of the network's name in NetParameter
_LAYERS = {100: 'LayerParameter', 2: 'V1LayerParameter'}  # and of its layers, as today and as in 2014
_TWINS = {'CaffeNet': 'AlexNet'}  # a network, and the one that has the same layers in another order


def load_caffemodel(model: keras.Model, path: str | Path, network: str) -> None:
    """Fill a model from a `.caffemodel`; layers in the file that the model lacks are passed over.

    Layers are matched by name, with _ for Caffe's /. Kernels are turned from (out, in, rows, columns) to Keras's (rows,
    columns, in, out). A Dense layer on a flattened map gets its rows in the order of Keras's Flatten; Caffe's has the
    channels first.

    Args:
        model: a functional model.
        path: the file.
        network: what the file ought to be for, in errors.

    Raises:
        UserError: not such a file, damaged, or of another network; the first layer that differs is named.
    """
    missing = {layer.name: layer for layer in model.layers if layer.weights}
    for name, blobs in read_caffemodel(path):
        if layer := missing.pop(name.replace('/', '_'), None):
            weights = _converted(layer, blobs, f'{path}: not the weights of {network}')
            blobs.clear()  # as large as the layer
            layer.set_weights(weights)
    if missing:
        layer = next(iter(missing.values()))
        if all(isinstance(layer, keras.layers.Dense) for layer in missing.values()):
            raise UserError(
                f'{path}: there is no classifier in it (layer {layer.name}), which the layer classes of {network} needs'
            )
        takes = _text([_expected(layer), _expected(layer)[:1]])
        raise UserError(
            f'{path}: not the weights of {network}: layer {layer.name} takes {takes}, the file has no such layer'
        )


def read_caffemodel(path: str | Path) -> Iterator[Layer]:
    """The layers of a `.caffemodel` that have weights, one after the other as they lie in the file.

    Raises:
        UserError: not such a file, or damaged, or of a network that is easily taken for another one.
    """
    found = False
    try:
        with open(path, 'rb') as file:
            for number, content in _fields(file, path):
                if number == _NAME:
                    _refuse_twin(content, path)
                    continue
                read = _message(_LAYERS[number]).FromString(content)
                del content  # as large as the layer, as is what it was read into
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
    """The network's name and its layers, by their number in NetParameter; the rest is passed over."""
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
        else:  # the others that protobuf has are 8 and 4 bytes long
            length = {1: 8, 5: 4}.get(kind, -1)
        if length < 0 or not number:
            raise message.DecodeError
        if length > size - file.tell():
            if not found:  # some other file, whose first bytes look like a length
                raise message.DecodeError
            raise UserError(f'{path}: cut off after {size} bytes, in the middle of a layer; copy or download it again')
        if number == _NAME or number in _LAYERS:
            found = found or number in _LAYERS
            yield number, file.read(length)
        else:
            file.seek(length, os.SEEK_CUR)


def _varint(file: BinaryIO) -> int:
    """A number of protobuf: seven bits a byte, the lowest first; the eighth says that there are more."""
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
    """The class of one of the messages, made when it is first asked for."""
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


def _refuse_twin(name: bytes, path: str | Path) -> None:
    called = _decoded(name)
    if called in _TWINS:
        raise UserError(
            f'{path}: the weights of {called}, which has the layers of {_TWINS[called]} in another order and is no '
            f'network here; give those of {_TWINS[called]}'
        )


def _decoded(name: bytes) -> str:
    """A name for a message: on one line, whatever is in it."""
    return ascii(name.decode(errors='replace'))[1:-1]


def _arrays(read: Any, path: str | Path) -> list[np.ndarray]:
    """The arrays of a layer."""
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
    """Copies of the kernel and the bias of a Conv2D or Dense, as Keras has them.

    Raises:
        UserError: They have other shapes.
    """
    shape = _expected(layer)
    shapes = [shape, shape[:1]]
    if len(blobs) == 2:
        blobs = [_without_ones(blob, len(shape)) for blob, shape in zip(blobs, shapes, strict=True)]
    if [blob.shape for blob in blobs] != shapes:
        found = _text([blob.shape for blob in blobs])
        raise UserError(f'{complaint}: layer {layer.name} takes {_text(shapes)}, the file has {found}')
    kernel, bias = blobs
    if isinstance(layer, keras.layers.Dense) and (seen := _flattened(layer)):
        kernel = kernel.reshape(shape[0], seen[2], *seen[:2]).transpose(2, 3, 1, 0)
    else:
        kernel = kernel.transpose(2, 3, 1, 0) if kernel.ndim == 4 else kernel.T
    return [np.ascontiguousarray(kernel).reshape(layer.kernel.shape), bias.copy()]


def _expected(layer: keras.Layer) -> Shape:
    """The shape of a layer's kernel in Caffe."""
    *sides, inputs, outputs = layer.kernel.shape
    return outputs, inputs, *sides


def _without_ones(blob: np.ndarray, axes: int) -> np.ndarray:
    """An array with so many axes: of all, old files make four, with ones before those that there are."""
    spare = max(0, blob.ndim - axes)
    return blob.reshape(blob.shape[spare:]) if blob.shape[:spare] == (1,) * spare else blob


def _flattened(layer: keras.Layer) -> Shape | None:
    """(rows, columns, channels) of the map that is flattened before a Dense layer; None where there is none."""
    before = layer.input._keras_history.operation
    return before.input.shape[1:] if isinstance(before, keras.layers.Flatten) else None


def _text(shapes: list[Shape]) -> str:
    return ' and '.join('x'.join(map(str, shape)) for shape in shapes) or 'nothing'
