"""Files of other programs, and damaged ones, are refused in a line whatever is in them."""

import zipfile

import h5py
import numpy as np
import pytest

from stylegen.networks import mini
from stylegen.networks.weightfile import load_weights
from stylegen.utils import zips
from stylegen.utils.backend import keras
from stylegen.utils.errors import UserError


def foreign(path, make):
    with h5py.File(path, 'w') as file:
        make(file)
    return path


def spoilt_zip(path, name):
    """A zip whose only member cannot be inflated."""
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, bytes(1000))
    data = bytearray(path.read_bytes())
    start = 30 + len(name)
    data[start : start + 4] = b'\xff' * 4
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    'make',
    [
        lambda file: file.create_dataset('layers', data=np.zeros(3)),
        lambda file: file.create_dataset('layers/dense/vars/kernel', data=np.zeros(3)),
        lambda file: file.attrs.create('layer_names', [1, 2]),
    ],
)
def test_a_foreign_hdf5_is_refused(tmp_path, make):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    with pytest.raises(UserError, match='not a weights file of Keras'):
        load_weights(model, foreign(tmp_path / 'a.h5', make), 'ours')


def test_what_cannot_be_inflated_is_refused(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    with pytest.raises(UserError, match='not a weights file of Keras'):
        load_weights(model, spoilt_zip(tmp_path / 'a.keras', 'model.weights.h5'), 'ours')
    with pytest.raises(UserError, match='not a weights file of mini'):
        mini.load_mini(mini.build_mini(), spoilt_zip(tmp_path / 'a.npz', 'x.npy'))


def test_what_does_not_fit_into_the_memory_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(zips, 'available_memory', lambda: 1 << 20)
    with zipfile.ZipFile(tmp_path / 'a.keras', 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('model.weights.h5', bytes(4 << 20))
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    with pytest.raises(UserError, match=r'a.keras unpacks to 4 MB; the limit is'):
        load_weights(model, tmp_path / 'a.keras', 'ours')
