"""Caffe's layers against NumPy, and the two networks that are built of them: sizes, widths, how far they see."""

import math

import numpy as np
import pytest

from stylegen import networks
from stylegen.deepdream.explore import layers_to_show
from stylegen.deepdream.presets import GUIDE_LAYERS, LAYERS
from stylegen.networks import graph, receptive_field
from stylegen.networks.alexnet import SIDE, build_alexnet
from stylegen.networks.caffe import EdgePadding, GroupedConv2D, LocalResponseNormalization, pooling
from stylegen.networks.googlenet import build_googlenet
from stylegen.networks.layers import AveragePooling, Preprocess
from stylegen.style.presets import CONTENT_LAYERS, STYLE_LAYERS
from stylegen.utils.backend import keras, tf

RNG = np.random.default_rng(0)


def gradient(layer, x, jit=False):
    """Of the sum of the cubes of what a layer gives."""

    @tf.function(jit_compile=jit, autograph=False)
    def run(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            total = tf.reduce_sum(layer(x) ** 3)
        return tape.gradient(total, x)

    return run(tf.constant(x)).numpy()


def normalized(x, size=5, alpha=1e-4, beta=0.75):
    """Caffe's formula, channel by channel."""
    result = np.empty_like(x)
    for channel in range(x.shape[-1]):
        near = x[..., max(0, channel - size // 2) : channel + size // 2 + 1]
        result[..., channel] = x[..., channel] * (1 + alpha / size * np.square(near).sum(-1)) ** -beta
    return result


@pytest.mark.parametrize('options', [{}, {'size': 3, 'alpha': 0.02, 'beta': 0.5}])
def test_local_response_normalization_against_numpy(options):
    x = RNG.normal(0, 150, (2, 3, 4, 9))
    values = LocalResponseNormalization(**options)(x.astype(np.float32))
    np.testing.assert_allclose(values, normalized(x, **options), rtol=1e-5)
    assert np.abs(values / normalized(x, alpha=0.02) - 1).max() > 0.01  # the control: another alpha is told apart


def test_its_gradient_against_differences():
    x, direction = RNG.normal(0, 150, (1, 2, 2, 7)), RNG.normal(size=(1, 2, 2, 7))
    cubes = lambda x: np.sum(normalized(x) ** 3)
    expected = (cubes(x + 1e-3 * direction) - cubes(x - 1e-3 * direction)) / 2e-3
    found = np.sum(gradient(LocalResponseNormalization(), x.astype(np.float32)) * direction)
    assert found == pytest.approx(expected, rel=1e-4)


def test_it_computes_in_float32_whatever_its_network_does():
    x = np.full((1, 1, 1, 5), 300, np.float32)  # whose squares float16 does not hold
    values = LocalResponseNormalization(dtype='mixed_float16')(x)
    assert values.dtype == tf.float16
    np.testing.assert_allclose(values, normalized(x), rtol=1e-3)


@pytest.mark.parametrize('jit', [False, True])
@pytest.mark.parametrize('options', [{'padding': 'same'}, {'padding': 'valid', 'strides': 2}])
def test_a_grouped_convolution_is_two_side_by_side(options, jit):
    x = RNG.normal(size=(2, 9, 8, 6)).astype(np.float32)
    layer = GroupedConv2D(10, 3, groups=2, activation='relu', bias_initializer='ones', **options)
    assert layer(x).shape[-1] == 10 and layer.kernel.shape == (3, 3, 3, 10)
    halves = [keras.layers.Conv2D(5, 3, activation='relu', **options) for _ in range(2)]
    for half, part in zip(halves, (slice(0, 5), slice(5, 10)), strict=True):
        half.build((None, None, None, 3))
        half.set_weights([layer.kernel.numpy()[..., part], np.ones(5)])
    both = lambda x: tf.concat([halves[0](x[..., :3]), halves[1](x[..., 3:])], -1)
    values = tf.function(layer, jit_compile=jit, autograph=False)(tf.constant(x))
    np.testing.assert_allclose(values, both(x), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(gradient(layer, x, jit), gradient(both, x), rtol=1e-4, atol=1e-4)


def test_weights_of_a_grouped_convolution_are_those_of_keras():
    x = RNG.normal(size=(1, 5, 5, 4)).astype(np.float32)
    ours, theirs = GroupedConv2D(6, 3, groups=2), keras.layers.Conv2D(6, 3, groups=2)
    for layer in (ours, theirs):
        layer.build((None, None, None, 4))
    ours.set_weights(theirs.get_weights())
    np.testing.assert_allclose(ours(x), theirs(x), rtol=1e-5, atol=1e-6)


def caffe_side(side, kernel, stride, pad=0, rounded=math.floor):
    """The positions along a side after a layer of Caffe; poolings round up."""
    return rounded((side + 2 * pad - kernel) / stride) + 1


@pytest.mark.parametrize('side', range(2, 10))
def test_pooling_has_caffes_positions_and_largest_values(side):
    x = RNG.normal(-5, 1, (1, side, side + 1, 3)).astype(np.float32)
    values = np.asarray(pooling('pool')(x))
    rows, columns = (caffe_side(n, 3, 2, rounded=math.ceil) for n in (side, side + 1))
    assert values.shape == (1, rows, columns, 3)
    for row in range(rows):
        for column in range(columns):
            window = x[0, 2 * row : 2 * row + 3, 2 * column : 2 * column + 3]  # ends where the map does
            np.testing.assert_array_equal(values[0, row, column], window.max((0, 1)))


def test_a_mean_in_its_place_keeps_a_constant():
    x = EdgePadding()(np.ones((1, 6, 6, 2), np.float32))
    np.testing.assert_array_equal(AveragePooling(3, 2)(x), np.full((1, 3, 3, 2), 2.0))


@pytest.fixture(scope='module')
def googlenet():
    return build_googlenet()


@pytest.fixture(scope='module')
def alexnet():
    return build_alexnet()


@pytest.mark.parametrize('side', [31, 63, 224, 225, 226, 227, 229, 301])
def test_sides_of_googlenet_are_caffes(googlenet, side):
    expected = {'conv1_7x7_s2': caffe_side(side, 7, 2, pad=3)}
    last = expected['conv1_7x7_s2']
    for pool, until in (
        ('pool1_3x3_s2', 'conv2_norm2'),
        ('pool2_3x3_s2', 'inception_3b_output'),
        ('pool3_3x3_s2', 'inception_4e_output'),
        ('pool4_3x3_s2', 'inception_5b_output'),
    ):
        last = caffe_side(last, 3, 2, rounded=math.ceil)
        expected |= {pool: last, until: last}
    outputs = {name: googlenet.get_layer(name).output for name in expected}
    shapes = keras.Model(googlenet.inputs[0], outputs).compute_output_shape((1, side, 200, 3))
    assert {name: shape[1] for name, shape in shapes.items()} == expected
    assert shapes['inception_5b_output'][3] == 1024


@pytest.mark.parametrize('side', [39, 224, 227, 229, 230, 300])
def test_sides_of_alexnet_are_caffes(alexnet, side):
    last = caffe_side(side, 11, 4)
    expected = {'conv1': last, 'norm1': last}
    for pool, until in (('pool1', 'norm2'), ('pool2', 'conv5'), ('pool5', 'pool5')):
        last = caffe_side(last, 3, 2, rounded=math.ceil)
        expected |= {pool: last, until: last}
    outputs = {name: alexnet.get_layer(name).output for name in expected}
    shapes = keras.Model(alexnet.inputs[0], outputs).compute_output_shape((1, side, 200, 3))
    assert {name: shape[1] for name, shape in shapes.items()} == expected


def test_numbers_of_weights_are_the_published_ones(googlenet, alexnet):
    """Of the prototxts: 6,998,552 in GoogLeNet and 60,965,224 in AlexNet, classifiers included."""
    assert googlenet.count_params() + 1024 * 1000 + 1000 == 6_998_552
    dense = sum(inputs * units + units for inputs, units in ((9216, 4096), (4096, 4096), (4096, 1000)))
    assert alexnet.count_params() + dense == 60_965_224
    narrow = build_alexnet(5, hidden=7)
    assert narrow.input_shape == (None, SIDE, SIDE, 3) and narrow.get_layer('fc6').kernel.shape == (9216, 7)
    assert build_googlenet(5).output_shape == (None, 5)


@pytest.mark.parametrize('name', ['googlenet', 'alexnet'])
def test_rows_of_the_table_are_true(name, googlenet, alexnet):
    model = {'googlenet': googlenet, 'alexnet': alexnet}[name]
    row, table = networks.NETWORKS[name], {info.name: info for info in networks.layer_table(name)}
    assert row.min_size == graph.smallest_side(keras.Model(model.inputs[0], {'last': model.output}))
    assert list(table)[-1] == 'classes' and (table['classes'].stride, table['classes'].channels) == (32, 1000)
    assert not any('pad' in layer for layer in table)
    for layers in (LAYERS, GUIDE_LAYERS, STYLE_LAYERS, CONTENT_LAYERS):
        assert layers.get(name, {}).keys() <= table.keys()
    assert LAYERS[name] and GUIDE_LAYERS[name]


def test_the_layer_tables_list_caffes_layers():
    googlenet = {info.name: info for info in networks.layer_table('googlenet')}
    depths = {'3a': 256, '3b': 480, '4a': 512, '4b': 512, '4c': 512, '4d': 528, '4e': 832, '5a': 832, '5b': 1024}
    assert {name: googlenet[f'inception_{name}_output'].channels for name in depths} == depths
    assert googlenet['inception_4c_3x3_reduce'].stride == 16 and googlenet['conv2_3x3'].channels == 192
    assert layers_to_show('googlenet') == [f'inception_{name}_output' for name in depths]
    names = ['conv1', 'norm1', 'pool1', 'conv2', 'norm2', 'pool2', 'conv3', 'conv4', 'conv5', 'pool5', 'classes']
    assert [info.name for info in networks.layer_table('alexnet')] == names


def test_they_see_blue_green_red_minus_caffes_mean():
    seen = Preprocess('bvlc', dtype='float32')(np.array([[[[1.0, 0.5, 0.0]]]], np.float32))
    np.testing.assert_allclose(seen, [[[[0 - 104, 127.5 - 117, 255 - 123]]]], atol=1e-4)


def thin(model, layer):
    """A network to a layer, with two channels for each group everywhere and as little normalised: it sees as far."""

    def copy(layer):
        config = layer.get_config()
        if 'filters' in config:
            config['filters'] = 2 * config['groups']
        if isinstance(layer, keras.layers.Conv2D):
            config['bias_initializer'] = 'ones'
        return type(layer).from_config(config)

    part = keras.Model(model.inputs, model.get_layer(layer).output)
    return keras.models.clone_model(part, [keras.Input((None, None, 3))], clone_function=copy)


@pytest.mark.parametrize(
    'name, layer, stride', [('googlenet', 'inception_3a_output', 8), ('alexnet', 'conv2', 8), ('alexnet', 'norm1', 4)]
)
def test_neither_sees_farther_than_its_radius(name, layer, stride, googlenet, alexnet):
    from tests.networks.test_receptive_field import measured, positive

    model = positive(thin({'googlenet': googlenet, 'alexnet': alexnet}[name], layer))
    assert 0 < measured(model, stride, positions=2) <= receptive_field.radius(model)


def test_a_model_of_such_layers_is_saved_and_comes_back(tmp_path):
    image = keras.Input((None, None, 3))
    x = LocalResponseNormalization(size=3, alpha=0.5, name='norm')(image)
    x = GroupedConv2D(6, 3, groups=3, padding='same', activation='relu', name='conv')(x)
    model = keras.Model(image, pooling('pool')(x))
    model.save(tmp_path / 'ours.keras')
    extractor = networks.feature_extractor(str(tmp_path / 'ours.keras'), ('conv', 'pool'), padding='reflect')
    plain = networks.feature_extractor(str(tmp_path / 'ours.keras'), ('norm', 'pool'))
    assert extractor.strides == {'conv': 1, 'pool': 2}
    picture = RNG.random((1, 9, 12, 3), np.float32)
    np.testing.assert_allclose(plain(picture)['pool'], model(picture), rtol=1e-5, atol=1e-6)
    assert extractor(picture)['pool'].shape == (1, 4, 6, 6)
    assert np.abs(extractor(picture)['pool'] - plain(picture)['pool']).max() > 1e-3
