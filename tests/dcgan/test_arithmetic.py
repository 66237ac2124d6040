"""Sums of vectors are what was typed, and their pictures are of the sums."""

import numpy as np
import pytest

from stylegen.dcgan.latent_vectors import latents
from stylegen.dcgan.vector_arithmetic import Term, arithmetic, parse_expression, sheet
from stylegen.images import load_image, read_settings
from stylegen.utils.errors import UserError
from tests.conftest import run
from tests.dcgan.generators import tiny


def command(*args):
    return run('arithmetic', *args, program='dcgan')


@pytest.mark.parametrize(
    ('text', 'terms'),
    [
        ('mean(1,4,7) - mean(2,3) + mean(9)', [(1, (1, 4, 7)), (-1, (2, 3)), (1, (9,))]),
        ('5', [(1, (5,))]),
        ('-5+0.5*mean(1-3)', [(-1, (5,)), (0.5, (1, 2, 3))]),
        (' 2 * 7 - .25*8 ', [(2, (7,)), (-0.25, (8,))]),
    ],
)
def test_an_expression_is_read(text, terms):
    found = parse_expression(text)
    assert [(term.factor, term.seeds) for term in found] == terms
    assert parse_expression(' '.join(map(str, found))) == found


@pytest.mark.parametrize(
    'text', ['', ' ', 'mean()', 'mean(1', '1 2', '1 +', 'mean(1) * 2', 'mean(a)', '1 - - 2', 'max(1)', 'mean(3-1)']
)
def test_what_is_no_expression_is_refused(text):
    with pytest.raises(UserError, match='--expression='):
        parse_expression(text)


def test_the_sum_is_that_of_the_means(generator):
    found = arithmetic(generator, parse_expression('mean(1,4,7) - 0.5*mean(2,3) + 9'), around=3)
    z = latents([1, 4, 7, 2, 3, 9], 8).astype(np.float64)
    expected = z[:3].mean(0) - 0.5 * z[3:5].mean(0) + z[5]
    assert np.allclose(found.given, expected, atol=1e-6)
    assert np.array_equal(found.result, generator(found.given[None]))
    assert np.array_equal(found.parents[0], generator(latents([1, 4, 7], 8)))
    assert np.allclose(found.means[1], generator(z[3:5].mean(0)[None].astype(np.float32))[0], atol=1e-6)


def test_what_is_taken_away_and_added_again_leaves_the_picture(generator):
    found = arithmetic(generator, parse_expression('mean(1,2) - mean(1,2) + 9'))
    assert np.array_equal(found.result, generator(latents([9], 8)))


def test_what_is_near_is_within_the_noise_and_repeats(generator):
    terms = parse_expression('9')
    still = arithmetic(generator, terms, noise=0.0)
    assert np.array_equal(still.around, np.repeat(still.result, 8, 0))
    near, far = (np.abs(arithmetic(generator, terms, noise=n).around - still.result).mean() for n in (0.05, 1.0))
    assert 0 < near < far / 3
    repeated, other = (arithmetic(generator, terms, seed=seed).around for seed in (0, 1))
    assert np.array_equal(arithmetic(generator, terms).around, repeated) and not np.array_equal(repeated, other)


def test_classes_are_added_up_too():
    generator = tiny(classes=('cat', 'dog', 'hat'))
    found = arithmetic(generator, parse_expression('4 - 4 + 6'), 'cat,cat,dog')
    assert np.array_equal(found.result, generator(latents([6], 8), np.array([1])))
    found = arithmetic(generator, [Term(1, (4,)), Term(-1, (4,)), Term(1, (6,))], np.array([1, 0, 0]))
    vectors = generator.given(latents([6, 6], 8), np.array([0, 1]))[:, 8:]
    assert np.allclose(found.given[8:], vectors[1], atol=1e-6)


def test_the_sheet_has_a_row_for_each_term(generator):
    found = arithmetic(generator, parse_expression('mean(1,4,7) - 2'), around=2)
    picture = sheet(found)
    assert picture.shape[1] > 4 * 96 and picture.shape[0] > 3 * 96 and picture.min() >= 0 and picture.max() <= 1


def test_the_command_takes_lists_or_an_expression(workdir, tmp_path, capsys):
    lists, typed = tmp_path / 'a.png', tmp_path / 'b.png'
    about = [f'--workdir={workdir}', '--around=1']
    assert command(*about, '--a=1,4-6', '--b=2', '--c=9', f'--output={lists}') == 0
    assert 'mean(1,4,5,6) - mean(2) + mean(9)' in capsys.readouterr().out
    assert command(*about, '--expression=mean(1,4-6) - 2 + 9', f'--output={typed}') == 0
    assert np.array_equal(load_image(lists), load_image(typed))
    assert read_settings(lists)['settings'] == read_settings(typed)['settings']


@pytest.mark.parametrize(
    ('args', 'said'),
    [
        ([], '--expression='),
        (['--expression=1', '--a=1'], '--expression='),
        (['--b=1', '--c=2'], '--a=1,4,7'),
        (['--a=x'], '--a='),
        (['--expression=mean(1) plus mean(2)'], 'goes wrong at'),
        (['--a=1', '--classes=cat'], 'without classes'),
        (['--a=1', '--output=a.npz'], '.npz'),
        (['--a=1', '--noise=-1'], 'expected noise to be a number from 0, got -1'),
    ],
)
def test_mistakes_are_told_in_a_line(workdir, tmp_path, monkeypatch, args, said, capsys):
    monkeypatch.chdir(tmp_path)
    assert command(f'--workdir={workdir}', *args) == 2
    error = capsys.readouterr().err
    assert said in error and error.count('\n') == 1 and not list(tmp_path.iterdir())
