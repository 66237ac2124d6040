"""Convolutions 3 x 3 of many channels in NumPy, with a quarter of the multiplications.

Lavin and Gray (2016), "Fast algorithms for convolutional neural networks", F(4 x 4, 3 x 3): 4 x 4 positions of a result
are made of a tile of 6 x 6 positions, of which every one is multiplied by one matrix (C, channels).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

TILES = 160  # of a strip, about; its tiles stay in the processor's cache
LEAST_CHANNELS = 32  # with fewer, the way to the tiles and back takes longer than what is saved
OUT, IN = 4, 6  # positions of a tile's side, in the result and in the map
# Of the map, of the kernel and of the result: B^T, G and A^T of section 4.2.
OF_MAP = np.array(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ],
    np.float32,
)
OF_KERNEL = np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]], np.float32) / 24
OF_RESULT = np.array([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]], np.float32)


def pays(kernel: np.ndarray, stride: int) -> bool:
    """Whether a convolution with a kernel (h, w, C, channels) is done sooner this way."""
    return kernel.shape[:2] == (3, 3) and stride == 1 and min(kernel.shape[2:]) >= LEAST_CHANNELS


def convolve_by_tiles(padded: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Returns the convolution, without padding, of a map (H, W, C) with a kernel (3, 3, C, channels), float32.

    It differs from the sum of products by rounding, about 1e-5 of the largest value.
    """
    depth, channels = kernel.shape[2:]
    rows, columns = (side - 2 for side in padded.shape[:2])
    down, across = (-(-side // OUT) for side in (rows, columns))
    room = [(0, OUT * tiles + 2 - side) for tiles, side in zip((down, across), padded.shape, strict=False)]
    padded = np.pad(padded, [*room, (0, 0)])
    turned = kernel.swapaxes(0, 1).reshape(3, 3, -1)  # places of a tile are (column, row) below
    half = (OF_KERNEL @ turned.reshape(3, -1)).reshape(IN, 3, -1)
    matrices = np.matmul(OF_KERNEL, half).reshape(IN * IN, depth, channels)
    result = np.empty((down, OUT, across, OUT, channels), np.float32)
    step = max(1, TILES // across)
    shapes = _shapes(min(step, down), across, depth, channels)
    rooms = [np.empty(math.prod(shape), np.float32) for shape in shapes]  # new memory for each strip costs more
    for first in range(0, down, step):
        count = min(step, down - first)
        by_rows, mixed, by_columns, tiles, products, halved, made = (
            room[: math.prod(shape)].reshape(shape)
            for room, shape in zip(rooms, _shapes(count, across, depth, channels), strict=True)
        )
        strip = padded[OUT * first : OUT * (first + count) + 2]
        np.stack([strip[k : k + OUT * count : OUT] for k in range(IN)], out=by_rows)
        np.matmul(OF_MAP, by_rows.reshape(IN, -1), out=mixed.reshape(IN, -1))
        np.stack([mixed[:, :, k : k + OUT * across : OUT] for k in range(IN)], out=by_columns)
        np.matmul(OF_MAP, by_columns.reshape(IN, -1), out=tiles.reshape(IN, -1))
        np.matmul(tiles.reshape(IN * IN, -1, depth), matrices, out=products.reshape(IN * IN, -1, channels))
        np.matmul(OF_RESULT, products.reshape(IN, -1), out=halved.reshape(OUT, -1))
        np.matmul(OF_RESULT, halved.reshape(OUT, IN, -1), out=made.reshape(OUT, OUT, -1))
        result[first : first + count] = made.transpose(2, 1, 3, 0, 4)
    return result.reshape(OUT * down, OUT * across, channels)[:rows, :columns]


def _shapes(count: int, across: int, depth: int, channels: int) -> Sequence[tuple[int, ...]]:
    """The shapes of the arrays that a strip of `count` rows of tiles goes through."""
    wide = OUT * across + 2
    tiles, places = (IN, IN, count, across, depth), (count, across, channels)
    return [(IN, count, wide, depth)] * 2 + [tiles] * 2 + [(IN, IN, *places), (OUT, IN, *places), (OUT, OUT, *places)]
