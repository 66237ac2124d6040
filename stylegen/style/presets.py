"""Which layers make style and content in each network, and how much the content and total variation weigh."""

from collections.abc import Mapping

_ALL_BLOCKS: Mapping[str, float] = dict.fromkeys(
    (
        *('input', 'block1_conv1', 'block1_conv2', 'block2_conv1', 'block2_conv2'),
        *('block3_conv1', 'block3_conv3', 'block4_conv1', 'block5_conv1'),
    ),
    1.0,
)
_FIRST_OF_BLOCKS: Mapping[str, float] = {
    **dict.fromkeys(('input', 'block1_conv1', 'block2_conv1', 'block3_conv1', 'block4_conv1'), 1.0),
    'block5_conv1': 0.5,
}

# Weights by layer; 'input' is the picture itself, whose statistics are its colours. Chosen by looking, but alexnet's,
# which are all there are. The five of Gatys et al. 2016 alone give pale pictures for dark paintings; the deepest gives
# the large shapes, and at full weight it brings things of the painting along; with more layers small_vgg paints a fine
# relief over everything.
STYLE_LAYERS: Mapping[str, Mapping[str, float]] = {
    'mini': _ALL_BLOCKS,
    'small_vgg': _FIRST_OF_BLOCKS,
    'vgg16': _FIRST_OF_BLOCKS,
    'vgg19': _FIRST_OF_BLOCKS,
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
CONTENT_SCALE: Mapping[str, float] = {'mini': 0.2, 'small_vgg': 0.2, 'vgg16': 0.18, 'vgg19': 0.18}

# Of total variation: the less, the crisper the strokes; mini's grain needs the more.
VARIATION: Mapping[str, float] = {'mini': 6.0, 'small_vgg': 1.0, 'vgg16': 1.0, 'vgg19': 1.0}
