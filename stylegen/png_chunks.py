"""A PNG without what its pixels do not need: Pillow gives up on a whole file for one long text or one bad checksum.

W3C PNG, third edition: a signature, and then chunks of length, kind, data and CRC. The second letter of a kind is in
lower case in what only helps (ancillary chunks).
"""

import struct
import zlib
from collections.abc import Iterator

SIGNATURE = b'\x89PNG\r\n\x1a\n'
MOST = 1 << 20  # bytes that a packed text or profile may unpack to, as in Pillow (PngImagePlugin.MAX_TEXT_CHUNK)
_ALL = 60 << 20  # bytes of all texts together; Pillow allows 64 MB
_PROFILE, _TEXTS = b'iCCP', (b'tEXt', b'zTXt', b'iTXt')


def without_burden(data: bytes) -> tuple[bytes, tuple[str, ...]]:
    """The file without texts and profiles that are too long, and without damaged chunks that only help.

    Returns:
        The bytes, and lines about what is missed: not about texts.
    """
    kept, notes, texts, start = [SIGNATURE], [], 0, len(SIGNATURE)
    for kind, begin, end in _chunks(data):
        burden = _helps(kind) and _damaged(data, begin, end)
        if kind == _PROFILE or kind in _TEXTS:
            packed, size = _unpacked(kind, data[begin + 8 : end - 4])
            burden = burden or (packed and size > MOST) or texts + size > _ALL
            texts += 0 if burden or kind == _PROFILE else size
        if not burden:
            kept.append(data[begin:end])
        elif kind == _PROFILE:
            notes.append(f'its colour profile is not applied (it is damaged, or larger than {MOST >> 20} MB)')
        elif kind not in _TEXTS:
            notes.append(f'its part {kind.decode("ascii", "replace")} is damaged and left out')
        start = end
    return (b''.join([*kept, data[start:]]), tuple(notes)) if sum(map(len, kept)) < start else (data, ())


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """The kind of each whole chunk, and where it begins and ends."""
    begin = len(SIGNATURE)
    while begin + 12 <= len(data):
        length, kind = struct.unpack_from('>I4s', data, begin)
        end = begin + 12 + length
        if end > len(data):
            return
        yield kind, begin, end
        begin = end


def _helps(kind: bytes) -> bool:
    return bool(kind[0] & 0x20) and kind != b'fdAT'  # the pixels of an animation


def _damaged(data: bytes, begin: int, end: int) -> bool:
    return zlib.crc32(memoryview(data)[begin + 4 : end - 4]) != struct.unpack_from('>I', data, end - 4)[0]


def _unpacked(kind: bytes, content: bytes) -> tuple[bool, int]:
    """Whether a text or profile is packed, and how many bytes it has unpacked; more than MOST counts as one more."""
    _, _, rest = content.partition(b'\0')
    packed = kind in (b'zTXt', _PROFILE) or (kind == b'iTXt' and rest[:1] == b'\1')
    if not packed:
        return False, len(rest)
    rest = rest[2:].split(b'\0', 2)[-1] if kind == b'iTXt' else rest[1:]
    try:
        return True, len(zlib.decompressobj().decompress(rest, MOST + 1))
    except zlib.error:  # Pillow takes it for empty
        return True, 0
