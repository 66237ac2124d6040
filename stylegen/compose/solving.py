"""Least squares for T: streamed moments in float64, the closed form with a ridge, and active sets for constraints."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from stylegen.utils.errors import UserError

DEPENDENT = 1e-12  # an eigenvalue of the scaled moments below this counts as 0
_MARGIN = 1e-12  # by how much a multiplier must be above 0


@dataclass(frozen=True)
class Moments:
    """What the least squares need of X and Y: their means over all pixels, float64.

    Attributes:
        xx: (K, K), the mean of X X^T.
        yx: (R, K), the mean of Y X^T.
        yy: (R,), the mean of the squares of Y.
    """

    xx: np.ndarray
    yx: np.ndarray
    yy: np.ndarray

    def errors(self, matrix: np.ndarray) -> np.ndarray:
        """The mean squared error of each row of T, (R,)."""
        fitted = ((matrix @ self.xx) * matrix).sum(1)
        return np.maximum(fitted - 2 * (matrix * self.yx).sum(1) + self.yy, 0)


@dataclass(frozen=True)
class Solution:
    """A matrix that was found.

    Attributes:
        matrix: T, float64 (R, K).
        rank: How many elements are linearly independent.
        error: The root mean square of T X - Y, in pixel units.
        losses: Pairs of a step and the loss after it, of gradient descent; otherwise empty.
    """

    matrix: np.ndarray
    rank: int
    error: float
    losses: tuple[tuple[int, float], ...] = ()


def mean_moments(pairs: Iterable[tuple[np.ndarray, ...]]) -> Moments:
    """Returns the moments of (X, Y) or (X, Y, weights), some pixels after the other.

    Args:
        pairs: X (K, n), Y (R, n), and optionally weights (n,), at least 0.

    Raises:
        UserError: There are no pixels, or a value is not finite.
    """
    xx, yx, yy, total = 0.0, 0.0, 0.0, 0.0
    for x, y, *rest in pairs:
        x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
        weights = rest[0] if rest else None
        scaled = x if weights is None else x * weights
        xx, yx = xx + scaled @ x.T, yx + y @ scaled.T
        yy = yy + (np.square(y) if weights is None else np.square(y) * weights).sum(1)
        total += x.shape[1] if weights is None else float(np.sum(weights))
    if not total or not (np.isfinite(xx).all() and np.isfinite(yx).all() and np.isfinite(yy).all()):
        raise UserError('the elements and the target need at least one pixel, and numbers that are finite')
    return Moments(np.asarray(xx) / total, np.asarray(yx) / total, np.asarray(yy) / total)


def rank_of(xx: np.ndarray) -> int:
    """Returns how many elements are linearly independent, given the mean of X X^T."""
    scale = _scale(xx)
    return int((np.linalg.eigvalsh(xx * scale * scale[:, None]) > DEPENDENT * len(xx)).sum())


def _scale(xx: np.ndarray) -> np.ndarray:
    """Returns what each element is multiplied by to have the mean square 1; 0 for an element of zeros."""
    root = np.sqrt(np.maximum(np.diag(xx), 0))
    return np.divide(1, root, out=np.zeros_like(root), where=root > 0)


def least_squares(moments: Moments, ridge: float = 0.0, constraint: str = 'none', groups: int = 1) -> Solution:
    """Finds T in float64: the minimum of the mean of |T X - Y|^2 + ridge * |T|^2.

    Args:
        moments: The moments of X and Y.
        ridge: The weight of |T|^2, at least 0.
        constraint: 'none': the closed form; of many minima the one with the least |T|^2. 'nonnegative': the active set
            of Lawson and Hanson (1974, "Solving least squares problems", chapter 23). 'convex': the same with sums
            that are fixed at 1.
        groups: Of 'convex': into how many equal groups the elements of a row fall, each with the sum 1: one for each
            mask.
    """
    count = len(moments.xx)
    if constraint == 'none':
        matrix = _closed_form(moments, ridge)
    else:
        quadratic = moments.xx + ridge * np.eye(count)
        sums = group_sums(count, groups) if constraint == 'convex' else np.zeros((0, count))
        matrix = np.stack([_active_set(quadratic, row, sums) for row in moments.yx])
    return Solution(matrix, rank_of(moments.xx), float(np.sqrt(moments.errors(matrix).mean())))


def _closed_form(moments: Moments, ridge: float) -> np.ndarray:
    quadratic = moments.xx + ridge * np.eye(len(moments.xx))
    scale = _scale(quadratic)
    values, vectors = np.linalg.eigh(quadratic * scale * scale[:, None])
    kept = values > DEPENDENT * len(values)
    directions = vectors[:, kept] / np.sqrt(values[kept])
    matrix = (moments.yx * scale) @ directions @ directions.T * scale
    if kept.all():
        return matrix
    free = np.concatenate([scale[:, None] * vectors[:, ~kept], np.eye(len(scale))[:, scale == 0]], axis=1)
    basis, triangle = np.linalg.qr(free)
    basis = basis[:, np.abs(np.diag(triangle)) > 1e-9]  # directions in which T changes nothing
    return matrix - matrix @ basis @ basis.T


def group_sums(count: int, groups: int) -> np.ndarray:
    """Returns the matrix that sums each of some equal groups of elements, float64 (groups, count)."""
    return np.repeat(np.eye(groups), count // groups, axis=1)


def _active_set(quadratic: np.ndarray, linear: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """Returns the minimum of t Q t / 2 - c t with t >= 0 and sums @ t = 1."""
    count = len(linear)
    t, passive = np.zeros(count), np.zeros(count, bool)
    for group in sums.astype(bool):
        members = np.flatnonzero(group)
        best = members[int(np.argmin((np.diag(quadratic) / 2 - linear)[members]))]
        t[best], passive[best] = 1.0, True
    margin = _MARGIN * max(1.0, float(np.abs(linear).max()), float(np.abs(quadratic).max()))
    for _ in range(10 * count + 10):
        pull = linear - quadratic @ t
        levels = (sums * passive) @ pull / np.maximum((sums * passive).sum(1), 1)
        rest = np.where(passive, -np.inf, pull - levels @ sums)
        best = int(np.argmax(rest))
        if rest[best] <= margin:
            break
        passive[best] = True
        while True:
            wanted = _minimum_within(quadratic, linear, passive, sums)
            below = passive & (wanted <= 0)
            if not below.any():
                t = wanted
                break
            stride = float(np.min(t[below] / np.maximum(t[below] - wanted[below], 1e-300)))
            t = t + min(1.0, stride) * (wanted - t)
            passive &= t > 1e-14
            t[~passive] = 0
            if not passive[best]:
                break
    return t / np.maximum(t @ sums.T @ sums, 1e-300) if len(sums) else t


def _minimum_within(quadratic: np.ndarray, linear: np.ndarray, passive: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """Returns the minimum in which only the passive entries differ from 0."""
    chosen = np.flatnonzero(passive)
    system, right, fixed = quadratic[np.ix_(chosen, chosen)], linear[chosen], sums[:, chosen]
    if len(sums):
        system = np.block([[system, fixed.T], [fixed, np.zeros((len(sums), len(sums)))]])
        right = np.append(right, np.ones(len(sums)))
    found = np.zeros(len(linear))
    found[chosen] = np.linalg.lstsq(system, right, rcond=1e-13)[0][: len(chosen)]
    return found
