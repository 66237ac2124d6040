"""A job makes one picture of a command: it prints progress, saves the state and the result, and survives Ctrl-C."""

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
from stylegen.runs.inputs import refuse_overwriting_inputs
from stylegen.runs.names import Output
from stylegen.runs.records import identity
from stylegen.runs.settings import ResultSettings
from stylegen.runs.workdir import Workdir, saved_settings
from stylegen.utils import interrupts, memory
from stylegen.utils.console import Console, Progress
from stylegen.utils.errors import UserError
from stylegen.utils.memory import AUTO

SAVE_SECONDS = 10  # at least, from one save of the state to the next
SAVE_SHARE = 0.05  # of the run's time, at most, that saving states may take


def resolve_memory(setting: str, workdir: str | Path | None) -> str:
    """Returns the memory limit of a run as a size, also where --max_memory is 'auto'.

    For 'auto' that is the limit in the state of the workdir. If there is no state, it follows from the memory that is
    free now. A run that continues must use the same tiles as before, whatever memory is free now.
    """
    return memory.resolve_memory(saved_memory(setting, workdir))


def saved_memory(setting: str, workdir: str | Path | None) -> str:
    """Returns for 'auto' the memory limit in the state of the workdir, if there is one; else the setting itself."""
    saved = saved_settings(workdir) if workdir and setting == AUTO else None
    return saved.get('settings', {}).get('max_memory', setting) if saved else setting


@dataclass(frozen=True)
class JobProgress:
    """The progress of a job after a step.

    Attributes:
        done: Work done so far, in any unit.
        total: All work, in the same unit.
        steps_done: Steps done so far, also those of earlier runs.
        text: The progress as a text for the progress bar.
        loss: The loss of the step.
    """

    done: float
    total: float
    steps_done: int
    text: str
    loss: float


class Job(ABC):
    """Makes one picture. A program's subclass defines `work`, `progress_of`, `state_arrays` and `picture`.

    Args:
        target: The output of the picture.
        record: The record that is written into the picture, see `stylegen.runs.record`.
        result: The settings for the file: depth, sidecar and save_every.
        console: Prints messages and the progress bar.
        shape: (height, width, ...) of the picture, which the format of the output must be able to hold.
        alpha: The transparency of the picture, (H, W), or None.
        workdir: The folder from which the state is loaded and in which it is saved, or None.
        fallback_workdir: Returns the folder for the state if a run without a workdir stops, given the output's path.
        unfinished: The path for the unfinished picture if the run stops; by default the output.

    Raises:
        UserError: The output is one of the inputs, or its format cannot hold the picture.
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
        fallback_workdir: Callable[[Path], Path] | None = None,
        unfinished: Path | None = None,
    ):
        self.target, self.record, self.result, self.console, self.alpha = target, record, result, console, alpha
        self.fallback_workdir, self.unfinished = fallback_workdir, unfinished
        self.has_default_name = target.default_name is not None  # the user gave no name: no file is overwritten
        refuse_overwriting_inputs(target.path, record['inputs'])
        images.check_writable(target.path, shape, result.depth)
        if result.save_every:
            self._check_numbered_paths(record['inputs'])
        self.workdir = Workdir(workdir, record, identity) if workdir else None
        self.latest: Any = None  # the last step
        self.steps_done = 0  # steps done so far, also by earlier runs
        self.resumed = False
        self.next_save = 0.0  # of the state, by time.monotonic()
        self.progress: Progress | None = None

    @property
    def output(self) -> Path:
        """The path of the picture. A default name may still change until a file is written under it."""
        return self.target.path

    @property
    def resume_hint(self) -> str:
        """The command that continues from the state, in words."""
        return 'the same command'

    @abstractmethod
    def work(self, state: Mapping[str, np.ndarray] | None) -> np.ndarray:
        """Makes the picture and calls `on_step` after steps.

        Args:
            state: The arrays of an earlier run from which it continues, or None.

        Returns:
            The picture, float32 (H, W, 3) in [0, 1].
        """

    @abstractmethod
    def progress_of(self, step: Any) -> JobProgress:
        """Returns the progress after a step."""

    @abstractmethod
    def state_arrays(self, step: Any) -> dict[str, Any]:
        """Returns the arrays from which `work` can continue after a step."""

    @abstractmethod
    def picture(self, step: Any) -> np.ndarray:
        """Returns the picture as it would be if the run ended with this step."""

    def run(self) -> Path:
        """Makes the picture and saves it; saves the unfinished picture if the work stops or fails.

        Returns:
            The path of the picture.

        Raises:
            UserError: Another process uses the same workdir, or the workdir holds the state of another run.
        """
        began = time.monotonic()
        self.next_save = began + SAVE_SECONDS
        precision = self.record['settings'].get('precision', 'float32')
        with contextlib.ExitStack() as stack:
            stack.callback(self.clean_up)
            if self.workdir:
                stack.enter_context(self.workdir.locked())
            state = self.workdir.load() if self.workdir else None
            self.resumed = state is not None
            try:
                with saving.save_on_failure(self.save_unfinished, self._picture_so_far, self.console.say, precision):
                    picture = self.work(state)
            finally:
                if self.progress:
                    self.progress.close()
            path = self.save(picture)
            if self.workdir:
                self.workdir.clear()
        self.console.say(f'result   {path} ({time.monotonic() - began:.1f} s)')
        self.after_result()
        return path

    def after_result(self) -> None:
        """Does what a program does after the picture has been saved. By default nothing."""
        return

    def clean_up(self) -> None:
        """Removes what only a running job needs, also if the work stops or fails. By default nothing."""
        return

    def on_step(self, step: Any) -> None:
        """Prints the progress of a step; saves the state, and a numbered picture for --save_every, when it is time."""
        progress = self.progress_of(step)
        if self.progress is None:
            self.progress = self.console.progress(progress.total, initial=progress.done if self.resumed else 0)
        self.latest = step
        self.progress.to(progress.done, progress.text, loss=progress.loss)
        every, before, self.steps_done = self.result.save_every, self.steps_done, progress.steps_done
        if every and self.steps_done // every > before // every:  # a call may come only after several steps
            self.save_intermediate(self.picture(step), self._numbered_path)
        if self.workdir and time.monotonic() >= self.next_save:
            self._save_state(self.workdir)

    def save(self, pixels: np.ndarray) -> Path:
        """Saves a picture with its record to the output and returns its path, see `saving.save_result`."""
        path = saving.save_result(self.target, pixels, self.record, self.result, self.alpha)
        self.target = self.target.with_path(path)
        return path

    def save_unfinished(self, pixels: np.ndarray) -> Path:
        """Saves the picture of a run that stopped before its end, and returns its path."""
        if self.unfinished is None:
            return self.save(pixels)
        return saving.save_result(Output(self.unfinished), pixels, self.record, self.result, self.alpha)

    def save_intermediate(self, pixels: np.ndarray, name: Callable[[Path], Path]) -> Path:
        """Saves an intermediate picture, which also fixes the name of the output.

        Args:
            pixels: The picture.
            name: Returns the path of the intermediate picture, given the output's path.

        Returns:
            The path of the intermediate picture.
        """
        self.target = self.target.with_fixed_name()
        output = Output(name(self.output), overwrite=not self.has_default_name)
        return saving.save_result(output, pixels, self.record, self.result, self.alpha)

    def reserve_name(self) -> None:
        """Makes the folder for the state beside the output, which fixes a default name of the output."""
        folder_of = self.fallback_workdir
        if folder_of is None or self.target.default_name is None:
            return

        def make(path: Path, overwrite: bool) -> Path:
            folder_of(path).mkdir(parents=True)
            if path.exists():  # another run saved its result here before this folder was made
                folder_of(path).rmdir()
                raise FileExistsError(path)
            return path

        self.target = self.target.with_path(self.target.save(make))

    def _picture_so_far(self) -> np.ndarray | None:
        """Saves the state and returns the unfinished picture; returns None before the first step."""
        if self.latest is None:
            return None
        try:
            workdir = self.workdir or self._workdir_beside()
        except (OSError, UserError) as error:
            self.console.warn(f'the state could not be kept: {error}')
        else:
            if workdir and self._save_state(workdir):
                self.console.say(f'the state is in {workdir.folder}: {self.resume_hint} goes on from it')
        return self.picture(self.latest)

    def _workdir_beside(self) -> Workdir | None:
        """Returns the workdir beside the output, for a job that was given none."""
        if self.fallback_workdir is None:
            return None
        self.reserve_name()
        return Workdir(self.fallback_workdir(self.output), self.record, identity)

    def _save_state(self, workdir: Workdir) -> bool:
        """Saves the state after the latest step. Returns whether that succeeded."""
        began = time.monotonic()
        try:
            with interrupts.delay_signals():
                workdir.save(**self.state_arrays(self.latest))
        except (OSError, UserError) as error:  # the run must not stop for this
            self.console.warn(f'the state could not be kept: {error}')
            return False
        finally:
            now = time.monotonic()
            self.next_save = now + max(SAVE_SECONDS, (now - began) / SAVE_SHARE)
        return True

    def _numbered_path(self, output: Path, number: int | None = None) -> Path:
        """Returns the path of the picture that --save_every saves after so many steps, by default after those done."""
        return output.with_stem(f'{output.stem}-{self.steps_done if number is None else number:04}')

    def _check_numbered_paths(self, inputs: Iterable[str]) -> None:
        """Refuses an output whose numbered pictures would overwrite an input."""
        numbers = (re.fullmatch(rf'{re.escape(self.output.stem)}-(\d{{4,}})', Path(path).stem) for path in inputs)
        for number in filter(None, numbers):
            refuse_overwriting_inputs(self._numbered_path(self.output, int(number[1])), inputs)
