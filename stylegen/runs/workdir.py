"""A folder that keeps a run's state, so that the same command goes on where it was interrupted."""

import contextlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stylegen.utils.differences import OtherState, refuse_other
from stylegen.utils.errors import UserError
from stylegen.utils.files import check_target, make_folder, plain
from stylegen.utils.locks import LOCK, alone_in
from stylegen.utils.npz import read_settings, read_state, write_state
from stylegen.utils.zips import TooLarge

STATE = 'state.npz'
_LEFT = re.compile(r'\.(state\.npz|frame-\d+\.png)\.\d+-\d+\.tmp')  # by a process that was killed while it wrote


class Workdir:
    """State of one run: arrays, and the settings they belong to. Every write is whole or does not happen.

    Args:
        folder: Made if missing.
        settings: What the run was told, JSON-serialisable. State of other settings is refused.
        identity: Gives what of the settings must be the same, where that is not all of them.
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        settings: Mapping[str, Any],
        identity: Callable[[Mapping[str, Any]], Mapping[str, Any]] = dict,
    ):
        self.folder = make_folder(folder)
        self.settings = plain(settings)
        self.identity = identity
        self.path = self.folder / STATE
        check_target(self.path, ['.npz'])

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """While the block runs no other process gets into the folder, which goes in the end if it is empty.

        Raises:
            UserError: Another process is at work there.
        """
        with alone_in(self.folder):
            try:
                yield
            finally:
                with contextlib.suppress(OSError):
                    _remove(self.folder, LOCK)

    def load(self) -> dict[str, np.ndarray] | None:
        """The arrays saved last, or None where there are none. Half files that a killed process left are removed.

        Raises:
            OtherState: The state belongs to other settings, which are named, or cannot be read.
        """
        for path in self.folder.glob('.*.tmp'):
            if _LEFT.fullmatch(path.name):
                path.unlink(missing_ok=True)
        if not self.path.exists():
            return None
        try:
            settings, arrays = read_state(self.path)
            kept = self.identity(settings)
        except TooLarge:
            raise
        except Exception:
            raise OtherState(f'{self.path} is not a state of ours; remove it or give another --workdir') from None
        refuse_other(self.folder, kept, self.identity(self.settings))
        return arrays

    def save(self, **arrays: Any) -> None:
        """Keeps the arrays, and numbers, in place of those before."""
        write_state(self.path, self.settings, arrays)

    def clear(self) -> None:
        """Forgets the state of a run that has ended."""
        self.path.unlink(missing_ok=True)


def forget_state(folder: Path) -> None:
    """Removes the state of a run that has ended, and the folder where nothing else is in it."""
    if folder.is_dir():
        with contextlib.suppress(OSError, UserError), alone_in(folder):  # unless another run is at work with it
            _remove(folder, STATE, LOCK)


def _remove(folder: Path, *names: str) -> None:
    """Removes these files, where they are there, and then the folder, which fails where something else is in it."""
    for name in names:
        (folder / name).unlink(missing_ok=True)
    folder.rmdir()


def kept_settings(folder: str | os.PathLike) -> dict[str, Any] | None:
    """The settings of the state in a folder, or else in one of its own folders; None where there is none to read."""
    for path in [Path(folder) / STATE, *sorted(Path(folder).glob(f'*/{STATE}'))]:
        with contextlib.suppress(Exception):  # whatever there is in a file that is no state, or is not there
            return read_settings(path)
    return None
