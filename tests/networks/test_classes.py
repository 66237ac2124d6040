"""The classifier as a layer: equality with the logits of the whole network, names, and where its weights are from."""

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import keras
import numpy as np
import pytest
import tensorflow as tf

from stylegen import networks
from stylegen.networks import catalog, classes, feature_extractor, layer_table, mini, pretrained
from stylegen.networks.classes import find_class
from stylegen.utils.download import DownloadError
from stylegen.utils.errors import UserError
from tests.conftest import shaken
from tests.networks.classifiers import layer_info, mean, same, until

RNG = np.random.default_rng(0)
IMAGE = RNG.random((2, 47, 38, 3), np.float32)
TOP, NO_TOP = (
    f'mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224{end}.h5' for end in ('', '_no_top')
)  # as keras.applications calls them
layers = keras.layers


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """A cache of its own, and no internet."""
    monkeypatch.setenv('STYLEGEN_OFFLINE', '1')
    monkeypatch.setenv('KERAS_HOME', str(tmp_path / 'keras'))
    (tmp_path / 'keras' / 'models').mkdir(parents=True)


@pytest.mark.parametrize('size', [(47, 38), (16, 100)])
def test_the_mean_of_minis_map_is_its_logits(size):
    image = RNG.random((2, *size, 3), np.float32)
    extractor = feature_extractor('mini', ('block4_conv3', 'classes'))
    features = extractor(image)
    assert list(features) == ['block4_conv3', 'classes', 'input']
    assert features['classes'].shape == (2, size[0] // 16, size[1] // 16, len(mini.mini_classes()))
    assert features['classes'].dtype == tf.float32
    same(mean(features), networks.mini_classifier()(image))
    assert np.ptp(features['classes'], axis=(1, 2)).max() > 0.1  # the control: no picture-wide answer, repeated


def test_an_extractor_knows_the_facts_of_classes():
    extractor, other = (feature_extractor('mini', (layer,)) for layer in ('classes', 'block5_conv2'))
    assert (extractor.strides, extractor.min_size) == ({'classes': 16}, 16)
    assert extractor.channels == {'classes': len(mini.mini_classes())}
    assert extractor.bytes_per_pixel == other.bytes_per_pixel  # logits are not kept and are small
    assert not extractor.trainable_variables


def test_layer_tables_end_with_classes():
    last = {name: layer_table(name)[-1] for name in ('mini', 'vgg16', 'mobilenet_v2')}
    assert last['mini'] == layer_info(16, len(mini.mini_classes()))
    assert last['vgg16'] == last['mobilenet_v2'] == layer_info(32, 1000)
    assert [info.name for info in layer_table('mini')].count('classes') == 1


@pytest.fixture(scope='module')
def mobilenet(tmp_path_factory):
    """MobileNetV2 with and without its classifier, in files of Keras 3 and of Keras 2."""
    folder = tmp_path_factory.mktemp('mobilenet')
    model = shaken(keras.applications.MobileNetV2(weights=None, classifier_activation=None))
    model.save_weights(folder / 'top.weights.h5')
    model.save(folder / 'top.h5')
    body = keras.Model(model.inputs[0], model.get_layer('out_relu').output)
    body.save_weights(folder / 'no_top.weights.h5')
    body.save(folder / 'no_top.h5')
    return folder, model


@pytest.mark.parametrize('suffix', ['.weights.h5', '.h5'])
def test_mobilenet_v2_of_keras_at_its_own_size(mobilenet, suffix):
    folder, model = mobilenet
    extractor = feature_extractor('mobilenet_v2', ('block_6_expand', 'classes'), weights=folder / f'top{suffix}')
    image = RNG.random((1, 224, 224, 3), np.float32)
    features = extractor(image)
    assert features['classes'].shape == (1, 7, 7, 1000)
    same(mean(features), model(2 * image - 1))
    same(features['block_6_expand'], until(model, 'block_6_expand')(2 * image - 1))
    assert extractor(IMAGE)['classes'].shape == (2, 1, 1, 1000)
    table = {info.name: info for info in layer_table('mobilenet_v2')}
    assert {name: table[name].stride for name in extractor.layer_names} == extractor.strides
    assert {name: table[name].channels for name in extractor.layer_names} == extractor.channels


@pytest.mark.parametrize('suffix', ['.weights.h5', '.h5'])
def test_a_file_without_the_classifier_is_refused(mobilenet, suffix):
    path = mobilenet[0] / f'no_top{suffix}'
    assert feature_extractor('mobilenet_v2', ('Conv1',), weights=path).layer_names == ('Conv1',)
    with pytest.raises(UserError, match=r'it has no classifier .* classes of mobilenet_v2 needs') as caught:
        feature_extractor('mobilenet_v2', ('Conv1', 'classes'), weights=path)
    assert '\n' not in str(caught.value) and str(path) in str(caught.value)


def test_mini_without_its_classifier_is_refused(random_mini, tmp_path):
    arrays = {name: array for name, array in random_mini.items() if not name.startswith('predictions')}
    mini.save_mini(tmp_path / 'body.npz', arrays, [])
    assert feature_extractor('mini', ('block5_conv2',), weights=tmp_path / 'body.npz')
    with pytest.raises(UserError, match=r'body\.npz: it has no classifier'):
        feature_extractor('mini', ('classes',), weights=tmp_path / 'body.npz')


def test_a_classifier_of_another_name_or_width_in_a_keras_2_file(random_mini, tmp_path):
    """Keras's own ResNet-50 is such a case: what is `predictions` in the network is `probs` in the file."""
    body = shaken(mini.build_mini())
    for width in (3, 4):
        pooled = layers.GlobalAveragePooling2D()(body.output)
        model = keras.Model(body.inputs[0], layers.Dense(width, name='probs')(pooled))
        model.save(tmp_path / f'{width}.h5')
        if width == 3:
            features = feature_extractor('mini', ('classes',), weights=tmp_path / '3.h5')(IMAGE)
            same(mean(features), model(IMAGE))
    with pytest.raises(UserError, match='predictions takes 192x3 and 3, the file has 192x4 and 4 in its probs'):
        feature_extractor('mini', ('classes',), weights=tmp_path / '4.h5')


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """Keras's cache, in which mobilenet_v2's two files are good if they hold their own names."""
    row = catalog.NETWORKS['mobilenet_v2']
    files = tuple(replace(file, digest=hashlib.md5(file.name.encode()).hexdigest()) for file in row.files)
    monkeypatch.setitem(catalog.NETWORKS, 'mobilenet_v2', replace(row, files=files))
    return tmp_path / 'keras' / 'models'


def test_classes_take_the_file_with_the_classifier_from_the_cache(cache):
    (cache / NO_TOP).write_text(NO_TOP)
    assert pretrained.find_weights('mobilenet_v2').path == cache / NO_TOP
    with pytest.raises(UserError, match=f'mobilenet_v2 needs {TOP} .14 MB'):
        pretrained.find_weights('mobilenet_v2', classifier=True)
    with pytest.raises(UserError, match=f'mobilenet_v2 needs {TOP} .14 MB'):
        feature_extractor('mobilenet_v2', ('classes',))
    (cache / TOP).write_text(TOP)
    assert pretrained.find_weights('mobilenet_v2', classifier=True).path == cache / TOP


def test_classes_fetch_the_file_with_the_classifier(cache, monkeypatch):
    asked = []

    def download(url, path, digest):
        asked.append(url.rpartition('/')[2])
        path.write_text(TOP)

    monkeypatch.setattr(pretrained, 'download', download)
    source = pretrained.find_weights('mobilenet_v2', offline=False, classifier=True)
    assert (source.path, source.origin, asked) == (cache / TOP, 'download', [TOP])


def test_auto_looks_for_the_file_with_the_classifier(cache, random_mini):
    (cache / NO_TOP).write_text(NO_TOP)
    extractor, note = networks.open_network('auto', 'mobilenet_v2', lambda name: ('classes',))
    assert extractor.network == 'mini' and extractor.channels == {'classes': 3}
    assert note.startswith('mini (embedded); for mobilenet_v2 ') and TOP in note and NO_TOP not in note


def test_auto_opens_the_network_that_has_the_layer_or_class(cache, random_mini, imagenet):
    for name in (NO_TOP, TOP):
        (cache / name).write_text(name)  # which would be refused when they are loaded
    imagenet[0].write_text(imagenet[1])
    for layers, told in (
        (lambda name: ('block5_conv1',), "unknown layer of mobilenet_v2 'block5_conv1'"),
        (lambda name: ('classes',) if find_class(name, 'hat') else (), "unknown class of mobilenet_v2 'hat'"),
    ):
        extractor, note = networks.open_network('auto', 'mobilenet_v2', layers)
        assert extractor.network == 'mini' and note == f'mini (embedded); {told}'


@pytest.mark.parametrize(
    ('text', 'number'), [('hat', 2), ('HAT', 2), (' hat ', 2), ('2', 2), (2, 2), ('0', 0), ('c-a_t', 0)]
)
def test_classes_by_name_and_number(random_mini, text, number):
    assert find_class('mini', text) == number


@pytest.mark.parametrize(
    ('text', 'match'),
    [
        ('Dogs', "unknown class of mini 'Dogs'; did you mean dog"),
        ('zebra', "unknown class of mini 'zebra'; there are: cat, dog, hat"),
        ('', "unknown class of mini ''; there are: cat, dog, hat"),
        ('3', 'mini has no class 3; there are 0 to 2'),
        ('-1', 'mini has no class -1; there are 0 to 2'),
    ],
)
def test_unknown_classes_are_refused(random_mini, text, match):
    with pytest.raises(UserError, match=match):
        find_class('mini', text)


@pytest.fixture
def imagenet(monkeypatch, tmp_path):
    """A stand-in for the list of ImageNet's names, not yet in the cache: its path and its content."""
    names = {134: 'crane', 207: 'golden_retriever', 208: 'Labrador_retriever', 517: 'crane', 607: "jack-o'-lantern"}
    content = json.dumps({str(i): [f'n{i:08}', names.get(i, f'thing_{i}')] for i in range(1000)})
    digest = hashlib.md5(content.encode()).hexdigest()
    monkeypatch.setattr(classes, 'IMAGENET_INDEX', replace(classes.IMAGENET_INDEX, digest=digest))
    return tmp_path / 'keras' / 'models' / 'imagenet_class_index.json', content


def test_imagenets_names_are_found_in_many_spellings(imagenet):
    path, content = imagenet
    path.write_text(content)
    assert len(classes.class_names('vgg16')) == 1000
    for text in ('golden_retriever', 'Golden Retriever', 'golden-retriever', '207'):
        assert find_class('inception_v3', text) == 207
    assert find_class('vgg16', 'Jack-o-Lantern') == 607
    with pytest.raises(UserError, match="'Crane' is the name of classes 134 and 517 of vgg16; give the number"):
        find_class('vgg16', 'Crane')
    with pytest.raises(UserError, match=r'did you mean .*Labrador_retriever'):
        find_class('vgg16', 'labrador')
    with pytest.raises(UserError, match=r'unknown class .* there are 1000: thing_0, ') as caught:
        find_class('vgg16', 'xylophonist')
    assert len(str(caught.value)) < 700


def test_without_the_names_of_imagenet_numbers_work(imagenet, monkeypatch):
    assert find_class('vgg16', '999') == 999
    with pytest.raises(UserError, match='vgg16 has no class 1000'):
        find_class('vgg16', '1000')
    with pytest.raises(
        UserError, match=r'STYLEGEN_OFFLINE is set.*imagenet_class_index\.json .* give the number'
    ) as caught:
        find_class('vgg16', 'dog')
    assert '\n' not in str(caught.value) and str(imagenet[0].parent) in str(caught.value)
    monkeypatch.setenv('STYLEGEN_OFFLINE', '')

    def fail(*_):
        raise DownloadError('no such host')

    monkeypatch.setattr(pretrained, 'download', fail)
    with pytest.raises(UserError, match='could not be fetched: no such host'):
        find_class('vgg16', 'dog')
    monkeypatch.setattr(pretrained, 'download', lambda url, path, digest: path.write_text(imagenet[1]))
    assert find_class('vgg16', 'golden retriever') == 207


def test_the_published_list_of_names_is_the_one_of_keras():
    from keras.src.applications import imagenet_utils

    file = classes.IMAGENET_INDEX
    assert pretrained.URL_BASE + file.folder + file.name == imagenet_utils.CLASS_INDEX_PATH
    with open(imagenet_utils.__file__) as source:
        assert file.digest in source.read()


def test_naming_a_class_of_mini_does_not_import_tensorflow():
    code = (
        'import sys, stylegen.networks.classes as c; c.find_class("mini", "dog"); sys.exit("tensorflow" in sys.modules)'
    )
    assert subprocess.run([sys.executable, '-c', code], check=False).returncode == 0
