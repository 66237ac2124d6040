"""General helpers that every other room uses. They know nothing about pictures.

Errors, messages, files, locks, memory, settings of the process, and the import of TensorFlow.
"""

from typing import TYPE_CHECKING

from stylegen.utils.lazy import lazy_names

if TYPE_CHECKING:
    from stylegen.utils.backend import has_gpu
    from stylegen.utils.errors import MissingFromNetwork, NoWeights, UserError
    from stylegen.utils.notes import Note, note

_NAMES = {
    'backend': ['has_gpu'],
    'errors': ['MissingFromNetwork', 'NoWeights', 'UserError'],
    'notes': ['Note', 'note'],
}
__getattr__, __dir__, __all__ = lazy_names(__name__, _NAMES)
