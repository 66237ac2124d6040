"""Writes `.caffemodel` files as Caffe does: its messages, with lists of numbers as such, in all layouts there were."""

import functools

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

INT, FLOAT, DOUBLE, STRING, MESSAGE = 3, 2, 1, 9, 11  # types of protobuf
MESSAGES = {
    'BlobShape': [('dim', 1, INT, 'packed')],
    'BlobProto': [
        *((name, number, INT, 'one') for number, name in enumerate(('num', 'channels', 'height', 'width'), 1)),
        ('data', 5, FLOAT, 'packed'),
        ('shape', 7, 'BlobShape', 'one'),
        ('double_data', 8, DOUBLE, 'packed'),
    ],
    'LayerParameter': [('name', 1, STRING, 'one'), ('type', 2, STRING, 'one'), ('blobs', 7, 'BlobProto', 'several')],
    'V1LayerParameter': [
        ('bottom', 2, STRING, 'several'),
        ('top', 3, STRING, 'several'),
        ('name', 4, STRING, 'one'),
        ('type', 5, INT, 'one'),
        ('blobs', 6, 'BlobProto', 'several'),
    ],
    'NetParameter': [
        ('name', 1, STRING, 'one'),
        ('layers', 2, 'V1LayerParameter', 'several'),
        ('input', 3, STRING, 'several'),
        ('input_dim', 4, INT, 'several'),
        ('force_backward', 5, INT, 'one'),
        ('layer', 100, 'LayerParameter', 'several'),
    ],
}


@functools.cache
def net_parameter():
    """The class of a whole network's message."""
    file = descriptor_pb2.FileDescriptorProto(name='caffe_of_tests.proto', package='caffe_of_tests', syntax='proto2')
    for title, fields in MESSAGES.items():
        described = file.message_type.add(name=title)
        for name, number, kind, count in fields:
            field = described.field.add(name=name, number=number, label=1 if count == 'one' else 3)
            field.type = MESSAGE if isinstance(kind, str) else kind
            if isinstance(kind, str):
                field.type_name = f'.caffe_of_tests.{kind}'
            field.options.packed = count == 'packed'
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName('caffe_of_tests.NetParameter'))


def write_caffemodel(path, layers, *, name='net', layout='layer', shapes='shape', double=False):
    """Writes a network to `path` and gives `path`.

    Args:
        layers: {name: arrays} as Caffe has them: kernel (out, in, rows, columns) or (out, in), bias (out,).
        name: of the network.
        layout: 'layer', or 'layers' as before 2014.
        shapes: 'shape', or 'four': num, channels, height and width, as before 2015.
        double: numbers of 64 bits.
    """
    net = net_parameter()(name=name, input=['data'], input_dim=[10, 3, 224, 224], force_backward=0)
    getattr(net, layout).add(name='data')
    for layer_name, arrays in layers.items():
        layer = getattr(net, layout).add(name=layer_name)
        if layout == 'layers':
            layer.bottom.append('below')
            layer.type = 4
        for array in arrays:
            blob = layer.blobs.add()
            if shapes == 'shape':
                blob.shape.dim.extend(array.shape)
            else:
                blob.num, blob.channels, blob.height, blob.width = (*[1] * (4 - array.ndim), *array.shape)
            (blob.double_data if double else blob.data).extend(np.ravel(array).tolist())
        getattr(net, layout).add(name=f'{layer_name}/relu')
    path.write_bytes(net.SerializeToString())
    return path


def of_model(model, skip=()):
    """{name: arrays as Caffe has them} of a Keras model's convolutions and Dense layers.

    The rows of a Dense layer behind Flatten are taken to have come from a map whose channels lie last.
    """
    layers = {}
    for layer in model.layers:
        if not layer.weights or layer.name in skip:
            continue
        kernel, bias = (np.asarray(weight) for weight in layer.weights)
        before = layer.input._keras_history.operation
        if kernel.ndim == 4:
            kernel = kernel.transpose(3, 2, 0, 1)
        elif type(before).__name__ == 'Flatten':
            shape = before.input.shape[1:]
            kernel = kernel.reshape(*shape, -1).transpose(3, 2, 0, 1).reshape(kernel.shape[1], -1)
        else:
            kernel = kernel.T
        layers[layer.name] = [np.ascontiguousarray(kernel), bias]
    return layers
