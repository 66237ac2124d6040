"""The frames of a zoom and of a clip that dreams, kept in a folder."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from stylegen.deepdream.footage import FootageFrame, dream_footage
from stylegen.deepdream.settings import FootageSettings, ZoomSettings
from stylegen.deepdream.zoom import DreamFunction, zoom_frames
from stylegen.images.animated import Animation
from stylegen.images.video import Clip
from stylegen.runs.frames import Arrays, Callback, KeptFrames, keep_frames
from stylegen.runs.workdir import Workdir
from stylegen.utils.settings import takes


@takes(ZoomSettings)
def keep_zoom(
    workdir: Workdir,
    image: np.ndarray,
    dream: DreamFunction,
    *,
    seed: int = 0,
    callback: Callback | None = None,
    settings: ZoomSettings,
) -> KeptFrames:
    """Makes the frames of `stylegen.deepdream.zoom_frames` and keeps them with `keep_frames`."""

    def make(state: Arrays | None) -> Iterator[tuple[np.ndarray, Arrays]]:
        start: dict[str, Any] = (
            {} if state is None else {'first': int(state['frame']) + 1, 'previous': state['picture']}
        )
        for picture in zoom_frames(image, dream, seed=seed, settings=settings, **start):
            yield picture, {'picture': picture}

    return keep_frames(workdir, make, settings.frames, callback=callback)


@takes(FootageSettings)
def keep_footage(
    workdir: Workdir,
    clip: Clip | Animation,
    dream: DreamFunction,
    *,
    prepare: Callable[[np.ndarray], np.ndarray] = lambda frame: frame,
    seed: int = 0,
    callback: Callback | None = None,
    settings: FootageSettings,
) -> KeptFrames:
    """Makes the frames of `stylegen.deepdream.dream_footage` on a clip and keeps them with `keep_frames`.

    Args:
        prepare: Changes each frame before the dream, such as its size.
    """

    def make(state: Arrays | None) -> Iterator[tuple[np.ndarray, Arrays]]:
        previous, first = None, 0
        if state is not None:
            previous = FootageFrame(int(state['frame']), state['ground'], state['picture'], cut=False)
            first = previous.index + 1
        frames = map(prepare, clip.read(first))
        for frame in dream_footage(frames, dream, seed=seed, previous=previous, settings=settings):
            yield frame.picture, {'ground': frame.frame, 'picture': frame.picture}

    return keep_frames(workdir, make, clip.frames, callback=callback)
