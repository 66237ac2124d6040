"""How `apply` makes pictures on a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stylegen import images
from stylegen.cluster.worker import Make
from stylegen.compose.files import Run, make_one
from stylegen.compose.fitting import product
from stylegen.compose.transformation import Transformation
from stylegen.runs.names import Output
from stylegen.runs.settings import ResultSettings
from stylegen.utils.console import Console


@dataclass(frozen=True)
class ApplyJob:
    """Makes pictures of photos by a T; see `stylegen.cluster.worker.Job`.

    Attributes:
        program: Its name in records.
        found: T.
        hashes: sha256 of the file of T, by its path.
        recorded: Settings for the record.
        result: How results are written.
    """

    program: str
    found: Transformation
    hashes: Mapping[str, str]
    recorded: Mapping[str, Any]
    result: ResultSettings

    @property
    def settings(self) -> Mapping[str, Any]:
        """What decides the pictures."""
        return {'program': self.program, 'T': list(self.hashes.values()), 'depth': self.result.depth}

    def suffix(self, name: str) -> str:
        """That of the photo, or .png where that format cannot be written with so many bits a channel."""
        own = Path(name).suffix
        kind = images.FORMATS.get(own.lower())
        return own if kind and (self.result.depth == 8 or kind.deep) else '.png'

    def open(self, share: float) -> Make:
        """Nothing is to be opened: T came along."""
        run = Run(self.program, Console(quiet=True), self.result)
        run.inputs.hashes.update(self.hashes)
        multiply = lambda pixels: product(self.found.matrix, self.found.recipe, [pixels])

        def make(file: Path, name: str, output: Path) -> None:
            make_one(run, file, name, Output(output), multiply, self.recorded)

        return make
