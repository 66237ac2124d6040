"""States of a training run in a folder: the last few and the best, each written whole or not at all."""

import contextlib
import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stylegen.utils.differences import refuse_other
from stylegen.utils.errors import UserError
from stylegen.utils.files import make_folder, plain
from stylegen.utils.interrupts import uninterrupted
from stylegen.utils.npz import open_arrays, read_state, write_state
from stylegen.utils.zips import TooLarge

LAST, BEST = 'last', 'best'
FOLDER, SCORE = 'checkpoints', 'score'


class Checkpoints:
    """The checkpoints of one run, `checkpoints/step-00001000.npz` and `checkpoints/best.npz` in its workdir.

    Args:
        workdir: Folder of the run; made if missing.
        keep: How many of the last to keep, at least 1; None: all.
    """

    def __init__(self, workdir: str | os.PathLike, keep: int | None = None):
        self.workdir, self.keep = Path(workdir), keep
        self.folder = self.workdir / FOLDER

    def steps(self) -> list[int]:
        """The steps that there are checkpoints of, the last at the end; files of other names are passed over."""
        names = (re.fullmatch(r'step-([0-9]{8,})', path.stem) for path in self.folder.glob('step-*.npz'))
        return sorted(int(name[1]) for name in names if name)

    def place(self, which: str | int) -> Path:
        """Where the best, or that of a step, is or would be."""
        return self.folder / (f'{BEST}.npz' if which == BEST else f'step-{int(which):08d}.npz')

    def path(self, which: str | int = LAST) -> Path:
        """The file of the last, of the best, or of a step.

        Raises:
            UserError: There is none, or this is no name of one.
        """
        if which not in (LAST, BEST) and not re.fullmatch('[0-9]{1,15}', str(which)):
            raise UserError(f'--checkpoint takes {LAST}, {BEST} or a step, not {which!r}')
        steps = self.steps()
        if which == LAST and not steps:
            raise UserError(f'{self.workdir} keeps no checkpoint; train there first, or give another --workdir')
        path = self.place(steps[-1] if which == LAST else which)
        if not path.exists():
            there = ', '.join(map(str, steps)) or 'none'
            raise UserError(f'{self.workdir} keeps no checkpoint {which}; there are the steps {there}')
        return path

    def save(self, step: int, settings: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Path:
        """Keeps a state, and of the earlier ones the last few; Ctrl-C waits until it is safe.

        Raises:
            DiskFull: The earlier checkpoints are whole still.
        """
        make_folder(self.folder)
        path = self.place(step)
        with uninterrupted():
            write_state(path, settings, arrays)
            for old in self.steps()[: -self.keep] if self.keep else ():
                self.place(old).unlink(missing_ok=True)
        return path

    def save_best(self, settings: Mapping[str, Any], arrays: Mapping[str, np.ndarray], score: float) -> bool:
        """Keeps a state as the best, if its score is lower than that of the best so far; answers whether it is."""
        if not score < self.best_score():
            return False
        make_folder(self.folder)
        with uninterrupted():
            write_state(self.place(BEST), settings, {**arrays, SCORE: np.float64(score)})
        return True

    def best_score(self) -> float:
        """The score of the best; infinite where there is none."""
        try:
            with open_arrays(self.place(BEST)) as stored:
                return float(stored[SCORE])
        except Exception:  # there is none, or it is damaged: any is better
            return float('inf')

    def load(self, which: str | int = LAST) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Settings and arrays of a checkpoint.

        Raises:
            UserError: There is none, or it cannot be read.
        """
        path = self.path(which)
        try:
            return read_state(path)
        except TooLarge:
            raise
        except Exception:  # whatever zipfile, NumPy or json meet in a damaged file
            raise UserError(
                f'{path} is no checkpoint of ours, or damaged; remove it to go on from the one before'
            ) from None

    def resume(
        self, settings: Mapping[str, Any], compared: Callable[[Mapping[str, Any]], Mapping[str, Any]] = dict
    ) -> dict[str, np.ndarray] | None:
        """The arrays of the last checkpoint, or None where there is none; what a killed save left is removed.

        Args:
            settings: Of the run that is to go on.
            compared: Makes what is compared of the settings, those that were kept and these.

        Raises:
            UserError: It is of other settings, which are named.
        """
        for rest in self.folder.glob('.*.npz.*.tmp'):
            with contextlib.suppress(OSError):
                rest.unlink()
        if not self.steps():
            return None
        kept, arrays = self.load(LAST)
        refuse_other(self.workdir, compared(kept), compared(plain(settings)))
        return arrays

    def discard_after(self, step: int) -> None:
        """Removes the checkpoints of later steps."""
        for later in filter(lambda s: s > step, self.steps()):
            self.place(later).unlink(missing_ok=True)


def arrays_of(parts: Mapping[str, Iterable]) -> dict[str, np.ndarray]:
    """The values of Keras variables, by part, place and path."""
    return {name: variable.value.numpy() for name, variable in _named(parts)}


def assign(parts: Mapping[str, Iterable], arrays: Mapping[str, np.ndarray]) -> None:
    """Gives Keras variables the values that `arrays_of` took.

    Raises:
        UserError: A value is missing, or of another shape.
    """
    for name, variable in _named(parts):
        if name not in arrays or arrays[name].shape != tuple(variable.shape):
            raise UserError(f'the checkpoint has no {name} of shape {tuple(variable.shape)}; it is of another network')
        variable.assign(arrays[name])


def _named(parts):
    for part, variables in parts.items():
        for place, variable in enumerate(variables):
            yield f'{part}/{place:03d}/{variable.path}', variable
