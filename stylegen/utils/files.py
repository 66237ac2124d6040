"""Whole files or none: written beside the target, made safe on the disk, then moved over it in one step."""

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
_FULL = {errno.ENOSPC, errno.EDQUOT}
_count = itertools.count()


class DiskFull(OSError):
    """ENOSPC or EDQUOT, once it is certain that nothing was lost."""


def shown(path: str | os.PathLike[str]) -> str:
    """A path for a message: quoted, on one line, and not endless."""
    text = os.fspath(path)
    return repr(text if len(text) <= 300 else f'{text[:150]}...{text[-50:]}')


@contextlib.contextmanager
def reading(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Gives a file, open at its first byte; `~` is expanded.

    Raises:
        UserError: where it is missing, a folder, a web address, a device, unreadable or empty.
    """
    name = os.path.expanduser(os.fspath(path))
    if re.match(r'data:|[A-Za-z][A-Za-z0-9+.-]+:/', name):
        raise UserError(f'{shown(name)} is an address, not a file; download it first and give the path of the file')
    if os.path.isdir(name):
        raise UserError(f'{shown(name)} is a folder; give the path of one file in it')
    try:
        with open(name, 'rb') as file:
            if stat.S_ISCHR(os.fstat(file.fileno()).st_mode):
                raise UserError(f'{shown(name)} is a device; give the path of a file')
            if not file.peek(1):
                raise UserError(f'{shown(name)} is empty (0 bytes); copy or download it again')
            yield file
    except FileNotFoundError:
        raise UserError(f'{shown(name)} does not exist (seen from {os.getcwd()}); check the path') from None
    except PermissionError:
        raise UserError(f'{shown(name)} may not be read by this user; change its permissions') from None
    except UserError:
        raise
    except (OSError, ValueError) as error:
        reason = getattr(error, 'strerror', None) or error
        raise UserError(f'{shown(name)} cannot be read ({reason}); check the path') from error


def digest_of(path: Path, algorithm: str = 'sha256') -> str:
    """The digest of a file's bytes, in hexadecimal."""
    hasher = hashlib.new(algorithm, usedforsecurity=False)
    with path.open('rb') as file:  # hashlib.file_digest needs Python 3.11
        while chunk := file.read(1 << 20):
            hasher.update(chunk)
    return hasher.hexdigest()


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a file.

    Raises:
        UserError: what `reading` refuses, and a file larger than MAX_BYTES.
    """
    with reading(path) as file:
        if os.fstat(file.fileno()).st_size > MAX_BYTES:
            raise UserError(f'{shown(path)} is larger than {MAX_BYTES >> 30} GiB; make it smaller first')
        return file.read()


def make_folder(path: str | os.PathLike[str], flag: str = 'workdir') -> Path:
    """The folder, made if missing.

    Args:
        path: of the folder.
        flag: that another one can be given by, for the message.

    Raises:
        UserError: it cannot be made.
    """
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f'cannot make the folder {path} ({error.strerror}); give another --{flag}') from None
    return Path(path)


def check_target(path: str | os.PathLike[str], suffixes: Iterable[str]) -> None:
    """Refuse, before any work is done, a path that could not be written; the target itself is left alone.

    Args:
        path: the file to be written.
        suffixes: those that are allowed, lower case with their dot.

    Raises:
        UserError: another suffix; a folder that cannot be made or written into; a path that is no ordinary file.
    """
    suffix = Path(path).suffix
    if suffix.lower() not in (suffixes := list(suffixes)):
        what = f'the suffix {suffix!r} is not one that can be written' if suffix else 'there is no suffix'
        raise UserError(f'{shown(path)}: {what}; use one of {", ".join(suffixes)}')
    _check_place(path)
    temp = _temporary(path)
    folder = next(folder for folder in temp.parents if folder.exists())  # in which the missing ones would be made
    _open(folder / temp.name, path)
    (folder / temp.name).unlink()


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str], overwrite: bool = True) -> Iterator[Path]:
    """Gives the path of a new empty file that takes the place of `path` when the block ends, in one step.

    The new file is hidden, in the same folder, named `.NAME.PID-N.tmp`; only a killed process leaves it behind. Where
    the block or the disk fails it is removed, and what stood at `path` stays as it was. Symbolic links are followed.
    Missing folders are made, and removed again where nothing comes into them.

    Args:
        path: of the file.
        overwrite: False leaves a file that is there, also one that another process makes meanwhile.

    Raises:
        FileExistsError: where `path` is there and is not to be overwritten.
        UserError: where the folder cannot be made or written into, or `path` is no ordinary file.
        DiskFull: where the disk is full.
    """
    if not overwrite and os.path.lexists(path):
        raise _taken(path)
    _check_place(path)
    temp = _temporary(path)
    made = _make_parents(temp.parent, path)
    try:
        _open(temp, path)
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
                place_new(temp, os.path.realpath(path))
        except FileExistsError:
            raise _taken(path) from None
        except OSError as error:
            raise _refused(path, error) from error
    except BaseException as error:
        with contextlib.suppress(OSError):
            temp.unlink()
        remove_empty(made)
        if isinstance(error, OSError) and error.errno in _FULL and not isinstance(error, DiskFull):
            raise _full(path) from error
        raise


def place_new(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
    """Moves a file or folder to a name that is free: what another process puts there meanwhile is never replaced.

    A hard link does that in one step. File systems without them (FAT, some of networks) get an empty file first, which
    the name is claimed by. A folder is never moved over one that has something in it.

    Raises:
        FileExistsError: the name is taken.
    """
    if os.path.isdir(source):
        try:
            os.rename(source, target)
        except OSError as error:
            if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
                raise _taken(target) from None
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
    """Removes folders, in this order, as far as nothing is in them."""
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()


def plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as JSON has them: arrays become lists, and what JSON lacks (a path, say) its text."""
    return json.loads(json.dumps(dict(settings), default=lambda v: v.tolist() if hasattr(v, 'tolist') else str(v)))


def sidecar(path: str | os.PathLike[str]) -> Path:
    """Where the settings of a file are kept: `out.png.json` beside `out.png`."""
    return Path(f'{os.fspath(path)}.json')


@contextlib.contextmanager
def settings_beside(path: str | os.PathLike[str], settings: Mapping[str, Any] | None) -> Iterator[None]:
    """Writes the sidecar of `path`, which takes its place when the block ends well; without settings, nothing."""
    if settings is None:
        yield
        return
    with replacing(sidecar(path)) as temp:
        temp.write_text(json.dumps(plain(settings), indent=2) + '\n', encoding='utf-8')
        yield


def _taken(path: str | os.PathLike[str]) -> FileExistsError:
    return FileExistsError(errno.EEXIST, 'is there already and is not overwritten', str(path))


def _full(path: str | os.PathLike[str]) -> DiskFull:
    kept = 'the earlier file is untouched' if os.path.exists(path) else 'no half file is left'
    return DiskFull(
        errno.ENOSPC, f'the disk is full: not written, nothing was lost ({kept}); free some space', str(path)
    )


def _refused(path: str | os.PathLike[str], error: OSError) -> Exception:
    if error.errno in _FULL:
        return _full(path)
    return UserError(f'{shown(path)} cannot be written ({error.strerror}); choose another name or folder')


def _check_place(path: str | os.PathLike[str]) -> None:
    real = os.path.realpath(path)
    if os.path.isdir(real):
        raise UserError(f'{shown(path)} is a folder; give the name of a file in it')
    if os.path.exists(real) and not os.path.isfile(real):
        raise UserError(f'{shown(path)} is a device or a pipe, not an ordinary file; give the name of a file')
    folder = next(folder for folder in Path(real).parents if os.path.lexists(folder))
    if not folder.is_dir():
        raise UserError(f'{shown(path)}: {shown(folder)} is not a folder; choose another folder')


def _make_parents(folder: Path, path: str | os.PathLike[str]) -> list[Path]:
    """Makes a folder and those above it; those that were missing, the innermost first. Names `path` in its errors."""
    missing = list(itertools.takewhile(lambda one: not one.exists(), (folder, *folder.parents)))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        remove_empty(missing)
        raise _refused(path, error) from error
    return missing


def _temporary(path: str | os.PathLike[str]) -> Path:
    real = Path(os.path.realpath(path))
    return real.with_name(f'.{real.name[:50]}.{os.getpid()}-{next(_count)}.tmp')


def _open(temp: Path, path: str | os.PathLike[str]) -> None:
    """Make the empty file, with the permissions that the umask gives; names `path` in its errors."""
    try:
        temp.open('wb').close()
    except OSError as error:
        raise _refused(path, error) from error
