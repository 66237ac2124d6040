"""Clips that are painted in one pass a frame: steady, at their rate, with their sound; and results that replay."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylegen import images
from stylegen.images.flow import box_blur, motion, warp
from stylegen.images.pixels import sample
from stylegen.images.video import open_clip
from stylegen.runs import frames as kept
from stylegen.runs.inputs import DEFAULT_PICTURE
from stylegen.style.footage import paint_clip, paint_footage
from stylegen.style.one_pass import OnePass
from stylegen.style.pass_settings import PassSettings
from stylegen.utils.errors import UserError
from tests.conftest import photo, run
from tests.images.test_flow import textured, view
from tests.images.test_video import clip_with_sound, shown_at
from tests.style.one_pass_networks import random_network, random_one_pass

APPLY = ['apply', '--model=net.npz', '--style=ink', '--quiet']


@pytest.fixture(scope='module')
def network(tmp_path_factory):
    """The file of a small network."""
    path = tmp_path_factory.mktemp('network') / 'net.npz'
    random_one_pass(random_network()).save(path)
    return path


@pytest.fixture(autouse=True)
def folder(network, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(network, 'net.npz')
    return tmp_path


def warping_error(frames, made):
    """The mean difference of a picture from the one before, warped, where the flow is to be trusted."""
    errors = []
    for (before, now), (old, new) in zip(
        zip(frames, frames[1:], strict=False), zip(made, made[1:], strict=False), strict=True
    ):
        moved = motion(now, before)
        if not moved.cut:
            errors.append(np.abs(new - warp(old, moved.flow))[moved.trusted > 0.9].mean())
    return np.mean(errors)


def pan():
    picture = images.load_image(DEFAULT_PICTURE, 256)
    rows, columns = np.arange(96)[:, None] + np.zeros((1, 128)), np.arange(128)[None] + np.zeros((96, 1))
    return [sample(picture, columns + 20 + 2.3 * n, rows + 40 + 0.6 * n).clip(0, 1) for n in range(8)]


def moving_object():
    ground, thing = pan()[0], photo(32, 40, 5)
    made = []
    for n in range(8):
        made.append(ground.copy())
        made[-1][30:62, 10 + 5 * n : 50 + 5 * n] = thing
    return made


def cut():
    other = np.ascontiguousarray(images.load_image(DEFAULT_PICTURE, 256)[::-1, ::-1, ::-1])
    return [*pan()[:4], *(other[40:136, 60 + 2 * n : 188 + 2 * n] for n in range(4))]


@pytest.fixture(scope='module')
def shipped():
    """The network that ships, in one of its styles."""
    one_pass = OnePass.open()
    norms = next(iter(one_pass.norms.values()))
    return lambda frame, scene: one_pass.paint_frame(frame, [(None, norms)], PassSettings(), scene)


@pytest.mark.parametrize('clip', [pan, moving_object, cut])
def test_a_clip_has_at_most_a_third_of_the_warping_error_of_its_frames_by_themselves(clip, shipped):
    grain = np.random.default_rng(0)
    frames = [np.clip(frame + grain.normal(0, 0.01, frame.shape), 0, 1).astype(np.float32) for frame in clip()]
    alone = [shipped(frame, None)[0] for frame in frames]
    steady = list(paint_footage(frames, shipped, blend=0.8))
    assert warping_error(frames, [one.picture for one in steady]) < warping_error(frames, alone) / 3
    fine = lambda picture: np.std(picture - box_blur(picture, 7))
    assert fine(steady[-1].picture) > 0.85 * fine(alone[-1]) and fine(steady[-1].picture) > fine(steady[-1].carried)
    assert [one.index for one in steady if one.cut] == ([0, 4] if clip is cut else [0])
    fresh = 4 if clip is cut else 0
    np.testing.assert_allclose(steady[fresh].picture, alone[fresh], atol=1e-6)


def test_what_comes_into_sight_is_painted_afresh_and_what_changes_colour_leaves_no_ghost():
    picture = textured()
    frames = [view(picture), view(picture, 8), np.clip(view(picture, 8) + np.float32(0.2), 0, 1)]
    marks = iter((0.3, 0, 0))
    made = list(paint_footage(frames, lambda frame, scene: (np.clip(frame + next(marks), 0, 1), {}), blend=0.8))
    carried = [(one.picture - one.frame).mean(-1) for one in made]
    assert carried[1][16:-16, 16:-24].mean() > 0.15 and np.abs(carried[1][:, -5:]).mean() < 0.05
    assert np.abs(carried[2]).mean() < 0.01  # the light has changed


def test_footage_goes_on_where_it_stopped_and_a_repeated_frame_is_not_painted_again():
    frames = [view(textured(n > 3), 2 * n) for n in range(6)]
    frames[2] = frames[1]
    calls = []

    def paint(frame, scene):
        count = 1 if scene is None else scene['count'] + 1
        calls.append(int(count))
        return frame * np.float32(1 - 0.1 * count), {'count': np.float32(count)}

    whole = list(paint_footage(frames, paint, blend=0.6))
    assert calls == [1, 2, 3, 1, 2] and np.array_equal(whole[1].picture, whole[2].picture)
    for stop in (0, 2, 3):
        rest = list(paint_footage(frames[stop + 1 :], paint, blend=0.6, previous=whole[stop]))
        assert [one.index for one in rest] == list(range(stop + 1, 6))
        assert all(np.array_equal(a.picture, b.picture) for a, b in zip(rest, whole[stop + 1 :], strict=True))


def test_from_python_a_clip_is_painted_frame_by_frame_with_masks(network):
    one_pass, frames = OnePass.open(network), [photo(24, 32, seed) for seed in (0, 0, 1)]
    mask = np.zeros((24, 32), np.float32)
    mask[:, :16] = 1
    made = list(paint_clip(one_pass, frames, None, regions=[(mask, 'ink')], blend=0))
    for frame, painted in zip(frames, made, strict=True):
        np.testing.assert_allclose(painted, one_pass(frame, 'ink', mask=mask), atol=1e-5)
    assert list(paint_clip(one_pass, [], 'ink')) == []
    as_bytes = [images.to_uint8(frame) for frame in frames]
    for painted, expected in zip(paint_clip(one_pass, as_bytes, 'ink', mask=mask, blend=0), made, strict=True):
        np.testing.assert_allclose(painted, expected, atol=0.02)
    with pytest.raises(UserError, match='frame 1 is 20 x 24 and the first 32 x 24; give frames of one size'):
        list(paint_clip(one_pass, [frames[0], frames[1][:, :20]], 'ink'))


def test_a_clip_keeps_its_rate_its_sound_and_its_size_and_replays():
    clip_with_sound('clip.mov', rate='24000/1001', seconds=0.5, sound=0.5)
    assert run(*APPLY, 'clip.mov', '--output=out.mp4', program='style') == 0
    before, after = open_clip('clip.mov'), open_clip('out.mp4')
    assert after.fps == before.fps == 24000 / 1001 and after.sound == 'aac'
    assert (after.width, after.height, after.frames) == (64, 48, 12)
    assert np.abs(next(after.read()) - next(before.read())).mean() > 0.05
    assert sorted(path.name for path in Path().iterdir()) == ['clip.mov', 'net.npz', 'out.mp4', 'out.mp4.json']
    assert run('apply', '--replay=out.mp4', '--output=again.mp4', '--quiet', program='style') == 0
    assert Path('again.mp4').read_bytes() == Path('out.mp4').read_bytes()
    assert run(*APPLY, 'clip.mov', '--output=clip.mov', program='style') == 2


def test_frames_of_an_animation_keep_their_times_and_odd_sides_are_extended():
    pictures = [Image.fromarray(images.to_uint8(photo(33, 45, seed))) for seed in (1, 2, 3)]
    pictures[0].save('moving.gif', save_all=True, append_images=pictures[1:], duration=[100, 300, 50], loop=2)
    for name, sides in (('out.webp', (45, 33)), ('out.mp4', (46, 34))):
        assert run(*APPLY, 'moving.gif', f'--output={name}', program='style') == 0
        if name == 'out.mp4':
            np.testing.assert_allclose(shown_at(name), [0, 0.1, 0.4], atol=1e-3)
            assert (open_clip(name).width, open_clip(name).height) == sides
        else:
            with Image.open(name) as film:
                assert film.size == sides and film.n_frames == 3 and film.info['loop'] == 3, 'twice more is three times'


def test_a_clip_that_was_stopped_goes_on_to_the_same_bytes(monkeypatch, capsys):
    images.save_animation('clip.mp4', [view(textured(), 3 * n)[:48, :64] for n in range(6)], fps=8)
    mask = np.zeros((48, 64, 3), np.float32)
    mask[:, :32] = 1
    images.save_image('mask.png', mask)
    clip = [*APPLY, 'clip.mp4', '--region=mask.png=waves', '--strength=1.2']
    assert run(*clip, '--output=whole.webp', program='style') == 0
    save = kept.save_image

    def stopping(path, *args, **kwargs):
        if '000003' in str(path):
            raise KeyboardInterrupt
        return save(path, *args, **kwargs)

    monkeypatch.setattr(kept, 'save_image', stopping)
    assert run(*clip, '--output=part.webp', program='style') == 130
    assert not Path('part.webp').exists() and len(list(Path('part.webp.frames').glob('*.png'))) == 3
    monkeypatch.setattr(kept, 'save_image', save)
    assert run(*clip, '--output=part.webp', '--blend=0.2', program='style') == 2
    assert 'another blend' in capsys.readouterr().err
    assert run(*clip, '--output=part.webp', program='style') == 0
    assert Path('part.webp').read_bytes() == Path('whole.webp').read_bytes()
    assert not Path('part.webp.frames').exists()


def test_a_picture_replays_in_the_precision_that_it_was_painted_in(monkeypatch):
    """'auto' in the record would mean float32 where NumPy paints a single photo."""
    images.save_image('photo.png', photo(40, 56))
    apply = ['apply', '--model=net.npz', '--style=ink', 'photo.png', '--quiet']
    monkeypatch.setattr('stylegen.utils.backend.fast_precision', lambda: 'mixed_bfloat16')
    assert run(*apply, '--output=fast.png', program='style') == 0
    monkeypatch.setattr('stylegen.utils.backend.fast_precision', lambda: 'float32')
    assert run(*apply, '--output=exact.png', program='style') == 0
    assert run('apply', '--replay=fast.png', '--output=again.png', '--quiet', program='style') == 0
    fast, exact, again = (images.load_image(f'{name}.png') for name in ('fast', 'exact', 'again'))
    assert np.array_equal(again, fast) and not np.array_equal(exact, fast)


def test_a_picture_with_regions_and_a_painting_replays_also_where_it_was_moved(capsys):
    images.save_image('photo.png', photo(40, 48))
    images.save_image('painting.png', photo(64, 56, 3))
    mask = np.zeros((40, 48, 3), np.float32)
    mask[:, 24:] = 1
    images.save_image('right.png', mask)
    how = ['--style=painting.png:2', '--style=waves', '--region=right.png=ink', '--size=44', '--color=linear']
    assert run('apply', '--model=net.npz', 'photo.png', *how, '--output=out.png', '--quiet', program='style') == 0
    before = Path('out.png').read_bytes()
    Path('moved').mkdir()
    for name in ('photo.png', 'painting.png', 'right.png', 'net.npz', 'out.png'):
        Path(name).rename(f'moved/{name}')
    assert run('apply', '--replay=moved/out.png', '--output=again.png', '--quiet', program='style') == 0
    assert np.array_equal(images.load_image('again.png'), images.load_image('moved/out.png'))
    assert Path('moved/out.png').read_bytes() == before
    capsys.readouterr()
    assert run('apply', '--replay=again.png', '--style=ink', '--output=other.png', '--quiet', program='style') == 0
    assert images.read_settings('other.png')['settings']['style'] == ['ink']
    images.save_image('moved/painting.png', photo(64, 56, 4))
    assert run('apply', '--replay=again.png', '--output=no.png', program='style') == 2
    error = capsys.readouterr().err
    assert 'painting.png is not the file that the result was made from' in error and error.count('\n') == 1
    assert not Path('no.png').exists()


@pytest.mark.parametrize(
    ('wrong', 'told'),
    [
        (['photo.png', '--region=photo.png'], 'MASK=STYLE'),
        (['photo.png', '--region=missing.png=ink'], 'missing.png'),
        (['photo.png', '--style=none'], 'not both'),
        (['missing.mp4'], 'missing.mp4'),
        (['photo.png', 'photo.mp4'], 'goes with one input'),
        (['clip.gif', '--output=out.mp4', '--blend=1'], 'expected blend to be a number from 0 to below 1'),
        (['clip.gif', '--output=clip.gif'], 'is an input'),
        (['tiny.gif', '--output=out.gif'], 'at least 8 pixels a side; got 6 x 5'),
        (['--replay=photo.png'], 'has no settings'),
    ],
)
def test_mistakes_are_one_line_and_leave_no_file(wrong, told, capsys):
    images.save_image('photo.png', photo(24, 24))
    images.save_animation('clip.gif', [photo(24, 24), photo(24, 24, 1)])
    images.save_animation('tiny.gif', [photo(5, 6), photo(5, 6, 1)])
    before = sorted(path.name for path in Path().iterdir())
    assert run(*APPLY, *wrong, program='style') == 2
    error = capsys.readouterr().err
    assert told in error and error.count('\n') == 1
    assert sorted(path.name for path in Path().iterdir()) == before


@pytest.mark.parametrize(
    ('wrong', 'told'), [('--max_memory=lots', 'such as 4GB or 500MB'), ('--depth=12', '12 bits a channel')]
)
def test_what_no_photo_of_a_folder_can_have_is_refused_once(wrong, told, capsys):
    for number in range(3):
        images.save_image(f'photos/{number}.png', photo(24, 24, number))
    assert run(*APPLY, 'photos', wrong, '--output=painted', program='style') == 2
    error = capsys.readouterr().err
    assert told in error and error.count('\n') == 1 and not Path('painted').exists()


def frames_folder(count=4):
    """A folder of frames of a pan, two of them with a number before and after 10, and their pixels."""
    Path('shot').mkdir()
    for n in range(count):
        images.save_image(f'shot/f_{8 + n}.png', view(textured(), 3 * n)[:33, :45])
    return [images.load_image(f'shot/f_{8 + n}.png') for n in range(count)]


def test_a_folder_of_frames_is_painted_as_the_clip_that_it_is_and_goes_on_where_it_was_stopped(network, monkeypatch):
    frames = frames_folder()
    steady = [images.to_uint8(one) for one in paint_clip(OnePass.open(network), frames, 'ink')]
    alone = [images.to_uint8(OnePass.open(network)(frame, 'ink')) for frame in frames]
    command = [*APPLY, 'shot', '--frames', '--output=painted']
    save = kept.save_image
    monkeypatch.setattr(kept, 'save_image', lambda path, *_: 1 / 0 if '000002' in str(path) else save(path, *_))
    assert run(*command, program='style') == 1 and not Path('painted').exists()
    monkeypatch.setattr(kept, 'save_image', save)
    assert run(*command, program='style') == 0
    names = [f'f_{8 + n}.png' for n in range(4)]
    assert sorted(path.name for path in Path('painted').iterdir()) == sorted(names)
    made = [images.to_uint8(images.load_image(f'painted/{name}')) for name in names]
    assert all(np.abs(one.astype(int) - other).max() <= 1 for one, other in zip(made, steady, strict=True))
    assert np.abs(made[-1].astype(int) - alone[-1]).max() > 1 and not Path('painted.frames').exists()
    assert run(*command, program='style') == 2  # nothing is written over
    assert run('apply', '--replay=painted/f_8.png', '--output=again', '--quiet', program='style') == 0
    assert Path('again/f_11.png').read_bytes() == Path('painted/f_11.png').read_bytes()


def test_frames_that_are_turned_by_exif_have_their_upright_size_and_transparent_ones_stay_so(capsys):
    Path('shot').mkdir()
    exif, grey = Image.Exif(), Image.fromarray(images.to_uint8(photo(33, 45)))
    exif[0x0112] = 6
    grey.rotate(90, expand=True).save('shot/1.jpg', exif=exif)
    grey.putalpha(Image.linear_gradient('L').resize(grey.size))
    grey.save('shot/2.png')
    assert run(*APPLY, 'shot', '--frames', '--output=painted', '--size=30', program='style') == 0
    assert images.load_picture('painted/1.png').alpha is None
    alpha = images.load_picture('painted/2.png').alpha
    assert alpha.shape == (22, 30) and alpha[0].max() < 0.1 and alpha[-1].min() > 0.9
    grey.save('shot/3.tif')
    grey.rotate(90, expand=True).save('shot/4.png')
    assert run(*APPLY, 'shot', '--frames', '--output=again', program='style') == 2
    error = capsys.readouterr().err
    assert "4.png' is 33 x 45 and the first frame 45 x 33" in error and error.count('\n') == 1
    assert not Path('again.frames').exists()


def test_a_film_shows_no_colours_under_transparent_pixels_of_frames(network):
    alpha = np.ones((32, 48), np.float32)
    alpha[:, 24:] = 0
    shown = []
    for name, hidden in (('black', 0), ('green', (0, 1, 0)), ('white', 1)):
        for number in range(2):
            frame = view(textured(), 3 * number)[:32, :48].copy()
            frame[:, 24:] = hidden
            images.save_image(f'{name}/{number}.png', frame, alpha=alpha)
        assert run(*APPLY, name, f'--output={name}.mp4', program='style') == 0
        shown.append(np.stack([*open_clip(f'{name}.mp4').read()]))
    assert np.array_equal(shown[0], shown[1]) and np.array_equal(shown[0], shown[2])


def test_a_folder_of_frames_becomes_a_film_at_its_rate_also_animated_png(capsys):
    frames_folder(2)
    for name in ('out.apng', 'out.mp4'):
        assert run(*APPLY, 'shot', f'--output={name}', '--fps=12.5', program='style') == 0
    assert open_clip('out.mp4').fps == 12.5 and open_clip('out.mp4').frames == 2
    with Image.open('out.apng') as film:
        assert film.format == 'PNG' and film.size == (45, 33) and film.n_frames == 2
        assert film.info['duration'] == 80
    assert run(*APPLY, 'out.apng', '--output=twice.apng', program='style') == 0
    with Image.open('twice.apng') as film:
        assert film.n_frames == 2 and film.info['duration'] == 80
    images.save_image('shot/f_9.png', photo(33, 44))
    assert run(*APPLY, 'shot', '--output=no.mp4', program='style') == 2
    error = capsys.readouterr().err
    assert "f_9.png' is 44 x 33 and the first frame 45 x 33" in error and error.count('\n') == 1
    assert not Path('no.mp4').exists() and not Path('no.mp4.frames').exists()
