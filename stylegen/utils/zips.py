"""Members of a zip, unpacked no further than the memory allows: a few kilobytes may say that they hold terabytes."""

import zipfile
from typing import IO

from stylegen.utils.errors import UserError
from stylegen.utils.memory import available_memory, format_memory

SHARE = 0.8  # of the memory that is free, that one member may take
_PIECE = 4096  # bytes; zipfile unpacks a piece of these methods as a whole, to some 20,000 times as much
_IN_PIECES = (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


class TooLarge(UserError):
    """What does not fit into the memory."""


def refuse_larger(size: float, what: str, most: float | None = None) -> None:
    """Refuses what has more bytes than `most`, by default those that are free.

    Raises:
        TooLarge: With both numbers.
    """
    allowed = SHARE * available_memory() if most is None else most
    if size > allowed:
        raise TooLarge(
            f'{what} unpacks to {format_memory(size)}, and may to {format_memory(allowed)}; make it smaller, or free '
            'some memory'
        )


def unpack(archive: zipfile.ZipFile, name: str, what: str, most: float | None = None) -> bytes:
    """The bytes of a member, never more than the archive says that it has.

    Args:
        archive: Open for reading.
        name: Of the member; KeyError where there is none.
        what: It is called in an error.
        most: Bytes that it may have; by default what is free.

    Raises:
        TooLarge: It says that it has more.
    """
    info = archive.getinfo(name)
    refuse_larger(info.file_size, what, most)
    with archive.open(info) as stream:
        return b''.join(iter(lambda: _next(stream, info), b''))


def _next(stream: IO[bytes], info: zipfile.ZipInfo) -> bytes:
    return stream.read(_PIECE if info.compress_type in _IN_PIECES else max(info.file_size, 1))
