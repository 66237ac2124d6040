"""Paints the scenes of a clip in one pass on a cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stylegen.cluster.scenes import Footage, Paint, ScenesJob, check_clip, keep_scenes
from stylegen.cluster.settings import ClusterSettings
from stylegen.runs.frames import KeptFrames
from stylegen.style.apply_film import paint_film, painted_frames
from stylegen.style.apply_settings import Command
from stylegen.style.cluster_job import open_painter
from stylegen.style.painter import Painter
from stylegen.utils.console import Console


@dataclass(frozen=True, kw_only=True)
class FilmJob(ScenesJob):
    """Paints scenes in one pass.

    Attributes:
        command: What is asked for.
    """

    command: Command

    def open_scene(self, memory: int) -> Paint:
        """Opens the network."""
        painter = open_painter(self.command, memory)
        areas, mask = painter.areas(self.footage.shape)

        def paint(frames: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
            return (picture for picture, _ in painted_frames(painter, frames, areas, mask))

        return paint


def paint_film_on_cluster(painter: Painter, source: str, cluster: ClusterSettings, console: Console) -> None:
    """Paints a clip whose scenes are painted in parallel; see `paint_film`."""
    settings = painter.settings
    check_clip(source, painter.result.output)

    def keep(folder: Path, shape: tuple[int, int], frames: int, record: Mapping[str, Any]) -> KeptFrames:
        job = FilmJob(Footage(source, settings.fps, shape, painter.command.films), record, command=painter.command)
        return keep_scenes(job, folder, frames, cluster, console, apart=not settings.blend)

    paint_film(painter, source, console, keep)
