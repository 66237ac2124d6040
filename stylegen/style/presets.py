"""The values of each network: layers of style and content, and the weights of content and total variation."""

from __future__ import annotations

from collections.abc import Mapping

from stylegen.style.settings import StyleSettings
from stylegen.utils.errors import UserError

FIRST_CHOICE = 'vgg19'  # the network that 'auto' takes where its weights can be had
EMBEDDED = 'small_vgg', 'mini'  # networks that ship, the best first; mini has layers that small_vgg lacks

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

# Weights by layer. 'input' is the picture itself: its statistics are those of its colours. The layers were chosen by
# looking at pictures; of alexnet all are taken. The five layers of Gatys et al. 2016 alone give pale pictures for dark
# paintings. The deepest layer gives the large shapes; at full weight it copies objects of the painting. With more
# layers small_vgg paints a fine relief over everything.
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

# At a strength of 0.5, so much of the content's loss balances the style's loss. Chosen by looking at pictures.
CONTENT_SCALE: Mapping[str, float] = {'mini': 0.2, 'small_vgg': 0.2, 'vgg16': 0.18, 'vgg19': 0.18}

# The less total variation weighs, the crisper the strokes are. mini paints a grain, which needs more of it.
TV_WEIGHT: Mapping[str, float] = {'mini': 6.0, 'small_vgg': 1.0, 'vgg16': 1.0, 'vgg19': 1.0}

BY_NETWORK = (
    'style_layers',
    'content_layers',
    'content_scale',
    'tv_weight',
)  # settings that are None by default: the network's own


def settled(settings: StyleSettings, network: str) -> StyleSettings:
    """The settings with the network's own values in place of None, see `BY_NETWORK`.

    Raises:
        UserError: No layers were chosen for this network.
    """
    style_layers, content_layers = settings.style_layers, settings.content_layers
    for chosen, table in ((style_layers, STYLE_LAYERS), (content_layers, CONTENT_LAYERS)):
        if chosen is None and network not in table:
            raise UserError(
                f'there are no layers chosen for {network}: name them with --style_layers and --content_layers, or '
                f'take one of {", ".join(table)}'
            )
    own = {
        'style_layers': STYLE_LAYERS.get(network),
        'content_layers': CONTENT_LAYERS.get(network),
        'content_scale': CONTENT_SCALE.get(network, CONTENT_SCALE['mini']),
        'tv_weight': TV_WEIGHT.get(network, TV_WEIGHT['mini']),
    }
    return settings.replace(**{name: own[name] for name in BY_NETWORK if getattr(settings, name) is None})


def network_layers(settings: StyleSettings) -> list[str]:
    """The layers of the network that settled settings name. 'input' is not one of them: it is the picture."""
    layers = dict.fromkeys([*settings.style_layers, *settings.content_layers])
    return [layer for layer in layers if layer != 'input']
