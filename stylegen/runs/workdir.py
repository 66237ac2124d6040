"""Workdir: a folder that holds the state of a run, so that the same command continues an interrupted run."""

import contextlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stylegen.utils.differences import OtherState, refuse_other_settings
from stylegen.utils.errors import UserError
from stylegen.utils.files import as_json, check_target, make_folder
from stylegen.utils.locks import LOCK, folder_lock
from stylegen.utils.npz import read_settings, read_state, write_state
from stylegen.utils.zips import TooLarge

STATE = 'state.npz'
# temporary files of a process that was killed during a write
_LEFTOVER = re.compile(r'\.(state\.npz|frame-\d+\.png)\.\d+-\d+\.tmp')


class Workdir:
    """The state of one run: arrays, and the settings that they belong to. A write is complete or does not happen.

    Args:
        folder: The folder; it is made if it is missing.
        settings: The settings of the run, JSON-serialisable. A state with other settings is refused.
        identity: Returns the part of the settings that must be the same; by default all of them.
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        settings: Mapping[str, Any],
        identity: Callable[[Mapping[str, Any]], Mapping[str, Any]] = dict,
    ):
        self.folder = make_folder(folder)
        self.settings = as_json(settings)
        self.identity = identity
        self.path = self.folder / STATE
        check_target(self.path, ['.npz'])

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Locks the folder for other processes within the block; removes it at the end if it is empty.

        Raises:
            UserError: Another process has locked the folder.
        """
        with folder_lock(self.folder):
            try:
                yield
            finally:
                with contextlib.suppress(OSError):
                    _remove(self.folder, LOCK)

    def load(self) -> dict[str, np.ndarray] | None:
        """Returns the arrays that were saved last, or None if there are none. Removes temporary files of killed runs.

        Raises:
            OtherState: The state belongs to other settings, or cannot be read.
        """
        for path in self.folder.glob('.*.tmp'):
            if _LEFTOVER.fullmatch(path.name):
                path.unlink(missing_ok=True)
        if not self.path.exists():
            return None
        try:
            settings, arrays = read_state(self.path)
            saved = self.identity(settings)
        except TooLarge:
            raise
        except Exception:
            raise OtherState(f'{self.path} is not a state of ours; remove it or give another --workdir') from None
        refuse_other_settings(self.folder, saved, self.identity(self.settings))
        return arrays

    def save(self, **arrays: Any) -> None:
        """Saves arrays or numbers in place of the earlier state."""
        write_state(self.path, self.settings, arrays)

    def clear(self) -> None:
        """Removes the state."""
        self.path.unlink(missing_ok=True)


def remove_state(folder: Path) -> None:
    """Removes the state in a folder, unless another run has locked it, and then the folder if it is empty."""
    if folder.is_dir():
        with contextlib.suppress(OSError, UserError), folder_lock(folder):
            _remove(folder, STATE, LOCK)


def _remove(folder: Path, *names: str) -> None:
    """Removes the named files, if they exist, and then the folder.

    Raises:
        OSError: The folder holds other files.
    """
    for name in names:
        (folder / name).unlink(missing_ok=True)
    folder.rmdir()


def saved_settings(folder: str | os.PathLike) -> dict[str, Any] | None:
    """Returns the settings of the state in a folder or in one of its subfolders; None if no state can be read."""
    for path in [Path(folder) / STATE, *sorted(Path(folder).glob(f'*/{STATE}'))]:
        with contextlib.suppress(Exception):  # the file may be missing, or may hold anything
            return read_settings(path)
    return None
