"""Blends several pictures into the one nearest to a target: T has one row, the weights of the pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stylegen.compose.fitting import Named, fit, named, named_masks, product, shares_of_masks
from stylegen.compose.settings import BlendSettings, ComposeSettings
from stylegen.compose.transformation import Transformation
from stylegen.images.conversion import PictureLike, as_picture
from stylegen.images.pixels import resize
from stylegen.utils.settings import takes


@dataclass(frozen=True)
class Blend:
    """A blend.

    Attributes:
        image: float32 (H, W, 3) in [0, 1].
        transformation: T, with one column for each picture (and mask).
    """

    image: np.ndarray
    transformation: Transformation

    @property
    def weights(self) -> dict[str, float]:
        """The weight of each picture by name; of masks by 'mask:name'."""
        return self.transformation.named()['picture']


@takes(BlendSettings)
def blend(pictures: Named, target: PictureLike, *, masks: Named = (), settings: BlendSettings) -> Blend:
    """Blends pictures into the one nearest to a target or a sketch.

    Args:
        pictures: Several, or {name: picture}. The middle of each is cut to the target's aspect, and resized.
        target: A picture.
        masks: Regions with weights of their own, see `fit`.
        {settings}

    Example:
        found = blend(['a.jpg', 'b.jpg', 'c.jpg'], 'sketch.png')
        print(found.weights)
    """
    wanted = as_picture(target, 'target')
    shape = wanted.shape[:2]
    cut = {name: cover(as_picture(one, f'picture {name}'), shape) for name, one in named(pictures, 'picture').items()}
    layers = named_masks(masks)
    how = ComposeSettings(basis='pictures', **settings.recorded())
    found = fit(cut, wanted, masks=layers, settings=how)
    shares = shares_of_masks(layers, shape)
    image = product(found.matrix, found.recipe, list(cut.values()), list(shares.values()))
    return Blend(image, found)


def cover(picture: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Returns the largest middle part of the aspect of `shape`, resized to it."""
    height, width = picture.shape[:2]
    scale = min(height / shape[0], width / shape[1])
    rows, columns = max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))
    top, left = (height - rows) // 2, (width - columns) // 2
    return resize(picture[top : top + rows, left : left + columns], shape).clip(0, 1)
