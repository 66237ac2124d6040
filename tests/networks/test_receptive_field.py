"""How far a network sees, against where a gradient is felt; what cannot be cut into windows is refused."""

import numpy as np
import pytest

from stylegen.networks import receptive_field
from stylegen.networks.layers import AveragePooling, L2Pooling, PooledNormalization, ReflectPadding
from stylegen.networks.mini import build_mini
from stylegen.utils.backend import keras, tf
from stylegen.utils.errors import UserError

L = keras.layers


def model_of(*layers):
    """A network of layers one after the other, and what it makes of pictures of one channel."""
    x = inputs = keras.Input((None, None, 1))
    for layer in layers:
        x = layer(x)
    return keras.Model(inputs, x)


def positive(model):
    """The network with weights that let nothing cancel and no activity die."""
    rng = np.random.default_rng(0)
    for variable in model.variables:
        variable.assign(rng.uniform(0.5, 1, variable.shape) / max(1, np.prod(variable.shape[:-1])))
    return model


def measured(model, stride, positions=8):
    """Pixels beyond a block of the deepest map's positions where the picture changes something in the block."""
    around = -(-receptive_field.radius(model) // stride) + 2
    side = stride * (2 * around + positions)
    picture = tf.constant(np.random.default_rng(1).uniform(0.5, 1, (1, side, side, model.input_shape[-1])), tf.float32)
    block = slice(around, around + positions)
    with tf.GradientTape() as tape:
        tape.watch(picture)
        activity = tf.reduce_sum(model(picture)[:, block, block])
    felt = np.abs(tape.gradient(activity, picture)).sum((0, 3)) > 0
    rows, columns = np.flatnonzero(felt.any(1)), np.flatnonzero(felt.any(0))
    first, last = stride * around, stride * (around + positions) - 1
    return max(first - rows[0], rows[-1] - last, first - columns[0], columns[-1] - last)


def narrow(network, layer):
    """VGG to a layer with two channels everywhere: it looks as far."""
    full = {
        'vgg16': lambda: keras.applications.VGG16(include_top=False, weights=None),
        'vgg19': lambda: keras.applications.VGG19(include_top=False, weights=None),
        'mini': build_mini,
    }[network]()
    part = keras.Model(full.inputs, full.get_layer(layer).output)

    def thin(layer):
        config = layer.get_config()
        return type(layer).from_config(config | {'filters': 2} if 'filters' in config else config)

    return keras.models.clone_model(part, [keras.Input((None, None, 3))], clone_function=thin)


@pytest.mark.parametrize(
    'network, layer, stride, expected',
    [
        ('vgg16', 'block2_conv2', 2, 6),
        ('vgg16', 'block4_conv3', 8, 42),
        ('vgg19', 'block3_conv4', 4, 22),
        ('vgg19', 'block5_conv1', 16, 70),
        ('mini', 'block4_conv3', 8, 42),
    ],
)
def test_radius_of_a_plain_network_is_where_its_gradient_ends(network, layer, stride, expected):
    model = narrow(network, layer)
    assert receptive_field.radius(model) == measured(positive(model), stride) == expected


BLOCKS = {
    'an even kernel': (1, L.Conv2D(1, 4, padding='same')),
    'a kernel longer than wide': (1, L.Conv2D(1, (5, 2), padding='same')),
    'a dilated kernel': (1, L.Conv2D(1, 3, padding='same', dilation_rate=3)),
    'no padding': (1, L.Conv2D(1, 3), L.Conv2D(1, 3)),
    'padding of its own': (2, L.ZeroPadding2D(3), L.Conv2D(1, 7, strides=2), L.BatchNormalization(), L.ReLU()),
    'padding on one side': (2, L.ZeroPadding2D(((0, 1), (0, 1))), L.DepthwiseConv2D(3, strides=2)),
    'overlapping pooling': (4, L.Conv2D(1, 3, strides=2), L.MaxPooling2D(3, strides=2), L.Conv2D(1, 3, padding='same')),
    'smooth pooling': (2, L.AveragePooling2D(3, 1, 'same'), AveragePooling(2), L.Conv2D(1, 1)),
    'l2 pooling': (2, L2Pooling(2), L.SeparableConv2D(1, 3, padding='same')),
    'mirrored padding': (1, ReflectPadding((1, 1), (1, 1)), L.Conv2D(1, 3)),
    # with fewer channels TensorFlow's oneDNN writes where it should not, in the gradient of a 1x1 kernel with a stride
    'a stride without a kernel': (2, L.Conv2D(16, 3, padding='same'), L.Conv2D(16, 1, strides=2, padding='same')),
}


@pytest.mark.parametrize('name', BLOCKS)
def test_radius_of_a_block_is_where_its_gradient_ends(name):
    stride, *layers = BLOCKS[name]
    model = positive(model_of(*layers))
    assert receptive_field.radius(model) == measured(model, stride) > 0


def test_radius_of_branches_is_that_of_the_widest():
    x = inputs = keras.Input((None, None, 1))
    x = L.MaxPooling2D(3, strides=2)(L.Conv2D(2, 3)(x))
    branches = [L.Conv2D(2, (1, 7), padding='same')(x), L.Conv2D(2, 3, padding='same')(L.Conv2D(2, 1)(x))]
    x = L.Concatenate()(branches)
    x = L.Add()([L.Conv2D(4, 3, padding='same')(x), x])
    model = positive(keras.Model(inputs, x))
    assert receptive_field.radius(model) == measured(model, 2)


@pytest.mark.parametrize('network, stride', [('InceptionV3', 8), ('ResNet50', 8)])
def test_no_published_network_sees_farther_than_its_radius(network, stride):
    full = getattr(keras.applications, network)(include_top=False, weights=None, input_shape=(None, None, 3))
    layer = {'InceptionV3': 'mixed0', 'ResNet50': 'conv3_block2_out'}[network]
    model = keras.Model(full.inputs, full.get_layer(layer).output)
    assert 0 < measured(model, stride, positions=2) <= receptive_field.radius(model)


@pytest.mark.parametrize(
    'layers',
    [
        [L.GlobalAveragePooling2D(keepdims=True, name='all')],
        [L.LayerNormalization(axis=(1, 2, 3), center=False, scale=False, name='all')],
        [PooledNormalization(name='all')],
        [L.Conv2DTranspose(1, 3, strides=2, name='all')],
        [L.Conv2D(1, 3, strides=2, padding='same', name='all')],  # an odd picture has a zero before it, an even none
        [L.Conv2D(1, 3), L.GroupNormalization(1, name='all')],
    ],
)
def test_a_layer_that_looks_at_the_whole_picture_is_refused_by_name(layers):
    with pytest.raises(UserError, match='the layer all may look at the whole picture'):
        receptive_field.radius(model_of(*layers))
    assert receptive_field.radius(model_of(L.LayerNormalization(), L.Conv2D(1, 3, padding='same'))) == 1
