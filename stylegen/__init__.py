"""Image synthesis in TensorFlow/Keras: DeepDream, neural style transfer, DCGAN, composing.

Begin with `stylegen.dream(image)`, `stylegen.transfer(content, style)` or `stylegen.train(images)`. TensorFlow is
imported when the first of them is used.
"""

import sys

from stylegen.former_names import FormerNames
from stylegen.utils.lazy import lazy_names
from stylegen.utils.starting import end_at_interrupts
from stylegen.utils.version import __version__

_NAMES = {
    'dcgan': ['sample', 'train'],
    'deepdream': ['dream'],
    'images': ['load_image', 'save_image'],
    'networks': ['feature_extractor'],
    'optimize': ['optimize_image'],
    'style': ['transfer'],
}
__getattr__, __dir__, __all__ = lazy_names(__name__, _NAMES)
__all__ += ['__version__']

if not any(isinstance(finder, FormerNames) for finder in sys.meta_path):
    sys.meta_path.append(FormerNames())

# Where the process runs a program of ours: its modules are imported after this, and `cli.run` takes it back.
end_at_interrupts()
