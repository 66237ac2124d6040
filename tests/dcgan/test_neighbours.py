"""Pictures that are in the data are found in it, nearest first."""

import numpy as np
import pytest

from stylegen.datasets.opening import open_images
from stylegen.dcgan.neighbours import nearest, sheet
from stylegen.images import load_image, read_settings
from stylegen.utils.errors import UserError
from tests.conftest import run
from tests.dcgan.generators import kept
from tests.dcgan.sets import folder
from tests.plain import PLAIN


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    return folder(tmp_path_factory.mktemp('data'))


def test_a_copy_is_found_and_the_order_is_by_distance(data):
    images = open_images(data, 16)
    real = images.take(24, 1)
    copies = np.clip(real[:6].astype(int) + 1, 0, 255).astype(np.uint8)
    said = []
    found = nearest(copies, images, count=4, embedding=PLAIN, progress=said.append)
    assert np.array_equal(found.pictures[:, 0], real[:6]) and said == [24]
    ours, theirs = PLAIN(copies), PLAIN(real)
    expected = np.sort(np.linalg.norm(ours[:, None] - theirs, axis=2), 1)[:, :4]
    assert np.allclose(found.distances, expected, atol=1e-3)
    assert sheet(real[:6] / 255, ['x'] * 6, found).shape[1] > 5 * 96


def test_too_few_or_other_pictures_are_refused(data):
    images = open_images(data, 16)
    with pytest.raises(UserError, match='25 pictures or more'):
        nearest(images.take(2), images, count=25, embedding=PLAIN)
    with pytest.raises(UserError, match='of 1 channels'):
        nearest(images.take(2)[..., :1], images, embedding=PLAIN)


def test_the_command_draws_them(data, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr('stylegen.dcgan.neighbours.open_embedding', lambda name: PLAIN)
    workdir = kept(tmp_path / 'run')
    about = [f'--workdir={workdir}', '--seeds=0-2', f'--neighbours={data}']
    assert run('sample', *about, f'--output={tmp_path / "a.png"}', program='dcgan') == 0
    assert load_image(tmp_path / 'a.png').shape[1] > 6 * 96
    assert read_settings(tmp_path / 'a.png')['data']['count'] == 24
    assert run('sample', *about, f'--output={tmp_path / "a.npz"}', program='dcgan') == 2
    assert '--neighbours makes a sheet' in capsys.readouterr().err
    assert run('sample', *about, '--columns=3', f'--output={tmp_path / "b.png"}', program='dcgan') == 0
    assert '--columns changes nothing here (with --neighbours)' in capsys.readouterr().out
