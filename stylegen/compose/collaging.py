"""Puts parts of pictures into a scene without seams: in the gradient domain (Perez, Gangnet, Blake 2003)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stylegen.compose.blending import cover
from stylegen.compose.poisson import neighbours, solve_poisson
from stylegen.compose.settings import CollageSettings
from stylegen.images.conversion import PictureLike, as_mask, as_picture
from stylegen.images.pixels import resize
from stylegen.utils.errors import UserError
from stylegen.utils.settings import takes

_FAINT = 1 / 255  # below it a mask counts as 0


@dataclass(frozen=True)
class Part:
    """A picture that is put into a scene.

    Attributes:
        picture: Any picture.
        mask: White is taken; of the aspect of the picture, or where `at` is None of the scene. None: the whole picture.
        at: The place of its middle in the scene, as shares (x, y) of the scene's width and height. None: the picture
            covers the scene.
        width: Its width as a share of the scene's. None: its own pixels.
    """

    picture: Any
    mask: Any = None
    at: tuple[float, float] | None = None
    width: float | None = None


@takes(CollageSettings)
def collage(scene: PictureLike, parts: Sequence[Part | Any], *, settings: CollageSettings) -> np.ndarray:
    """Puts parts into a scene, one after the other; where masks overlap the later part lies above.

    Within its mask a part keeps its gradients, and takes the colours of what surrounds it at the border of the mask. So
    there is no seam. A soft mask then mixes the result into the scene. Where the masks are black the scene
    stays bit for bit.

    Args:
        scene: Any picture.
        parts: `Part`s, or pairs (picture, mask).
        {settings}

    Returns:
        float32 (H, W, 3) in [0, 1], of the size of the scene.

    Raises:
        UserError: A mask has another aspect, is black, or a part lies beside the scene.

    Example:
        image = collage('sea.jpg', [Part('boat.jpg', 'mask.png', at=(0.5, 0.6), width=0.3)])
    """
    made = as_picture(scene, 'scene').copy()
    if not len(parts):
        raise UserError('give at least one part')
    for number, part in enumerate(parts, 1):
        part = part if isinstance(part, Part) else Part(*part)
        picture, mask, box = placed(part, made.shape[:2], f'part {number}')
        made[box] = merged(made[box], picture, mask, settings.gradients)
    return made


def placed(part: Part, shape: tuple[int, int], name: str) -> tuple[np.ndarray, np.ndarray, tuple[slice, slice]]:
    """Returns the pixels of a part in the scene, its mask, and where they are: the box of the mask, and a pixel around.

    Raises:
        UserError: Nothing of it is to be seen.
    """
    pixels = as_picture(part.picture, name)
    if part.at is None:
        whole = cover(pixels, shape)
        mask = np.ones(shape, np.float32) if part.mask is None else as_mask(part.mask, f'mask of {name}', shape)
        top = left = 0
    else:
        size = pixels.shape[:2]
        mask = np.ones(size, np.float32) if part.mask is None else as_mask(part.mask, f'mask of {name}', size)
        scale = 1.0 if part.width is None else part.width * shape[1] / size[1]
        if not 0 < scale * max(size) <= 8 * max(shape):
            raise UserError(
                f'{name} would be {scale * size[1]:.0f} pixels wide; a width is above 0, and a share of the scene'
            )
        inner = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
        whole, mask = resize(pixels, inner).clip(0, 1), resize(mask, inner).clip(0, 1)
        top, left = (round(part.at[1] * shape[0] - inner[0] / 2), round(part.at[0] * shape[1] - inner[1] / 2))
    rows, columns = ((int(one.min()), int(one.max()) + 1) if len(one) else (0, 0) for one in np.nonzero(mask >= _FAINT))
    y = max(0, top + rows[0] - 1), min(shape[0], top + rows[1] + 1)
    x = max(0, left + columns[0] - 1), min(shape[1], left + columns[1] + 1)
    if rows[0] == rows[1] or y[0] >= y[1] or x[0] >= x[1]:
        raise UserError(f'nothing of {name} is to be seen: its mask is black, or it lies beside the scene')
    reach = [
        np.clip(np.arange(a, b) - at, 0, size - 1)
        for (a, b), at, size in ((y, top, len(mask)), (x, left, mask.shape[1]))
    ]
    taken = np.ix_(*reach)
    within = [
        (np.arange(a, b) >= at) & (np.arange(a, b) < at + size)
        for (a, b), at, size in ((y, top, len(mask)), (x, left, mask.shape[1]))
    ]
    shown = np.where(within[0][:, None] & within[1], mask[taken], 0)
    shown = np.where(shown < _FAINT, 0, shown).astype(np.float32)
    return whole[taken], shown, (slice(*y), slice(*x))


def merged(scene: np.ndarray, part: np.ndarray, mask: np.ndarray, gradients: str = 'part') -> np.ndarray:
    """Returns a scene with a part of the same size in it, float32 (H, W, 3) in [0, 1]; `mask` is (H, W)."""
    opacity = mask[..., None]
    if gradients != 'none':
        inside = mask > 0
        if inside.all():  # nothing surrounds it: the colours of the scene along the border of the picture
            inside = inside.copy()
            inside[[0, -1]] = inside[:, [0, -1]] = False
        part = np.where(inside[..., None], _seamless(scene, part, inside, gradients == 'mixed'), scene)
    return np.where(opacity > 0, opacity * part.clip(0, 1) + (1 - opacity) * scene, scene).astype(np.float32)


def _seamless(scene: np.ndarray, part: np.ndarray, inside: np.ndarray, mixed: bool) -> np.ndarray:
    """Returns the picture that has the scene's colours around `inside`, and within it the chosen gradients."""
    right = _divergence(part, scene if mixed else None)
    return solve_poisson(right, inside, np.where(inside[..., None], part, scene))


def _divergence(part: np.ndarray, other: np.ndarray | None) -> np.ndarray:
    """Returns at each pixel the sum of its differences to its neighbours; of two pictures the larger ones."""
    if other is None:
        degree = neighbours(np.ones_like(part[..., :1]))
        return degree * part - neighbours(part)
    right = np.zeros_like(part)
    for axis in (0, 1):
        one, two = np.diff(part, axis=axis), np.diff(other, axis=axis)
        stronger = np.where((np.square(one).sum(-1) >= np.square(two).sum(-1))[..., None], one, two)
        right += np.concatenate([np.zeros_like(part.take([0], axis)), stronger], axis)
        right -= np.concatenate([stronger, np.zeros_like(part.take([0], axis))], axis)
    return right
