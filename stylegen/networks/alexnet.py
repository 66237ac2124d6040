"""`alexnet`: Krizhevsky et al. 2012, as BVLC trained it in Caffe (bvlc_alexnet, on one GPU). Imports Keras."""

from stylegen.networks.caffe import MAPS, LocalResponseNormalization, convolution, pooling
from stylegen.utils.backend import keras
from stylegen.utils.keras_defaults import DTYPE

SIDE = 227  # pixels a side of the picture that the classifier needs


def build_alexnet(classes: int | None = None, hidden: int = 4096) -> keras.Model:
    """Builds the network with random weights. Input: BGR minus the mean, 0..255, (n, height, width, 3).

    Layers are named as in Caffe's prototxt. conv2, conv4 and conv5 have two groups, which once ran on two GPUs. There
    is no dropout.

    Args:
        classes: Outputs of the classifier, which needs pictures of 227 x 227. None omits it and allows any size.
        hidden: Width of fc6 and fc7.

    Returns:
        A functional model named 'alexnet': logits (n, classes), or 'pool5' (n, height', width', 256). pool5 has about a
        position for every 32 pixels, less at the borders: 227 pixels give 6.
    """
    side = SIDE if classes else None
    x = inputs = keras.Input((side, side, 3), dtype=DTYPE)
    x = keras.layers.Conv2D(96, 11, 4, activation='relu', name='conv1', **MAPS)(x)
    x = LocalResponseNormalization(name='norm1', dtype=DTYPE)(x)
    x = pooling('pool1')(x)
    x = convolution('conv2', 256, 5, groups=2)(x)
    x = LocalResponseNormalization(name='norm2', dtype=DTYPE)(x)
    x = pooling('pool2')(x)
    x = convolution('conv3', 384, 3)(x)
    x = convolution('conv4', 384, 3, groups=2)(x)
    x = convolution('conv5', 256, 3, groups=2)(x)
    x = pooling('pool5')(x)
    if classes:
        x = keras.layers.Flatten(name='pool5_flat', **MAPS)(x)
        for name, width, activation in (('fc6', hidden, 'relu'), ('fc7', hidden, 'relu'), ('fc8', classes, None)):
            x = keras.layers.Dense(width, activation, kernel_initializer='zeros', name=name, dtype=DTYPE)(x)
    return keras.Model(inputs, x, name='alexnet')
