"""Arrays in a file are whole or as they were before, and come back with their settings."""

import hashlib

import numpy as np
import pytest

from stylegen.errors import UserError
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


def test_arrays_come_back_in_their_order_and_make_the_same_bytes(tmp_path):
    arrays = {'b': np.zeros((40, 50), np.float16), 'a': np.arange(3)}
    sizes = []
    for compressed in (False, True):
        path = tmp_path / f'{compressed}.npz'
        digest = save_arrays(path, arrays, compressed)
        with np.load(path) as stored:
            assert stored.files == ['b', 'a'] and all(np.array_equal(stored[name], arrays[name]) for name in arrays)
        assert save_arrays(tmp_path / 'again.npz', arrays, compressed) == digest
        sizes.append(path.stat().st_size)
        write_state(path, {}, arrays, compressed)
        sizes.append(path.stat().st_size)
    assert min(sizes[:2]) > 4000 > 2 * max(sizes[2:])


def test_a_file_that_is_not_what_shipped_is_told(tmp_path):
    path = tmp_path / 'a.npz'
    digest = save_arrays(path, {'x': np.arange(3)})
    path.write_bytes(path.read_bytes() + b'x')
    with pytest.raises(UserError, match=f'damaged: .*a.npz has SHA-256 .*, expected {digest}; reinstall stylegen'):
        verify(path)
    path.with_suffix('.sha256').write_text('')
    with pytest.raises(UserError, match='expected a digest; reinstall'):
        verify(path)
    path.with_suffix('.sha256').unlink()
    with pytest.raises(UserError, match=r'a\.sha256 cannot be read; reinstall'):
        verify(path)


def test_what_would_run_code_when_it_is_read_is_neither_read_nor_written(tmp_path):
    odd = np.array([{'a': 1}], object)
    np.savez(tmp_path / 'settings.npz', settings=odd)
    np.savez(tmp_path / 'arrays.npz', settings=np.array('{}'), x=odd)
    for read, name in ((read_settings, 'settings.npz'), (read_state, 'settings.npz'), (read_state, 'arrays.npz')):
        with pytest.raises(ValueError, match='allow_pickle=False'):
            read(tmp_path / name)
    with pytest.raises(ValueError, match='allow_pickle=False'):
        save_arrays(tmp_path / 'a.npz', {'x': odd})
