"""Files by plain paths and by addresses of `fsspec`: listed one by one, fetched, and written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from stylegen.images.io import SUFFIXES
from stylegen.utils.errors import UserError

# Stores that rename in one step. Others (s3, gs, az) show an object only when all of its bytes are there.
RENAMING = {'file', 'local', 'sftp', 'ssh', 'hdfs', 'webhdfs', 'smb'}
_PART = re.compile(r'\..*\.[0-9a-f]{32}\.part')


def is_address(text: str) -> bool:
    """Whether a text is an address, such as s3://bucket/photos, and no path."""
    return re.match(r'[A-Za-z][A-Za-z0-9+.-]+://', text) is not None


def name_of(address: str) -> str:
    """The last part of a path or an address."""
    return PurePosixPath(address).name if is_address(address) else Path(address).name


def natural_key(name: str) -> str:
    """A key by which picture 2 comes before picture 10."""
    return re.sub(r'\d+', lambda digits: f'{int(digits[0]):020}', name.casefold())


def join(folder: str, name: str) -> str:
    """The path or address of a file in a folder."""
    return f'{folder.rstrip("/")}/{name}' if is_address(folder) else str(Path(folder, name))


def driver_only(address: str) -> bool:
    """Whether only the driver, the process that started the work, can reach a store. Its files travel through Ray."""
    return address.startswith('memory://')


def open_store(address: str) -> tuple[Any, str]:
    """The file system of an address, and the path in it.

    Raises:
        UserError: There is no such store, or the package that speaks with it is missing.
    """
    try:
        import fsspec

        return fsspec.core.url_to_fs(address)
    except ImportError as error:
        raise UserError(f'{address}: {error}; pip install "stylegen[cluster]" and the package of the store') from None
    except ValueError as error:
        raise UserError(f'{address}: {error}') from None


def is_folder(address: str) -> bool:
    """Whether there is a folder."""
    if not is_address(address):
        return os.path.isdir(address)
    store, path = open_store(address)
    return store.isdir(path)


def file_names(folder: str) -> Iterator[str]:
    """Yields the names of the files in a folder, in any order. A store's listing is as long as `fsspec` makes it."""
    if not is_address(folder):
        if os.path.isdir(folder):
            with os.scandir(folder) as entries:
                yield from (entry.name for entry in entries if entry.is_file())
        return
    store, path = open_store(folder)
    with contextlib.suppress(FileNotFoundError):
        for entry in store.ls(path, detail=True):
            if entry['type'] == 'file':
                yield PurePosixPath(entry['name']).name


def pictures_of(source: str) -> Iterator[str]:
    """Yields the addresses of the pictures of a folder, or the one of a picture.

    Raises:
        UserError: A folder has no pictures.
    """
    if not is_folder(source):
        yield source if is_address(source) else str(Path(source))  # as one process calls it
        return
    found = False
    for name in file_names(source):
        if not name.startswith('.') and Path(name).suffix.lower() in SUFFIXES:
            found = True
            yield join(source, name)
    if not found:
        raise UserError(f'there are no pictures in {source} ({", ".join(SUFFIXES)})')


def read(address: str) -> bytes:
    """The bytes of a file in a store.

    Raises:
        UserError: It is not there.
    """
    store, path = open_store(address)
    try:
        return store.cat_file(path)
    except FileNotFoundError:
        raise UserError(f'{address} does not exist; check the address') from None


def write(address: str, data: bytes) -> None:
    """Writes a small file into a store."""
    store, path = open_store(address)
    with contextlib.suppress(NotImplementedError, FileExistsError):
        store.makedirs(store._parent(path), exist_ok=True)
    store.pipe_file(path, data)


def fetch(address: str, folder: Path) -> Path:
    """The path of a local copy of a file; of a plain path, itself.

    Raises:
        UserError: It is not there.
    """
    if not is_address(address):
        return Path(address)
    store, path = open_store(address)
    copy = folder / name_of(address)
    try:
        store.get_file(path, str(copy))
    except FileNotFoundError:
        raise UserError(f'{address} does not exist; check the address') from None
    return copy


def put(file: Path, address: str) -> None:
    """Copies a local file to a path or an address; it appears there in one step where the store can do so."""
    part = f'.{name_of(address)[:100]}.{uuid.uuid4().hex}.part'
    if not is_address(address):
        target = Path(address)
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(part)
        try:
            shutil.copyfile(file, beside)
            with beside.open('rb') as written:
                os.fsync(written.fileno())
            os.replace(beside, target)
        finally:
            beside.unlink(missing_ok=True)
        return
    store, path = open_store(address)
    if address.partition('://')[0] not in RENAMING:
        store.put_file(str(file), path)
        return
    beside_path = join(store._parent(path), part)
    store.makedirs(store._parent(path), exist_ok=True)
    store.put_file(str(file), beside_path)
    store.mv(beside_path, path)


def remove_parts(folder: str) -> None:
    """Removes the half-written files of killed workers from a local folder."""
    if not is_address(folder):
        for name in file_names(folder):
            if _PART.fullmatch(name):
                Path(folder, name).unlink(missing_ok=True)
