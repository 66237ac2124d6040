"""Batch normalisation folded into the convolution before it gives what Keras gives; where it cannot be, it stays."""

import keras
import numpy as np
import pytest

from stylegen import networks
from stylegen.networks import models
from tests.conftest import slow

IMAGE = np.random.default_rng(4).random((1, 75, 90, 3), np.float32)
APPLICATIONS = keras.applications
LARGE = ('inception_v3', 'efficientnet_b0')
CASES = {
    'inception_v3': (
        APPLICATIONS.InceptionV3,
        2 * IMAGE - 1,
        ('conv2d_4', 'batch_normalization_7', 'activation_9', 'mixed1', 'mixed5'),
    ),
    'mobilenet_v2': (
        APPLICATIONS.MobileNetV2,
        2 * IMAGE - 1,
        ('Conv1', 'bn_Conv1', 'block_3_depthwise_BN', 'block_5_add', 'block_9_project_BN', 'out_relu'),
    ),
    'resnet50': (
        APPLICATIONS.ResNet50,
        APPLICATIONS.resnet50.preprocess_input(255 * IMAGE),
        ('conv1_bn', 'conv2_block2_2_conv', 'conv3_block1_0_bn', 'conv4_block2_out'),
    ),
    'efficientnet_b0': (  # the division that weights=None leaves out of the Keras model
        APPLICATIONS.EfficientNetB0,
        None,
        ('stem_bn', 'block1a_dwconv', 'block3a_bn', 'block4a_project_bn', 'top_activation'),
    ),
}


def with_statistics(model):
    """The model with factors of either sign, and means and variances as different as those of a trained network."""
    rng = np.random.default_rng(4)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            size = layer.moving_mean.shape
            layer.moving_mean.assign(rng.normal(0, 0.3, size))
            layer.moving_variance.assign(np.exp(rng.normal(0, 1, size)))
            if layer.scale:
                layer.gamma.assign(rng.normal(1, 0.4, size))
            if layer.center:
                layer.beta.assign(rng.normal(0, 0.3, size))
    return model


def normalisations(model):
    return sum(isinstance(layer, keras.layers.BatchNormalization) for layer in model.layers)


def close(values, expected, share=1e-5):
    expected = np.asarray(expected)
    assert np.ptp(expected) > 0
    np.testing.assert_allclose(values, expected, rtol=0, atol=share * np.abs(expected).max())


@pytest.mark.parametrize(
    'name', [slow(name) if name in ('inception_v3', 'efficientnet_b0') else name for name in CASES]
)
def test_networks_give_what_keras_gives(name, tmp_path):
    """Taps on convolutions (which are then left alone), normalisations, activations and sums, several at once."""
    factory, pixels, layers = CASES[name]
    keras.backend.clear_session()
    keras.utils.set_random_seed(4)
    model = with_statistics(factory(weights=None, include_top=False, input_shape=(None, None, 3)))
    model.save_weights(tmp_path / f'{name}.weights.h5')
    extractor = networks.feature_extractor(name, layers, weights=tmp_path / f'{name}.weights.h5')
    if pixels is None:
        from stylegen.networks import catalog

        model, plain = models.build_model(catalog.NETWORKS[name]), model
        model.set_weights(plain.get_weights())
        pixels = 255 * IMAGE
    tapped = [model.get_layer(layer) for layer in layers]
    features = extractor(IMAGE)
    for layer, expected in zip(
        layers, keras.Model(model.inputs[0], [t.output for t in tapped])(pixels, training=False), strict=True
    ):
        # with random weights the last bit of a pixel grows to some 1e-5 on the way to the top of an EfficientNet
        close(features[layer], expected, 1e-3 if layer == 'top_activation' else 1e-5)
    assert normalisations(extractor) == sum(type(t).__name__.endswith('Conv2D') for t in tapped)


def test_the_layer_before_an_activation_is_the_normalised_one(tmp_path):
    keras.backend.clear_session()
    model = with_statistics(APPLICATIONS.MobileNetV2(weights=None, include_top=False, input_shape=(None, None, 3)))
    path = tmp_path / 'm.weights.h5'
    model.save_weights(path)
    before = networks.feature_extractor('mobilenet_v2', ('block_1_expand_relu',), weights=path, pre_activation=True)(
        IMAGE
    )
    expected = keras.Model(model.inputs[0], model.get_layer('block_1_expand_BN').output)(2 * IMAGE - 1, training=False)
    assert np.min(expected) < 0
    close(before['block_1_expand_relu'], expected)


def test_the_classifier_reads_folded_maps(tmp_path):
    keras.backend.clear_session()
    model = with_statistics(APPLICATIONS.MobileNetV2(weights=None, classifier_activation=None))
    path = tmp_path / 'm.weights.h5'
    model.save_weights(path)
    image = np.random.default_rng(5).random((1, 224, 224, 3), np.float32)
    extractor = networks.feature_extractor('mobilenet_v2', ('classes',), weights=path)
    assert normalisations(extractor) == 0
    close(np.mean(extractor(image)['classes'], (1, 2)), model(2 * image - 1, training=False))


layers = keras.layers
STACKS = {  # layers, and how many normalisations are left
    'bias': ([layers.Conv2D(5, 3, strides=2, padding='same', bias_initializer='ones'), layers.BatchNormalization()], 0),
    'groups': ([layers.Conv2D(6, 3, groups=3), layers.BatchNormalization(scale=False)], 0),
    'depth': ([layers.DepthwiseConv2D(3, depth_multiplier=2), layers.BatchNormalization(center=False)], 0),
    'separable': ([layers.SeparableConv2D(5, 3, depth_multiplier=2), layers.BatchNormalization()], 0),
    'zeros after': ([layers.Conv2D(4, 3), layers.BatchNormalization(), layers.ZeroPadding2D(2)], 0),
    'zeros between': ([layers.Conv2D(4, 3), layers.ZeroPadding2D(2), layers.BatchNormalization()], 1),
    'before': ([layers.BatchNormalization(), layers.Conv2D(4, 3)], 1),
    'activation': ([layers.Conv2D(4, 3, activation='relu'), layers.BatchNormalization()], 1),
    'another axis': ([layers.Resizing(8, 8), layers.Conv2D(4, 1), layers.BatchNormalization(axis=1)], 1),
    'twice': ([layers.Conv2D(4, 3), layers.BatchNormalization(), layers.BatchNormalization()], 1),
    'transposed': ([layers.Conv2DTranspose(4, 3), layers.BatchNormalization()], 1),
}


@pytest.mark.parametrize('padding', ['same', 'reflect'])
@pytest.mark.parametrize('name', STACKS)
def test_what_is_folded_and_what_is_not(name, padding, tmp_path):
    stack, left = STACKS[name]
    inputs = x = keras.Input((None, None, 3))
    for layer in [*stack, layers.ReLU(), layers.MaxPooling2D(name='end')]:
        x = type(layer).from_config(layer.get_config())(x)
    with_statistics(model := keras.Model(inputs, x)).save(tmp_path / 'model.keras')
    extractor = networks.feature_extractor(str(tmp_path / 'model.keras'), ('end',), padding=padding)
    assert normalisations(extractor) == left
    if padding == 'same' or not any(getattr(layer, 'padding', '') == 'same' for layer in stack):
        close(extractor(IMAGE)['end'], model(IMAGE, training=False), 1e-6)


def test_a_convolution_that_others_read_is_left_alone(tmp_path):
    image = keras.Input((None, None, 3))
    x = layers.Conv2D(4, 3, name='shared')(image)
    both = layers.Add(name='both')([x, layers.BatchNormalization(name='norm')(x)])
    with_statistics(model := keras.Model(image, both)).save(tmp_path / 'model.keras')
    extractor = networks.feature_extractor(str(tmp_path / 'model.keras'), ('both',))
    assert normalisations(extractor) == 1
    close(extractor(IMAGE)['both'], model(IMAGE, training=False), 1e-6)
    alone = networks.feature_extractor(str(tmp_path / 'model.keras'), ('norm',))  # here nothing else reads it
    assert normalisations(alone) == 0
    close(alone(IMAGE)['norm'], keras.Model(image, model.get_layer('norm').output)(IMAGE, training=False), 1e-6)
