"""Decoding picture files: colour modes, depths, profiles, orientation, and files that are damaged."""

import io
import struct
import sys
import threading
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from stylegen import images
from stylegen.images import decoding, load_image, load_picture, save_image
from stylegen.images.sixteen_bit import png_bytes
from stylegen.utils.errors import UserError
from tests.icc_profiles import black_only_cmyk, described, linear_grey, near_srgb, swapped_srgb
from tests.images.picture_files import GREY, RGB, RNG, as_bytes, chunk, message, noted, png16, saved, smooth, tiff

DEEP_ARRAY = RNG.integers(0, 65536, (7, 6, 4), dtype=np.uint16)
ASYMMETRIC = np.arange(6, dtype=np.uint8).reshape(2, 3) * 40
UPRIGHT = {
    1: ASYMMETRIC,
    2: [[80, 40, 0], [200, 160, 120]],
    3: [[200, 160, 120], [80, 40, 0]],
    4: [[120, 160, 200], [0, 40, 80]],
    5: [[0, 120], [40, 160], [80, 200]],
    6: [[120, 0], [160, 40], [200, 80]],
    7: [[200, 80], [160, 40], [120, 0]],
    8: [[80, 200], [40, 160], [0, 120]],
    9: ASYMMETRIC,
}


@pytest.mark.parametrize(
    'name', ['a.png', 'a.tif', 'a.bmp', 'a.ppm', 'lossless.webp', 'a.jpg', 'a.jp2', 'unnamed', 'liar.jpg']
)
def test_colour_of_every_format_is_read(tmp_path, name):
    formats = {'unnamed': 'PNG', 'liar.jpg': 'PNG'}
    options = {'format': formats[name]} if name in formats else {}
    options |= {'lossless': True} if name == 'lossless.webp' else {}
    lossy = name == 'a.jpg'
    array = smooth() if lossy else RGB
    path = saved(tmp_path, array, name, **options)
    assert np.abs(as_bytes(path) - array).max() <= (12 if lossy else 0)


@pytest.mark.parametrize('name', ['a.png', 'a.tif', 'a.bmp', 'a.gif'])
def test_every_grey_value_is_read(tmp_path, name):
    np.testing.assert_array_equal(as_bytes(saved(tmp_path, GREY, name)), np.repeat(GREY[..., None], 3, 2))


@pytest.mark.parametrize('kind', ['JPEG', 'PNG', 'TIFF', 'WEBP'])
@pytest.mark.parametrize('orientation', [1, 3, 6, 8])
def test_the_upright_size_is_that_of_the_pixels(tmp_path, kind, orientation):
    exif = Image.Exif()
    exif[decoding.ORIENTATION] = orientation
    Image.new('RGB', (30, 20)).save(tmp_path / 'a', kind, exif=exif)
    data = (tmp_path / 'a').read_bytes()
    height, width, _ = decoding.decode_bytes(data, 'a').pixels.shape
    with decoding.opened(data, 'a') as image:
        assert decoding.upright_size(image) == (width, height) == ((20, 30) if orientation > 4 else (30, 20))


def test_one_bit_pictures_become_black_and_white(tmp_path):
    bits = RGB[..., 0] > 127
    for name in ('a.png', 'a.tif'):
        np.testing.assert_array_equal(as_bytes(saved(tmp_path, bits, name))[..., 1], 255 * bits)


def test_palettes_become_rgb(tmp_path):
    image = Image.fromarray(RGB).quantize(64)
    for name in ('a.png', 'a.gif', 'a.bmp', 'a.tif'):
        np.testing.assert_array_equal(as_bytes(saved(tmp_path, image, name)), np.asarray(image.convert('RGB')))


def test_transparent_palette_entries_become_alpha(tmp_path):
    image = Image.new('P', (4, 1))
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9])
    image.putdata([0, 1, 2, 3])
    for name, transparency, alpha in [
        ('a.png', bytes([0, 128, 255]), [0, 128, 255, 255]),
        ('b.png', 1, [255, 0, 255, 255]),
        ('a.gif', 2, [255, 255, 0, 255]),
    ]:
        picture = load_picture(saved(tmp_path, image, name, transparency=transparency))
        np.testing.assert_array_equal(np.rint(picture.alpha * 255), [alpha])
        expected = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [9, 9, 9]])
        shown = expected if name != 'a.gif' else np.delete(expected, 2, 0)
        seen = np.rint(picture.pixels[0] * 255)
        np.testing.assert_array_equal(seen if name != 'a.gif' else np.delete(seen, 2, 0), shown)


def test_a_transparent_colour_becomes_alpha(tmp_path):
    array = np.array([[[1, 2, 3], [200, 100, 50]]], np.uint8)
    picture = load_picture(saved(tmp_path, array, 'a.png', transparency=(1, 2, 3)))
    np.testing.assert_array_equal(picture.alpha, [[0, 1]])
    np.testing.assert_array_equal(np.rint(picture.pixels * 255), array)
    picture = load_picture(saved(tmp_path, array[..., 0], 'b.png', transparency=200))
    np.testing.assert_array_equal(picture.alpha, [[1, 0]])


@pytest.mark.parametrize('name', ['a.png', 'a.tif', 'a.webp'])
def test_alpha_is_kept_aside_and_colours_under_it_as_they_are(tmp_path, name):
    array = RNG.integers(0, 256, (9, 8, 4), dtype=np.uint8)
    array[:4, :, 3] = 0
    options = {'lossless': True, 'exact': True} if name == 'a.webp' else {}
    picture = load_picture(saved(tmp_path, array, name, **options))
    np.testing.assert_array_equal(np.rint(picture.pixels * 255), array[..., :3])
    np.testing.assert_array_equal(np.rint(picture.alpha * 255), array[..., 3])
    assert picture.alpha.dtype == np.float32
    small = load_picture(tmp_path / name, size=4)
    assert (small.alpha.shape, small.pixels.shape) == ((4, 4), (4, 4, 3))


def test_grey_with_alpha_keeps_both(tmp_path):
    array = RNG.integers(0, 256, (9, 8, 2), dtype=np.uint8)
    picture = load_picture(saved(tmp_path, Image.fromarray(array, 'LA'), 'a.png'))
    np.testing.assert_array_equal(np.rint(picture.pixels * 255), np.repeat(array[..., :1], 3, 2))
    np.testing.assert_array_equal(np.rint(picture.alpha * 255), array[..., 1])


def test_sixteen_bit_grey_keeps_every_value(tmp_path):
    every = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    for name, data in {'a.png': png16(every), 'l.tif': tiff(every, '<'), 'b.tif': tiff(every, '>')}.items():
        (tmp_path / name).write_bytes(data)
        pixels = load_image(tmp_path / name)
        np.testing.assert_array_equal(np.rint(pixels.astype(float) * 65535), np.repeat(every[..., None], 3, 2))


def test_sixteen_bit_colour_keeps_every_value(tmp_path):
    unit = DEEP_ARRAY / np.float32(65535)
    (tmp_path / 'hand.png').write_bytes(png16(DEEP_ARRAY[..., :3]))
    for name in ('a.png', 'a.tif'):
        save_image(tmp_path / name, unit[..., :3], depth=16)
        save_image(tmp_path / f'alpha-{name}', unit[..., :3], alpha=unit[..., 3], depth=16)
    for name in ('hand.png', 'a.png', 'a.tif', 'alpha-a.png', 'alpha-a.tif'):
        picture, lines = noted(tmp_path / name, load_picture)
        np.testing.assert_array_equal(np.rint(picture.pixels.astype(float) * 65535), DEEP_ARRAY[..., :3])
        assert lines == [] and (picture.alpha is not None) == ('alpha' in name)
        if picture.alpha is not None:
            np.testing.assert_array_equal(np.rint(picture.alpha.astype(float) * 65535), DEEP_ARRAY[..., 3])


def test_sixteen_bit_colour_without_opencv_is_read_to_a_byte_and_says_so(tmp_path, monkeypatch):
    (tmp_path / 'a.png').write_bytes(png16(DEEP_ARRAY[..., :3]))
    monkeypatch.setitem(sys.modules, 'cv2', None)
    picture, lines = noted(tmp_path / 'a.png', load_picture)
    assert 0.2 / 255 < np.abs(picture.pixels - DEEP_ARRAY[..., :3] / 65535).max() <= 1 / 255
    assert len(lines) == 1 and lines[0].startswith('read at 8 bits a channel; 16 need OpenCV, pip install')
    for array in (RGB, RGB[..., 0]):
        assert noted(saved(tmp_path, array, 'b.png'))[1] == []  # of 8 bits


def test_sixteen_bits_are_never_taken_for_the_price_of_the_colours(tmp_path, monkeypatch):
    import cv2

    data = png_bytes(DEEP_ARRAY[..., :3], swapped_srgb())
    (tmp_path / 'a.png').write_bytes(data)
    picture, lines = noted(tmp_path / 'a.png', load_picture)
    assert np.abs(picture.pixels - DEEP_ARRAY[..., [1, 0, 2]] / 65535).max() <= 3 / 255 and 'profile' in lines[0]
    (tmp_path / 'b.png').write_bytes(png_bytes(DEEP_ARRAY))
    assert b'iCCP' in data and b'iCCP' not in png_bytes(DEEP_ARRAY)
    read = cv2.imdecode(np.frombuffer(png_bytes(DEEP_ARRAY), np.uint8), cv2.IMREAD_UNCHANGED)
    one_off = read.copy()
    one_off[3, 3, 3] ^= 0x4000  # of the alpha
    for wrong in (None, read[:-1], read[..., :3], read[..., ::-1], (read >> 8).astype(np.uint8), one_off):
        monkeypatch.setattr(cv2, 'imdecode', lambda *args, wrong=wrong: wrong)
        picture, lines = noted(tmp_path / 'b.png', load_picture)
        assert 'layout' in lines[0] and np.abs(picture.pixels - DEEP_ARRAY[..., :3] / 65535).max() <= 1 / 255
        assert np.abs(picture.alpha - DEEP_ARRAY[..., 3] / 65535).max() <= 1 / 255


@pytest.mark.parametrize(
    ('values', 'kind', 'expected', 'lines'),
    [
        (np.float32([0, 0.25, 1]), 3, [0, 0.25, 1], []),
        (np.float32([-1e-4, 0.25, 1.0000001]), 3, [0, 0.25, 1], []),
        (np.float32([0, 51, 255]), 3, [0, 0.2, 1], ['its values are read as [0, 255]']),
        (np.float32([0, 51, 255.1]), 3, [0, 0.2, 1], ['its values are read as [0, 255]']),
        (np.float32([0, 13107, 65535]), 3, [0, 0.2, 1], ['its values are read as [0, 65535]']),
        (np.float32([-0.9, 0, 1]), 3, [0.05, 0.5, 1], ['its values are read as [-1, 1]']),
        (np.float32([np.nan, 0.25, np.inf]), 3, [0, 0.25, 1], ['some of its values are NaN or infinite, and read as '
                                                               'black or white']),
        (np.float32([0.5, 0.5, 0.5]), 3, [0.5, 0.5, 0.5], []),
        (np.int32([0, 51, 255]), 2, [0, 0.2, 1], ['its values are read as [0, 255]']),
        (np.int32([0, 13107, 65535]), 2, [0, 0.2, 1], ['its values are read as [0, 65535]']),
        (np.int32([-100000, 0, 300000]), 2, [0, 0.25, 1], ['its values are read as [-100000, 300000]']),
        (np.int32([-2, -2, -2]), 2, [0, 0, 0], ['its values are read as [-2, -1]']),
    ],
)  # fmt: skip
def test_grey_of_32_bits_is_scaled_and_noted(tmp_path, values, kind, expected, lines):
    (tmp_path / 'a.tif').write_bytes(tiff(values[None], '<', kind))
    pixels, said = noted(tmp_path / 'a.tif')
    np.testing.assert_allclose(pixels[0, :, 0], expected, atol=1e-6)
    assert said == lines


@pytest.mark.parametrize(
    ('values', 'found'),
    [([0, 0.5, 1.2], '0 to 1.2'), ([-0.1, 0.5, 1], '-0.1 to 1'), ([-1, 0, 3], '-1 to 3'), ([0, 9, 40], '0 to 40')],
)
def test_floats_of_no_range_that_is_known_are_refused_with_what_was_found(tmp_path, values, found):
    (tmp_path / 'a.tif').write_bytes(tiff(np.float32([values]), '<', 3))
    assert f"a.tif' are from {found}; expected floats in [0, 1]" in message(tmp_path / 'a.tif')


def test_cmyk_becomes_rgb(tmp_path):
    array = np.zeros((16, 32, 4), np.uint8)
    array[:, :16, 0] = 255  # cyan
    array[:, 16:, 3] = 255  # black
    image = Image.fromarray(array, 'CMYK')
    for name in ('a.jpg', 'a.tif'):  # Pillow's JPEG is inverted with Adobe's marker, as Photoshop's is
        seen = as_bytes(saved(tmp_path, image, name))
        np.testing.assert_allclose(seen[8, 4], [0, 255, 255], atol=2)
        np.testing.assert_allclose(seen[8, 28], [0, 0, 0], atol=2)


def test_lab_becomes_rgb(tmp_path):
    for lab, grey in [((255, 128, 128), 255), ((137, 128, 128), 128), ((0, 128, 128), 0)]:
        path = saved(tmp_path, Image.new('LAB', (2, 2), lab), 'a.tif')
        np.testing.assert_allclose(as_bytes(path), grey, atol=3)


def test_the_first_of_several_pictures_is_read(tmp_path):
    pages = [Image.new('RGB', (5, 5), (value, 0, 0)) for value in (10, 200)]
    for name in ('a.gif', 'a.tif'):
        path = saved(tmp_path, pages[0], name, save_all=True, append_images=pages[1:])
        assert as_bytes(path).shape == (5, 5, 3)
        assert as_bytes(path)[0, 0, 0] == 10


@pytest.mark.parametrize('orientation', list(UPRIGHT))
def test_every_orientation_is_undone(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    for name in ('a.png', 'a.tif', 'a.webp'):
        options = {'lossless': True} if name == 'a.webp' else {}
        alpha = Image.fromarray(255 - ASYMMETRIC)
        rgba = Image.merge('RGBA', [Image.fromarray(ASYMMETRIC)] * 3 + [alpha])
        picture = load_picture(saved(tmp_path, rgba, name, exif=exif, exact=True, **options))
        np.testing.assert_array_equal(np.rint(picture.pixels[..., 0] * 255), UPRIGHT[orientation])
        np.testing.assert_array_equal(np.rint(picture.alpha * 255), 255 - np.array(UPRIGHT[orientation]))
    blocks = np.kron(ASYMMETRIC, np.ones((8, 8), np.uint8))
    seen = as_bytes(saved(tmp_path, blocks, 'a.jpg', exif=exif, quality=95))[4::8, 4::8, 0]
    np.testing.assert_allclose(seen, UPRIGHT[orientation], atol=2)


def test_broken_exif_does_not_spoil_the_picture(tmp_path):
    path = saved(tmp_path, RGB, 'a.png', exif=b'Exif\0\0MM\0*\xff\xff\xff\xff garbage')
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        np.testing.assert_array_equal(as_bytes(path), RGB)


def test_profile_is_converted(tmp_path):
    profile = swapped_srgb()
    assert described(profile) == 'RGB'
    swapped = RGB[..., [1, 0, 2]]
    for name in ('a.png', 'a.tif'):
        seen = as_bytes(saved(tmp_path, RGB, name, icc_profile=profile))
        assert np.abs(seen - swapped).max() <= 2
    rgba = np.dstack([RGB, RGB[..., 0]])
    picture = load_picture(saved(tmp_path, rgba, 'a.png', icc_profile=profile))
    assert np.abs(picture.pixels * 255 - swapped).max() <= 2
    np.testing.assert_array_equal(np.rint(picture.alpha * 255), RGB[..., 0])
    palette = Image.fromarray(RGB).quantize(16)
    seen = as_bytes(saved(tmp_path, palette, 'p.png', icc_profile=profile))
    assert np.abs(seen - np.asarray(palette.convert('RGB'))[..., [1, 0, 2]]).max() <= 2


def test_grey_profile_is_converted(tmp_path):
    assert described(linear_grey()) == 'GRAY'
    seen = as_bytes(saved(tmp_path, np.uint8([[0, 55, 128, 255]]), 'a.png', icc_profile=linear_grey()))
    np.testing.assert_allclose(seen[0, :, 0], [0, 128, 188, 255], atol=2)  # the sRGB curve
    assert np.ptp(seen, axis=2).max() <= 1


def test_cmyk_profile_is_converted(tmp_path):
    assert described(black_only_cmyk()) == 'CMYK'
    image = Image.fromarray(np.uint8([[[255, 255, 0, 0], [0, 0, 0, 255]]]), 'CMYK')
    seen = as_bytes(saved(tmp_path, image, 'a.tif', icc_profile=black_only_cmyk()))
    np.testing.assert_allclose(seen[0], [[255, 255, 255], [0, 0, 0]], atol=3)


def test_srgb_profile_changes_nothing(tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()
    for array in (RGB, GREY):
        seen = as_bytes(saved(tmp_path, array, 'a.png', icc_profile=profile))
        np.testing.assert_array_equal(seen, array if array.ndim == 3 else np.repeat(array[..., None], 3, 2))


def test_profile_as_good_as_srgb_changes_nothing(tmp_path):
    profile = near_srgb()
    source, target = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile('sRGB')
    moved = np.asarray(ImageCms.profileToProfile(Image.fromarray(RGB), source, target, 1), int) - RGB
    assert 0 < np.abs(moved).max() <= 2  # so that there is something to leave alone
    np.testing.assert_array_equal(as_bytes(saved(tmp_path, RGB, 'a.png', icc_profile=profile)), RGB)


def lab_profile():
    return ImageCms.ImageCmsProfile(ImageCms.createProfile('LAB')).tobytes()


def pixels_and_line(path):
    pixels, lines = noted(path)
    return np.rint(pixels * 255), ' '.join(lines)


def test_a_picture_is_read_without_a_profile_that_is_broken_or_of_another_kind(tmp_path):
    cut = swapped_srgb()[:200]
    for profile, told in (
        (b'nonsense', 'is not applied (it is damaged)'),
        (cut, 'is not applied (it is damaged)'),
        (linear_grey(), 'is not applied (it is for GRAY, the picture is RGB)'),
        (black_only_cmyk(), 'is not applied (it is for CMYK, the picture is RGB)'),
        (lab_profile(), 'is not applied (it is for Lab, the picture is RGB)'),
    ):
        seen, line = pixels_and_line(saved(tmp_path, RGB, 'a.png', icc_profile=profile))
        np.testing.assert_array_equal(seen, RGB)
        assert line == f'its colour profile {told}'
        saved(tmp_path, RGB, 'without.jpg', quality=95)
        seen, line = pixels_and_line(saved(tmp_path, RGB, 'a.jpg', quality=95, icc_profile=profile))
        np.testing.assert_array_equal(seen, as_bytes(tmp_path / 'without.jpg'))
        assert line == f'its colour profile {told}'
    cmyk = Image.new('CMYK', (2, 2), (255, 0, 0, 0))
    seen, line = pixels_and_line(saved(tmp_path, cmyk, 'a.tif', icc_profile=swapped_srgb()))
    assert seen[0, 0].tolist() == [0, 255, 255] and 'it is for RGB, the picture is CMYK' in line


def test_a_png_with_a_profile_that_is_too_large_for_pillow_is_read_without_it(tmp_path):
    profile = swapped_srgb() + bytes(2 << 20)
    seen, line = pixels_and_line(saved(tmp_path, RGB, 'a.png', icc_profile=profile))
    np.testing.assert_array_equal(seen, RGB)
    assert line == 'its colour profile is not applied (it is damaged, or larger than 1 MB)'


def test_the_profile_of_sixteen_bit_grey_is_said_not_to_be_applied(tmp_path):
    deep = Image.fromarray(np.full((2, 2), 30000, np.uint16))
    _, line = pixels_and_line(saved(tmp_path, deep, 'a.png', icc_profile=linear_grey()))
    assert line == 'its colour profile is not applied (it has more than 8 bits)'


@pytest.mark.parametrize('before', [True, False], ids=['before the pixels', 'after them'])
@pytest.mark.parametrize(
    'part',
    [
        chunk(b'zTXt', b'prompt\0\0' + zlib.compress(b'a cat ' * 300_000)),
        chunk(b'iTXt', b'workflow\0\1\0\0\0' + zlib.compress(b'a dog ' * 300_000)),
        b''.join(chunk(b'tEXt', b'%d\0' % i + b'x' * (1 << 20)) for i in range(65)),
        chunk(b'tEXt', b'a\0b')[:-1] + b'?',
        chunk(b'pHYs', b'123456789')[:-1] + b'?',
        chunk(b'gAMA', b'1') + chunk(b'cHRM', b'') + chunk(b'sRGB', b'') + chunk(b'acTL', b'') + chunk(b'fcTL', b''),
        chunk(b'zTXt', b'stylegen\0\1abc') + chunk(b'iTXt', b'stylegen\0\1\1') + chunk(b'iTXt', b'stylegen'),
    ],
    ids=['zTXt', 'iTXt', 'many', 'bad checksum of a text', 'bad checksum', 'cut', 'cut texts'],
)
def test_a_png_is_read_whatever_is_wrong_with_its_texts(tmp_path, part, before):
    data = saved(tmp_path, RGB, 'a.png').read_bytes()
    place = data.index(b'IDAT') - 4 if before else len(data) - 12
    (tmp_path / 'a.png').write_bytes(data[:place] + part + data[place:])
    limits = PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY
    seen, line = pixels_and_line(tmp_path / 'a.png')
    np.testing.assert_array_equal(seen, RGB)
    assert line == ''
    assert limits == (PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY)


@pytest.mark.parametrize(
    ('part', 'told'),
    [
        (chunk(b'iCCP', b''), 'its colour profile is not applied'),
        (chunk(b'iCCP', b'a\0\1abc'), 'its colour profile is not applied'),
        (chunk(b'iCCP', b'a\0\0' + zlib.compress(b'profile'))[:-1] + b'?', 'its colour profile is not applied'),
        (chunk(b'tRNS', b'abc'), 'its transparency is damaged and left out'),
        (chunk(b'eXIf', b'abc')[:-1] + b'?', 'its EXIF data are damaged and left out'),
    ],
)
def test_a_part_of_a_png_that_changes_what_is_seen_is_missed_in_a_line(tmp_path, part, told):
    data = saved(tmp_path, RGB, 'a.png').read_bytes()
    (tmp_path / 'a.png').write_bytes(data[: data.index(b'IDAT') - 4] + part + data[data.index(b'IDAT') - 4 :])
    seen, line = pixels_and_line(tmp_path / 'a.png')
    np.testing.assert_array_equal(seen, RGB)
    assert line.startswith(told)


def test_what_a_png_says_beside_a_long_text_is_kept(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    rgba = np.dstack([RGB, RGB[..., 0]])
    data = saved(tmp_path, rgba, 'a.png', exif=exif, icc_profile=swapped_srgb()).read_bytes()
    place = data.index(b'IDAT') - 4
    text = chunk(b'zTXt', b'prompt\0\0' + zlib.compress(bytes(3 << 20)))
    ours = chunk(b'iTXt', b'stylegen\0\0\0\0\0{"seed": 3}')
    expected = load_picture(tmp_path / 'a.png')
    (tmp_path / 'a.png').write_bytes(data[:place] + text + ours + data[place:])
    seen = load_picture(tmp_path / 'a.png')
    np.testing.assert_array_equal(seen.pixels, expected.pixels)
    np.testing.assert_array_equal(seen.alpha, expected.alpha)
    assert seen.pixels.shape == (30, 20, 3) and images.read_settings(tmp_path / 'a.png') == {'seed': 3}


@pytest.mark.parametrize(('name', 'end'), [('a.png', 12), ('a.gif', 1)])
def test_where_only_the_end_mark_is_missing_no_pixel_is(tmp_path, name, end):
    path = saved(tmp_path, RGB, name)
    expected = as_bytes(path)
    path.write_bytes(path.read_bytes()[:-end])
    np.testing.assert_array_equal(as_bytes(path), expected)


def bomb(width, height):
    """A PNG whose header claims a size that its data do not have."""
    data = bytearray(png16(np.zeros((1, 1), np.uint16)))
    data[16:24] = struct.pack('>II', width, height)
    data[29:33] = struct.pack('>I', zlib.crc32(data[12:29]))
    return bytes(data)


def test_bomb_is_refused_from_its_header(tmp_path, monkeypatch):
    path = tmp_path / 'a.png'
    before = Image.MAX_IMAGE_PIXELS
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        for side in (16_000, 60_000):
            path.write_bytes(bomb(side, side))
            with pytest.raises(UserError, match=f'{side} x {side} pixels.*250 million'):
                load_image(path)
        monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 100)  # Pillow's limits do not count, nor speak
        for name in ('b.png', 'b.tif', 'b.webp', 'b.gif', 'b.jpg'):
            assert load_image(saved(tmp_path, RGB, name)).shape == RGB.shape
        assert Image.MAX_IMAGE_PIXELS == 100
    monkeypatch.undo()
    assert before == Image.MAX_IMAGE_PIXELS


def test_limit_is_exact(tmp_path, monkeypatch):
    path = saved(tmp_path, RGB, 'a.png')
    monkeypatch.setattr(decoding, 'MAX_PIXELS', 600)
    load_image(path)
    monkeypatch.setattr(decoding, 'MAX_PIXELS', 599)
    with pytest.raises(UserError, match='30 x 20'):
        load_image(path)


def test_threads_leave_pillow_as_it_was(tmp_path):
    path = saved(tmp_path, RGB, 'a.png')
    before = Image.MAX_IMAGE_PIXELS
    threads = [threading.Thread(target=lambda: [load_image(path) for _ in range(20)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert before == Image.MAX_IMAGE_PIXELS is not None


def test_files_that_are_no_pictures_are_refused(tmp_path):
    path = tmp_path / 'a.jpg'
    for data in (b'hello', b'<svg xmlns="http://www.w3.org/2000/svg"/>', b'%PDF-1.4', bytes(1000)):
        path.write_bytes(data)
        assert 'is not a picture' in message(path)
    Image.fromarray(RGB).save(tmp_path / 'a.eps')
    assert 'is not a picture' in message(tmp_path / 'a.eps')  # would start Ghostscript


@pytest.mark.parametrize('name', ['a.png', 'a.jpg', 'a.tif', 'a.gif', 'a.webp', 'a.bmp'])
def test_truncated_files_are_refused(tmp_path, name):
    noise = RNG.integers(0, 256, (80, 80, 3), dtype=np.uint8)
    path = saved(tmp_path, noise, name)
    whole = path.read_bytes()
    assert load_image(path).shape == noise.shape
    path.write_bytes(whole[: len(whole) // 2])
    text = message(path)
    assert repr(str(path)) in text
    assert 'damaged or cut short' in text or 'is not a picture' in text


@pytest.mark.parametrize('header', [b'', b'\0\0\0\1\0\0\0\1\x08', bytes(40)])
def test_a_png_whose_header_has_another_length_is_refused(tmp_path, header):
    path = tmp_path / 'a.png'
    path.write_bytes(b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + chunk(b'IEND', b''))
    text = message(path)
    assert repr(str(path)) in text and ('damaged' in text or 'is not a picture' in text)


def test_a_file_damaged_in_the_middle_is_refused(tmp_path):
    path = saved(tmp_path, RGB, 'a.png')
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(data)
    assert 'damaged' in message(path)
