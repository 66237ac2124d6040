"""A folder that keeps a run's state, so that the same command goes on where it was interrupted."""

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stylegen.errors import UserError
from stylegen.files import check_target, make_folder, plain
from stylegen.npz import read_settings, read_state, write_state

STATE = 'state.npz'


class Workdir:
    """State of one run: arrays, and the settings they belong to. Every write is whole or does not happen.

    Args:
        folder: Made if missing.
        settings: What the run was told, JSON-serialisable. State of other settings is refused.
    """

    def __init__(self, folder: str | os.PathLike, settings: Mapping[str, Any]):
        self.folder = make_folder(folder)
        self.settings = plain(settings)
        self.path = self.folder / STATE
        check_target(self.path, ['.npz'])

    def load(self) -> dict[str, np.ndarray] | None:
        """The arrays saved last, or None where there are none.

        Raises:
            UserError: The state belongs to other settings, which are named, or cannot be read.
        """
        if not self.path.exists():
            return None
        try:
            settings, arrays = read_state(self.path)
        except Exception:
            raise UserError(f'{self.path} is not a state of ours; remove it or give another --workdir') from None
        refuse_other(self.folder, settings, self.settings)
        return arrays

    def save(self, **arrays: Any) -> None:
        """Keeps the arrays, and numbers, in place of those before."""
        write_state(self.path, self.settings, arrays)

    def clear(self) -> None:
        """Forgets the state of a run that has ended."""
        self.path.unlink(missing_ok=True)


def refuse_other(folder: Path, kept: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Refuses to go on with a run of other settings.

    Raises:
        UserError: The settings differ; those that do are named.
    """
    if kept != given:
        told = differing(kept, given, 'then', 'now')
        raise UserError(f'{folder} keeps a run with another {told}; give the same, or another --workdir')


def differing(first: Mapping[str, Any], second: Mapping[str, Any], one: str, other: str) -> str:
    """What two settings differ in, in words; '' for nothing. `one` and `other` say whose the values are."""
    old, new = _flat(first), _flat(second)
    names = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
    return ', '.join(f'{name} ({old.get(name)} {one}, {new.get(name)} {other})' for name in names)


def kept_settings(folder: str | os.PathLike) -> dict[str, Any] | None:
    """The settings of the state in a folder, or else in one of its own folders; None where there is none to read."""
    for path in [Path(folder) / STATE, *sorted(Path(folder).glob(f'*/{STATE}'))]:
        with contextlib.suppress(Exception):  # whatever there is in a file that is no state, or is not there
            return read_settings(path)
    return None


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings within settings, brought to one level; the inner names are kept, being what a user typed."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        flat |= _flat(value) if isinstance(value, dict) else {name: value}
    return flat
