"""Films as a person makes them: a zoom, a clip, one that is stopped and goes on."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylegen import images
from stylegen.deepdream import Dreamer
from stylegen.deepdream.__main__ import define_flags
from stylegen.deepdream.command_line import CommandLine
from stylegen.deepdream.film import at_rate
from stylegen.deepdream.presets import FRAME_DEFAULTS
from stylegen.deepdream.settings import RATE, ZoomSettings
from stylegen.deepdream.zoom import zoom_frames
from stylegen.runs import frames
from stylegen.runs.inputs import DEFAULT_PICTURE
from stylegen.utils.errors import UserError
from tests.conftest import photo, run

QUICK = ['--steps=1', '--octaves=1', '--size=48', '--layers=block2_conv1', '--network=mini', '--quiet']
ZOOM = ['--input=photo.png', '--zoom=2', '--rotation=20', '--seconds=0.4', '--fps=10', *QUICK]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images.save_image('photo.png', photo(40, 48))
    return tmp_path


def frames_of(path):
    with Image.open(path) as film:
        shown = []
        for index in range(film.n_frames):
            film.seek(index)
            shown.append(np.asarray(film.convert('RGB'), float))
        return shown


def test_a_zoom_is_a_film_that_replays(folder):
    assert run(*ZOOM, '--output=one.webp') == 0
    shown = frames_of('one.webp')
    assert len(shown) == 4 and all(frame.shape == (40, 48, 3) for frame in shown)
    assert np.abs(shown[0] - shown[3]).mean() > 5 and min(frame.min() for frame in shown) >= 0
    assert not (folder / 'one.webp.frames').exists()
    assert run('--replay=one.webp', '--output=two.webp', '--quiet') == 0
    assert Path('one.webp').read_bytes() == Path('two.webp').read_bytes()


def test_a_zoom_shows_no_colours_under_transparent_pixels():
    alpha = np.ones((40, 48), np.float32)
    alpha[:, 24:] = 0
    for name, hidden in (('black', 0), ('white', 1)):
        picture = photo(40, 48)
        picture[:, 24:] = hidden
        images.save_image(f'{name}.png', picture, alpha=alpha)
        assert run(f'--input={name}.png', *ZOOM[1:], f'--output={name}.webp') == 0
    assert Path('black.webp').read_bytes() == Path('white.webp').read_bytes()


def test_a_film_that_is_stopped_goes_on_and_ends_the_same(folder, monkeypatch):
    assert run(*ZOOM, '--output=whole.webp') == 0
    save = frames.save_image

    def stopping(path, *args, **kwargs):
        if '000002' in str(path):
            raise KeyboardInterrupt
        return save(path, *args, **kwargs)

    monkeypatch.setattr(frames, 'save_image', stopping)
    assert run(*ZOOM, '--output=part.webp') == 130
    assert not Path('part.webp').exists() and len(list(Path('part.webp.frames').glob('*.png'))) == 2
    monkeypatch.setattr(frames, 'save_image', save)
    assert run(*ZOOM, '--output=part.webp', '--seed=4') == 2  # other settings are refused, nothing is lost
    assert len(list(Path('part.webp.frames').glob('*.png'))) == 2
    assert run(*ZOOM, '--output=part.webp') == 0
    assert Path('part.webp').read_bytes() == Path('whole.webp').read_bytes()


def test_a_zoom_dreams_as_much_a_second_at_any_rate():
    layer = 'block3_conv1'
    dreamer = Dreamer(network='mini', layers={layer: 1.0}, **FRAME_DEFAULTS)
    image = images.load_image(DEFAULT_PICTURE, 80)

    def activity(fps, rated):
        one = at_rate(dreamer, fps) if rated else dreamer
        *_, last = zoom_frames(image, lambda frame, seed: one(frame, seed=seed), seconds=1, fps=fps, zoom=1.5)
        return np.square(dreamer.extractor(last[None])[layer]).mean()

    apart = lambda rated: abs(np.log(activity(4, rated) / activity(12, rated)))
    assert apart(rated=True) < 0.12 < apart(rated=False)


def test_fixed_steps_follow_the_rate_too_and_a_strength_is_at_most_1(tiny):
    fixed = Dreamer(network=tiny, layers={'a': 1.0}, step_size=0.01)
    assert at_rate(fixed, 6).settings.step_size == pytest.approx(0.02)
    assert at_rate(fixed, RATE).settings.step_size == fixed.settings.step_size == 0.01
    steered = Dreamer(network=tiny, layers={'a': 1.0}, strength=0.5)
    assert at_rate(steered, 96).settings.strength == 0.25 and at_rate(steered, 1).settings.strength == 1


def test_a_clip_dreams_and_holds_still(folder):
    pytest.importorskip('cv2')
    images.save_animation('clip.mp4', [photo(40, 48)] * 5, fps=10)
    assert run('--input=clip.mp4', '--output=dream.webp', *QUICK) == 0
    shown = frames_of('dream.webp')
    assert len(shown) == 5 and np.abs(shown[0] / 255 - photo(40, 48)).mean() > 0.01
    assert np.abs(shown[3] - shown[4]).mean() < 0.5 * np.abs(shown[0] - 255 * photo(40, 48)).mean()


@pytest.mark.parametrize('name', ['moving.gif', 'moving.png'])
def test_an_animated_picture_is_a_clip_where_the_output_moves_too(name, capsys):
    pytest.importorskip('cv2')
    pictures = [Image.fromarray(images.to_uint8(photo(40, 48, seed))) for seed in (1, 2, 3)]
    pictures[0].save(name, save_all=True, append_images=pictures[1:], duration=50, lossless=True)
    still = [arg for arg in QUICK if arg not in ('--quiet', '--steps=1')] + ['--steps=0']
    assert run(name, '--output=clip.webp', *still) == 0
    out = capsys.readouterr().out
    assert 'film     3 frames of 48 x 40, 20 a second' in out and 'only the first' not in out
    for frame, picture in zip(frames_of('clip.webp'), pictures, strict=True):
        assert np.abs(frame - np.asarray(picture, float)).mean() < 12
    assert run('--replay=clip.webp', '--output=again.webp', '--quiet') == 0
    assert Path('again.webp').read_bytes() == Path('clip.webp').read_bytes()
    assert run(name, '--output=one.png', *still) == 0
    out = capsys.readouterr().out
    assert f"'{name}' has 3 frames; only the first one is used; --output=NAME.gif makes a clip of all" in out
    assert images.load_image('one.png').shape == (40, 48, 3)


def test_several_inputs_give_a_result_each():
    images.save_image('other.png', photo(48, 40))
    still = [arg for arg in QUICK if arg != '--steps=1']
    assert run('photo.png', '--steps=0', 'other.png', '--output=new/out', *still) == 0
    assert [images.load_image(f'new/out/{name}').shape[:2] for name in ('photo.png', 'other.png')] == [
        (40, 48),
        (48, 40),
    ]


def test_a_still_gif_is_a_picture(capsys):
    images.save_image('still.gif', photo(40, 48))
    assert run('still.gif', '--output=out.gif', *QUICK) == 0 and len(frames_of('out.gif')) == 1


@pytest.mark.parametrize(
    'args, message',
    [
        (['--zoom=0.5'], 'expected zoom to be a number from 1, got 0.5'),
        (['--zoom=2', '--shift=a'], "expected shift as X,Y in widths and heights per second, got 'a'"),
        (['--zoom=2', '--output=film.png'], '.mp4'),
        (['--zoom=2', '--fps=0'], 'expected fps to be a number above 0, got 0'),
        (['--input=missing.mp4'], 'missing.mp4'),
    ],
)
def test_mistakes_in_films_are_one_line_and_leave_no_file(args, message, capsys):
    usual = QUICK if args[0].endswith('mp4') else ZOOM
    assert run(*[a for a in usual if not any(a.startswith(b.split('=')[0]) for b in args)], *args) == 2
    err = capsys.readouterr().err
    assert message in err and err.count('\n') == 1
    assert [path.name for path in Path().iterdir()] == ['photo.png']


def test_a_shift_is_read():
    assert ZoomSettings(shift='0.1,-0.2').shift == ZoomSettings(shift=[0.1, -0.2]).shift == (0.1, -0.2)
    for wrong in ('1', '1,2,3', '0,nan', (1.0,), 3):
        with pytest.raises(UserError, match='expected shift as X,Y'):
            ZoomSettings(shift=wrong)


def test_a_frame_of_a_film_dreams_less_unless_a_strength_is_typed():
    settings = lambda *args: CommandLine.of(define_flags().parse(['x', *args])).dream
    assert settings('--zoom=2').strength == FRAME_DEFAULTS['strength'] and settings().strength is None
    assert settings('--zoom=2', '--strength=0.3').strength == 0.3
    assert settings('--zoom=2', '--preset=google').step_size == 1.5 / 255


def test_the_input_is_not_written_over(capsys):
    images.save_animation('loop.gif', [photo(40, 48)] * 2, fps=10)
    before = Path('loop.gif').read_bytes()
    assert run(*[a for a in ZOOM if 'input' not in a], '--input=loop.gif', '--output=loop.gif') == 2
    assert 'is an input' in capsys.readouterr().err and Path('loop.gif').read_bytes() == before


def test_only_its_own_frames_are_removed(folder):
    (folder / 'one.webp.frames').mkdir()
    Path('one.webp.frames/mine.txt').write_text('kept')
    assert run(*ZOOM, '--output=one.webp') == 0
    assert [path.name for path in Path('one.webp.frames').iterdir()] == ['mine.txt']
