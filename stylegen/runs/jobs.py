"""One result of a command: worked on, shown, kept on the way and saved, whatever happens."""

from __future__ import annotations

import contextlib
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stylegen import images
from stylegen.runs import saving
from stylegen.runs.inputs import refuse_inputs
from stylegen.runs.names import Output
from stylegen.runs.records import identity
from stylegen.runs.settings import ResultSettings
from stylegen.runs.workdir import Workdir, kept_settings
from stylegen.utils import interrupts, memory
from stylegen.utils.console import Console, Progress
from stylegen.utils.errors import UserError
from stylegen.utils.memory import AUTO

SAVE_SECONDS = 10  # between states that are kept
SAVE_SHARE = 0.05  # of the time, at most, that keeping states may take


def settled_memory(setting: str, workdir: str | Path | None) -> str:
    """--max_memory to be recorded: for 'auto' what the state in the workdir was made with, or else what is free now.

    A run that goes on must cut its pictures as before, whatever is free now.
    """
    kept = kept_settings(workdir) if workdir and setting == AUTO else None
    return kept['settings']['max_memory'] if kept else memory.settled_memory(setting)


@dataclass(frozen=True)
class Place:
    """How far a job is.

    Attributes:
        done, total: Work, in any unit.
        number: Steps since the very first.
        words: The same for a person.
        loss: What is minimised, as it is now.
    """

    done: float
    total: float
    number: int
    words: str
    loss: float


class Job(ABC):
    """One picture that a command makes. A program's own job says what is done: `work`, `place`, `arrays`, `picture`.

    Args:
        target: Where the picture goes. It is no input: that is refused.
        record: What it carries, see `stylegen.runs.record`; its inputs are never written over.
        result: How it is written.
        alpha: Transparency that the picture keeps.
        workdir: Where the state is kept, and looked for before the work begins; or None.
        shape: (height, width, ...) of the picture: what the output's format cannot hold is refused before the work.
        refuge: Gives, from the output's path, the folder that the state goes to when the work stops and there is no
            workdir; or None.
        unfinished: Where the picture so far goes when the work stops, if not to the output.
    """

    def __init__(
        self,
        target: Output,
        record: dict[str, Any],
        result: ResultSettings,
        console: Console,
        *,
        shape: tuple[int, ...] | None = None,
        alpha: np.ndarray | None = None,
        workdir: str | Path | None = None,
        refuge: Callable[[Path], Path] | None = None,
        unfinished: Path | None = None,
    ):
        self.target, self.record, self.result, self.console, self.alpha = target, record, result, console, alpha
        self.refuge, self.unfinished = refuge, unfinished
        self.default = target.like is not None  # nobody gave the name: no file under it is overwritten
        refuse_inputs(target.path, record['inputs'])
        images.check_writable(target.path, shape, result.depth)
        if result.save_every:
            self._refuse_numbered(record['inputs'])
        self.workdir = Workdir(workdir, record, identity) if workdir else None
        self.latest: Any = None
        self.number = 0  # steps that were done, by earlier runs too
        self.resumed = False
        self.keep_again = 0.0
        self.progress: Progress | None = None

    @property
    def output(self) -> Path:
        """Where the picture goes; a default name may become another until something is written under it."""
        return self.target.path

    @property
    def again(self) -> str:
        """What to do to go on from the state."""
        return 'the same command'

    @abstractmethod
    def work(self, state: Mapping[str, np.ndarray] | None) -> np.ndarray:
        """Makes the picture, telling `follow` of its steps; goes on from the arrays of a state, if there is one."""

    @abstractmethod
    def place(self, step: Any) -> Place:
        """Where a step is."""

    @abstractmethod
    def arrays(self, step: Any) -> dict[str, Any]:
        """All that is needed to go on from a step."""

    @abstractmethod
    def picture(self, step: Any) -> np.ndarray:
        """The picture as it would be if the work ended with this step."""

    def run(self) -> Path:
        """Works to the end and saves; when it is stopped or fails, saves the picture so far.

        Raises:
            UserError: Another process works with the same workdir.
        """
        began = time.monotonic()
        self.keep_again = began + SAVE_SECONDS
        precision = self.record['settings'].get('precision', 'float32')
        with contextlib.ExitStack() as stack:
            if self.workdir:
                stack.enter_context(self.workdir.alone())
            state = self.workdir.load() if self.workdir else None
            self.resumed = state is not None
            try:
                with saving.rescued(self.save_unfinished, self._so_far, self.console.say, precision):
                    picture = self.work(state)
            finally:
                if self.progress:
                    self.progress.close()
            path = self.save(picture)
            if self.workdir:
                self.workdir.clear()
        self.console.say(f'result   {path} ({time.monotonic() - began:.1f} s)')
        return path

    def follow(self, step: Any) -> None:
        """Shows a step, saves and keeps what is due."""
        place = self.place(step)
        if self.progress is None:
            self.progress = self.console.progress(place.total, initial=place.done if self.resumed else 0)
        self.latest = step
        self.progress.to(place.done, place.words, loss=place.loss)
        every, before, self.number = self.result.save_every, self.number, place.number
        if every and self.number // every > before // every:  # a step may be told of once in several
            self.save_beside(self.picture(step), self._numbered)
        if self.workdir and time.monotonic() >= self.keep_again:
            self._keep(self.workdir)

    def save(self, pixels: np.ndarray) -> Path:
        """Saves a picture with its record to the output, or where nothing is lost."""
        path = saving.save_result(self.target, pixels, self.record, self.result, self.alpha)
        self.target = self.target.at(path)
        return path

    def save_unfinished(self, pixels: np.ndarray) -> Path:
        """Saves the picture of work that stopped before its end."""
        if self.unfinished is None:
            return self.save(pixels)
        return saving.save_result(Output(self.unfinished), pixels, self.record, self.result, self.alpha)

    def save_beside(self, pixels: np.ndarray, name: Callable[[Path], Path]) -> Path:
        """Saves a picture on the way; `name` gives its path from that of the output, whose name is settled by it."""
        self.target = self.target.settled()
        output = Output(name(self.output), overwrite=not self.default)
        return saving.save_result(output, pixels, self.record, self.result, self.alpha)

    def claim(self) -> None:
        """Makes the folder of the state beside the output, by which a default name is settled."""
        folder_of = self.refuge
        if folder_of is None or self.target.like is None:
            return

        def make(path: Path, overwrite: bool) -> Path:
            folder_of(path).mkdir(parents=True)
            if path.exists():  # another run ended with this name before the folder was there
                folder_of(path).rmdir()
                raise FileExistsError(path)
            return path

        self.target = self.target.at(self.target.save(make))

    def _so_far(self) -> np.ndarray | None:
        """The picture as it is, whose state is kept too; None before the first step."""
        if self.latest is None:
            return None
        try:
            workdir = self.workdir or self._state_beside()
        except (OSError, UserError) as error:
            self.console.warn(f'the state could not be kept: {error}')
        else:
            if workdir and self._keep(workdir):
                self.console.say(f'the state is in {workdir.folder}: {self.again} goes on from it')
        return self.picture(self.latest)

    def _state_beside(self) -> Workdir | None:
        """Where the state is kept that no workdir was given for."""
        if self.refuge is None:
            return None
        self.claim()
        return Workdir(self.refuge(self.output), self.record, identity)

    def _keep(self, workdir: Workdir) -> bool:
        """Keeps the state as it is; whether that could be done."""
        began = time.monotonic()
        try:
            with interrupts.uninterrupted():
                workdir.save(**self.arrays(self.latest))
        except (OSError, UserError) as error:  # the work itself goes on
            self.console.warn(f'the state could not be kept: {error}')
            return False
        finally:
            now = time.monotonic()
            self.keep_again = now + max(SAVE_SECONDS, (now - began) / SAVE_SHARE)
        return True

    def _numbered(self, output: Path, number: int | None = None) -> Path:
        """Where --save_every puts the picture as it is after so many steps, by default those that were done."""
        return output.with_stem(f'{output.stem}-{self.number if number is None else number:04}')

    def _refuse_numbered(self, inputs: Iterable[str]) -> None:
        numbers = (re.fullmatch(rf'{re.escape(self.output.stem)}-(\d{{4,}})', Path(path).stem) for path in inputs)
        for number in filter(None, numbers):
            refuse_inputs(self._numbered(self.output, int(number[1])), inputs)
