"""A disk that fills up while a picture is changed: what both commands keep of it, and of what was there."""

from pathlib import Path

import pytest

from stylegen import images
from stylegen.images import io
from stylegen.runs import jobs
from stylegen.utils import files
from tests.conftest import photo, run

COMMANDS = {
    'deepdream': ['--input=photo.png', '--steps=2', '--octaves=2'],
    'style': ['--content=photo.png', '--style=paint.png', '--iterations=2', '--style_layers=block1_conv1',
              '--content_layers=block2_conv1', '--smallest_size=40', '--size_ratio=2'],
}  # fmt: skip
SHAPE = (64, 80, 3)


@pytest.fixture(params=COMMANDS)
def change(request, tmp_path, monkeypatch):
    """change(flag, ...) runs a command on a picture, quietly and on the embedded network; its exit code."""
    monkeypatch.chdir(tmp_path)
    images.save_image('photo.png', photo(*SHAPE[:2]))
    images.save_image('paint.png', photo(70, 60, 3))
    usual = [*COMMANDS[request.param], '--network=mini', '--output=out.png', '--quiet']
    return lambda *flags: run(*usual, *flags, program=request.param)


def test_neither_the_result_nor_the_earlier_file_is_lost(change, capsys, tmp_path, monkeypatch):
    Path('out.png').write_bytes(b'earlier')
    refuge = tmp_path / 'refuge'
    refuge.mkdir()
    monkeypatch.setattr('tempfile.tempdir', str(refuge))
    save = images.save_image

    def full(path, *args, **kwargs):
        if Path(path).parent != refuge:
            raise files.DiskFull(28, 'the disk is full', str(path))
        return save(path, *args, **kwargs)

    monkeypatch.setattr(io, 'save_image', full)
    assert change() == 1
    assert 'the disk is full' in (err := capsys.readouterr().err) and str(refuge / 'out.png') in err
    assert Path('out.png').read_bytes() == b'earlier' and images.load_image(refuge / 'out.png').shape == SHAPE


def test_a_state_that_cannot_be_kept_does_not_stop_the_run(change, capsys, monkeypatch):
    monkeypatch.setattr(jobs, 'SAVE_SECONDS', 0)

    def full(self, **arrays):
        raise files.DiskFull(28, 'the disk is full', 'state.npz')

    monkeypatch.setattr(jobs.Workdir, 'save', full)
    assert change('--workdir=run') == 0
    assert 'the state could not be kept' in capsys.readouterr().err and images.load_image('out.png').shape == SHAPE
