"""The transform network by strips of rows, for pictures whose maps do not fit in memory at once.

Every map says how its rows are made of the rows of the map before it. Nothing is made until rows are asked for. The
statistics of a normalization are those of the whole map, added up strip by strip; so the picture is the one that the
network makes at once, but for rounding.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from stylegen.style.norms import EPSILON, NOISE_SIDE, NetworkShape, noise_tile
from stylegen.style.numpy_pass import MIDDLE, SWING, Arrays, Smooth
from stylegen.style.transform_layers import phase_kernels
from stylegen.utils.backend import tf


class Map(ABC):
    """A map of `height` rows, whose strips are made when they are asked for."""

    height: int

    @abstractmethod
    def rows(self, first: int, last: int) -> tf.Tensor:
        """The rows from `first` to before `last`, (1, last - first, W, C)."""

    def mirrored(self, first: int, last: int) -> tf.Tensor:
        """The same, where rows beyond the borders are mirrored at them, without repeating the border row."""
        return self._gathered([self._reflected(row) for row in range(first, last)])

    def repeated(self, first: int, last: int) -> tf.Tensor:
        """The same, where rows beyond the borders are the border row."""
        return self._gathered([min(max(row, 0), self.height - 1) for row in range(first, last)])

    def _reflected(self, row: int) -> int:
        row = abs(row)
        return row if row < self.height else 2 * (self.height - 1) - row

    def _gathered(self, places: list[int]) -> tf.Tensor:
        """The rows at these places, in this order."""
        begin = min(places)
        return tf.gather(self.rows(begin, max(places) + 1), [place - begin for place in places], axis=1)

    def strips(self, rows: int) -> Iterator[tf.Tensor]:
        """All rows, so many at a time."""
        for first in range(0, self.height, rows):
            yield self.rows(first, min(first + rows, self.height))

    def whole(self, rows: int) -> np.ndarray:
        """All rows in one array (H, W, C), made so many at a time; nothing but it and a strip is in memory for them."""
        array, first = np.empty(0, np.float32), 0
        for strip in self.strips(rows):
            if not first:
                array = np.empty((self.height, *strip.shape[2:]), np.float32)
            array[first : first + strip.shape[1]] = strip.numpy()[0]
            first += strip.shape[1]
        return array


class Stored(Map):
    """A map that is in memory, as an array (H, W, C)."""

    def __init__(self, array: np.ndarray):
        self.array, self.height = array, array.shape[0]

    @classmethod
    def of(cls, source: Map, rows: int) -> Stored:
        """The map that another one is, made strip by strip."""
        return cls(source.whole(rows))

    def rows(self, first: int, last: int) -> tf.Tensor:
        """The rows."""
        return tf.constant(self.array[None, first:last])


class Halved(Map):
    """A picture with 2 x 2 pixels in one position and values from -1 to 1: the network's input."""

    def __init__(self, source: Map):
        self.source, self.height = source, source.height // 2

    def rows(self, first: int, last: int) -> tf.Tensor:
        """The rows."""
        return 2.0 * tf.nn.space_to_depth(self.source.rows(2 * first, 2 * last), 2) - 1.0


class Convolved(Map):
    """A convolution 3 x 3 with mirrored borders."""

    def __init__(self, source: Map, kernel: np.ndarray, bias: np.ndarray | None = None, stride: int = 1):
        self.source, self.kernel, self.bias, self.stride = source, kernel, bias, stride
        self.height = (source.height - 1) // stride + 1

    def rows(self, first: int, last: int) -> tf.Tensor:
        """The rows."""
        x = self.source.mirrored(first * self.stride - 1, (last - 1) * self.stride + 2)
        x = tf.pad(x, [[0, 0], [0, 0], [1, 1], [0, 0]], 'REFLECT')
        x = tf.nn.conv2d(x, self.kernel, self.stride, 'VALID')
        return x if self.bias is None else x + self.bias


class Noisy(Map):
    """A map with noise, as of `AddedNoise`."""

    def __init__(self, source: Map, kernel: np.ndarray):
        self.source, self.height, self.kernel = source, source.height, kernel

    def rows(self, first: int, last: int) -> tf.Tensor:
        """The rows."""
        x = self.source.rows(first, last)
        down, across = (np.arange(*ends) % NOISE_SIDE for ends in ((first, last), (0, x.shape[2])))
        return x + noise_tile()[down][:, across] @ self.kernel


class Upsampled(Map):
    """What `UpsampledConvolution` makes of a map; rows are asked for in pairs."""

    def __init__(self, source: Map, kernel: np.ndarray):
        self.source, self.kernel, self.height = source, phase_kernels(tf.constant(kernel)), 2 * source.height

    def rows(self, first: int, last: int) -> tf.Tensor:
        """The rows."""
        begin, end = first // 2, (last + 1) // 2
        x = self.source.repeated(begin - 1, end + 1)
        x = tf.pad(x, [[0, 0], [0, 0], [1, 1], [0, 0]], 'SYMMETRIC')
        x = tf.nn.depth_to_space(tf.nn.conv2d(x, self.kernel, 1, 'VALID'), 2)[:, 1:-1, 1:-1]
        return x[:, first - 2 * begin : last - 2 * begin]


class Normalized(Map):
    """Conditional instance normalization; the statistics are taken once, of all rows."""

    def __init__(self, source: Map, norms: np.ndarray, rows: int, smooth: Smooth, relu: bool = True):
        self.source, self.height, self.relu = source, source.height, relu
        count, total, squares = 0, np.zeros(1), np.zeros(1)
        for strip in source.strips(rows):
            flat = tf.reshape(strip, [-1, strip.shape[-1]])
            mean, variance = (each.numpy().astype(np.float64) for each in tf.nn.moments(flat, [0]))
            number = flat.shape[0]
            count, total = count + number, total + number * mean
            squares = squares + number * (variance + mean**2)
        mean, variance = smooth(total / count, np.maximum(squares / count - (total / count) ** 2, 0))
        scale, shift = np.split(norms.astype(np.float64), 2)
        factor = (1 + scale) / np.sqrt(variance + EPSILON)
        self.factor, self.offset = (x.astype(np.float32) for x in (factor, shift - mean * factor))

    def rows(self, first: int, last: int) -> tf.Tensor:
        """The rows."""
        x = self.source.rows(first, last) * self.factor + self.offset
        return tf.nn.relu(x) if self.relu else x


class Added(Map):
    """The sum of two maps."""

    def __init__(self, one: Map, other: Map):
        self.one, self.other, self.height = one, other, one.height

    def rows(self, first: int, last: int) -> tf.Tensor:
        """The rows."""
        return self.one.rows(first, last) + self.other.rows(first, last)


def paint_by_strips(
    arrays: Arrays,
    shape: NetworkShape,
    photo: np.ndarray,
    norms: Mapping[str, Any],
    rows: int,
    smooth: Callable[..., Any] = lambda name, mean, variance: (mean, variance),
) -> np.ndarray:
    """The picture that the transform network makes of a photo.

    Args:
        arrays: Weights of the network, '<layer>/kernel' and 'end/bias'.
        shape: Its size.
        photo: float32 (H, W, 3) in [0, 1], with sides that are multiples of `shape.grid`.
        norms: What is multiplied and added by each normalization, (2 C,), by the name of its convolution.
        rows: Of a strip of the photo, a multiple of `shape.grid`.
        smooth: Gives the mean and the variance to normalise with, of the name of a convolution and those of its map.

    Returns:
        float32 (H, W, 3), about in [0, 1].
    """
    kernel = lambda name: arrays[f'{name}/kernel']

    def normalized(x: Map, name: str, rows: int, **how: bool) -> Map:
        if name in shape.noisy:
            x = Noisy(x, kernel(f'{name}_noise'))
        return Normalized(x, norms[name], rows, functools.partial(smooth, name), **how)

    def blocks(x: Map, name: str, count: int, rows: int) -> Map:
        for number in range(count):
            y = x
            for part, relu in (('a', True), ('b', False)):
                place = f'{name}{number}_{part}'
                y = Stored.of(Convolved(y, kernel(place)), rows)
                y = normalized(y, place, rows, relu=relu)
            x = Stored.of(Added(x, y), rows)
        return x

    quarter, eighth = rows // 4, rows // 8
    x: Map = Convolved(Halved(Stored(photo)), kernel('begin'))
    x = Convolved(normalized(x, 'begin', rows // 2), kernel('down'), stride=2)
    x = Stored.of(x, quarter)
    x = Stored.of(normalized(x, 'down', quarter), quarter)
    if shape.deep:
        y: Map = Stored.of(Convolved(x, kernel('down2'), stride=2), eighth)
        y = blocks(Stored.of(normalized(y, 'down2', eighth), eighth), 'deep', shape.deep, eighth)
        y = normalized(Stored.of(Upsampled(y, kernel('up0')), quarter), 'up0', quarter, relu=False)
        x = Stored.of(Added(x, y), quarter)
    x = blocks(x, 'block', shape.blocks, quarter)
    x = normalized(Upsampled(x, kernel('up1')), 'up1', rows // 2)
    x = normalized(Upsampled(x, kernel('up2')), 'up2', rows)
    painted = Convolved(x, kernel('end'), arrays['end/bias']).whole(rows)
    np.tanh(painted, out=painted)
    painted *= SWING
    painted += MIDDLE
    return painted
