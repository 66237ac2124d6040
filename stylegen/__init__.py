"""Image synthesis in TensorFlow/Keras: DeepDream, neural style transfer, DCGAN.

`stylegen.dream(image)`, `stylegen.transfer(content, style)`, `stylegen.train(images)` and the modules below do the
work; nothing heavy is imported until one is used.
"""

import importlib
from typing import Any

__version__ = '0.1.0'

_HOMES = {
    'dream': 'stylegen.deepdream',
    'feature_extractor': 'stylegen.networks',
    'load_image': 'stylegen.images',
    'optimize_image': 'stylegen.optimize',
    'sample': 'stylegen.dcgan',
    'save_image': 'stylegen.images',
    'train': 'stylegen.dcgan',
    'transfer': 'stylegen.style',
}
__all__ = ['__version__', *_HOMES]


def __getattr__(name: str) -> Any:
    """The public names, from their modules when they are asked for."""
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


def __dir__() -> list[str]:
    return __all__
