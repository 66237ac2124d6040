"""Arrays in an `.npz` whose bytes depend on the arrays only, with its SHA-256 in a file beside it."""

import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from stylegen.errors import UserError

_WHEN = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can say


def save_arrays(path: str | Path, arrays: Mapping[str, np.ndarray], compressed: bool = False) -> str:
    """Writes arrays in their order, and the digest to the same name with `.sha256`.

    Returns:
        The SHA-256 of the file, 64 hexadecimal digits.
    """
    path = Path(path)
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.asarray(array), allow_pickle=False)
            entry = zipfile.ZipInfo(f'{name}.npy', _WHEN)
            archive.writestr(entry, buffer.getvalue(), archive.compression)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_suffix('.sha256').write_text(digest + '\n')
    return digest


def verify(path: Path) -> str:
    """The SHA-256 of a file that ships, compared with the digest that ships beside it.

    Raises:
        UserError: one of the two files is missing, or they disagree.
    """
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
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
