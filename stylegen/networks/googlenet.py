"""`googlenet`, the network of Google's DeepDream: Szegedy et al. 2014, as BVLC trained it in Caffe. Imports Keras."""

from collections.abc import Mapping
from typing import Any

from stylegen.networks.caffe import MAPS, LocalResponseNormalization, convolution, pooling
from stylegen.utils.backend import keras
from stylegen.utils.keras_defaults import DTYPE

# Szegedy et al. 2014, table 1: channels of 1x1; of 3x3_reduce and 3x3; of 5x5_reduce and 5x5; of pool_proj.
INCEPTIONS: Mapping[str, tuple[int, ...]] = {
    '3a': (64, 96, 128, 16, 32, 32),
    '3b': (128, 128, 192, 32, 96, 64),
    '4a': (192, 96, 208, 16, 48, 64),
    '4b': (160, 112, 224, 24, 64, 64),
    '4c': (128, 128, 256, 24, 64, 64),
    '4d': (112, 144, 288, 32, 64, 64),
    '4e': (256, 160, 320, 32, 128, 128),
    '5a': (256, 160, 320, 32, 128, 128),
    '5b': (384, 192, 384, 48, 128, 128),
}
_LAST_BEFORE_POOLING = {'3b': 'pool3_3x3_s2', '4e': 'pool4_3x3_s2'}


def build_googlenet(classes: int | None = None) -> keras.Model:
    """Builds the network with random weights. Input: BGR minus the mean, 0..255, (n, height, width, 3), any size.

    Layers are named as in Caffe's prototxt with _ for /: 'inception_4c_output'. The two auxiliary classifiers of the
    training and dropout are left out.

    Args:
        classes: Outputs of the classifier. None omits it and the average pooling.

    Returns:
        A functional model named 'googlenet': logits (n, classes), or 'inception_5b_output' (n, height/32, width/32,
        1024).
    """
    x = inputs = keras.Input((None, None, 3), dtype=DTYPE)
    x = keras.layers.ZeroPadding2D(3, name='conv1_7x7_s2_pad', **MAPS)(x)
    x = keras.layers.Conv2D(64, 7, 2, activation='relu', name='conv1_7x7_s2', **MAPS)(x)
    x = pooling('pool1_3x3_s2')(x)
    x = LocalResponseNormalization(name='pool1_norm1', dtype=DTYPE)(x)
    x = convolution('conv2_3x3_reduce', 64, 1)(x)
    x = convolution('conv2_3x3', 192, 3)(x)
    x = LocalResponseNormalization(name='conv2_norm2', dtype=DTYPE)(x)
    x = pooling('pool2_3x3_s2')(x)
    for number, channels in INCEPTIONS.items():
        x = _inception(x, f'inception_{number}', *channels)
        if number in _LAST_BEFORE_POOLING:
            x = pooling(_LAST_BEFORE_POOLING[number])(x)
    if classes:
        x = keras.layers.GlobalAveragePooling2D(name='pool5_7x7_s1', **MAPS)(x)
        x = keras.layers.Dense(classes, name='loss3_classifier', dtype=DTYPE)(x)
    return keras.Model(inputs, x, name='googlenet')


def _inception(x: Any, name: str, one: int, reduce3: int, three: int, reduce5: int, five: int, projection: int) -> Any:
    """Adds an inception module of four parallel branches, see figure 2b of the paper."""
    pooled = keras.layers.MaxPooling2D(3, 1, 'same', name=f'{name}_pool', **MAPS)(x)
    branches = [
        convolution(f'{name}_1x1', one, 1)(x),
        convolution(f'{name}_3x3', three, 3)(convolution(f'{name}_3x3_reduce', reduce3, 1)(x)),
        convolution(f'{name}_5x5', five, 5)(convolution(f'{name}_5x5_reduce', reduce5, 1)(x)),
        convolution(f'{name}_pool_proj', projection, 1)(pooled),
    ]
    return keras.layers.Concatenate(name=f'{name}_output', dtype=DTYPE)(branches)
