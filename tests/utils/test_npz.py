"""Arrays in a file are whole or as they were before, and come back with their settings."""

import ast
import hashlib
import io
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from stylegen.datasets.tables import open_source
from stylegen.dcgan.shipped import load_packed
from stylegen.networks import mini
from stylegen.runs.workdir import Workdir
from stylegen.training.checkpoints import Checkpoints
from stylegen.utils import npz, zips
from stylegen.utils.errors import UserError
from stylegen.utils.npz import open_arrays, read_settings, read_state, save_arrays, verify, write_state


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


def lying(path, name, shape, *, declared=None, method=zipfile.ZIP_DEFLATED):
    """An .npz with one array of a few bytes whose header says that it has more; `declared` is what the zip says."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {'descr': '|u1', 'fortran_order': False, 'shape': shape})
    with zipfile.ZipFile(path, 'w', method) as archive:
        archive.writestr(f'{name}.npy', header.getvalue() + bytes(1000))
        info = archive.infolist()[0]
        info.file_size = declared or info.file_size  # in the directory, which is what a reader believes
    return path


def peak_of(work):
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_an_array_that_does_not_fit_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(zips, 'available_memory', lambda: 10 << 20)
    path = tmp_path / 'a.npz'
    np.savez_compressed(path, x=np.zeros((9, 1 << 20), np.uint8), small=np.arange(3))
    with open_arrays(path) as arrays:
        assert arrays['small'].tolist() == [0, 1, 2] and set(arrays) == {'x', 'small'}

        def refused():
            with pytest.raises(zips.TooLarge, match=r"x 9x1048576 in '.*a.npz' unpacks to 9 MB; the limit is 8 MB"):
                arrays['x']

        assert peak_of(refused) < 1 << 20


@pytest.mark.parametrize('read', [
    lambda path: mini.load_mini(None, path),
    lambda path: load_packed(path),
    lambda path: open_source(path),
    lambda path: read_state(path),
    lambda path: Checkpoints(path.parent).load(1),
    lambda path: Workdir(path.parent, {}, dict).load(),
])  # fmt: skip
def test_whoever_reads_an_npz_says_that_it_is_too_large(tmp_path, monkeypatch, read):
    path = tmp_path / 'state.npz'
    np.savez_compressed(path, images=np.zeros((2 << 20, 1), np.uint8), settings=np.array('{}'), facts=np.array('{}'))
    (tmp_path / 'checkpoints').mkdir()
    Checkpoints(tmp_path).path_of(1).write_bytes(path.read_bytes())
    monkeypatch.setattr(zips, 'available_memory', lambda: 1 << 20)
    with pytest.raises(UserError, match='unpacks to 2 MB'):
        read(path)


def test_a_header_that_lies_about_its_size_is_damage(tmp_path):
    path = lying(tmp_path / 'a.npz', 'images', (1000, 1000, 1))
    with open_arrays(path) as arrays, pytest.raises(ValueError, match='images declares 1000000 bytes, but has 1128'):
        arrays['images']
    with pytest.raises(UserError, match=r'no .npz file of plain arrays, or damaged .*declares'):
        open_source(path)
    lying(path, 'images', (10**6, 10**6, 3), declared=10**13)
    with open_arrays(path) as arrays, pytest.raises(zips.TooLarge, match=r'unpacks to 2.73 TB'):
        arrays['images']
    lying(path, 'x', (1000,), method=zipfile.ZIP_BZIP2)
    with open_arrays(path) as arrays, pytest.raises(ValueError, match='a method that NumPy never uses'):
        arrays['x']


@pytest.mark.parametrize('method', [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_member_of_a_zip_unpacks_to_no_more_than_it_says(tmp_path, method):
    data = np.random.default_rng(0).bytes(50_000) + bytes(4 << 20)
    with zipfile.ZipFile(tmp_path / 'a.zip', 'w', method) as archive:
        archive.writestr('a', data)
    with zipfile.ZipFile(tmp_path / 'a.zip') as archive:
        assert zips.unpack(archive, 'a', 'it') == data
        with pytest.raises(zips.TooLarge, match=r'it unpacks to 4.05 MB; the limit is 4 MB'):
            zips.unpack(archive, 'a', 'it', 4 << 20)
        archive.getinfo('a').file_size = 1000
        with pytest.raises(zipfile.BadZipFile, match='CRC'):  # after so many
            zips.unpack(archive, 'a', 'it')


def test_no_module_opens_arrays_or_pictures_but_by_the_guarded_ways():
    sources = {path: path.read_text() for path in Path(npz.__file__).parents[1].rglob('*.py')}
    calls = {path: [ast.unparse(node.func) for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
             for path, text in sources.items()}  # fmt: skip
    opening = {path.name for path, called in calls.items() if 'Image.open' in called}
    loading = {path.name for path, called in calls.items() if any(
        name == 'np.load' or name.endswith('.read_array') for name in called)}  # fmt: skip
    assert opening == {'decoding.py'} and loading == {'npz.py'}


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
