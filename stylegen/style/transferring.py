"""Neural style transfer by optimisation: paints the content of one picture in the style of others.

Gatys, Ecker, Bethge (2016), "Image style transfer using convolutional neural networks". TensorFlow is imported when a
transfer begins, so that `--help` need not wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from stylegen.images.conversion import PictureLike, StylesLike
from stylegen.style.settings import StyleSettings
from stylegen.style.steps import Start, StyleStep
from stylegen.style.stylizer import Stylizer
from stylegen.utils.settings import takes


@takes(StyleSettings)
def transfer(
    content: PictureLike,
    style: StylesLike,
    *,
    regions: Sequence[tuple[PictureLike, StylesLike]] = (),
    mask: PictureLike | None = None,
    seed: int = 0,
    start: Start | None = None,
    callback: Callable[[StyleStep], None] | None = None,
    settings: StyleSettings,
) -> np.ndarray:
    """Paints the content of one picture in the style of others.

    Args:
        content: A path, a PIL picture, an array or a tensor; of bytes or of floats in [0, 1], see
            `stylegen.images.conversion`.
        style: A picture too, of any size and shape, or several as [picture, ...] or [(picture, share), ...]: their
            statistics are mixed in these shares, as if the pictures hung side by side.
        regions: Masks, as `mask`, each with styles of its own, as `style`, or none ([]): [(mask, style), ...].
            `style` is for the rest.
        mask: A grey picture, floats (H, W) in [0, 1] or booleans: how much of the result shows. Where it is 0 the
            content stays, bit for bit.
        seed: Of noise. The same seed gives the same picture on the same machine.
        start: Where an interrupted run goes on. The run then ends as if it had not been interrupted.
        callback: Is called with a `StyleStep` about twice a second.
        {settings}

    `stylegen.style.StyleSettings` says more of each setting.

    Returns:
        float32 (H, W, 3) in [0, 1].

    Raises:
        UserError: A setting that cannot be, with what can.
        stylegen.optimize.NonFiniteLoss: A loss overflowed; its `picture` is the last good one.

    Example:
        painted = transfer('photo.jpg', 'painting.jpg', network='small_vgg', strength=0.6)
        mixed = transfer('photo.jpg', [('painting.jpg', 0.7), ('other.jpg', 0.3)], color='luminance')
    """
    stylizer = Stylizer(settings=settings, regions=len(regions))
    return stylizer(content, style, regions=regions, mask=mask, seed=seed, start=start, callback=callback)
