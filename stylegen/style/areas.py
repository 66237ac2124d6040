"""The areas of a picture that is painted in one pass, each with what it is painted with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Area = tuple[np.ndarray | None, np.ndarray | None]  # a mask (H, W), None: everywhere; norms, None: the photo stays


def areas_of(norms: Sequence[np.ndarray | None], masks: Sequence[np.ndarray]) -> list[Area]:
    """The areas of a picture: what is in no mask, and each mask, with its norms. Their shares add up to 1.

    Args:
        norms: Of the rest, and of each region; None: the photo stays.
        masks: (H, W) of each region, in [0, 1].
    """
    if not masks:
        return [(None, norms[0])]
    total = np.maximum(1, sum(masks))
    return list(zip([np.clip(1 - sum(masks), 0, 1), *(mask / total for mask in masks)], norms, strict=True))


def masked(painted: np.ndarray, photo: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """What is painted where a mask (H, W) is 1, the photo where it is 0."""
    return painted if mask is None else (1 - mask[..., None]) * photo + mask[..., None] * painted
