"""DeepDream: change a picture so that layers of a network become more active, from coarse to fine.

Mordvintsev, Olah, Tyka (2015), "Inceptionism: Going deeper into neural networks", and the code published with it.
Importing this module does not import TensorFlow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from stylegen.deepdream.dreamer import Dreamer
from stylegen.deepdream.octaves import DreamStep, Start
from stylegen.deepdream.settings import DreamSettings
from stylegen.images.conversion import PictureLike
from stylegen.runs.layer_weights import WeightsLike
from stylegen.utils.settings import takes


@takes(DreamSettings)
def dream(
    image: PictureLike,
    *,
    guides: PictureLike | Sequence[PictureLike] = (),
    regions: Sequence[tuple[PictureLike, WeightsLike]] = (),
    mask: PictureLike | None = None,
    start: Start | None = None,
    callback: Callable[[DreamStep], None] | None = None,
    settings: DreamSettings,
) -> np.ndarray:
    """Dreams on a picture. For several pictures a `Dreamer` is faster.

    Example:
        from stylegen import images
        from stylegen.deepdream import dream

        images.save_image('dream.png', dream('photo.jpg', network='mini', layers={'block4_conv3': 1.0}))

    Args:
        image: A path, a PIL picture, an array or a tensor, of bytes or of floats in [0, 1], see
            `stylegen.images.conversion`.
        guides: One picture or several, of any size. The dream looks for their contents in the picture (best match).
        regions: Pairs of a mask and weights by layer. These layers act where the mask is white, `layers` act elsewhere.
        mask: A grey picture, floats (H, W) in [0, 1] or booleans: how much of the dream shows. Where it is 0 the
            picture stays, bit for bit.
        start: Where an interrupted dream goes on. It then ends as if it had not been interrupted.
        callback: Called with a `DreamStep` about twice a second.
        {settings}

    `stylegen.deepdream.DreamSettings` says more about the settings. The same seed gives the same picture on the same
    machine.

    Returns:
        float32 (H, W, 3) in [0, 1].

    Raises:
        UserError: A setting that cannot be, with what can.
        stylegen.optimize.NonFiniteLoss: A loss overflowed. Its `picture` is the last good one, at full size.
    """
    dreamer = Dreamer(guides=guides, regions=[layers for _, layers in regions], settings=settings)
    masks = [region for region, _ in regions]
    return dreamer(image, mask=mask, regions=masks, start=start, callback=callback)


def open_dreamer(**settings: Any) -> tuple[Dreamer, str]:
    """A `Dreamer` and its `network_note`: the former name of that class."""
    dreamer = Dreamer(**settings)
    return dreamer, dreamer.network_note
