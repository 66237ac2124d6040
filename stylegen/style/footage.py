"""Paints the frames of a clip so that what is painted holds on to what the frames show."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stylegen.images.conversion import PictureLike, as_mask, as_picture
from stylegen.images.flow import Motion, box_blur, motion, warp
from stylegen.style.areas import areas_of, masked
from stylegen.style.one_pass import OnePass, Scene
from stylegen.style.pass_settings import FootageSettings
from stylegen.utils.errors import UserError
from stylegen.utils.settings import takes

LIKE = 0.05, 0.15  # differences of a frame's pixel from the warped one before: up to here trusted, from there on not
DETAIL, AROUND = 7, 15  # pixels: what is finer is detail; the square that its strength is measured in
MOST_GAIN = 2.0  # that detail is enhanced by at most
PaintFunction = Callable[[np.ndarray, Scene | None], tuple[np.ndarray, Scene]]


@dataclass(frozen=True)
class PaintedFrame:
    """A frame of a clip that was painted.

    Attributes:
        index: Its number, from 0.
        frame: As it was, float32 (H, W, 3) in [0, 1].
        picture: As it is painted, of the same shape.
        carried: The moving average that the next frame goes on from: `picture` before its detail is restored.
        scene: What the next frame is painted with.
        cut: Whether the frame begins a scene. Then nothing is carried into it.
    """

    index: int
    frame: np.ndarray
    picture: np.ndarray
    carried: np.ndarray
    scene: Scene
    cut: bool


def confidence(moved: Motion, frame: np.ndarray) -> np.ndarray:
    """How much of the warped frame before a frame may keep, (H, W) in [0, 1].

    It is the trust in the flow, less where the warped frame has another colour: there the flow is wrong, or the light
    has changed.
    """
    least, most = LIKE
    apart = np.abs(moved.ground - frame).max(-1)
    return moved.trusted * np.clip((most - apart) / (most - least), 0, 1)


def restore_detail(averaged: np.ndarray, picture: np.ndarray) -> np.ndarray:
    """Gives an average of pictures as much fine detail as one of them has.

    Marks of the network that flicker are averaged away, and the rest is softer for being warped. What is left is
    steady, so that it can be enhanced: around each pixel, to the mean square that the detail of `picture` has there.

    Args:
        averaged: float32 (H, W, 3) in [0, 1].
        picture: Of the same shape.

    Returns:
        float32 (H, W, 3) in [0, 1].
    """
    detail, wanted = (each - box_blur(each, DETAIL) for each in (averaged, picture))
    power = [box_blur(np.square(each).mean(-1), AROUND) + 1e-5 for each in (wanted, detail)]
    gain = np.clip(np.sqrt(power[0] / power[1]), 1, MOST_GAIN)[..., None]
    return np.clip(averaged + (gain - 1) * detail, 0, 1)


def paint_footage(
    frames: Iterable[np.ndarray], paint: PaintFunction, *, blend: float, previous: PaintedFrame | None = None
) -> Iterator[PaintedFrame]:
    """Paints the frames of a clip.

    Each frame is painted by itself, with the statistics of the scene so far. Let p be that picture, w the painted frame
    before, warped to where its objects are now, and s = blend * `confidence`. The result is (1 - s) p + s w: on a still
    shot a moving average of what is painted; then with its detail restored. What comes into sight, and the first frame
    after a cut, is p.

    After Ruder, Dosovitskiy, Brox (2016), "Artistic style transfer for videos", whose warped frame is a term of an
    optimisation; here it is mixed into the picture.

    Args:
        frames: float32 (H, W, 3) in [0, 1], all of one size. They are read one by one.
        paint: Takes a frame and the `scene` of the frame before, None where a scene begins.
        blend: Share of the frame before, from 0 to below 1. 0 paints each frame by itself.
        previous: Where an interrupted run goes on: the last frame that it gave. `frames` begin after it.
    """
    for index, frame in enumerate(frames, 0 if previous is None else previous.index + 1):
        if previous is not None and np.array_equal(frame, previous.frame):  # as in a clip that repeats frames
            previous = dataclasses.replace(previous, index=index, cut=False)
            yield previous
            continue
        moved = motion(frame, previous.frame) if previous is not None and blend else None
        scene = None if previous is None or moved is None or moved.cut else previous.scene
        picture, scene = paint(frame, scene)
        carried = picture
        if previous is not None and moved is not None and not moved.cut:
            share = np.float32(blend) * confidence(moved, frame)[..., None]
            carried = np.clip((1 - share) * picture + share * warp(previous.carried, moved.flow), 0, 1)
            picture = restore_detail(carried, picture)
        cut = previous is None or (moved is not None and moved.cut)
        previous = PaintedFrame(index, frame, picture, carried, scene, cut)
        yield previous


@takes(FootageSettings)
def paint_clip(
    one_pass: OnePass,
    frames: Iterable[PictureLike],
    style: Any,
    *,
    regions: Sequence[tuple[PictureLike, Any]] = (),
    mask: PictureLike | None = None,
    settings: FootageSettings,
) -> Iterator[np.ndarray]:
    """Paints the frames of a clip one by one, see `paint_footage`.

    Args:
        one_pass: The network.
        frames: Pictures in any form, see `stylegen.images.conversion`, all of one size. They are read one by one.
        style, regions, mask: As for a call of `one_pass`.
        {settings}

    Yields:
        float32 (H, W, 3) in [0, 1] for each frame.

    Raises:
        UserError: A frame, style, mask or setting that cannot be; or, unless `blend` is 0, a frame below 8 pixels a
            side, or OpenCV is not installed.

    Example:
        clip = open_clip('sea.mp4')
        painted = paint_clip(OnePass.open(), clip.read(), 'starry_night')
        save_animation('painted.mp4', painted, clip.fps, sound=clip, times=clip.times)
    """
    pictures = _of_one_size(frames)
    first = next(pictures, None)
    if first is None:
        return
    shape = first.shape[:2]
    shown = None if mask is None else as_mask(mask, 'mask', shape)
    norms = [None if one is None else one_pass.norms_of(one) for one in (style, *(other for _, other in regions))]
    areas = areas_of(norms, [as_mask(one, 'mask of a region', shape) for one, _ in regions])

    def paint(frame: np.ndarray, scene: Scene | None) -> tuple[np.ndarray, Scene]:
        with one_pass.lock:
            return one_pass.paint_frame(frame, areas, settings, scene)

    for one in paint_footage(itertools.chain([first], pictures), paint, blend=settings.blend):
        yield masked(one.picture, one.frame, shown)


def _of_one_size(frames: Iterable[PictureLike]) -> Iterator[np.ndarray]:
    """The frames as float32 (H, W, 3) in [0, 1]; refuses one of another size than the first."""
    shape = None
    for number, frame in enumerate(frames):
        picture = as_picture(frame, f'frame {number}')
        shape = shape or picture.shape
        if picture.shape != shape:
            height, width = picture.shape[:2]
            raise UserError(
                f'frame {number} is {width} x {height} and the first {shape[1]} x {shape[0]}; give frames of one size'
            )
        yield picture
