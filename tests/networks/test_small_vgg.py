"""The student of VGG-16 that ships: its shape, its file, and that it sees what it was taught."""

import shutil

import numpy as np
import pytest

from stylegen import networks
from stylegen.deepdream.presets import GUIDE_LAYERS, LAYERS
from stylegen.networks import pretrained, small_vgg
from stylegen.networks.small_vgg import SMALL_VGG_COMPONENTS
from stylegen.style.presets import CONTENT_LAYERS, STYLE_LAYERS
from stylegen.utils.errors import MissingFromNetwork, UserError

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    monkeypatch.setenv('STYLEGEN_OFFLINE', '1')


@pytest.fixture(scope='module')
def extractor():
    return networks.feature_extractor('small_vgg', list(SMALL_VGG_COMPONENTS))


def waves():
    """A picture of coloured waves, coarse and fine."""
    y, x = np.mgrid[:96, :96].astype(np.float32) / 96
    layers = [np.sin(40 * x + 9 * y), np.sin(25 * y), np.sin(150 * (x + y)) * (x > 0.5)]
    return (0.5 + 0.4 * np.stack(layers, -1))[None]


def test_it_needs_nothing_but_the_package(extractor):
    assert extractor.source == pretrained.find_weights('small_vgg')
    assert extractor.source.origin == 'embedded' and extractor.source.path.stat().st_size < 6e6
    assert extractor.channels == dict(SMALL_VGG_COMPONENTS)
    assert list(extractor.strides.values()) == [1, 1, 2, 2, 4, 4, 8, 8, 16]
    features = extractor(RNG.random((2, 47, 38, 3), np.float32))
    assert features['block5_conv1'].shape == (2, 2, 2, 128)
    for name in SMALL_VGG_COMPONENTS:
        assert np.isfinite(features[name]).all() and np.ptp(features[name]) > 0


def test_its_default_layers_are_layers_of_it():
    names = {info.name for info in networks.layer_table('small_vgg')} | {'input'}
    for table in (STYLE_LAYERS, CONTENT_LAYERS, LAYERS, GUIDE_LAYERS):
        assert table['small_vgg'].keys() <= names
    assert 'classes' not in names


def test_it_has_no_classes():
    for ask in (lambda: networks.class_count('small_vgg'), lambda: networks.feature_extractor('small_vgg', 'classes')):
        with pytest.raises(MissingFromNetwork, match='small_vgg has no layer classes'):
            ask()


# Standard deviations over `waves()` of VGG-16's first three principal components, by its real weights.
TAUGHT = {
    'block1_conv2': (0.5001, 0.9092, 0.3601),
    'block2_conv2': (0.2821, 0.5278, 0.6234),
    'block3_conv1': (0.1941, 0.3175, 0.1288),
    'block4_conv1': (0.4140, 0.1333, 0.2345),
}


def deviations(features):
    return {name: np.std(features[name], (0, 1, 2))[:3] for name in TAUGHT}


def test_it_sees_as_vgg16_does(extractor):
    taught = np.array([*TAUGHT.values()])
    seen, control = (
        np.abs(np.array([*deviations(extractor(picture)).values()]) / taught - 1)
        for picture in (waves(), RNG.random((1, 96, 96, 3)))
    )
    assert seen.max() < 0.2
    assert control.mean() > 2 * seen.mean()  # another picture is told apart


def test_a_file_comes_back_and_a_damaged_one_is_refused(extractor, tmp_path, monkeypatch):
    model = small_vgg.build_small_vgg()
    first = small_vgg.save_small_vgg(tmp_path / 'a.npz', model)
    assert first == small_vgg.save_small_vgg(tmp_path / 'b.npz', model)
    other = small_vgg.build_small_vgg()
    small_vgg.load_small_vgg(other, tmp_path / 'a.npz')
    for ours, theirs in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-6)
    with pytest.raises(UserError, match='not the weights of mini'):
        networks.feature_extractor('mini', 'block1_conv1', weights=tmp_path / 'a.npz')
    for name in ('small_vgg.npz', 'small_vgg.sha256'):
        shutil.copy(small_vgg.SMALL_VGG_WEIGHTS.with_name(name), tmp_path / name)
    path = tmp_path / 'small_vgg.npz'
    monkeypatch.setattr(small_vgg, 'SMALL_VGG_WEIGHTS', path)
    assert pretrained.find_weights('small_vgg').sha256 == extractor.source.sha256  # the control
    path.write_bytes(path.read_bytes()[:-1] + b'?')
    with pytest.raises(UserError, match=r'damaged: .*small_vgg\.npz has SHA-256'):
        networks.feature_extractor('small_vgg', 'block1_conv1')
