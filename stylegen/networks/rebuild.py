"""Rebuilds a functional Keras model with other pooling, padding, precision and outputs. Imports Keras."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stylegen.networks.folding import fold, foldable
from stylegen.networks.graph import ACTIVATIONS, has_activation, has_fused_activation, tensors_of
from stylegen.networks.layers import (
    AveragePooling,
    FrozenConv2D,
    L2Pooling,
    Preprocess,
    ReflectPadding,
    Standardization,
)
from stylegen.utils.backend import keras
from stylegen.utils.errors import UserError
from stylegen.utils.keras_defaults import DTYPE

if TYPE_CHECKING:
    from stylegen.networks.classifier import Head

POOLINGS = {'max': None, 'average': AveragePooling, 'l2': L2Pooling}
_FLOAT32 = (keras.layers.Rescaling, keras.layers.Normalization)


def rebuild(
    model: keras.Model,
    layers: Sequence[str],
    names: dict[int, str],
    *,
    preprocessing: str,
    pooling: str,
    padding: str,
    pre_activation: bool,
    precision: str,
    head: 'Head | None' = None,
) -> tuple[keras.KerasTensor, dict[str, keras.KerasTensor]]:
    """Copies `model` with its weights. The copy ends at `layers` and takes RGB in [0, 1] of any size.

    Batch normalisation is folded into the convolution before it, unless that is a requested layer.

    Args:
        model: A functional model with one input.
        layers: The requested layers, named as in `names`.
        names: From `graph.stable_names`.
        preprocessing: 'unit', or a mode of `layers.Preprocess`.
        pooling, padding, pre_activation, precision: As for `networks.feature_extractor`.
        head: The classifier from `classifier.find_head`, to apply it to maps.

    Returns:
        The input, and {layer: output}, float32.

    Raises:
        UserError: `pre_activation` is True and none of the layers has an activation.
    """
    operations = {names[id(operation)]: operation for operation in model.operations}
    chosen = [operations[name] for name in layers]
    in_head = head.operations if head else ()
    if pre_activation and not any(has_activation(operation) for operation in chosen if operation not in in_head):
        raise UserError(f'pre_activation: none of {", ".join(layers)} ends in an activation; ask for layers that do')
    part = keras.Model(model.inputs, [tensors_of(operation)[1] for operation in chosen])
    image = keras.Input((None, None, 3), name='image', dtype=DTYPE)
    pixels = image if preprocessing == 'unit' else Preprocess(preprocessing, dtype=DTYPE, name='preprocess')(image)
    rebuilder = _Rebuilder(
        image, pixels, foldable(part), layers, names, pooling, padding == 'reflect', pre_activation, precision, head
    )
    inputs = keras.tree.map_structure(lambda _: image, part.input)  # a tensor, or a list of one
    keras.models.clone_model(part, input_tensors=inputs, clone_function=rebuilder.copy, call_function=rebuilder.call)
    outputs = rebuilder.outputs
    if precision != DTYPE:
        outputs = {n: keras.layers.Identity(name=f'{n}_float32', dtype=DTYPE)(x) for n, x in outputs.items()}
    return image, {name: outputs[name] for name in layers}


@dataclass
class _Rebuilder:
    """Copies and calls each operation, as `clone_model` requires. `outputs` collects the requested outputs.

    Args:
        image, pixels: The new input, and the preprocessed tensor that the model receives.
        norms: By the id of a convolution, the normalisation folded into it.
        reflect: Whether maps are mirrored around convolutions.
        layers, names, pooling, pre_activation, precision, head: See `rebuild`.
    """

    image: keras.KerasTensor
    pixels: keras.KerasTensor
    norms: dict[int, keras.Layer]
    layers: Sequence[str]
    names: dict[int, str]
    pooling: str
    reflect: bool
    pre_activation: bool
    precision: str
    head: 'Head | None'
    outputs: dict[str, keras.KerasTensor] = field(default_factory=dict)
    copied: dict[int, keras.Operation] = field(default_factory=dict)  # id of the copy -> the original

    def copy(self, operation: keras.Operation) -> keras.Operation:
        """Returns a copy of the operation for maps of any size."""
        config = {**operation.get_config(), 'name': self.names[id(operation)]}
        if isinstance(operation, keras.Model):
            clone = _any_size_copy(operation, self.precision)
        elif not isinstance(operation, keras.Layer):
            clone = type(operation).from_config(config)
        elif self.head and operation in self.head.operations:
            clone = self.head.on_maps(operation, {**config, 'dtype': self.precision})
        else:
            clone = self._layer(operation, config)
        self.copied[id(clone)] = operation
        return clone

    def _layer(self, layer: keras.Layer, config: dict[str, Any]) -> keras.Layer:
        kind = Standardization if type(layer) is keras.layers.Normalization else type(layer)
        config['dtype'] = DTYPE if isinstance(layer, _FLOAT32) else self.precision
        if isinstance(layer, keras.layers.MaxPooling2D):
            kind = POOLINGS[self.pooling] or kind
        if self.precision != DTYPE and kind is keras.layers.Conv2D:
            kind = FrozenConv2D
        if self.reflect and _is_zero_padded(layer):
            config['padding'] = 'valid'
        if self.pre_activation and config['name'] in self.layers and has_fused_activation(layer):
            config['activation'] = 'linear'
        if id(layer) in self.norms:
            config['use_bias'] = True
        return kind.from_config(config)

    def call(self, clone: keras.Operation, *args: Any, **kwargs: Any) -> Any:
        """Calls the copy of an operation with the original's weights. A folded normalisation returns its input."""
        operation = self.copied[id(clone)]
        name, before = self.names[id(operation)], self.pre_activation
        args = keras.tree.map_structure(lambda x: self.pixels if x is self.image else x, args)
        entering = args[0]
        if self.reflect and _is_zero_padded(operation):
            rows, columns = _margins(operation)
            args = (ReflectPadding(rows, columns, name=f'{name}_reflect', dtype=self.precision)(entering), *args[1:])
        if any(operation is norm for norm in self.norms.values()):
            result = entering
        else:
            result = clone(*args, **kwargs)
            if id(operation) in self.norms:
                fold(operation, self.norms[id(operation)], clone)
            else:
                _copy_weights(operation, clone)
            if isinstance(clone, FrozenConv2D):
                clone.freeze()
        if name in self.layers:
            self.outputs[name] = entering if before and isinstance(operation, ACTIVATIONS) else result
            if before and has_fused_activation(operation):  # `_layer` removed it; the following layers need it
                again = keras.layers.Activation(operation.activation, name=f'{name}_activation', dtype=self.precision)
                return again(result)
        return result


def _any_size_copy(model, precision):
    """Returns a copy of a nested model, for maps of any size if it maps maps to maps."""
    image = None
    if len(model.inputs) == 1 and len(model.inputs[0].shape) == len(model.outputs[0].shape) == 4:
        image = keras.Input((None, None, model.inputs[0].shape[3]), dtype=DTYPE)
    return keras.models.clone_model(model, image, clone_function=lambda layer: _plain_copy(layer, precision))


def _plain_copy(layer, precision):
    return type(layer).from_config({**layer.get_config(), 'dtype': precision})


def _copy_weights(source: keras.Operation, target: keras.Operation) -> None:
    for old, new in zip(getattr(source, 'weights', ()), getattr(target, 'weights', ()), strict=True):
        new.assign(old.value)
    if hasattr(target, 'finalize_state'):
        target.finalize_state()


def _is_zero_padded(operation: keras.Operation) -> bool:
    """Returns whether this convolution pads its input with zeros, which mirroring can replace."""
    if not isinstance(operation, keras.layers.Conv2D | keras.layers.DepthwiseConv2D | keras.layers.SeparableConv2D):
        return False
    return operation.padding == 'same' and max(operation.strides) == 1 and max(operation.kernel_size) > 1


def _margins(operation: keras.layers.Layer) -> list[tuple[int, int]]:
    totals = [(size - 1) * rate for size, rate in zip(operation.kernel_size, operation.dilation_rate, strict=True)]
    return [(total // 2, total - total // 2) for total in totals]
