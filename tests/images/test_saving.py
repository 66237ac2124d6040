"""Writing pictures: what is in the file, and that no file is ever lost."""

import io
import itertools
import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from stylegen.images import FORMATS, from_uint8, load_image, load_picture, read_settings, save_image
from stylegen.utils.errors import UserError

RNG = np.random.default_rng(0)
IMAGE = RNG.random((20, 30, 3), np.float32)
SMOOTH = np.stack(np.broadcast_arrays(*np.ogrid[0:1:40j, 0:1:60j], 0.5), -1).astype(np.float32)
SETTINGS = {'steps': 10, 'name': 'Zoë\n"quoted"', 'nested': {'a': [1, 2.5, None, True]}}
DEEP = [suffix for suffix, kind in FORMATS.items() if kind.deep]


# ---- what is in the file


@pytest.mark.parametrize('suffix', list(FORMATS))
def test_pictures_come_back_from_every_format(tmp_path, suffix):
    path = save_image(tmp_path / f'a{suffix}', SMOOTH)
    assert path == tmp_path / f'a{suffix}'
    tolerance = {'.jpg': 4, '.jpeg': 4, '.webp': 8, '.gif': 40}.get(suffix, 0.5)
    assert np.abs(load_image(path) - SMOOTH).max() * 255 <= tolerance + 0.01
    with Image.open(path) as image:
        assert image.format == FORMATS[suffix].name
    assert [path.name for path in tmp_path.iterdir()] == [f'a{suffix}']


@pytest.mark.parametrize('suffix', ['.png', '.tif', '.bmp', '.webp'])
def test_every_byte_survives_twice(tmp_path, suffix):
    every = np.stack([np.arange(256), np.arange(256)[::-1], np.roll(np.arange(256), 99)], -1).astype(np.uint8)[None]
    image = from_uint8(every)
    for _ in range(2):
        image = load_image(save_image(tmp_path / f'a{suffix}', image, quality=100))
        np.testing.assert_array_equal(np.rint(image * 255), every)


def test_values_are_rounded_and_clipped(tmp_path):
    values = np.float32([-0.5, 0.6 / 255, 99.6 / 255, 1.7])
    path = save_image(tmp_path / 'a.png', values[None])
    np.testing.assert_array_equal(np.asarray(Image.open(path))[0, :, 0], [0, 1, 100, 255])


def test_pictures_of_odd_shapes_are_saved(tmp_path):
    for name, shape in [('dot', (1, 1, 3)), ('strip', (20, 10000, 3)), ('line', (1, 300, 3))]:
        for suffix in FORMATS:
            path = save_image(tmp_path / f'{name}{suffix}', np.full(shape, 0.5, np.float32))
            assert load_image(path).shape == shape
    for suffix, depth in itertools.product(DEEP, (8, 16)):
        assert load_image(save_image(tmp_path / f'deep{suffix}', np.ones((1, 1)), depth=depth)).shape == (1, 1, 3)
    assert load_image(save_image(tmp_path / 'GREY.PNG', IMAGE[..., :1])).shape == (20, 30, 3)


def test_noise_at_full_quality(tmp_path):
    noise = RNG.random((700, 900, 3), np.float32)
    path = save_image(tmp_path / 'a.jpg', noise, quality=100)
    assert np.abs(load_image(path) - noise).mean() < 0.01


def test_a_higher_quality_makes_a_larger_file(tmp_path):
    for suffix in ('.jpg', '.webp'):
        sizes = [
            save_image(tmp_path / f'a{suffix}', IMAGE, quality=quality).stat().st_size for quality in (10, 50, 95, 100)
        ]
        assert sizes == sorted(set(sizes))
    for quality in (0, 101):
        with pytest.raises(UserError, match='1 to 100'):
            save_image(tmp_path / 'a.jpg', IMAGE, quality=quality)


def test_values_that_are_not_finite_and_wrong_arrays_are_refused(tmp_path):
    image = IMAGE.copy()
    image[0, 0] = np.nan
    image[1, 1, 1] = np.inf
    with pytest.raises(ValueError, match='4 of 1800 values are not finite'):
        save_image(tmp_path / 'a.png', image)
    for wrong in (IMAGE[None], np.zeros((3, 4, 4)), np.zeros((0, 4, 3)), np.zeros((4, 4, 3), np.uint8)):
        with pytest.raises(ValueError, match='expected'):
            save_image(tmp_path / 'a.png', wrong)
    with pytest.raises(ValueError, match='different sizes'):
        save_image(tmp_path / 'a.png', IMAGE, alpha=np.ones((2, 2)))
    with pytest.raises(ValueError, match='not finite'):
        save_image(tmp_path / 'a.png', IMAGE, alpha=np.full((20, 30), np.nan))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('suffix', list(FORMATS))
def test_alpha_is_kept_where_the_format_has_it_and_else_shown_on_white(tmp_path, suffix):
    alpha = np.zeros((20, 30), np.float32)
    alpha[:, 10:] = np.linspace(0, 1, 20)
    picture = load_picture(save_image(tmp_path / f'a{suffix}', IMAGE, alpha=alpha, quality=100))
    if not FORMATS[suffix].alpha:
        white = save_image(tmp_path / f'white{suffix}', IMAGE * alpha[..., None] + 1 - alpha[..., None], quality=100)
        assert picture.alpha is None and np.abs(picture.pixels - load_picture(white).pixels).mean() < 0.01
        assert picture.pixels[:, :8].min() > 0.97  # of alpha 0
        return
    assert np.abs(picture.alpha - alpha).max() <= 0.502 / 255
    assert np.abs(picture.pixels - IMAGE).max() <= 0.502 / 255  # under alpha 0 too


@pytest.mark.parametrize('depth', [8, 16])
def test_profile_is_srgb_and_files_are_the_same_each_time(tmp_path, depth):
    for suffix in DEEP if depth == 16 else FORMATS:
        path = save_image(tmp_path / f'a{suffix}', IMAGE, depth=depth)
        with Image.open(path) as image:
            icc = image.info.get('icc_profile')
        assert (icc is not None) == FORMATS[suffix].profile
        if icc:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
            assert 'sRGB' in ImageCms.getProfileDescription(profile)
        first = path.read_bytes()
        assert save_image(path, IMAGE, depth=depth).read_bytes() == first


def test_profile_has_no_date_of_today(tmp_path):
    with Image.open(save_image(tmp_path / 'a.png', IMAGE)) as image:
        assert struct.unpack('>6H', image.info['icc_profile'][24:36]) == (2000, 1, 1, 0, 0, 0)


# ---- 16 bits, by decoders that share nothing with what wrote them


def decoded_png(data):
    """Pixels, and the chunks by name; every filter and checksum of the standard."""
    assert data[:8] == b'\x89PNG\r\n\x1a\n'
    at, chunks = 8, []
    while at < len(data):
        (length,) = struct.unpack_from('>I', data, at)
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert struct.unpack_from('>I', data, at + 8 + length) == (zlib.crc32(kind + body),)
        chunks.append((kind, body))
        at += 12 + length
    assert chunks[0][0] == b'IHDR'
    assert chunks[-1] == (b'IEND', b'')
    width, height, depth, colour, *rest = struct.unpack('>IIBBBBB', chunks[0][1])
    assert (depth, rest) == (16, [0, 0, 0])
    bpp = {2: 6, 6: 8}[colour]
    raw = zlib.decompress(b''.join(body for kind, body in chunks if kind == b'IDAT'))
    assert len(raw) == height * (1 + width * bpp)
    above, rows = bytes(width * bpp), []
    for y in range(height):
        start = y * (1 + width * bpp)
        kind, line = raw[start], bytearray(raw[start + 1 : start + 1 + width * bpp])
        for i in range(len(line)):
            a, b, c = (line[i - bpp] if i >= bpp else 0), above[i], (above[i - bpp] if i >= bpp else 0)
            p = a + b - c
            paeth = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
            line[i] = (line[i] + [0, a, b, (a + b) // 2, paeth][kind]) & 255
        rows.append(bytes(line))
        above = rows[-1]
    return np.frombuffer(b''.join(rows), '>u2').reshape(height, width, bpp // 2), dict(chunks)


def decoded_tiff(data):
    order = {b'II': '<', b'MM': '>'}[data[:2]]
    magic, at = struct.unpack_from(f'{order}HI', data, 2)
    assert magic == 42
    assert at % 2 == 0
    (count,) = struct.unpack_from(f'{order}H', data, at)
    tags, last = {}, 0
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        tag, kind, number = struct.unpack_from(f'{order}HHI', data, entry)
        assert tag > last  # sorted
        last = tag
        letters, each = {2: ('B', 1), 3: ('H', 2), 4: ('I', 4), 5: ('II', 8), 7: ('B', 1)}[kind]
        place = entry + 8
        if each * number > 4:
            (place,) = struct.unpack_from(f'{order}I', data, place)
            assert place % 2 == 0
            assert place + each * number <= len(data)
        tags[tag] = struct.unpack_from(order + letters * number, data, place)
    assert struct.unpack_from(f'{order}I', data, at + 2 + 12 * count) == (0,)
    channels = tags[277][0]
    assert tags[258] == (16,) * channels
    assert (tags[259], tags[262], tags[284], tags[278]) == ((8,), (2,), (1,), tags[257])
    raw = zlib.decompress(data[tags[273][0] : tags[273][0] + tags[279][0]])
    return np.frombuffer(raw, f'{order}u2').reshape(tags[257][0], tags[256][0], channels), tags


def test_sixteen_bits_keep_every_value(tmp_path):
    every = np.arange(65536).reshape(256, 256)
    deep = np.stack([every, every[::-1], every.T], -1)
    image = deep / np.float32(65535)
    png, _ = decoded_png(save_image(tmp_path / 'a.png', image, depth=16).read_bytes())
    np.testing.assert_array_equal(png, deep)
    tiff, _ = decoded_tiff(save_image(tmp_path / 'a.tif', image, depth=16).read_bytes())
    np.testing.assert_array_equal(tiff, deep)
    for name in ('a.png', 'a.tif'):  # and Pillow agrees, to the 8 bits that it reads
        assert np.abs(load_image(tmp_path / name) - image).max() <= 1 / 255
    with pytest.raises(AssertionError):
        decoded_png(save_image(tmp_path / 'b.png', image).read_bytes())  # the decoder does look


def test_sixteen_bits_with_alpha_profile_and_settings(tmp_path):
    image, alpha = RNG.random((5, 7, 3), np.float32), RNG.random((5, 7), np.float32)
    expected = np.rint(np.dstack([image, alpha]) * np.float32(65535))
    options = {'alpha': alpha, 'depth': 16, 'settings': SETTINGS}
    png, chunks = decoded_png(save_image(tmp_path / 'a.png', image, **options).read_bytes())
    np.testing.assert_array_equal(png, expected)
    name, packed = chunks[b'iCCP'].split(b'\0\0', 1)
    icc = zlib.decompress(packed)
    assert name == b'ICC Profile'
    assert struct.unpack('>I', icc[:4]) == (len(icc),)
    key, text = chunks[b'iTXt'].split(b'\0\0\0\0\0', 1)
    assert (key, json.loads(text)) == (b'stylegen', SETTINGS)
    tiff, tags = decoded_tiff(save_image(tmp_path / 'a.tif', image, **options).read_bytes())
    np.testing.assert_array_equal(tiff, expected)
    assert tags[338] == (2,)
    assert bytes(tags[34675]) == icc
    assert json.loads(bytes(tags[270]).rstrip(b'\0')) == {'stylegen': SETTINGS}
    for path in (tmp_path / 'a.png', tmp_path / 'a.tif'):
        assert np.abs(load_picture(path).alpha - alpha).max() <= 1 / 255
        assert read_settings(path) == SETTINGS


def test_depths_that_a_format_lacks_are_refused(tmp_path):
    for suffix, kind in FORMATS.items():
        if not kind.deep:
            with pytest.raises(UserError, match=r'16 for \.png, \.tif, \.tiff'):
                save_image(tmp_path / f'a{suffix}', IMAGE, depth=16)
    with pytest.raises(UserError, match='12 bits'):
        save_image(tmp_path / 'a.png', IMAGE, depth=12)


# ---- settings


@pytest.mark.parametrize('suffix', list(FORMATS))
def test_settings_come_back_from_every_format(tmp_path, suffix):
    path = save_image(tmp_path / f'a{suffix}', IMAGE, settings=SETTINGS)
    assert (tmp_path / f'a{suffix}.json').exists() == (not FORMATS[suffix].text)
    assert read_settings(path) == SETTINGS
    save_image(path, IMAGE, settings=SETTINGS, sidecar=True)
    assert json.loads((tmp_path / f'a{suffix}.json').read_text(encoding='utf-8')) == SETTINGS
    assert read_settings(path) == SETTINGS
    assert len(list(tmp_path.iterdir())) == 2


def test_settings_are_those_of_the_file_before_those_beside(tmp_path):
    path = save_image(tmp_path / 'a.png', IMAGE, settings={'a': 1}, sidecar=True)
    (tmp_path / 'a.png.json').write_text('{"a": 2}')
    assert read_settings(path) == {'a': 1}
    save_image(path, IMAGE)
    assert read_settings(path) == {'a': 2}


def test_settings_of_odd_types_and_sizes_come_back(tmp_path):
    odd = {
        'path': Path('x/y'),
        'number': np.float32(0.5),
        'array': np.arange(3),
        'surrogate': '\udcff',
        'tuple': (1, 2),
    }
    path = save_image(tmp_path / 'a.png', IMAGE, settings=odd)
    assert read_settings(path) == {
        'path': 'x/y',
        'number': 0.5,
        'array': [0, 1, 2],
        'surrogate': '\udcff',
        'tuple': [1, 2],
    }
    long = {'text': 'x' * 3_000_000}
    for suffix in ('.png', '.tif', '.webp'):
        assert read_settings(save_image(tmp_path / f'b{suffix}', IMAGE, settings=long)) == long
    assert read_settings(save_image(tmp_path / 'b.jpg', IMAGE, settings=long)) == long
    fits = {'text': 'x' * 64_900}
    assert read_settings(save_image(tmp_path / 'c.jpg', IMAGE, settings=fits)) == fits
    save_image(tmp_path / 'd.bmp', IMAGE)
    assert [path.name for path in tmp_path.glob('*.json')] == ['b.jpg.json']


def test_files_without_settings_are_refused(tmp_path):
    path = save_image(tmp_path / 'a.png', IMAGE)
    (tmp_path / 'text.txt').write_text('no picture')
    exif = Image.Exif()
    exif[0x010E] = 'a holiday'
    Image.new('RGB', (4, 4)).save(tmp_path / 'foreign.jpg', exif=exif)
    for name in ('a.png', 'text.txt', 'foreign.jpg'):
        with pytest.raises(UserError, match='no settings') as caught:
            read_settings(tmp_path / name)
        assert '\n' not in str(caught.value)
    (tmp_path / 'a.png.json').write_text('[broken')
    with pytest.raises(UserError, match='no settings'):
        read_settings(path)
    with pytest.raises(UserError, match='does not exist'):
        read_settings(tmp_path / 'missing.png')
