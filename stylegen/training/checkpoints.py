"""Checkpoints of a training run in a folder: the last few and the best, each written completely or not at all."""

import contextlib
import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stylegen.utils.differences import refuse_other_settings
from stylegen.utils.errors import UserError
from stylegen.utils.files import as_json, make_folder
from stylegen.utils.interrupts import delay_signals
from stylegen.utils.npz import open_arrays, read_state, write_state
from stylegen.utils.zips import TooLarge

LAST, BEST = 'last', 'best'
FOLDER, SCORE = 'checkpoints', 'score'


class Checkpoints:
    """The checkpoints of a run: `checkpoints/step-00001000.npz` and `checkpoints/best.npz` in its workdir.

    Args:
        workdir: Folder of the run; it is created if missing.
        keep: How many of the last to keep, at least 1; None: all.

    Example:
        checkpoints = Checkpoints('run', keep=3)
        checkpoints.save(1000, settings, arrays_of({'generator': model.variables}))
    """

    def __init__(self, workdir: str | os.PathLike, keep: int | None = None):
        self.workdir, self.keep = Path(workdir), keep
        self.folder = self.workdir / FOLDER

    def steps(self) -> list[int]:
        """Returns the steps of the checkpoints, in order. Files of other names are ignored."""
        names = (re.fullmatch(r'step-([0-9]{8,})', path.stem) for path in self.folder.glob('step-*.npz'))
        return sorted(int(name[1]) for name in names if name)

    def path_of(self, which: str | int) -> Path:
        """Returns the path of the best checkpoint or of a step's, whether it exists or not."""
        return self.folder / (f'{BEST}.npz' if which == BEST else f'step-{int(which):08d}.npz')

    def path(self, which: str | int = LAST) -> Path:
        """Returns the file of the last checkpoint, of the best, or of a step.

        Raises:
            UserError: The file does not exist, or `which` is not valid.
        """
        if which not in (LAST, BEST) and not re.fullmatch('[0-9]{1,15}', str(which)):
            raise UserError(f'--checkpoint takes {LAST}, {BEST} or a step, not {which!r}')
        steps = self.steps()
        if which == LAST and not steps:
            raise UserError(f'{self.workdir} keeps no checkpoint; train there first, or give another --workdir')
        path = self.path_of(steps[-1] if which == LAST else which)
        if not path.exists():
            there = ', '.join(map(str, steps)) or 'none'
            raise UserError(f'{self.workdir} keeps no checkpoint {which}; there are the steps {there}')
        return path

    def save(self, step: int, settings: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Path:
        """Saves a checkpoint and removes old ones beyond `keep`. Ctrl-C waits until it is saved.

        Raises:
            DiskFull: The disk is full. The earlier checkpoints are intact.
        """
        make_folder(self.folder)
        path = self.path_of(step)
        with delay_signals():
            write_state(path, settings, arrays)
            for old in self.steps()[: -self.keep] if self.keep else ():
                self.path_of(old).unlink(missing_ok=True)
        return path

    def save_best(self, settings: Mapping[str, Any], arrays: Mapping[str, np.ndarray], score: float) -> bool:
        """Saves a checkpoint as the best if its score is lower than the best score so far. Returns whether it is."""
        if not score < self.best_score():
            return False
        make_folder(self.folder)
        with delay_signals():
            write_state(self.path_of(BEST), settings, {**arrays, SCORE: np.float64(score)})
        return True

    def best_score(self) -> float:
        """Returns the score of the best checkpoint; infinite if there is none."""
        try:
            with open_arrays(self.path_of(BEST)) as stored:
                return float(stored[SCORE])
        except Exception:  # missing or damaged: any score is better
            return float('inf')

    def load(self, which: str | int = LAST) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Returns settings and arrays of a checkpoint.

        Raises:
            UserError: It does not exist, or cannot be read.
        """
        path = self.path(which)
        try:
            return read_state(path)
        except TooLarge:
            raise
        except Exception:  # errors of zipfile, NumPy or json
            raise UserError(
                f'{path} is no checkpoint of stylegen, or damaged; remove it to go on from the one before'
            ) from None

    def resume(
        self, settings: Mapping[str, Any], compared: Callable[[Mapping[str, Any]], Mapping[str, Any]] = dict
    ) -> dict[str, np.ndarray] | None:
        """Returns the arrays of the last checkpoint, or None if there is none. Removes what a killed process left.

        Args:
            settings: Of the run that continues.
            compared: Returns the part of settings to compare, for the stored settings and for these.

        Raises:
            UserError: The stored settings differ. The error names the differences.
        """
        for rest in self.folder.glob('.*.npz.*.tmp'):
            with contextlib.suppress(OSError):
                rest.unlink()
        if not self.steps():
            return None
        kept, arrays = self.load(LAST)
        refuse_other_settings(self.workdir, compared(kept), compared(as_json(settings)))
        return arrays

    def discard_after(self, step: int) -> None:
        """Removes the checkpoints of later steps."""
        for later in filter(lambda s: s > step, self.steps()):
            self.path_of(later).unlink(missing_ok=True)


def arrays_of(parts: Mapping[str, Iterable]) -> dict[str, np.ndarray]:
    """Returns the values of Keras variables, by part, index and path.

    Example:
        arrays = arrays_of({'generator': model.variables})
    """
    return {name: variable.value.numpy() for name, variable in _named(parts)}


def assign(parts: Mapping[str, Iterable], arrays: Mapping[str, np.ndarray]) -> None:
    """Assigns to Keras variables the values that `arrays_of` returned.

    Raises:
        UserError: A value is missing or of another shape.

    Example:
        assign({'generator': model.variables}, arrays_of({'generator': model.variables}))
    """
    for name, variable in _named(parts):
        if name not in arrays or arrays[name].shape != tuple(variable.shape):
            raise UserError(f'the checkpoint has no {name} of shape {tuple(variable.shape)}; it is of another network')
        variable.assign(arrays[name])


def _named(parts):
    for part, variables in parts.items():
        for place, variable in enumerate(variables):
            yield f'{part}/{place:03d}/{variable.path}', variable
