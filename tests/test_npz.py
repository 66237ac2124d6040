"""Arrays in a file are whole or as they were before, and come back with their settings."""

import hashlib

import numpy as np
import pytest

from stylegen.npz import read_settings, read_state, save_arrays, verify, write_state


@pytest.mark.parametrize('compressed', [False, True])
def test_a_state_comes_back_with_its_settings(tmp_path, compressed):
    image = np.random.default_rng(0).random((3, 4), np.float32)
    write_state(tmp_path / 'a.npz', {'seed': 1, 'size': (2, 3)}, {'image': image, 'step': 3}, compressed)
    settings, arrays = read_state(tmp_path / 'a.npz')
    assert settings == {'seed': 1, 'size': [2, 3]} == read_settings(tmp_path / 'a.npz')
    assert arrays.keys() == {'image', 'step'} and np.array_equal(arrays['image'], image) and arrays['step'] == 3


def test_what_is_kept_with_a_digest_is_whole_or_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / 'a.npz'
    digest = save_arrays(path, {'x': np.arange(3)})
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest() == verify(path)

    def full(*args, **kwargs):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(np.lib.format, 'write_array', full)
    with pytest.raises(OSError, match='disk is full'):
        save_arrays(path, {'x': np.arange(4)})
    assert verify(path) == digest and sorted(p.name for p in tmp_path.iterdir()) == ['a.npz', 'a.sha256']
