"""The statistics of the normalizations of a one-pass network, and what a style does with them. Without TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

EPSILON = 1e-3  # added to a variance, so that a flat area does not become an outlier
PALETTE = 6  # numbers of a palette
GAINS = 0.5, 2.0  # least and largest factor of a picture's contrast, so that no grain of a flat one is enlarged


def norm_sizes(width: int, blocks: int) -> dict[str, int]:
    """The channels that each normalisation of `transform_network` has, by the name of its convolution."""
    names = [f'block{number}_{part}' for number in range(blocks) for part in 'ab']
    return {'begin': width // 2, 'down': width, **dict.fromkeys(names, width), 'up1': width // 2, 'up2': width // 4}


def count_norms(width: int, blocks: int) -> int:
    """How many numbers the norms of a style are."""
    return 2 * sum(norm_sizes(width, blocks).values())


def palette_of(picture: np.ndarray) -> np.ndarray:
    """The mean and the deviation of each channel of a picture (H, W, 3), float32 (6,)."""
    pixels = picture.reshape(-1, 3)
    return np.concatenate([pixels.mean(0, dtype=np.float64), pixels.std(0, dtype=np.float64)]).astype(np.float32)


def with_palette(picture: np.ndarray, own: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """A picture (H, W, 3) with the means and deviations of `palette` in place of its own, both of `palette_of`.

    The network paints with less contrast than a painting has: of what it cannot know it paints the mean.
    """
    gain = np.clip(palette[3:] / np.maximum(own[3:], 1e-6), *GAINS).astype(np.float32)
    return picture * gain + (palette[:3] - gain * own[:3]).astype(np.float32)


def split_norms(norms: np.ndarray, width: int, blocks: int) -> dict[str, np.ndarray]:
    """What each normalization multiplies and adds, (2 C,), by the name of its convolution, of (norms,)."""
    sizes = norm_sizes(width, blocks)
    ends = np.cumsum([2 * size for size in sizes.values()])[:-1]
    return dict(zip(sizes, np.split(norms, ends, axis=-1), strict=True))


class SmoothedStatistics:
    """The statistics of normalizations, mixed with those of the frame before.

    Args:
        before: Mean and variance of each normalization in the frame before, (2 C,), by the name of its convolution.
        share: Of the frame before, 0 to 1.

    Attributes:
        found: What was taken for this frame, as `before`, each as a pair.
    """

    def __init__(self, before: Mapping[str, Any], share: Any):
        self.before, self.share = before, share
        self.found: dict[str, tuple[Any, Any]] = {}

    def __call__(self, name: str, mean: Any, variance: Any) -> tuple[Any, Any]:
        """The mean and the variance to normalise with, (..., C) each."""
        known, channels = self.before[name], mean.shape[-1]
        mean = self.share * known[:channels] + (1 - self.share) * mean
        variance = self.share * known[channels:] + (1 - self.share) * variance
        self.found[name] = mean, variance
        return mean, variance
