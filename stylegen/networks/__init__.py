"""Frozen networks that compute named features of pictures.

They are chosen by name. This room knows how each is built, where its weights are, and which layers it has.
"""

from typing import TYPE_CHECKING

from stylegen.utils.lazy import lazy_names

if TYPE_CHECKING:
    from stylegen.networks.catalog import CLASSES, NETWORKS, Network
    from stylegen.networks.classes import class_names, find_class
    from stylegen.networks.extractor import FeatureExtractor
    from stylegen.networks.graph import LayerInfo
    from stylegen.networks.mini import MINI_BLOCKS, mini_classes, mini_classifier, save_mini
    from stylegen.networks.pretrained import WeightsSource, find_weights
    from stylegen.networks.registry import (
        PADDINGS,
        POOLINGS,
        PRECISIONS,
        TAPS,
        class_count,
        feature_extractor,
        layer_table,
        open_network,
    )

_NAMES = {
    'catalog': ['CLASSES', 'NETWORKS', 'Network'],
    'classes': ['class_names', 'find_class'],
    'extractor': ['FeatureExtractor'],
    'graph': ['LayerInfo'],
    'mini': ['MINI_BLOCKS', 'mini_classes', 'mini_classifier', 'save_mini'],
    'pretrained': ['WeightsSource', 'find_weights'],
    'registry': [
        'PADDINGS',
        'POOLINGS',
        'PRECISIONS',
        'TAPS',
        'class_count',
        'feature_extractor',
        'layer_table',
        'open_network',
    ],
}
__getattr__, __dir__, __all__ = lazy_names(__name__, _NAMES)
