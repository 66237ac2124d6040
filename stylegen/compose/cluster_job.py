"""How `apply` makes pictures on a cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stylegen.cluster.job import Job, Make, Task
from stylegen.compose.files import Run, make_one
from stylegen.compose.fitting import product
from stylegen.compose.transformation import Transformation
from stylegen.runs.folders import result_suffix
from stylegen.runs.names import Output
from stylegen.runs.settings import ResultSettings
from stylegen.utils.console import Console


@dataclass(frozen=True)
class ApplyJob(Job):
    """Makes pictures of photos by a T.

    Attributes:
        program: The name of the command in records.
        found: T with its names.
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

    def endings(self, name: str) -> Sequence[str]:
        """The suffix of the photo, or .png where that format cannot be written with so many bits a channel."""
        return (result_suffix(name, self.result.depth),)

    def open(self, memory: int) -> Make:
        """Nothing is to be opened: T came along."""
        run = Run(self.program, Console(quiet=True), self.result)
        run.inputs.hashes.update(self.hashes)
        multiply = lambda pixels: product(self.found.matrix, self.found.recipe, [pixels])

        def make(task: Task) -> None:
            make_one(run, task.file, task.name, Output(task.output), multiply, self.recorded)

        return make
