"""PNG and TIFF with 16 bits a channel. Pillow can neither read nor write these in colour; OpenCV reads them."""

import struct
import zlib

import numpy as np
from PIL import Image

_BITS = 258  # the TIFF tag BitsPerSample


def is_colour(data: bytes, image: Image.Image) -> bool:
    """Returns whether a file has 16 bits a channel and several channels. `image` is the file as Pillow opened it."""
    if image.format == 'PNG':
        return data[24:26] in (b'\x10\x02', b'\x10\x04', b'\x10\x06')  # depth; RGB, grey and alpha, or RGBA
    return image.format == 'TIFF' and getattr(image, 'tag_v2', {}).get(_BITS) in ((16,) * 3, (16,) * 4)


def read_at_16_bits(
    data: bytes, pixels: np.ndarray, alpha: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray | None, str]:
    """Reads at 16 bits the pixels and alpha that Pillow read from a PNG or TIFF at 8 bits.

    They are used only if they round to what Pillow read. So nothing is lost that OpenCV does not know: a colour
    profile, an orientation or a storage layout.

    Returns:
        The pixels, alpha, and why they are still at 8 bits; '' if they are not.
    """
    try:
        import cv2
    except ImportError:
        return pixels, alpha, 'read at 8 bits a channel; 16 need OpenCV, pip install "stylegen[video]"'
    try:
        read = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        read = None
    if read is not None and read.ndim == 3 and read.dtype == np.uint16:
        unit = read.astype(np.float32) / np.float32(65535)
        deep, opacity = unit[..., 2::-1], unit[..., 3] if unit.shape[2] == 4 else None
        if _rounds_to(deep, pixels) and (alpha is None or (opacity is not None and _rounds_to(opacity, alpha))):
            return np.ascontiguousarray(deep), alpha if alpha is None else np.ascontiguousarray(opacity), ''
    return pixels, alpha, 'read at 8 bits a channel; its colour profile or its layout is not known at 16'


def _rounds_to(deep: np.ndarray, pixels: np.ndarray) -> bool:
    return deep.shape == pixels.shape and bool(np.abs(deep - pixels).max() < 1.01 / 255)


def png_bytes(pixels: np.ndarray, icc: bytes = b'', text: dict[str, str] | None = None) -> bytes:
    """Returns a PNG file (W3C PNG, third edition).

    Args:
        pixels: HxWx3 (RGB) or HxWx4 (RGBA) uint16.
        icc: An ICC profile; empty for none.
        text: Keyword -> text, written as uncompressed iTXt.
    """
    height, width, channels = pixels.shape
    header = struct.pack('>IIBBBBB', width, height, 16, {3: 2, 4: 6}[channels], 0, 0, 0)
    parts = [b'\x89PNG\r\n\x1a\n', _chunk(b'IHDR', header)]
    if icc:
        parts.append(_chunk(b'iCCP', b'ICC Profile\0\0' + zlib.compress(icc)))
    for key, value in (text or {}).items():
        parts.append(_chunk(b'iTXt', key.encode('latin-1') + b'\0\0\0\0\0' + value.encode()))
    packer = zlib.compressobj(6)
    for row in pixels:
        line = row.astype('>u2').reshape(-1).view(np.uint8)
        line[2 * channels :] -= line[: -2 * channels].copy()  # filter 1: minus the pixel to the left, modulo 256
        if packed := packer.compress(b'\1' + line.tobytes()):
            parts.append(_chunk(b'IDAT', packed))
    return b''.join([*parts, _chunk(b'IDAT', packer.flush()), _chunk(b'IEND', b'')])


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))


def tiff_bytes(pixels: np.ndarray, icc: bytes = b'', description: str = '') -> bytes:
    """Returns a TIFF file (TIFF 6.0): little endian, one deflated strip, 300 dots per inch.

    Args:
        pixels: HxWx3 (RGB) or HxWx4 (RGB and unassociated alpha) uint16.
        icc: An ICC profile; empty for none.
        description: ASCII for the tag ImageDescription; empty for none.
    """
    height, width, channels = pixels.shape
    strip = zlib.compress(pixels.astype('<u2').tobytes(), 6)
    # tag: (type, values), where type 3 is 16 bits, 4 is 32 bits and 5 a fraction of two 32 bits
    entries: dict[int, tuple[int, list[int] | bytes]] = {
        256: (4, [width]),
        257: (4, [height]),
        258: (3, [16] * channels),
        259: (3, [8]),  # deflate
        262: (3, [2]),  # RGB
        273: (4, [8]),  # where the strip begins
        277: (3, [channels]),
        278: (4, [height]),
        279: (4, [len(strip)]),
        282: (5, [300, 1]),
        283: (5, [300, 1]),
        284: (3, [1]),
        296: (3, [2]),
    }
    if channels == 4:
        entries[338] = (3, [2])
    if description:
        entries[270] = (2, description.encode('ascii') + b'\0')
    if icc:
        entries[34675] = (7, icc)
    start = 8 + len(strip) + len(strip) % 2
    table, extra = struct.pack('<H', len(entries)), b''
    extra_at = start + 2 + 12 * len(entries) + 4
    for tag, (kind, values) in sorted(entries.items()):
        data = (
            values if isinstance(values, bytes) else struct.pack(f'<{len(values)}{"H" if kind == 3 else "I"}', *values)
        )
        count = len(values) // 2 if kind == 5 else len(values)
        table += struct.pack('<HHI', tag, kind, count)
        if len(data) <= 4:
            table += data.ljust(4, b'\0')
        else:
            table += struct.pack('<I', extra_at + len(extra))
            extra += data + b'\0' * (len(data) % 2)
    body = strip + b'\0' * (len(strip) % 2)
    return struct.pack('<2sHI', b'II', 42, start) + body + table + b'\0\0\0\0' + extra
