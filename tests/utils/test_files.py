"""Files are written completely or not at all: full disks, killed processes, folders that cannot be written to."""

import builtins
import errno
import io
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylegen.images import FORMATS, check_writable, load_image, save_image
from stylegen.utils import files
from stylegen.utils.errors import UserError
from stylegen.utils.files import DiskFull
from tests.icc_profiles import ordinary_user

RNG = np.random.default_rng(0)
IMAGE = RNG.random((20, 30, 3), np.float32)
SETTINGS = {'steps': 10, 'name': 'Zoë\n"quoted"', 'nested': {'a': [1, 2.5, None, True]}}


def refused(path):
    """Both ways of asking say the same, in one line, and leave nothing."""
    with pytest.raises(UserError) as early:
        check_writable(path)
    with pytest.raises(UserError) as late:
        save_image(path, IMAGE)
    assert str(early.value) == str(late.value)
    assert '\n' not in str(late.value)
    return str(late.value)


def test_missing_folders_are_made_and_not_left_behind_for_nothing(tmp_path, monkeypatch):
    path = tmp_path / 'new' / 'deep' / 'a.png'
    check_writable(path)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match='not finite'):
        save_image(path, np.full((4, 4, 3), np.nan))
    with monkeypatch.context() as full, pytest.raises(OSError, match='nothing was lost'):
        full.setattr(os, 'fsync', lambda number: (_ for _ in ()).throw(OSError(errno.ENOSPC, 'full')))
        save_image(path, IMAGE, settings=SETTINGS, sidecar=True)
    assert list(tmp_path.iterdir()) == []
    save_image(path, IMAGE, sidecar=True, settings=SETTINGS)
    assert sorted(one.name for one in path.parent.iterdir()) == ['a.png', 'a.png.json']


def test_targets_that_cannot_be_written_are_refused(tmp_path):
    for name in ('a', 'a.xyz', '.png'):
        text = refused(tmp_path / name)
        assert all(suffix in text for suffix in FORMATS)
    (tmp_path / 'dir.png').mkdir()
    assert 'is a folder' in refused(tmp_path / 'dir.png')
    (tmp_path / 'file').touch()
    assert 'not a folder' in refused(tmp_path / 'file' / 'a.png')
    assert 'not a folder' in refused(tmp_path / 'file' / 'deep' / 'a.png')
    os.mkfifo(tmp_path / 'pipe.png')
    assert 'ordinary file' in refused(tmp_path / 'pipe.png')
    assert sorted(path.name for path in tmp_path.iterdir()) == ['dir.png', 'file', 'pipe.png']
    with pytest.raises(UserError, match='16383 pixels a side'):
        save_image(tmp_path / 'a.webp', np.zeros((1, 16384, 3)))


@pytest.mark.skipif(not os.path.isdir('/proc/self'), reason='no /proc')
def test_a_folder_that_not_even_root_may_write_is_refused():
    assert 'cannot be written' in refused('/proc/a.png')


def test_a_read_only_folder_is_refused():
    folder = Path(tempfile.mkdtemp(dir='/tmp'))  # tmp_path is closed to others
    try:
        old = save_image(folder / 'a.png', IMAGE).read_bytes()
        folder.chmod(0o555)
        with ordinary_user():
            assert 'cannot be written (Permission denied)' in refused(folder / 'a.png')
        assert (folder / 'a.png').read_bytes() == old
        assert len(list(folder.iterdir())) == 1
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_check_writable_touches_nothing(tmp_path):
    check_writable(tmp_path / 'a.png')
    assert list(tmp_path.iterdir()) == []
    (tmp_path / 'a.png').write_bytes(b'earlier')
    before = (tmp_path / 'a.png').stat()
    check_writable(str(tmp_path / 'a.png'))
    assert (tmp_path / 'a.png').stat().st_mtime_ns == before.st_mtime_ns


def test_relative_paths_long_names_and_links_are_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert save_image('a.png', IMAGE) == Path('a.png')
    save_image(f'{"ü" * 120}.png', IMAGE)  # 244 of 255 bytes
    with pytest.raises(UserError, match='cannot be written'):
        save_image(f'{"x" * 300}.png', IMAGE)
    (tmp_path / 'link.png').symlink_to('a.png')
    save_image('link.png', IMAGE * 0)
    assert (tmp_path / 'link.png').is_symlink()
    assert load_image('a.png').max() == 0
    assert not list(tmp_path.glob('.*'))


def test_permissions_follow_the_umask(tmp_path):
    for mask, mode in [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)]:
        before = os.umask(mask)
        try:
            path = save_image(tmp_path / f'{mask}.png', IMAGE, settings={}, sidecar=True)
        finally:
            os.umask(before)
        assert path.stat().st_mode & 0o777 == mode
        assert Path(f'{path}.json').stat().st_mode & 0o777 == mode


@pytest.fixture
def earlier(tmp_path):
    (tmp_path / 'a.png').write_bytes(b'earlier')
    (tmp_path / 'a.png.json').write_bytes(b'{"earlier": 1}')
    yield tmp_path / 'a.png'
    assert (tmp_path / 'a.png').read_bytes() == b'earlier'
    assert (tmp_path / 'a.png.json').read_bytes() == b'{"earlier": 1}'


def save_over(path):
    return save_image(path, IMAGE, settings=SETTINGS, sidecar=True)


def full(*args, **kwargs):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize('number', [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize('name', ['fsync', 'replace'])
def test_a_full_disk_keeps_the_earlier_file(earlier, monkeypatch, name, number):
    def fail(*args):
        raise OSError(number, 'full')

    monkeypatch.setattr(files.os, name, fail)
    with pytest.raises(DiskFull, match=r'disk is full.*nothing was lost') as caught:
        save_over(earlier)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(earlier))
    assert not isinstance(caught.value, UserError)
    assert len(list(earlier.parent.iterdir())) == 2


def test_a_disk_that_is_full_while_writing_keeps_the_earlier_file(earlier, monkeypatch):
    write = Path.write_bytes

    def half(path, data):
        write(path, data[: len(data) // 2])
        full()

    monkeypatch.setattr(Path, 'write_bytes', half)
    with pytest.raises(DiskFull, match='nothing was lost'):
        save_over(earlier)
    assert len(list(earlier.parent.iterdir())) == 2
    monkeypatch.undo()


def test_a_write_that_the_kernel_stops_leaves_no_file(tmp_path):
    """The kernel's own limit on a file's size stops the write half way, in another process."""
    code = """
import resource, signal, sys, numpy as np
from stylegen.images import save_image
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    save_image(sys.argv[1], np.random.default_rng(0).random((99, 99, 3)))
except OSError as error:
    print(type(error).__name__, error.errno)
"""
    (tmp_path / 'a.png').write_bytes(b'earlier')
    done = child(code, tmp_path / 'a.png')
    assert done.communicate(timeout=60)[0].split() == ['OSError', str(errno.EFBIG)]
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [('a.png', b'earlier')]


def test_interruptions_and_other_failures_keep_the_earlier_file(earlier, monkeypatch):
    for error in (KeyboardInterrupt, OSError(errno.EIO, 'input/output error'), MemoryError):

        def fail(*args, error=error):
            raise error

        monkeypatch.setattr(files.os, 'fsync', fail)
        with pytest.raises(error if isinstance(error, type) else OSError):
            save_over(earlier)
        assert len(list(earlier.parent.iterdir())) == 2


def test_a_failing_encoder_keeps_the_earlier_file(earlier, monkeypatch):
    monkeypatch.setattr(Image.Image, 'save', full)
    with pytest.raises(OSError, match='No space'):
        save_over(earlier)


def test_the_file_is_never_opened_in_place(earlier, monkeypatch, tmp_path):
    opened, real = [], builtins.open
    spy = lambda file, *a, **k: opened.append(str(file)) or real(file, *a, **k)
    monkeypatch.setattr(io, 'open', spy)
    if sys.version_info < (3, 11):
        monkeypatch.setattr('pathlib._NormalAccessor.open', staticmethod(spy))
    other = tmp_path / 'b.png'
    save_image(other, IMAGE)
    assert opened
    assert str(other) not in opened
    assert all(Path(name).name.startswith(f'.b.png.{os.getpid()}-') for name in opened)


def test_sync_comes_before_the_move(tmp_path, monkeypatch):
    calls = []
    for name in ('fsync', 'replace'):
        real = getattr(os, name)
        monkeypatch.setattr(files.os, name, lambda *a, real=real, name=name: calls.append(name) or real(*a))
    save_image(tmp_path / 'a.png', IMAGE)
    assert calls == ['fsync', 'replace']


def child(code, *args):
    env = os.environ | {'PYTHONPATH': str(Path(__file__).parents[2])}
    command = [sys.executable, '-c', code, *map(str, args)]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_a_process_killed_between_write_and_move_keeps_the_earlier_file(earlier):
    code = """
import sys, time, numpy as np
from stylegen.utils import files
from stylegen.images import save_image
def wait(*args):
    print('here', flush=True)
    time.sleep(60)
files.os.replace = wait
save_image(sys.argv[1], np.zeros((9, 9, 3)), settings={'a': 1}, sidecar=True)
"""
    process = child(code, earlier)
    assert process.stdout.readline() == 'here\n'
    process.send_signal(signal.SIGKILL)
    assert process.wait(timeout=30) == -signal.SIGKILL
    process.stdout.close()
    left = sorted(path.name for path in earlier.parent.iterdir())
    assert left[-2:] == ['a.png', 'a.png.json']
    assert all(name.startswith('.a.png') and name.endswith('.tmp') and f'.{process.pid}-' in name for name in left[:-2])
    with Image.open(
        earlier.parent / next(name for name in left if name.startswith('.a.png.') and 'json' not in name)
    ) as image:
        assert image.size == (9, 9)  # it was whole, only not yet in place


def test_a_process_killed_at_any_moment_leaves_whole_files(tmp_path):
    path = tmp_path / 'a.png'
    code = """
import sys, itertools, numpy as np
from stylegen.images import save_image
for index in itertools.count():
    save_image(sys.argv[1], np.full((300, 300, 3), float(index % 2)))
    if not index: print('here', flush=True)
"""
    for delay in (0.003, 0.011, 0.017):
        process = child(code, path)
        assert process.stdout.readline() == 'here\n'
        time.sleep(delay)
        process.kill()
        process.wait()
        process.stdout.close()
        assert len(np.unique(load_image(path))) == 1
