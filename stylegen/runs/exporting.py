"""What the `export` commands share: formats and their names, and writing that leaves no half file behind.

`stylegen.networks.formats` writes and opens the formats.
"""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stylegen.utils.errors import UserError
from stylegen.utils.files import DiskFull, check_target, digest_of, move_without_replacing, quoted, remove_empty
from stylegen.utils.settings import Settings, setting

SUFFIXES = {'keras': '.keras', 'saved_model': '', 'tflite': '.tflite', 'onnx': '.onnx'}  # format -> suffix of its files
TOLERANCES = {'none': 1e-4, 'float16': 2e-2}  # quantisation -> greatest difference, as a share of the range of pixels
DEFAULT_FORMAT = 'keras'
NEEDED = {'onnx': ('tf2onnx', 'onnxruntime')}  # format -> packages that write and open it


@dataclass(frozen=True, kw_only=True)
class FormatSettings(Settings):
    """The format of an exported network."""

    format: str | None = setting(
        None, f'what to write; by default as --output says, else {DEFAULT_FORMAT}', group='Result', choices=SUFFIXES
    )
    quantize: str = setting('none', 'float16: weights of TFLite in half the space', group='Result', choices=TOLERANCES)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.quantize != 'none' and self.format not in (None, 'tflite'):
            raise UserError(f'--quantize={self.quantize} is for --format=tflite; leave it out')


def format_of(output: str | os.PathLike) -> str:
    """Returns the format that the suffix of a name means; a name without suffix means a SavedModel.

    Raises:
        UserError: The suffix is unknown.
    """
    suffix = Path(output).suffix.lower()
    for name, other in SUFFIXES.items():
        if other == suffix:
            return name
    kinds = ', '.join(filter(None, SUFFIXES.values()))
    raise UserError(
        f'{quoted(output)}: {suffix} is no suffix of a format that can be written ({kinds}, or none for the folder of '
        'a SavedModel); give another name, or --format'
    )


def check_export(output: str | os.PathLike, form: str) -> None:
    """Refuses a file or folder that cannot be written in a format, before any work is done.

    Raises:
        UserError: The name is of another format, or there something is or cannot be; or the format needs a package
            that is not installed.
    """
    missing = [name for name in NEEDED.get(form, ()) if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(f'--format={form} needs {" and ".join(missing)}: pip install -e ".[{form}]"')
    suffix = SUFFIXES[form]
    if suffix:
        check_target(output, [suffix])
        return
    if Path(output).suffix.lower() in filter(None, SUFFIXES.values()):
        raise UserError(f'{quoted(output)} is no name for a SavedModel, which is a folder; give another name')
    path = Path(os.path.realpath(output))
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise UserError(f'{quoted(output)} exists already; remove it, or give another --output')
    check_target(path.parent / f'{path.name}.json', ['.json'])  # checks that the folder takes files


def greatest_difference(found: np.ndarray, expected: np.ndarray, width: float) -> float:
    """Returns the greatest difference of two values at one place, divided by `width`; infinity for other shapes."""
    if found.shape != expected.shape:
        return float('inf')
    return float(np.max(np.abs(found.astype(np.float64) - expected.astype(np.float64)))) / width


@contextlib.contextmanager
def made_beside(path: Path, overwrite: bool) -> Iterator[Path]:
    """Gives a path in a hidden folder beside `path`, and then moves what was made there to `path` in one step.

    Args:
        path: The file or folder.
        overwrite: False never replaces a file.

    Raises:
        DiskFull: The disk is full; nothing is lost.
        FileExistsError: The file is there and is not to be overwritten.
    """
    real = Path(os.path.realpath(path))
    missing = list(itertools.takewhile(lambda one: not one.exists(), real.parents))
    real.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp('.tmp', f'.{real.name[:50]}.', real.parent))
    try:
        yield folder / real.name
        for file in filter(Path.is_file, folder.rglob('*')):
            with open(file, 'rb+') as made:
                os.fsync(made.fileno())
        (os.replace if overwrite else move_without_replacing)(folder / real.name, real)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        text = 'the disk is full: not written, nothing was lost; free some space'
        raise DiskFull(errno.ENOSPC, text, str(path)) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        remove_empty(missing)


def files_of(path: Path) -> dict[str, dict[str, int | str]]:
    """Returns the bytes and the digest of a file, or of each file of a folder, by name."""
    files = [(path.name, path)]
    if path.is_dir():
        files = [(str(file.relative_to(path)), file) for file in sorted(path.rglob('*')) if file.is_file()]
    return {name: {'bytes': file.stat().st_size, 'sha256': digest_of(file)} for name, file in files}
