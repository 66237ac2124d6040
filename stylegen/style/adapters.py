"""What single styles change of the kernels of a one-pass network, in little space. Without TensorFlow.

A network that paints in the manner of any painting has learned nothing of a single one but its norms: it paints strokes
and colours, and no stars. So a style may have an adapter: norms of its own, and for each kernel a matrix of low rank
that is added to it (after Hu et al. 2021, "LoRA: Low-rank adaptation of large language models"). A kernel (h, w, C, K)
is a matrix (h C, w K) here, whose factors are smaller than those of (h w C, K) at the same rank.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stylegen.style.norms import NetworkShape

LEVELS = 127  # greatest absolute value of an int8 that stands for a number
Factors = Sequence[tuple[np.ndarray, np.ndarray]]  # of each kernel, (h C, rank) and (rank, w K)


def adapted(shape: NetworkShape) -> tuple[str, ...]:
    """The names of the kernels that adapters change, in their order."""
    return tuple(f'{name}/kernel' for name in (*shape.sizes, 'end'))


def change(left: Any, right: Any, shape: Sequence[int], ops: Any = np) -> Any:
    """What is added to a kernel of this shape, (h, w, C, K).

    Args:
        left, right: (h C, rank) and (rank, w K).
        shape: Of the kernel.
        ops: NumPy, or `keras.ops` for tensors.
    """
    high, wide, depth, channels = shape
    return ops.transpose(ops.reshape(ops.matmul(left, right), (high, depth, wide, channels)), (0, 2, 1, 3))


def factor_shapes(kernel: Sequence[int], rank: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """The shapes of the factors for a kernel of this shape."""
    high, wide, depth, channels = kernel
    return (high * depth, rank), (rank, wide * channels)


@dataclass(frozen=True, eq=False)
class Adapter:
    """What a style changes of a network.

    Attributes:
        norms: Of the style, for the changed network, (norms,).
        levels: The factors of all kernels, one after the other, int8.
        scales: What the levels are multiplied by, a float32 for each column of a left factor and row of a right one.
    """

    norms: np.ndarray
    levels: np.ndarray
    scales: np.ndarray

    @classmethod
    def of(cls, norms: np.ndarray, factors: Factors) -> Adapter:
        """Rounds factors; what is lost is at most 1/254 of the greatest number of a row."""
        levels, scales = [], []
        for left, right in factors:
            for rows in (left.T, right):
                scale = np.maximum(np.abs(rows).max(1), 1e-12) / LEVELS
                levels.append(np.rint(rows / scale[:, None]).astype(np.int8).ravel())
                scales.append(scale.astype(np.float32))
        return cls(norms.astype(np.float32), np.concatenate(levels), np.concatenate(scales))

    def changes(self, kernels: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
        """What is added to each of these kernels, float32."""
        for kernel, pair in zip(kernels, self.factors(kernels), strict=True):
            yield change(*pair, kernel.shape)

    def factors(self, kernels: Sequence[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The factors for each of these kernels, float32 (h C, rank) and (rank, w K)."""
        rank, levels, scales = self.rank(kernels), self.levels, self.scales
        for kernel in kernels:
            rows = []
            for count in map(math.prod, factor_shapes(kernel.shape, rank)):
                rows.append(levels[:count].reshape(rank, -1) * scales[:rank, None])
                levels, scales = levels[count:], scales[rank:]
            yield rows[0].T, rows[1]

    def rank(self, kernels: Sequence[np.ndarray]) -> int:
        """The rank of what is added to kernels.

        Raises:
            ValueError: They are not those of the network that it was made for.
        """
        rank = len(self.scales) // (2 * len(kernels))
        shapes = [factor for kernel in kernels for factor in factor_shapes(kernel.shape, rank)]
        if rank == 0 or len(self.scales) != rank * len(shapes) or len(self.levels) != sum(map(math.prod, shapes)):
            raise ValueError('an adapter of another network')
        return rank


def with_adapters(
    arrays: Mapping[str, np.ndarray], shape: NetworkShape, shares: Iterable[tuple[Adapter, float]]
) -> Mapping[str, np.ndarray]:
    """The weights of a network with the changes of adapters, each in its share."""
    names, changed = adapted(shape), dict(arrays)
    for adapter, share in shares:
        for name, added in zip(names, adapter.changes([arrays[name] for name in names]), strict=True):
            changed[name] = changed[name] + np.float32(share) * added
    return changed


def rounded(kernel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A kernel as int8, and what each of its output channels is multiplied by, float32 (K,)."""
    scale = np.maximum(np.abs(kernel).max(tuple(range(kernel.ndim - 1))), 1e-12) / LEVELS
    return np.rint(kernel / scale).astype(np.int8), scale.astype(np.float32)
