"""Which layers make style and content in each network, and how much the content weighs."""

from collections.abc import Mapping

_ALL_BLOCKS: Mapping[str, float] = dict.fromkeys(
    (
        *('input', 'block1_conv1', 'block1_conv2', 'block2_conv1', 'block2_conv2'),
        *('block3_conv1', 'block3_conv3', 'block4_conv1', 'block5_conv1'),
    ),
    1.0,
)

# Weights by layer; 'input' is the picture itself, whose statistics are its colours. For the embedded networks chosen by
# looking: the deepest gives the large shapes. For the VGGs those of Gatys et al. 2016. For alexnet all there are, not
# chosen by looking.
STYLE_LAYERS: Mapping[str, Mapping[str, float]] = {
    'mini': _ALL_BLOCKS,
    'small_vgg': _ALL_BLOCKS,
    'vgg16': dict.fromkeys((f'block{n}_conv1' for n in range(1, 6)), 1.0),
    'vgg19': dict.fromkeys((f'block{n}_conv1' for n in range(1, 6)), 1.0),
    'alexnet': dict.fromkeys((f'conv{n}' for n in range(1, 6)), 1.0),
}
CONTENT_LAYERS: Mapping[str, Mapping[str, float]] = {
    'mini': {'block3_conv3': 1.0},
    'small_vgg': {'block4_conv2': 1.0},
    'vgg16': {'block4_conv2': 1.0},
    'vgg19': {'block4_conv2': 1.0},
    'alexnet': {'conv4': 1.0},
}

# How much of the content's loss weighs as much as all of the style's at --strength=0.5, chosen by looking.
CONTENT_SCALE: Mapping[str, float] = {'mini': 0.2, 'small_vgg': 0.2, 'vgg16': 0.2, 'vgg19': 0.2}
