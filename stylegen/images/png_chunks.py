"""Drops the chunks of a PNG that its pixels do not need. Pillow rejects a whole file for one long text or bad checksum.

W3C PNG, third edition: a signature, then chunks of length, kind, data and CRC. The kind of an ancillary chunk, which
the pixels do not need, begins with a lower-case letter.
"""

import struct
import zlib
from collections.abc import Callable, Iterator

SIGNATURE = b'\x89PNG\r\n\x1a\n'
MAX_UNPACKED = 1 << 20  # bytes of an unpacked text or profile, as in Pillow (PngImagePlugin.MAX_TEXT_CHUNK)
_MAX_PLAIN = 20 << 20  # bytes of an uncompressed text; Pillow allows 64 MB for all texts together
_HEADER_BYTES = 13  # of IHDR
_READ = (b'stylegen', b'XML:com.adobe.xmp', b'Raw profile type exif')  # the texts we read: settings and orientation
_TRANSPARENCY = {0: (2,), 2: (6,), 3: range(1, 257)}  # allowed lengths by colour type: grey, RGB, palette
_DROPPED_NOTES = {
    b'iCCP': f'its colour profile is not applied (it is damaged, or larger than {MAX_UNPACKED >> 20} MB)',
    b'tRNS': 'its transparency is damaged and left out',
    b'eXIf': 'its EXIF data are damaged and left out',
}


def essential_chunks(data: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Returns the file with its pixels and with the ancillary chunks that are used and valid.

    Returns:
        The bytes, and notes about what was dropped.
    """
    kept, notes, end, colour = [SIGNATURE], [], len(SIGNATURE), 0
    texts: set[bytes] = set()
    for kind, begin, end in _chunks(data):
        content = memoryview(data)[begin + 8 : end - 4]
        if kind == b'IHDR' and len(content) == _HEADER_BYTES:  # Pillow refuses a header of another length
            colour = content[9]
        if kind[0] & 0x20:
            check = _CHECKS.get(kind)
            if check is None:
                continue
            key = bytes(content[:80]).partition(b'\0')[0] if kind in _TEXTS else kind
            if key in texts or not _intact(data, begin, end) or not check(bytes(content), colour):
                notes += [_DROPPED_NOTES[kind]] if kind in _DROPPED_NOTES else []
                continue
            texts |= {key} if kind in _TEXTS else set()  # keep only the first text of each key
        kept.append(data[begin:end])
    return b''.join([*kept, data[end:]]), tuple(notes)


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yields the kind, begin and end of each complete chunk."""
    begin = len(SIGNATURE)
    while begin + 12 <= len(data):
        length, kind = struct.unpack_from('>I4s', data, begin)
        end = begin + 12 + length
        if end > len(data):
            return
        yield kind, begin, end
        begin = end


def _intact(data: bytes, begin: int, end: int) -> bool:
    return zlib.crc32(memoryview(data)[begin + 4 : end - 4]) == struct.unpack_from('>I', data, end - 4)[0]


def _plain_text(content: bytes, colour: int) -> bool:
    return content.startswith(_READ) and len(content) <= _MAX_PLAIN


def _packed_text(content: bytes, colour: int) -> bool:
    return content.startswith(_READ) and _decompresses(content.partition(b'\0')[2])


def _international_text(content: bytes, colour: int) -> bool:
    """Checks an iTXt chunk: key, 0, compressed or not, method, language, 0, translated key, 0, text."""
    key, _, rest = content.partition(b'\0')
    if rest[:1] != b'\1':
        return _plain_text(content, colour)
    return _packed_text(key + b'\0' + rest[1:2] + rest[2:].split(b'\0', 2)[-1], colour)


def _decompresses(content: bytes) -> bool:
    """Returns whether the data decompress to between 1 and MAX_UNPACKED bytes."""
    try:
        return (
            content[:1] == b'\0'
            and 0 < len(zlib.decompressobj().decompress(content[1:], MAX_UNPACKED + 1)) <= MAX_UNPACKED
        )
    except zlib.error:
        return False


_TEXTS = {b'tEXt': _plain_text, b'zTXt': _packed_text, b'iTXt': _international_text}
_CHECKS: dict[bytes, Callable[[bytes, int], bool]] = {
    **_TEXTS,
    b'iCCP': lambda content, colour: _decompresses(content.partition(b'\0')[2]),
    b'tRNS': lambda content, colour: len(content) in _TRANSPARENCY.get(colour, ()),
    b'eXIf': lambda content, colour: True,
    b'acTL': lambda content, colour: len(content) == 8,  # acTL, fcTL and fdAT belong to animations
    b'fcTL': lambda content, colour: len(content) == 26,
    b'fdAT': lambda content, colour: True,
}
