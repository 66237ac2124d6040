"""Computes receptive fields: how wide a window's margin must be to give the features of the whole picture."""

from stylegen.networks.caffe import EdgePadding, LocalResponseNormalization
from stylegen.networks.layers import MapDense, PooledNormalization, Preprocess, ReflectPadding
from stylegen.utils.backend import keras
from stylegen.utils.errors import UserError

_POINTWISE = (
    keras.layers.Activation,
    keras.layers.ReLU,
    keras.layers.LeakyReLU,
    keras.layers.PReLU,
    keras.layers.ELU,
    keras.layers.BatchNormalization,
    keras.layers.Rescaling,
    keras.layers.Normalization,
    keras.layers.Dropout,
    keras.layers.Identity,
    keras.layers.Concatenate,
    keras.layers.Add,
    keras.layers.Multiply,
    Preprocess,
    LocalResponseNormalization,
    EdgePadding,  # positions do not move
)
_SLIDING = (
    keras.layers.Conv2D,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv2D,
    keras.layers.MaxPooling2D,
    keras.layers.AveragePooling2D,
)


def radius(model: keras.Model) -> int:
    """Returns how many pixels beyond a block of whole strides the outputs for that block depend on.

    A position belongs to the pixels from its number times the stride on. The pixels before and after these that it
    reads are counted layer by layer. VGG-16 to block4_conv3: 42, VGG-19 to block5_conv1: 70. (This is half the
    receptive field, rounded down to the block.)

    Raises:
        UserError: A layer reads the whole picture, reads pixels that depend on the picture's size, or is unknown.
    """
    reach_of: dict[int, tuple[int, int, int]] = {}  # id of a tensor -> (stride, pixels before, pixels after)
    for operation in model.operations:
        if isinstance(operation, keras.layers.InputLayer):
            continue
        sources = [reach_of.get(id(tensor), (1, 0, 0)) for tensor in keras.tree.flatten(operation.input)]
        stride, before, after = (max(numbers) for numbers in zip(*sources, strict=True))
        step, first, last = _reach(operation)
        for tensor in keras.tree.flatten(operation.output):
            reach_of[id(tensor)] = stride * step, before + stride * first, after + stride * (last + 1 - step)
    ends = [reach_of[id(tensor)] for tensor in keras.tree.flatten(model.outputs) if id(tensor) in reach_of]
    return max(0, *(max(before, after) for _, before, after in ends))


def _reach(operation: keras.Operation) -> tuple[int, int, int]:
    """Returns the stride of a layer, and how many positions before and after its own (times the stride) it reads."""
    if isinstance(operation, _POINTWISE) or _normalizes_channels_only(operation):
        return 1, 0, 0
    if isinstance(operation, keras.layers.ZeroPadding2D):
        shift = max(before for before, _ in operation.padding)
        return 1, shift, -min(before for before, _ in operation.padding)
    if isinstance(operation, ReflectPadding):
        shift = max(operation.rows[0], operation.columns[0])
        return 1, shift, -min(operation.rows[0], operation.columns[0])
    if isinstance(operation, MapDense):
        return 1, max(operation.window), max(operation.window)  # a small map is padded on all sides
    if isinstance(operation, _SLIDING):
        size = operation.pool_size if hasattr(operation, 'pool_size') else operation.kernel_size
        reaches = [
            _sliding_reach(n, rate, step, operation.padding)
            for n, rate, step in zip(size, getattr(operation, 'dilation_rate', (1, 1)), operation.strides, strict=True)
        ]
        if None not in reaches:
            return tuple(max(numbers) for numbers in zip(*reaches, strict=True))
    raise UserError(f'the layer {operation.name} may look at the whole picture: this network cannot work by windows')


def _sliding_reach(size: int, rate: int, step: int, padding: str) -> tuple[int, int, int] | None:
    """Returns stride and reach of a sliding kernel on one axis; None if its padding depends on the length."""
    look = rate * (size - 1)
    if padding == 'valid':
        return step, 0, look
    zeros = {
        max(0, look + 1 - rest) // 2 for rest in range(1, step + 1)
    }  # for each rest of the length divided by the stride
    return (step, max(zeros), look - max(zeros)) if len(zeros) == 1 else None


def _normalizes_channels_only(operation: keras.Operation) -> bool:
    """Returns whether this is a layer normalisation of each position alone."""
    if not isinstance(operation, keras.layers.LayerNormalization) or isinstance(operation, PooledNormalization):
        return False
    axes = operation.axis if isinstance(operation.axis, list | tuple) else [operation.axis]
    return all(axis in (-1, 3) for axis in axes)
