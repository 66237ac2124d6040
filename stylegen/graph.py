"""Rebuild a functional Keras model: other pooling, padding, precision, taps. Importing this imports Keras."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stylegen.backend import keras
from stylegen.errors import UserError
from stylegen.folding import fold, foldable
from stylegen.layers import AveragePooling, L2Pooling, Preprocess, ReflectPadding

if TYPE_CHECKING:
    from stylegen.classifier import Head

POOLINGS = {'max': None, 'average': AveragePooling, 'l2': L2Pooling}
_ACTIVATIONS = (
    keras.layers.Activation,
    keras.layers.ReLU,
    keras.layers.LeakyReLU,
    keras.layers.PReLU,
    keras.layers.ELU,
)
_FLOAT32 = (keras.layers.Rescaling, keras.layers.Normalization)
_KEPT = (
    keras.layers.MaxPooling2D,
    keras.layers.AveragePooling2D,
    keras.layers.LayerNormalization,
    keras.layers.Multiply,
)
_TRIVIAL = (
    keras.layers.InputLayer,
    keras.layers.ZeroPadding2D,
    keras.layers.Rescaling,
    keras.layers.Normalization,
    keras.layers.Dropout,
    keras.layers.SpatialDropout2D,
    keras.layers.Reshape,
)


@dataclass(frozen=True)
class LayerInfo:
    """A layer whose output can be asked for.

    Attributes:
        name: what `feature_extractor` takes.
        stride: pixels of the image for one step on the map.
        channels: depth of the map.
    """

    name: str
    stride: int
    channels: int


def snake_case(name: str) -> str:
    """How Keras names an object after its class: Conv2D, conv2d; BatchNormalization, batch_normalization."""
    name = re.sub(r'(.)([A-Z][a-z]+)', r'\1_\2', re.sub(r'\W+', '', name))
    return re.sub(r'([a-z])([A-Z])', r'\1_\2', name).lower()


def stable_names(model: keras.Model) -> dict[int, str]:
    """{id of a layer or operation: name}, the same however many models were made before in this process.

    Keras numbers the layers that were given no name through the life of the process; here they count from 0.
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
    """The maps (n, height, width, channels) of a model from input to output, strides from the layers themselves.

    Args:
        model: functional.
        names: from `stable_names`.
        logits: a layer that is taken for a map although it gives vectors.
    """
    strides = {id(model.inputs[0]): 1}
    infos = {}
    for operation in model.operations:
        if isinstance(operation, keras.layers.InputLayer):
            continue
        name, (sources, output) = names[id(operation)], ends(operation)
        strides[id(output)] = stride = max(strides.get(id(source), 1) for source in sources) * _own_stride(operation)
        shape = output.shape
        is_map = len(shape) == 4 and shape[1:3] != (1, 1) and shape[3] is not None
        if operation is logits or (is_map and not isinstance(operation, _TRIVIAL)):
            infos[name] = LayerInfo(name, stride, shape[-1])
    return infos


def rebuild(
    model: keras.Model,
    taps: Sequence[str],
    names: dict[int, str],
    *,
    preprocessing: str,
    pooling: str,
    padding: str,
    tap: str,
    precision: str,
    head: 'Head | None' = None,
) -> tuple[keras.KerasTensor, dict[str, keras.KerasTensor]]:
    """A copy of `model`, weights included, that ends at `taps` and takes RGB in [0, 1] of any size.

    Batch normalisation is folded into the convolution before it, if that is not tapped itself.

    Args:
        model: one input, functional.
        taps: names as in `names`.
        names: from `stable_names`.
        preprocessing: 'unit', or a mode of `layers.Preprocess`.
        pooling, padding, tap, precision: as for `networks.feature_extractor`.
        head: the layers to put on maps, from `classifier.find_head`.

    Returns:
        The input, and {tap: output}, float32.

    Raises:
        UserError: `tap` is 'before' and none of the taps has an activation.
    """
    operations = {names[id(operation)]: operation for operation in model.operations}
    chosen = [operations[name] for name in taps]
    part = keras.Model(model.inputs, [ends(operation)[1] for operation in chosen])
    image = keras.Input((None, None, 3), name='image')
    pixels = image if preprocessing == 'unit' else Preprocess(preprocessing, dtype='float32', name='preprocess')(image)
    in_head = head.operations if head else ()
    if tap == 'before' and not any(_activation(operation) for operation in chosen if operation not in in_head):
        raise UserError(f'tap=before: none of {", ".join(taps)} ends in an activation; ask for layers that do')
    outputs: dict[str, keras.KerasTensor] = {}
    copied: dict[int, keras.Layer] = {}  # id of the copy -> the original
    norms = foldable(part)  # id of a convolution -> what is folded into it
    folded = {id(norm) for norm in norms.values()}

    def copy(operation):
        config = {**operation.get_config(), 'name': names[id(operation)]}
        kind = type(operation)
        if isinstance(operation, keras.Model):
            clone = _any_size_copy(operation, precision)
        elif not isinstance(operation, keras.Layer):
            clone = kind.from_config(config)
        elif head and operation in head.operations:
            clone = head.on_maps(operation, {**config, 'dtype': precision})
        else:
            config['dtype'] = 'float32' if isinstance(operation, _FLOAT32) else precision
            if isinstance(operation, keras.layers.MaxPooling2D):
                kind = POOLINGS[pooling] or kind
            if padding == 'reflect' and _mirrored(operation):
                config['padding'] = 'valid'
            if tap == 'before' and config['name'] in taps and _fused(operation):
                config['activation'] = 'linear'
            if id(operation) in norms:
                config['use_bias'] = True
            clone = kind.from_config(config)
        copied[id(clone)] = operation
        return clone

    def call(clone, *args, **kwargs):
        operation = copied[id(clone)]
        name = names[id(operation)]
        args = keras.tree.map_structure(lambda x: pixels if x is image else x, args)
        entering = args[0]
        if padding == 'reflect' and _mirrored(operation):
            rows, columns = _margins(operation)
            args = (ReflectPadding(rows, columns, name=f'{name}_reflect', dtype=precision)(args[0]), *args[1:])
        result = entering if id(operation) in folded else clone(*args, **kwargs)
        if id(operation) in norms:
            fold(operation, norms[id(operation)], clone)
        elif id(operation) not in folded:
            _copy_weights(operation, clone)
        if name in taps:
            outputs[name] = entering if tap == 'before' and isinstance(operation, _ACTIVATIONS) else result
            if tap == 'before' and _fused(operation):  # taken off in `copy`, put back for the layers that follow
                return keras.layers.Activation(operation.activation, name=f'{name}_activation', dtype=precision)(result)
        return result

    inputs = keras.tree.map_structure(lambda _: image, part.input)  # alone, or in a list of one
    keras.models.clone_model(part, input_tensors=inputs, clone_function=copy, call_function=call)
    if precision != 'float32':
        outputs = {n: keras.layers.Identity(name=f'{n}_float32', dtype='float32')(x) for n, x in outputs.items()}
    return image, {name: outputs[name] for name in taps}


def smallest_side(model: keras.Model) -> int:
    """The smallest side, in pixels and up to 512, of an image of which every output of the model has a pixel."""

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
    """Memory that the gradient with respect to an image takes, in bytes for each of its pixels: an estimate.

    The maps that are kept for the way back, and ten times the widest of all for what a convolution needs meanwhile:
    measured on a CPU in float32 at 1.0 (mini, vgg19) to 2.5 times (mobilenet_v2) the truth, 0.5 for convnext_tiny.
    """
    names = {id(operation): operation.name for operation in model.operations}
    infos = layer_infos(model, names)
    kept, widest = 0.0, 0.0
    for operation in model.operations:
        if info := infos.get(operation.name):
            size = info.channels / info.stride**2 * (4 if operation.output.dtype == 'float32' else 2)
            kept += size if _activation(operation) or isinstance(operation, _KEPT) else 0
            widest = max(widest, size)
    return kept + 10 * widest


def has_max_pooling(model: keras.Model) -> bool:
    """Whether there is anything for `pooling` to replace."""
    return any(isinstance(layer, keras.layers.MaxPooling2D) for layer in model.layers)


def _any_size_copy(model, precision):
    """A nested model anew, for maps of any size where it turns maps into maps."""
    image = None
    if len(model.inputs) == 1 and len(model.inputs[0].shape) == len(model.outputs[0].shape) == 4:
        image = keras.Input((None, None, model.inputs[0].shape[3]))
    return keras.models.clone_model(model, image, clone_function=lambda layer: _plain_copy(layer, precision))


def _plain_copy(layer, precision):
    return type(layer).from_config({**layer.get_config(), 'dtype': precision})


def _copy_weights(source: keras.Operation, target: keras.Operation) -> None:
    for old, new in zip(getattr(source, 'weights', ()), getattr(target, 'weights', ()), strict=True):
        new.assign(old.value)
    if hasattr(target, 'finalize_state'):
        target.finalize_state()


def _activation(operation: keras.Operation) -> bool:
    return isinstance(operation, _ACTIVATIONS) or _fused(operation)


def _fused(operation: keras.Operation) -> bool:
    """Whether a layer with weights applies an activation of its own."""
    activation = getattr(operation, 'activation', None)
    return not isinstance(operation, _ACTIVATIONS) and activation not in (None, keras.activations.linear)


def _mirrored(operation: keras.Operation) -> bool:
    """Whether zeros are put around the input of this convolution, that can be replaced."""
    if not isinstance(operation, keras.layers.Conv2D | keras.layers.DepthwiseConv2D | keras.layers.SeparableConv2D):
        return False
    return operation.padding == 'same' and max(operation.strides) == 1 and max(operation.kernel_size) > 1


def _margins(operation: keras.layers.Layer) -> list[tuple[int, int]]:
    totals = [(size - 1) * rate for size, rate in zip(operation.kernel_size, operation.dilation_rate, strict=True)]
    return [(total // 2, total - total // 2) for total in totals]


def _own_stride(operation: keras.Operation) -> int:
    if isinstance(operation, keras.Sequential):
        return math.prod(_own_stride(layer) for layer in operation.layers)
    if isinstance(operation, keras.Model):
        inner = layer_infos(operation, {id(o): str(i) for i, o in enumerate(operation.operations)})
        return list(inner.values())[-1].stride if inner else 1
    stride = getattr(operation, 'strides', 1)
    return stride if isinstance(stride, int) else stride[0]


def ends(operation: keras.Operation) -> tuple[list[keras.KerasTensor], keras.KerasTensor]:
    """The tensors that enter an operation in this graph, and the one that leaves it."""
    if isinstance(operation, keras.Model) and len(operation._inbound_nodes) == 1:
        (node,) = operation._inbound_nodes  # a model's own `input` and `output` are those of the graph inside it
        return list(node.input_tensors), node.output_tensors[0]
    try:
        return keras.tree.flatten(operation.input), operation.output
    except (AttributeError, ValueError) as error:
        raise UserError(f'layer {operation.name} is used more than once in this model: no feature network') from error
