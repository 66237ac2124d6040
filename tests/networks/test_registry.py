"""Feature networks: equality with keras.applications, and with NumPy where something was replaced."""

import os
import subprocess
import sys

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import keras
import numpy as np
import pytest
import tensorflow as tf

from stylegen import networks
from stylegen.networks import mini, models
from stylegen.utils.errors import UserError
from tests.conftest import shaken

RNG = np.random.default_rng(0)
IMAGE = RNG.random((1, 47, 38, 3), np.float32)
APPLICATIONS = keras.applications


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    monkeypatch.setenv('STYLEGEN_OFFLINE', '1')


class Plain:
    """A network as keras.applications builds it, its weights in a file, any of its layers as a model."""

    def __init__(self, folder, name, factory):
        keras.backend.clear_session()  # so that the names of Keras count from 0, as ours do
        self.model = shaken(factory(weights=None, include_top=False, input_shape=(None, None, 3)))
        self.path = folder / f'{name}.weights.h5'
        self.model.save_weights(self.path)

    def __call__(self, layers, pixels):
        outputs = [self.model.get_layer(layer).output for layer in layers]
        features = keras.Model(self.model.inputs[0], outputs)(pixels, training=False)
        return [np.asarray(x) for x in keras.tree.flatten(features)]


@pytest.fixture(scope='session')
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp('weights')


@pytest.fixture(scope='session')
def vgg16(folder):
    return Plain(folder, 'vgg16', APPLICATIONS.VGG16)


@pytest.fixture(scope='session')
def mobilenet(folder):
    return Plain(folder, 'mobilenet_v2', APPLICATIONS.MobileNetV2)


@pytest.fixture(scope='session')
def inception(folder):
    return Plain(folder, 'inception_v3', APPLICATIONS.InceptionV3)


def saved(folder, *layers, shape=(None, None, 3)):
    """A `.keras` file of a stack of layers."""
    inputs = x = keras.Input(shape)
    for layer in layers:
        x = layer(x)
    model = keras.Model(inputs, x)
    path = str(folder / 'model.keras')
    model.save(path)
    return path, model


def test_importing_and_naming_do_not_import_tensorflow():
    code = (
        'import sys, stylegen.networks as n, stylegen.networks.pretrained; n.NETWORKS["vgg16"], n.POOLINGS; '
        'sys.exit(any(m in sys.modules for m in ("tensorflow", "keras")))'
    )
    assert subprocess.run([sys.executable, '-c', code], check=False).returncode == 0


def test_vgg16_is_keras_vgg16_on_its_own_preprocessing(vgg16):
    layers = ('block1_conv1', 'block2_pool', 'block3_conv2')
    extractor = networks.feature_extractor('vgg16', layers, weights=vgg16.path)
    features = extractor(IMAGE)
    expected = vgg16(layers, APPLICATIONS.vgg16.preprocess_input(255 * IMAGE))
    assert list(features) == [*layers, 'input']
    for layer, values in zip(layers, expected, strict=True):
        np.testing.assert_allclose(features[layer], values, rtol=1e-5, atol=1e-4)
    np.testing.assert_array_equal(features['input'], IMAGE)
    wrong = vgg16(layers, 255 * IMAGE)  # the control: another preprocessing is told apart
    assert np.abs(wrong[0] - features[layers[0]]).max() > 1


def test_inception_v3_and_mobilenet_v2(inception, mobilenet):
    image = RNG.random((2, 100, 93, 3), np.float32)
    cases = (
        ('inception_v3', inception, ('conv2d_3', 'mixed0', 'mixed4'), APPLICATIONS.inception_v3),
        ('mobilenet_v2', mobilenet, ('Conv1_relu', 'block_6_expand_relu'), APPLICATIONS.mobilenet_v2),
    )
    for name, plain, layers, module in cases:
        extractor = networks.feature_extractor(name, layers, weights=plain.path)
        features = extractor(image, training=True)
        for layer, values in zip(layers, plain(layers, module.preprocess_input(255 * image)), strict=True):
            assert np.ptp(values) > 1e-3
            np.testing.assert_allclose(features[layer], values, rtol=1e-4, atol=1e-5)


def test_efficientnet_divides_as_its_published_weights_want(folder, monkeypatch):
    """keras.applications puts one division more into the network it makes for `weights='imagenet'`; it is here too."""
    from keras.src.applications import efficientnet  # the only way to have that network without the internet

    plain = Plain(folder, 'efficientnet_b0', APPLICATIONS.EfficientNetB0)
    monkeypatch.setattr(efficientnet.file_utils, 'get_file', lambda *args, **kwargs: str(plain.path))
    published = APPLICATIONS.EfficientNetB0(weights='imagenet', include_top=False, input_shape=(None, None, 3))
    features = networks.feature_extractor('efficientnet_b0', ('block2a_dwconv',), weights=plain.path)(IMAGE)
    model = keras.Model(published.inputs[0], published.get_layer('block2a_dwconv').output)
    expected = np.asarray(model(255 * IMAGE))
    np.testing.assert_allclose(features['block2a_dwconv'], expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
    other = plain(['block2a_dwconv'], 255 * IMAGE)[0]
    assert np.abs(other - expected).max() > 0.01 * np.abs(expected).max()


def test_resnet50_and_convnext_tiny_are_preprocessed_like_keras(folder):
    """One after the other: ResNet's BGR minus the mean, ConvNeXt's bytes."""
    for name, factory, layer, pixels in (
        ('resnet50', APPLICATIONS.ResNet50, 'conv2_block1_out', APPLICATIONS.resnet50.preprocess_input(255 * IMAGE)),
        ('convnext_tiny', APPLICATIONS.ConvNeXtTiny, 'convnext_tiny_stage_0_block_0_gelu', 255 * IMAGE),
    ):
        plain = Plain(folder, name, factory)
        features = networks.feature_extractor(name, (layer,), weights=plain.path)(IMAGE)
        expected = plain([layer], pixels)[0]
        np.testing.assert_allclose(features[layer], expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


def test_the_network_is_cut_at_the_deepest_layer_and_frozen(vgg16):
    extractor = networks.feature_extractor('vgg16', ('block3_conv1', 'block1_conv2'), weights=vgg16.path)
    names = [layer.name for layer in extractor.layers]
    assert 'block3_conv1' in names
    assert not any(name.startswith(('block3_conv2', 'block3_pool', 'block4', 'block5')) for name in names)
    widths = ((3, 64), (64, 64), (64, 128), (128, 128), (128, 256))
    assert extractor.count_params() == sum(9 * i * o + o for i, o in widths)
    assert extractor.trainable_variables == [] and not extractor.trainable
    assert extractor.network == 'vgg16'
    assert extractor.taps == ('block3_conv1', 'block1_conv2')
    assert extractor.strides == {'block3_conv1': 4, 'block1_conv2': 1}
    assert extractor.channels == {'block3_conv1': 256, 'block1_conv2': 64}
    maps, widest = (2 * 64 + 64 / 4 + 2 * 128 / 4 + 128 / 16 + 256 / 16) * 4, 64 * 4
    assert extractor.bytes_per_pixel == maps + 10 * widest
    assert extractor.source == networks.find_weights('vgg16', vgg16.path)


@pytest.mark.parametrize('side', [4, 5, 31])
def test_any_size_from_the_smallest(vgg16, side):
    extractor = networks.feature_extractor('vgg16', ('block3_conv1',), weights=vgg16.path)
    assert extractor.min_size == 4
    shape = extractor(np.zeros((2, side, side + 6, 3), np.float32))['block3_conv1'].shape
    assert tuple(shape) == (2, side // 4, (side + 6) // 4, 256)


def test_an_image_that_is_too_small_is_refused(vgg16):
    extractor = networks.feature_extractor('vgg16', ('block3_conv1',), weights=vgg16.path)
    with pytest.raises(UserError, match='at least 4 pixels a side; this one is 9x3'):
        extractor(np.zeros((1, 3, 9, 3), np.float32))


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


def test_gradients_reach_the_image_inside_a_function(vgg16):
    extractor = networks.feature_extractor('vgg16', ('block2_conv1',), weights=vgg16.path, padding='reflect')

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3))])
    def gradient(image):
        with tf.GradientTape() as tape:
            tape.watch(image)
            value = tf.reduce_mean(extractor(image)['block2_conv1'])
        return tape.gradient(value, image)

    for side in (2, 16):
        result = gradient(tf.constant(RNG.random((1, side, side, 3), np.float32)))
        assert np.isfinite(result).all() and np.abs(result).max() > 0


@pytest.mark.parametrize(
    ('arguments', 'match'),
    [
        (('vgg18', ['block1_conv1']), "unknown network 'vgg18'; did you mean vgg19 or vgg16"),
        (('vgg16', ['block1_conv3']), 'unknown layer of vgg16 .*did you mean block'),
        (('vgg16', ['predictions']), 'unknown layer of vgg16'),
        (('vgg16', []), 'no layers asked for'),
    ],
)
def test_wrong_names(arguments, match):
    with pytest.raises(UserError, match=match):
        networks.feature_extractor(*arguments)


@pytest.mark.parametrize('option', ['pooling', 'padding', 'tap', 'precision'])
def test_wrong_options(option):
    with pytest.raises(UserError, match=f'unknown {option}'):
        networks.feature_extractor('vgg16', ['block1_conv1'], **{option: 'nonsense'})


@pytest.mark.parametrize('pooling', ['max', 'average', 'l2'])
def test_pooling_against_numpy(vgg16, pooling):
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


def test_pooling_where_there_is_none(mobilenet):
    with pytest.raises(UserError, match='mobilenet_v2 has no max pooling to replace by l2'):
        networks.feature_extractor('mobilenet_v2', ['Conv1'], weights=mobilenet.path, pooling='l2')


@pytest.mark.parametrize('kernel', [(3, 3), (1, 7), (4, 1)])
def test_reflect_padding_against_numpy(tmp_path, kernel):
    path, model = saved(tmp_path, keras.layers.Conv2D(5, kernel, padding='same', name='conv'))
    features = networks.feature_extractor(path, ('conv',), padding='reflect')(IMAGE)
    margins = [((size - 1) // 2, size - 1 - (size - 1) // 2) for size in kernel]
    padded = np.pad(IMAGE, [(0, 0), *margins, (0, 0)], mode='reflect')
    kernel, bias = model.get_layer('conv').get_weights()
    np.testing.assert_allclose(features['conv'], tf.nn.conv2d(padded, kernel, 1, 'VALID') + bias, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('known', [True, False])
@pytest.mark.parametrize('side', [1, 2, 3, 4, 9])
def test_reflection_of_maps_smaller_than_the_padding(side, known):
    from stylegen.networks.layers import ReflectPadding

    layer = ReflectPadding((3, 3), (2, 0))
    x = RNG.random((1, side, side, 2), np.float32)
    pad = layer if known else tf.function(layer, input_signature=[tf.TensorSpec((None, None, None, 2))])
    np.testing.assert_array_equal(pad(tf.constant(x)), np.pad(x, [(0, 0), (3, 3), (2, 0), (0, 0)], mode='reflect'))


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


def test_before_is_what_goes_into_the_activation(vgg16, mobilenet):
    for name, plain, layers, rectified in (
        ('vgg16', vgg16, ('block1_conv1', 'block2_conv2'), lambda x: np.maximum(x, 0)),
        ('mobilenet_v2', mobilenet, ('Conv1_relu', 'block_1_expand_relu'), lambda x: np.clip(x, 0, 6)),
    ):
        before, after = (
            networks.feature_extractor(name, layers, weights=plain.path, tap=tap)(IMAGE) for tap in ('before', 'after')
        )
        for layer in layers:
            assert np.min(before[layer]) < 0
            np.testing.assert_allclose(rectified(np.asarray(before[layer])), after[layer], rtol=1e-5, atol=1e-4)


def test_before_where_there_is_no_activation(vgg16):
    with pytest.raises(UserError, match='none of block1_pool ends in an activation'):
        networks.feature_extractor('vgg16', ('block1_pool',), weights=vgg16.path, tap='before')
    layers = ('block1_conv2', 'block1_pool')
    before, after = (
        networks.feature_extractor('vgg16', layers, weights=vgg16.path, tap=tap)(IMAGE) for tap in ('before', 'after')
    )
    np.testing.assert_array_equal(before['block1_pool'], after['block1_pool'])


@pytest.mark.parametrize(('precision', 'tolerance'), [('mixed_bfloat16', 0.03), ('mixed_float16', 0.005)])
def test_lower_precision(vgg16, precision, tolerance):
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


def test_layer_tables():
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
    for values, layer in zip(expected, extractor.taps, strict=True):
        np.testing.assert_allclose(extractor(image)[layer], values, rtol=1e-4, atol=1e-5)


def test_a_saved_model_by_path(tmp_path):
    conv = keras.layers.Conv2D(4, 3, strides=2, activation='relu', name='conv')
    path, model = saved(tmp_path, conv, keras.layers.MaxPooling2D(name='pool'), keras.layers.Flatten(), shape=(9, 9, 3))
    assert [(i.name, i.stride, i.channels) for i in networks.layer_table(path)] == [('conv', 2, 4), ('pool', 4, 4)]
    extractor = networks.feature_extractor(path, ('pool',))
    assert extractor.source.origin == 'file' and extractor.network == path
    np.testing.assert_allclose(
        extractor(IMAGE)['pool'],
        keras.layers.MaxPooling2D()(model.get_layer('conv')(IMAGE)),
        rtol=1e-5,
        atol=1e-6,
    )
    with pytest.raises(UserError, match='unknown layer'):
        networks.feature_extractor(path, ('flatten',))


def test_files_that_are_no_models(tmp_path):
    path = tmp_path / 'bad.keras'
    with pytest.raises(UserError, match='cannot be read'):
        networks.feature_extractor(str(path), ('x',))
    path.write_text('nothing')
    with pytest.raises(UserError, match='not a model that Keras can load') as caught:
        networks.layer_table(str(path))
    assert '\n' not in str(caught.value)
    grey, _ = saved(tmp_path, keras.layers.Conv2D(1, 1), shape=(None, None, 1))
    with pytest.raises(UserError, match='takes one image'):
        networks.layer_table(grey)


def refused(network, path, match, layer='block1_conv1'):
    with pytest.raises(UserError, match=match) as caught:
        networks.feature_extractor(network, (layer,), weights=path)
    assert '\n' not in str(caught.value) and str(path) in str(caught.value)


def test_damaged_weights(vgg16, tmp_path):
    content = vgg16.path.read_bytes()
    for name, part in (('half.weights.h5', content[: len(content) // 2]), ('text.h5', b'<html>'), ('no.keras', b'')):
        path = tmp_path / name
        path.write_bytes(part)
        refused('vgg16', path, 'not a weights file .* or damaged')


def test_weights_of_another_network_are_named(vgg16, mobilenet):
    refused('vgg19', vgg16.path, 'layer block3_conv4 takes 3x3x256x256 and 256, the file has 3x3x256x512 and 512')
    refused('vgg16', mobilenet.path, 'not the weights of vgg16: layer block1_conv1 takes 3x3x3x64 and 64')
    refused('mini', vgg16.path, 'not the weights of mini: layer block1_conv1 takes 3x3x3x40')


@pytest.fixture(scope='session')
def classifier():
    """VGG-16 with a head, small enough to be written twice."""
    from stylegen.networks import catalog

    body = models.build_model(catalog.NETWORKS['mini'])
    x = keras.layers.GlobalAveragePooling2D(name='pool')(shaken(body).output)
    return keras.Model(body.inputs[0], keras.layers.Dense(7, name='fc')(x))


@pytest.mark.parametrize('suffix', ['.h5', '.weights.h5', '.keras'])
def test_every_format_with_a_classifier_that_is_passed_over(classifier, tmp_path, suffix):
    path = tmp_path / f'with_top{suffix}'
    (classifier.save_weights if suffix == '.weights.h5' else classifier.save)(path)
    features = networks.feature_extractor('mini', ('block3_conv1',), weights=path)(IMAGE)
    expected = keras.Model(classifier.inputs[0], classifier.get_layer('block3_conv1').output)(IMAGE)
    np.testing.assert_allclose(features['block3_conv1'], expected, rtol=1e-5, atol=1e-6)


def test_keras_2_files_of_other_names_and_of_longer_networks(tmp_path):
    """By order where the names differ; a convolution too many is refused although all names are there."""
    import h5py

    def write(path, model, rename):
        with h5py.File(path, 'w') as file:
            layers = [layer for layer in model.layers if layer.weights]
            file.attrs['layer_names'] = [rename(layer.name).encode() for layer in layers]
            for layer in layers:
                group = file.create_group(rename(layer.name))
                group.attrs['weight_names'] = [weight.name.encode() for weight in layer.weights]
                for weight in layer.weights:
                    group[weight.name] = np.asarray(weight)

    body = mini.build_mini()
    path = tmp_path / 'renamed.h5'
    write(path, body, lambda name: f'other_{name}')
    features = networks.feature_extractor('mini', ('block2_conv1',), weights=path)(IMAGE)
    expected = keras.Model(body.inputs[0], body.get_layer('block2_conv1').output)(IMAGE)
    np.testing.assert_allclose(features['block2_conv1'], expected, rtol=1e-5, atol=1e-6)
    longer = keras.Model(body.inputs[0], keras.layers.Conv2D(8, 3, name='extra')(body.output))
    write(tmp_path / 'longer.h5', longer, str)
    refused('mini', tmp_path / 'longer.h5', 'the file has one more layer, extra of 3x3x192x8 and 8')
    longer_on = keras.Model(body.inputs[0], body.get_layer('block3_conv1').output)
    write(tmp_path / 'shorter.h5', longer_on, str)
    refused('mini', tmp_path / 'shorter.h5', 'layer block3_conv2 takes 3x3x128x128 and 128, the file has no such layer')


def test_mini_is_loaded_from_its_file(random_mini):
    extractor = networks.feature_extractor('mini', ('block1_conv1', 'block2_pool'))
    assert extractor.source.origin == 'embedded' and extractor.strides['block2_pool'] == 4
    normalised = (IMAGE - mini.IMAGENET_MEAN) / np.array(mini.IMAGENET_STD)
    x = tf.nn.conv2d(normalised.astype(np.float32), random_mini['block1_conv1/kernel'], 1, 'SAME')
    expected = tf.nn.relu(x + random_mini['block1_conv1/bias'])
    np.testing.assert_allclose(extractor(IMAGE)['block1_conv1'], expected, rtol=1e-4, atol=1e-5)


def test_mini_classifier(random_mini):
    model = networks.mini_classifier()
    assert networks.mini_classes() == ('cat', 'dog', 'hat')
    assert model(IMAGE).shape == (1, 3)
    last = networks.feature_extractor('mini', ('block5_conv2',))(IMAGE)['block5_conv2']
    logits = np.mean(last, (1, 2)) @ random_mini['predictions/kernel'] + random_mini['predictions/bias']
    np.testing.assert_allclose(model(IMAGE), logits, rtol=1e-4, atol=1e-5)


def test_mini_with_a_layer_of_another_shape(random_mini, tmp_path):
    arrays = {**random_mini, 'block2_conv1/bias': np.zeros(7)}
    mini.save_mini(tmp_path / 'other.npz', arrays, ['cat'])
    refused('mini', tmp_path / 'other.npz', r'block2_conv1 takes .*\(64,\)\], the file has .*\(7,\)\]')
    (tmp_path / 'text.npz').write_text('text')
    refused('mini', tmp_path / 'text.npz', 'not a weights file of mini')


@pytest.mark.skipif(not mini.MINI_WEIGHTS.exists(), reason='needs the trained weights, stylegen/weights/mini.npz')
def test_the_real_mini():
    """The trained network that ships: 111 classes, intact, and alive in every layer."""
    assert len(networks.mini_classes()) == 111
    layers = tuple(info.name for info in networks.layer_table('mini'))
    features = networks.feature_extractor('mini', layers)(RNG.random((1, 64, 64, 3), np.float32))
    for layer in layers:
        assert np.isfinite(features[layer]).all() and np.max(features[layer]) > 0
    assert networks.mini_classifier()(IMAGE).shape == (1, 111)


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
