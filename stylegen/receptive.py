"""How far a layer sees: what a window needs around it, so that its features are those of the whole picture."""

from stylegen.backend import keras
from stylegen.errors import UserError

_POINTWISE = (
    keras.layers.Activation,
    keras.layers.ReLU,
    keras.layers.LeakyReLU,
    keras.layers.PReLU,
    keras.layers.ELU,
    keras.layers.BatchNormalization,
    keras.layers.LayerNormalization,  # over channels
    keras.layers.Rescaling,
    keras.layers.Normalization,
    keras.layers.Dropout,
    keras.layers.Identity,
    keras.layers.Concatenate,
    keras.layers.Add,
    keras.layers.Multiply,
    keras.layers.InputLayer,
)


def radius(model: keras.Model) -> int:
    """How many pixels beyond a block of whole strides the positions in it look, for any output of a model.

    A pooling whose windows do not overlap looks at its own block alone; a convolution padded with zeros half its kernel
    to each side; of anything else the whole kernel is counted to each. VGG-16 to block4_conv3: 42, VGG-19 to
    block5_conv1: 70. (Half the receptive field, rounded down to the block.)

    Raises:
        UserError: The network has a layer that looks at the whole picture, or one that is not known here.
    """
    reach: dict[int, tuple[int, int]] = {}  # id of a tensor -> (stride, pixels)
    for operation in model.operations:
        if isinstance(operation, keras.layers.InputLayer):
            continue
        sources = [reach.get(id(tensor), (1, 0)) for tensor in keras.tree.flatten(operation.input)]
        stride, seen = (max(numbers) for numbers in zip(*sources, strict=True))
        size, rate, step = _kernel(operation)
        half = getattr(operation, 'padding', '') == 'same' and step == 1
        look = 0 if size == step else rate * (size - 1) // (2 if half else 1)
        for tensor in keras.tree.flatten(operation.output):
            reach[id(tensor)] = stride * step, seen + stride * look
    return max(reach[id(tensor)][1] for tensor in keras.tree.flatten(model.outputs) if id(tensor) in reach)


def _kernel(operation) -> tuple[int, int, int]:
    """Side of the kernel, dilation and stride; 1, 1, 1 for what looks at one position."""
    if isinstance(operation, _POINTWISE) or type(operation).__module__.startswith('stylegen.layers'):
        size = getattr(operation, 'pool_size', 1)
    elif hasattr(operation, 'kernel_size'):
        size = operation.kernel_size
    elif hasattr(operation, 'pool_size'):
        size = operation.pool_size
    elif isinstance(operation, keras.layers.ZeroPadding2D):
        return 1, 1, 1
    else:
        raise UserError(
            f'the layer {operation.name} may look at the whole picture: this network cannot work by windows'
        )
    step, rate = getattr(operation, 'strides', 1), getattr(operation, 'dilation_rate', 1)
    return tuple(max(x) if isinstance(x, tuple | list) else x for x in (size, rate, step))
