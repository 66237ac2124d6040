"""Paints a clip in one pass a frame: its frames are kept in a folder as they come, and become a film in the end.

Where the clip is a folder of frames, the result may be such a folder too.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stylegen import images
from stylegen.images.flow import check_flow
from stylegen.images.sequence import ImageSequence
from stylegen.runs.films import (
    digest_of_footage,
    open_footage,
    open_frames,
    open_frames_folder,
    remove_frames,
    showing_frames,
)
from stylegen.runs.folders import check_output_folder, unique_names
from stylegen.runs.frames import Arrays, KeptFrames, keep_frames
from stylegen.runs.inputs import refuse_overwriting_inputs
from stylegen.runs.names import Output
from stylegen.runs.workdir import STATE
from stylegen.style.areas import Area, masked
from stylegen.style.footage import PaintedFrame, paint_footage
from stylegen.style.options import DEFAULT_FOLDER
from stylegen.utils.console import Console
from stylegen.utils.errors import UserError

if TYPE_CHECKING:
    from stylegen.images.animated import Animation
    from stylegen.images.video import Clip
    from stylegen.runs.frames import Callback
    from stylegen.runs.workdir import Workdir
    from stylegen.style.apply_settings import ApplyResultSettings
    from stylegen.style.painter import Painter

KEPT = 'frame', 'ground', 'picture', 'carried'  # of a frame's state; the rest is its scene
DEFAULT_FILM = 'style.mp4'
KeepElsewhere = Callable[[Path, tuple[int, int], int, Mapping[str, Any]], KeptFrames]
Save = Callable[..., Path]  # of the output, the frames and the record


def paint_film(painter: Painter, source: str, console: Console, keep_elsewhere: KeepElsewhere | None = None) -> None:
    """Paints a clip, an animated picture, or a folder of frames. A run that is stopped goes on with the same command.

    Without --workdir the frames are in a folder beside the film, which is removed when the film is written.

    Args:
        painter: Paints.
        source: The clip.
        console: Prints.
        keep_elsewhere: Makes the frames on a cluster, given the folder for them, the shape and the number of frames,
            and their record; None: here.

    Raises:
        UserError: A clip that cannot be read, an output that is no film, or another run works on it.
    """
    began, result = time.monotonic(), painter.result
    films = painter.command.films
    clip: Clip | Animation | ImageSequence
    sound: Clip | None = None
    if Path(source).is_dir():  # a film has no transparency, and shows none of the colours under it
        clip = open_frames_folder(source, painter.settings.fps, white=films)
    else:
        clip, sound = open_footage(source)
    save: Save = functools.partial(save_film, clip=clip, sound=sound)
    if isinstance(clip, ImageSequence) and not films:
        output = Output(Path(result.output or DEFAULT_FOLDER))
        save = functools.partial(save_frames, clip=clip, outputs=frame_outputs(clip, output.path, result))
    else:
        output = Output.from_flag(result.output, DEFAULT_FILM, say=console.say)
        images.check_animation(output.path, clip.fps)
    longest = max(clip.height, clip.width)
    shape = images.fit((clip.height, clip.width), min(painter.settings.size or longest, longest))
    if painter.settings.blend:
        check_flow(shape)
    areas, mask = painter.areas(shape)
    record = painter.record(source, digest_of_footage(clip))
    refuse_overwriting_inputs(output.path, record['inputs'])

    def keep(workdir: Workdir, follow: Callback) -> KeptFrames:
        def make(state: Arrays | None) -> Iterator[tuple[np.ndarray, Arrays]]:
            previous = None if state is None else painted_frame(state)
            read = clip.read(0 if previous is None else previous.index + 1)
            frames = (np.clip(images.resize(frame, shape), 0, 1) for frame in read)
            for picture, one in painted_frames(painter, frames, areas, mask, previous):
                arrays = {'ground': one.frame, 'picture': one.picture, 'carried': one.carried}
                yield picture, {**arrays, **one.scene}

        return keep_frames(workdir, make, clip.frames, callback=follow)

    with open_frames(output, result.workdir, record) as (output, workdir):
        console.say(
            f'film     {clip.frames} frames of {shape[1]} x {shape[0]}, {clip.fps:g} a second; '
            f'kept in {workdir.folder} meanwhile'
        )
        if keep_elsewhere:
            kept = keep_elsewhere(workdir.folder, shape, clip.frames, record)
        else:
            with showing_frames(workdir, console) as follow:
                kept = keep(workdir, follow)
        path = save(output, kept, record)
        if not result.workdir:
            remove_frames(kept, workdir)
    console.say(f'result   {path} ({time.monotonic() - began:.1f} s)')


def painted_frames(
    painter: Painter,
    frames: Iterable[np.ndarray],
    areas: Sequence[Area],
    mask: np.ndarray | None,
    previous: PaintedFrame | None = None,
) -> Iterator[tuple[np.ndarray, PaintedFrame]]:
    """Yields the frames of the film, float32 (H, W, 3), each with what the next one goes on from."""
    paint = lambda frame, scene: painter.paint_frame(frame, areas, scene)
    for one in paint_footage(frames, paint, blend=painter.settings.blend, previous=previous):
        yield masked(one.picture, one.frame, mask), one


def save_film(
    output: Output, kept: KeptFrames, record: dict[str, Any], clip: Clip | Animation | ImageSequence, sound: Clip | None
) -> Path:
    """Writes the frames as a film, and returns its path."""
    options: dict[str, Any] = {'sound': sound, 'times': clip.times, 'loop': clip.loop, 'settings': record}
    return output.save(
        lambda path, overwrite: images.save_animation(path, kept, clip.fps, overwrite=overwrite, **options)
    )


def save_frames(
    output: Output, kept: KeptFrames, record: dict[str, Any], clip: ImageSequence, outputs: Sequence[Path]
) -> Path:
    """Writes the frames as pictures with their record and their transparency, and returns their folder."""
    for path, picture, file in zip(outputs, kept, clip.files, strict=True):
        alpha = images.load_picture(file).alpha
        if alpha is not None:
            alpha = np.clip(images.resize(alpha, picture.shape[:2]), 0, 1)
        images.save_image(path, picture, alpha=alpha, settings=record)
    return output.path


def frame_outputs(clip: ImageSequence, folder: Path, result: ApplyResultSettings) -> list[Path]:
    """The path of each painted frame, which has the name of the frame.

    Raises:
        UserError: The folder cannot hold them, or holds one already, of a run that has ended.
    """
    check_output_folder(Path(clip.path), folder)
    outputs = [folder / f'{name}.png' for name in unique_names([[file] for file in clip.files])]
    images.check_writable(outputs[0], (clip.height, clip.width))
    kept = Path(result.workdir or f'{folder}.frames')
    begun = (kept / STATE).exists() or any(kept.glob('scenes-*'))
    there = next((path for path in outputs if path.exists()), None)
    if there and not (begun or result.overwrite):
        raise UserError(f'{there} exists already; give another --output, or --overwrite to make all frames again')
    return outputs


def painted_frame(state: Arrays) -> PaintedFrame:
    """The frame that a state was kept with."""
    scene = {name: array for name, array in state.items() if name not in KEPT}
    return PaintedFrame(int(state['frame']), state['ground'], state['picture'], state['carried'], scene, cut=False)
