"""Paints the frames of a clip so that what is painted holds on to what the frames show."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from stylegen.images.flow import Motion, motion, warp
from stylegen.style.one_pass import Scene

LIKE = 0.05, 0.15  # differences of a frame's pixel from the warped one before: up to here trusted, from there on not
PaintFunction = Callable[[np.ndarray, Scene | None], tuple[np.ndarray, Scene]]


@dataclass(frozen=True)
class PaintedFrame:
    """A frame of a clip that was painted.

    Attributes:
        index: Its number, from 0.
        frame: As it was, float32 (H, W, 3) in [0, 1].
        picture: As it is painted, of the same shape.
        scene: What the next frame is painted with.
        cut: Whether the frame begins a scene. Then nothing is carried into it.
    """

    index: int
    frame: np.ndarray
    picture: np.ndarray
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


def paint_footage(
    frames: Iterable[np.ndarray], paint: PaintFunction, *, blend: float, previous: PaintedFrame | None = None
) -> Iterator[PaintedFrame]:
    """Paints the frames of a clip.

    Each frame is painted by itself, with the statistics of the scene so far. Let p be that picture, w the painted frame
    before, warped to where its objects are now, and s = blend * `confidence`. The result is (1 - s) p + s w: on a still
    shot a moving average of what is painted. What comes into sight, and the first frame after a cut, is p.

    After Ruder, Dosovitskiy, Brox (2016), "Artistic style transfer for videos", whose warped frame is a term of an
    optimisation; here it is mixed into the picture.

    Args:
        frames: float32 (H, W, 3) in [0, 1], all of one size. They are read one by one.
        paint: Takes a frame and the `scene` of the frame before, None where a scene begins.
        blend: Share of the frame before, from 0 to below 1.
        previous: Where an interrupted run goes on: the last frame that it gave. `frames` begin after it.
    """
    for index, frame in enumerate(frames, 0 if previous is None else previous.index + 1):
        if previous is None:
            picture, scene, cut = *paint(frame, None), True
        elif np.array_equal(frame, previous.frame):  # repeated, as in a clip whose rate varies
            picture, scene, cut = previous.picture, previous.scene, False
        else:
            moved = motion(frame, previous.frame)
            picture, scene = paint(frame, None if moved.cut else previous.scene)
            share = np.float32(blend) * confidence(moved, frame)[..., None]
            picture = np.clip((1 - share) * picture + share * warp(previous.picture, moved.flow), 0, 1)
            cut = moved.cut
        previous = PaintedFrame(index, frame, picture, scene, cut)
        yield previous
