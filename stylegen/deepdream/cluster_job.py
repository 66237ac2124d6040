"""Dreams on many pictures on a cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stylegen import images
from stylegen.cluster.job import Job, Make, Task, digests
from stylegen.cluster.making import make_all
from stylegen.cluster.settings import ClusterSettings
from stylegen.deepdream.command_line import PROGRAM, CommandLine
from stylegen.deepdream.folder import DEFAULT_FOLDER, dream_file
from stylegen.deepdream.job import Session
from stylegen.runs.folders import result_suffix, unfinished_path
from stylegen.runs.inputs import DEFAULT_PICTURE
from stylegen.runs.jobs import saved_memory
from stylegen.runs.names import Output
from stylegen.utils.console import Console
from stylegen.utils.memory import AUTO


@dataclass(frozen=True)
class DreamJob(Job):
    """Dreams on pictures.

    Attributes:
        command: What is asked for.
    """

    command: CommandLine

    @property
    def settings(self) -> Mapping[str, Any]:
        """What decides the pictures."""
        command = self.command
        named = digests((*command.pictures.read_beside, command.dream.network, command.dream.weights))
        left_out = ('input', 'max_memory')
        recorded = {name: value for name, value in command.recorded().items() if name not in left_out}
        return {'program': PROGRAM, 'hashes': list(named.values()), 'depth': command.result.depth, **recorded}

    def endings(self, name: str) -> Sequence[str]:
        """The suffix of the picture, where its format can be written."""
        return (result_suffix(name, self.command.result.depth),)

    def open(self, memory: int) -> Make:
        """Opens the network."""
        session, console = Session.open(with_memory(self.command, memory)), Console(quiet=True)

        def make(task: Task) -> None:
            unfinished = unfinished_path(task.output)
            dream_file(session, task.file, Output(task.output), console, unfinished, task.name)

        return make


def with_memory(command: CommandLine, memory: int) -> CommandLine:
    """The command of a worker, which may take so many bytes where the settings say 'auto'."""
    if command.dream.max_memory != AUTO:
        return command
    return command.replace(dream=command.dream.replace(max_memory=f'{memory >> 20}MB'))


def dream_on_cluster(command: CommandLine, cluster: ClusterSettings, console: Console) -> None:
    """Dreams on every picture that has no result yet."""
    result = command.result
    images.check_writable('dream.png', depth=result.depth)
    memory = saved_memory(str(command.dream.max_memory), result.workdir)
    job = DreamJob(command.replace(dream=command.dream.replace(max_memory=memory)))
    sources, folder = command.pictures.input or (str(DEFAULT_PICTURE),), result.output or DEFAULT_FOLDER
    others = command.pictures.read_beside
    make_all(job, sources, folder, cluster, overwrite=result.overwrite, console=console, others=others)
