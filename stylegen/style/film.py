"""A film of a transfer: frames are kept in a folder as they come, and become a film in the end."""

import contextlib
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from stylegen import images
from stylegen.images.pixels import on_white

FRAMES = 200  # about as many as a film has at most
FPS = 20
LONGEST = 512  # pixels, of a frame's side
RESULT_SECONDS = 1.0  # that the result is shown


class Film:
    """Frames of a run.

    Args:
        output: Where the film goes: GIF, WebP or MP4.
        folder: Where the frames are kept meanwhile. A run that goes on finds those of the run before.
        steps: How many the whole run has.
        alpha: How opaque the result is, (H, W) in [0, 1], of its aspect. A film lacks transparency, and shows white.
    """

    def __init__(self, output: Path, folder: Path, steps: int, alpha: np.ndarray | None = None):
        self.output, self.folder, self.alpha = output, folder, alpha
        self.stride = max(1, -(-steps // FRAMES))
        self.last = 0

    def begin(self, number: int) -> None:
        """Begins at step `number`: removes the frames of later steps, which an earlier run kept."""
        for path in self._kept():
            if int(path.stem) > number:
                path.unlink()
        self.last = number

    def add(self, number: int, picture: Callable[[], np.ndarray]) -> None:
        """Keeps the picture of step `number`, if a frame is due. Otherwise `picture` is not called: it takes time."""
        if number // self.stride > self.last // self.stride:
            self.folder.mkdir(parents=True, exist_ok=True)
            images.save_image(self.folder / f'{number:08}.png', self._small(picture()))
        self.last = number

    def save(self, result: np.ndarray, settings: dict[str, Any] | None) -> Path:
        """Writes the film, which ends with the result, and removes the frames."""
        held = [self._small(result)] * max(1, round(FPS * RESULT_SECONDS))
        frames = (images.load_image(path) for path in self._kept())
        path = images.save_animation(self.output, itertools.chain(frames, held), FPS, settings=settings)
        for frame in self._kept():
            frame.unlink()
        with contextlib.suppress(OSError):  # something else is in it
            self.folder.rmdir()
        return path

    def _kept(self) -> list[Path]:
        """The files of the frames, in order."""
        return sorted(path for path in self.folder.glob('*.png') if path.stem.isdecimal())

    def _small(self, picture: np.ndarray) -> np.ndarray:
        """The picture at the size of a frame, on white where it is transparent."""
        shape = images.fit(picture.shape, min(LONGEST, max(picture.shape[:2])))
        small = np.clip(images.resize(picture, shape), 0, 1)
        return small if self.alpha is None else on_white(small, np.clip(images.resize(self.alpha, shape), 0, 1))
