"""Chooses a tile for each block of a mosaic: near in colour and form, not too often, and not beside itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stylegen.images.color import LUMA
from stylegen.utils.errors import UserError

_CANDIDATES = 256  # tiles that are tried for a block before all are
_ROUNDS = 60  # of swaps
_CHUNK = 1 << 22  # numbers of a table of distances
_LUMA_WEIGHT = 1.5  # of a difference in luma, against one in a chroma axis
_ROUGH_WEIGHT = 0.5  # of a difference in roughness, against one of the luma


@dataclass(frozen=True)
class Assignment:
    """Which tile each block gets.

    Attributes:
        tiles: int64 (rows, columns).
        most: No tile is used more often.
        apart: No tile is used again within so many blocks.
        near: How many blocks have a tile of their own again within that distance all the same: there was no other left.
    """

    tiles: np.ndarray
    most: int
    apart: int
    near: int


def comparable(features: np.ndarray) -> np.ndarray:
    """Returns features as luma and two chroma axes, weighted as differences are seen.

    Args:
        features: float32 (N, 3 * parts + 1): colours of parts, and a roughness, see `stylegen.compose.tiles`.
    """
    groups = features[:, :-1].reshape(len(features), -1, 3)
    luma = groups @ LUMA
    axes = np.stack([_LUMA_WEIGHT * luma, groups[..., 2] - luma, groups[..., 0] - luma], -1)
    rough = _ROUGH_WEIGHT * _LUMA_WEIGHT * np.sqrt(groups.shape[1]) * features[:, -1:]
    return np.concatenate([axes.reshape(len(features), -1), rough], 1).astype(np.float32)


def usual_most(blocks: int, tiles: int) -> int:
    """Returns how often a tile may be used if nobody says: twice what the blocks need, and 4 at least."""
    return max(4, -(-2 * blocks // tiles))


def assign(
    blocks: np.ndarray, tiles: np.ndarray, shape: tuple[int, int], most: int | None, apart: int, seed: int = 0
) -> Assignment:
    """Chooses a tile for each block: greedily, the most particular blocks first; then pairs of blocks swap.

    Args:
        blocks: Features of the blocks, float32 (rows * columns, F), see `comparable`.
        tiles: Features of the tiles, float32 (N, F).
        shape: (rows, columns).
        most: See `MosaicSettings`.
        apart: See `MosaicSettings`. It is made less where there are too few tiles.
        seed: Of the order of swaps.

    Raises:
        UserError: There are too few tiles for `most`.
    """
    count = len(tiles)
    most = usual_most(len(blocks), count) if most is None else most
    if most * count < len(blocks):
        often = 'once' if most == 1 else f'{most} times'
        raise UserError(
            f'{len(blocks)} blocks need more than {count} tiles, each used {often} at most; give more --tiles, '
            f'fewer --columns or --most={-(-len(blocks) // count)}'
        )
    while apart and (2 * apart + 1) ** 2 > count:
        apart -= 1
    choice = _Choice(shape, count, most, apart)
    candidates, distances = nearest(blocks, tiles, min(_CANDIDATES, count))
    order = np.argsort(distances[:, 0] - distances.mean(1), kind='stable')  # those with the most to lose come first
    near = sum(choice.place(int(block), candidates[block], blocks, tiles) for block in order)
    _swap(choice, blocks, tiles, seed)
    return Assignment(choice.chosen.reshape(shape), most, apart, near)


def nearest(blocks: np.ndarray, tiles: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the numbers and squared distances of the nearest tiles of each block, (blocks, count), nearest first."""
    squares = np.square(tiles).sum(1)
    numbers = np.empty((len(blocks), count), np.int64)
    distances = np.empty((len(blocks), count), np.float32)
    some = max(1, _CHUNK // len(tiles))
    for start in range(0, len(blocks), some):
        part = blocks[start : start + some]
        table = squares - 2 * (part @ tiles.T)
        found = np.argpartition(table, count - 1, axis=1)[:, :count] if count < len(tiles) else np.argsort(table, 1)
        values = np.take_along_axis(table, found, 1)
        order = np.argsort(values, axis=1, kind='stable')
        numbers[start : start + some] = np.take_along_axis(found, order, 1)
        distances[start : start + some] = np.take_along_axis(values, order, 1) + np.square(part).sum(1)[:, None]
    return numbers, distances


class _Choice:
    """The tiles chosen so far, how often each is used, and what stands around a block."""

    def __init__(self, shape: tuple[int, int], tiles: int, most: int, apart: int):
        self.shape, self.most, self.apart = shape, most, apart
        self.chosen = np.full(shape[0] * shape[1], -1, np.int64)
        self.used = np.zeros(tiles, np.int64)

    def around(self, block: int) -> np.ndarray:
        """The tiles within `apart` of a block."""
        row, column = divmod(block, self.shape[1])
        grid, reach = self.chosen.reshape(self.shape), self.apart
        return grid[max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1].ravel()

    def place(self, block: int, candidates: np.ndarray, blocks: np.ndarray, tiles: np.ndarray) -> bool:
        """Gives a block the nearest tile that is free. Returns whether that one stands near it already."""
        around = self.around(block)
        taken = set(around.tolist())
        for tile in candidates[self.used[candidates] < self.most].tolist():
            if tile not in taken:
                return self._set(block, tile, False)
        free = np.flatnonzero(self.used < self.most)
        apart = free[~np.isin(free, around)]
        left = apart if len(apart) else free
        return self._set(block, int(left[np.square(tiles[left] - blocks[block]).sum(1).argmin()]), not len(apart))

    def _set(self, block: int, tile: int, near: bool) -> bool:
        self.chosen[block] = tile
        self.used[tile] += 1
        return near

    def may_swap(self, one: int, two: int) -> bool:
        """Whether each of two blocks may have the tile of the other."""
        first, second = self.chosen[one], self.chosen[two]
        self.chosen[one] = self.chosen[two] = -1
        good = first not in self.around(two) and second not in self.around(one)
        self.chosen[one], self.chosen[two] = first, second
        return good


def _swap(choice: _Choice, blocks: np.ndarray, tiles: np.ndarray, seed: int) -> None:
    """Swaps the tiles of random pairs of blocks where both together come nearer."""
    rng = np.random.default_rng(seed)
    half = len(blocks) // 2
    for _ in range(_ROUNDS if half else 0):
        order = rng.permutation(len(blocks))
        one, two = order[:half], order[half : 2 * half]
        first, second = tiles[choice.chosen[one]], tiles[choice.chosen[two]]
        # |a - s|^2 + |b - f|^2 - |a - f|^2 - |b - s|^2 = 2 (a - b) (f - s)
        gains = ((blocks[one] - blocks[two]) * (first - second)).sum(1)
        for pair in np.flatnonzero(gains < -1e-6):
            a, b = int(one[pair]), int(two[pair])
            if choice.may_swap(a, b):
                choice.chosen[a], choice.chosen[b] = choice.chosen[b], choice.chosen[a]
