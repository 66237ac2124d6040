"""The picture of one pass that the optimisation begins with: `init='one_pass'`."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from stylegen.style.areas import areas_of
from stylegen.style.one_pass import OnePass
from stylegen.style.pass_settings import PassSettings
from stylegen.style.styles import Styles


@functools.lru_cache(maxsize=1)
def open_shipped(max_memory: str | float) -> OnePass:
    """The network that ships. It is opened once for many pictures."""
    return OnePass.open(max_memory=max_memory)


def one_pass_picture(
    content: np.ndarray, styles: Sequence[Styles], masks: Sequence[np.ndarray], strength: float, max_memory: str | float
) -> np.ndarray:
    """What the network that ships makes of a content.

    Args:
        content: float32 (H, W, 3) in [0, 1].
        styles: Of the whole picture; or of the rest, and of each region. Where there are none the content stays.
        masks: (H, W) of each region.
        strength: Of the optimisation, 0 to 1; from its middle on, the network paints at its own full strength.
        max_memory: A picture that takes more is painted by strips.

    Returns:
        float32 (H, W, 3) in [0, 1].
    """
    one_pass, settings = open_shipped(max_memory), PassSettings(strength=min(1.0, 2 * strength))
    with one_pass.lock:  # stylizers in other threads have the same network
        areas = areas_of([one_pass.norms_of(list(group)) if group else None for group in styles], masks)
        return one_pass.paint_frame(content, areas, settings)[0]
