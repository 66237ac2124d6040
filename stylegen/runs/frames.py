"""The frames of a film, kept in a folder, so that a run goes on where it was killed."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stylegen.images.io import load_image, save_image
from stylegen.runs.workdir import Workdir
from stylegen.utils.errors import UserError

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class FilmFrame:
    """What a callback gets after each frame.

    Attributes:
        frame: The number of the frame, from 0.
        frames: How many frames there will be.
    """

    frame: int
    frames: int


Callback = Callable[[FilmFrame], None]


@dataclass(frozen=True)
class KeptFrames:
    """Frames in a folder. An iteration reads one at a time, so that a film of any length can be written.

    Attributes:
        folder: The folder.
        count: How many frames there are.
    """

    folder: Path
    count: int

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[np.ndarray]:
        return (load_image(self.path(index)) for index in range(self.count))

    def path(self, index: int) -> Path:
        """The PNG of a frame."""
        return self.folder / f'frame-{index:06d}.png'


def keep_frames(
    workdir: Workdir,
    make: Callable[[Arrays | None], Iterator[tuple[np.ndarray, Arrays]]],
    frames: int,
    *,
    callback: Callback | None = None,
) -> KeptFrames:
    """Makes the frames of a film that are not in the workdir yet, and keeps each.

    A frame is written as PNG first, then the state with its number. Wherever a run is killed, the same call makes the
    same other frames, bit for bit.

    Args:
        workdir: Keeps the frames, and the state in float32. It belongs to the settings of the film.
        make: Takes the state of the last frame that was kept, or None at the beginning. Gives the frames that follow,
            float32 (H, W, 3), each with its state.
        frames: How many frames there will be, for the callback.
        callback: Called with a `FilmFrame` after each frame that was made.

    Returns:
        All frames, those of earlier calls too.

    Raises:
        UserError: The workdir belongs to other settings, or frames are missing in it.
    """
    state = workdir.load()
    begun = 0 if state is None else int(state['frame']) + 1
    kept = KeptFrames(workdir.folder, begun)
    missing = [kept.path(index) for index in range(begun) if not kept.path(index).exists()]
    if missing:
        raise UserError(f'{missing[0]} is missing; put it back, or give another --workdir')
    index = begun
    for picture, arrays in make(state):
        save_image(kept.path(index), picture)
        workdir.save(frame=np.array(index), **arrays)
        if callback:
            callback(FilmFrame(index, frames))
        index += 1
    return KeptFrames(workdir.folder, index)
