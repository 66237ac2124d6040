"""What `train` makes of its pictures before the first step: their fit, and a line where they are few."""

import json

import numpy as np
import pytest

from stylegen.dcgan.evaluating import training_data
from stylegen.dcgan.load import load_generator
from stylegen.dcgan.plan import make_plan
from stylegen.dcgan.training_command import hint_about_few
from stylegen.images import save_image
from tests.conftest import run

NETWORKS = ['--image_size=16', '--g_width=2', '--d_width=2', '--latent_dim=4', '--batch_size=4', '--samples=1']


@pytest.fixture
def wide(tmp_path):
    """Six wide pictures: black, with white ends that a square cut out of the middle has not."""
    picture = np.zeros((16, 48, 3), np.float32)
    picture[:, :12] = picture[:, 36:] = 1
    for number in range(6):
        save_image(tmp_path / 'wide' / f'{number}.png', picture)
    return tmp_path / 'wide'


def train(wide, workdir, *more):
    return run('train', f'--data={wide}', f'--workdir={workdir}', '--steps=0', *NETWORKS, *more, program='dcgan')


def test_stretched_pictures_are_whole_and_the_run_keeps_how_they_got_their_size(wide, tmp_path, capsys):
    workdir = tmp_path / 'run'
    assert train(wide, workdir, '--fit=stretch') == 0
    assert 'few: --preset=few64 --image_size=16 augments' in capsys.readouterr().out
    ends = training_data(workdir).take(1)[0][:, [0, -1]]
    assert ends.min() > 250 and load_generator(workdir).fit == 'stretch'
    assert training_data(workdir).manifest == json.loads((workdir / 'settings.json').read_text())['data']
    assert train(wide, workdir) == 2
    said = capsys.readouterr()
    assert 'stretch' in said.err and 'crop' in said.err and 'few' not in said.out


class Pictures:
    size, channels = (64, 64), 3

    def __init__(self, count):
        self.count = count


@pytest.mark.parametrize(
    ('count', 'chosen', 'said'),
    [(1999, {}, '1,999 images are few: --preset=few64 augments'), (2000, {}, None),
     (50, {'preset': 'few64'}, None), (50, {'augment': 'cutout'}, None)],
)  # fmt: skip
def test_few_pictures_are_told_the_preset_unless_they_are_augmented(count, chosen, said):
    line = hint_about_few(Pictures(count), make_plan((64, 64), **chosen))
    assert line is None if said is None else line.startswith(said)
