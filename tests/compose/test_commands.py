"""`python -m stylegen.compose`: its commands on files, what they write, and their errors."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from stylegen import images
from stylegen.compose import Transformation, demonstration, tiles
from stylegen.compose.files import Run, make_each
from stylegen.runs.settings import ResultSettings
from stylegen.utils.console import Console
from stylegen.utils.errors import UserError
from stylegen.utils.npz import read_state
from tests.conftest import ROOT, photo, run


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('compose')
    for seed in range(3):
        images.save_image(folder / f'photos/{seed}.png', photo(30, 40, seed))
    (folder / 'photos/bad.png').write_bytes(b'no picture')
    images.save_image(folder / 'before.png', photo(30, 40))
    images.save_image(folder / 'after.png', photo(30, 40) ** 0.7)
    images.save_image(folder / 'mask.png', np.tile(np.linspace(0, 1, 40, dtype=np.float32), (30, 1)))
    images.save_image(folder / 'cut.png', photo(30, 40, 5), alpha=np.eye(30, 40, dtype=np.float32))
    return folder


@pytest.fixture(autouse=True)
def there(folder, tmp_path, monkeypatch):
    """An empty folder with the files linked into it."""
    monkeypatch.chdir(tmp_path)
    for path in folder.iterdir():
        Path(path.name).symlink_to(path)


def compose(*args):
    return run(*args, program='compose')


PAIR = ('--before=before.png', '--after=after.png')


def test_without_arguments_it_grades_and_makes_a_mosaic_and_says_where(capsys, monkeypatch):
    monkeypatch.setattr(tiles, 'CUT', 60)
    monkeypatch.setattr(demonstration, 'DEMONSTRATION', demonstration.DEMONSTRATION.replace(columns=8, most=60))
    assert compose() == 0
    said = capsys.readouterr().out
    for name in ('graded.png', 'graded.cube', 'graded.json', 'mosaic.jpg'):
        assert name in said and Path(name).is_file()
    assert images.read_settings('mosaic.jpg')['settings']['columns'] == 8
    assert compose('--quiet') == 0
    assert Path('graded-2.png').is_file() and Path('mosaic-2.jpg').is_file() and not capsys.readouterr().out


def test_a_grade_goes_to_a_folder_a_lut_and_a_file_that_is_used_again(capsys):
    assert compose('grade', 'photos', *PAIR, '--cube=look.cube', '--matrix=look.npz', '--output=made') == 2
    assert 'bad.png' in capsys.readouterr().err, 'and the others are made'
    made = images.load_image('made/1.png')
    assert np.abs(made - photo(30, 40, 1) ** 0.7).max() < 6 / 255
    record = images.read_settings('made/1.png')
    assert record['program'] == 'stylegen.compose grade' and len(record['inputs']) == 3 and 'weights' not in record
    assert Transformation.load('look.npz').about['record']['settings']['before'] == 'before.png'
    assert Path('look.cube').read_text().count('\n') == 33**3 + 4
    assert compose('grade', 'photos/1.png', '--look=look.npz', '--output=again.png', '--quiet') == 0
    assert np.array_equal(images.load_image('again.png'), made)
    assert compose('apply', 'photos/1.png', '--matrix=look.npz', '--output=third.png', '--depth=16') == 0
    assert np.abs(images.load_image('third.png') - made).max() < 1.01 / 255


def test_transparency_stays(capsys):
    assert compose('grade', 'cut.png', *PAIR) == 0
    picture = images.load_picture('graded.png')
    assert np.array_equal(picture.alpha, np.eye(30, 40))


def test_a_photo_that_fails_does_not_stand_in_the_records_of_the_next_ones(capsys):
    def fails_at_the_first(pixels):
        if np.array_equal(pixels, images.load_image('photos/0.png')):
            raise UserError('not this one')
        return pixels

    one = Run('stylegen.compose apply', Console(quiet=True), ResultSettings(output='made'))
    with pytest.raises(UserError, match='2 of 4 results'):
        make_each(one, ['photos'], 'one.png', fails_at_the_first, folder='made', settings={})
    assert list(images.read_settings('made/1.png')['inputs']) == ['photos/1.png']


def test_fit_and_apply_with_masks_and_a_plot(capsys):
    args = ['before.png', '--target=after.png', '--mask=mask.png', '--basis=quadratic', '--output=T.json']
    assert compose('fit', *args, '--plot=T.png', '--picture=near.png') == 0
    said = capsys.readouterr().out
    assert 'rank 20, error' in said and 'near.png' in said
    assert set(Transformation.load('T.json').recipe.masks) == {'mask', 'rest'}
    assert images.load_image('T.png').shape[1] > 400
    assert compose('apply', 'before.png', '--matrix=T.json', '--mask=mask.png') == 0
    assert np.array_equal(images.load_image('composed.png'), images.load_image('near.png'))
    assert compose('apply', 'before.png', '--matrix=T.json') == 2
    assert 'learned from 1 masks (mask), got 0' in capsys.readouterr().err


def test_blend_prints_weights(capsys):
    Path('good').mkdir()
    for name in '012':
        Path(f'good/{name}.png').symlink_to(Path(f'photos/{name}.png').resolve())
    assert compose('blend', 'good', '--target=before.png', '--matrix=T.json') == 0
    assert '1.000  0' in capsys.readouterr().out
    assert np.abs(images.load_image('blend.png') - images.load_image('before.png')).max() < 1.01 / 255
    assert Transformation.load('T.json').matrix[0] == pytest.approx([1, 0, 0], abs=1e-6)


def test_a_mosaic_of_a_folder_names_what_it_could_not_read(capsys):
    args = ['before.png', 'photos', '--columns=4', '--tile_size=4', '--matrix=T.npz', '--output=m.png']
    assert compose('mosaic', *args) == 0
    said = capsys.readouterr().out
    assert '4 x 3 blocks' in said and 'not read: bad.png' in said and 'too few tiles' in said
    known, arrays = read_state('T.npz')
    assert known['columns'] == ['0.png', '1.png', '2.png'] and known['rows'][5] == '1,1'
    assert len(arrays['row']) == len(arrays['value']) == 12 and arrays['column'].max() <= 2
    assert images.load_image('m.png').shape == (12, 16, 3)


def test_a_collage_of_a_mask_of_a_place_and_of_transparency():
    args = ['--part=mask.png=photos/1.png@0.5,0.5,0.5', '--part=cut.png', '--gradients=none']
    assert compose('collage', 'before.png', *args) == 0
    made, scene = images.load_image('collage.png'), images.load_image('before.png')
    cut = np.eye(30, 40, dtype=bool)
    assert np.array_equal(made[cut], images.load_image('cut.png')[cut])
    assert np.array_equal(made[29, :5], scene[29, :5]) and not np.array_equal(made[15, 25], scene[15, 25])


@pytest.mark.parametrize(
    ('args', 'said'),
    [
        (['graed'], "unknown command 'graed'; did you mean grade?"),
        (['--columns=3'], 'the command comes first'),
        (['fit', 'before.png'], 'give --target, such as'),
        (['fit', 'none.png', '--target=after.png'], "'none.png' does not exist"),
        (['fit', 'before.png', '--target=after.png', '--basis=cubik'], 'cubik'),
        (['fit', 'before.png', '--target=after.png', '--output=T.txt'], 'use one of .json, .npz'),
        (['fit', 'before.png', '--target=after.png', '--blur=0'], 'above 0'),
        (['grade'], 'give photos, or --cube'),
        (['grade', 'before.png'], 'give --before and --after'),
        (['grade', 'before.png', *PAIR, '--look=T.json'], 'is a grade already'),
        (['grade', 'before.png', '--look=before.png'], 'is no T'),
        (['grade', 'before.png', *PAIR, '--output=before.png'], 'is an input'),
        (['grade', *PAIR, '--cube=look.txt'], '.cube'),
        (['grade', 'cut.png', *PAIR, '--plot=cut.png'], 'cut.png is an input; give another --plot'),
        (['grade', 'photos', *PAIR, '--plot=photos/1.png'], 'photos/1.png is an input; give another --plot'),
        (['grade', 'cut.png', *PAIR, '--output=b.png', '--plot=b.png'], 'cannot be both --plot and --output'),
        (['fit', 'before.png', '--target=after.png', '--plot=after.png'], 'after.png is an input; give another --plot'),
        (['apply', 'before.png', '--matrix=T.json'], 'does not exist'),
        (['blend', 'before.png'], 'give --target'),
        (['blend', 'photos/0.png', '--target=after.png', '--output=b.png', '--plot=b.png'], 'be both --output and'),
        (['fit', 'before.png', '--target=after.png', '--picture=b.png', '--plot=./b.png'], 'give another --plot'),
        (['mosaic', 'before.png', 'missing'], 'missing'),
        (['mosaic', 'before.png', 'photos', '--most=1'], 'fewer --columns or --most=2500'),
        (['mosaic', 'before.png', 'photos', '--tint=2'], 'from 0 up to 1'),
        (['collage', 'before.png'], 'give --part'),
        (['collage', 'before.png', '--part=photos/1.png@1,1..2'], 'expected a place'),
        (['collage', 'before.png', '--part=mask.png='], "PICTURE[@X,Y[,WIDTH]], got 'mask.png='"),
        (['collage', 'before.png', '--part=photos/1.png@9,9'], 'beside the scene'),
        (['collage', 'before.png', '--part=photos/1.png', '--output=c.doc'], '.doc'),
    ],
    ids=lambda value: ' '.join(value) if isinstance(value, list) else '',
)
def test_a_mistake_is_one_line_and_code_2_and_nothing_is_written(capsys, args, said):
    before = set(Path().iterdir())
    assert compose(*args) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line and ' left' not in line]  # of a bar
    assert len(lines) == 1 and said in lines[0] and lines[0].startswith('stylegen-compose')
    assert set(Path().iterdir()) == before


def test_help_names_the_commands_and_their_flags(capsys):
    assert compose('--help') == 0
    said = capsys.readouterr().out
    for command in ('fit', 'apply', 'grade', 'blend', 'mosaic', 'collage'):
        assert f'  {command} ' in said
        assert compose(command, '--help') == 0
        assert 'usage: stylegen-compose' in capsys.readouterr().out


def test_only_gradient_descent_imports_tensorflow(tmp_path):
    code = (
        'import sys; from stylegen.compose.__main__ import main; '
        "assert main(['', 'grade', 'before.png', '--before=before.png', '--after=after.png', '--quiet']) == 0; "
        "assert main(['', 'mosaic', 'before.png', 'photos', '--columns=2', '--quiet']) == 0; "
        "print([name for name in ('tensorflow', 'keras', 'matplotlib') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, env={'PYTHONPATH': str(ROOT)}, cwd=tmp_path
    )
    assert done.stdout == '[]\n', done.stderr


def test_gradient_descent_from_the_command_line_draws_its_losses(capsys):
    args = ['before.png', '--target=after.png', '--method=gradient_descent', '--steps=90', '--quiet']
    assert compose('fit', *args, '--plot=T.svg') == 0
    losses = json.loads(Path('T.json').read_text())['about']['losses']
    assert losses[0][0] == 0 and losses[-1][0] == 90 and losses[-1][1] < losses[0][1]
    assert Path('T.svg').stat().st_size > 1000
