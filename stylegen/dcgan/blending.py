"""Insert a part of one picture into another without a visible seam."""

import numpy as np


def weights_near(hole: np.ndarray, window: int = 7) -> np.ndarray:
    """Returns the weight of each known pixel, float32 (H, W): the share of its neighbours that are in the hole.

    Yeh et al. 2017, "Semantic Image Inpainting with Deep Generative Models": the weights of their context loss.

    Args:
        hole: bool (H, W).
        window: Odd side of the square of neighbours.
    """
    reach = window // 2
    padded = np.pad(hole.astype(np.float32), reach)
    inside = np.pad(np.ones(hole.shape, np.float32), reach)
    sums = (np.lib.stride_tricks.sliding_window_view(a, (window, window)).sum((2, 3)) for a in (padded, inside))
    count, area = sums
    return np.where(hole, 0, count / area).astype(np.float32)


def blended(target: np.ndarray, found: np.ndarray, hole: np.ndarray, tolerance: float = 1e-4) -> np.ndarray:
    """Fills the hole of the target from another picture: its gradients stay, its borders adapt to the target.

    Pérez et al. 2003, "Poisson Image Editing", which Yeh et al. 2017 end with: what is added to
    `found` within the hole is harmonic there, and makes up its difference from the target at the border. Solved by
    over-relaxation over the two colours of a chequerboard.

    Args:
        target: float32 (H, W, C) in [0, 1]; it stays to the last bit where there is no hole.
        found: The other picture, of the same shape and range.
        hole: bool (H, W), true where the hole is; it does not cover everything.
        tolerance: The iteration ends when no value changes by more.

    Returns:
        float32 (H, W, C) in [0, 1].
    """
    difference = np.where(hole[..., None], 0, target - found).astype(np.float64)
    neighbours = np.pad(np.ones(hole.shape), 1)
    count = _around(neighbours[..., None])
    colour = np.indices(hole.shape).sum(0) % 2
    for _ in range(20 * max(hole.shape)):
        before = difference.copy()
        for parity in (0, 1):
            cells = hole & (colour == parity)
            mean = _around(np.pad(difference, ((1, 1), (1, 1), (0, 0)))) / count
            difference[cells] += 1.7 * (mean - difference)[cells]
        if np.abs(difference - before).max(initial=0) < tolerance:
            break
    filled = np.clip(found + difference, 0, 1).astype(np.float32)
    return np.where(hole[..., None], filled, target)


def _around(padded: np.ndarray) -> np.ndarray:
    """Returns the sum of the four neighbours of each pixel; the array has a border of one pixel."""
    return padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
