"""Films on the command line: an endless zoom into a picture, or a clip whose frames dream."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from absl.flags import FlagValues

from stylegen import images
from stylegen.deepdream.dreamer import Dreamer
from stylegen.deepdream.frames import Callback, FilmFrame, KeptFrames, keep_footage, keep_zoom
from stylegen.deepdream.job import Session
from stylegen.deepdream.options import PROGRAM
from stylegen.deepdream.zoom import RATE, DreamFunction, count_frames
from stylegen.images.animated import is_animated, open_animation
from stylegen.images.animation import ANIMATIONS
from stylegen.runs import records
from stylegen.runs.inputs import DEFAULT_PICTURE, load_first, read_mask, refuse_inputs
from stylegen.runs.names import Output, names_like
from stylegen.runs.workdir import Workdir
from stylegen.utils.console import Console, Progress
from stylegen.utils.differences import OtherState
from stylegen.utils.errors import UserError
from stylegen.utils.files import digest_of
from stylegen.utils.locks import Busy

if TYPE_CHECKING:
    from stylegen.images.video import Clip

CLIPS = ('.mp4', '.mov', '.m4v', '.mkv', '.webm', '.avi', '.mpg', '.mpeg', '.wmv')
DEFAULT_FILM = 'deepdream.mp4'
FILM_SIZE = 512  # longest side of the frames, unless --size says otherwise
# What a frame is dreamt with where nothing else is said: less than a picture, for it adds up and there are many; and in
# the colours of the frame before, which would burn out otherwise.
MANNER: Mapping[str, Any] = {'octaves': 3, 'steps': 4, 'strength': 0.05, 'color': 'match'}


def is_clip(source: str | list[str] | None, output: str | None = None) -> bool:
    """Whether an input is a clip: real footage, or an animated picture where the output moves too."""
    if not isinstance(source, str):
        return False
    if Path(source).suffix.lower() in CLIPS:
        return True
    return output is not None and Path(output).suffix.lower() in ANIMATIONS and is_animated(source)


def parse_shift(text: str) -> tuple[float, float]:
    """Widths and heights per second in X,Y."""
    try:
        x, y = (float(part) for part in text.split(','))
    except ValueError:
        raise UserError(f'expected --shift=X,Y in widths and heights per second, got {text!r}') from None
    return x, y


def at_rate(dreamer: Dreamer, fps: float) -> Dreamer:
    """The dreamer of a zoom's frames at this rate, so that the film looks the same at any; the strength is one at RATE.

    Dreams on frames that follow each other add up like independent ones: twice as many take 1 / sqrt(2) of the strength
    each. (Measured with `mini` from 4 to 16 frames a second; in proportion to 1 / fps, slow films come out the rougher,
    and with a strength that stays, the smoother.)
    """
    share = math.sqrt(RATE / fps)
    if dreamer.step_size is not None:
        return replace(dreamer, step_size=dreamer.step_size * share)
    return replace(dreamer, strength=min(1.0, dreamer.strength * share))


@dataclass(frozen=True)
class Source:
    """What a film is made of.

    Args:
        dreamer: Gives, from the dreamer of the settings, that of the frames.
        shape: (height, width) of its frames.
        frames: How many there are to be.
        fps: Of them in a second.
        inputs: sha256 by path of what was read.
        sound: The clip that its sound is from, or None.
        keep: Makes the frames with a dream function and keeps them in a workdir, telling a callback.
    """

    dreamer: Callable[[Dreamer], Dreamer]
    shape: tuple[int, int]
    frames: int
    fps: float
    inputs: Mapping[str, str]
    sound: Clip | None
    keep: Callable[[Workdir, DreamFunction, Callback], KeptFrames]


def clip_source(settings: Mapping[str, Any], size: int, say: Callable[[str], None]) -> Source:
    """A clip or an animated picture, each frame of which is dreamt on."""
    from stylegen.images.flow import check_flow
    from stylegen.images.video import Clip, open_clip

    check_flow()
    path = settings['input']
    clip = open_clip(path) if Path(path).suffix.lower() in CLIPS else open_animation(path)
    shape = images.fit((clip.height, clip.width), min(size, max(clip.height, clip.width)))
    inputs = {settings['input']: digest_of(Path(settings['input']))}
    fitted = lambda frame: np.clip(images.resize(frame, shape), 0, 1)

    def keep(workdir: Workdir, dream: DreamFunction, follow: Callback) -> KeptFrames:
        manner = {name: settings[name] for name in ('blend', 'seed')}
        return keep_footage(workdir, clip, dream, prepare=fitted, callback=follow, **manner)

    sound = clip if isinstance(clip, Clip) else None
    return Source(lambda dreamer: dreamer, shape, clip.frames, clip.fps, inputs, sound, keep)


def zoom_source(settings: Mapping[str, Any], size: int, say: Callable[[str], None]) -> Source:
    """A picture that is zoomed into."""
    picture = load_first(settings['input'] or DEFAULT_PICTURE, size, say)
    frames = count_frames(settings['seconds'], settings['fps'])
    shift = parse_shift(settings['shift'])

    def keep(workdir: Workdir, dream: DreamFunction, follow: Callback) -> KeptFrames:
        manner = {name: settings[name] for name in ('seconds', 'fps', 'zoom', 'rotation', 'seed')}
        return keep_zoom(workdir, picture.pixels, dream, shift=shift, callback=follow, **manner)

    fps, inputs = settings['fps'], {picture.path: picture.sha256}
    return Source(lambda dreamer: at_rate(dreamer, fps), picture.pixels.shape[:2], frames, fps, inputs, None, keep)


def dream_film(
    settings: dict[str, Any], record: dict[str, Any] | None, flags: FlagValues, mode: str, console: Console
) -> None:
    """Makes the frames, each kept in a folder as it comes, and then the film.

    A run that is stopped goes on when the same command is given again; without --workdir the frames are in a folder
    beside the film, which goes when the film is there.
    """
    output = Output.of(flags.output, DEFAULT_FILM, say=console.say)
    settings = settings | {'size': settings['size'] or FILM_SIZE}
    source_of = clip_source if mode == 'clip' else zoom_source
    source = source_of(settings, settings['size'], console.say)
    images.check_animation(output.path, source.fps)
    session = Session.open(settings, record, console.say)
    console.say(*session.about())
    mask = read_mask(session.inputs, settings['mask'], source.shape) if settings['mask'] else None
    regions = [read_mask(session.inputs, path, source.shape) for path in session.regions]
    inputs = {**source.inputs, **session.inputs.hashes}
    refuse_inputs(output.path, inputs)
    weights = session.dreamer.extractor.source
    if record:
        records.check_replay(record, inputs, weights, console.warn)
    run = records.record(PROGRAM, session.settings, inputs, weights)
    began = time.monotonic()
    dreamer = source.dreamer(session.dreamer)
    dream = lambda image, seed: dreamer(image, mask=mask, regions=regions, seed=seed)
    with frames_kept(output, flags.workdir, run) as (output, workdir):
        height, width = source.shape
        console.say(
            f'film     {source.frames} frames of {width} x {height}, {source.fps:g} a second; '
            f'kept in {workdir.folder} meanwhile'
        )
        kept = make_frames(source, workdir, dream, console)
        path = output.save(
            lambda path, overwrite: images.save_animation(
                path, kept, source.fps, sound=source.sound, settings=run, overwrite=overwrite
            )
        )
        if not flags.workdir:
            forget(kept, workdir)
    console.say(f'result   {path} ({time.monotonic() - began:.1f} s)')


@contextlib.contextmanager
def frames_kept(output: Output, folder: str | None, run: dict[str, Any]) -> Iterator[tuple[Output, Workdir]]:
    """Gives the output and the workdir of its frames, where no other process is while the block runs.

    Without a folder the frames are in one beside the film. A default name is then one whose folder is free, or has
    frames of these settings, which the run goes on from.

    Raises:
        UserError: Another process is at work in the folder, or it has frames of other settings.
    """
    if folder or output.like is None:
        workdir = Workdir(folder or f'{output.path}.frames', run, records.identity)
        with workdir.alone():
            yield output, workdir
        return
    for path in names_like(output.like):
        with contextlib.ExitStack() as stack:
            if not path.exists():
                workdir = Workdir(f'{path}.frames', run, records.identity)
                if _entered(workdir, stack) and not path.exists():  # another run may have made it before it left
                    yield output.at(path), workdir
                    return


def _entered(workdir: Workdir, stack: contextlib.ExitStack) -> bool:
    """Enters a workdir, unless another process is in it or it has frames of other settings; whether that was done."""
    try:
        stack.enter_context(workdir.alone())
        workdir.load()
    except (Busy, OtherState):
        return False
    return True


def make_frames(source: Source, workdir: Workdir, dream: DreamFunction, console: Console) -> KeptFrames:
    """Makes the frames that are not in the workdir yet, with a bar; of a run that is stopped it says what is there."""
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


def forget(kept: KeptFrames, workdir: Workdir) -> None:
    """Removes the frames and the state."""
    with contextlib.suppress(OSError):
        for index in range(len(kept)):
            kept.path(index).unlink(missing_ok=True)
        workdir.clear()
