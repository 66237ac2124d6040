"""The classifier applied to maps: saved models of many kinds, and options."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from stylegen import networks
from stylegen.networks import classes, feature_extractor, layer_table
from stylegen.networks.classes import find_class
from stylegen.utils.errors import UserError
from tests.networks.classifiers import layer_info, mean, same, saved, until

RNG = np.random.default_rng(0)
IMAGE = RNG.random((2, 47, 38, 3), np.float32)
layers = keras.layers


def test_a_head_like_vggs_is_the_network_in_a_sliding_window(tmp_path):
    """Without zeros at borders each position must be what the network says of a crop; control: another crop."""
    path, model = saved(
        tmp_path,
        layers.Conv2D(6, 2, strides=2, activation='relu', name='conv'),
        layers.MaxPooling2D(name='pool'),
        layers.Flatten(name='flatten'),
        layers.Dense(20, activation='relu', name='fc1'),
        layers.Dropout(0.5),
        layers.Dense(20, activation='relu', name='fc2'),
        layers.Dense(5, name='predictions'),
        layers.Softmax(),
        shape=(12, 20, 3),
    )
    logits = until(model, 'predictions')
    extractor = feature_extractor(path, ('conv', 'classes'))
    assert (extractor.strides['classes'], extractor.channels['classes'], extractor.min_size) == (4, 5, 4)
    own = RNG.random((2, 12, 20, 3), np.float32)
    values = extractor(own)['classes']
    assert values.shape == (2, 1, 1, 5)
    same(values[:, 0, 0], logits(own))

    large = RNG.random((1, 24, 36, 3), np.float32)
    values = extractor(large)['classes']
    assert values.shape == (1, 4, 5, 5)
    same(values[:, 3, 2], logits(large[:, 12:24, 8:28]))
    assert np.abs(values[:, 3, 2] - logits(large[:, 8:20, 8:28])).max() > 1e-3

    small = RNG.random((1, 4, 8, 3), np.float32)
    values = extractor(small)['classes']
    pooled = until(model, 'pool')(np.zeros((1, 12, 20, 3), np.float32)).numpy()
    pooled[:] = 0
    pooled[:, 1:2, 1:3] = model.get_layer('pool')(model.get_layer('conv')(small))
    x = pooled.reshape(1, -1)
    for name in ('fc1', 'fc2', 'predictions'):
        x = model.get_layer(name)(x)
    same(values[:, 0, 0], x)


def test_gradients_reach_pictures_of_any_size(tmp_path):
    path, _ = saved(tmp_path, layers.Conv2D(4, 3, padding='same'), layers.Flatten(), layers.Dense(3), shape=(6, 6, 3))
    extractor = feature_extractor(path, ('classes',))

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3))])
    def gradient(image):
        with tf.GradientTape() as tape:
            tape.watch(image)
            value = tf.reduce_mean(extractor(image)['classes'][..., 1])
        return tape.gradient(value, image)

    for side in (1, 6, 9):
        result = gradient(tf.constant(RNG.random((1, side, side, 3), np.float32)))
        assert np.isfinite(result).all() and np.abs(result).max() > 0


@pytest.mark.parametrize('keepdims', [False, True])
def test_saved_models_that_end_in_pooling_and_dense(tmp_path, keepdims):
    """With normalisation of both kinds in between, as in ConvNeXt, and with a softmax, the mean is the logits."""
    path, model = saved(
        tmp_path,
        layers.Conv2D(8, 3, activation='relu', name='conv'),
        layers.GlobalAveragePooling2D(keepdims=keepdims),
        layers.LayerNormalization(),
        layers.BatchNormalization(),
        layers.Flatten() if keepdims else layers.Dropout(0.5),
        layers.Dense(4, name='logits'),
        layers.Activation('softmax', name='classes'),
    )
    assert layer_table(path) == [networks.LayerInfo('conv', 1, 8), layer_info(1, 4)]
    same(mean(feature_extractor(path, ('classes',))(IMAGE)), until(model, 'logits')(IMAGE))
    assert classes.class_names(path) == ('0', '1', '2', '3')
    assert find_class(path, '3') == 3
    with pytest.raises(UserError, match='has no class 4; there are 0 to 3'):
        find_class(path, '4')
    with pytest.raises(UserError, match='have no names; give a number from 0 to 3'):
        find_class(path, 'dog')


def test_a_softmax_fused_into_the_dense_is_left_out(tmp_path):
    path, model = saved(
        tmp_path, layers.Conv2D(8, 3), layers.GlobalAveragePooling2D(), layers.Dense(4, activation='softmax')
    )
    values = mean(feature_extractor(path, ('classes',))(IMAGE))
    same(tf.nn.softmax(values), model(IMAGE))
    assert np.abs(values.sum(-1) - 1).min() > 1e-3
    with pytest.raises(UserError, match='none of classes ends in an activation'):
        feature_extractor(path, ('classes',), pre_activation=True)


def test_a_nested_network_of_a_fixed_size_takes_any(tmp_path):
    inside = keras.Sequential([keras.Input((16, 16, 3)), layers.Conv2D(8, 3, strides=2, name='inner')], name='body')
    path, _ = saved(tmp_path, inside, layers.GlobalAveragePooling2D(), layers.Dense(4, name='fc'), shape=(16, 16, 3))
    extractor = feature_extractor(path, ('classes',))
    assert extractor.strides == {'classes': 2} and extractor(IMAGE)['classes'].shape == (2, 23, 18, 4)
    image = IMAGE[:, :16, :16]
    same(mean(extractor(image)), keras.models.load_model(path)(image))


@pytest.mark.parametrize(
    'stack',
    [
        (layers.Conv2D(4, 3, name='conv'),),
        (layers.Conv2D(4, 3, name='conv'), layers.GlobalAveragePooling2D()),
        (layers.Conv2D(4, 3, name='conv'), layers.GlobalMaxPooling2D(), layers.Dense(3)),
        (layers.Conv2D(4, 3, name='conv'), layers.Flatten(), layers.BatchNormalization(), layers.Dense(3)),
    ],
)
def test_saved_models_without_such_a_classifier(tmp_path, stack):
    path, _ = saved(tmp_path, *stack, shape=(8, 8, 3))
    assert [info.name for info in layer_table(path)] == ['conv']
    for call in (lambda: feature_extractor(path, ('classes',)), lambda: find_class(path, '0')):
        with pytest.raises(UserError, match=r'model\.keras has no layer classes, .*GlobalAveragePooling2D'):
            call()


def test_a_map_that_is_called_classes_stays_what_it_is(tmp_path):
    path, model = saved(tmp_path, layers.Conv2D(4, 3, name='classes'), layers.GlobalAveragePooling2D(), layers.Dense(3))
    same(feature_extractor(path, ('classes',))(IMAGE)['classes'], until(model, 'classes')(IMAGE))


def test_options_of_extractors_apply_to_classes():
    plain = feature_extractor('mini', ('block5_conv2', 'classes'))(IMAGE)
    before = feature_extractor('mini', ('block5_conv2', 'classes'), pre_activation=True)(IMAGE)
    assert np.min(before['block5_conv2']) < 0
    same(before['classes'], plain['classes'])
    for options in ({'pooling': 'l2'}, {'pooling': 'average'}, {'padding': 'reflect'}):
        changed = feature_extractor('mini', ('classes',), **options)(IMAGE)['classes']
        assert np.isfinite(changed).all() and np.abs(changed - plain['classes']).max() > 0.01
    rough = feature_extractor('mini', ('classes',), precision='mixed_bfloat16')(IMAGE)['classes']
    assert rough.dtype == tf.float32
    assert 0 < np.abs(rough - plain['classes']).max() / np.abs(plain['classes']).max() < 0.05
