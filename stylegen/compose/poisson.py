"""Solves Poisson's equation within a mask: conjugate gradients, preconditioned by a multigrid cycle.

The unknowns are the pixels of a mask. Beyond the mask the picture is given (Dirichlet); beyond the border of the
picture there is nothing (Neumann): such neighbours do not count.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

_SMOOTHING = 2  # steps before and after the coarser grid
_DAMPING = 0.8  # of Jacobi's steps
_COARSEST = 8  # side in pixels under which grids are not halved
_COARSEST_STEPS = 20


@dataclass
class Grid:
    """Laplace's operator on the pixels of a mask, and on coarser grids below it.

    Attributes:
        inside: bool (H, W, 1), the unknowns.
        screen: What is added to the operator: how much a value is held to 0.
        degree: float32 (H, W, 1), how many neighbours a pixel has within the picture, and the screen.
        coarser: The grid of half the size; None for the coarsest.
    """

    inside: np.ndarray
    screen: float = 0.0
    degree: np.ndarray = field(init=False)
    coarser: Grid | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        height, width = self.inside.shape[:2]
        degree = np.full((height, width, 1), 4, np.float32)
        for edge in (degree[:1], degree[-1:], degree[:, :1], degree[:, -1:]):
            edge -= 1
        self.degree = (np.maximum(degree, 1) + self.screen).astype(np.float32)
        if min(height, width) > _COARSEST:
            padded = np.pad(self.inside, ((0, height % 2), (0, width % 2), (0, 0)), 'edge')
            blocks = padded.reshape((height + 1) // 2, 2, (width + 1) // 2, 2, 1)
            coarse: np.ndarray = np.asarray(blocks.all((1, 3)))
            if coarse.any():
                self.coarser = Grid(coarse, 4 * self.screen)

    def operator(self, values: np.ndarray) -> np.ndarray:
        """Degree times the value less the neighbours, of values that are 0 beyond the mask; 0 there."""
        return np.where(self.inside, self.degree * values - neighbours(values), 0)

    def cycle(self, right: np.ndarray) -> np.ndarray:
        """An approximate solution: one V-cycle from 0. It is symmetric, as conjugate gradients need it."""
        weight = np.where(self.inside, _DAMPING / self.degree, 0).astype(np.float32)
        values = weight * right
        steps = _SMOOTHING if self.coarser else _COARSEST_STEPS
        for _ in range(steps - 1):
            values += weight * (right - self.operator(values))
        if self.coarser:
            below = np.where(self.coarser.inside, reduced(right - self.operator(values)), 0)
            values += np.where(self.inside, enlarged(self.coarser.cycle(below), right.shape[:2]), 0)
            for _ in range(steps):
                values += weight * (right - self.operator(values))
        return values


def neighbours(values: np.ndarray) -> np.ndarray:
    """The sum of the four neighbours, (H, W, C); beyond the border is 0."""
    total = np.zeros_like(values)
    total[1:] += values[:-1]
    total[:-1] += values[1:]
    total[:, 1:] += values[:, :-1]
    total[:, :-1] += values[:, 1:]
    return total


def enlarged(values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Interpolates (h, w, C) to twice the size: a new pixel is 3/4 of its old one and 1/4 of the next."""
    for axis in (0, 1):
        values = np.moveaxis(values, axis, 0)
        out = np.empty((2 * len(values), *values.shape[1:]), values.dtype)
        out[0::2] = out[1::2] = 0.75 * values
        out[2::2] += 0.25 * values[:-1]
        out[1:-1:2] += 0.25 * values[1:]
        values = np.moveaxis(out, 0, axis)
    return values[: shape[0], : shape[1]]


def reduced(values: np.ndarray) -> np.ndarray:
    """The transpose of `enlarged`: four pixels become one, about their sum."""
    for axis in (0, 1):
        values = np.moveaxis(values, axis, 0)
        if len(values) % 2:
            values = np.concatenate([values, np.zeros_like(values[:1])])
        out = 0.75 * (values[0::2] + values[1::2])
        out[:-1] += 0.25 * values[2::2]
        out[1:] += 0.25 * values[1:-1:2]
        values = np.moveaxis(out, 0, axis)
    return values


def solve_poisson(
    right: np.ndarray,
    inside: np.ndarray,
    start: np.ndarray,
    screen: float = 0.0,
    tolerance: float = 1e-5,
    most: int = 200,
) -> np.ndarray:
    """Solves (degree + screen) * u - (sum of the neighbours) = right within a mask; u = start beyond it.

    Args:
        right: float32 (H, W, C); only its values within the mask count.
        inside: bool (H, W), the mask.
        start: float32 (H, W, C): the given values beyond the mask, and a first guess within.
        screen: How strongly each value is held to 0; at least 0.
        tolerance: The largest residual, in pixel units, at which it ends.
        most: The largest number of steps.

    Returns:
        float32 (H, W, C).
    """
    grid = Grid(inside[..., None], screen)
    solution = start.astype(np.float32, copy=True)
    rest = np.where(grid.inside, right - (grid.degree * solution - neighbours(solution)), 0).astype(np.float32)
    direction, before = np.zeros_like(rest), np.ones(rest.shape[2])
    for _ in range(most):
        if not np.abs(rest).max(initial=0) > tolerance:
            break
        better = grid.cycle(rest)
        product = np.einsum('hwc,hwc->c', rest, better, dtype=np.float64)
        direction = better + (product / np.where(before == 0, 1, before)).astype(np.float32) * direction
        moved = grid.operator(direction)
        curvature = np.einsum('hwc,hwc->c', direction, moved, dtype=np.float64)
        stride = (product / np.where(curvature == 0, 1, curvature)).astype(np.float32)
        solution += stride * direction
        rest -= stride * moved
        before = product
    return solution
