"""Saved models with layers of ours: they load whichever module the layers stood in when they were saved."""

import json
import zipfile

import numpy as np
import pytest

from stylegen import networks
from stylegen.dcgan import models
from stylegen.networks import caffe, layers
from stylegen.training import normalization, spectral
from stylegen.utils.backend import keras

# By these names files know our layers: they never change. The module that each stood in before there were rooms.
SAVED_AS = {
    'AveragePooling': 'layers',
    'BatchNorm': 'normalization',
    'Double': 'dcgan.model_layers',
    'EdgePadding': 'caffe',
    'FrozenConv2D': 'layers',
    'GroupedConv2D': 'caffe',
    'L2Pooling': 'layers',
    'LocalResponseNormalization': 'caffe',
    'MapDense': 'layers',
    'PooledNormalization': 'layers',
    'Preprocess': 'layers',
    'ReflectPadding': 'layers',
    'SpectralConv2D': 'spectral',
    'SpectralDense': 'spectral',
    'SpectralEmbedding': 'spectral',
    'Standardization': 'layers',
}


def test_the_names_that_layers_are_saved_by_are_the_same_as_ever():
    modules = (caffe, layers, models, normalization, spectral)
    ours = {name: value for module in modules for name, value in vars(module).items() if name in SAVED_AS}
    registered = {keras.saving.get_registered_name(value) for value in ours.values()}
    assert registered == {f'stylegen>{name}' for name in SAVED_AS}


def of_before(path, target):
    """The saved model as it would have been saved before there were rooms; how many modules have another name."""
    changed = 0

    def renamed(part):
        nonlocal changed
        if isinstance(part, dict):
            if part.get('class_name') in SAVED_AS and part['module']:
                part['module'] = f'stylegen.{SAVED_AS[part["class_name"]]}'
                changed += 1
            for each in part.values():
                renamed(each)
        elif isinstance(part, list):
            for each in part:
                renamed(each)

    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, 'w') as archive:
        for name in source.namelist():
            data = source.read(name)
            if name == 'config.json':
                config = json.loads(data)
                renamed(config)
                data = json.dumps(config).encode()
            archive.writestr(name, data)
    return changed


@pytest.mark.parametrize('before', [False, True])
def test_a_saved_model_with_our_layers_loads(tmp_path, before):
    inputs = keras.Input((None, None, 3))
    x = layers.ReflectPadding((1, 1), (1, 1), name='pad')(inputs)
    x = keras.layers.Conv2D(4, 3, name='first')(x)
    x = caffe.LocalResponseNormalization(name='norm')(x)
    x = layers.L2Pooling(2, name='pool')(x)
    model = keras.Model(inputs, x)
    path = tmp_path / 'mine.keras'
    model.save(path)
    if before:
        assert of_before(path, tmp_path / 'old.keras') == 3
        path = tmp_path / 'old.keras'
    image = np.random.default_rng(0).random((1, 16, 16, 3), np.float32)
    features = networks.feature_extractor(str(path), ['pool'])(image)
    np.testing.assert_allclose(features['pool'], model(image), rtol=1e-6)
