"""Several devices, or processes, that train together come to what one does."""

import json
import shutil
import signal
import socket
import subprocess
import sys

import numpy as np
import pytest

from stylegen.datasets.opening import open_images
from stylegen.dcgan.training import train
from stylegen.training.checkpoints import Checkpoints
from stylegen.training.logs import read_events, read_log
from tests.conftest import ROOT, process
from tests.dcgan.sets import folder, small_set

SMALL = {'g_width': 8, 'd_width': 8, 'latent_dim': 8, 'batch_size': 8, 'seed': 3, 'steps': 8, 'checkpoint_every': 2,
         'log_every': 2, 'sample_every': 4, 'samples': 4, 'collapse_every': 0, 'evaluate_every': 0,
         'deterministic': True}  # fmt: skip
RUNS = {  # what is special about a pass, an update or a share, in each
    'several': {'d_steps': 2, 'flip': True},
    'simultaneous': {'updates': 'simultaneous', 'augment': 'color,translation,cutout'},
    'penalised': {'d_norm': 'spectral', 'r1': 1.0, 'penalty_every': 2, 'conditional': True},
}


@pytest.fixture(scope='module')
def place(tmp_path_factory):
    """A folder of pictures, and all `RUNS` on two virtual devices, in a process of their own."""
    place = tmp_path_factory.mktemp('distributed')
    folder(place / 'data')
    runs = {name: {**SMALL, **options, 'distribute': 'mirrored'} for name, options in RUNS.items()}
    command = [sys.executable, '-m', 'tests.dcgan.mirrored', str(place), json.dumps(runs)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return place


def apart(first, second):
    """How far two checkpoints are from each other at most: each array, over the largest number in it."""
    (_, ours), (_, theirs) = first.load(), second.load()
    assert ours.keys() == theirs.keys()
    gaps = {
        name: np.abs(value.astype(np.float64) - theirs[name]).max() / max(np.abs(value).max(), 1e-6)
        for name, value in ours.items()
    }
    return max(gaps.values()), max(gaps, key=gaps.get)


def compared(first, second):
    """Holds the logs of two runs against each other."""
    ours, theirs = (read_log(run / 'log.csv') for run in (first, second))
    assert [row['step'] for row in ours] == [row['step'] for row in theirs] == ['2', '4', '6', '8']
    for name in set(ours[0]) - {'images_per_second'}:
        assert [float(row[name]) for row in ours] == pytest.approx([float(row[name]) for row in theirs], rel=2e-4)


@pytest.mark.parametrize('name', RUNS)
def test_two_devices_come_to_what_one_does(place, tmp_path, name):
    one = train(small_set(tmp_path / 'data'), workdir=tmp_path / 'run', **SMALL, **RUNS[name])
    gap, where = apart(one.checkpoints, Checkpoints(place / name))
    assert gap < 1e-4, where
    compared(one.workdir, place / name)


def test_a_run_goes_on_with_another_number_of_devices(place, tmp_path):
    images, longer = open_images(place / 'data', (16, 16)), {**SMALL, 'steps': 10, **RUNS['simultaneous']}
    shutil.copytree(place / 'simultaneous', tmp_path / 'run')
    train(images, workdir=tmp_path / 'run', **longer)
    assert read_events(tmp_path / 'run' / 'events.jsonl')[0]['step'] == 8
    one = train(images, workdir=tmp_path / 'one', **longer)
    gap, where = apart(one.checkpoints, Checkpoints(tmp_path / 'run'))
    assert gap < 1e-4, where


def ports(count):
    """Numbers that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(('localhost', 0))
    numbers = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return numbers


@pytest.fixture
def started():
    """Processes that have been started; none outlives the test, for one that has lost another waits for long."""
    children = []
    yield children
    for child in children:
        with child:
            child.kill()


def worker(started, place, workdir, addresses, index, fault=''):
    """One of two processes."""
    config = json.dumps({'cluster': {'worker': addresses}, 'task': {'type': 'worker', 'index': index}})
    before = f"import os; os.environ['TF_CONFIG'] = {config!r}"
    before += f'; from tests.dcgan import faults; faults.{fault}' if fault else ''
    flags = [f'--{name}={value}' for name, value in SMALL.items()]
    child = process(
        'train', f'--data={place / "data"}', f'--workdir={workdir}', '--image_size=16', '--distribute=multi_worker',
        *flags, '--collapse_every=6', program='dcgan', before=before,
    )  # fmt: skip
    started.append(child)
    return child


def ended(child, code):
    """What a process said that has ended so."""
    said = ''.join(child.communicate(timeout=120))
    assert child.returncode == code, said
    return said


@pytest.mark.slow
def test_workers_that_are_killed_and_started_again_go_on_from_the_checkpoint(place, tmp_path, started):
    given = started, place, tmp_path, [f'localhost:{port}' for port in ports(2)]
    chief, other = worker(*given, 0, 'die_after(3)'), worker(*given, 1, 'die_after(5)')
    ended(chief, -signal.SIGKILL)  # at step 3, after the checkpoint of step 2
    chief = worker(*given, 0)
    said = ended(other, -signal.SIGKILL)  # at step 5
    assert 'another worker is gone' in said and 'this one begins again' in said
    other = worker(*given, 1)
    said = ended(chief, 0)
    assert 'another worker is gone' in said and f'step 8 is kept in {tmp_path}' in said
    ended(other, 0)
    assert [(event['event'], event['step']) for event in read_events(tmp_path / 'events.jsonl')] == [
        ('resumed', 2), ('resumed', 4)
    ]  # fmt: skip
    one = train(open_images(place / 'data', (16, 16)), workdir=tmp_path / 'one', **SMALL)
    gap, where = apart(one.checkpoints, Checkpoints(tmp_path))
    assert gap < 1e-3, where
    compared(one.workdir, tmp_path)
