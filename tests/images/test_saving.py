"""Writing pictures: what is in the file, and that no file is ever lost."""

import builtins
import errno
import io
import itertools
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from stylegen.images import FORMATS, check_writable, from_uint8, load_image, load_picture, read_settings, save_image
from stylegen.utils import files
from stylegen.utils.errors import UserError
from stylegen.utils.files import DiskFull
from tests.icc_profiles import ordinary_user

RNG = np.random.default_rng(0)
IMAGE = RNG.random((20, 30, 3), np.float32)
SMOOTH = np.stack(np.broadcast_arrays(*np.ogrid[0:1:40j, 0:1:60j], 0.5), -1).astype(np.float32)
SETTINGS = {'steps': 10, 'name': 'Zoë\n"quoted"', 'nested': {'a': [1, 2.5, None, True]}}
DEEP = [suffix for suffix, kind in FORMATS.items() if kind.deep]


# ---- what is in the file


@pytest.mark.parametrize('suffix', list(FORMATS))
def test_round_trip(tmp_path, suffix):
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


def test_odd_pictures(tmp_path):
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


def test_quality_counts(tmp_path):
    for suffix in ('.jpg', '.webp'):
        sizes = [
            save_image(tmp_path / f'a{suffix}', IMAGE, quality=quality).stat().st_size for quality in (10, 50, 95, 100)
        ]
        assert sizes == sorted(set(sizes))
    for quality in (0, 101):
        with pytest.raises(UserError, match='1 to 100'):
            save_image(tmp_path / 'a.jpg', IMAGE, quality=quality)


def test_not_finite_values_and_wrong_arrays(tmp_path):
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
def test_alpha(tmp_path, suffix):
    alpha = np.zeros((20, 30), np.float32)
    alpha[:, 10:] = np.linspace(0, 1, 20)
    picture = load_picture(save_image(tmp_path / f'a{suffix}', IMAGE, alpha=alpha, quality=100))
    if not FORMATS[suffix].alpha:
        assert picture.alpha is None
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


def test_depth_refused(tmp_path):
    for suffix, kind in FORMATS.items():
        if not kind.deep:
            with pytest.raises(UserError, match=r'16 for \.png, \.tif, \.tiff'):
                save_image(tmp_path / f'a{suffix}', IMAGE, depth=16)
    with pytest.raises(UserError, match='12 bits'):
        save_image(tmp_path / 'a.png', IMAGE, depth=12)


# ---- settings


@pytest.mark.parametrize('suffix', list(FORMATS))
def test_settings(tmp_path, suffix):
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


def test_settings_of_odd_types_and_sizes(tmp_path):
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


def test_no_settings(tmp_path):
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


# ---- where it cannot be written


def refused(path):
    """Both ways of asking say the same, in one line, and leave nothing."""
    with pytest.raises(UserError) as early:
        check_writable(path)
    with pytest.raises(UserError) as late:
        save_image(path, IMAGE)
    assert str(early.value) == str(late.value)
    assert '\n' not in str(late.value)
    return str(late.value)


def test_missing_folders_are_made_and_not_left_behind_for_nothing(tmp_path, monkeypatch):
    path = tmp_path / 'new' / 'deep' / 'a.png'
    check_writable(path)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match='not finite'):
        save_image(path, np.full((4, 4, 3), np.nan))
    with monkeypatch.context() as full, pytest.raises(OSError, match='nothing was lost'):
        full.setattr(os, 'fsync', lambda number: (_ for _ in ()).throw(OSError(errno.ENOSPC, 'full')))
        save_image(path, IMAGE, settings=SETTINGS, sidecar=True)
    assert list(tmp_path.iterdir()) == []
    save_image(path, IMAGE, sidecar=True, settings=SETTINGS)
    assert sorted(one.name for one in path.parent.iterdir()) == ['a.png', 'a.png.json']


def test_bad_targets(tmp_path):
    for name in ('a', 'a.xyz', '.png'):
        text = refused(tmp_path / name)
        assert all(suffix in text for suffix in FORMATS)
    (tmp_path / 'dir.png').mkdir()
    assert 'is a folder' in refused(tmp_path / 'dir.png')
    (tmp_path / 'file').touch()
    assert 'not a folder' in refused(tmp_path / 'file' / 'a.png')
    assert 'not a folder' in refused(tmp_path / 'file' / 'deep' / 'a.png')
    os.mkfifo(tmp_path / 'pipe.png')
    assert 'ordinary file' in refused(tmp_path / 'pipe.png')
    assert sorted(path.name for path in tmp_path.iterdir()) == ['dir.png', 'file', 'pipe.png']
    with pytest.raises(UserError, match='16383 pixels a side'):
        save_image(tmp_path / 'a.webp', np.zeros((1, 16384, 3)))


@pytest.mark.skipif(not os.path.isdir('/proc/self'), reason='no /proc')
def test_folder_that_not_even_root_may_write():
    assert 'cannot be written' in refused('/proc/a.png')


def test_read_only_folder():
    folder = Path(tempfile.mkdtemp(dir='/tmp'))  # tmp_path is closed to others
    try:
        old = save_image(folder / 'a.png', IMAGE).read_bytes()
        folder.chmod(0o555)
        with ordinary_user():
            assert 'cannot be written (Permission denied)' in refused(folder / 'a.png')
        assert (folder / 'a.png').read_bytes() == old
        assert len(list(folder.iterdir())) == 1
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_check_writable_touches_nothing(tmp_path):
    check_writable(tmp_path / 'a.png')
    assert list(tmp_path.iterdir()) == []
    (tmp_path / 'a.png').write_bytes(b'earlier')
    before = (tmp_path / 'a.png').stat()
    check_writable(str(tmp_path / 'a.png'))
    assert (tmp_path / 'a.png').stat().st_mtime_ns == before.st_mtime_ns


def test_relative_paths_long_names_and_links(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert save_image('a.png', IMAGE) == Path('a.png')
    save_image(f'{"ü" * 120}.png', IMAGE)  # 244 of 255 bytes
    with pytest.raises(UserError, match='cannot be written'):
        save_image(f'{"x" * 300}.png', IMAGE)
    (tmp_path / 'link.png').symlink_to('a.png')
    save_image('link.png', IMAGE * 0)
    assert (tmp_path / 'link.png').is_symlink()
    assert load_image('a.png').max() == 0
    assert not list(tmp_path.glob('.*'))


def test_permissions_follow_the_umask(tmp_path):
    for mask, mode in [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)]:
        before = os.umask(mask)
        try:
            path = save_image(tmp_path / f'{mask}.png', IMAGE, settings={}, sidecar=True)
        finally:
            os.umask(before)
        assert path.stat().st_mode & 0o777 == mode
        assert Path(f'{path}.json').stat().st_mode & 0o777 == mode


# ---- whole files or none


@pytest.fixture
def earlier(tmp_path):
    (tmp_path / 'a.png').write_bytes(b'earlier')
    (tmp_path / 'a.png.json').write_bytes(b'{"earlier": 1}')
    yield tmp_path / 'a.png'
    assert (tmp_path / 'a.png').read_bytes() == b'earlier'
    assert (tmp_path / 'a.png.json').read_bytes() == b'{"earlier": 1}'


def save_over(path):
    return save_image(path, IMAGE, settings=SETTINGS, sidecar=True)


def full(*args, **kwargs):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize('number', [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize('name', ['fsync', 'replace'])
def test_full_disk(earlier, monkeypatch, name, number):
    def fail(*args):
        raise OSError(number, 'full')

    monkeypatch.setattr(files.os, name, fail)
    with pytest.raises(DiskFull, match=r'disk is full.*nothing was lost') as caught:
        save_over(earlier)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(earlier))
    assert not isinstance(caught.value, UserError)
    assert len(list(earlier.parent.iterdir())) == 2


def test_full_disk_while_writing(earlier, monkeypatch):
    write = Path.write_bytes

    def half(path, data):
        write(path, data[: len(data) // 2])
        full()

    monkeypatch.setattr(Path, 'write_bytes', half)
    with pytest.raises(DiskFull, match='nothing was lost'):
        save_over(earlier)
    assert len(list(earlier.parent.iterdir())) == 2
    monkeypatch.undo()


def test_write_stopped_by_the_kernel(tmp_path):
    """The kernel's own limit on a file's size stops the write half way, in another process."""
    code = """
import resource, signal, sys, numpy as np
from stylegen.images import save_image
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    save_image(sys.argv[1], np.random.default_rng(0).random((99, 99, 3)))
except OSError as error:
    print(type(error).__name__, error.errno)
"""
    (tmp_path / 'a.png').write_bytes(b'earlier')
    done = child(code, tmp_path / 'a.png')
    assert done.communicate(timeout=60)[0].split() == ['OSError', str(errno.EFBIG)]
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [('a.png', b'earlier')]


def test_interruption_and_other_failures(earlier, monkeypatch):
    for error in (KeyboardInterrupt, OSError(errno.EIO, 'input/output error'), MemoryError):

        def fail(*args, error=error):
            raise error

        monkeypatch.setattr(files.os, 'fsync', fail)
        with pytest.raises(error if isinstance(error, type) else OSError):
            save_over(earlier)
        assert len(list(earlier.parent.iterdir())) == 2


def test_encoder_failing(earlier, monkeypatch):
    monkeypatch.setattr(Image.Image, 'save', full)
    with pytest.raises(OSError, match='No space'):
        save_over(earlier)


def test_the_file_is_never_opened_in_place(earlier, monkeypatch, tmp_path):
    opened, real = [], builtins.open
    spy = lambda file, *a, **k: opened.append(str(file)) or real(file, *a, **k)
    monkeypatch.setattr(io, 'open', spy)
    if sys.version_info < (3, 11):
        monkeypatch.setattr('pathlib._NormalAccessor.open', staticmethod(spy))
    other = tmp_path / 'b.png'
    save_image(other, IMAGE)
    assert opened
    assert str(other) not in opened
    assert all(Path(name).name.startswith(f'.b.png.{os.getpid()}-') for name in opened)


def test_sync_comes_before_the_move(tmp_path, monkeypatch):
    calls = []
    for name in ('fsync', 'replace'):
        real = getattr(os, name)
        monkeypatch.setattr(files.os, name, lambda *a, real=real, name=name: calls.append(name) or real(*a))
    save_image(tmp_path / 'a.png', IMAGE)
    assert calls == ['fsync', 'replace']


def child(code, *args):
    env = os.environ | {'PYTHONPATH': str(Path(__file__).parents[2])}
    command = [sys.executable, '-c', code, *map(str, args)]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_killed_between_write_and_move(earlier):
    code = """
import sys, time, numpy as np
from stylegen.utils import files
from stylegen.images import save_image
def wait(*args):
    print('here', flush=True)
    time.sleep(60)
files.os.replace = wait
save_image(sys.argv[1], np.zeros((9, 9, 3)), settings={'a': 1}, sidecar=True)
"""
    process = child(code, earlier)
    assert process.stdout.readline() == 'here\n'
    process.send_signal(signal.SIGKILL)
    assert process.wait(timeout=30) == -signal.SIGKILL
    process.stdout.close()
    left = sorted(path.name for path in earlier.parent.iterdir())
    assert left[-2:] == ['a.png', 'a.png.json']
    assert all(name.startswith('.a.png') and name.endswith('.tmp') and f'.{process.pid}-' in name for name in left[:-2])
    with Image.open(
        earlier.parent / next(name for name in left if name.startswith('.a.png.') and 'json' not in name)
    ) as image:
        assert image.size == (9, 9)  # it was whole, only not yet in place


def test_killed_at_any_moment(tmp_path):
    path = tmp_path / 'a.png'
    code = """
import sys, itertools, numpy as np
from stylegen.images import save_image
for index in itertools.count():
    save_image(sys.argv[1], np.full((300, 300, 3), float(index % 2)))
    if not index: print('here', flush=True)
"""
    for delay in (0.003, 0.011, 0.017):
        process = child(code, path)
        assert process.stdout.readline() == 'here\n'
        time.sleep(delay)
        process.kill()
        process.wait()
        process.stdout.close()
        assert len(np.unique(load_image(path))) == 1
