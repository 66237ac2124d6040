"""Files of pictures for tests: how they are written, and what is read from them."""

import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from stylegen.images import load_image
from stylegen.utils.errors import UserError
from stylegen.utils.notes import Note

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8)
GREY = np.tile(np.arange(256, dtype=np.uint8), (4, 1))


def saved(tmp_path, array, name, mode=None, **options):
    image = array if isinstance(array, Image.Image) else Image.fromarray(array)
    image = image if mode is None else image.convert(mode)
    image.save(tmp_path / name, **options)
    return tmp_path / name


def smooth():
    y, x = np.mgrid[0:40, 0:60]
    return np.stack([x * 4, y * 6, (x + y) * 2], -1).astype(np.uint8)


def as_bytes(path, **options):
    pixels = load_image(path, **options)
    assert pixels.dtype == np.float32
    assert pixels.ndim == 3
    assert pixels.min() >= 0
    assert pixels.max() <= 1
    assert pixels.flags.c_contiguous
    return np.rint(pixels * 255).astype(int)


def png16(array):
    """A 16-bit PNG of grey (HxW) or RGB (HxWx3), by hand."""

    def chunk(kind, data):
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))

    kind = 0 if array.ndim == 2 else 2
    rows = b''.join(b'\0' + row.astype('>u2').tobytes() for row in array)
    header = struct.pack('>IIBBBBB', array.shape[1], array.shape[0], 16, kind, 0, 0, 0)
    return b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + chunk(b'IDAT', zlib.compress(rows, 1)) + chunk(b'IEND', b'')


def tiff(array, order, kind=1):
    """An uncompressed grey TIFF of 16 or 32 bits, by hand; `kind` is SampleFormat."""
    array = array.astype(array.dtype.newbyteorder(order))
    data = array.tobytes()
    bits = array.dtype.itemsize * 8
    tags = [(256, array.shape[1]), (257, array.shape[0]), (258, bits), (259, 1), (262, 1), (273, 8), (277, 1)]
    tags += [(278, array.shape[0]), (279, len(data)), (339, kind)]
    pack = lambda *v: struct.pack(order + v[0], *v[1:])
    entries = b''.join(pack('HHII', tag, 4, 1, value) for tag, value in tags)
    return (
        {'<': b'II', '>': b'MM'}[order]
        + pack('HI', 42, 8 + len(data))
        + data
        + pack('H', len(tags))
        + entries
        + bytes(4)
    )


def noted(path, load=load_image):
    """A picture that is read, and the lines that are said of it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        picture = load(path)
    assert all(one.category is Note and one.filename == __file__ for one in caught)
    return picture, [str(one.message).removeprefix(f'{str(path)!r}: ') for one in caught]


def chunk(kind, data):
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))


def message(path, **options):
    with pytest.raises(UserError) as caught:
        load_image(path, **options)
    text = str(caught.value)
    assert '\n' not in text
    assert len(text) < 700
    return text
