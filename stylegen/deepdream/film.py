"""Films on the command line: an endless zoom into a picture, or a clip whose frames are dreamt on."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stylegen import images
from stylegen.deepdream.command_line import CLIPS, CommandLine
from stylegen.deepdream.command_settings import FILM_SIZE
from stylegen.deepdream.dreamer import Dreamer
from stylegen.deepdream.frames import Callback, FilmFrame, KeptFrames, keep_footage, keep_zoom
from stylegen.deepdream.job import Session
from stylegen.deepdream.settings import RATE
from stylegen.deepdream.zoom import DreamFunction
from stylegen.images.animated import open_animation
from stylegen.runs import records
from stylegen.runs.inputs import DEFAULT_PICTURE, load_first_frame, refuse_overwriting_inputs
from stylegen.runs.names import Output, numbered_names
from stylegen.runs.workdir import Workdir
from stylegen.utils.console import Console, Progress
from stylegen.utils.differences import OtherState
from stylegen.utils.files import digest_of
from stylegen.utils.locks import Busy

if TYPE_CHECKING:
    from stylegen.images.video import Clip

DEFAULT_FILM = 'deepdream.mp4'


def at_rate(dreamer: Dreamer, fps: float) -> Dreamer:
    """The dreamer for the frames of a zoom at this rate. Its own strength is that of a frame at `RATE`.

    So the film looks the same at any rate. The dreams on frames that follow each other add up like independent ones:
    twice as many need 1 / sqrt(2) of the strength each. This was measured with `mini` from 4 to 16 frames a second.
    With a strength in proportion to 1 / fps slow films are rougher, and with one strength for all rates smoother.
    """
    return dreamer.scaled(math.sqrt(RATE / fps))


@dataclass(frozen=True)
class Source:
    """What a film is made of.

    Attributes:
        adapt: Gives the dreamer of the frames from that of the settings.
        shape: (height, width) of the frames.
        frames: How many frames there will be.
        fps: Frames per second.
        inputs: sha256 by path of the files that were read.
        sound: The clip that the sound is from, or None.
        keep: Makes the frames with a dream function, keeps them in a workdir and calls a callback after each.
    """

    adapt: Callable[[Dreamer], Dreamer]
    shape: tuple[int, int]
    frames: int
    fps: float
    inputs: Mapping[str, str]
    sound: Clip | None
    keep: Callable[[Workdir, DreamFunction, Callback], KeptFrames]


def open_clip_source(command: CommandLine, size: int, say: Callable[[str], None]) -> Source:
    """A clip or an animated picture, each frame of which is dreamt on."""
    from stylegen.images.flow import check_flow
    from stylegen.images.video import Clip, open_clip

    check_flow()
    path = command.pictures.input[0]
    clip = open_clip(path) if Path(path).suffix.lower() in CLIPS else open_animation(path)
    shape = images.fit((clip.height, clip.width), min(size, max(clip.height, clip.width)))
    resize = lambda frame: np.clip(images.resize(frame, shape), 0, 1)

    def keep(workdir: Workdir, dream: DreamFunction, follow: Callback) -> KeptFrames:
        seed, film = command.dream.seed, command.film
        return keep_footage(workdir, clip, dream, prepare=resize, callback=follow, seed=seed, settings=film)

    sound = clip if isinstance(clip, Clip) else None
    return Source(lambda dreamer: dreamer, shape, clip.frames, clip.fps, {path: digest_of(Path(path))}, sound, keep)


def open_zoom_source(command: CommandLine, size: int, say: Callable[[str], None]) -> Source:
    """A picture that is zoomed into."""
    picture = load_first_frame(next(iter(command.pictures.input), DEFAULT_PICTURE), size, say)
    film = command.film

    def keep(workdir: Workdir, dream: DreamFunction, follow: Callback) -> KeptFrames:
        return keep_zoom(workdir, picture.pixels, dream, callback=follow, seed=command.dream.seed, settings=film)

    adapt = lambda dreamer: at_rate(dreamer, film.fps)
    height, width = picture.pixels.shape[:2]
    return Source(adapt, (height, width), film.frames, film.fps, {picture.path: picture.sha256}, None, keep)


def dream_film(command: CommandLine, console: Console) -> None:
    """Makes the frames, keeps each in a folder, and then writes the film.

    A run that is stopped goes on with the same command. Without --workdir the frames are in a folder beside the film,
    which is removed when the film is written.
    """
    result, size = command.result, command.pictures.size or FILM_SIZE
    output = Output.from_flag(result.output, DEFAULT_FILM, say=console.say)
    command = command.replace(pictures=command.pictures.replace(size=size))
    open_source = open_clip_source if command.mode == 'clip' else open_zoom_source
    source = open_source(command, size, console.say)
    images.check_animation(output.path, source.fps)
    session = Session.open(command, console.say)
    console.say(*session.describe_subject())
    mask, regions = session.read_masks(source.shape)
    refuse_overwriting_inputs(output.path, {**source.inputs, **session.inputs.hashes})
    record = session.record(source.inputs, console)
    began = time.monotonic()
    dreamer = source.adapt(session.dreamer)
    dream = lambda image, seed: dreamer(image, mask=mask, regions=regions, seed=seed)
    with open_frames(output, result.workdir, record) as (output, workdir):
        height, width = source.shape
        console.say(
            f'film     {source.frames} frames of {width} x {height}, {source.fps:g} a second; '
            f'kept in {workdir.folder} meanwhile'
        )
        kept = make_frames(source, workdir, dream, console)
        path = output.save(
            lambda path, overwrite: images.save_animation(
                path, kept, source.fps, sound=source.sound, settings=record, overwrite=overwrite
            )
        )
        if not result.workdir:
            remove_frames(kept, workdir)
    console.say(f'result   {path} ({time.monotonic() - began:.1f} s)')


@contextlib.contextmanager
def open_frames(output: Output, folder: str | None, record: dict[str, Any]) -> Iterator[tuple[Output, Workdir]]:
    """The output and the workdir of its frames. No other process works in that folder while the block runs.

    Without a folder the frames are in one beside the film. A default name of the film is then the first whose folder is
    free, or has frames of this record, so that the run goes on from them.

    Args:
        output: Where the film goes.
        folder: The workdir that was typed, or None.
        record: Of the film.

    Raises:
        UserError: Another process works in the folder, or it has frames of another record.
    """
    if folder or output.default_name is None:
        workdir = Workdir(folder or f'{output.path}.frames', record, records.identity)
        with workdir.locked():
            yield output, workdir
        return
    for path in numbered_names(output.default_name):
        with contextlib.ExitStack() as stack:
            if not path.exists():
                workdir = Workdir(f'{path}.frames', record, records.identity)
                if _enter(workdir, stack) and not path.exists():  # another run may have written it before it left
                    yield output.with_path(path), workdir
                    return


def _enter(workdir: Workdir, stack: contextlib.ExitStack) -> bool:
    """Enters a workdir and returns whether it did. A folder with another process or other frames is not entered."""
    try:
        stack.enter_context(workdir.locked())
        workdir.load()
    except (Busy, OtherState):
        return False
    return True


def make_frames(source: Source, workdir: Workdir, dream: DreamFunction, console: Console) -> KeptFrames:
    """Makes the frames that are not in the workdir yet, with a progress bar.

    Raises:
        KeyboardInterrupt: The run was stopped. A line says where the frames are.
    """
    progress: list[Progress] = []

    def follow(frame: FilmFrame) -> None:
        if not progress:
            progress.append(console.progress(frame.frames, initial=frame.frame))
        progress[0].to(frame.frame + 1, f'frame {frame.frame + 1}/{frame.frames}')

    try:
        return source.keep(workdir, dream, follow)
    except KeyboardInterrupt:
        console.say(f'stopped; the frames so far are in {workdir.folder}, and the same command goes on from them')
        raise
    finally:
        for bar in progress:
            bar.close()


def remove_frames(kept: KeptFrames, workdir: Workdir) -> None:
    """Removes the frames and the state."""
    with contextlib.suppress(OSError):
        for index in range(len(kept)):
            kept.path(index).unlink(missing_ok=True)
        workdir.clear()
