"""The frames of a film, kept in a folder one by one, so that a run goes on where it was killed."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stylegen.deepdream.footage import FootageFrame, dream_footage
from stylegen.deepdream.zoom import DreamFunction, count_frames, zoom_frames
from stylegen.images.animated import Animation
from stylegen.images.io import load_image, save_image
from stylegen.images.video import Clip
from stylegen.runs.workdir import Workdir
from stylegen.utils.errors import UserError

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class FilmFrame:
    """What a callback is told after each frame.

    Attributes:
        frame: its number, from 0.
        frames: how many there are to be.
    """

    frame: int
    frames: int


Callback = Callable[[FilmFrame], None]


@dataclass(frozen=True)
class KeptFrames:
    """Frames in a folder; going through them reads one at a time, so that a film of any length can be written.

    Attributes:
        folder: where they are.
        count: how many.
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
    """Makes the frames of a film that are not in the workdir yet, and keeps each as it comes.

    A frame is first written as PNG, then the state with its number: wherever a run is killed, the same call makes the
    rest bit for bit as it would have been.

    Args:
        workdir: where the frames and the state are kept, in float32; of the film's own settings.
        make: takes the state of the last frame that was kept, or None at the beginning, and gives the frames that
            follow, float32 HxWx3, each with its state.
        frames: how many there are to be, for progress.
        callback: called with a `FilmFrame` after each that was made.

    Returns:
        All frames, those of earlier calls too.

    Raises:
        UserError: the workdir belongs to other settings, or frames are missing from it.
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


def keep_zoom(
    workdir: Workdir,
    image: np.ndarray,
    dream: DreamFunction,
    *,
    seconds: float,
    fps: float,
    callback: Callback | None = None,
    **options: Any,
) -> KeptFrames:
    """`stylegen.deepdream.zoom.zoom_frames`, with its options, kept in a workdir by `keep_frames`."""

    def make(state: Arrays | None) -> Iterator[tuple[np.ndarray, Arrays]]:
        going_on: dict[str, Any] = (
            {} if state is None else {'first': int(state['frame']) + 1, 'previous': state['picture']}
        )
        for picture in zoom_frames(image, dream, seconds=seconds, fps=fps, **options, **going_on):
            yield picture, {'picture': picture}

    return keep_frames(workdir, make, count_frames(seconds, fps), callback=callback)


def keep_footage(
    workdir: Workdir,
    clip: Clip | Animation,
    dream: DreamFunction,
    *,
    prepare: Callable[[np.ndarray], np.ndarray] = lambda frame: frame,
    callback: Callback | None = None,
    **options: Any,
) -> KeptFrames:
    """`stylegen.deepdream.footage.dream_footage` on a clip, with its options, kept in a workdir by `keep_frames`.

    Args:
        prepare: what is done to each frame first, such as a change of its size.
    """

    def make(state: Arrays | None) -> Iterator[tuple[np.ndarray, Arrays]]:
        previous, first = None, 0
        if state is not None:
            previous = FootageFrame(int(state['frame']), state['ground'], state['picture'], cut=False)
            first = previous.index + 1
        for made in dream_footage(map(prepare, clip.read(first)), dream, previous=previous, **options):
            yield made.picture, {'ground': made.frame, 'picture': made.picture}

    return keep_frames(workdir, make, clip.frames, callback=callback)
