"""Dreams on the scenes of a clip on a cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stylegen.cluster.scenes import Footage, Paint, ScenesJob, check_clip, keep_scenes
from stylegen.cluster.settings import ClusterSettings
from stylegen.deepdream.cluster_job import with_memory
from stylegen.deepdream.command_line import CommandLine
from stylegen.deepdream.film import dream_film
from stylegen.deepdream.footage import dream_footage
from stylegen.deepdream.job import Session
from stylegen.runs.frames import KeptFrames
from stylegen.utils.console import Console


@dataclass(frozen=True, kw_only=True)
class FilmJob(ScenesJob):
    """Dreams on scenes.

    Attributes:
        command: What is asked for.
    """

    command: CommandLine

    def open_scene(self, memory: int) -> Paint:
        """Opens the network."""
        session = Session.open(with_memory(self.command, memory))
        mask, regions = session.read_masks(self.footage.shape)
        dream = lambda image, seed: session.dreamer(image, mask=mask, regions=regions, seed=seed)

        def paint(frames: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
            made = dream_footage(frames, dream, seed=self.command.dream.seed, settings=self.command.film)
            return (frame.picture for frame in made)

        return paint


def dream_film_on_cluster(command: CommandLine, cluster: ClusterSettings, console: Console) -> None:
    """Dreams on a clip whose scenes are dreamt on in parallel; see `dream_film`."""
    path = command.pictures.input[0]
    check_clip(path, command.result.output)

    def keep(folder: Path, shape: tuple[int, int], frames: int, record: Mapping[str, Any]) -> KeptFrames:
        job = FilmJob(Footage(path, 0, shape), record, command=command)
        return keep_scenes(job, folder, frames, cluster, console, apart=not command.film.blend)

    dream_film(command, console, keep)
