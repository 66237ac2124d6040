"""A small one-pass network with random weights, for tests of what is around it."""

import numpy as np

from stylegen.networks.embedded import weight_arrays
from stylegen.style import transform_network as networks
from stylegen.style.norms import NetworkShape
from stylegen.style.one_pass import OnePass
from stylegen.utils.backend import keras

SHAPE, SHALLOW = NetworkShape(16, 1, 1), NetworkShape(16, 2, 0)
LAYERS = ('input', 'block1_conv1')
DEVIATIONS = {'waves': (0.1, 0.12, 0.08), 'ink': (0.05, 0.05, 0.05)}  # of the channels of the palettes


def noise(*shape, seed=0):
    return np.random.default_rng(seed).uniform(size=shape).astype(np.float32)


def random_network(shape=SHAPE):
    """The network that paints."""
    keras.utils.set_random_seed(0)
    return networks.transform_network(shape)


def random_one_pass(network, shape=SHAPE):
    """A network of `random_network` with the styles 'waves' and 'ink', and one that predicts norms from paintings."""
    size = shape.norms
    rng = np.random.default_rng(1)
    arrays = weight_arrays(network)
    statistics = 2 * (3 + 40)
    arrays |= {'hidden/kernel': 0.1 * rng.normal(size=(statistics, 5)), 'hidden/bias': np.zeros(5)}
    arrays |= {'predicted/kernel': 0.1 * rng.normal(size=(5, size)), 'predicted/bias': np.zeros(size)}
    arrays = {name: array.astype(np.float32) for name, array in arrays.items()}
    norms = {name: 0.5 * rng.normal(size=size).astype(np.float32) for name in ('waves', 'ink')}
    palettes = {name: np.float32([0.6, 0.5, 0.4, *deviations]) for name, deviations in DEVIATIONS.items()}
    about = {'waves': {'title': 'Waves'}, 'ink': {}}
    return OnePass(shape, arrays, norms, about, 'mini', LAYERS, precision='float32', palettes=palettes)
