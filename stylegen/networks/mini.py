"""`mini`, the feature network that ships with the package: its architecture and its weights file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stylegen.networks.embedded import load_network, read_network, save_network
from stylegen.utils.npz import verify

if TYPE_CHECKING:
    import keras

MINI_BLOCKS = ((40, 2), (64, 2), (128, 3), (256, 3), (192, 2))  # (channels, convolutions) of each block
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
MINI_WEIGHTS = Path(__file__).parents[1] / 'weights' / 'mini.npz'


def build_mini(classes: int | None = None) -> 'keras.Model':
    """Builds the network with random weights. Input: float32 RGB (n, height, width, 3) in [0, 1], any size.

    Args:
        classes: Outputs of the classifier. None omits it and the average pooling.

    Returns:
        A functional model named 'mini': logits (n, classes), or the last convolution (n, height/16, width/16, 192).
    """
    from stylegen.utils.backend import keras
    from stylegen.utils.keras_defaults import DTYPE, LAYOUT

    dtype, maps = {'dtype': DTYPE}, {'dtype': DTYPE, 'data_format': LAYOUT}
    x = inputs = keras.Input((None, None, 3), **dtype)
    mean, variance = IMAGENET_MEAN, np.square(IMAGENET_STD)
    x = keras.layers.Normalization(mean=mean, variance=variance, name='normalize', **dtype)(x)
    for block, (channels, convolutions) in enumerate(MINI_BLOCKS, 1):
        for conv in range(1, convolutions + 1):
            name = f'block{block}_conv{conv}'
            x = keras.layers.Conv2D(
                channels, 3, padding='same', activation='relu', kernel_initializer='he_normal', name=name, **maps
            )(x)
        if block < len(MINI_BLOCKS):
            x = keras.layers.MaxPooling2D(name=f'block{block}_pool', **maps)(x)
    if classes:
        x = keras.layers.GlobalAveragePooling2D(name='pool', **maps)(x)
        x = keras.layers.Dense(classes, name='predictions', **dtype)(x)
    return keras.Model(inputs, x, name='mini')


def mini_classifier() -> 'keras.Model':
    """Returns the whole network with its weights: float32 RGB (n, height, width, 3) in [0, 1] to logits.

    Returns:
        A functional model with outputs (n, len(mini_classes())).

    Raises:
        UserError: The installed weights file is missing or damaged.

    Example:
        logits = mini_classifier()(photo[None])
        mini_classes()[int(np.argmax(logits))]
    """
    verify_mini()
    model = build_mini(len(mini_classes()))
    load_mini(model, MINI_WEIGHTS)
    return model


def mini_classes() -> tuple[str, ...]:
    """Returns the names of the classes, in the order of the logits.

    Raises:
        UserError: The installed weights file is missing or damaged.

    Example:
        len(mini_classes())  # 111
    """
    verify_mini()
    return tuple(str(name) for name in read_network(MINI_WEIGHTS, 'mini')['classes'])


def save_mini(path: str | Path, arrays: Mapping[str, np.ndarray], classes: Sequence[str]) -> str:
    """Writes a weights file, and its digest beside it. Equal arrays give equal bytes.

    Args:
        path: The `.npz`; the digest goes to the same name with `.sha256`.
        arrays: '<layer>/kernel' and '<layer>/bias' of every convolution and of 'predictions'; stored as float16.
        classes: Names in the order of the logits.

    Returns:
        The SHA-256 of the file, 64 hexadecimal digits.

    Raises:
        ValueError: An array has values that float16 cannot store (NaN, infinity, beyond 65504).

    Example:
        model = mini_classifier()
        save_mini('mini.npz', {w.path: w.numpy() for w in model.trainable_weights}, mini_classes())
    """
    return save_network(path, arrays, {'classes': np.array(classes, np.str_)})


def load_mini(model: 'keras.Model', path: str | Path) -> None:
    """Loads a `.npz` of `save_mini` into a model of `build_mini`.

    Raises:
        UserError: The file cannot be read, or a layer is missing or of another shape.
    """
    load_network(model, path, 'mini')


def verify_mini() -> str:
    """Compares the embedded weights with the SHA-256 that ships beside them.

    Returns:
        The SHA-256, 64 hexadecimal digits.

    Raises:
        UserError: One of the two files is missing, or they disagree.
    """
    return verify(MINI_WEIGHTS)
