"""Small ICC profiles whose effect is known without arithmetic, and a way to be an ordinary user in a test."""

import contextlib
import io
import os
import struct

from PIL import ImageCms


def swapped_srgb():
    """sRGB with its red and green primaries exchanged: a picture in it shows green where its numbers say red."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()
    red, green = profile.index(b'rXYZ'), profile.index(b'gXYZ')
    swapped = bytearray(profile)
    swapped[red : red + 4], swapped[green : green + 4] = b'gXYZ', b'rXYZ'
    return bytes(swapped)


def near_srgb():
    """sRGB as another maker rounds it: some colours are moved by one level."""
    profile = bytearray(swapped_srgb())
    red = profile.index(b'gXYZ')  # exchanged once more
    green = profile.index(b'rXYZ')
    profile[red : red + 4], profile[green : green + 4] = b'rXYZ', b'gXYZ'
    (place,) = struct.unpack_from('>I', profile, profile.index(b'rXYZ') + 4)
    (value,) = struct.unpack_from('>i', profile, place + 8)
    struct.pack_into('>i', profile, place + 8, value + 20)
    return bytes(profile)


def described(profile):
    """Whether lcms takes it, so that a test does not pass on a profile that is ignored for being broken."""
    return ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile.xcolor_space.strip()


def linear_grey():
    """Grey whose numbers are proportional to light."""
    return _profile(b'mntr', b'GRAY', b'XYZ ', {b'kTRC': b'curv' + bytes(4) + struct.pack('>I', 0)})


def black_only_cmyk():
    """CMYK in which only black ink shows, and the others leave the paper white."""
    ramp = bytes(range(256))
    table = b''.join(bytes([0 if corner & 1 else 255, 128, 128]) for corner in range(16))  # K varies fastest
    matrix = struct.pack('>9i', *[65536 * value for value in (1, 0, 0, 0, 1, 0, 0, 0, 1)])
    lut = b'mft1' + bytes(4) + bytes([4, 3, 2, 0]) + matrix + ramp * 4 + table + ramp * 3
    return _profile(b'prtr', b'CMYK', b'Lab ', {b'A2B0': lut, b'A2B1': lut})


def _profile(kind, space, connection, tags):
    white = struct.pack('>3i', 63190, 65536, 54061)
    tags = {
        b'desc': b'desc' + bytes(4) + struct.pack('>I', 2) + b't\0' + bytes(78),
        b'wtpt': b'XYZ ' + bytes(4) + white,
    } | tags
    table, data = struct.pack('>I', len(tags)), b''
    for name, value in tags.items():
        value += bytes(-len(value) % 4)
        table += name + struct.pack('>II', 128 + 4 + 12 * len(tags) + len(data), len(value))
        data += value
    date = struct.pack('>6H', 2000, 1, 1, 0, 0, 0)
    header = b'lcms' + struct.pack('>I', 0x02100000) + kind + space + connection + date + b'acsp' + bytes(28)
    header += white + bytes(48)
    return struct.pack('>I', 128 + len(table) + len(data)) + header + table + data


@contextlib.contextmanager
def ordinary_user():
    """Root may do everything; within this block the process is nobody, whom permissions stop."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
