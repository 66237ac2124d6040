"""Reads and writes pictures as pixels: float32 RGB in [0, 1], (height, width, 3).

Knows all usual kinds of files, resizes pictures, and makes sheets and films of them.
"""

from typing import TYPE_CHECKING

from stylegen.utils.lazy import lazy_names

if TYPE_CHECKING:
    from stylegen.images.animation import check_animation, save_animation
    from stylegen.images.conversion import as_batch, as_mask, as_picture
    from stylegen.images.decoding import MAX_PIXELS
    from stylegen.images.io import FORMATS, Picture, check_writable, load_image, load_picture, read_settings, save_image
    from stylegen.images.pixels import fit, from_uint8, resize, seamless, to_uint8
    from stylegen.images.sheets import contact_sheet, grid

_NAMES = {
    'animation': ['check_animation', 'save_animation'],
    'conversion': ['as_batch', 'as_mask', 'as_picture'],
    'decoding': ['MAX_PIXELS'],
    'io': ['FORMATS', 'Picture', 'check_writable', 'load_image', 'load_picture', 'read_settings', 'save_image'],
    'pixels': ['fit', 'from_uint8', 'resize', 'seamless', 'to_uint8'],
    'sheets': ['contact_sheet', 'grid'],
}
__getattr__, __dir__, __all__ = lazy_names(__name__, _NAMES)
