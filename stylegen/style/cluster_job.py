"""How `apply` paints photos on a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stylegen.cluster.job import Job, Make, Task
from stylegen.runs.names import Output
from stylegen.style.apply_settings import PROGRAM, Command
from stylegen.style.one_pass import OnePass
from stylegen.style.painter import Painter, use_tensorflow
from stylegen.utils.console import Console
from stylegen.utils.memory import AUTO


@dataclass(frozen=True)
class ApplyJob(Job):
    """Paints photos in one pass.

    Attributes:
        command: What is asked for.
        hashes: sha256 of the network, the styles and the masks.
    """

    command: Command
    hashes: tuple[str, ...]

    @property
    def settings(self) -> Mapping[str, Any]:
        """What decides the pictures."""
        recorded = {name: value for name, value in self.command.settings.recorded().items() if name != 'input'}
        return {'program': PROGRAM, 'hashes': self.hashes, 'depth': self.command.result.depth, **recorded}

    def open(self, memory: int) -> Make:
        """Opens the network."""
        use_tensorflow()
        given = self.command.settings.max_memory
        one_pass = OnePass.open(self.command.settings.model_file, max_memory=memory if given == AUTO else given)
        painter = Painter(one_pass, self.command, Console(quiet=True))

        def make(task: Task) -> None:
            painter.paint(task.file, Output(task.output), task.name)

        return make
