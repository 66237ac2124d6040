"""Strokes of another size in one pass: the network paints a smaller or a larger photo, and a second pass sharpens."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from stylegen import images

SECOND = 0.5  # strength of the second pass; more covers the large strokes with small ones
WHOLE = 1.5  # the scale from which the second pass counts in full; below, it comes in by and by
Paint = Callable[[np.ndarray, np.ndarray, np.ndarray | None], tuple[np.ndarray, np.ndarray]]


def paint_strokes(
    paint: Paint, norms_of: Callable[[np.ndarray], np.ndarray] | None, photo: np.ndarray, norms: np.ndarray,
    before: np.ndarray | None, scale: float,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Paints with strokes of another size. The method is our own.

    A network's strokes are as large in pixels for each photo. So it paints the photo at 1 / `scale` of its size, and
    the picture is brought to the size of the photo. That is soft where the strokes are enlarged; a second pass over it
    paints the enlarged strokes with sharp edges.

    Args:
        paint: Takes a photo, norms and the statistics before; gives the picture and its statistics, (norms,).
        norms_of: Gives the norms of a picture; None for a network that takes no paintings.
        photo: float32 (H, W, 3) in [0, 1].
        norms: Of the style.
        before: The statistics that this function gave for the frame before, or None.
        scale: Above 1 the strokes are larger, below 1 smaller.

    Returns:
        The picture, float32 (H, W, 3) in [0, 1], and the statistics for the next frame: (norms,), or three times that.
    """
    if scale == 1:
        return paint(photo, norms, before)
    earlier = None if before is None or not before.size else before.reshape(-1, norms.size)
    shape = photo.shape[:2]
    resized = images.resize(photo, tuple(max(1, round(side / scale)) for side in shape)).clip(0, 1)
    picture, found = paint(resized, norms, None if earlier is None else earlier[0])
    picture = images.resize(picture, shape).clip(0, 1)
    if scale < 1:
        return picture, found
    own = norms if norms_of is None else norms_of(picture) if earlier is None else earlier[2]
    second, then = paint(picture, SECOND * norms + (1 - SECOND) * own, None if earlier is None else earlier[1])
    share = min(1, (scale - 1) / (WHOLE - 1)) * (SECOND if norms_of is None else 1)
    return (1 - share) * picture + share * second, np.concatenate([found, then, own])
