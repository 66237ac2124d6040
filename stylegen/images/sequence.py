"""Reads numbered pictures, such as frame_0001.png and so on, like a clip."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stylegen.images.decoding import opened, upright_size
from stylegen.images.io import load_image, load_picture
from stylegen.images.pixels import on_white
from stylegen.utils.errors import UserError
from stylegen.utils.files import digest_of, quoted, read_bytes


@dataclass(frozen=True)
class ImageSequence:
    """Pictures of one size that follow each other, read like a `stylegen.images.video.Clip`.

    Attributes:
        path: The folder as given.
        files: The file of each frame, in order.
        width, height: Of the frames, in pixels, upright.
        fps: Frames per second.
        times, loop, sound: Always None, 0, None.
        white: Whether transparent parts are read as white, as for a film; else the colours under them stay.
    """

    path: str
    files: tuple[Path, ...]
    width: int
    height: int
    fps: float
    times: None = None
    loop: int = 0
    sound: None = None
    white: bool = False

    @property
    def frames(self) -> int:
        """The number of frames."""
        return len(self.files)

    @property
    def digest(self) -> str:
        """The sha256 of the names and the contents of all files."""
        lines = [f'{file.name} {digest_of(file)}\n' for file in self.files]
        return hashlib.sha256(''.join(lines).encode(errors='surrogateescape')).hexdigest()

    def read(self, first: int = 0) -> Iterator[np.ndarray]:
        """Yields the frames from number `first` on: float32 HxWx3 in [0, 1].

        Raises:
            UserError: A file cannot be read, or has another size.
        """
        for file in self.files[first:]:
            picture = load_picture(file)
            frame = picture.pixels
            if self.white and picture.alpha is not None:
                frame = on_white(frame, picture.alpha)
            _check_size(file, (frame.shape[1], frame.shape[0]), (self.width, self.height))
            yield frame


def open_sequence(
    folder: str | os.PathLike[str], files: Sequence[Path], fps: float, white: bool = False
) -> ImageSequence:
    """Opens pictures as the frames of a clip. Of each file its size is read, as a check before any work.

    Args:
        folder: Where they are, for the record.
        files: One or more, in order.
        fps: Frames per second.
        white: Whether transparent parts are read as white.

    Raises:
        UserError: A file is no picture, or has another size than the first.

    Example:
        sequence = open_sequence('shot', sorted(Path('shot').glob('*.png')), 24)
    """
    sizes = []
    for file in files:
        with opened(read_bytes(file), file) as image:
            sizes.append(upright_size(image))
        _check_size(file, sizes[-1], sizes[0])
    height, width = load_image(files[0]).shape[:2]
    return ImageSequence(os.fspath(folder), tuple(files), width, height, fps, white=white)


def _check_size(file: Path, size: tuple[int, int], first: tuple[int, int]) -> None:
    if size != first:
        wide, high = size
        raise UserError(
            f'{quoted(file)} is {wide} x {high} and the first frame {first[0]} x {first[1]}; give frames of one size'
        )
