"""Paints a clip in one pass a frame: its frames are kept in a folder as they come, and become a film in the end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stylegen import images
from stylegen.images.flow import check_flow
from stylegen.runs.films import open_footage, open_frames, remove_frames, showing_frames
from stylegen.runs.frames import Arrays, KeptFrames, keep_frames
from stylegen.runs.inputs import refuse_overwriting_inputs
from stylegen.runs.names import Output
from stylegen.style.areas import masked
from stylegen.style.footage import PaintedFrame, paint_footage
from stylegen.utils.console import Console
from stylegen.utils.files import digest_of

if TYPE_CHECKING:
    from stylegen.runs.frames import Callback
    from stylegen.runs.workdir import Workdir
    from stylegen.style.painter import Painter

KEPT = 'frame', 'ground', 'picture', 'carried'  # of a frame's state; the rest is its scene
DEFAULT_FILM = 'style.mp4'


def paint_film(painter: Painter, source: str, console: Console) -> None:
    """Paints a clip, or an animated picture. A run that is stopped goes on with the same command.

    Without --workdir the frames are in a folder beside the film, which is removed when the film is written.

    Raises:
        UserError: A clip that cannot be read, an output that is no film, or another run works on it.
    """
    began, result = time.monotonic(), painter.result
    clip, sound = open_footage(source)
    output = Output.from_flag(result.output, DEFAULT_FILM, say=console.say)
    images.check_animation(output.path, clip.fps)
    longest = max(clip.height, clip.width)
    shape = images.fit((clip.height, clip.width), min(painter.settings.size or longest, longest))
    if painter.settings.blend:
        check_flow(shape)
    areas, mask = painter.areas(shape)
    record = painter.record(source, digest_of(Path(source)))
    refuse_overwriting_inputs(output.path, record['inputs'])

    def keep(workdir: Workdir, follow: Callback) -> KeptFrames:
        paint = lambda frame, scene: painter.paint_frame(frame, areas, scene)

        def make(state: Arrays | None) -> Iterator[tuple[np.ndarray, Arrays]]:
            previous = None if state is None else painted_frame(state)
            read = clip.read(0 if previous is None else previous.index + 1)
            frames = (np.clip(images.resize(frame, shape), 0, 1) for frame in read)
            for one in paint_footage(frames, paint, blend=painter.settings.blend, previous=previous):
                arrays = {'ground': one.frame, 'picture': one.picture, 'carried': one.carried}
                yield masked(one.picture, one.frame, mask), {**arrays, **one.scene}

        return keep_frames(workdir, make, clip.frames, callback=follow)

    with open_frames(output, result.workdir, record) as (output, workdir):
        console.say(
            f'film     {clip.frames} frames of {shape[1]} x {shape[0]}, {clip.fps:g} a second; '
            f'kept in {workdir.folder} meanwhile'
        )
        with showing_frames(workdir, console) as follow:
            kept = keep(workdir, follow)

        options: dict[str, Any] = {'sound': sound, 'times': clip.times, 'settings': record}
        path = output.save(
            lambda path, overwrite: images.save_animation(path, kept, clip.fps, overwrite=overwrite, **options)
        )
        if not result.workdir:
            remove_frames(kept, workdir)
    console.say(f'result   {path} ({time.monotonic() - began:.1f} s)')


def painted_frame(state: Arrays) -> PaintedFrame:
    """The frame that a state was kept with."""
    scene = {name: array for name, array in state.items() if name not in KEPT}
    return PaintedFrame(int(state['frame']), state['ground'], state['picture'], state['carried'], scene, cut=False)
