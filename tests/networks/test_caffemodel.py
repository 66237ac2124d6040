"""Weights as Caffe writes them: every layout, written by the tests; what is refused, and what is seen by them."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from stylegen import networks
from stylegen.deepdream import DreamSettings
from stylegen.deepdream.presets import PRESETS
from stylegen.networks import catalog, classes, pretrained
from stylegen.networks.alexnet import SIDE, build_alexnet
from stylegen.networks.caffe import GroupedConv2D
from stylegen.networks.caffemodel import load_caffemodel, read_caffemodel
from stylegen.networks.classifier import find_head
from stylegen.networks.googlenet import build_googlenet
from stylegen.utils import download
from stylegen.utils.backend import keras, tf
from stylegen.utils.errors import NoWeights, UserError
from tests.caffemodels import of_model, write_caffemodel
from tests.conftest import shaken

RNG = np.random.default_rng(0)
LAYOUTS = [
    (layout, shapes, double) for layout in ('layer', 'layers') for shapes in ('shape', 'four') for double in (0, 1)
]


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """A cache of its own, and no internet."""
    monkeypatch.setenv('STYLEGEN_OFFLINE', '1')
    monkeypatch.setenv('KERAS_HOME', str(tmp_path / 'keras'))


def arrays(*shape):
    return [RNG.normal(size=shape).astype(np.float32), RNG.normal(size=shape[0]).astype(np.float32)]


@pytest.mark.parametrize(('layout', 'shapes', 'double'), LAYOUTS)
def test_every_layout_is_read(tmp_path, layout, shapes, double):
    layers = {'conv1/7x7_s2': arrays(4, 3, 7, 7), 'loss3/classifier': arrays(5, 6)}
    path = write_caffemodel(tmp_path / 'a.caffemodel', layers, layout=layout, shapes=shapes, double=double)
    read = dict(read_caffemodel(path))
    assert list(read) == list(layers)
    for name, (kernel, bias) in layers.items():
        assert all(array.dtype == np.float32 for array in read[name])
        np.testing.assert_array_equal(read[name][0].reshape(kernel.shape), kernel)
        np.testing.assert_array_equal(read[name][1].ravel(), bias)
        assert read[name][0].ndim == (4 if shapes == 'four' else kernel.ndim)


def small_network():
    """A convolution in groups, one without, and a head like AlexNet's, for pictures of 5 x 8."""
    image = x = keras.Input((5, 8, 4))
    for layer in (
        GroupedConv2D(6, 3, groups=2, padding='same', activation='relu', name='conv_a'),
        keras.layers.Conv2D(7, (1, 2), name='conv_b'),
        keras.layers.MaxPooling2D(2, name='pool'),
        keras.layers.Flatten(),
        keras.layers.Dense(6, name='fc6'),
        keras.layers.Dense(3, name='fc7'),
    ):
        x = layer(x)
    return keras.Model(image, x)


@pytest.mark.parametrize(('layout', 'shapes', 'double'), LAYOUTS)
def test_a_network_computes_what_caffe_computes_with_these_arrays(tmp_path, layout, shapes, double):
    """Convolutions are written out on maps (channels, rows, columns), a matrix reads them in that order."""
    layers = {
        'conv/a': arrays(6, 2, 3, 3),
        'conv/b': arrays(7, 6, 1, 2),
        'fc6': arrays(6, 7 * 2 * 3),
        'fc7': arrays(3, 6),
    }
    path = write_caffemodel(tmp_path / 'a.caffemodel', layers, layout=layout, shapes=shapes, double=double)
    model = small_network()
    load_caffemodel(model, path, 'small')
    picture = RNG.normal(size=(1, 5, 8, 4)).astype(np.float32)

    maps = np.pad(picture[0].transpose(2, 0, 1), [(0, 0), (1, 1), (1, 1)])
    kernel, bias = layers['conv/a']
    first = np.array(
        [
            [[np.sum(maps[part, y : y + 3, x : x + 3] * one) for x in range(8)] for y in range(5)]
            for one, part in zip(kernel, [slice(0, 2)] * 3 + [slice(2, 4)] * 3, strict=True)
        ]
    )
    maps = np.maximum(first + bias[:, None, None], 0)
    kernel, bias = layers['conv/b']
    maps = np.array(
        [[[np.sum(maps[:, y, x : x + 2] * one[:, 0]) for x in range(7)] for y in range(5)] for one in kernel]
    )
    maps = (maps + bias[:, None, None])[:, :4, :6].reshape(7, 2, 2, 3, 2).max((2, 4))
    vector = maps.ravel()
    for name in ('fc6', 'fc7'):
        kernel, bias = layers[name]
        vector = kernel @ vector + bias
    np.testing.assert_allclose(model(picture)[0], vector, rtol=1e-4, atol=1e-3)


def test_what_is_written_from_a_network_comes_back_into_it(tmp_path):
    """AlexNet with a narrow head: all its layers, by their names in Caffe."""
    model = build_alexnet(5, hidden=7)
    for layer in model.layers:
        if layer.weights:
            layer.set_weights([RNG.normal(size=weight.shape) for weight in layer.weights])
    layers = of_model(model)
    assert layers['fc6'][0].shape == (7, 256 * 6 * 6) and layers['conv2'][0].shape == (256, 48, 5, 5)
    other = build_alexnet(5, hidden=7)
    load_caffemodel(other, write_caffemodel(tmp_path / 'a.caffemodel', layers, name='AlexNet'), 'alexnet')
    for ours, theirs in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    head = find_head(model)
    assert head.window == (6, 6) and [operation.name for operation in head.operations][-1] == 'fc8'
    assert model.input_shape[1:3] == (SIDE, SIDE)


@pytest.fixture(scope='module')
def googlenet(tmp_path_factory):
    """Random weights of GoogLeNet in a file of Caffe, with one of the classifiers that hang on it in training."""
    model = shaken(build_googlenet(1000))
    layers = {name.replace('_', '/', 1): pair for name, pair in of_model(model).items()}
    layers['loss1/fc'] = arrays(8, 16)
    path = tmp_path_factory.mktemp('googlenet') / 'bvlc_googlenet.caffemodel'
    return write_caffemodel(path, layers, name='GoogleNet', layout='layers', shapes='four'), model


def test_googlenet_sees_by_such_a_file(googlenet):
    path, model = googlenet
    taps = ('conv2_3x3', 'inception_4c_output', 'classes')
    extractor = networks.feature_extractor('googlenet', taps, weights=path)
    assert extractor.source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (extractor.strides['inception_4c_output'], extractor.min_size) == (16, 31)
    picture = RNG.random((2, 97, 118, 3), np.float32)
    features = extractor(picture)
    pixels = 255 * picture[..., ::-1] - np.float32([104, 117, 123])
    outputs = [model.get_layer(name).output for name in ('conv2_3x3', 'inception_4c_output')]
    *maps, logits = keras.Model(model.inputs[0], [*outputs, model.output])(pixels)
    for name, expected in zip(taps, maps, strict=False):
        np.testing.assert_allclose(features[name], expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
    assert features['classes'].shape == (2, 3, 3, 1000) and np.ptp(logits) > 0
    mean = np.mean(features['classes'], (1, 2))
    np.testing.assert_allclose(mean, logits, rtol=1e-4, atol=1e-5 * np.abs(logits).max())


def test_gradients_reach_the_picture_in_every_precision_and_by_xla(googlenet):
    picture = tf.constant(np.random.default_rng(3).random((1, 64, 64, 3), np.float32))

    def felt(precision='float32', jit=False):
        extractor = networks.feature_extractor(
            'googlenet', 'inception_3a_output', weights=googlenet[0], precision=precision
        )

        @tf.function(jit_compile=jit, autograph=False)
        def gradient(picture):
            with tf.GradientTape() as tape:
                tape.watch(picture)
                activity = tf.reduce_mean(tf.square(extractor(picture)['inception_3a_output']))
            return tape.gradient(activity, picture)

        return gradient(picture).numpy().ravel()

    exact = felt()
    assert np.abs(exact).max() > 0
    away = np.linalg.norm(felt(jit=True) - exact) / np.linalg.norm(exact)
    assert away < 0.02  # not 0: a tie of max pooling may fall either way
    assert np.corrcoef(felt('mixed_bfloat16'), exact)[0, 1] > 0.99


def test_a_file_without_the_classifier_will_do_where_no_classes_are_asked_for(googlenet, tmp_path):
    layers = {name.replace('_', '/', 1): pair for name, pair in of_model(googlenet[1], ('loss3_classifier',)).items()}
    path = write_caffemodel(tmp_path / 'body.caffemodel', layers)
    assert networks.feature_extractor('googlenet', 'conv2_3x3', weights=path).layer_names == ('conv2_3x3',)
    with pytest.raises(UserError, match=r'body.caffemodel: it has no classifier \(layer loss3_classifier\)'):
        networks.feature_extractor('googlenet', 'classes', weights=path)


def test_weights_of_keras_are_taken_too(googlenet, tmp_path):
    googlenet[1].save_weights(tmp_path / 'a.weights.h5')
    picture = RNG.random((1, 64, 64, 3), np.float32)
    ours, theirs = (
        networks.feature_extractor('googlenet', 'conv2_3x3', weights=path)(picture)['conv2_3x3']
        for path in (tmp_path / 'a.weights.h5', googlenet[0])
    )
    np.testing.assert_array_equal(ours, theirs)


def refused(path, match, network='googlenet'):
    with pytest.raises(UserError, match=match) as caught:
        networks.feature_extractor(network, networks.layer_table(network)[0].name, weights=path)
    assert '\n' not in str(caught.value) and str(path) in str(caught.value)


@pytest.mark.parametrize('share', [0.1, 0.5, 0.999])
def test_a_file_that_is_cut_off(googlenet, tmp_path, share):
    content = googlenet[0].read_bytes()
    (tmp_path / 'half.caffemodel').write_bytes(content[: int(share * len(content))])
    refused(
        tmp_path / 'half.caffemodel', r'cut off after \d+ bytes, in the middle of a layer; copy or download it again'
    )


@pytest.mark.parametrize('content', [b'', b'<html>no such page</html>', bytes(500), b'\x0a\x03net', b'\xff' * 99])
def test_files_that_are_no_caffemodels(tmp_path, content):
    path = tmp_path / 'a.caffemodel'
    path.write_bytes(content)
    refused(path, 'a.caffemodel: not a caffemodel')


def test_noise_is_refused_in_a_line(tmp_path):
    path = tmp_path / 'noise.caffemodel'
    for seed in range(40):
        path.write_bytes(np.random.default_rng(seed).bytes(300))
        with pytest.raises(UserError) as caught:
            list(read_caffemodel(path))
        assert '\n' not in str(caught.value) and str(path) in str(caught.value)


def test_damage_within_a_layer(tmp_path):
    path = write_caffemodel(tmp_path / 'a.caffemodel', {'conv1': arrays(4, 3, 7, 7)})
    content = path.read_bytes()
    shape = content.index(b'\x0a\x04\x04\x03\x07\x07')  # of the kernel
    path.write_bytes(content[: shape + 2] + b'\x05' + content[shape + 3 :])
    with pytest.raises(UserError, match='damaged: array 0 of layer conv1 is 5x3x7x7 and has 2352 bytes'):
        list(read_caffemodel(path))
    name = content.index(b'conv1')
    path.write_bytes(content[:name] + b'\xff\n' + content[name + 2 :])
    assert [layer for layer, _ in read_caffemodel(path)] == ['\\ufffd\\nnv1']
    path.write_bytes(content[: name - 2] + b'\x0f' + content[name - 1 :])  # a field of a kind that there is not
    with pytest.raises(UserError, match='not a caffemodel, or damaged'):
        list(read_caffemodel(path))


def test_weights_of_other_networks_are_named(googlenet, tmp_path):
    alexnet = write_caffemodel(tmp_path / 'a.caffemodel', of_model(build_alexnet()), name='AlexNet')
    refused(
        alexnet, 'not the weights of googlenet: layer conv1_7x7_s2 takes 64x3x7x7 and 64, the file has no such layer'
    )
    refused(googlenet[0], 'not the weights of alexnet: layer conv1 takes 96x3x11x11 and 96, the file', 'alexnet')
    refused(googlenet[0], 'not a weights file of Keras', 'vgg16')
    layers = of_model(build_alexnet()) | {'conv3': arrays(384, 256, 5, 5)}
    refused(
        write_caffemodel(tmp_path / 'b.caffemodel', layers),
        'layer conv3 takes 384x256x3x3 and 384, the file has 384x256x5x5 and 384',
        'alexnet',
    )
    layers['conv3'] = layers['conv3'][:1]
    refused(write_caffemodel(tmp_path / 'c.caffemodel', layers), 'and 384, the file has 384x256x5x5', 'alexnet')


def test_caffenet_is_not_taken_for_alexnet(tmp_path):
    """Its layers have AlexNet's names and shapes, but it pools before it normalises."""
    layers = of_model(build_alexnet())
    for name, match in (
        ('CaffeNet', 'the weights of CaffeNet, whose layers have another order than those of AlexNet'),
        ('own', ''),
    ):
        path = write_caffemodel(tmp_path / f'{name}.caffemodel', layers, name=name)
        if match:
            refused(path, match, 'alexnet')
        else:
            assert networks.feature_extractor('alexnet', 'conv5', weights=path).strides == {'conv5': 16}


def test_the_published_file_is_found_by_its_sha1_and_asked_for_where_it_lies(googlenet, monkeypatch, tmp_path):
    row = catalog.NETWORKS['googlenet']
    (file,) = row.files
    assert len(file.digest) == 40 and download.hash_name(file.digest) == 'sha1'
    with pytest.raises(NoWeights, match=r'googlenet needs bvlc_googlenet.caffemodel \(54 MB\), .*--weights=PATH'):
        pretrained.find_weights('googlenet')
    digest = hashlib.sha1(googlenet[0].read_bytes()).hexdigest()
    monkeypatch.setitem(catalog.NETWORKS, 'googlenet', replace(row, files=(replace(file, digest=digest),)))
    asked = []

    def fetch(url, path, digest):
        asked.append((url, digest))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(googlenet[0].read_bytes())

    monkeypatch.setattr(pretrained, 'download', fetch)
    for classifier, origin in ((False, 'download'), (True, 'cache')):
        source = pretrained.find_weights('googlenet', offline=False, classifier=classifier)
        assert (source.origin, source.path.name) == (origin, 'bvlc_googlenet.caffemodel')
    assert asked == [('http://dl.caffe.berkeleyvision.org/bvlc_googlenet.caffemodel', digest)]
    source.path.write_bytes(b'another')
    with pytest.raises(NoWeights, match='is damaged'):
        pretrained.find_weights('googlenet')


def test_classes_of_imagenet_by_name(monkeypatch):
    monkeypatch.setattr(classes, 'class_names', lambda network: tuple(f'thing_{number}' for number in range(1000)))
    for network in ('googlenet', 'alexnet'):
        assert networks.class_count(network) == 1000
        assert classes.find_class(network, 'Thing 207') == classes.find_class(network, 207) == 207


def test_the_preset_of_google_is_its_notebook():
    """Mordvintsev et al. 2015, dream.ipynb: the defaults of deepdream() and make_step()."""
    settings = DreamSettings.of_record(PRESETS['google']).recorded()
    wanted = {'network': 'googlenet', 'layers': 'inception_4c_output:1', 'octaves': 4, 'octave_scale': 1.4, 'steps': 10}
    assert {name: settings[name] for name in wanted} == wanted
    assert (settings['step_size'] * 255, settings['norm'], settings['jitter']) == (1.5, 'mean_abs', 32)
