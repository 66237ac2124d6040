"""A workdir returns the saved arrays, and only to a run with the same settings."""

import numpy as np
import pytest

from stylegen.runs.workdir import Workdir, remove_state, saved_settings
from stylegen.utils.differences import DescribedValue, differences_in_words
from stylegen.utils.errors import UserError


def test_arrays_come_back_bit_for_bit(tmp_path):
    image = np.random.default_rng(0).random((5, 7, 3), np.float32)
    Workdir(tmp_path / 'run', {'seed': 1}).save(image=image, step=3)
    stored = Workdir(tmp_path / 'run', {'seed': 1}).load()
    assert np.array_equal(stored['image'], image) and stored['image'].dtype == np.float32 and stored['step'] == 3


def test_an_empty_or_cleared_workdir_has_no_state(tmp_path):
    kept = Workdir(tmp_path, {})
    assert kept.load() is None
    kept.save(step=1)
    kept.clear()
    assert kept.load() is None


def test_other_settings_are_refused_and_named(tmp_path):
    Workdir(tmp_path, {'program': 'p', 'settings': {'seed': 1, 'steps': 10}}).save(step=1)
    with pytest.raises(UserError, match=r'another seed \(1 then, 2 now\); give the same'):
        Workdir(tmp_path, {'program': 'p', 'settings': {'seed': 2, 'steps': 10}}).load()


def test_a_missing_setting_differs_from_none_and_nested_settings_are_told_apart(tmp_path):
    assert differences_in_words({'mask': None}, {}, 'then', 'now') == 'mask (None then, nothing now)'
    assert (
        differences_in_words({'a': {'x': 1}, 'b': {'x': 2}}, {'a': {'x': 3}, 'b': {'x': 2}}, 'then', 'now')
        == 'x (1 then, 3 now)'
    )
    Workdir(tmp_path, {'seed': 1, 'mask': None}).save(step=1)
    with pytest.raises(UserError, match=r'another mask \(None then, nothing now\)'):
        Workdir(tmp_path, {'seed': 1}).load()


def test_only_the_identity_of_a_run_must_be_the_same(tmp_path):
    identity = lambda settings: {'seed': settings['seed']}
    Workdir(tmp_path, {'seed': 1, 'host': 'a'}).save(step=1)
    assert Workdir(tmp_path, {'seed': 1, 'host': 'b'}, identity).load()['step'] == 1
    with pytest.raises(UserError, match='another seed'):
        Workdir(tmp_path, {'seed': 2, 'host': 'a'}, identity).load()
    Workdir(tmp_path, {'host': 'a'}).save(step=1)
    with pytest.raises(UserError, match='not a state of ours'):
        Workdir(tmp_path, {'seed': 1}, identity).load()


def test_temporary_files_of_a_killed_process_are_removed_and_other_files_stay(tmp_path):
    ours, others = ('.state.npz.12-0.tmp', '.frame-000003.png.12-7.tmp'), ('.mine.tmp', 'state.npz.tmp')
    for name in (*ours, *others):
        (tmp_path / name).write_bytes(b'half')
    assert Workdir(tmp_path, {}).load() is None
    assert {path.name for path in tmp_path.iterdir()} == set(others)


def test_the_folder_is_removed_with_its_state_unless_it_holds_other_files(tmp_path):
    kept = Workdir(tmp_path / 'run', {})
    with kept.locked():
        kept.save(step=1)
    assert [path.name for path in (tmp_path / 'run').iterdir()] == ['state.npz']
    remove_state(tmp_path / 'run')
    assert not (tmp_path / 'run').exists()
    remove_state(tmp_path / 'run')
    (tmp_path / 'run').mkdir()
    (tmp_path / 'run' / 'mine.txt').touch()
    with kept.locked():
        kept.save(step=1)
        kept.clear()
    assert [path.name for path in (tmp_path / 'run').iterdir()] == ['mine.txt']


def test_a_damaged_state_is_refused_and_not_removed(tmp_path):
    (tmp_path / 'state.npz').write_bytes(b'PK half of a file')
    with pytest.raises(UserError, match='not a state of ours'):
        Workdir(tmp_path, {}).load()
    assert (tmp_path / 'state.npz').exists()


def test_a_path_that_cannot_be_a_folder_is_refused(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(UserError, match='give another --workdir'):
        Workdir(tmp_path / 'file' / 'run', {})


def test_the_settings_of_a_state_are_found_also_in_a_subfolder(tmp_path):
    assert saved_settings(tmp_path) is None
    (tmp_path / 'state.npz').write_bytes(b'PK half of a file')
    Workdir(tmp_path / 'b.png', {'seed': 1}).save(step=1)
    assert saved_settings(tmp_path) == {'seed': 1} == saved_settings(tmp_path / 'b.png')


def test_changed_content_is_described_in_words_and_not_by_digests(tmp_path):
    digests = 'a' * 64, 'b' * 64
    Workdir(tmp_path, {'inputs': {'photo.jpg': digests[0]}}).save(step=1)
    with pytest.raises(UserError, match=r'keeps a run with another photo\.jpg \(other content\); give the same'):
        Workdir(tmp_path, {'inputs': {'photo.jpg': digests[1]}}).load()
    few, many, others = (
        DescribedValue('a', '2 pictures'),
        DescribedValue('b', '3 pictures'),
        DescribedValue('c', '2 pictures'),
    )
    assert (
        differences_in_words({'data': few}, {'data': many}, 'then', 'now') == 'data (2 pictures then, 3 pictures now)'
    )
    assert differences_in_words({'data': few}, {'data': others}, 'then', 'now') == 'data (2 pictures then, others now)'
    assert differences_in_words({'data': few}, {'data': DescribedValue('a', 'the same')}, 'then', 'now') == ''
