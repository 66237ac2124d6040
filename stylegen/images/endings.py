"""Tells clips that were cut short where ffmpeg does not: AVI, WMV, transport and program streams.

MP4, MOV, MKV and WebM need nothing here: ffmpeg says that they end early.
"""

from __future__ import annotations

import os
from typing import BinaryIO

TAIL = 1 << 18  # bytes at the end of a program stream in which its last pack begins
PACKETS = {0: 188, 4: 192}  # where the first sync byte of a transport stream is -> bytes of a packet
_SYNC, _PACK = 0x47, b'\x00\x00\x01\xba'
_ASF, _PROPERTIES = (
    bytes.fromhex(guid) for guid in ('3026b2758e66cf11a6d900aa0062ce6c', 'a1dcab8c47a9cf118ee400c00c205365')
)


def is_cut_short(file: BinaryIO) -> bool:
    """Returns whether a clip surely ends early: within a packet, or before the size that its header says.

    A transport stream (.ts) or program stream (.mpg) that was cut between two packets is whole by its own rules.

    Args:
        file: The open file, of any kind. What it is not told of is not cut short.
    """
    size, head = file.seek(0, os.SEEK_END), _read(file, 0, 1 << 16)
    for start, length in PACKETS.items():
        if len(head) > start + 2 * length and all(head[start + n * length] == _SYNC for n in range(3)):
            return size % length > 0
    if head.startswith(_ASF):
        return size < _asf_size(head)
    if head.startswith(b'RIFF'):
        return size < _riff_size(file, size)
    return head.startswith(_PACK) and _ends_within_pack(_read(file, max(0, size - TAIL), TAIL))


def _read(file: BinaryIO, start: int, count: int) -> bytes:
    file.seek(start)
    return file.read(count)


def _asf_size(head: bytes) -> int:
    """The size of the file that the header of a WMV says; 0 of a broadcast, which has none."""
    place = head.find(_PROPERTIES)
    number = lambda start, length: int.from_bytes(head[place + start : place + start + length], 'little')
    return 0 if place < 0 or number(88, 4) & 1 else number(40, 8)


def _riff_size(file: BinaryIO, size: int) -> int:
    """The size of the file that the headers of an AVI say; a long one has several."""
    place = 0
    while place < size and (header := _read(file, place, 8)).startswith(b'RIFF'):
        length = int.from_bytes(header[4:], 'little')
        place += 8 + length + length % 2
    return place


def _ends_within_pack(tail: bytes) -> bool:
    """Whether the last packet of a program stream is longer than what is left of the file."""
    place = tail.rfind(_PACK)
    if place < 0 or len(tail) < place + 14:
        return place >= 0
    place += 14 + (tail[place + 13] & 7) if tail[place + 4] >> 6 == 1 else 12  # MPEG-2, with stuffing; MPEG-1
    while tail[place : place + 3] == b'\x00\x00\x01' and tail[place + 3 : place + 4] > b'\xb9':
        place += 6 + int.from_bytes(tail[place + 4 : place + 6], 'big')
    rest = tail[place:]
    return place > len(tail) or (0 < len(rest) < 4 and b'\x00\x00\x01'.startswith(rest[:3]))
