"""Arrays in an `.npz`: with settings, as the states of runs are kept; or with a SHA-256 beside it, as what ships is."""

import io
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stylegen.errors import UserError
from stylegen.files import digest_of, plain, replacing

SETTINGS = 'settings'  # the JSON text among the arrays of a state
_WHEN = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can say


def write_state(
    path: str | os.PathLike,
    settings: Mapping[str, Any],
    arrays: Mapping[str, Any],
    compressed: bool = False,
    overwrite: bool = True,
) -> None:
    """Writes arrays, and settings as a text among them, in one step; see `stylegen.files.replacing` for `overwrite`."""
    write = np.savez_compressed if compressed else np.savez
    named: dict[str, Any] = {SETTINGS: np.array(json.dumps(plain(settings))), **arrays}
    with replacing(path, overwrite) as beside, open(beside, 'wb') as file:
        write(file, **named)


def read_state(path: str | os.PathLike) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Settings and arrays that `write_state` wrote; of another file it raises whatever zipfile, NumPy or json meet."""
    with np.load(path, allow_pickle=False) as stored:
        settings = json.loads(str(stored[SETTINGS]))
        return settings, {name: stored[name] for name in stored.files if name != SETTINGS}


def read_settings(path: str | os.PathLike) -> dict[str, Any]:
    """The settings alone, see `read_state`."""
    with np.load(path, allow_pickle=False) as stored:
        return json.loads(str(stored[SETTINGS]))


def save_arrays(path: str | Path, arrays: Mapping[str, np.ndarray], compressed: bool = False) -> str:
    """Writes arrays in their order, and the digest to the same name with `.sha256`; the same arrays, the same bytes.

    Returns:
        The SHA-256 of the file, 64 hexadecimal digits.
    """
    path = Path(path)
    with replacing(path) as beside, replacing(path.with_suffix('.sha256')) as told:
        with zipfile.ZipFile(beside, 'w', zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED) as archive:
            for name, array in arrays.items():
                buffer = io.BytesIO()
                np.lib.format.write_array(buffer, np.asarray(array), allow_pickle=False)
                entry = zipfile.ZipInfo(f'{name}.npy', _WHEN)
                archive.writestr(entry, buffer.getvalue(), archive.compression)
        digest = digest_of(beside)
        told.write_text(digest + '\n')
    return digest


def verify(path: Path) -> str:
    """The SHA-256 of a file that ships, compared with the digest that ships beside it.

    Raises:
        UserError: one of the two files is missing, or they disagree.
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
