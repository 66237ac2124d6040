"""Many pictures on many machines: folders and stores are streamed through the workers of Ray, and nothing is lost.

A program gives a `Job`; `make_all` makes a result of every input that has none. Ray comes with the extra `[cluster]`.
"""

from typing import TYPE_CHECKING

from stylegen.utils.lazy import lazy_names

if TYPE_CHECKING:
    from stylegen.cluster.job import Job
    from stylegen.cluster.making import make_all
    from stylegen.cluster.settings import ClusterSettings

_NAMES = {
    'job': ['Job'],
    'making': ['make_all'],
    'settings': ['ClusterSettings'],
}
__getattr__, __dir__, __all__ = lazy_names(__name__, _NAMES)
