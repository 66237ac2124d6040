"""The frames of a film, kept in a folder one by one, so that a run goes on where it was killed."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stylegen.deepdream.footage import FootageFrame, dream_footage
from stylegen.deepdream.zoom import DreamFunction, count_frames, zoom_frames
from stylegen.errors import UserError
from stylegen.images import load_image, save_image
from stylegen.video import Clip
from stylegen.workdir import Workdir

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class FilmFrame:
    """What a callback is told after each frame.

    Attributes:
        frame: its number, from 0.
        frames: how many there are to be.
        picture: float32 HxWx3 in [0, 1].
        seconds: what a frame takes: the mean of those that this call made.
    """

    frame: int
    frames: int
    picture: np.ndarray
    seconds: float

    @property
    def seconds_left(self) -> float:
        """How long the rest will take."""
        return self.seconds * max(0, self.frames - self.frame - 1)


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
    depth: int = 8,
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
        depth: bits a channel of the PNG files: 8, or 16 for use elsewhere (here they are read as 8).
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
    index, start = begun, time.monotonic()
    for picture, arrays in make(state):
        save_image(kept.path(index), picture, depth=depth)
        workdir.save(frame=np.array(index), **arrays)
        if callback:
            callback(FilmFrame(index, frames, picture, (time.monotonic() - start) / (index + 1 - begun)))
        index += 1
    return KeptFrames(workdir.folder, index)


def keep_zoom(
    workdir: Workdir,
    image: np.ndarray,
    dreamer: DreamFunction,
    *,
    seconds: float,
    fps: float,
    depth: int = 8,
    callback: Callback | None = None,
    **options: Any,
) -> KeptFrames:
    """`stylegen.deepdream.zoom.zoom_frames`, with its options, kept in a workdir by `keep_frames`."""

    def make(state: Arrays | None) -> Iterator[tuple[np.ndarray, Arrays]]:
        going_on: dict[str, Any] = (
            {} if state is None else {'first': int(state['frame']) + 1, 'previous': state['picture']}
        )
        for picture in zoom_frames(image, dreamer, seconds=seconds, fps=fps, **options, **going_on):
            yield picture, {'picture': picture}

    return keep_frames(workdir, make, count_frames(seconds, fps), depth=depth, callback=callback)


def keep_footage(
    workdir: Workdir,
    clip: Clip,
    dreamer: DreamFunction,
    *,
    prepare: Callable[[np.ndarray], np.ndarray] = lambda frame: frame,
    depth: int = 8,
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
        for made in dream_footage(map(prepare, clip.read(first)), dreamer, previous=previous, **options):
            yield made.picture, {'ground': made.frame, 'picture': made.picture}

    return keep_frames(workdir, make, clip.frames, depth=depth, callback=callback)
