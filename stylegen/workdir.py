"""A folder that keeps a run's state, so that the same command goes on where it was interrupted."""

import contextlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from stylegen.errors import UserError
from stylegen.files import check_target, make_folder, plain
from stylegen.locks import LOCK, alone_in
from stylegen.npz import read_settings, read_state, write_state
from stylegen.zips import TooLarge

STATE = 'state.npz'
_LEFT = re.compile(r'\.(state\.npz|frame-\d+\.png)\.\d+-\d+\.tmp')  # by a process that was killed while it wrote
_DIGEST = re.compile(r'[0-9a-f]{64}')  # SHA-256
_MISSING = object()


class OtherState(UserError):
    """A folder keeps a state that is none of this run's."""


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


def refuse_other(folder: Path, kept: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Refuses to go on with a run of other settings.

    Raises:
        OtherState: The settings differ; those that do are named.
    """
    if told := differing(kept, given, 'then', 'now'):
        raise OtherState(f'{folder} keeps a run with another {told}; give the same, or another --workdir')


def differing(first: Mapping[str, Any], second: Mapping[str, Any], one: str, other: str) -> str:
    """What two settings differ in, in words; '' for nothing. `one` and `other` say whose the values are."""
    old, new = _flat(first), _flat(second)
    names = sorted(name for name in {*old, *new} if old.get(name, _MISSING) != new.get(name, _MISSING))
    told = lambda name: _told(old.get(name, 'nothing'), new.get(name, 'nothing'), one, other)
    return ', '.join(f'{name[-1]} ({told(name)})' for name in names)


@dataclass(frozen=True)
class InWords:
    """A setting that is compared by its value and told in words."""

    value: Any
    words: str = field(compare=False)

    def __str__(self) -> str:
        return self.words


def _told(first: Any, second: Any, one: str, other: str) -> str:
    """Two values that differ; of two digests that they do, for nobody can read more out of them."""
    texts = [str(value) for value in (first, second)]
    if all(_DIGEST.fullmatch(text) for text in texts):
        return 'other content'
    if texts[0] == texts[1]:
        return f'{texts[0]} {one}, others {other}'
    return f'{texts[0]} {one}, {texts[1]} {other}'


def kept_settings(folder: str | os.PathLike) -> dict[str, Any] | None:
    """The settings of the state in a folder, or else in one of its own folders; None where there is none to read."""
    for path in [Path(folder) / STATE, *sorted(Path(folder).glob(f'*/{STATE}'))]:
        with contextlib.suppress(Exception):  # whatever there is in a file that is no state, or is not there
            return read_settings(path)
    return None


def _flat(settings: Mapping[str, Any], *outer: str) -> dict[tuple[str, ...], Any]:
    """Settings within settings, brought to one level: by their names from the outermost to the one a user typed."""
    flat: dict[tuple[str, ...], Any] = {}
    for name, value in settings.items():
        flat |= _flat(value, *outer, name) if isinstance(value, dict) else {(*outer, name): value}
    return flat
