"""Pictures of style with their shares: checks, and the moments of their colours."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from stylegen.utils.errors import UserError

Styles = Sequence[tuple[np.ndarray, float]]  # pictures float32 (h, w, 3) in [0, 1] with their shares


def check_style(name: str, size: tuple[int, ...], smallest: int) -> None:
    """Refuses a style of a (height, width) that is too small for the network.

    Raises:
        UserError: With its name.
    """
    if min(size) < smallest:
        raise UserError(f'{name} is {size[1]} x {size[0]}, it needs {smallest} pixels a side; enlarge it first')


def check_shares(shares: Sequence[float]) -> None:
    """Refuses shares below 0 or not finite, and shares whose sum is 0 or not finite.

    Raises:
        UserError: With what is expected.
    """
    if not all(share >= 0 for share in shares) or not 0 < sum(shares) < math.inf:
        raise UserError('expected shares of styles from 0, and one above 0, with a finite sum')


def check_styles(groups: Sequence[Styles], smallest: int) -> None:
    """Refuses styles that are too small for the network, shares that cannot be, and no style at all.

    Args:
        groups: The styles of each region; an empty group has none.
        smallest: The network's least side in pixels.

    Raises:
        UserError: With what was expected and what came.
    """
    for number, (picture, _) in enumerate((pair for group in groups for pair in group), 1):
        check_style(f'style {number}', picture.shape[:2], smallest)
    for group in groups:
        if group:
            check_shares([share for _, share in group])
    if not any(groups):
        raise UserError('expected at least one style')


def color_moments(styles: Styles) -> tuple[np.ndarray, np.ndarray]:
    """The mean (3,) and the covariance (3, 3) of the colours of pictures that hang side by side in their shares."""
    total = sum(share for _, share in styles)
    colors = [(picture.reshape(-1, 3).astype(np.float64), share / total) for picture, share in styles]
    mean = sum(share * each.mean(0) for each, share in colors)
    return mean, sum(share * (each - mean).T @ (each - mean) / len(each) for each, share in colors)
