"""Sets of training pictures: from Keras, a folder, an archive or an array, or drawn here.

This room finds the pictures, brings them to one size, and chooses their order.
"""

from typing import TYPE_CHECKING

from stylegen.utils.lazy import lazy_names

if TYPE_CHECKING:
    from stylegen.datasets.framing import FITS
    from stylegen.datasets.imageset import ImageSet
    from stylegen.datasets.inspection import Inspection, inspect_images
    from stylegen.datasets.opening import open_images
    from stylegen.datasets.sources import ALL, DRAWN, SPLITS, MissingSplit
    from stylegen.datasets.synthetic import SHAPES, draw_shapes, shape_labels
    from stylegen.datasets.tables import NAMED, NotDownloaded

_NAMES = {
    'framing': ['FITS'],
    'imageset': ['ImageSet'],
    'inspection': ['Inspection', 'inspect_images'],
    'opening': ['open_images'],
    'sources': ['ALL', 'DRAWN', 'MissingSplit', 'SPLITS'],
    'synthetic': ['SHAPES', 'draw_shapes', 'shape_labels'],
    'tables': ['NAMED', 'NotDownloaded'],
}
__getattr__, __dir__, __all__ = lazy_names(__name__, _NAMES)
