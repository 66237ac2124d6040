"""Writes files completely or not at all: to a temporary file first, which then replaces the target in one step."""

import contextlib
import errno
import hashlib
import itertools
import json
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from stylegen.utils.errors import UserError

MAX_BYTES = 4 << 30
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
_PASSED = re.compile('/dev/stdin$|/dev/fd/|/proc/[^/]+/fd/')
_count = itertools.count()


class DiskFull(OSError):
    """The disk is full (ENOSPC or EDQUOT), and no file was damaged."""


def quoted(path: str | os.PathLike[str]) -> str:
    """Returns a path for a message: quoted, on one line, shortened if it is long."""
    text = os.fspath(path)
    return repr(text if len(text) <= 300 else f'{text[:150]}...{text[-50:]}')


@contextlib.contextmanager
def reading(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Opens a file for reading; `~` is expanded.

    Raises:
        UserError: The file is missing, a folder, a web address, a device, a pipe with a name, unreadable or empty.
    """
    name = os.path.expanduser(os.fspath(path))
    if re.match(r'data:|[A-Za-z][A-Za-z0-9+.-]+:/', name):
        raise UserError(f'{quoted(name)} is an address, not a file; download it first and give the path of the file')
    if os.path.isdir(name):
        raise UserError(f'{quoted(name)} is a folder; give the path of one file in it')
    try:
        refuse_special_file(name)
        with open(name, 'rb') as file:
            if not file.peek(1):
                raise UserError(f'{quoted(name)} is empty (0 bytes); copy or download it again')
            yield file
    except FileNotFoundError:
        raise UserError(f'{quoted(name)} does not exist (seen from {os.getcwd()}); check the path') from None
    except PermissionError:
        raise UserError(f'{quoted(name)} may not be read by this user; change its permissions') from None
    except UserError:
        raise
    except (OSError, ValueError) as error:
        reason = getattr(error, 'strerror', None) or error
        raise UserError(f'{quoted(name)} cannot be read ({reason}); check the path') from error


def refuse_special_file(path: str | os.PathLike[str]) -> None:
    """Refuses a pipe, a socket or a device: reading it may never end. A pipe that the shell passes on is allowed.

    Raises:
        UserError: The path is such a file.
        OSError: The path is missing, or this user may not look at it.
    """
    mode = os.stat(path).st_mode
    passed = stat.S_ISFIFO(mode) and _PASSED.match(os.fspath(path))
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or passed):
        kind = 'pipe' if stat.S_ISFIFO(mode) else 'socket' if stat.S_ISSOCK(mode) else 'device'
        raise UserError(f'{quoted(path)} is a {kind}; give the path of a file')


def digest_of(path: Path, algorithm: str = 'sha256') -> str:
    """Returns the digest of a file's bytes, in hexadecimal. It refuses what `refuse_special_file` refuses."""
    refuse_special_file(path)
    hasher = hashlib.new(algorithm, usedforsecurity=False)
    with path.open('rb') as file:  # hashlib.file_digest needs Python 3.11
        while chunk := file.read(1 << 20):
            hasher.update(chunk)
    return hasher.hexdigest()


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """Returns the bytes of a file.

    Raises:
        UserError: `reading` refuses the file, or it is larger than MAX_BYTES.
    """
    with reading(path) as file:
        if os.fstat(file.fileno()).st_size > MAX_BYTES:
            raise UserError(f'{quoted(path)} is larger than {MAX_BYTES >> 30} GiB; make it smaller first')
        return file.read()


def make_folder(path: str | os.PathLike[str], flag: str = 'workdir') -> Path:
    """Creates a folder if it is missing, and returns its path.

    Args:
        path: The folder.
        flag: The flag that sets another folder, for the error.

    Raises:
        UserError: The folder cannot be created.
    """
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f'cannot make the folder {path} ({error.strerror}); give another --{flag}') from None
    return Path(path)


def check_target(path: str | os.PathLike[str], suffixes: Iterable[str]) -> None:
    """Checks, before any work is done, that a file can be written. It does not change the file.

    Args:
        path: The file to write.
        suffixes: The allowed suffixes, in lower case with their dot.

    Raises:
        UserError: The suffix is not allowed, the folder cannot be created or written to, or the path is no ordinary
            file.
    """
    suffix = Path(path).suffix
    if suffix.lower() not in (suffixes := list(suffixes)):
        what = f'the suffix {suffix!r} is not one that can be written' if suffix else 'there is no suffix'
        raise UserError(f'{quoted(path)}: {what}; use one of {", ".join(suffixes)}')
    _check_is_file(path)
    temp = _temporary(path)
    folder = next(folder for folder in temp.parents if folder.exists())  # the innermost one that exists
    _create_empty(folder / temp.name, path)
    (folder / temp.name).unlink()


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str], overwrite: bool = True) -> Iterator[Path]:
    """Yields the path of a new empty file. When the block ends, this file replaces `path` in one step.

    The new file is hidden, in the same folder, and named `.NAME.PID-N.tmp`. It is removed if the block or the disk
    fails; then `path` keeps its old content. Only a killed process leaves the new file behind. Symbolic links are
    followed. Missing folders are created, and removed again if they stay empty.

    Args:
        path: The file to replace.
        overwrite: False never replaces a file, not even one that another process writes meanwhile.

    Raises:
        FileExistsError: The file exists and `overwrite` is False.
        UserError: The folder cannot be created or written to, or `path` is no ordinary file.
        DiskFull: The disk is full.

    Example:
        with atomic_write('results.json') as temporary:
            temporary.write_text('{}')
    """
    if not overwrite and os.path.lexists(path):
        raise _exists_error(path)
    _check_is_file(path)
    temp = _temporary(path)
    made = _make_parents(temp.parent, path)
    try:
        _create_empty(temp, path)
        yield temp
        descriptor = os.open(temp, os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        try:
            if overwrite:
                os.replace(temp, os.path.realpath(path))
            else:
                move_without_replacing(temp, os.path.realpath(path))
        except FileExistsError:
            raise _exists_error(path) from None
        except OSError as error:
            raise _write_error(path, error) from error
    except BaseException as error:
        with contextlib.suppress(OSError):
            temp.unlink()
        remove_empty(made)
        if isinstance(error, OSError) and error.errno in _NO_SPACE and not isinstance(error, DiskFull):
            raise _disk_full(path) from error
        raise


def move_without_replacing(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
    """Moves a file or folder to a new name. It never replaces what another process puts there meanwhile.

    A hard link does so in one step. File systems without hard links (FAT, some network drives) first get an empty file
    that reserves the name. A folder never replaces a folder that is not empty.

    Raises:
        FileExistsError: The name exists.
    """
    if os.path.isdir(source):
        try:
            os.rename(source, target)
        except OSError as error:
            if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
                raise _exists_error(target) from None
            raise
        return
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        try:
            os.replace(source, target)
        except BaseException:
            os.unlink(target)
            raise
    else:
        os.unlink(source)


def remove_empty(folders: Iterable[Path]) -> None:
    """Removes the folders that are empty, in the given order."""
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()


def as_json(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns settings as JSON can store them: arrays become lists, and other values that JSON lacks become text."""
    return json.loads(json.dumps(dict(settings), default=lambda v: v.tolist() if hasattr(v, 'tolist') else str(v)))


def sidecar(path: str | os.PathLike[str]) -> Path:
    """Returns the path of the file that holds the settings of another: `out.png.json` for `out.png`."""
    return Path(f'{os.fspath(path)}.json')


@contextlib.contextmanager
def settings_beside(path: str | os.PathLike[str], settings: Mapping[str, Any] | None) -> Iterator[None]:
    """Writes the sidecar file of `path` when the block succeeds. Does nothing if `settings` is None."""
    if settings is None:
        yield
        return
    with atomic_write(sidecar(path)) as temp:
        temp.write_text(json.dumps(as_json(settings), indent=2) + '\n', encoding='utf-8')
        yield


def _exists_error(path: str | os.PathLike[str]) -> FileExistsError:
    return FileExistsError(errno.EEXIST, 'exists already and is not overwritten', str(path))


def _disk_full(path: str | os.PathLike[str]) -> DiskFull:
    kept = 'the earlier file is untouched' if os.path.exists(path) else 'no half file is left'
    return DiskFull(
        errno.ENOSPC, f'the disk is full: not written, nothing was lost ({kept}); free some space', str(path)
    )


def _write_error(path: str | os.PathLike[str], error: OSError) -> Exception:
    if error.errno in _NO_SPACE:
        return _disk_full(path)
    return UserError(f'{quoted(path)} cannot be written ({error.strerror}); choose another name or folder')


def _check_is_file(path: str | os.PathLike[str]) -> None:
    real = os.path.realpath(path)
    if os.path.isdir(real):
        raise UserError(f'{quoted(path)} is a folder; give the name of a file in it')
    if os.path.exists(real) and not os.path.isfile(real):
        raise UserError(f'{quoted(path)} is a device or a pipe, not an ordinary file; give the name of a file')
    folder = next(folder for folder in Path(real).parents if os.path.lexists(folder))
    if not folder.is_dir():
        raise UserError(f'{quoted(path)}: {quoted(folder)} is not a folder; choose another folder')


def _make_parents(folder: Path, path: str | os.PathLike[str]) -> list[Path]:
    """Creates a folder and its parents. Returns the folders that were missing, innermost first. Errors name `path`."""
    missing = list(itertools.takewhile(lambda one: not one.exists(), (folder, *folder.parents)))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        remove_empty(missing)
        raise _write_error(path, error) from error
    return missing


def _temporary(path: str | os.PathLike[str]) -> Path:
    real = Path(os.path.realpath(path))
    return real.with_name(f'.{real.name[:50]}.{os.getpid()}-{next(_count)}.tmp')


def _create_empty(temp: Path, path: str | os.PathLike[str]) -> None:
    """Creates the empty file with the permissions of the umask. Errors name `path`."""
    try:
        temp.open('wb').close()
    except OSError as error:
        raise _write_error(path, error) from error
