"""Reading pictures of every kind, and what is said about those that cannot be read."""

import hashlib
import io
import os
import shutil
import socket
import tempfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylegen import images
from stylegen.images import load_image, load_picture
from stylegen.utils import files
from stylegen.utils.errors import UserError
from tests.icc_profiles import ordinary_user
from tests.images.picture_files import RGB, as_bytes, message, saved


def test_picture_says_where_it_came_from(tmp_path):
    path = saved(tmp_path, RGB, 'a.png')
    picture = load_picture(path)
    assert picture.path == str(path)
    assert picture.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert picture.alpha is None
    np.testing.assert_array_equal(load_image(str(path)), picture.pixels)
    with pytest.raises(AttributeError):
        picture.path = 'other'


def test_size_is_that_of_the_upright_picture(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = saved(tmp_path, RGB, 'a.jpg', exif=exif)
    assert load_image(path, size=15).shape == (15, 10, 3)


# ---- sizes


def test_the_size_is_the_longest_side(tmp_path):
    path = saved(tmp_path, RGB, 'a.png')
    assert load_image(path, size=15).shape == (10, 15, 3)
    assert load_image(path, size=60).shape == (40, 60, 3)
    noisy = as_bytes(path, size=47)  # no overshoot
    assert noisy.shape == (31, 47, 3)
    assert load_image(saved(tmp_path, RGB[:1, :1], 'b.png'), size=5).shape == (5, 5, 3)
    strip = saved(tmp_path, np.zeros((20, 10000, 3), np.uint8), 'c.png')
    assert load_image(strip).shape == (20, 10000, 3)
    assert load_image(strip, size=100).shape == (1, 100, 3)


def test_impossible_sizes_are_refused(tmp_path):
    path = saved(tmp_path, RGB, 'a.png')
    for size in (0, -3):
        with pytest.raises(UserError, match='at least 1 pixel'):
            load_image(path, size=size)
    with pytest.raises(UserError, match='250 million'):
        load_image(path, size=10**10)


# ---- errors


def test_missing_files_folders_addresses_and_empty_files_are_refused(tmp_path):
    missing = tmp_path / 'no.png'
    assert repr(str(missing)) in message(missing)
    assert 'does not exist' in message(missing)
    assert 'does not exist' in message('')
    assert 'is a folder' in message(tmp_path)
    for address in (
        'http://a.b/c.jpg',
        'https://a.b/c.jpg',
        'ftp://a/b.png',
        's3://a/b.png',
        'data:image/png;base64,AA',
    ):
        assert 'download it first' in message(address)
    assert 'download it first' in message(Path('https://a.b/c.jpg'))
    assert 'download it first' in message('data:' + 'A' * 100_000)
    (tmp_path / 'empty.png').touch()
    assert 'is empty' in message(tmp_path / 'empty.png')
    assert 'does not exist' in message(tmp_path / 'two\nlines.png')
    assert 'cannot be read' in message('a\0b.png')
    assert 'cannot be read' in message(tmp_path / ('x' * 5000))
    assert 'is a device' in message('/dev/zero')


def test_a_file_without_permission_is_refused():
    folder = Path(tempfile.mkdtemp(dir='/tmp'))  # tmp_path is closed to others
    try:
        folder.chmod(0o755)
        path = saved(folder, RGB, 'a.png')
        path.chmod(0)
        with ordinary_user():
            assert 'permissions' in message(path)
        path.chmod(0o644)
        with ordinary_user():
            assert load_image(path).shape == RGB.shape
    finally:
        shutil.rmtree(folder)


def test_a_file_with_too_many_bytes_is_refused(tmp_path, monkeypatch):
    path = saved(tmp_path, RGB, 'a.png')
    monkeypatch.setattr(files, 'MAX_BYTES', path.stat().st_size - 1)
    assert 'larger than' in message(path)


def test_a_pipe_of_the_shell_is_read():
    buffer = io.BytesIO()
    Image.fromarray(RGB).save(buffer, 'PNG')
    reader, writer = os.pipe()
    with os.fdopen(reader), os.fdopen(writer, 'wb') as file:
        file.write(buffer.getvalue())
        file.close()
        np.testing.assert_array_equal(as_bytes(f'/dev/fd/{reader}'), RGB)


def test_pipes_with_a_name_and_sockets_are_refused(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / 'pipe.png')
    assert "pipe.png' is a pipe; give the path of a file" in message(tmp_path / 'pipe.png')
    with socket.socket(socket.AF_UNIX) as listening:
        monkeypatch.chdir(tmp_path)  # the path of a socket is short
        listening.bind('socket.png')
    assert 'is a socket' in message(tmp_path / 'socket.png')


def test_names_are_all_there():
    assert all(hasattr(images, name) for name in images.__all__)
