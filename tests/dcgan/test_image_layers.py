"""The faster layers between maps and images, and the fused Adam, are Keras's but for rounding."""

import numpy as np
import pytest

from stylegen.dcgan.image_layers import ImageToMaps, MapsToImage, image_from_maps, maps_from_image
from stylegen.dcgan.model_layers import Layers
from stylegen.training.replicas import UnreducedAdam
from stylegen.utils.backend import keras, tf

RNG = np.random.default_rng(0)


def normal(*shape):
    return tf.constant(RNG.normal(size=shape), tf.float32)


def plain_image_from_maps(maps, kernel):
    shape = [maps.shape[0], 2 * maps.shape[1], 2 * maps.shape[2], kernel.shape[2]]
    return tf.nn.conv2d_transpose(maps, kernel, shape, 2, 'SAME')


def derivatives(function, x, kernel, weights):
    """The values of a convolution, its gradients, and the gradients of their squared lengths."""
    with tf.GradientTape(persistent=True) as outer:
        outer.watch([x, kernel])
        with tf.GradientTape() as inner:
            inner.watch([x, kernel])
            values = function(x, kernel)
            total = tf.reduce_sum(values * values * weights)
        first = inner.gradient(total, [x, kernel])
        lengths = [tf.reduce_sum(gradient * gradient) for gradient in first]
    second = [gradient for length in lengths for gradient in outer.gradient(length, [x, kernel])]
    return [values, *first, *second]


@pytest.mark.parametrize('side', [4, 5])
@pytest.mark.parametrize('channels', [1, 3])
def test_values_and_both_orders_of_gradients_are_those_of_tensorflow(side, channels):
    maps, images = normal(2, 4, 6, 5), normal(2, 8, 12, channels)
    kernel = normal(side, side, channels, 5) / 5
    for function, plain, x, weights in (
        (image_from_maps, plain_image_from_maps, maps, images),
        (maps_from_image, lambda x, kernel: tf.nn.conv2d(x, kernel, 2, 'SAME'), images, maps),
    ):
        found, expected = derivatives(function, x, kernel, weights), derivatives(plain, x, kernel, weights)
        for ours, theirs in zip(found, expected, strict=True):
            assert np.allclose(ours, theirs, rtol=1e-4, atol=1e-4 * np.abs(theirs).max())


@pytest.mark.parametrize('precision', ['float32', 'mixed_bfloat16'])
def test_in_training_the_layer_is_that_of_keras_but_for_rounding_and_else_to_the_bit(precision):
    x = normal(2, 4, 4, 8)
    layer = MapsToImage(3, 4, 2, 'same', bias_initializer='ones', dtype=precision)
    plain = keras.layers.Conv2DTranspose(3, 4, 2, 'same', dtype=precision)
    plain.build(x.shape)
    expected = layer(x)
    plain.set_weights(layer.get_weights())
    assert np.array_equal(expected, plain(x)) and layer(x, training=True).dtype == expected.dtype
    tolerance = 1e-5 if precision == 'float32' else 0.03
    assert np.allclose(layer(x, training=True), expected, atol=tolerance)


def test_they_are_where_an_image_is_on_one_side_and_nowhere_else():
    make = Layers(0, 'normal', 'float32', 0.2, {})
    image, maps = keras.Input((8, 8, 3)), keras.Input((8, 8, 16))
    kind = {
        'first': make.conv(image, 4, 4, 'first', 2), 'coarse': make.conv(maps, 4, 4, 'coarse', 2),
        'same': make.conv(image, 4, 3, 'same'), 'last': make.transposed(maps, 3, 4, 'last'),
        'fine': make.transposed(maps, 8, 4, 'fine'),
    }  # fmt: skip
    found = {name: type(tensor._keras_history.operation) for name, tensor in kind.items()}
    assert found == {
        'first': ImageToMaps, 'coarse': keras.layers.Conv2D, 'same': keras.layers.Conv2D, 'last': MapsToImage,
        'fine': keras.layers.Conv2DTranspose,
    }  # fmt: skip


def test_an_image_of_odd_sides_is_taken_too():
    layer, plain = ImageToMaps(4, 4, 2, 'same'), keras.layers.Conv2D(4, 4, 2, 'same')
    x = normal(1, 9, 8, 3)
    plain.build(x.shape)
    found = layer(x)
    plain.set_weights(layer.get_weights())
    assert np.array_equal(found, plain(x))


def test_the_fused_adam_takes_the_steps_of_keras():
    values = RNG.normal(size=(7, 3)).astype(np.float32)
    ours, theirs = (keras.Variable(values, name='kernel') for _ in range(2))
    fused, plain = UnreducedAdam(1e-2, 0.5, 0.99), keras.optimizers.Adam(1e-2, 0.5, 0.99)
    for scale in (1.0, 1e-3, 100.0, 0.0):
        gradient = normal(7, 3) * scale
        fused.apply_gradients([(gradient, ours)])
        plain.apply_gradients([(gradient, theirs)])
        assert np.allclose(ours, theirs, rtol=1e-5, atol=1e-7)
    for mine, other in zip(fused.variables, plain.variables, strict=True):
        assert mine.name == other.name and np.allclose(mine, other, rtol=1e-5, atol=1e-9)
    assert not np.allclose(ours, values, atol=1e-3)
