"""GIF, WebP and MP4."""

import sys

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from stylegen.images import check_animation, check_writable, read_settings, save_animation, video
from stylegen.images.animated import open_animation
from stylegen.utils.errors import UserError
from tests.images.test_video import shown_at

# imageio_ffmpeg's reader leaves its pipes to the garbage collector
pytestmark = pytest.mark.filterwarnings('ignore::pytest.PytestUnraisableExceptionWarning')

GREYS = [0.1, 0.3, 0.5, 0.7, 0.9]


def frames(height=24, width=32):
    return (np.full((height, width, 3), grey, np.float32) for grey in GREYS)


def test_gif_and_webp_keep_frames_and_times(tmp_path):
    for suffix in ('.gif', '.webp'):
        path = save_animation(tmp_path / f'a{suffix}', frames(), fps=8, loop=3)
        with Image.open(path) as image:
            assert (image.n_frames, image.size) == (5, (32, 24))
            assert image.info['loop'] == (2 if suffix == '.gif' else 3), 'a GIF counts repetitions'
            total = 0
            for index, grey in enumerate(GREYS):
                image.seek(index)
                image.load()
                total += image.info['duration']
                assert abs(np.asarray(image.convert('RGB'), int) - 255 * grey).max() < 4
        assert abs(total - 625) <= 10
    assert sorted(path.name for path in tmp_path.iterdir()) == ['a.gif', 'a.webp']


@pytest.mark.parametrize('suffix', ['.gif', '.webp'])
def test_time_is_kept_where_frames_are_no_whole_units(tmp_path, suffix):
    many = (np.full((4, 4, 3), index % 2, np.float32) for index in range(60))
    with Image.open(save_animation(tmp_path / f'a{suffix}', many, fps=30)) as image:
        total = 0
        for index in range(image.n_frames):
            image.seek(index)
            image.load()
            total += image.info['duration']
    assert total == 2000


@pytest.mark.parametrize(('height', 'width'), [(24, 32), (23, 31), (1, 1)])
def test_an_mp4_has_all_frames_and_even_sides(tmp_path, height, width):
    path = save_animation(tmp_path / 'a.mp4', frames(height, width), fps=5)
    assert imageio_ffmpeg.count_frames_and_secs(str(path))[0] == 5
    reader = imageio_ffmpeg.read_frames(str(path))
    meta = next(reader)
    assert meta['size'] == (width + width % 2, height + height % 2)
    assert meta['codec'] == 'h264'
    assert meta['pix_fmt'].startswith('yuv420p')
    assert meta['fps'] == 5
    for grey, data in zip(GREYS, reader, strict=True):
        assert abs(np.frombuffer(data, np.uint8).astype(int) - 255 * grey).max() < 8  # the padding too
    assert [path.name for path in tmp_path.iterdir()] == ['a.mp4']


def test_mp4_keeps_colours(tmp_path):
    red = np.zeros((16, 16, 3), np.float32) + np.float32([0.8, 0.2, 0.1])
    reader = imageio_ffmpeg.read_frames(str(save_animation(tmp_path / 'a.mp4', [red] * 3)))
    assert 'bt709' in next(reader)['pix_fmt']
    seen = np.frombuffer(next(reader), np.uint8).reshape(16, 16, 3).mean((0, 1))
    np.testing.assert_allclose(seen, [204, 51, 25.5], atol=6)


def test_mp4_takes_frames_one_by_one(tmp_path):
    alive, most = set(), 0

    class Frame(np.ndarray):
        def __del__(self):
            alive.discard(id(self))

    def made():
        nonlocal most
        for _ in range(20):
            frame = np.zeros((8, 8, 3), np.float32).view(Frame)
            alive.add(id(frame))
            most = max(most, len(alive))
            yield frame
            del frame

    save_animation(tmp_path / 'a.mp4', made())
    assert 0 < most <= 4


def test_what_cannot_be_written_is_refused(tmp_path):
    path = tmp_path / 'a.gif'
    with pytest.raises(ValueError, match='got none'):
        save_animation(path, [])
    for suffix in ('.gif', '.webp', '.mp4'):
        with pytest.raises(ValueError, match='frame 1 is'):
            save_animation(tmp_path / f'a{suffix}', [np.zeros((4, 4, 3)), np.zeros((4, 5, 3))])
    with pytest.raises(ValueError, match='not finite'):
        save_animation(path, [np.full((4, 4, 3), np.nan)])
    for fps in (0, 1001, float('nan')):
        for call in (lambda fps=fps: check_animation(path, fps), lambda fps=fps: save_animation(path, None, fps)):
            with pytest.raises(UserError, match='per second'):
                call()
    with pytest.raises(ValueError, match='loop'):
        save_animation(path, frames(), loop=-1)
    with pytest.raises(UserError, match=r"'.avi'.*\.gif, \.webp, \.apng, \.mp4"):
        save_animation(tmp_path / 'a.avi', frames())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('suffix', ['.gif', '.webp', '.apng', '.mp4'])
@pytest.mark.parametrize('times', [[0.0], [0, 0.2, 0.2, 0.3, 0.4, 0.5]])
def test_times_that_do_not_rise_are_refused(tmp_path, suffix, times):
    with pytest.raises(ValueError, match='two or more numbers of seconds, each larger'):
        save_animation(tmp_path / f'a{suffix}', frames(), times=times)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('suffix', ['.gif', '.webp', '.apng', '.mp4'])
def test_frames_beyond_the_times_are_shown_as_long_as_the_last(tmp_path, suffix):
    path = save_animation(tmp_path / f'a{suffix}', frames(), times=[0, 0.2, 0.5])
    if suffix == '.mp4':
        assert shown_at(path) == pytest.approx([0, 0.2, 0.5, 0.8, 1.1], abs=1e-4)
    else:
        assert open_animation(path).times == pytest.approx([0, 0.2, 0.5, 0.8, 1.1, 1.4])


def test_a_name_in_the_home_folder_is_written_and_read_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('HOME', str(tmp_path / 'home'))
    (tmp_path / 'home').mkdir()
    check_animation('~/film.gif')
    path = save_animation('~/film.gif', frames(), settings={'steps': 5})
    assert path == tmp_path / 'home' / 'film.gif' and path.exists()
    assert read_settings('~/film.gif') == {'steps': 5}
    check_writable('~/picture.png')
    assert sorted(path.name for path in tmp_path.iterdir()) == ['home']


def test_failure_in_the_middle_keeps_the_earlier_file(tmp_path):
    def broken():
        yield from frames()
        raise KeyboardInterrupt

    for suffix in ('.gif', '.webp', '.mp4'):
        path = tmp_path / f'a{suffix}'
        path.write_bytes(b'earlier')
        with pytest.raises(KeyboardInterrupt):
            save_animation(path, broken())
        assert path.read_bytes() == b'earlier'
    assert len(list(tmp_path.iterdir())) == 3


def test_without_imageio_ffmpeg_only_mp4_is_refused(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'imageio_ffmpeg', None)
    for call in (lambda: check_animation(tmp_path / 'a.mp4'), lambda: save_animation(tmp_path / 'a.mp4', frames())):
        with pytest.raises(UserError, match=r'pip install "stylegen\[video\]"'):
            call()
    check_animation(tmp_path / 'a.gif')


def program(tmp_path, body):
    path = tmp_path / 'ffmpeg'
    path.write_text(f'#!/bin/sh\n{body}\n')
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ('says', 'error'), [('No space left on device', 'disk is full'), ('Unknown encoder', 'Unknown encoder')]
)
def test_a_failure_of_ffmpeg_leaves_no_file(tmp_path, monkeypatch, says, error):
    path = tmp_path / 'a.mp4'
    path.write_bytes(b'earlier')
    monkeypatch.setattr(video, 'ffmpeg_program', lambda: program(tmp_path, f'echo "{says}" >&2; exit 1'))
    with pytest.raises(OSError, match=error):
        save_animation(path, frames(500, 500))
    assert path.read_bytes() == b'earlier'
    assert sorted(path.name for path in tmp_path.iterdir()) == ['a.mp4', 'ffmpeg']


def test_the_settings_go_beside_the_animation(tmp_path):
    save_animation(tmp_path / 'a.mp4', frames(), settings={'steps': 5})
    assert read_settings(tmp_path / 'a.mp4') == {'steps': 5}
