"""Networks as Keras builds them, in files, for comparison with our extractors."""

import keras
import numpy as np

from tests.conftest import shaken

APPLICATIONS = keras.applications


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


def saved(folder, *layers, shape=(None, None, 3)):
    """A `.keras` file of a stack of layers."""
    inputs = x = keras.Input(shape)
    for layer in layers:
        x = layer(x)
    model = keras.Model(inputs, x)
    path = str(folder / 'model.keras')
    model.save(path)
    return path, model
