"""A PNG without what its pixels do not need: Pillow gives up on a whole file for one long text or one bad checksum.

W3C PNG, third edition: a signature, and then chunks of length, kind, data and CRC. The first letter of a kind is in
lower case in what only helps (ancillary chunks).
"""

import struct
import zlib
from collections.abc import Callable, Iterator

SIGNATURE = b'\x89PNG\r\n\x1a\n'
MOST = 1 << 20  # bytes that a packed text or profile may unpack to, as in Pillow (PngImagePlugin.MAX_TEXT_CHUNK)
_LONGEST = 20 << 20  # bytes of a text that is not packed; Pillow allows 64 MB for all texts together
_READ = (b'stylegen', b'XML:com.adobe.xmp', b'Raw profile type exif')  # texts that are read: settings, orientation
_TRANSPARENCY = {0: (2,), 2: (6,), 3: range(1, 257)}  # bytes, by the kind of colour: grey, RGB, palette
_MISSED = {
    b'iCCP': f'its colour profile is not applied (it is damaged, or larger than {MOST >> 20} MB)',
    b'tRNS': 'its transparency is damaged and left out',
    b'eXIf': 'its EXIF data are damaged and left out',
}


def needed(data: bytes) -> tuple[bytes, tuple[str, ...]]:
    """The file with its pixels, and of what only helps what is used and sound.

    Returns:
        The bytes, and lines about what is missed.
    """
    kept, notes, end, colour = [SIGNATURE], [], len(SIGNATURE), 0
    texts: set[bytes] = set()
    for kind, begin, end in _chunks(data):
        content = memoryview(data)[begin + 8 : end - 4]
        if kind == b'IHDR':
            colour = content[9]
        if kind[0] & 0x20:
            check = _SOUND.get(kind)
            if check is None:
                continue
            key = bytes(content[:80]).partition(b'\0')[0] if kind in _TEXTS else kind
            if key in texts or not _intact(data, begin, end) or not check(bytes(content), colour):
                notes += [_MISSED[kind]] if kind in _MISSED else []
                continue
            texts |= {key} if kind in _TEXTS else set()  # the first of each
        kept.append(data[begin:end])
    return b''.join([*kept, data[end:]]), tuple(notes)


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


def _intact(data: bytes, begin: int, end: int) -> bool:
    return zlib.crc32(memoryview(data)[begin + 4 : end - 4]) == struct.unpack_from('>I', data, end - 4)[0]


def _plain_text(content: bytes, colour: int) -> bool:
    return content.startswith(_READ) and len(content) <= _LONGEST


def _packed_text(content: bytes, colour: int) -> bool:
    return content.startswith(_READ) and _unpacks(content.partition(b'\0')[2])


def _international_text(content: bytes, colour: int) -> bool:
    """Key, 0, packed or not, method, language, 0, translated key, 0, text."""
    key, _, rest = content.partition(b'\0')
    if rest[:1] != b'\1':
        return _plain_text(content, colour)
    return _packed_text(key + b'\0' + rest[1:2] + rest[2:].split(b'\0', 2)[-1], colour)


def _unpacks(content: bytes) -> bool:
    """Whether this is a method of packing and something packed that is not empty, nor more than MOST."""
    try:
        return content[:1] == b'\0' and 0 < len(zlib.decompressobj().decompress(content[1:], MOST + 1)) <= MOST
    except zlib.error:
        return False


_TEXTS = {b'tEXt': _plain_text, b'zTXt': _packed_text, b'iTXt': _international_text}
_SOUND: dict[bytes, Callable[[bytes, int], bool]] = {
    **_TEXTS,
    b'iCCP': lambda content, colour: _unpacks(content.partition(b'\0')[2]),
    b'tRNS': lambda content, colour: len(content) in _TRANSPARENCY.get(colour, ()),
    b'eXIf': lambda content, colour: True,
    b'acTL': lambda content, colour: len(content) == 8,  # of an animation
    b'fcTL': lambda content, colour: len(content) == 26,
    b'fdAT': lambda content, colour: True,
}
