"""Lists and reads the picture files in a folder, a .zip or a .tar, at any depth."""

import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import NoReturn

from stylegen.images.io import SUFFIXES
from stylegen.utils.errors import UserError
from stylegen.utils.files import quoted, reading, refuse_special_file
from stylegen.utils.memory import available_memory, format_memory
from stylegen.utils.zips import unpack

Read = Callable[[str], bytes]
LARGEST = 1 << 30  # bytes of a picture file
HELD_SHARE = 0.25  # part of the free memory that the files of a compressed .tar may take


def listing(path: Path) -> tuple[list[str], Read]:
    """Lists the picture files below `path` by their suffix, sorted, without hidden ones.

    Returns:
        The names relative to `path`, with '/' between folders; and a function that returns the bytes of a name. Several
        threads may call it at the same time.

    Raises:
        UserError: The path does not exist, is of another kind or damaged, or has no pictures.
    """
    if path.is_dir():
        names, read = _folder(path)
    else:
        with reading(path):
            pass
        opener = next((ARCHIVES[suffix] for suffix in ARCHIVES if path.name.lower().endswith(suffix)), None)
        if opener is None:
            kinds = ', '.join(ARCHIVES)
            raise UserError(f'{quoted(path)} is neither a folder nor a set of pictures ({kinds}, .npz); give one')
        names, read = opener(path)
    names = sorted(name for name in names if _is_picture(name))
    if not names:
        raise UserError(f'there are no pictures in {quoted(path)} ({", ".join(SUFFIXES)}); give another folder or file')
    return names, read


def _is_picture(name: str) -> bool:
    path = PurePosixPath(name)
    hidden = any(part.startswith('.') or part == '__MACOSX' for part in path.parts)
    return path.suffix.lower() in SUFFIXES and not hidden


def _folder(path: Path) -> tuple[list[str], Read]:
    names, seen = [], set()

    def refuse(error: OSError) -> NoReturn:
        raise UserError(f'{quoted(error.filename or path)} cannot be listed ({error.strerror}); check its permissions')

    for folder, inner, files in os.walk(path, onerror=refuse, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:  # a link to a parent folder
            inner.clear()
            continue
        seen.add(real)
        inner.sort()  # the order must not depend on the file system
        names += [Path(folder, file).relative_to(path).as_posix() for file in files]

    def whole(name: str) -> bytes:
        refuse_special_file(path / name)
        with open(path / name, 'rb') as file:
            return _read_if_small(name, os.fstat(file.fileno()).st_size, file.read)

    return names, lambda name: _read_or_explain(name, lambda: whole(name))


def _read_or_explain(name: str, read: Callable[[], bytes]) -> bytes:
    try:
        return read()
    except OSError as error:
        raise UserError(
            f'{quoted(name)} cannot be read ({error.strerror or error}); is its disk still there?'
        ) from None


def _read_if_small(name: str, size: int, read: Callable[[], bytes]) -> bytes:
    if size > LARGEST:
        raise UserError(f'{quoted(name)} is larger than {LARGEST >> 30} GiB; make it smaller first')
    return read()


def _broken(path: Path, error: Exception | str) -> UserError:
    return UserError(f'{quoted(path)} is damaged or cut short ({error}); copy or download it again')


def _zip(path: Path) -> tuple[list[str], Read]:
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise _broken(path, error) from None

    def read(name: str) -> bytes:
        try:
            return unpack(archive, name, quoted(name), LARGEST)
        except UserError:
            raise
        except Exception as error:  # errors of zipfile and its decompressors
            raise UserError(f'{quoted(name)} cannot be unpacked ({error}); copy or download it again') from None

    return [info.filename for info in archive.infolist() if not info.is_dir()], read


def _tar(path: Path) -> tuple[list[str], Read]:
    try:
        with tarfile.open(path, 'r:') as archive, open(path, 'rb') as file:
            places = {m.name: (m.offset_data, m.size) for m in archive if m.isfile() and not m.issparse()}
            file.seek(archive.offset)
            has_end = not any(file.read(tarfile.BLOCKSIZE) or b'cut')  # tarfile does not report a truncated file
    except tarfile.ReadError:
        return _compressed_tar(path)
    except (tarfile.TarError, OSError, ValueError) as error:
        raise _broken(path, error) from None
    if not has_end:
        raise _broken(path, 'it has no end')

    def read(name: str) -> bytes:
        start, size = places[name]

        def part() -> bytes:
            with open(path, 'rb') as file:
                file.seek(start)
                return file.read(size)

        return _read_or_explain(name, lambda: _read_if_small(name, size, part))

    return list(places), read


def _compressed_tar(path: Path) -> tuple[list[str], Read]:
    """Reads all picture files into memory, because a compressed .tar has no random access."""
    allowed, total = HELD_SHARE * available_memory(), 0
    held: dict[str, bytes] = {}
    try:
        with tarfile.open(path, 'r|*') as archive:
            for member in archive:
                file = archive.extractfile(member) if member.isfile() and _is_picture(member.name) else None
                if file is None:
                    continue
                total += member.size
                if total > allowed:
                    raise UserError(f'{quoted(path)} holds more than {format_memory(allowed)}; unpack it to a folder')
                held[member.name] = file.read()
    except (UserError, MemoryError):
        raise
    except Exception as error:  # errors of tarfile and its decompressors
        raise _broken(path, error) from None
    return list(held), held.__getitem__


ARCHIVES = {
    '.zip': _zip,
    '.tar': _tar,
    '.tar.gz': _compressed_tar,
    '.tgz': _compressed_tar,
    '.tar.bz2': _compressed_tar,
    '.tar.xz': _compressed_tar,
}
