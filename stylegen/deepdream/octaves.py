"""One octave of a dream: the full-size picture that its picture gives, and the report to the callback."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stylegen import images
from stylegen.images import color as colors
from stylegen.optimize import pyramid

if TYPE_CHECKING:
    from stylegen.deepdream.settings import DreamSettings
    from stylegen.optimize.loop import Step


@dataclass(frozen=True)
class DreamStep:
    """What a callback gets after some steps of an octave.

    Attributes:
        octave, octaves: The number of the octave, from 0, and how many there are.
        step, steps: How many steps of the octave are done, and how many there are.
        losses: The weighted losses before the last step, by term.
        image: The octave's picture, float32 (h, w, 3).
        picture: Gives the picture at full size, float32 (H, W, 3) in [0, 1], as it would be if the dream ended now.
        work, all_work: Pixels times steps, done and in all.
        term_factors: The factor of each term in this octave.
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
    term_factors: np.ndarray


@dataclass(frozen=True)
class Start:
    """Where an interrupted dream goes on: fields of its last `DreamStep`."""

    octave: int
    step: int
    image: np.ndarray
    term_factors: np.ndarray


@dataclass(frozen=True)
class OctaveDream:
    """The dream on one picture, at one of its octaves.

    Args:
        image: The picture without a dream, float32 (H, W, 3).
        mask: How much of the dream shows, or None.
        sizes: (height, width) of every octave, the smallest first.
        settings: How the picture is dreamt on.
        callback: Gets a `DreamStep`, or None.
        number: The number of the octave, from 0.
        base: The picture without a dream, at the octave's size.
        term_factors: The factor of each term in this octave.
    """

    image: np.ndarray
    mask: np.ndarray | None
    sizes: Sequence[tuple[int, int]]
    settings: DreamSettings
    callback: Callable[[DreamStep], None] | None
    number: int
    base: np.ndarray
    term_factors: np.ndarray

    def finish(self, picture: np.ndarray) -> np.ndarray:
        """Applies the settings' colours and the mask to a dream at full size."""
        out = {
            'free': lambda: picture,
            'luminance': lambda: colors.keep_chroma(picture, self.image),
            'match': lambda: colors.match_colors(picture, self.image),
        }[self.settings.color]()
        if self.mask is not None:
            share = self.mask[..., None]
            out = np.where(share > 0, self.image + share * (out - self.image), self.image)
        return np.clip(out, 0, 1).astype(np.float32)

    def full_size(self, octave_image: np.ndarray) -> np.ndarray:
        """The picture at full size that the octave's picture gives."""
        detail = images.resize(octave_image - self.base, self.image.shape[:2], self.settings.wrap)
        return self.finish(np.clip(self.image + detail, 0, 1))

    def report(self, step: Step) -> None:
        """Reports a step of the octave to the callback."""
        if self.callback is None:
            return
        pixels = np.asarray(step.image[0])
        steps = self.settings.steps
        work = steps * pyramid.total_pixels(self.sizes[: self.number]) + step.step * pixels[..., 0].size
        self.callback(
            DreamStep(
                octave=self.number,
                octaves=len(self.sizes),
                step=step.step,
                steps=steps,
                losses=dict(step.losses),
                image=pixels,
                picture=lambda: self.full_size(pixels),
                work=work,
                all_work=steps * pyramid.total_pixels(self.sizes),
                term_factors=self.term_factors,
            )
        )
