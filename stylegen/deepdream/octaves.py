"""One picture's dream, octave by octave: the whole picture that an octave's picture makes, and what is reported."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stylegen import images
from stylegen.images import color as colors
from stylegen.optimize import pyramid

if TYPE_CHECKING:
    from stylegen.optimize.loop import Step


@dataclass(frozen=True)
class DreamStep:
    """What a callback is told after some steps of an octave.

    `image` is the octave's picture, float32 (h, w, 3); `picture()` makes the whole one of it, at full size.
    `work` and `all_work` count pixels times steps, for progress. `balance` is the factor of each term in this octave.
    """

    octave: int
    octaves: int
    step: int
    steps: int
    losses: Mapping[str, float]
    image: np.ndarray
    picture: Callable[[], np.ndarray]
    work: float
    all_work: float
    balance: np.ndarray


@dataclass(frozen=True)
class Start:
    """Where an interrupted dream goes on: the fields of the last `DreamStep` that was kept."""

    octave: int
    step: int
    image: np.ndarray
    balance: np.ndarray


@dataclass(frozen=True)
class PictureDream:
    """The dream on one picture, at one of its octaves.

    Args:
        image: As it is without a dream, float32 (H, W, 3).
        mask: How much of the dream shows, or None.
        sizes: (height, width) of every octave, the smallest first.
        steps: Of each octave.
        color: One of `stylegen.deepdream.dreamer.COLORS`.
        wrap: Whether the picture repeats.
        callback: Told of steps, or None.
        octave: Which of the sizes, from 0.
        base: The picture without a dream, at the octave's size.
        balance: The factor of each term in this octave.
    """

    image: np.ndarray
    mask: np.ndarray | None
    sizes: Sequence[tuple[int, int]]
    steps: int
    color: str
    wrap: bool
    callback: Callable[[DreamStep], None] | None
    octave: int
    base: np.ndarray
    balance: np.ndarray

    def finish(self, dreamt: np.ndarray) -> np.ndarray:
        """The colours that were asked for, and the mask."""
        out = {
            'free': lambda: dreamt,
            'luminance': lambda: colors.keep_chroma(dreamt, self.image),
            'match': lambda: colors.match_colors(dreamt, self.image),
        }[self.color]()
        if self.mask is not None:
            share = self.mask[..., None]
            out = np.where(share > 0, self.image + share * (out - self.image), self.image)
        return np.clip(out, 0, 1).astype(np.float32)

    def whole(self, octave_image: np.ndarray) -> np.ndarray:
        """The whole picture as it is when the octave's picture is this one."""
        detail = images.resize(octave_image - self.base, self.image.shape[:2], self.wrap)
        return self.finish(np.clip(self.image + detail, 0, 1))

    def report(self, step: Step) -> None:
        """Tells the callback of a step of the octave."""
        if self.callback is None:
            return
        pixels = np.asarray(step.image[0])
        work = self.steps * pyramid.total_pixels(self.sizes[: self.octave]) + step.step * pixels[..., 0].size
        self.callback(
            DreamStep(
                octave=self.octave,
                octaves=len(self.sizes),
                step=step.step,
                steps=self.steps,
                losses=dict(step.losses),
                image=pixels,
                picture=lambda: self.whole(pixels),
                work=work,
                all_work=self.steps * pyramid.total_pixels(self.sizes),
                balance=self.balance,
            )
        )
