"""Small feature networks with random weights, for tests: the shape of VGG, a few channels."""

import numpy as np

from stylegen.networks.extractor import FeatureExtractor
from stylegen.networks.graph import LayerInfo
from stylegen.networks.layers import Preprocess
from stylegen.networks.pretrained import WeightsSource
from stylegen.utils.backend import keras

BLOCKS = (2, 2, 3, 3, 2)  # convolutions


def small_vgg(taps, channels=6, preprocessing='unit', seed=0):
    """An extractor of layers 'block1_conv1' ... 'block5_conv2' of a random network that is cut at the deepest."""
    keras.utils.set_random_seed(seed)
    depth = 1 + max(int(tap[5]) for tap in taps)
    x = image = keras.Input((None, None, 3), name='image')
    if preprocessing != 'unit':
        x = Preprocess(preprocessing)(x)
    outputs, infos = {}, {}
    for block, convolutions in enumerate(BLOCKS[: depth - 1], 1):
        for number in range(1, convolutions + 1):
            name = f'block{block}_conv{number}'
            bias = keras.initializers.RandomUniform(0, 0.1)
            layer = keras.layers.Conv2D(
                channels, 3, padding='same', activation='relu', kernel_initializer='he_normal', bias_initializer=bias
            )
            x = layer(x)
            outputs[name], infos[name] = x, LayerInfo(name, 2 ** (block - 1), channels)
        x = keras.layers.MaxPooling2D()(x)
    outputs = {name: outputs[name] for name in taps} | {'input': image}
    source = WeightsSource(None, None, 'random')
    return FeatureExtractor(image, outputs, network='small', infos=[infos[name] for name in taps], source=source)


def noise(height, width, seed=0, low=0.0, high=1.0):
    """A random picture, float32 (height, width, 3), coarse and fine."""
    rng = np.random.default_rng(seed)
    coarse = rng.random((height // 8 + 1, width // 8 + 1, 3)).repeat(8, 0).repeat(8, 1)[:height, :width]
    fine = rng.random((height, width, 3))
    return (low + (high - low) * (0.7 * coarse + 0.3 * fine)).astype(np.float32)
