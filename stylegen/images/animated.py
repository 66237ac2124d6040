"""Reads pictures of several frames or pages: counts them, and reads an animation like a clip."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from stylegen.images.decoding import opened, to_upright
from stylegen.images.pixels import on_white
from stylegen.utils.errors import UserError
from stylegen.utils.files import quoted, read_bytes

ANIMATED = (
    'GIF',
    'WEBP',
    'PNG',
    'AVIF',
)  # Pillow's animated formats; the further pictures of a JPEG are copies
PAGED = ('TIFF',)
SUFFIXES = ('.gif', '.webp', '.png', '.apng', '.avif')
EVEN = 0.0101  # seconds that durations differ by at a constant rate: a GIF counts hundredths
MIN_DURATION, DEFAULT_DURATION = 0.011, 0.1  # seconds; browsers replace durations of 0.01 or less by 0.1


def count_frames(image: Image.Image) -> int:
    """Returns the number of frames or pages of an open picture."""
    if image.format not in (*ANIMATED, *PAGED):
        return 1
    with contextlib.suppress(Exception):  # a damaged later frame does not matter for the first
        return int(getattr(image, 'n_frames', 1))
    return 1


def first_only(path: str | os.PathLike[str], hint: str = '') -> str | None:
    """Returns a line that says that only the first frame or page is used; None if the picture has only one.

    Args:
        path: The picture.
        hint: How to use all frames of an animation.
    """
    with contextlib.suppress(UserError), opened(read_bytes(path), path) as image:
        count = count_frames(image)
        if count > 1:
            what, hint = ('pages', '') if image.format in PAGED else ('frames', hint)
            return f'{quoted(path)} has {count} {what}; only the first one is used' + (f'; {hint}' if hint else '')
    return None


def is_animated(path: str | os.PathLike[str]) -> bool:
    """Returns whether a file is an animated picture."""
    if Path(path).suffix.lower() not in SUFFIXES:
        return False
    with contextlib.suppress(UserError), opened(read_bytes(path), path) as image:
        return image.format in ANIMATED and count_frames(image) > 1
    return False


@dataclass(frozen=True)
class Animation:
    """An animated picture, read like a `stylegen.images.video.Clip`.

    Attributes:
        path: The path as given.
        width, height: Of the frames, in pixels.
        fps: Frames per second, on the whole.
        frames: The number of frames.
        first: The number in the file of the first frame.
        times: Seconds from the beginning at which each frame is shown, and the end; None: at a constant rate.
        loop: How many times it is played; 0 is endless.
        sound: Always None.
    """

    path: str
    width: int
    height: int
    fps: float
    frames: int
    first: int
    times: tuple[float, ...] | None
    loop: int = 0
    sound: None = None

    def read(self, first: int = 0) -> Iterator[np.ndarray]:
        """Yields the frames from number `first` on: float32 HxWx3 in [0, 1], with transparency on white.

        Raises:
            UserError: The file cannot be read to its end.
        """
        with opened(read_bytes(self.path), self.path) as image:
            for number in range(first, self.frames):
                image.seek(self.first + number)
                yield _on_white(image)


def open_animation(path: str | os.PathLike[str]) -> Animation:
    """Opens an animated GIF, WebP, PNG or AVIF.

    Raises:
        UserError: The file cannot be read.
    """
    with opened(read_bytes(path), path) as image:
        begin = 1 if getattr(image, 'default_image', False) else 0  # a PNG's still picture is not part of the animation
        times = []
        for number in range(begin, count_frames(image)):
            image.seek(number)
            image.load()  # a WebP's durations come with the pixels
            seconds = float(image.info.get('duration') or 0) / 1000
            times.append(seconds if seconds >= MIN_DURATION else DEFAULT_DURATION)
        height, width = _on_white(image).shape[:2]
        loop = _loop(image)
    ends = [0.0, *itertools.accumulate(times)]
    fps, even = len(times) / ends[-1], max(times) - min(times) < EVEN
    return Animation(os.fspath(path), width, height, fps, len(times), begin, None if even else tuple(ends), loop)


def _loop(image: Image.Image) -> int:
    """Returns how many times an animation is played; 0 is endless. A GIF counts its repetitions, or has no number."""
    if image.format != 'GIF':
        return int(image.info.get('loop', 0))
    repeated = image.info.get('loop')
    return 1 if repeated is None else repeated and int(repeated) + 1


def _on_white(image: Image.Image) -> np.ndarray:
    pixels, alpha, _ = to_upright(image, 'a frame')
    return pixels if alpha is None else on_white(pixels, alpha)
