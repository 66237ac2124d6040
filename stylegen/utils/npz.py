"""Arrays in an `.npz` file: with settings for the state of a run, or with a SHA-256 file for shipped weights."""

import contextlib
import io
import json
import math
import os
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from stylegen.utils.errors import UserError
from stylegen.utils.files import as_json, atomic_write, digest_of, quoted
from stylegen.utils.zips import refuse_larger

SETTINGS = 'settings'  # the array that holds the JSON text
_SUFFIX = '.npy'
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # NumPy writes these; zipfile bounds their unpacked size
_TIMESTAMP = (1980, 1, 1, 0, 0, 0)  # the earliest time of a zip; equal content gives equal bytes


class Arrays(Mapping[str, np.ndarray]):
    """The arrays of an `.npz`, like those of `np.load`. Each is read at access, if it fits into memory.

    Args:
        archive: Open for reading.
        name: The name of the file, for errors.
    """

    def __init__(self, archive: zipfile.ZipFile, name: str):
        self.archive, self.name = archive, name
        self.members = {info.filename.removesuffix(_SUFFIX): info for info in archive.infolist()}

    def __getitem__(self, name: str) -> np.ndarray:
        """Reads an array.

        Raises:
            KeyError: There is no array of this name.
            ValueError: It is no array, is damaged or holds Python objects.
            stylegen.utils.zips.TooLarge: It does not fit into memory.
        """
        info = self.members[name]
        if info.compress_type not in _METHODS:
            raise ValueError(f'{name} is compressed by a method that NumPy never uses')
        with self.archive.open(info) as stream:
            version = np.lib.format.read_magic(stream)
            if version not in _HEADERS:
                raise ValueError(f'{name} is an array of version {version}')
            shape, _, dtype = _HEADERS[version](stream)
        needed = math.prod(shape) * dtype.itemsize
        if needed > info.file_size:
            raise ValueError(f'{name} declares {needed} bytes, but has {info.file_size}')
        refuse_larger(needed, f'{name} {"x".join(map(str, shape))} in {self.name}')
        with self.archive.open(info) as stream:
            return np.lib.format.read_array(stream, allow_pickle=False)

    def __contains__(self, name: object) -> bool:
        return name in self.members  # Mapping's own would read the array

    def __iter__(self) -> Iterator[str]:
        return iter(self.members)

    def __len__(self) -> int:
        return len(self.members)


@contextlib.contextmanager
def open_arrays(file: str | os.PathLike | BinaryIO) -> Iterator[Arrays]:
    """Opens an `.npz`, given by its path or as an open file. Errors of zipfile and NumPy are passed on."""
    with zipfile.ZipFile(file) as archive:
        yield Arrays(archive, quoted(file if isinstance(file, (str, os.PathLike)) else getattr(file, 'name', '.npz')))


def write_state(
    path: str | os.PathLike,
    settings: Mapping[str, Any],
    arrays: Mapping[str, Any],
    compressed: bool = False,
    overwrite: bool = True,
) -> Path:
    """Writes arrays, with settings as JSON among them, in one step, and returns the path.

    For `overwrite` see `files.atomic_write`.
    """
    write = np.savez_compressed if compressed else np.savez
    named: dict[str, Any] = {SETTINGS: np.array(json.dumps(as_json(settings))), **arrays}
    with atomic_write(path, overwrite) as beside, open(beside, 'wb') as file:
        write(file, **named)
    return Path(path)


def read_state(path: str | os.PathLike) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Reads what `write_state` wrote. Errors of zipfile, NumPy and json are passed on.

    Returns:
        The settings, and the arrays by name.
    """
    with open_arrays(path) as stored:
        settings = json.loads(str(stored[SETTINGS]))
        return settings, {name: stored[name] for name in stored if name != SETTINGS}


def read_settings(path: str | os.PathLike) -> dict[str, Any]:
    """Reads only the settings, see `read_state`."""
    with open_arrays(path) as stored:
        return json.loads(str(stored[SETTINGS]))


def save_arrays(path: str | Path, arrays: Mapping[str, np.ndarray], compressed: bool = False) -> str:
    """Writes arrays in their order, and the SHA-256 to a file of the same name with `.sha256`.

    The same arrays give the same bytes.

    Returns:
        The SHA-256 of the file, 64 hexadecimal digits.
    """
    path = Path(path)
    with atomic_write(path) as beside, atomic_write(path.with_suffix('.sha256')) as digest_file:
        with zipfile.ZipFile(beside, 'w', zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED) as archive:
            for name, array in arrays.items():
                buffer = io.BytesIO()
                np.lib.format.write_array(buffer, np.asarray(array), allow_pickle=False)
                entry = zipfile.ZipInfo(f'{name}.npy', _TIMESTAMP)
                archive.writestr(entry, buffer.getvalue(), archive.compression)
        digest = digest_of(beside)
        digest_file.write_text(digest + '\n')
    return digest


def verify(path: Path) -> str:
    """Compares a shipped file with the SHA-256 that ships beside it.

    Returns:
        The SHA-256, 64 hexadecimal digits.

    Raises:
        UserError: One of the two files is missing, or they disagree.
    """
    try:
        digest = digest_of(path)
        expected = path.with_suffix('.sha256').read_text().split()
    except OSError as error:
        raise UserError(
            f'this installation of stylegen is damaged: {error.filename} cannot be read; reinstall stylegen'
        ) from error
    if expected[:1] != [digest]:
        raise UserError(
            f'this installation of stylegen is damaged: {path} has SHA-256 {digest}, '
            f'expected {" ".join(expected) or "a digest"}; reinstall stylegen'
        )
    return digest
