"""Films on the command line: an endless zoom into a picture, or a clip whose frames are dreamt on."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stylegen import images
from stylegen.deepdream.command_line import CommandLine
from stylegen.deepdream.command_settings import FILM_SIZE
from stylegen.deepdream.dreamer import Dreamer
from stylegen.deepdream.frames import keep_footage, keep_zoom
from stylegen.deepdream.job import Session
from stylegen.deepdream.settings import RATE
from stylegen.deepdream.zoom import DreamFunction
from stylegen.images.pixels import on_white
from stylegen.runs.films import open_footage, open_frames, remove_frames, showing_frames
from stylegen.runs.frames import Callback, KeptFrames
from stylegen.runs.inputs import DEFAULT_PICTURE, load_first_frame, refuse_overwriting_inputs
from stylegen.runs.names import Output
from stylegen.runs.workdir import Workdir
from stylegen.utils.console import Console
from stylegen.utils.files import digest_of

if TYPE_CHECKING:
    from stylegen.images.video import Clip

DEFAULT_FILM = 'deepdream.mp4'
KeepElsewhere = Callable[[Path, tuple[int, int], int, Mapping[str, Any]], KeptFrames]


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
        times: When each frame is shown, as of a clip, where the rate varies.
        keep: Makes the frames with a dream function, keeps them in a workdir and calls a callback after each.
        loop: How many times a GIF, WebP or APNG of them is played; 0 is endless.
    """

    adapt: Callable[[Dreamer], Dreamer]
    shape: tuple[int, int]
    frames: int
    fps: float
    inputs: Mapping[str, str]
    sound: Clip | None
    times: Sequence[float] | None
    keep: Callable[[Workdir, DreamFunction, Callback], KeptFrames]
    loop: int = 0


def open_clip_source(command: CommandLine, size: int, say: Callable[[str], None]) -> Source:
    """A clip or an animated picture, each frame of which is dreamt on."""
    path = command.pictures.input[0]
    clip, sound = open_footage(path)
    shape = images.fit((clip.height, clip.width), min(size, max(clip.height, clip.width)))
    resize = lambda frame: np.clip(images.resize(frame, shape), 0, 1)

    def keep(workdir: Workdir, dream: DreamFunction, follow: Callback) -> KeptFrames:
        seed, film = command.dream.seed, command.film
        return keep_footage(workdir, clip, dream, prepare=resize, callback=follow, seed=seed, settings=film)

    inputs = {path: digest_of(Path(path))}
    return Source(lambda dreamer: dreamer, shape, clip.frames, clip.fps, inputs, sound, clip.times, keep, clip.loop)


def open_zoom_source(command: CommandLine, size: int, say: Callable[[str], None]) -> Source:
    """A picture that is zoomed into."""
    picture = load_first_frame(next(iter(command.pictures.input), DEFAULT_PICTURE), size, say)
    film = command.film
    pixels = picture.pixels if picture.alpha is None else on_white(picture.pixels, picture.alpha)

    def keep(workdir: Workdir, dream: DreamFunction, follow: Callback) -> KeptFrames:
        return keep_zoom(workdir, pixels, dream, callback=follow, seed=command.dream.seed, settings=film)

    adapt = lambda dreamer: at_rate(dreamer, film.fps)
    height, width = picture.pixels.shape[:2]
    return Source(adapt, (height, width), film.frames, film.fps, {picture.path: picture.sha256}, None, None, keep)


def dream_film(command: CommandLine, console: Console, keep_elsewhere: KeepElsewhere | None = None) -> None:
    """Makes the frames, keeps each in a folder, and then writes the film.

    A run that is stopped goes on with the same command. Without --workdir the frames are in a folder beside the film,
    which is removed when the film is written.

    Args:
        command: What is asked for.
        console: Prints messages and the progress bar.
        keep_elsewhere: Makes the frames on a cluster, given the folder for them, the shape and the number of frames,
            and their record; None: here.
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
        if keep_elsewhere:
            kept = keep_elsewhere(workdir.folder, source.shape, source.frames, record)
        else:
            with showing_frames(workdir, console) as follow:
                kept = source.keep(workdir, dream, follow)
        options: dict[str, Any] = {'sound': source.sound, 'times': source.times, 'loop': source.loop}
        options['settings'] = record
        path = output.save(
            lambda path, overwrite: images.save_animation(path, kept, source.fps, overwrite=overwrite, **options)
        )
        if not result.workdir:
            remove_frames(kept, workdir)
    console.say(f'result   {path} ({time.monotonic() - began:.1f} s)')
