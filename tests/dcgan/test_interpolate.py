"""The way from seed to seed passes through the seeds' own pictures, along the path that was asked for."""

import numpy as np
import pytest
from PIL import Image

from stylegen.dcgan.interpolating import interpolate, rows, spherical, walk
from stylegen.dcgan.latent_vectors import latents
from stylegen.images import load_image, read_settings
from stylegen.utils.errors import UserError
from tests.conftest import run
from tests.dcgan.generators import tiny

SHARES = np.linspace(0, 1, 5)


def command(*args):
    return run('interpolate', *args, program='dcgan')


def test_a_spherical_path_goes_evenly_along_a_great_circle():
    a, b = np.array([2.0, 0, 0]), np.array([0, 4.0, 0])
    angles = SHARES * np.pi / 2
    expected = np.stack([np.cos(angles), np.sin(angles), 0 * angles], 1) * np.linspace(2, 4, 5)[:, None]
    assert np.allclose(spherical(a, b, SHARES), expected)


def test_vectors_of_other_lengths_turn_evenly_and_grow_evenly():
    directions = np.array([[0.6, 0.8, 0], [0, 0.28, 0.96]])
    unit, path = (spherical(*vectors, SHARES) for vectors in (directions, directions * [[0.5], [4]]))
    lengths = np.linalg.norm(path, axis=1)
    assert np.allclose(lengths, 0.5 + 3.5 * SHARES) and np.allclose(path / lengths[:, None], unit)
    assert np.allclose(spherical(directions[0], 3 * directions[0], SHARES)[:, 0], 0.6 * (1 + 2 * SHARES))


def test_its_lengths_stay_between_those_of_the_ends_but_a_straight_path_is_shorter_inside():
    a, b = latents([3, 17], 100).astype(np.float64)
    low, high = sorted([np.linalg.norm(a), np.linalg.norm(b)])
    lengths = np.linalg.norm(walk(np.float32([a, b])), axis=1)
    assert np.all(lengths > low - 1e-4) and np.all(lengths < high + 1e-4)
    assert np.linalg.norm(walk(np.float32([a, b]), path='linear'), axis=1).min() < 0.85 * low


@pytest.mark.parametrize(('a', 'b'), [([1, 2], [1, 2]), ([1, 2], [2, 4]), ([1, 2], [-1, -2]), ([0, 0], [1, 2])])
def test_where_there_is_no_great_circle_the_path_is_straight(a, b):
    a, b = np.float64(a), np.float64(b)
    assert np.allclose(spherical(a, b, SHARES), a + SHARES[:, None] * (b - a))


@pytest.mark.parametrize('path', ['spherical', 'linear'])
@pytest.mark.parametrize('loop', [False, True])
def test_a_walk_is_at_its_points_to_the_last_bit(path, loop):
    points = latents([1, 2, 3], 8)
    found = walk(points, steps=4, path=path, loop=loop)
    assert found.dtype == np.float32 and len(found) == (12 if loop else 9)
    assert np.array_equal(found[:9:4], points)
    if loop:
        assert np.allclose(found[8:], walk(points[[2, 0]], steps=4, path=path)[:4])
    steps = np.linalg.norm(np.diff(found, axis=0), axis=1)
    assert steps.min() > 0 and steps.max() < 3 * steps.min()


@pytest.mark.parametrize('classes', [(), ('cat', 'dog', 'hat')])
def test_the_pictures_of_the_seeds_are_exact(classes):
    generator = tiny(classes=classes)
    labels = np.array([0, 2, 1]) if classes else None
    frames = interpolate(generator, [3, 17, 42], labels, steps=5)
    assert len(frames) == 11
    assert np.array_equal(frames[::5], generator(latents([3, 17, 42], 8), labels))
    changes = np.abs(np.diff(frames, axis=0)).mean((1, 2, 3))
    assert changes.min() > 0 and changes.max() < np.abs(frames[0] - frames[5]).mean()


def test_a_row_of_the_sheet_is_a_way_from_seed_to_seed():
    frames = np.arange(5)[:, None, None, None] * np.ones((1, 2, 2, 3))
    assert rows(frames, 2)[:, 0, 0, 0].tolist() == [0, 1, 2, 2, 3, 4]
    assert rows(frames[:4], 2, loop=True)[:, 0, 0, 0].tolist() == [0, 1, 2, 2, 3, 0]


def test_the_command_writes_a_sheet_or_an_animation(workdir, tmp_path):
    about = [f'--workdir={workdir}', '--seeds=3,17,42', '--steps=3', '--scale=1', '--quiet']
    assert command(*about, f'--output={tmp_path / "a.png"}') == 0
    assert load_image(tmp_path / 'a.png').shape == (16 * 2 + 2, 16 * 4 + 2 * 3, 3)
    told = read_settings(tmp_path / 'a.png')['settings']
    assert told['command'] == 'interpolate' and told['seeds'] == '3,17,42' and told['path'] == 'spherical'
    assert command(*about, '--loop', '--path=linear', '--fps=5', f'--output={tmp_path / "a.gif"}') == 0
    moving = read_settings(tmp_path / 'a.gif')['settings']
    assert moving['loop'] is True and moving['fps'] == 5 and 'fps' not in told
    with Image.open(tmp_path / 'a.gif') as film:
        assert (film.n_frames, film.size, film.info['duration']) == (9, (16, 16), 200)
    assert command(*about, f'--output={tmp_path / "a.mp4"}') == 0 and (tmp_path / 'a.mp4').stat().st_size > 500


def test_what_changes_nothing_is_told_in_a_line(workdir, tmp_path, capsys):
    output = tmp_path / 'a.png'
    assert command(f'--workdir={workdir}', '--seeds=0,1', '--steps=1', '--fps=5', f'--output={output}') == 0
    assert '--fps changes nothing here (a sheet does not move)' in capsys.readouterr().out and output.exists()


@pytest.mark.parametrize(
    ('args', 'said'),
    [
        (['--seeds=3'], 'two seeds or more'),
        (['--seeds=3-'], '--seeds='),
        (['--steps=0'], 'expected steps to be a whole number from 1, got 0'),
        (['--path=curved'], '--path'),
        (['--output=a.txt'], 'a.txt'),
        (['--output=nowhere/a.gifs'], 'a.gifs'),
        (['--classes=cat'], 'without classes'),
    ],
)
def test_mistakes_are_told_in_a_line(workdir, tmp_path, monkeypatch, args, said, capsys):
    monkeypatch.chdir(tmp_path)
    assert command(f'--workdir={workdir}', *args) == 2
    error = capsys.readouterr().err
    assert said in error and error.count('\n') == 1 and not list(tmp_path.iterdir())


def test_mistakes_of_a_notebook_are_told_too():
    for seeds, options, said in (([1], {}, 'two'), ([1, 2], {'steps': 0}, 'steps'),
                                 ([1, 2], {'path': 'curved'}, 'unknown path')):  # fmt: skip
        with pytest.raises(UserError, match=said):
            walk(latents(seeds, 8), **options)
