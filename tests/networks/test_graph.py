"""Facts about a model that its graph gives: layers, names, strides, channels and the smallest image."""

import keras
import numpy as np
import pytest

from stylegen import networks
from stylegen.utils.errors import UserError

pytestmark = pytest.mark.usefixtures('offline')
RNG = np.random.default_rng(0)
APPLICATIONS = keras.applications


@pytest.mark.parametrize('side', [4, 5, 31])
def test_any_size_from_the_smallest_is_taken(vgg16, side):
    extractor = networks.feature_extractor('vgg16', ('block3_conv1',), weights=vgg16.path)
    assert extractor.min_size == 4
    shape = extractor(np.zeros((2, side, side + 6, 3), np.float32))['block3_conv1'].shape
    assert tuple(shape) == (2, side // 4, (side + 6) // 4, 256)


def test_an_image_that_is_too_small_is_refused(vgg16):
    extractor = networks.feature_extractor('vgg16', ('block3_conv1',), weights=vgg16.path)
    with pytest.raises(UserError, match='at least 4 pixels a side; this one is 9x3'):
        extractor(np.zeros((1, 3, 9, 3), np.float32))


def test_layer_tables_have_names_strides_and_channels():
    vgg16 = {info.name: info for info in networks.layer_table('vgg16')}
    assert list(vgg16)[:3] == ['block1_conv1', 'block1_conv2', 'block1_pool'] and len(vgg16) == 19
    assert (vgg16['block4_conv2'].stride, vgg16['block4_conv2'].channels) == (8, 512)
    for _ in range(2):  # and the names of layers that have none do not depend on what was built before
        inception = {info.name: info for info in networks.layer_table('inception_v3')}
        strides = [inception[f'mixed{i}'].stride for i in range(11)]
        assert strides == [8] * 3 + [16] * 5 + [32] * 3
        assert (inception['conv2d'].channels, inception['conv2d_93'].channels) == (32, 192)
    mobilenet = {info.name: info for info in networks.layer_table('mobilenet_v2')}
    assert mobilenet['block_6_expand'].stride == 8 and mobilenet['out_relu'].channels == 1280
    assert not any('pad' in name for name in mobilenet)
    with pytest.raises(UserError, match='unknown network'):
        networks.layer_table('vgg')


def test_names_of_nameless_layers_mean_the_same_layers(inception):
    """After other networks were built in the process, Keras itself would call them conv2d_94 and so on."""
    APPLICATIONS.InceptionV3(weights=None, include_top=False)
    extractor = networks.feature_extractor('inception_v3', ('conv2d_7', 'activation_4'), weights=inception.path)
    image = RNG.random((1, 80, 80, 3), np.float32)
    expected = inception(('conv2d_7', 'activation_4'), 2 * image - 1)
    for values, layer in zip(expected, extractor.layer_names, strict=True):
        np.testing.assert_allclose(extractor(image)[layer], values, rtol=1e-4, atol=1e-5)


def test_strides_of_parallel_branches_in_a_nested_model_are_not_multiplied(tmp_path):
    inner_image = keras.Input((None, None, 3))
    left = keras.layers.Conv2D(4, 3, strides=2, padding='same')(inner_image)
    right = keras.layers.Conv2D(4, 1, strides=2, padding='same')(inner_image)
    inner = keras.Model(inner_image, keras.layers.Add()([left, right]), name='stem')
    image = keras.Input((None, None, 3))
    last = keras.layers.Conv2D(5, 3, strides=2, padding='same', name='last')(inner(image))
    keras.Model(image, last).save(tmp_path / 'nested.keras')
    strides = {info.name: info.stride for info in networks.layer_table(str(tmp_path / 'nested.keras'))}
    assert strides == {'stem': 2, 'last': 4}
