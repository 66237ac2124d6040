"""Reads facts from a functional Keras model: names, strides, sizes, memory. Importing this imports Keras."""

import math
import re
from dataclasses import dataclass

from stylegen.networks.caffe import EdgePadding, LocalResponseNormalization
from stylegen.utils.backend import keras
from stylegen.utils.errors import UserError

ACTIVATIONS = (
    keras.layers.Activation,
    keras.layers.ReLU,
    keras.layers.LeakyReLU,
    keras.layers.PReLU,
    keras.layers.ELU,
)
_KEPT = (
    keras.layers.MaxPooling2D,
    keras.layers.AveragePooling2D,
    keras.layers.LayerNormalization,
    keras.layers.Multiply,
    LocalResponseNormalization,
)
_TRIVIAL = (
    keras.layers.InputLayer,
    keras.layers.ZeroPadding2D,
    EdgePadding,
    keras.layers.Rescaling,
    keras.layers.Normalization,
    keras.layers.Dropout,
    keras.layers.SpatialDropout2D,
    keras.layers.Reshape,
)


@dataclass(frozen=True)
class LayerInfo:
    """A layer that a user can request.

    Attributes:
        name: What `feature_extractor` takes.
        stride: Pixels of the image per position of the map.
        channels: Channels of the map.
    """

    name: str
    stride: int
    channels: int


def snake_case(name: str) -> str:
    """Returns the name that Keras derives from a class: Conv2D, conv2d; BatchNormalization, batch_normalization."""
    name = re.sub(r'(.)([A-Z][a-z]+)', r'\1_\2', re.sub(r'\W+', '', name))
    return re.sub(r'([a-z])([A-Z])', r'\1_\2', name).lower()


def stable_names(model: keras.Model) -> dict[int, str]:
    """Returns {id of a layer or operation: name}. The names do not depend on models that were built before.

    Keras numbers unnamed layers across the whole process; here the numbers start from 0.
    """
    numbers: dict[int, tuple[str, int]] = {}
    lowest: dict[str, int] = {}
    for operation in model.operations:
        kind = snake_case(type(operation).__name__)
        if match := re.fullmatch(rf'{kind}(?:_(\d+))?', operation.name):
            number = int(match[1] or 0)
            numbers[id(operation)] = kind, number
            lowest[kind] = min(number, lowest.get(kind, number))
    names = {id(operation): operation.name for operation in model.operations}
    for key, (kind, number) in numbers.items():
        number -= lowest[kind]
        names[key] = f'{kind}_{number}' if number else kind
    return names


def layer_infos(
    model: keras.Model, names: dict[int, str], logits: keras.layers.Dense | None = None
) -> dict[str, LayerInfo]:
    """Returns the maps (n, height, width, channels) of a model by name, from input to output.

    Args:
        model: A functional model.
        names: From `stable_names`.
        logits: A layer that is included although its output is a vector.
    """
    strides = {id(model.inputs[0]): 1}
    infos = {}
    for operation in model.operations:
        if isinstance(operation, keras.layers.InputLayer):
            continue
        name, (sources, output) = names[id(operation)], tensors_of(operation)
        strides[id(output)] = stride = max(strides.get(id(source), 1) for source in sources) * _own_stride(operation)
        shape = output.shape
        is_map = len(shape) == 4 and shape[1:3] != (1, 1) and shape[3] is not None
        if operation is logits or (is_map and not isinstance(operation, _TRIVIAL)):
            infos[name] = LayerInfo(name, stride, shape[-1])
    return infos


def smallest_side(model: keras.Model) -> int:
    """Returns the smallest side of an image, up to 512 pixels, for which no output of the model is empty."""

    def works(side):
        try:
            shapes = model.compute_output_shape((1, side, side, 3))
        except ValueError:
            return False
        return all(min(shape[1:3]) > 0 for shape in shapes.values())

    low, high = 0, 512  # fails, works
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if works(middle) else (middle, high)
    return high


def bytes_per_pixel(model: keras.Model) -> float:
    """Returns the estimated memory of a gradient with respect to an image, in bytes per pixel.

    It counts the maps that are kept for the backward pass, and ten times the widest one as working memory of a
    convolution. Measured on a CPU in float32, the estimate is 1.0 (mini, vgg19) to 2.5 times (mobilenet_v2) the real
    memory, but 0.5 times for convnext_tiny.
    """
    names = {id(operation): operation.name for operation in model.operations}
    infos = layer_infos(model, names)
    kept, widest = 0.0, 0.0
    for operation in model.operations:
        if info := infos.get(operation.name):
            size = info.channels / info.stride**2 * (4 if operation.output.dtype == 'float32' else 2)
            kept += size if has_activation(operation) or isinstance(operation, _KEPT) else 0
            widest = max(widest, size)
    return kept + 10 * widest


def has_max_pooling(model: keras.Model) -> bool:
    """Returns whether the model has a max pooling."""
    return any(isinstance(layer, keras.layers.MaxPooling2D) for layer in model.layers)


def has_activation(operation: keras.Operation) -> bool:
    """Returns whether the operation is an activation or includes one."""
    return isinstance(operation, ACTIVATIONS) or has_fused_activation(operation)


def has_fused_activation(operation: keras.Operation) -> bool:
    """Returns whether a layer with weights includes an activation."""
    activation = getattr(operation, 'activation', None)
    return not isinstance(operation, ACTIVATIONS) and activation not in (None, keras.activations.linear)


def _own_stride(operation: keras.Operation) -> int:
    if isinstance(operation, keras.Sequential):
        return math.prod(_own_stride(layer) for layer in operation.layers)
    if isinstance(operation, keras.Model):
        inner = layer_infos(operation, {id(o): str(i) for i, o in enumerate(operation.operations)})
        return list(inner.values())[-1].stride if inner else 1
    stride = getattr(operation, 'strides', 1)
    return stride if isinstance(stride, int) else stride[0]


def tensors_of(operation: keras.Operation) -> tuple[list[keras.KerasTensor], keras.KerasTensor]:
    """Returns the input tensors and the output tensor of an operation in this graph.

    Raises:
        UserError: The layer is used more than once.
    """
    if isinstance(operation, keras.Model) and len(operation._inbound_nodes) == 1:
        (node,) = operation._inbound_nodes  # a nested model's `input` is that of its inner graph
        return list(node.input_tensors), node.output_tensors[0]
    try:
        return keras.tree.flatten(operation.input), operation.output
    except (AttributeError, ValueError) as error:
        raise UserError(f'layer {operation.name} is used more than once in this model: no feature network') from error
