"""Unpacks members of a zip only as far as memory allows: a few kilobytes may claim to hold terabytes."""

import zipfile
from typing import IO

from stylegen.utils.errors import UserError
from stylegen.utils.memory import available_memory, format_memory

SHARE = 0.8  # the part of the free memory that one member may take
_PIECE = 4096  # bytes; zipfile unpacks a whole piece at once, to up to about 20,000 times its size
_PIECEWISE = (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


class TooLarge(UserError):
    """The content does not fit into memory."""


def refuse_larger(size: float, what: str, most: float | None = None) -> None:
    """Refuses content of more than `most` bytes; by default most of the free memory is allowed.

    Raises:
        TooLarge: The error states both sizes.
    """
    allowed = SHARE * available_memory() if most is None else most
    if size > allowed:
        raise TooLarge(
            f'{what} unpacks to {format_memory(size)}; the limit is {format_memory(allowed)}; make it smaller, or free '
            'some memory'
        )


def unpack(archive: zipfile.ZipFile, name: str, what: str, most: float | None = None) -> bytes:
    """Returns the bytes of a member, never more than the archive declares.

    Args:
        archive: Open for reading.
        name: The name of the member; KeyError if there is none.
        what: How an error calls it.
        most: The allowed bytes; by default most of the free memory.

    Raises:
        TooLarge: The archive declares more bytes.
    """
    info = archive.getinfo(name)
    refuse_larger(info.file_size, what, most)
    with archive.open(info) as stream:
        return b''.join(iter(lambda: _read_piece(stream, info), b''))


def _read_piece(stream: IO[bytes], info: zipfile.ZipInfo) -> bytes:
    return stream.read(_PIECE if info.compress_type in _PIECEWISE else max(info.file_size, 1))
