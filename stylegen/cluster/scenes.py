"""Clips on a cluster: they are cut where a scene begins, and the scenes are made in parallel.

Nothing is carried from one scene into the next, so that the frames are those of one process. First the workers look for
the cuts, then they make the scenes.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import re
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stylegen import images
from stylegen.cluster.engine import connected
from stylegen.cluster.job import Input, Job, Make, Task
from stylegen.cluster.making import make_all
from stylegen.cluster.manifest import hash_of
from stylegen.cluster.settings import ClusterSettings
from stylegen.cluster.stores import is_address
from stylegen.images.flow import motion
from stylegen.runs.films import open_footage, open_frames_folder
from stylegen.runs.frames import KeptFrames
from stylegen.runs.records import identity
from stylegen.utils.console import Console
from stylegen.utils.errors import UserError

PARTS = 64  # in which cuts are looked for, and scenes at most: each is read from the beginning of the clip on
SHORTEST = 25  # frames of a part, at least
Paint = Callable[[Iterator[np.ndarray]], Iterable[np.ndarray]]


@dataclass(frozen=True)
class Footage:
    """A clip, as each worker opens it.

    Attributes:
        path: A clip, an animated picture, or a folder of frames.
        fps: Frames per second, if it is a folder of frames.
        shape: (height, width) of the frames after they are resized.
        white: Whether transparent parts of frames in a folder are read as white, see `open_frames_folder`.
    """

    path: str
    fps: float
    shape: tuple[int, int]
    white: bool = False

    def read(self, first: int, last: int | None) -> Iterator[np.ndarray]:
        """Yields the frames from one number to another, float32 (H, W, 3) in [0, 1]; None: to the end."""
        folder = Path(self.path).is_dir()
        clip = open_frames_folder(self.path, self.fps, self.white) if folder else open_footage(self.path)[0]
        frames = clip.read(first) if last is None else itertools.islice(clip.read(first), last + 1 - first)
        return (np.clip(images.resize(frame, self.shape), 0, 1) for frame in frames)


@dataclass(frozen=True)
class PartsJob(Job):
    """Does something with parts of a clip, which are texts of `text_of`; each result is JSON.

    Attributes:
        footage: The clip.
        record: The record of the film.
    """

    footage: Footage
    record: Mapping[str, Any]
    reads: bool = False

    @property
    def settings(self) -> Mapping[str, Any]:
        """What decides the frames."""
        return {'shape': self.footage.shape, **identity(self.record)}

    def inputs(self, sources: Iterable[str]) -> Iterator[Input]:
        """Yields the parts, in order."""
        return (Input(place, '', text, f'part-{place:04d}') for place, text in enumerate(sources))

    def endings(self, name: str) -> tuple[str, ...]:
        """JSON."""
        return ('.json',)


class CutsJob(PartsJob):
    """Finds the frames that begin a scene, and counts frames."""

    def open(self, memory: int) -> Make:
        """Nothing is to be opened."""

        def make(task: Task) -> None:
            first, last = span_of(task.name)
            before, cuts, count = None, [], 0
            for index, frame in enumerate(self.footage.read(max(0, first - 1), last), max(0, first - 1)):
                count += index >= first
                if before is not None and not np.array_equal(frame, before) and motion(frame, before).cut:
                    cuts.append(index)
                before = frame
            task.output.write_text(json.dumps({'frames': count, 'cuts': cuts}))

        return make


class ScenesJob(PartsJob):
    """Makes the frames of scenes. A program says how."""

    @abstractmethod
    def open_scene(self, memory: int) -> Paint:
        """Opens the network, and returns what makes the frames of a scene.

        Args:
            memory: See `Job.open`.
        """

    def open(self, memory: int) -> Make:
        """Opens the network."""
        paint = self.open_scene(memory)

        def make(task: Task) -> None:
            first, last = span_of(task.name)
            beside, count = KeptFrames(task.output.parent, 0), 0
            for picture in paint(self.footage.read(first, last)):
                images.save_image(beside.path(first + count), picture)
                count += 1
            task.output.write_text(json.dumps({'frames': count}))

        return make


def text_of(first: int, last: int | None) -> str:
    """What the manifest calls the frames from one number to another, or to the end."""
    return f'frames={first}-{"" if last is None else last}'


def span_of(text: str) -> tuple[int, int | None]:
    """The first and the last frame of a text of `text_of`."""
    found = re.fullmatch(r'frames=(\d+)-(\d*)', text)
    if not found:
        raise ValueError(f'expected frames=0-9, got {text!r}')
    return int(found[1]), int(found[2]) if found[2] else None


def parts_of(begins: Iterable[int], frames: int) -> list[str]:
    """Texts of parts, as long as a share of all frames at least.

    Args:
        begins: The frames that a part may begin with, in order.
        frames: How many there are, about. The last part goes to the end.
    """
    least, chosen = max(SHORTEST, -(-frames // PARTS)), [0]
    for begin in begins:
        if begin - chosen[-1] >= least:
            chosen.append(begin)
    ends: list[int | None] = [begin - 1 for begin in chosen[1:]]
    return [text_of(begin, end) for begin, end in zip(chosen, [*ends, None], strict=True)]


def check_clip(path: str, output: str | None) -> None:
    """Refuses a clip that workers cannot read.

    Raises:
        UserError: It, or the output, is an address.
    """
    for text in (path, output or ''):
        if is_address(text):
            raise UserError(f'{text} is an address, and clips are read and written by paths; give a path')


def keep_scenes(
    job: ScenesJob, folder: Path, frames: int, cluster: ClusterSettings, console: Console, *, apart: bool
) -> KeptFrames:
    """Makes the frames of a clip on a cluster. A call that was stopped goes on with the same call.

    Args:
        job: Makes the frames.
        folder: The folder that holds the folder of the frames, see `scenes_folder`.
        frames: The number of frames, about.
        cluster: The cluster and its workers.
        console: Prints messages and the progress bar.
        apart: Whether every frame is made by itself, so that a part may begin with any.
    """
    inside = scenes_folder(folder, job)
    quiet = Console(quiet=True)
    parts = parts_of(range(0, frames, SHORTEST), frames)
    with connected(str(cluster.cluster)), announcing_folder(inside, console):
        if not apart:
            looked = inside / 'cuts'
            make_all(CutsJob(job.footage, job.record), parts, str(looked), cluster, overwrite=False, console=quiet)
            found = [json.loads(path.read_text()) for path in sorted(looked.glob('part-*.json'))]
            parts = parts_of(sorted({cut for one in found for cut in one['cuts']}), sum(one['frames'] for one in found))
        console.say(f'scenes   {len(parts)} parts, {inside} keeps their frames meanwhile')
        make_all(job, parts, str(inside), cluster, overwrite=False, console=console, announce=False)
    made = (json.loads(path.read_text()) for path in inside.glob('part-*.json'))
    return KeptFrames(inside, sum(one['frames'] for one in made))


@contextlib.contextmanager
def announcing_folder(folder: Path, console: Console) -> Iterator[None]:
    """Prints where the frames so far are if Ctrl-C ends the block."""
    try:
        yield
    except KeyboardInterrupt:
        console.say(f'stopped; the scenes so far are in {folder}, and the same command goes on from them')
        raise


def scenes_folder(folder: Path, job: ScenesJob) -> Path:
    """The folder of the frames of a clip: other settings have another."""
    return folder / f'scenes-{hash_of(job.settings)}'
