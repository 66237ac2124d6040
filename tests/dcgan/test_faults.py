"""A run on odd pictures, or on a machine that fails, goes on or ends in one line, and keeps what it has."""

import os
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

from stylegen.dcgan.monitor import COLLAPSE_GRACE, QualityMonitor
from stylegen.dcgan.run import Training
from stylegen.training.checkpoints import Checkpoints
from stylegen.training.logs import read_events
from stylegen.utils.locks import folder_lock
from tests.conftest import process, run, slow
from tests.dcgan.sets import TINY, folder, small_set, state

FLAGS = ['--image_size=16', *(f'--{name}={value}' for name, value in TINY.items()), '--samples=4', '--sample_every=0']


def command(data, workdir, *flags):
    return run('train', f'--data={data}', f'--workdir={workdir}', *FLAGS, *flags, program='dcgan')


def small_pictures(path, sizes, colour=True):
    """A folder of noise, a picture for each (height, width)."""
    path.mkdir()
    for index, size in enumerate(sizes):
        noise = np.random.default_rng(index).integers(0, 256, (*size, 3)).astype(np.uint8)
        image = Image.fromarray(noise)
        (image if colour else image.convert('L')).save(path / f'{index}.png')
    return path


@pytest.mark.parametrize(
    ('sizes', 'colour'),
    [slow([(20, 20)] * 5, True), slow([(20, 20)] * 8, False), ([(16, 90), (1, 1), (40, 17), (16, 16)], True)],
    ids=['five', 'grey', 'mixed'],
)
def test_odd_sets_are_trained_on_and_measured(tmp_path, sizes, colour):
    data = small_pictures(tmp_path / 'data', sizes, colour)
    measured = ['--evaluate_every=2', '--pictures=8', '--collapse_every=1']
    assert command(data, tmp_path / 'run', '--steps=3', *measured, '--quiet') == 0
    assert Checkpoints(tmp_path / 'run').steps() == [0, 3] and Checkpoints(tmp_path / 'run').path('best')


def test_one_class_is_enough_to_be_told_the_classes(tmp_path):
    data = folder(tmp_path / 'data', count=4, classes=1)
    assert command(data, tmp_path / 'run', '--steps=1', '--conditional', '--evaluate_every=0', '--quiet') == 0


def test_a_picture_that_is_damaged_in_the_third_epoch_is_left_out_and_told_once(tmp_path, monkeypatch, capsys):
    data = folder(tmp_path / 'data', count=8)  # two steps are an epoch
    spoilt, report = data / 'class0' / '002.png', Training.report

    def spoiling(self, step, steps):
        report(self, step, steps)
        if step == 5:
            spoilt.write_bytes(b'rust')

    monkeypatch.setattr(Training, 'report', spoiling)
    flags = ['--max_memory=1KB', '--evaluate_every=0', '--collapse_every=0', '--log_every=1', '--quiet']
    assert command(data, tmp_path / 'run', '--steps=40', *flags) == 0
    said = capsys.readouterr().err
    assert spoilt.name in said and said.count('\n') == 1


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own with little space; `grow` gives it more."""
    place = tmp_path / 'disk'
    place.mkdir()

    def mount(options):
        made = subprocess.run(['mount', '-t', 'tmpfs', '-o', options, 'tmpfs', place], capture_output=True)
        if made.returncode:
            pytest.skip('file systems can be mounted by root only')

    mount('size=1M')
    yield place, lambda: mount('remount,size=16M')
    subprocess.run(['umount', place], check=True)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which('mount'), reason='there is no mount')
def test_a_disk_that_fills_up_ends_the_run_in_a_line_and_it_goes_on_when_there_is_space(tmp_path, small_disk, capsys):
    place, grow = small_disk
    data = folder(tmp_path / 'data', count=8)
    flags = [f'--workdir={place / "run"}', '--checkpoint_every=1', '--keep=50', '--steps=24', '--deterministic']
    quick = ['--evaluate_every=0', '--collapse_every=0', '--quiet']
    child = process('train', f'--data={data}', *FLAGS, *flags, *quick, program='dcgan')
    _, said = child.communicate(timeout=100)
    line, *rest = said.splitlines()
    assert child.returncode == 1 and 'the disk is full' in line
    assert not rest or rest[0].startswith('Exception ignored in: <function ZipFile.__del__')  # NumPy before 2
    assert command(data, place / 'run', *flags[1:], *quick) == 1  # and again, while it is full
    assert 'the disk is full' in capsys.readouterr().err
    kept = Checkpoints(place / 'run')
    assert 0 < kept.steps()[-1] < 24 and state(kept.path())
    assert not list(place.glob('run/checkpoints/.*')), 'no half of a file is left'
    grow()
    assert command(data, place / 'run', *flags[1:], *quick) == 0 and kept.steps()[-1] == 24
    assert command(data, tmp_path / 'whole', *flags[1:], *quick) == 0
    assert state(kept.path()) == state(Checkpoints(tmp_path / 'whole').path())


def test_a_second_process_is_kept_out_of_the_workdir(tmp_path, capsys):
    data = folder(tmp_path / 'data', count=8)
    with folder_lock(tmp_path / 'run'):
        assert command(data, tmp_path / 'run', '--steps=1') == 2
    assert f'another process ({os.getpid()}) is at work' in capsys.readouterr().err
    assert not Checkpoints(tmp_path / 'run').steps()


def test_pictures_as_different_as_those_of_the_data_raise_no_alarm(tmp_path):
    images = small_set(tmp_path / 'data', count=48)
    monitor = QualityMonitor(images, 24, 'non_saturating')
    for look in range(1, 6):
        share, problem = monitor.check_generator(look * COLLAPSE_GRACE + 1, images.take(24, seed=look))
        assert share > 0.7 and problem is None


def test_a_discriminator_that_has_won_ends_the_run_where_that_was_asked_for(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr('stylegen.dcgan.monitor.WON', 10.0)
    data = folder(tmp_path / 'data', count=8)
    flags = ['--log_every=1', '--evaluate_every=0', '--collapse_every=0', '--on_collapse=stop', '--quiet']
    assert command(data, tmp_path / 'run', '--steps=40', *flags) == 1
    assert 'the discriminator has won' in capsys.readouterr().err
    (event,) = read_events(tmp_path / 'run' / 'events.jsonl')
    assert event['event'] == 'discriminator won' and event['action'] == 'stop' and event['step'] < 40
    assert Checkpoints(tmp_path / 'run').steps()[-1] == event['step']
