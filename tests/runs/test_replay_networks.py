"""A replayed picture from a stranger cannot make a user open a saved model."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from stylegen import images
from stylegen.networks import mini, models, registry
from stylegen.utils.backend import keras
from tests.conftest import photo, run

MADE = {  # program -> flags that make a result with a network from a file
    'deepdream': ['--input=photo.png', '--layers=conv', '--octaves=1', '--steps=1'],
    'style': ['--content=photo.png', '--style=paint.png', '--style_layers=conv', '--content_layers=conv',
              '--iterations=1'],
}  # fmt: skip
PROGRAMS = pytest.mark.parametrize('program', MADE)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A folder with two pictures, a network, and a result of each program."""
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
    """The names of the network and weights files that were opened. The test works in a copy of the folder."""
    shutil.copytree(folder, tmp_path / 'copy')
    monkeypatch.chdir(tmp_path / 'copy')
    registry._EXTRACTORS.clear()  # those of other tests
    paths = []
    # (module, function, the index of the path among its arguments)
    for module, name, where in ((registry, 'load_saved_model', -1), (models, 'load_network', 1)):
        real = getattr(module, name)
        spy = lambda *args, real=real, where=where: paths.append(Path(args[where]).name) or real(*args)
        monkeypatch.setattr(module, name, spy)
    return paths


@PROGRAMS
@pytest.mark.parametrize('more', [[], ['--layers=list'], ['--weights=x.h5']])
def test_a_network_that_only_the_picture_names_is_not_opened(opened, capsys, program, more):
    assert run(f'--replay={program}.png', '--output=again.png', *more, program=program) == 2
    said = capsys.readouterr().err
    assert 'if you trust that file, give --network=mine.keras too' in said and said.count('\n') == 1
    assert opened == [] and not Path('again.png').exists()


@PROGRAMS
def test_the_same_network_is_opened_from_the_path_that_the_user_gives(opened, program):
    Path('elsewhere').mkdir()
    shutil.move('mine.keras', 'elsewhere/theirs.keras')
    flags = [f'--replay={program}.png', '--network=elsewhere/theirs.keras', '--output=again.png', '--quiet']
    assert run(*flags, program=program) == 0 and set(opened) == {'theirs.keras'}
    assert np.array_equal(images.load_image('again.png'), images.load_image(f'{program}.png'))


@PROGRAMS
def test_a_network_with_the_same_name_and_other_content_is_not_opened(opened, capsys, program):
    with open('mine.keras', 'ab') as file:
        file.write(b'more')
    assert run(f'--replay={program}.png', '--network=mine.keras', '--output=again.png', program=program) == 2
    assert 'mine.keras is not the network that the result was made with' in capsys.readouterr().err and opened == []


@PROGRAMS
def test_pictures_are_checked_before_the_network_is_opened(opened, capsys, program):
    images.save_image('photo.png', photo(32, 32, 7))
    assert run(f'--replay={program}.png', '--network=mine.keras', '--output=again.png', program=program) == 2
    assert 'photo.png is not the file that the result was made from' in capsys.readouterr().err and opened == []
    if program == 'deepdream':  # the user may give another picture
        again = ['--input=paint.png', '--network=mine.keras', '--output=again.png', '--quiet']
        assert run(f'--replay={program}.png', *again, program=program) == 0


def test_a_network_that_is_given_by_name_replaces_the_file(opened):
    again = ['--network=mini', '--layers=block1_conv1', '--output=again.png', '--quiet']
    assert run('--replay=deepdream.png', *again) == 0 and set(opened) == {'mini.npz'}


def test_changed_weights_are_opened_only_if_the_user_types_them(opened, capsys):
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
