"""Films on the command line: an endless zoom into a picture, or a clip whose frames dream."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stylegen import cli, images, records
from stylegen.deepdream.job import Session
from stylegen.deepdream.options import DEFAULT_PICTURE, PROGRAM
from stylegen.errors import UserError
from stylegen.files import digest_of
from stylegen.inputs import read_mask, refuse_inputs

CLIPS = ('.mp4', '.mov', '.m4v', '.mkv', '.webm', '.avi', '.mpg', '.mpeg', '.wmv')
DEFAULT_FILM = 'deepdream.mp4'
FILM_SIZE = 512  # longest side of the frames, unless --size says otherwise
# What a frame is dreamt with where nothing else is said: less than a picture, for it adds up and there are many; and in
# the colours of the frame before, which would burn out otherwise.
MANNER: Mapping[str, Any] = {'octaves': 3, 'steps': 4, 'strength': 0.05, 'color': 'match'}


def is_clip(path: str | None) -> bool:
    """Whether a path names real footage."""
    return path is not None and Path(path).suffix.lower() in CLIPS


def parse_shift(text: str) -> tuple[float, float]:
    """Widths and heights per second in X,Y."""
    try:
        x, y = (float(part) for part in text.split(','))
    except ValueError:
        raise UserError(f'expected --shift=X,Y in widths and heights per second, got {text!r}') from None
    return x, y


def dream_film(settings: dict[str, Any], record: dict[str, Any] | None, flags, say) -> None:
    """Makes the frames, each kept in a folder as it comes, and then the film.

    A run that is stopped goes on when the same command is given again; without --workdir the frames are in a folder
    beside the film, which goes when the film is there.
    """
    from stylegen.deepdream import frames as films

    output = Path(flags.output) if flags.output else cli.free_name(DEFAULT_FILM)
    images.check_animation(output)
    clip, size = None, settings['size'] or FILM_SIZE
    if is_clip(settings['input']):
        from stylegen.flow import check_flow
        from stylegen.video import open_clip

        check_flow()
        clip = open_clip(settings['input'])
        shape = images.fit((clip.height, clip.width), min(size, max(clip.height, clip.width)))
        inputs = {settings['input']: digest_of(Path(settings['input']))}
        count, fps = clip.frames, clip.fps
    else:
        picture = images.load_picture(settings['input'] or DEFAULT_PICTURE, size)
        shape, inputs = picture.pixels.shape[:2], {picture.path: picture.sha256}
        fps, count = settings['fps'], films.count_frames(settings['seconds'], settings['fps'])
    session = Session.open(settings | {'size': size}, record, say)
    mask = read_mask(session.inputs, settings['mask'], shape) if settings['mask'] else None
    regions = [read_mask(session.inputs, path, shape) for path in session.regions]
    inputs |= session.inputs.hashes
    refuse_inputs(output, inputs)
    if record:
        records.check_replay(record, inputs, session.dreamer.extractor.source, cli.warn)
    run = records.record(PROGRAM, session.settings, inputs, session.dreamer.extractor.source)
    workdir = films.Workdir(flags.workdir or f'{output}.frames', run)
    say(f'film     {count} frames of {shape[1]} x {shape[0]}, {fps:g} a second; kept in {workdir.folder} meanwhile')

    def dreamer(image: np.ndarray, seed: int) -> np.ndarray:
        return session.dreamer(image, mask=mask, regions=regions, seed=seed)

    progress: list[cli.Progress] = []

    def follow(frame) -> None:
        if not progress:
            progress.append(cli.Progress(frame.frames, flags.quiet, initial=frame.frame))
        progress[0].to(frame.frame + 1, f'frame {frame.frame + 1}/{frame.frames}')

    began = time.monotonic()
    try:
        if clip:
            kept = films.keep_footage(
                workdir,
                clip,
                dreamer,
                prepare=lambda frame: np.clip(images.resize(frame, shape), 0, 1),
                blend=settings['blend'],
                seed=settings['seed'],
                callback=follow,
            )
        else:
            kept = films.keep_zoom(
                workdir,
                picture.pixels,
                dreamer,
                seconds=settings['seconds'],
                fps=fps,
                zoom=settings['zoom'],
                rotation=settings['rotation'],
                shift=parse_shift(settings['shift']),
                seed=settings['seed'],
                callback=follow,
            )
    except KeyboardInterrupt:
        say(f'stopped; the frames so far are in {workdir.folder}, and the same command goes on from them')
        raise
    finally:
        for bar in progress:
            bar.close()
        with contextlib.suppress(OSError):
            workdir.folder.rmdir()  # only where nothing is in it
    images.save_animation(output, kept, fps, sound=clip, settings=run)
    if not flags.workdir:
        forget(kept, workdir)
    say(f'result   {output} ({time.monotonic() - began:.1f} s)')


def forget(kept, workdir) -> None:
    """Removes the frames and the state, and their folder where nothing else is in it."""
    with contextlib.suppress(OSError):
        for index in range(len(kept)):
            kept.path(index).unlink(missing_ok=True)
        workdir.clear()
        workdir.folder.rmdir()
