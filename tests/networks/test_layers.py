"""Layers of rebuilt networks against NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from stylegen import networks
from tests.networks.keras_models import saved

pytestmark = pytest.mark.usefixtures('offline')
RNG = np.random.default_rng(0)
IMAGE = RNG.random((1, 47, 38, 3), np.float32)


@pytest.mark.parametrize('pooling', ['max', 'average', 'l2'])
def test_pooling_equals_numpys(vgg16, pooling):
    layers = ('block1_conv2', 'block1_pool')
    features = networks.feature_extractor('vgg16', layers, weights=vgg16.path, pooling=pooling)(IMAGE)
    x = np.asarray(features['block1_conv2'])[:, :46, :38]
    windows = x.reshape(1, 23, 2, 19, 2, 64)
    expected = {
        'max': windows.max((2, 4)),
        'average': 2 * windows.mean((2, 4)),
        'l2': 0.78 * np.sqrt(np.square(windows).sum((2, 4))),
    }
    assert x.max() > 0
    np.testing.assert_allclose(features['block1_pool'], expected[pooling], rtol=1e-5, atol=1e-4)


def test_pooling_keeps_the_magnitude_of_half_rectified_noise():
    from stylegen.networks.layers import AveragePooling, L2Pooling

    x = np.maximum(np.random.default_rng(1).normal(size=(1, 200, 200, 1)), 0).astype(np.float32)
    most = np.mean(keras.layers.MaxPooling2D()(x))
    for kind in (AveragePooling, L2Pooling):
        assert 0.7 < np.mean(kind(2)(x)) / most < 1.3


def test_l2_pooling_has_a_finite_gradient_everywhere():
    from stylegen.networks.layers import L2Pooling

    x = tf.Variable(np.concatenate([np.zeros((1, 2, 2, 1)), np.full((1, 2, 2, 1), 1e-3)], 2).astype(np.float32))
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(L2Pooling(2)(x))
    gradient = np.asarray(tape.gradient(value, x))
    np.testing.assert_array_equal(gradient[:, :, :2], 0)
    np.testing.assert_allclose(gradient[:, :, 2:], 0.39, rtol=1e-4)  # 1.56 * x / (4 * rms)


@pytest.mark.parametrize('kernel', [(3, 3), (1, 7), (4, 1)])
def test_reflect_padding_equals_numpys(tmp_path, kernel):
    path, model = saved(tmp_path, keras.layers.Conv2D(5, kernel, padding='same', name='conv'))
    features = networks.feature_extractor(path, ('conv',), padding='reflect')(IMAGE)
    margins = [((size - 1) // 2, size - 1 - (size - 1) // 2) for size in kernel]
    padded = np.pad(IMAGE, [(0, 0), *margins, (0, 0)], mode='reflect')
    kernel, bias = model.get_layer('conv').get_weights()
    np.testing.assert_allclose(features['conv'], tf.nn.conv2d(padded, kernel, 1, 'VALID') + bias, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('known', [True, False])
@pytest.mark.parametrize('side', [1, 2, 3, 4, 9])
def test_maps_smaller_than_the_padding_are_reflected_repeatedly(side, known):
    from stylegen.networks.layers import ReflectPadding

    layer = ReflectPadding((3, 3), (2, 0))
    x = RNG.random((1, side, side, 2), np.float32)
    pad = layer if known else tf.function(layer, input_signature=[tf.TensorSpec((None, None, None, 2))])
    np.testing.assert_array_equal(pad(tf.constant(x)), np.pad(x, [(0, 0), (3, 3), (2, 0), (0, 0)], mode='reflect'))
