"""The network that paints in one pass, in NumPy: for a picture or two it is done before TensorFlow would be imported.

`stylegen.style.transform_network` and `stylegen.networks.small_vgg` say what is computed. A convolution is a product of
matrices, strip by strip of rows, so that a strip's patches stay in the processor's cache.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from stylegen.style.norms import EPSILON, NOISE_SIDE, NetworkShape, noise_tile
from stylegen.style.winograd import convolve_by_tiles, pays

STRIP = 2048  # positions whose patches are made at once
SWING, MIDDLE = 0.55, 0.5  # the picture is SWING * tanh(x) + MIDDLE, so that a finite x gives black and white
# What `UpsampledConvolution` multiplies the rows of its kernel by: phase of an output row, row of the input, row of the
# kernel.
PHASES = np.array([[[1, 1, 0], [0, 0, 1]], [[1, 0, 0], [0, 1, 1]]], np.float32)
Arrays = Mapping[str, np.ndarray]
Smooth = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def paint_by_numpy(
    arrays: Arrays, shape: NetworkShape, photo: np.ndarray, norms: Mapping[str, np.ndarray], smooth: Callable[..., Any]
) -> np.ndarray:
    """Returns the picture that the transform network makes of a photo.

    Args:
        arrays: Weights of the network, '<layer>/kernel' and 'end/bias'.
        shape: Its size.
        photo: float32 (H, W, 3) in [0, 1], with sides that are multiples of `shape.grid`, from 16.
        norms: What is multiplied and added by each normalization, (2 C,), by the name of its convolution.
        smooth: Of `stylegen.style.strips.paint_by_strips`.

    Returns:
        float32 (H, W, 3), about in [0, 1].
    """

    def normalized(x: np.ndarray, name: str, relu: bool = True) -> np.ndarray:
        if name in shape.noisy:
            add_noise(x, arrays[f'{name}_noise/kernel'])
        return normalize(x, norms[name], functools.partial(smooth, name), relu)

    def convolved(x: np.ndarray, name: str, stride: int = 1, relu: bool = True) -> np.ndarray:
        padded = np.pad(x, [(1, 1), (1, 1), (0, 0)], 'reflect')
        return normalized(convolve(padded, arrays[f'{name}/kernel'], stride), name, relu)

    def block(x: np.ndarray, name: str) -> np.ndarray:
        return x + convolved(convolved(x, f'{name}_a'), f'{name}_b', relu=False)

    height, width = photo.shape[:2]
    pairs = photo.reshape(height // 2, 2, width // 2, 2, 3).transpose(0, 2, 1, 3, 4)
    x = 2 * pairs.reshape(height // 2, width // 2, 12) - 1
    x = convolved(convolved(x, 'begin'), 'down', 2)
    if shape.deep:
        y = convolved(x, 'down2', 2)
        for number in range(shape.deep):
            y = block(y, f'deep{number}')
        x = x + normalized(upsample(y, arrays['up0/kernel']), 'up0', relu=False)
    for number in range(shape.blocks):
        x = block(x, f'block{number}')
    for name in ('up1', 'up2'):
        x = normalized(upsample(x, arrays[f'{name}/kernel']), name)
    x = np.pad(x, [(1, 1), (1, 1), (0, 0)], 'reflect')
    return SWING * np.tanh(convolve_to_few(x, arrays['end/kernel']) + arrays['end/bias']) + MIDDLE


def numpy_statistics(
    arrays: Arrays, blocks: Sequence[tuple[int, int]], layers: Sequence[str], x: np.ndarray
) -> np.ndarray:
    """Returns `stylegen.style.transform_network.style_statistics` of a painting, (statistics,), by `small_vgg`.

    Args:
        arrays: Weights of `small_vgg`.
        blocks: Of each of its blocks the channels and the number of convolutions.
        layers: Whose statistics are asked for, 'input' among them or not.
        x: The painting, float32 (H, W, 3) in [0, 1].
    """
    found = {'input': moments(x)}
    x = 4 * x - 2
    for block, (_, convolutions) in enumerate(blocks, 1):
        for number in range(1, convolutions + 1):
            name = f'block{block}_conv{number}'
            padded = np.pad(x, [(1, 1), (1, 1), (0, 0)])
            x = np.maximum(convolve(padded, arrays[f'trunk_{name}/kernel']) + arrays[f'trunk_{name}/bias'], 0)
            if name in layers:
                found[name] = moments(convolve(x, arrays[f'{name}/kernel']) + arrays[f'{name}/bias'])
        if set(layers) <= set(found):
            break
        height, width = (side // 2 for side in x.shape[:2])
        x = x[: 2 * height, : 2 * width].reshape(height, 2, width, 2, -1).max((1, 3))
    parts = []
    for mean, variance in (found[name] for name in layers):
        parts += [part * len(mean) ** 0.5 for part in (mean, np.sqrt(variance + 1e-6))]
    return np.concatenate(parts).astype(np.float32)


def convolve(padded: np.ndarray, kernel: np.ndarray, stride: int = 1) -> np.ndarray:
    """Returns the convolution, without padding, of a map (H, W, C) with a kernel (h, w, C, channels)."""
    if pays(kernel, stride):
        return convolve_by_tiles(padded, kernel)
    high, wide, depth, channels = kernel.shape
    rows, columns = ((extent - side) // stride + 1 for extent, side in zip(padded.shape, (high, wide), strict=False))
    result = np.empty((rows, columns, channels), np.float32)
    matrix = kernel.reshape(-1, channels)
    patches = np.empty((min(rows, _rows_of_strip(columns)), columns, high, wide, depth), np.float32)
    for first, last in _strips(rows, columns):
        part = patches[: last - first]
        for i in range(high):
            for j in range(wide):
                end = (last - 1) * stride + i + 1, (columns - 1) * stride + j + 1
                part[:, :, i, j] = padded[first * stride + i : end[0] : stride, j : end[1] : stride]
        np.matmul(part.reshape(-1, len(matrix)), matrix, out=result[first:last].reshape(-1, channels))
    return result


def convolve_to_few(padded: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Returns the same for few channels: each position is multiplied by all of the kernel, then the places are added.

    The products are in planes, one for each place and channel, which are added sooner than positions of few channels.

    Args:
        padded: (H, W, C).
        kernel: (3, 3, C, channels).
    """
    rows, columns = (extent - 2 for extent in padded.shape[:2])
    depth, channels = kernel.shape[2:]
    matrix = kernel.transpose(0, 1, 3, 2).reshape(-1, depth)
    result = np.empty((rows, columns, channels), np.float32)
    for first, last in _strips(rows, columns):
        planes = matrix @ padded[first : last + 2].reshape(-1, depth).T
        planes = planes.reshape(3, 3, channels, last - first + 2, columns + 2)
        total = np.zeros((channels, last - first, columns), np.float32)
        for i in range(3):
            for j in range(3):
                total += planes[i, j, :, i : i + last - first, j : j + columns]
        result[first:last] = total.transpose(1, 2, 0)
    return result


def upsample(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Returns what `stylegen.style.transform_layers.UpsampledConvolution` makes of a map (H, W, C)."""
    height, width, depth = x.shape
    channels = kernel.shape[-1]
    two = np.einsum('ptk,qsl,klio->tsipqo', PHASES, PHASES, kernel).reshape(2, 2, depth, 4 * channels)
    y = convolve(np.pad(x, [(1, 1), (1, 1), (0, 0)], 'edge'), two)
    y = y.reshape(height + 1, width + 1, 2, 2, channels).transpose(0, 2, 1, 3, 4)
    return y.reshape(2 * height + 2, 2 * width + 2, channels)[1:-1, 1:-1]


def normalize(x: np.ndarray, norms: np.ndarray, smooth: Smooth, relu: bool = True) -> np.ndarray:
    """Returns the conditional instance normalization of a map (H, W, C), which is changed; negative values become 0.

    Args:
        x: The map.
        norms: (2 C,): by how much more than 1 each channel is multiplied, and what is added to it.
        smooth: Gives the mean and the variance to normalise with, of those of the map.
        relu: Whether negative values become 0.
    """
    mean, variance = smooth(*moments(x))
    scale, shift = np.split(norms.astype(np.float64), 2)
    exact = (1 + scale) / np.sqrt(variance + EPSILON)
    factor, offset = (each.astype(np.float32) for each in (exact, shift - mean * exact))
    for first, last in _strips(*x.shape[:2]):
        part = x[first:last]
        np.multiply(part, factor, out=part)
        np.add(part, offset, out=part)
        if relu:
            np.maximum(part, 0, out=part)
    return x


def add_noise(x: np.ndarray, kernel: np.ndarray) -> None:
    """Adds to a map (H, W, C) what `stylegen.style.transform_layers.AddedNoise` adds, with its kernel (NOISE, C)."""
    noise = noise_tile()[: x.shape[0], : x.shape[1]] @ kernel
    for top in range(0, x.shape[0], NOISE_SIDE):
        for left in range(0, x.shape[1], NOISE_SIDE):
            part = x[top : top + NOISE_SIDE, left : left + NOISE_SIDE]
            part += noise[: part.shape[0], : part.shape[1]]


def moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the mean and the variance of each channel of a map (H, W, C), in float64."""
    total, squares = np.zeros(x.shape[-1]), np.zeros(x.shape[-1])
    middle = x[0, 0].copy()  # a mean far from 0 would take the digits of the variance
    for first, last in _strips(*x.shape[:2]):
        part = (x[first:last] - middle).reshape(-1, x.shape[-1])
        total += part.sum(0)
        squares += np.einsum('nc,nc->c', part, part)
    mean = total / (x.shape[0] * x.shape[1])
    return mean + middle, np.maximum(squares / (x.shape[0] * x.shape[1]) - mean**2, 0)


def _rows_of_strip(columns: int) -> int:
    return max(1, STRIP // columns)


def _strips(rows: int, columns: int) -> Iterator[tuple[int, int]]:
    """The first row of each strip, and the one after its last."""
    step = _rows_of_strip(columns)
    return ((first, min(first + step, rows)) for first in range(0, rows, step))
