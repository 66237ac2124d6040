"""How `apply` paints photos on a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stylegen.cluster.worker import Make
from stylegen.runs.names import Output
from stylegen.style.apply_settings import PROGRAM, Command
from stylegen.style.one_pass import OnePass
from stylegen.style.painter import Painter, use_tensorflow
from stylegen.utils.console import Console
from stylegen.utils.memory import AUTO, parse_memory


@dataclass(frozen=True)
class ApplyJob:
    """Paints photos in one pass; see `stylegen.cluster.worker.Job`.

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

    def suffix(self, name: str) -> str:
        """PNG keeps all."""
        return '.png'

    def open(self, share: float) -> Make:
        """Opens the network, within a share of the machine's memory where no limit is given."""
        use_tensorflow()
        memory = self.command.settings.max_memory
        if memory == AUTO:
            memory = int(share * parse_memory(memory))
        one_pass = OnePass.open(self.command.settings.model_file, max_memory=memory)
        painter = Painter(one_pass, self.command, Console(quiet=True))

        def make(file: Path, name: str, output: Path) -> None:
            painter.paint(file, Output(output), name)

        return make
