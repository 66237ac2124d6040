"""Folds batch normalisation into the convolution before it: less computation, same results.

With fixed statistics the normalisation scales and shifts each channel, and the convolution can do that: gamma (W x + b
- mean) / sqrt(variance + epsilon) + beta (Jacob et al. 2018, section 3.2).
"""

from collections.abc import Iterable

import numpy as np

from stylegen.utils.backend import keras

_KERNELS = {  # exactly these; subclasses may compute something else
    keras.layers.Conv2D: 'kernel',
    keras.layers.DepthwiseConv2D: 'kernel',
    keras.layers.SeparableConv2D: 'pointwise_kernel',
}


def foldable(model: keras.Model) -> dict[int, keras.layers.BatchNormalization]:
    """Returns {id of a convolution: the normalisation that can be folded into it}.

    These are convolutions without an activation whose output only the normalisation uses.
    """
    takers: dict[int, list] = {id(tensor): [None] for tensor in model.outputs}
    for operation in model.operations:
        for tensor in _inputs(operation):
            takers.setdefault(id(tensor), []).append(operation)
    found = {}
    for operation in model.operations:
        if type(operation) in _KERNELS and operation.activation is keras.activations.linear:
            (first, *others) = takers[id(operation.output)]
            if not others and type(first) is keras.layers.BatchNormalization and _by_channel(operation, first):
                found[id(operation)] = first
    return found


def fold(source: keras.layers.Layer, norm: keras.layers.BatchNormalization, target: keras.layers.Layer) -> None:
    """Gives `target`, a convolution like `source` but with a bias, weights that also do the normalisation."""
    float64 = lambda value: np.asarray(value, np.float64)
    factor = 1 / np.sqrt(float64(norm.moving_variance) + norm.epsilon)
    factor *= float64(norm.gamma) if norm.scale else 1.0
    bias = (float64(source.bias) if source.use_bias else 0.0) - float64(norm.moving_mean)
    target.bias.assign(bias * factor + (float64(norm.beta) if norm.center else 0.0))
    name = _KERNELS[type(source)]
    kernel = float64(getattr(source, name))
    if type(source) is keras.layers.DepthwiseConv2D:  # (rows, columns, depth, multiplier)
        factor = factor.reshape(kernel.shape[2:])
    getattr(target, name).assign(kernel * factor)
    if name != 'kernel':
        target.depthwise_kernel.assign(source.depthwise_kernel)


def _inputs(operation: keras.Operation) -> Iterable[keras.KerasTensor]:
    return [tensor for node in operation._inbound_nodes for tensor in node.input_tensors]


def _by_channel(convolution: keras.layers.Layer, norm: keras.layers.BatchNormalization) -> bool:
    return convolution.data_format == 'channels_last' and norm.axis in (-1, len(norm.input.shape) - 1)
