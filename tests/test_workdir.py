"""A workdir gives back what it was given, and only to a run of the same settings."""

import numpy as np
import pytest

from stylegen.errors import UserError
from stylegen.workdir import Workdir, kept_settings


def test_arrays_come_back_bit_for_bit(tmp_path):
    image = np.random.default_rng(0).random((5, 7, 3), np.float32)
    Workdir(tmp_path / 'run', {'seed': 1}).save(image=image, step=3)
    stored = Workdir(tmp_path / 'run', {'seed': 1}).load()
    assert np.array_equal(stored['image'], image) and stored['image'].dtype == np.float32 and stored['step'] == 3


def test_an_empty_workdir_has_no_state_and_a_cleared_one_neither(tmp_path):
    kept = Workdir(tmp_path, {})
    assert kept.load() is None
    kept.save(step=1)
    kept.clear()
    assert kept.load() is None


def test_other_settings_are_refused_and_named(tmp_path):
    Workdir(tmp_path, {'program': 'p', 'settings': {'seed': 1, 'steps': 10}}).save(step=1)
    with pytest.raises(UserError, match=r'another seed \(1 then, 2 now\); give the same'):
        Workdir(tmp_path, {'program': 'p', 'settings': {'seed': 2, 'steps': 10}}).load()


def test_a_damaged_state_is_told_and_left(tmp_path):
    (tmp_path / 'state.npz').write_bytes(b'PK half of a file')
    with pytest.raises(UserError, match='not a state of ours'):
        Workdir(tmp_path, {}).load()
    assert (tmp_path / 'state.npz').exists()


def test_a_place_that_cannot_be_a_folder_is_refused(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(UserError, match='give another --workdir'):
        Workdir(tmp_path / 'file' / 'run', {})


def test_the_settings_of_a_state_are_found_also_one_folder_down(tmp_path):
    assert kept_settings(tmp_path) is None
    (tmp_path / 'state.npz').write_bytes(b'PK half of a file')
    Workdir(tmp_path / 'b.png', {'seed': 1}).save(step=1)
    assert kept_settings(tmp_path) == {'seed': 1} == kept_settings(tmp_path / 'b.png')
