"""`style train` and `style apply`: a small network is trained, goes on to the same bits, and paints files."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from stylegen import images
from stylegen.datasets import open_images
from stylegen.style.one_pass import OnePass
from stylegen.style.one_pass_training import train_one_pass
from stylegen.training.checkpoints import Checkpoints
from stylegen.training.logs import read_log
from stylegen.utils.errors import UserError
from tests.conftest import photo, run

TINY = {
    **{'image_size': 36, 'style_size': 48, 'batch_size': 2, 'width': 8, 'blocks': 1, 'deep': 1},
    **{'judge': 'mini', 'precision': 'float32', 'log_every': 1, 'sample_every': 2, 'checkpoint_every': 2},
}
FLAGS = [f'--{name}={value}' for name, value in TINY.items()]
APPLY = ['apply', '--model=run', '--quiet']


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A folder with photos, two paintings, and `run`: a training of four steps by the command."""
    folder = tmp_path_factory.mktemp('one_pass')
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for number in range(5):
            images.save_image(f'photos/{number}.png', photo(40, 44, number))
        Path('photos/bad.png').write_bytes(b'no picture')
        for number, name in enumerate(('waves', 'ink')):
            images.save_image(f'{name}.png', photo(64, 56, 10 + number))
        command = [
            'train',
            '--style=waves.png',
            '--style=ink.png',
            '--data=photos',
            '--workdir=run',
            '--steps=4',
            '--init=new',
        ]
        assert run(*command, *FLAGS, program='style') == 0
    return folder


@pytest.fixture(autouse=True)
def there(folder, monkeypatch):
    monkeypatch.chdir(folder)


def test_corrupt_photos_are_left_out_and_named(capsys):
    assert run('train', '--style=waves.png', '--data=photos', '--workdir=named', '--steps=0', '--init=new', *FLAGS[:-1],
               '--checkpoint_every=2', program='style') == 0  # fmt: skip
    captured = capsys.readouterr()
    assert 'left out: bad.png, ' in captured.err and '5 photos' in captured.out


def test_a_run_keeps_the_network_its_log_its_settings_and_sheets_of_the_sample_in_every_style():
    assert [int(row['step']) for row in read_log('run/log.csv')] == [1, 2, 3, 4]
    assert json.loads(Path('run/settings.json').read_text())['data']['skipped'] == 1
    assert images.load_image('run/samples/step-00000004.png').shape == (36, 3 * 36 + 4, 3)
    assert OnePass.open('run/one_pass.npz').styles == ('waves', 'ink')


def test_a_run_that_was_stopped_goes_on_to_the_same_bits():
    def stop(report):
        if report.step == 3:
            raise KeyboardInterrupt

    styles = {name: f'{name}.png' for name in ('waves', 'ink')}
    data = open_images('photos', 36)
    with pytest.raises(KeyboardInterrupt):
        train_one_pass(data, styles, 'stopped', steps=4, callback=stop, **TINY)
    with pytest.raises(UserError, match='learning_rate'):
        train_one_pass(data, styles, 'stopped', steps=4, learning_rate=0.5, **TINY)
    with pytest.raises(UserError, match=r'another init \(new then, '):
        train_one_pass(data, styles, 'stopped', init=OnePass.open('run/one_pass.npz'), steps=4, **TINY)
    again = train_one_pass(data, styles, 'stopped', steps=4, **TINY)
    whole = np.load('run/one_pass.npz')
    again.save('again.npz')
    stored = np.load('again.npz')
    for name in whole.files:
        assert np.array_equal(whole[name], stored[name]), name


def test_no_checkpoint_of_a_training_that_diverged_is_kept():
    diverging = TINY | {'log_every': 50, 'checkpoint_every': 1, 'learning_rate': 1e30}
    with pytest.raises(ArithmeticError, match='not finite by step') as caught:
        train_one_pass(open_images('photos', 36), {'ink': 'ink.png'}, 'diverged', steps=6, **diverging)
    assert '--init=diverged/one_pass.npz' in str(caught.value)
    kept = Checkpoints('diverged')
    assert kept.steps()
    for step in kept.steps():
        assert all(np.isfinite(array).all() for array in kept.load(step)[1].values()), step


@pytest.mark.slow
def test_norms_alone_are_trained_for_a_new_style_of_a_network():
    assert run('train', '--style=ink.png', '--data=photos', '--workdir=more', '--steps=1', '--init=run', '--norms_only',
               *FLAGS, program='style') == 0  # fmt: skip
    before, after = OnePass.open('run/one_pass.npz'), OnePass.open('more/one_pass.npz')
    assert all(np.array_equal(before.arrays[name], after.arrays[name]) for name in before.arrays)
    assert after.styles == ('waves', 'ink') and (after.norms['ink'] != before.norms['ink']).any()
    assert np.array_equal(after.norms['waves'], before.norms['waves'])


def test_an_adapter_is_trained_for_a_style_of_a_network_and_goes_on_to_the_same_bits():
    def stop(report):
        if report.step == 3:
            raise KeyboardInterrupt

    data, base, options = open_images('photos', 36), OnePass.open('run/one_pass.npz'), TINY | {'steps': 4, 'rank': 2}
    with pytest.raises(KeyboardInterrupt):
        train_one_pass(data, {'ink': 'ink.png'}, 'tuned', init=base, callback=stop, **options)
    tuned = train_one_pass(data, {'ink': 'ink.png'}, 'tuned', init=base, **options)
    whole = train_one_pass(data, {'ink': 'ink.png'}, 'whole', init=base, **options)
    assert all(np.array_equal(base.arrays[name], tuned.arrays[name]) for name in base.arrays)
    assert all(np.array_equal(base.norms[name], tuned.norms[name]) for name in base.norms)
    assert [*tuned.adapters] == ['ink'] and tuned.styles == base.styles
    for part in ('norms', 'levels', 'scales'):
        assert np.array_equal(*(getattr(one.adapters['ink'], part) for one in (tuned, whole)))
    content = images.load_image('photos/1.png')
    assert np.array_equal(tuned(content, 'waves'), base(content, 'waves'))
    assert not np.array_equal(tuned(content, 'ink'), base(content, 'ink'))
    opened = OnePass.open('tuned/one_pass.npz')
    np.testing.assert_allclose(opened(content, 'ink'), tuned(content, 'ink'), atol=0.01)
    more = train_one_pass(data, {'new': 'waves.png'}, 'more_tuned', init=opened, **options | {'steps': 1})
    assert [*more.adapters] == ['ink', 'new'] and more.styles == ('waves', 'ink', 'new')
    assert np.array_equal(more(content, 'ink'), opened(content, 'ink'))


def test_rank_brings_defaults_of_its_own_which_flags_win_over(capsys):
    command = [
        'train',
        '--style=ink.png',
        '--data=photos',
        '--workdir=ranked',
        '--init=run',
        '--rank=2',
        '--judge=mini',
    ]
    assert run(*command, '--steps=0', '--precision=float32', program='style') == 0
    recorded = json.loads(Path('ranked/settings.json').read_text())['settings']
    assert [recorded[name] for name in ('steps', 'image_size', 'learning_rate')] == [0, 192, 9e-3]
    assert '192 px' in capsys.readouterr().out


def test_apply_paints_one_photo_at_its_size_with_its_record(capsys):
    assert run(*APPLY, 'photos/1.png', '--style=waves', '--output=out.png', program='style') == 0
    assert images.load_image('out.png').shape == (40, 44, 3)
    record = images.read_settings('out.png')
    assert record['program'] == 'stylegen.style apply' and record['settings']['style'] == ['waves']
    assert list(record['inputs']) == ['photos/1.png']
    assert run(*APPLY, 'photos/1.png', '--style=waves:1', '--style=ink:3', '--size=20', '--output=mix.png',
               program='style') == 0  # fmt: skip
    assert images.load_image('mix.png').shape == (18, 20, 3)


def test_strength_of_a_network_without_norms_of_photos_mixes_the_pixels():
    network, content = OnePass.open('run/one_pass.npz'), images.load_image('photos/1.png')
    half = network(content, 'ink', strength=0.5)
    np.testing.assert_allclose(half, (network(content, 'ink') + content) / 2, atol=1e-6)
    np.testing.assert_allclose(network(content, 'ink', strength=0), content, atol=1e-6)


def test_apply_paints_a_folder_names_what_it_cannot_read_and_makes_nothing_twice(capsys):
    assert run(*APPLY, 'photos', '--style=ink', '--output=painted', program='style') == 2
    assert 'bad.png' in capsys.readouterr().err
    made = {path.name: path.stat().st_mtime_ns for path in Path('painted').iterdir()}
    assert sorted(made) == [f'{number}.png' for number in range(5)]
    run(*APPLY, 'photos', '--style=ink', '--output=painted', program='style')
    assert made == {path.name: path.stat().st_mtime_ns for path in Path('painted').iterdir()}


def test_apply_refuses_a_folder_of_results_in_which_an_input_would_count_as_made(capsys):
    images.save_image('mixed/1.png', photo(20, 20))
    before = Path('mixed/1.png').read_bytes()
    for more in ([], ['--overwrite']):
        wanted = ['photos/0.png', 'mixed/1.png', '--style=ink', '--output=mixed', *more]
        assert run(*APPLY, *wanted, program='style') == 2
        assert capsys.readouterr().err.endswith('mixed/1.png is an input; give another --output\n')
    assert [path.name for path in Path('mixed').iterdir()] == ['1.png'] and Path('mixed/1.png').read_bytes() == before


def test_apply_makes_a_sheet_of_all_styles_on_the_photos_with_the_names(capsys):
    wanted = ['photos/0.png', 'photos/1.png', '--size=100']
    assert run('apply', '--model=run', *wanted, '--list', '--output=sheet.png', program='style') == 0
    assert 'sheet.png' in capsys.readouterr().out
    sheet = images.load_image('sheet.png')
    record = images.read_settings('sheet.png')
    assert list(record['inputs']) == wanted[:2] and record['program'].endswith('--list')
    network, photos = OnePass.open('run/one_pass.npz'), [images.load_image(path, 100) for path in wanted[:2]]
    expected = photos + [network(one, name) for name in ('waves', 'ink') for one in photos]
    names = [name for name in ('the photo', 'waves', 'ink') for _ in photos]
    assert np.abs(sheet - images.contact_sheet(expected, names, columns=6)).max() < 0.01
    assert run('apply', '--model=run', '--list', '--output=photos/0.txt', program='style') == 2
    assert capsys.readouterr().err.count('\n') == 1
    before = Path('ink.png').read_bytes()
    for idle in ('--style=ink.png:2', '--region=photos/1.png=ink.png', '--region=ink.png=waves', '--mask=ink.png'):
        assert run('apply', '--model=run', '--list', idle, '--output=ink.png', '--overwrite', program='style') == 2
        assert 'ink.png is an input' in capsys.readouterr().err and Path('ink.png').read_bytes() == before


def test_apply_lists_styles_and_refuses_others_with_what_there_is(capsys):
    assert run('apply', '--model=run', '--list', program='style') == 0
    assert capsys.readouterr().out.split() == ['waves', 'ink']
    for wrong, told in (
        (['--style=wave'], 'did you mean waves'),
        (['--style=ink.png'], 'takes no paintings; its styles are: waves, ink'),
        ([], 'give a --style'),
        (['--style=waves', '--model=photos'], 'one_pass.npz is not there'),
        (['--style=waves', '--strength=3'], 'strength'),
    ):
        assert run(*APPLY, 'photos/1.png', *wrong, program='style') == 2
        error = capsys.readouterr().err
        assert told in error and error.count('\n') == 1 + error.count('left out: ')


@pytest.mark.parametrize('flags', [['pipe', '--style=ink'], ['photos/0.png', '--style=ink', '--model=pipe']])
def test_apply_refuses_pipes_in_one_line_and_does_not_wait(flags, tmp_path, capsys):
    os.mkfifo(tmp_path / 'pipe')
    flags = [flag.replace('pipe', str(tmp_path / 'pipe')) for flag in flags]
    assert run(*APPLY, *flags, f'--output={tmp_path}/no.png', program='style') == 2
    told = capsys.readouterr().err
    assert 'is a pipe; give the path of a file' in told and told.count('\n') == 1


@pytest.mark.parametrize(
    ('wrong', 'told'),
    [
        (['--style=ink.png'], '--data'),
        (['--style=ink.png', '--data=photos', '--norms_only', '--workdir=other', '--init=new'], '--init'),
        (['--style=ink.png', '--data=photos', '--rank=4', '--workdir=other', '--init=new'], '--rank adds styles'),
        (['--style=none.png', '--data=photos'], 'none.png'),
        (['--style=ink.png', '--data=missing', '--width=8'], 'missing'),
        (['--style=ink.png', '--data=photos', '--steps=-1'], 'steps'),
    ],
)
def test_train_refuses_what_it_cannot_do_in_one_line(wrong, told, capsys):
    assert run('train', *wrong, program='style') == 2
    out, error = capsys.readouterr()
    assert told in error and error.count('\n') == 1 + error.count('left out: ')
    assert ('--width changes nothing here (the network of --init has its own)' in out) == ('--width=8' in wrong)
