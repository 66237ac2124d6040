"""Generated pictures are held against the right pictures of the data, and the table says which."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from stylegen.datasets.opening import open_images
from stylegen.dcgan.evaluating import drawn, evaluate, evaluator_of, held_out, labels_like, table
from stylegen.dcgan.latent_vectors import latents
from stylegen.images import save_image
from stylegen.utils.errors import UserError
from tests.conftest import run
from tests.dcgan.sets import TINY
from tests.plain import PLAIN


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Thirty pictures to train on, all dark, and ten to test with, all bright."""
    tmp_path = tmp_path_factory.mktemp('data')
    rng = np.random.default_rng(0)
    for split, count, level in (('train', 30, 0.2), ('test', 10, 0.8)):
        (tmp_path / split).mkdir()
        for i in range(count):
            save_image(tmp_path / split / f'{i}.png', np.full((16, 16, 3), level) + rng.uniform(-0.2, 0.2, (16, 16, 3)))
    return tmp_path


class Numbered:
    """Stands in for a generator: pictures that tell which latents and labels were asked for."""

    latent_dim, step, which, path = 3, 40, 'ema', Path('step-00000040.npz')

    def __init__(self):
        self.seen, self.labels = [], []

    def __call__(self, given, labels=None):
        self.seen.append(given)
        self.labels.append(labels)
        level = (given[:, 0] - np.floor(given[:, 0]))[:, None, None, None]
        return np.broadcast_to(level, (len(given), 16, 16, 3)).astype(np.float32)


@pytest.mark.parametrize(('count', 'batch_size', 'sizes'), [(10, 4, [4, 4, 2]), (3, 8, [3]), (4, 4, [4])])
def test_each_seed_is_drawn_once_whatever_the_batches(count, batch_size, sizes):
    generator, labels = Numbered(), np.arange(count)
    batches = list(drawn(generator, count, 7, labels, batch_size))
    assert [len(batch) for batch in batches] == sizes and batches[0].dtype == np.uint8
    assert np.array_equal(np.concatenate(generator.seen), latents(range(7, 7 + count), 3))
    assert np.array_equal(np.concatenate(generator.labels), labels)


def test_several_sets_have_seeds_of_their_own_and_give_an_error(folder):
    train = open_images(folder, 16)
    evaluator = evaluator_of(train, features=[PLAIN])
    generator = Numbered()
    records = evaluate(generator, evaluator, count=8, first_seed=5, repeats=3)
    assert np.array_equal(np.concatenate(generator.seen), latents(range(5, 29), 3))
    single = [evaluate(generator, evaluator, count=8, first_seed=first) for first in (5, 13, 21)]
    for name, record in records.items():
        values = [each[name]['value'] for each in single]
        assert record['values'] == values and np.isclose(record['value'], np.mean(values))
        assert np.isclose(record['error'], np.std(values, ddof=1) / 3**0.5)
        assert 'values' not in single[0][name]
        assert record['generator'] == {
            'checkpoint': 'step-00000040.npz', 'step': 40, 'weights': 'ema', 'batch_norm': 'moving', 'first_seed': 5
        }  # fmt: skip
    assert 'ema generator of step 40, means of 3 sets of pictures' in table(records)
    with pytest.raises(UserError, match='expected repeats to be a whole number from 1, got 0'):
        evaluate(generator, evaluator, count=8, repeats=0)


def test_classes_come_as_often_as_in_the_data(tmp_path):
    labels = np.repeat([0, 1, 2], [60, 30, 10])
    np.savez(tmp_path / 'set.npz', images=np.zeros((100, 16, 16, 3), np.uint8), labels=labels)
    data = open_images(tmp_path / 'set.npz', 16)
    assert labels_like(data, (), 9) is None
    counts = np.bincount(labels_like(data, data.classes, 1000))
    assert np.all(abs(counts - [600, 300, 100]) < 4 * np.sqrt(1000 * 0.25))
    assert np.array_equal(labels_like(data, data.classes, 50, 3), labels_like(data, data.classes, 50, 3))
    with pytest.raises(UserError, match='knows the classes cat'):
        labels_like(data, ('cat', 'dog', 'hat'), 9)


def test_what_was_not_trained_on_is_found_and_gives_the_floor(folder):
    train = open_images(folder, 16)
    test = held_out(train)
    assert (train.split, test.split, test.count, test.size) == ('train', 'test', 10, (16, 16))
    found = evaluator_of(train, test, features=[PLAIN])(train.take(30))['fid_plain']
    assert found['floor_of'] == 'test against train: 10 against 30'
    assert found['value'] < 1e-6 < 0.5 < found['floor']  # dark pictures were given, and the others are bright
    assert held_out(open_images(folder, 16, split='all')) is None
    assert held_out(open_images(folder / 'train', 16)) is None


def test_the_other_part_is_opened_as_the_first_and_is_not_passed_over_where_it_is_damaged(folder, tmp_path):
    assert not held_out(open_images(folder, 16), memory_budget=100).in_memory
    shutil.copytree(folder / 'train', tmp_path / 'train')
    (tmp_path / 'test').mkdir()
    (tmp_path / 'test' / '0.png').write_bytes(b'rust')
    with pytest.raises(UserError, match='none of the 1 pictures'):
        held_out(open_images(tmp_path, 16))


def test_without_other_pictures_the_floor_comes_from_the_data_itself(folder):
    train = open_images(folder / 'train', 16)
    plenty = evaluator_of(train, count=12, features=[PLAIN])(train.take(20))['fid_plain']
    assert plenty['floor_of'] == 'others of all against all: 12 against 12' and plenty['reference'] == 12
    scarce = evaluator_of(train, count=20, features=[PLAIN])(train.take(20))['fid_plain']
    assert scarce['floor_of'] == 'halves of all: 10 against 10' and scarce['reference'] == 20
    assert scarce['value'] < 0.01 and scarce['ceiling'] > 0.1


def test_the_reference_and_the_pictures_of_the_floor_are_different_ones(folder, monkeypatch):
    module = sys.modules['stylegen.dcgan.evaluating']
    monkeypatch.setattr(module, 'Evaluator', lambda reference, features, other, **told: (reference, other))
    reference, other = evaluator_of(open_images(folder / 'train', 16), count=15)
    assert len(np.unique(np.concatenate([reference, other]).reshape(30, -1), axis=0)) == 30


def test_the_table_has_a_line_for_every_figure_and_says_what_it_was_made_of(folder):
    train = open_images(folder, 16)
    records = evaluator_of(train, held_out(train), features=[PLAIN])(drawn(Numbered(), 9))
    lines = table(records)
    text = '\n'.join(lines)
    assert [line.split()[0] for line in lines[1 : 1 + len(records)]] == list(records)
    for said in (
        '9 generated pictures against 30 of train, seed 0',
        'floor: test against train: 10 against 30',
        'ceiling: uniform noise against train: 10 against 30',
        'plain: none, 9 dimensions; bicubic to 8x8',
        'not with published ones',
    ):
        assert said in text
    assert f'{records["fid_plain"]["value"]:.4g}' in lines[1]
    assert ' FID' not in text and all('_plain' in line.split()[0] for line in lines[1 : 1 + len(records)])


@pytest.fixture(scope='module')
def trained(folder, tmp_path_factory):
    """The workdir of a run of two steps, 16 pixels."""
    from stylegen.dcgan.training import train

    options = {**TINY, 'latent_dim': 3, 'samples': 4, 'sample_every': 0, 'evaluate_every': 0}
    workdir = tmp_path_factory.mktemp('runs') / 'run'
    train(open_images(folder, 16), workdir=workdir, steps=2, checkpoint_every=1, **options)
    return workdir


def command(*args):
    return run('evaluate', *args, program='dcgan')


def test_the_command_measures_the_checkpoints_of_a_run(trained, monkeypatch, capsys):
    monkeypatch.setattr('stylegen.dcgan.evaluate_command.open_embedding', lambda name, weights: PLAIN)
    assert command(f'--workdir={trained}', '--checkpoint=all', '--count=12', '--quiet') == 0
    told = json.loads((trained / 'evaluation.json').read_text())
    assert [result['step'] for result in told['results']] == [0, 1, 2]
    assert told['data']['split'] == 'train' and told['results'][2]['figures']['fid_plain']['generator']['step'] == 2
    assert told['results'][0]['figures']['fid_plain']['floor_of'] == 'test against train: 10 against 12'
    assert capsys.readouterr().out == ''
    first = told['results'][0]['figures']
    assert command(f'--workdir={trained}', '--checkpoint=0', '--count=12', '--output=' + str(trained / 'x.json')) == 0
    assert json.loads((trained / 'x.json').read_text())['results'][0]['figures'] == first
    assert 'fid_plain' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('args', 'said'),
    [
        (['--checkpoint=later'], "not 'later'"),
        (['--checkpoint=7'], 'no checkpoint 7'),
        (['--features=mini,inception'], "unknown features 'inception'"),
        (['--data=nowhere'], 'nowhere'),
        (['--count=3'], 'expected count to be a whole number from 4, got 3'),
        (['--output=x.txt'], 'use one of .json'),
    ],
)
def test_mistakes_are_told_in_a_line(trained, args, said, capsys):
    assert command(f'--workdir={trained}', *args) == 2
    error = capsys.readouterr().err
    assert said in error and error.count('\n') == 1


def test_a_folder_without_a_run_is_told(tmp_path, capsys):
    assert command(f'--workdir={tmp_path}') == 2
    assert 'keeps no checkpoint' in capsys.readouterr().err


def test_other_data_is_measured_with_a_warning(trained, folder, monkeypatch, capsys):
    monkeypatch.setattr('stylegen.dcgan.evaluate_command.open_embedding', lambda name, weights: PLAIN)
    assert command(f'--workdir={trained}', f'--data={folder / "test"}', '--count=5', '--quiet') == 0
    assert 'other pictures than the generator was trained on' in capsys.readouterr().err
