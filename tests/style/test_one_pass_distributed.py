"""Several devices that train a one-pass network together come to what one does."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from stylegen import images
from stylegen.datasets import open_images
from stylegen.style.one_pass_training import train_one_pass
from stylegen.training.checkpoints import Checkpoints
from stylegen.training.logs import read_log
from stylegen.utils.errors import UserError
from tests.conftest import ROOT, photo
from tests.style.test_one_pass_commands import TINY

OPTIONS = TINY | {'batch_size': 4, 'steps': 3, 'checkpoint_every': 1, 'sample_every': 3, 'keep': 4, 'seed': 5}


@pytest.fixture(scope='module')
def place(tmp_path_factory):
    """A folder of photos and paintings, and a run in `two` on two virtual devices, in a process of its own."""
    place = tmp_path_factory.mktemp('distributed')
    for number in range(6):
        images.save_image(place / 'photos' / f'{number}.png', photo(36, 40, number))
    for number, name in enumerate(('waves', 'ink')):
        images.save_image(place / f'{name}.png', photo(50, 48, 20 + number))
    command = [sys.executable, '-m', 'tests.style.mirrored', str(place), json.dumps(OPTIONS)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return place


def trained(place, workdir, **options):
    styles = {name: str(place / f'{name}.png') for name in ('waves', 'ink')}
    train_one_pass(open_images(place / 'photos', 32), styles, workdir, **OPTIONS | options)


def gap(one, other):
    """How far two checkpoints are from each other at most: each array, over the largest number in it."""
    (_, ours), (_, theirs) = Checkpoints(one).load(), Checkpoints(other).load()
    assert ours.keys() == theirs.keys()
    found = {
        name: np.abs(value.astype(np.float64) - theirs[name]).max() / max(np.abs(value).max(), 1e-6)
        for name, value in ours.items()
    }
    return max(found.values())


@pytest.mark.slow
def test_two_devices_come_to_the_losses_and_weights_of_one_which_goes_on_with_their_run(place, tmp_path):
    one, two = tmp_path / 'one', place / 'two'
    shutil.copytree(two, one)
    (one / 'samples/step-00000003.png').unlink()
    for step in (1, 2, 3):
        (one / f'checkpoints/step-{step:08d}.npz').unlink()
    trained(place, one)
    ours, theirs = (read_log(folder / 'log.csv') for folder in (one, two))
    assert [row['step'] for row in ours] == [row['step'] for row in theirs] == ['1', '2', '3']
    assert ours[0]['images_per_second'] != theirs[0]['images_per_second'], 'the steps were made again'
    for name in set(ours[0]) - {'images_per_second'}:
        assert [float(row[name]) for row in ours] == pytest.approx([float(row[name]) for row in theirs], rel=1e-4)
    assert gap(one, two) < 1e-2  # Adam's first steps are signs of gradients, also of tiny ones; seen: 0.006
    sheets = [images.load_image(folder / 'samples/step-00000003.png') for folder in (one, two)]
    assert np.abs(sheets[0] - sheets[1]).max() < 3 / 255


def test_what_one_device_cannot_share_is_refused(tmp_path):
    images.save_image(tmp_path / 'photos' / '0.png', photo(36, 40))
    for name in ('waves', 'ink'):
        images.save_image(tmp_path / f'{name}.png', photo(50, 48))
    with pytest.raises(UserError, match='needs two devices or more'):
        trained(tmp_path, tmp_path / 'none', distribute='mirrored')
    assert not (tmp_path / 'none').exists()
