"""Saved models with classifiers, and comparisons of their logits."""

import keras
import numpy as np

from stylegen import networks
from tests.conftest import shaken

layers = keras.layers


def saved(folder, *stack, shape=(None, None, 3)):
    """A `.keras` file of a stack of layers."""
    inputs = x = keras.Input(shape)
    for layer in stack:
        x = layer(x)
    model = shaken(keras.Model(inputs, x))
    path = str(folder / 'model.keras')
    model.save(path)
    return path, model


def until(model, layer):
    return keras.Model(model.inputs[0], model.get_layer(layer).output)


def same(values, expected, tolerance=1e-5):
    expected = np.asarray(expected)
    assert np.ptp(expected) > 1e-3
    np.testing.assert_allclose(values, expected, rtol=0, atol=tolerance * np.abs(expected).max())


def mean(features):
    return np.mean(features['classes'], (1, 2))


def layer_info(stride, channels):
    return networks.LayerInfo('classes', stride, channels)
