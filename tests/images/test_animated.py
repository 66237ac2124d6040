"""Pictures of several frames or pages: how many there are is known, and animations are read like clips."""

import numpy as np
import pytest
from PIL import Image

from stylegen import images
from stylegen.images.animated import first_only, is_animated, open_animation
from stylegen.runs.inputs import Inputs, read_mask, read_picture
from tests.conftest import photo

GREYS = (20, 90, 160, 230)


def animate(path, times=100, count=4, **options):
    """Frame i is grey GREYS[i]."""
    frames = [Image.new('RGB', (32, 24), (grey,) * 3) for grey in GREYS[:count]]
    kind = {'.apng': 'PNG', '.tif': 'TIFF'}.get(path.suffix)
    more = {} if kind == 'TIFF' else {'duration': times} | options
    frames[0].save(path, kind, save_all=True, append_images=frames[1:], **more)
    return path


def greys(clip, first=0):
    return [round(float(frame.mean()) * 255) for frame in clip.read(first)]


@pytest.mark.parametrize('name', ['a.gif', 'a.webp', 'a.png', 'a.apng'])
def test_the_frames_of_an_animation_come_in_order(tmp_path, name):
    path = animate(tmp_path / name, **({'lossless': True} if name == 'a.webp' else {}))
    assert is_animated(path)
    clip = open_animation(path)
    assert (clip.width, clip.height, clip.fps, clip.frames, clip.sound) == (32, 24, pytest.approx(10), 4, None)
    assert np.allclose(greys(clip), GREYS, atol=1) and np.allclose(greys(clip, 2), GREYS[2:], atol=1)
    frame = next(clip.read())
    assert frame.shape == (24, 32, 3) and frame.dtype == np.float32


def test_frames_that_stay_longer_come_once_with_their_times(tmp_path):
    clip = open_animation(animate(tmp_path / 'a.gif', [100, 300, 100, 50]))
    assert clip.times == pytest.approx((0, 0.1, 0.4, 0.5, 0.55)) and np.allclose(greys(clip), GREYS, atol=1)
    assert clip.fps == pytest.approx(4 / 0.55)
    plain = open_animation(animate(tmp_path / 'b.gif', [0, 0, 0, 10]))
    assert plain.fps == pytest.approx(10) and plain.times is None  # as browsers show it
    for name in ('again.gif', 'again.webp'):
        path = images.save_animation(tmp_path / name, clip.read(), clip.fps, times=clip.times)
        assert open_animation(path).times == pytest.approx(clip.times)


@pytest.mark.parametrize('suffix', ['.gif', '.webp', '.apng'])
def test_an_animation_is_played_as_often_as_it_was_written_to_be(tmp_path, suffix):
    frames = [np.full((8, 8, 3), grey, np.float32) for grey in (0.1, 0.9)]
    for loop in (0, 1, 2, 5):
        assert open_animation(images.save_animation(tmp_path / f'{loop}{suffix}', frames, loop=loop)).loop == loop


def test_what_is_transparent_is_white(tmp_path):
    frames = [Image.new('RGBA', (16, 16), (0, 0, 0, alpha)) for alpha in (0, 255)]
    frames[0].save(tmp_path / 'a.webp', save_all=True, append_images=frames[1:], lossless=True, duration=100)
    assert greys(open_animation(tmp_path / 'a.webp')) == [255, 0]


def test_the_picture_for_programs_that_show_no_other_is_no_frame(tmp_path):
    frames = [Image.new('RGB', (16, 16), (grey,) * 3) for grey in (0, 100, 200)]
    frames[0].save(tmp_path / 'a.png', save_all=True, default_image=True, append_images=frames[1:], duration=50)
    assert greys(open_animation(tmp_path / 'a.png')) == [100, 200]


def test_a_line_tells_where_only_the_first_is_used(tmp_path):
    assert first_only(animate(tmp_path / 'a.gif')) == f"'{tmp_path}/a.gif' has 4 frames; only the first one is used"
    assert 'has 4 pages' in first_only(animate(tmp_path / 'a.tif')) and not is_animated(tmp_path / 'a.tif')
    for name in ('b.gif', 'b.png', 'b.webp', 'b.jpg', 'b.tif'):
        images.save_image(tmp_path / name, photo(16, 16))
        assert first_only(tmp_path / name) is None and not is_animated(tmp_path / name)
    twice = Image.open(tmp_path / 'b.jpg')
    twice.save(tmp_path / 'phone.jpg', 'MPO', save_all=True, append_images=[twice])  # as telephones write them
    assert first_only(tmp_path / 'phone.jpg') is None
    (tmp_path / 'broken.gif').write_bytes(b'GIF89a')
    assert first_only(tmp_path / 'broken.gif') is None and not is_animated(tmp_path / 'missing.gif')


def test_pictures_styles_and_masks_tell_it_once(tmp_path):
    path, said = str(animate(tmp_path / 'a.gif')), []
    inputs = Inputs(say=said.append)
    inputs.load(path)
    read_mask(inputs, path, (24, 32))
    read_picture(path, None, said.append, default=path, default_size=1024)
    assert len(said) == 2 and said[0] == said[1]
