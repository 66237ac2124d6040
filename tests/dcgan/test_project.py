"""A picture that the generator can make is found again, and a hole is filled without touching the rest."""

from pathlib import Path

import numpy as np
import pytest

from stylegen.dcgan.blending import blended, weights_near
from stylegen.dcgan.latent_vectors import latents
from stylegen.dcgan.projecting import framed, framed_hole, project
from stylegen.images import Picture, load_image, read_settings, save_image
from stylegen.utils.errors import UserError
from tests.conftest import photo, run
from tests.dcgan.generators import tiny


def command(*args):
    return run('project', *args, program='dcgan')


def square(side=16, first=5, last=11):
    hole = np.zeros((side, side), bool)
    hole[first:last, first:last] = True
    return hole


def test_a_picture_of_the_generator_is_found_again(generator):
    target = generator(latents([123], 8))[0]
    starts = generator(np.random.default_rng([0, 6]).standard_normal((4, 8), np.float32))
    before = np.abs(starts - target).mean((1, 2, 3)).min()
    said = []
    found = project(generator, target, steps=60, restarts=4, callback=said.append)
    assert np.abs(found.found - target).mean() < 0.35 * before
    assert np.array_equal(found.found, generator(found.latents[None])[0]) and found.completed is None
    assert [now.step for now in said] == [25, 50, 60] and len(found.losses) == 4
    assert np.all(np.diff([now.losses for now in said], axis=0) <= 0)


def test_it_is_the_same_each_time_and_another_with_another_seed(generator):
    target = photo(16, 16)
    options = {'steps': 5, 'restarts': 2, 'perceptual': 0.0}
    first, again, other = (project(generator, target, seed=seed, **options) for seed in (0, 0, 1))
    assert np.array_equal(first.latents, again.latents) and not np.array_equal(first.latents, other.latents)


def test_the_best_vector_of_all_is_kept_however_wild_the_steps(generator):
    target = generator(latents([5], 8))[0]
    options = {'restarts': 3, 'perceptual': 0.0, 'prior': 0.0}
    wild = project(generator, target, steps=30, learning_rate=50.0, **options)
    first = project(generator, target, steps=1, **options)
    assert np.all(wild.losses <= first.losses)
    assert np.isclose(np.abs(wild.found - target).mean(), wild.losses.min(), atol=1e-5)


def test_the_prior_keeps_the_length_of_the_vector(generator):
    target = np.zeros((16, 16, 3), np.float32)
    options = {'steps': 80, 'restarts': 2, 'perceptual': 0.0, 'learning_rate': 0.2}
    free, bound = (np.square(project(generator, target, prior=prior, **options).latents).mean() for prior in (0, 10.0))
    assert abs(bound - 1) < 0.05 < abs(free - 1)


def test_all_classes_are_tried_and_the_right_one_wins():
    generator = tiny(classes=('cat', 'dog', 'hat'))
    target = generator(latents([123], 8), np.array([1]))[0]
    found = project(generator, target, steps=2, restarts=6, perceptual=0.0)
    assert found.label == int(np.argmin(found.losses)) % 3
    named, numbered = (
        project(generator, target, None, labels, steps=2, restarts=2, perceptual=0.0)
        for labels in ('hat', np.array([2]))
    )
    assert named.label == numbered.label == 2
    assert np.array_equal(named.found, generator(named.latents[None], np.array([2]))[0])


def test_a_grey_generator_looks_for_grey():
    generator = tiny(channels=1)
    target = framed(Picture(photo(20, 40), None, 'x', ''), generator)
    assert target.shape == (16, 16, 1)
    assert project(generator, target, steps=2, restarts=2).found.shape == (16, 16, 1)


def test_a_hole_is_filled_and_the_rest_stays_to_the_last_bit(generator):
    whole, hole = generator(latents([123], 8))[0], square()
    given = np.where(hole[..., None], 0.0, whole).astype(np.float32)
    found = project(generator, given, hole, steps=60, restarts=4, perceptual=0.0)
    assert np.array_equal(found.completed[~hole], given[~hole])
    error = np.abs(found.completed - whole)[hole].mean()
    assert error < 0.5 * np.abs(given[~hole].mean(0) - whole[hole]).mean(), 'better than the mean colour'
    options = {'steps': 5, 'restarts': 1}
    black, white = (np.where(hole[..., None], level, whole).astype(np.float32) for level in (0, 1))
    found, other = (project(generator, picture, hole, **options) for picture in (black, white))
    assert np.array_equal(other.latents, found.latents), 'what is in the hole does not count'


def test_pixels_count_by_the_share_of_the_hole_about_them():
    hole = np.zeros((9, 11), bool)
    hole[0:3, 4:8] = hole[8, 10] = True
    expected = np.zeros(hole.shape)
    for y, x in np.ndindex(*hole.shape):
        if not hole[y, x]:
            expected[y, x] = hole[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3].mean()
    assert np.allclose(weights_near(hole, 5), expected)


def test_blending_undoes_a_shift_of_colour_and_a_slope():
    target, hole = photo(16, 16), square()
    assert np.allclose(blended(target, target + np.float32([0.1, -0.1, 0.05]), hole), target, atol=2e-3)
    slope = np.linspace(-0.1, 0.1, 16, dtype=np.float32)[None, :, None]
    assert np.allclose(blended(target, target + slope, hole), target, atol=2e-3)
    corner = np.zeros((16, 16), bool)
    corner[:6, :9] = True
    assert np.allclose(blended(target, target + 0.1, corner), target, atol=2e-3)


def test_blending_solves_the_equation_of_the_membrane():
    target, found, hole = photo(12, 12), photo(12, 12, seed=1), square(12, 3, 9)
    added = (blended(target * 0.4 + 0.3, found * 0.4 + 0.3, hole, 1e-8) - (found * 0.4 + 0.3)).astype(np.float64)
    middle = added[:-2, 1:-1] + added[2:, 1:-1] + added[1:-1, :-2] + added[1:-1, 2:] - 4 * added[1:-1, 1:-1]
    assert np.abs(middle[hole[1:-1, 1:-1]]).max() < 1e-4 < np.abs(added[hole]).max()


def test_a_picture_is_cut_and_resized_and_the_mask_with_it(generator):
    pixels = np.zeros((32, 64, 3), np.float32)
    pixels[:, 16:48] = 1  # the middle square is white
    assert framed(Picture(pixels, None, 'x', ''), generator).min() > 0.9
    mask = np.zeros((32, 64), np.float32)
    mask[:, 32:] = 1
    assert np.array_equal(framed_hole(mask, generator), np.arange(16)[None] * np.ones((16, 1)) >= 8)
    for level, said in ((0.0, 'no white part'), (1.0, 'nothing of the picture')):
        with pytest.raises(UserError, match=said):
            framed_hole(np.full((32, 64), level), generator)


def test_the_command_writes_the_sheet_and_the_vector(workdir, tmp_path, capsys):
    save_image(tmp_path / 'photo.png', photo(20, 30))
    mask = np.zeros((20, 30, 3), np.float32)
    mask[6:14, 11:19] = 1
    save_image(tmp_path / 'mask.png', mask)
    about = [f'--workdir={workdir}', f'--image={tmp_path / "photo.png"}', '--steps=3', '--restarts=2', '--perceptual=0']
    for name, extra in (('a.png', []), ('b.png', [f'--mask={tmp_path / "mask.png"}'])):
        assert command(*about, *extra, f'--output={tmp_path / name}', '--quiet') == 0
    assert load_image(tmp_path / 'b.png').shape[1] > 1.9 * load_image(tmp_path / 'a.png').shape[1]
    stored = np.load(tmp_path / 'a.npz')
    assert stored['latents'].shape == (8,) and stored['losses'].shape == (2,) and stored['images'].shape == (16, 16, 3)
    told = read_settings(tmp_path / 'b.png')
    assert list(told['inputs']) == [str(tmp_path / 'photo.png'), str(tmp_path / 'mask.png')]
    assert told['settings']['steps'] == 3
    save_image(tmp_path / 'other.png', photo(30, 20))
    assert command(*about, f'--mask={tmp_path / "other.png"}') == 2
    assert 'of another shape' in capsys.readouterr().err
    assert command(*about, f'--output={tmp_path / "photo.png"}') == 2
    assert 'is an input' in capsys.readouterr().err


def test_without_a_name_neither_the_sheet_nor_the_vector_is_written_over(workdir, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_image('photo.png', photo(16, 16))
    Path('projection.npz').write_bytes(b'mine')
    about = [f'--workdir={workdir}', '--image=photo.png', '--steps=1', '--restarts=1', '--perceptual=0', '--quiet']
    assert command(*about) == 0
    assert Path('projection.npz').read_bytes() == b'mine' and not Path('projection.png').exists()
    assert Path('projection-2.png').exists() and Path('projection-2.npz').exists()


@pytest.mark.parametrize(
    ('args', 'said'),
    [
        ([], '--image=photo.png'),
        (['--image=none.png'], 'does not exist'),
        (['--image=none.png', '--output=a.gifs'], 'a.gifs'),
        (['--image=none.png', '--steps=0'], 'expected steps to be a whole number from 1, got 0'),
    ],
)
def test_mistakes_are_told_in_a_line(workdir, tmp_path, monkeypatch, args, said, capsys):
    monkeypatch.chdir(tmp_path)
    assert command(f'--workdir={workdir}', *args) == 2
    error = capsys.readouterr().err
    assert said in error and error.count('\n') == 1 and not list(tmp_path.iterdir())
