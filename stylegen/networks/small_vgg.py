"""`small_vgg`, a small network that was trained to imitate VGG-16: its architecture and its weights file."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from stylegen.networks.embedded import load_network, save_network, weight_arrays

if TYPE_CHECKING:
    import keras

SMALL_VGG_BLOCKS = ((32, 2), (64, 2), (128, 3), (256, 3), (256, 1))  # (channels, convolutions) of each block
SMALL_VGG_COMPONENTS: Mapping[str, int] = {  # number of principal components of VGG-16's layer
    'block1_conv1': 24,
    'block1_conv2': 32,
    'block2_conv1': 64,
    'block2_conv2': 80,
    'block3_conv1': 96,
    'block3_conv3': 128,
    'block4_conv1': 128,
    'block4_conv2': 128,
    'block5_conv1': 128,
}
SMALL_VGG_WEIGHTS = Path(__file__).parents[1] / 'weights' / 'small_vgg.npz'


def build_small_vgg(precision: str = 'float32') -> 'keras.Model':
    """Builds the network with random weights. Input: float32 RGB (n, height, width, 3) in [0, 1], any size.

    It has a trunk of 3 x 3 convolutions with ReLU. For each layer of `SMALL_VGG_COMPONENTS` a 1 x 1 convolution
    computes the layer's principal components from the trunk's map.

    Args:
        precision: The dtype policy of its layers, such as 'mixed_bfloat16' for training.

    Returns:
        A functional model named 'small_vgg'. Its outputs are the components by layer, shallowest first.
    """
    from stylegen.utils.backend import keras
    from stylegen.utils.keras_defaults import DTYPE, LAYOUT

    maps = {'dtype': precision, 'data_format': LAYOUT}
    outputs = {}
    x = inputs = keras.Input((None, None, 3), dtype=DTYPE)
    x = keras.layers.Rescaling(4.0, offset=-2.0, name='normalize', dtype=precision)(x)
    for block, (channels, convolutions) in enumerate(SMALL_VGG_BLOCKS, 1):
        for conv in range(1, convolutions + 1):
            name = f'block{block}_conv{conv}'
            x = keras.layers.Conv2D(
                channels,
                3,
                padding='same',
                activation='relu',
                kernel_initializer='he_normal',
                name=f'trunk_{name}',
                **maps,
            )(x)
            if name in SMALL_VGG_COMPONENTS:
                outputs[name] = keras.layers.Conv2D(SMALL_VGG_COMPONENTS[name], 1, name=name, **maps)(x)
        if block < len(SMALL_VGG_BLOCKS):
            x = keras.layers.MaxPooling2D(name=f'block{block}_pool', **maps)(x)
    return keras.Model(inputs, list(outputs.values()), name='small_vgg')


def save_small_vgg(path: str | Path, model: 'keras.Model') -> str:
    """Writes the weights of a model of `build_small_vgg`, and their digest beside them.

    Returns:
        The SHA-256 of the file, 64 hexadecimal digits.

    Raises:
        ValueError: A weight is NaN, infinite or beyond 65504, which float16 cannot store.
    """
    return save_network(path, weight_arrays(model), {})


def load_small_vgg(model: 'keras.Model', path: str | Path) -> None:
    """Loads a `.npz` of `save_small_vgg` into a model of `build_small_vgg`.

    Raises:
        UserError: The file cannot be read, or a layer is missing or of another shape.
    """
    load_network(model, path, 'small_vgg')
