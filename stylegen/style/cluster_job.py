"""Paints many photos on a cluster: by optimisation, or in one pass of a trained network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stylegen import images
from stylegen.cluster.job import Job, Make, Task, digests
from stylegen.cluster.making import make_all
from stylegen.cluster.settings import ClusterSettings
from stylegen.cluster.stores import is_address
from stylegen.runs.folders import check_output_folder, unfinished_path
from stylegen.runs.jobs import saved_memory
from stylegen.runs.names import Output
from stylegen.style import apply_settings
from stylegen.style.command import PROGRAM, Command
from stylegen.style.folder import paint_pair, styles_of, workdir_of
from stylegen.style.one_pass import OnePass
from stylegen.style.options import DEFAULT_CONTENT, DEFAULT_FOLDER, parse_style, parse_styles, read_beside
from stylegen.style.painter import Painter, use_tensorflow
from stylegen.style.session import Session
from stylegen.utils.console import Console
from stylegen.utils.errors import UserError
from stylegen.utils.memory import AUTO


@dataclass(frozen=True)
class ApplyJob(Job):
    """Paints photos in one pass.

    Attributes:
        command: What is asked for.
        hashes: sha256 of the network, the styles and the masks.
    """

    command: apply_settings.Command
    hashes: tuple[str, ...]

    @property
    def settings(self) -> Mapping[str, Any]:
        """What decides the pictures."""
        recorded = {name: value for name, value in self.command.settings.recorded().items() if name != 'input'}
        return {
            'program': apply_settings.PROGRAM,
            'hashes': self.hashes,
            'depth': self.command.result.depth,
            **recorded,
        }

    def open(self, memory: int) -> Make:
        """Opens the network."""
        painter = open_painter(self.command, memory)

        def make(task: Task) -> None:
            painter.paint(task.file, Output(task.output), task.name)

        return make


def open_painter(command: apply_settings.Command, memory: int) -> Painter:
    """The painter of a worker, which may take so many bytes where the settings say 'auto'."""
    use_tensorflow()
    settings = command.settings
    most = memory if settings.max_memory == AUTO else settings.max_memory
    one_pass = OnePass.open(settings.model_file, max_memory=most, precision=settings.precision)
    return Painter(one_pass, command, Console(quiet=True))


@dataclass(frozen=True)
class PaintJob(Job):
    """Paints contents in styles by optimisation.

    Attributes:
        command: What is asked for.
        styles: Those of each result of a content, see `styles_of`.
    """

    command: Command
    styles: Mapping[str, Sequence[str]]

    @property
    def read_beside(self) -> tuple[str, ...]:
        """The pictures that are read beside the contents."""
        styles = [path for texts in self.styles.values() for path, _ in parse_styles(texts)]
        return (*styles, *read_beside(self.command.sources))

    @property
    def settings(self) -> Mapping[str, Any]:
        """What decides the pictures."""
        command = self.command
        network = command.style.network, command.style.weights, command.style.init_picture
        named = digests((*self.read_beside, *network))
        left_out = ('content', 'max_memory')
        recorded = {name: value for name, value in command.recorded.items() if name not in left_out}
        return {'program': PROGRAM, 'hashes': list(named.values()), 'depth': command.results.depth, **recorded}

    def endings(self, name: str) -> Sequence[str]:
        """One for each style."""
        return tuple(self.styles)

    def open(self, memory: int) -> Make:
        """Opens the network."""
        command, console = self.command, Console(quiet=True)
        if command.style.max_memory == AUTO:
            command = replace(command, style=command.style.replace(max_memory=f'{memory >> 20}MB'))
        session, styles = Session.open(command, None), [*self.styles.values()]
        folder = Path(command.results.output or DEFAULT_FOLDER)

        def make(task: Task) -> None:
            sources = command.sources.replace(content=[task.name], style=styles[task.number])
            paint_pair(
                session, command, sources, Output(task.output), console,
                workdir=workdir_of(folder / task.output.name, command.results),
                unfinished=unfinished_path(task.output), file=task.file,
            )  # fmt: skip

        return make


def paint_on_cluster(command: Command, cluster: ClusterSettings, console: Console) -> None:
    """Paints every result that is not there yet."""
    results, sources = command.results, command.sources
    folder = results.output or DEFAULT_FOLDER
    if results.resume and not results.workdir and is_address(folder):
        raise UserError(f'--resume keeps states beside the results, and {folder} is an address; give --workdir')
    images.check_writable('painted.png', depth=results.depth)
    for style in sources.style:
        check_output_folder(Path(parse_style(style)[0]), Path(folder))
    memory = saved_memory(str(command.style.max_memory), results.workdir or (folder if results.resume else None))
    command = replace(command, style=command.style.replace(max_memory=memory))
    job, contents = PaintJob(command, styles_of(sources)), sources.content or (str(DEFAULT_CONTENT),)
    others = (*job.read_beside, command.style.init_picture)
    make_all(job, contents, folder, cluster, overwrite=results.overwrite, console=console, others=others)
