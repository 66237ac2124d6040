"""A picture that somebody sent makes nobody open a saved model: neither by its name nor by what lies beside it."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from stylegen import images
from stylegen.networks import mini, registry
from stylegen.utils.backend import keras
from tests.conftest import photo, run

MADE = {  # program -> the flags of a result of a network from a file
    'deepdream': ['--input=photo.png', '--layers=conv', '--octaves=1', '--steps=1'],
    'style': ['--content=photo.png', '--style=paint.png', '--style_layers=conv', '--content_layers=conv',
              '--iterations=1'],
}  # fmt: skip
PROGRAMS = pytest.mark.parametrize('program', MADE)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A folder with two pictures, a network, and by each program a result of it."""
    folder = tmp_path_factory.mktemp('replay')
    pixels = keras.Input((None, None, 3))
    keras.Model(pixels, keras.layers.Conv2D(4, 3, padding='same', name='conv')(pixels)).save(folder / 'mine.keras')
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for seed, name in enumerate(('photo.png', 'paint.png')):
            images.save_image(name, photo(32, 32, seed))
        for program, flags in MADE.items():
            assert run(*flags, '--network=mine.keras', f'--output={program}.png', '--quiet', program=program) == 0
    return folder


@pytest.fixture
def opened(folder, tmp_path, monkeypatch):
    """The files of networks and weights that were opened; the test works in a copy of the folder."""
    shutil.copytree(folder, tmp_path / 'copy')
    monkeypatch.chdir(tmp_path / 'copy')
    paths = []
    for name, where in (('_saved_model', -1), ('load_network', 1)):  # of their arguments, the path
        real = getattr(registry, name)
        spy = lambda *args, real=real, where=where: paths.append(Path(args[where]).name) or real(*args)
        monkeypatch.setattr(registry, name, spy)
    return paths


@PROGRAMS
@pytest.mark.parametrize('more', [[], ['--layers=list'], ['--weights=x.h5']])
def test_a_network_that_only_the_picture_names_is_not_opened(opened, capsys, program, more):
    assert run(f'--replay={program}.png', '--output=again.png', *more, program=program) == 2
    said = capsys.readouterr().err
    assert 'if you trust that file, give --network=mine.keras too' in said and said.count('\n') == 1
    assert opened == [] and not Path('again.png').exists()


@PROGRAMS
def test_the_same_network_is_opened_where_the_user_says_that_it_is(opened, program):
    Path('elsewhere').mkdir()
    shutil.move('mine.keras', 'elsewhere/theirs.keras')
    flags = [f'--replay={program}.png', '--network=elsewhere/theirs.keras', '--output=again.png', '--quiet']
    assert run(*flags, program=program) == 0 and set(opened) == {'theirs.keras'}
    assert np.array_equal(images.load_image('again.png'), images.load_image(f'{program}.png'))


@PROGRAMS
def test_another_network_of_the_name_is_not_opened(opened, capsys, program):
    with open('mine.keras', 'ab') as file:
        file.write(b'more')
    assert run(f'--replay={program}.png', '--network=mine.keras', '--output=again.png', program=program) == 2
    assert 'mine.keras is not the network that the result was made with' in capsys.readouterr().err and opened == []


@PROGRAMS
def test_pictures_are_looked_at_before_the_network_is_opened(opened, capsys, program):
    images.save_image('photo.png', photo(32, 32, 7))
    assert run(f'--replay={program}.png', '--network=mine.keras', '--output=again.png', program=program) == 2
    assert 'photo.png is not the file that the result was made from' in capsys.readouterr().err and opened == []
    if program == 'deepdream':  # another picture may be asked for
        again = ['--input=paint.png', '--network=mine.keras', '--output=again.png', '--quiet']
        assert run(f'--replay={program}.png', *again, program=program) == 0


def test_a_network_by_name_takes_the_place_of_a_file(opened):
    again = ['--network=mini', '--layers=block1_conv1', '--output=again.png', '--quiet']
    assert run('--replay=deepdream.png', *again) == 0 and set(opened) == {'mini.npz'}


def test_other_weights_than_those_of_the_result_are_not_opened_unless_they_are_typed(opened, capsys):
    shutil.copy(mini.MINI_WEIGHTS, 'own.npz')
    quick = ['--network=mini', '--layers=block1_conv1', '--octaves=1', '--steps=1', '--quiet']
    assert run('--input=photo.png', '--weights=own.npz', *quick, '--output=one.png') == 0
    with open('own.npz', 'ab') as file:
        file.write(b'more')
    del opened[:]
    assert run('--replay=one.png', '--output=again.png') == 2
    assert 'own.npz is not the file that the result was made from' in capsys.readouterr().err and opened == []
    assert run('--replay=one.png', '--weights=own.npz', '--output=again.png') == 0 and 'own.npz' in opened
    assert 'the weights are not those that the result was made with' in capsys.readouterr().err
