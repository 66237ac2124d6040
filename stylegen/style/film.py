"""A film of the pictures on the way to a result: kept in a folder as they come, put together in the end."""

import contextlib
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from stylegen import images

FRAMES = 200  # at most, or a few more, with the last one held
FPS = 20
LONGEST = 512  # pixels, of a frame's side
HELD = 1.0  # seconds that the result is shown


class Film:
    """Frames of a run.

    Args:
        output: Where the film goes: GIF, WebP or MP4.
        folder: Where the frames are kept meanwhile, so that a run that goes on has those from before.
        steps: Of the whole run.
    """

    def __init__(self, output: Path, folder: Path, steps: int):
        self.output, self.folder = output, folder
        self.stride = max(1, -(-steps // FRAMES))
        self.last = 0

    def begin(self, number: int) -> None:
        """Forgets the frames that are kept from beyond step `number`, where the run begins."""
        for path in self._kept():
            if int(path.stem) > number:
                path.unlink()
        self.last = number

    def add(self, number: int, picture: Callable[[], np.ndarray]) -> None:
        """Keeps what `picture` gives, if it is time for one; otherwise it is not asked."""
        if number // self.stride > self.last // self.stride:
            self.folder.mkdir(parents=True, exist_ok=True)
            images.save_image(self.folder / f'{number:08}.png', self._small(picture()))
        self.last = number

    def save(self, result: np.ndarray, settings: dict[str, Any] | None) -> Path:
        """Writes the film, which ends with the result, and forgets the frames."""
        held = [self._small(result)] * max(1, round(FPS * HELD))
        frames = (images.load_image(path) for path in self._kept())
        path = images.save_animation(self.output, itertools.chain(frames, held), FPS, settings=settings)
        for frame in self._kept():
            frame.unlink()
        with contextlib.suppress(OSError):  # something else is in it
            self.folder.rmdir()
        return path

    def _kept(self) -> list[Path]:
        return sorted(path for path in self.folder.glob('*.png') if path.stem.isdecimal())

    @staticmethod
    def _small(picture: np.ndarray) -> np.ndarray:
        return np.clip(images.resize(picture, images.fit(picture.shape, min(LONGEST, max(picture.shape[:2])))), 0, 1)
