"""The network that paints in one pass as other programs take it: of Keras's own layers, and for any size of picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from stylegen.networks.formats import Portable
from stylegen.style.norms import DARKEST, EPSILON, GAINS, LIGHTENED, NOISE, NOISE_SIDE, noise_tile, within_range
from stylegen.style.numpy_pass import MIDDLE, SWING
from stylegen.style.one_pass import OnePass
from stylegen.style.pass_runner import LEAST
from stylegen.style.transform_network import give_weights, transform_network
from stylegen.utils.backend import keras, tf
from stylegen.utils.keras_defaults import DTYPE, LAYOUT

OUTPUT = 'painted'  # name of the output tensor
PHOTO, NORMS = 'photo', 'norms'  # of the inputs
LAYER: Mapping[str, str] = {'dtype': DTYPE}
MAPS: Mapping[str, str] = {'dtype': DTYPE, 'data_format': LAYOUT}


def portable(one_pass: OnePass, norms: np.ndarray | None = None) -> Portable:
    """Returns the network as files keep it, float32, for batches of any number.

    Args:
        one_pass: The network.
        norms: Of the one style that it paints in, as `OnePass.norms_of` gives them; without it they are the second
            input, (N, norms), as `OnePass.plain_norms_of` gives them.
    """
    call, variables = any_size(one_pass, norms)
    return Portable(keras_network(one_pass, norms), OUTPUT, call, variables)


def arrays_of(one_pass: OnePass, norms: np.ndarray | None) -> Mapping[str, np.ndarray]:
    """The weights with the adapters of a style; without one those that fit every style's `plain_norms_of`."""
    return one_pass.arrays if norms is None else one_pass.arrays_for(one_pass.parts_of(norms)[2])


def any_size(one_pass: OnePass, norms: np.ndarray | None) -> tuple[Callable[..., tf.Tensor], tuple]:
    """Returns the function of photos (N, H, W, 3) and, without `norms`, norms (N, norms), and its variables.

    As `OnePass.paint`, it mirrors photos to sides that the network takes, and cuts its pictures to theirs.
    """
    network, margin = transform_network(one_pass.shape), one_pass.shape.margin
    give_weights(network, arrays_of(one_pass, norms))
    row = np.zeros((1, 0), np.float32) if norms is None else norms[None].astype(np.float32)
    count = one_pass.shape.norms

    def call(photo: tf.Tensor, *given: tf.Tensor) -> tf.Tensor:
        shape = tf.shape(photo)
        rows = given[0] if given else tf.repeat(tf.constant(row), shape[0], 0)
        wide = photo
        for axis in (1, 2):
            wide = tf.gather(wide, _mirrored_places(shape[axis], one_pass.shape.grid, margin), axis=axis)
        picture = network([wide, rows[:, :count]])
        picture = picture[:, margin : margin + shape[1], margin : margin + shape[2]]
        if one_pass.palettes:
            picture = _with_palette(
                picture, rows[:, None, None, count : count + 3], rows[:, None, None, count + 3 : count + 6]
            )
        return tf.clip_by_value(picture, 0, 1)

    return call, tuple(variable.value for variable in network.variables)


def _mirrored_places(length: tf.Tensor, grid: int, margin: int) -> tf.Tensor:
    """Where each position of a mirrored axis is taken from, with a margin on either side of it.

    Its length is a multiple of `grid`, `LEAST` at least. All numbers are positive: ONNX's division cuts negative ones
    the other way.
    """
    whole = (length + 2 * margin + grid - 1) // grid * grid
    places = (tf.range(tf.maximum(LEAST, whole)) + (2 * length - 1) * margin) % (2 * length)
    return tf.minimum(places, 2 * length - 1 - places)


def keras_network(one_pass: OnePass, norms: np.ndarray | None) -> keras.Model:
    """Returns the same of Keras's own layers and operations only, for sides that are multiples of `NetworkShape.grid`.

    2 x 2 pixels are put into one position by a convolution, and positions are repeated before one.

    Args:
        one_pass, norms: Of `portable`.
    """
    arrays, sizes = arrays_of(one_pass, norms), one_pass.shape.sizes
    photo = keras.Input((None, None, 3), dtype=DTYPE, name=PHOTO)
    inputs, norm, palette = _normalizations(norms, one_pass, sizes)
    weights: dict[str, list[np.ndarray]] = {'halves': [_halving_kernel(), np.full(12, -1, np.float32)]}

    seen = _Noise()

    def convolved(x: Any, name: str, strides: int = 1, relu: bool = True) -> Any:
        x = _convolution(x, name, arrays, weights, strides)
        return normalized(x, name, relu)

    def normalized(x: Any, name: str, relu: bool = True) -> Any:
        if name in one_pass.shape.noisy:
            weights['noise'] = [noise_tile().reshape(-1, NOISE)]
            weights[f'{name}_noise'] = [arrays[f'{name}_noise/kernel']]
            mixed = keras.layers.Dense(x.shape[-1], use_bias=False, name=f'{name}_noise', **LAYER)(seen(x))
            x = keras.layers.Add(name=f'{name}_noisy', **LAYER)([x, mixed])
        x = norm(x, name)
        return keras.layers.Activation('relu', name=f'{name}_relu', **LAYER)(x) if relu else x

    def blocks(x: Any, name: str, count: int) -> Any:
        for number in range(count):
            y = convolved(convolved(x, f'{name}{number}_a'), f'{name}{number}_b', relu=False)
            x = keras.layers.Add(name=f'{name}{number}_sum', **LAYER)([x, y])
        return x

    def raised(x: Any, name: str, relu: bool = True) -> Any:
        x = keras.layers.UpSampling2D(2, interpolation='nearest', name=f'{name}_repeated', **MAPS)(x)
        return convolved(x, name, relu=relu)

    margin = one_pass.shape.margin
    around = [[0, 0], [margin, margin], [margin, margin], [0, 0]]
    wide = keras.ops.pad(photo, around, 'symmetric') if margin else photo
    x = keras.layers.Conv2D(12, 2, 2, name='halves', **MAPS)(wide)
    x = convolved(convolved(x, 'begin'), 'down', 2)
    if one_pass.shape.deep:
        y = blocks(convolved(x, 'down2', 2), 'deep', one_pass.shape.deep)
        x = keras.layers.Add(name='deep_sum', **LAYER)([x, raised(y, 'up0', relu=False)])
    x = blocks(x, 'block', one_pass.shape.blocks)
    x = raised(raised(x, 'up1'), 'up2')
    x = keras.layers.Activation('tanh', name='bounded', **LAYER)(_convolution(x, 'end', arrays, weights))
    x = keras.layers.Rescaling(SWING, offset=MIDDLE, name='pixels', **LAYER)(x)
    if margin:
        x = keras.layers.Cropping2D(margin, data_format=LAYOUT, name='without_margin', **LAYER)(x)
    if palette:
        x = _with_palette(x, *palette)
    model = keras.Model([photo, *inputs] if inputs else photo, keras.ops.clip(x, 0.0, 1.0), name='one_pass')
    for name, values in weights.items():
        model.get_layer(name).set_weights(values)
    return model


def _convolution(x: Any, name: str, arrays: Mapping, weights: dict[str, list[np.ndarray]], strides: int = 1) -> Any:
    """The convolution of a map whose borders are mirrored; its arrays come into `weights`."""
    kernel = arrays[f'{name}/kernel']
    bias = [arrays[f'{name}/bias']] if f'{name}/bias' in arrays else []
    weights[name] = [kernel, *bias]
    x = keras.ops.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], 'reflect')
    return keras.layers.Conv2D(kernel.shape[-1], 3, strides, use_bias=bool(bias), name=name, **MAPS)(x)


class _Noise:
    """The noise of a map, (N, H, W, NOISE), by a table of what stands at each position of the tile."""

    def __init__(self) -> None:
        self.table: Any = None

    def __call__(self, x: Any) -> Any:
        if self.table is None:
            self.table = keras.layers.Embedding(NOISE_SIDE**2, NOISE, name='noise', **LAYER)
        ones = keras.ops.ones_like(x[..., 0], dtype='int32')
        row, column = ((keras.ops.cumsum(ones, axis=axis) - 1) % NOISE_SIDE for axis in (1, 2))
        return self.table(row * NOISE_SIDE + column)


def _normalizations(
    norms: np.ndarray | None, one_pass: OnePass, sizes: Mapping[str, int]
) -> tuple[list, Callable[[Any, str], Any], tuple]:
    """Returns the further inputs, the function of a map and its name that normalises it, and the palette or ()."""
    count = one_pass.shape.norms
    if norms is not None:
        constants = one_pass.shape.split(norms[:count])
        ends = one_pass.parts_of(norms)[1].reshape(-1, 1, 1, 1, 3).astype(np.float32)

        def fixed(x: Any, name: str) -> Any:
            scale, shift = np.split(constants[name].astype(np.float64), 2)
            factors = {'scale': (1 + scale).tolist(), 'offset': shift.tolist()}
            return keras.layers.Rescaling(name=f'{name}_style', **factors, **LAYER)(_normalized(x))

        return [], fixed, tuple(ends)
    lengths = [size for size in sizes.values() for _ in range(2)] + [3, 3] * bool(one_pass.palettes)
    given = keras.Input((sum(lengths),), dtype=DTYPE, name=NORMS)
    parts = keras.ops.split(given, np.cumsum(lengths)[:-1].tolist(), axis=-1)
    pairs = {name: parts[2 * number : 2 * number + 2] for number, name in enumerate(sizes)}

    def variable(x: Any, name: str) -> Any:
        scale, shift = (
            keras.layers.Reshape((1, 1, sizes[name]), name=f'{name}_{part}', **LAYER)(vector)
            for part, vector in zip(('scale', 'shift'), pairs[name], strict=True)
        )
        return _normalized(x) * (scale + 1.0) + shift

    in_shape = lambda vector, part: keras.layers.Reshape((1, 1, 3), name=f'palette_{part}', **LAYER)(vector)
    palette = map(in_shape, parts[-2:], ('mean', 'deviation')) if one_pass.palettes else ()
    return [given], variable, tuple(palette)


def _normalized(x: Any) -> Any:
    """The map with mean 0 and variance 1 for each channel of each picture."""
    away = x - keras.ops.mean(x, axis=(1, 2), keepdims=True)
    return away * keras.ops.rsqrt(keras.ops.mean(keras.ops.square(away), axis=(1, 2), keepdims=True) + EPSILON)


def _with_palette(picture: Any, mean: Any, deviation: Any) -> Any:
    """`stylegen.style.norms.with_palette` for pictures (N, H, W, 3), a palette (N or 1, 1, 1, 3) each."""
    light = keras.ops.maximum(keras.ops.mean(mean, axis=-1, keepdims=True), 1e-6)
    light = keras.ops.clip(keras.ops.divide(DARKEST, light), 1.0, LIGHTENED)
    mean, deviation = mean * light, deviation * light
    own = keras.ops.mean(picture, axis=(1, 2), keepdims=True)
    away = picture - own
    spread = keras.ops.sqrt(keras.ops.mean(keras.ops.square(away), axis=(1, 2), keepdims=True))
    gain = keras.ops.clip(keras.ops.divide(deviation, keras.ops.maximum(spread, 1e-6)), *GAINS)
    low = mean - gain * own
    return within_range(keras.ops.add(away * gain, mean), low, low + gain, keras.ops)


def _halving_kernel() -> np.ndarray:
    """The kernel (2, 2, 3, 12) that puts 2 x 2 pixels into one position, times 2: with a bias of -1, from -1 to 1."""
    return 2 * np.eye(12, dtype=np.float32).reshape(2, 2, 3, 12)
