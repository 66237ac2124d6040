"""Rebuilt networks: where they are cut, what is replaced, and in which precision they compute."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from stylegen import networks
from stylegen.utils.errors import UserError
from tests.networks.keras_models import saved

pytestmark = pytest.mark.usefixtures('offline')
RNG = np.random.default_rng(0)
IMAGE = RNG.random((1, 47, 38, 3), np.float32)


def test_the_network_is_cut_at_the_deepest_layer_and_frozen(vgg16):
    extractor = networks.feature_extractor('vgg16', ('block3_conv1', 'block1_conv2'), weights=vgg16.path)
    names = [layer.name for layer in extractor.layers]
    assert 'block3_conv1' in names
    assert not any(name.startswith(('block3_conv2', 'block3_pool', 'block4', 'block5')) for name in names)
    widths = ((3, 64), (64, 64), (64, 128), (128, 128), (128, 256))
    assert extractor.count_params() == sum(9 * i * o + o for i, o in widths)
    assert extractor.trainable_variables == [] and not extractor.trainable
    assert extractor.network == 'vgg16'
    assert extractor.layer_names == ('block3_conv1', 'block1_conv2')
    assert extractor.strides == {'block3_conv1': 4, 'block1_conv2': 1}
    assert extractor.channels == {'block3_conv1': 256, 'block1_conv2': 64}
    maps, widest = (2 * 64 + 64 / 4 + 2 * 128 / 4 + 128 / 16 + 256 / 16) * 4, 64 * 4
    assert extractor.bytes_per_pixel == maps + 10 * widest
    assert extractor.source == networks.find_weights('vgg16', vgg16.path)


def test_dropout_and_statistics_rest_even_in_training(tmp_path):
    layers = keras.layers
    path, model = saved(
        tmp_path, layers.Conv2D(4, 3), layers.BatchNormalization(), layers.Dropout(0.5), layers.ReLU(name='end')
    )
    extractor = networks.feature_extractor(path, ('end',))
    before = [variable.numpy() for variable in extractor.weights]
    values = extractor(IMAGE, training=True)['end']
    np.testing.assert_allclose(values, model(IMAGE, training=False), rtol=1e-5, atol=1e-6)
    assert np.abs(values - model(IMAGE, training=True)).max() > 0.1  # the control: training mode differs
    for old, new in zip(before, extractor.weights, strict=True):
        np.testing.assert_array_equal(old, new.numpy())


def test_replacing_a_pooling_that_is_not_there_is_refused(mobilenet):
    with pytest.raises(UserError, match='mobilenet_v2 has no max pooling to replace by l2'):
        networks.feature_extractor('mobilenet_v2', ['Conv1'], weights=mobilenet.path, pooling='l2')


def test_a_constant_image_has_constant_features_only_when_reflected(vgg16):
    image = np.full((1, 24, 24, 3), 0.3, np.float32)
    for padding, constant in (('reflect', True), ('same', False)):
        extractor = networks.feature_extractor('vgg16', ('block3_conv3',), weights=vgg16.path, padding=padding)
        values = np.asarray(extractor(image)['block3_conv3'])
        assert (np.ptp(values, axis=(1, 2)).max() < 1e-4 * values.max()) == constant


def test_reflection_leaves_strides_pointwise_and_depth_alone(mobilenet):
    names = {
        layer.name
        for layer in networks.feature_extractor(
            'mobilenet_v2', ('block_1_project',), weights=mobilenet.path, padding='reflect'
        ).layers
        if layer.name.endswith('_reflect')
    }
    assert names == {'expanded_conv_depthwise_reflect'}  # not Conv1 and block_1_depthwise, of stride 2


def test_pre_activation_is_what_goes_into_the_activation(vgg16, mobilenet):
    for name, plain, layers, rectified in (
        ('vgg16', vgg16, ('block1_conv1', 'block2_conv2'), lambda x: np.maximum(x, 0)),
        ('mobilenet_v2', mobilenet, ('Conv1_relu', 'block_1_expand_relu'), lambda x: np.clip(x, 0, 6)),
    ):
        before, after = (
            networks.feature_extractor(name, layers, weights=plain.path, pre_activation=before)(IMAGE)
            for before in (True, False)
        )
        for layer in layers:
            assert np.min(before[layer]) < 0
            np.testing.assert_allclose(rectified(np.asarray(before[layer])), after[layer], rtol=1e-5, atol=1e-4)


def test_pre_activation_needs_a_layer_with_an_activation(vgg16):
    with pytest.raises(UserError, match='none of block1_pool ends in an activation'):
        networks.feature_extractor('vgg16', ('block1_pool',), weights=vgg16.path, pre_activation=True)
    layers = ('block1_conv2', 'block1_pool')
    before, after = (
        networks.feature_extractor('vgg16', layers, weights=vgg16.path, pre_activation=before)(IMAGE)
        for before in (True, False)
    )
    np.testing.assert_array_equal(before['block1_pool'], after['block1_pool'])
    formerly = networks.feature_extractor('vgg16', layers, weights=vgg16.path, tap='before')
    assert formerly.taps == formerly.layer_names == layers
    np.testing.assert_array_equal(before['block1_conv2'], formerly(IMAGE)['block1_conv2'])


@pytest.mark.parametrize(('precision', 'tolerance'), [('mixed_bfloat16', 0.03), ('mixed_float16', 0.005)])
def test_lower_precision_stays_near_float32(vgg16, precision, tolerance):
    layers = ('block1_conv2', 'block3_conv1')
    options = {'weights': vgg16.path, 'pooling': 'l2', 'padding': 'reflect'}
    exact = networks.feature_extractor('vgg16', layers, **options)(IMAGE)
    extractor = networks.feature_extractor('vgg16', layers, precision=precision, **options)
    rough = extractor(IMAGE)
    conv = extractor.get_layer('block1_conv2')
    assert conv.compute_dtype == precision.removeprefix('mixed_') and conv.variable_dtype == 'float32'
    for layer in layers:
        assert rough[layer].dtype == tf.float32
        error = np.abs(rough[layer] - exact[layer]).max() / np.abs(exact[layer]).max()
        assert 0 < error < tolerance


@pytest.mark.parametrize(
    ('flags', 'capability', 'expected'),
    [
        ('fpu avx2 avx512f', None, 'float32'),
        ('fpu avx512_bf16 avx2', None, 'mixed_bfloat16'),
        ('fpu amx_bf16', None, 'mixed_bfloat16'),
        ('avx512_bf16', (7, 5), 'float32'),
        ('avx2', (9, 0), 'mixed_bfloat16'),
    ],
)
def test_automatic_precision_goes_by_the_machine(flags, capability, expected, vgg16, monkeypatch):
    from stylegen.utils import backend

    gpus = ['gpu'] if capability else []
    monkeypatch.setattr(backend, '_processor_flags', lambda: set(flags.split()))
    monkeypatch.setattr(tf.config, 'list_physical_devices', lambda kind: gpus)
    monkeypatch.setattr(tf.config.experimental, 'get_device_details', lambda gpu: {'compute_capability': capability})
    extractor = networks.feature_extractor('vgg16', ('block1_conv1',), weights=vgg16.path, precision='auto')
    assert extractor.get_layer('block1_conv1').compute_dtype == expected.removeprefix('mixed_')
