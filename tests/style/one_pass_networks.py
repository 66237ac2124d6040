"""A small one-pass network with random weights, for tests of what is around it."""

import numpy as np

from stylegen.style import transform_network as networks
from stylegen.style.one_pass import OnePass
from stylegen.utils.backend import keras

WIDTH, BLOCKS = 16, 2
LAYERS = ('input', 'block1_conv1')


def random_network():
    """The network that paints."""
    keras.utils.set_random_seed(0)
    return networks.transform_network(WIDTH, BLOCKS)


def random_one_pass(network):
    """The network with the styles 'waves' and 'ink', and one that predicts norms from paintings."""
    size = 2 * sum(networks.norm_sizes(WIDTH, BLOCKS).values())
    rng = np.random.default_rng(1)
    arrays = {f'{layer.name}/{each.name}': each.numpy() for layer in network.layers for each in layer.weights}
    statistics = 2 * (3 + 40)
    arrays |= {'hidden/kernel': 0.1 * rng.normal(size=(statistics, 5)), 'hidden/bias': np.zeros(5)}
    arrays |= {'predicted/kernel': 0.1 * rng.normal(size=(5, size)), 'predicted/bias': np.zeros(size)}
    arrays = {name: array.astype(np.float32) for name, array in arrays.items()}
    norms = {name: 0.5 * rng.normal(size=size).astype(np.float32) for name in ('waves', 'ink')}
    return OnePass(WIDTH, BLOCKS, arrays, norms, {'waves': {'title': 'Waves'}, 'ink': {}}, 'mini', LAYERS)
