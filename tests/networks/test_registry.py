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
from tests.networks.keras_models import Plain, saved

RNG = np.random.default_rng(0)
IMAGE = RNG.random((1, 47, 38, 3), np.float32)
APPLICATIONS = keras.applications

pytestmark = pytest.mark.usefixtures('offline')


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


def test_inception_v3_and_mobilenet_v2_equal_keras(inception, mobilenet):
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
def test_unknown_names_are_refused(arguments, match):
    with pytest.raises(UserError, match=match):
        networks.feature_extractor(*arguments)


@pytest.mark.parametrize('option', ['pooling', 'padding', 'tap', 'precision'])
def test_unknown_options_are_refused(option):
    with pytest.raises(UserError, match=f'unknown {option}'):
        networks.feature_extractor('vgg16', ['block1_conv1'], **{option: 'nonsense'})


def test_a_saved_model_is_opened_by_its_path(tmp_path):
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


def test_files_that_are_no_models_are_refused(tmp_path):
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


def test_damaged_weights_are_refused(vgg16, tmp_path):
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


def test_minis_classifier_gives_its_logits(random_mini):
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
def test_the_real_mini_is_alive_in_every_layer():
    """The trained network that ships: 111 classes, intact, and alive in every layer."""
    assert len(networks.mini_classes()) == 111
    layers = tuple(info.name for info in networks.layer_table('mini'))
    features = networks.feature_extractor('mini', layers)(RNG.random((1, 64, 64, 3), np.float32))
    for layer in layers:
        assert np.isfinite(features[layer]).all() and np.max(features[layer]) > 0
    assert networks.mini_classifier()(IMAGE).shape == (1, 111)


def test_a_network_that_is_opened_again_is_the_same_until_its_file_changes(tmp_path):
    path = tmp_path / 'mine.keras'
    layer = keras.layers.Conv2D(4, 3, name='conv')
    model = keras.Sequential([keras.Input((None, None, 3)), layer])

    def opened(layers=('conv',), **options):
        return networks.open_network(str(path), 'mini', lambda name: layers, **options)[0]

    model.save(path)
    first = opened()
    assert opened() is first and opened(pre_activation=False) is first
    assert opened(precision='mixed_bfloat16') is not first
    layer.bias.assign_add([1.0, 2.0, 3.0, 4.0])
    model.save(path)
    changed = opened()
    assert changed is not first
    pixels = np.zeros((1, 8, 8, 3), np.float32)
    assert np.array_equal(changed(pixels)['conv'] - first(pixels)['conv'], np.full((1, 6, 6, 4), [1, 2, 3, 4]))
