"""Compose pictures of elements by a matrix T that is learned: I_new = T X, a row of X for each element.

    from stylegen import images
    from stylegen.compose import apply, fit, grade, mosaic

    look = fit('before.jpg', 'after.jpg', basis='cubic')
    images.save_image('graded.png', apply(look, 'photo.jpg'))
    images.save_image('mosaic.jpg', mosaic('photo.jpg', 'holiday.zip').image)

`fit` learns T, `apply` uses it. `learn_grade` and `grade` learn colours from a picture before and after, `write_cube`
writes them for video editors. `blend` mixes pictures into the one nearest to a target, `mosaic` makes a picture of
tiles, `collage` puts `Part`s into a scene without seams. Only gradient descent imports TensorFlow. On the command line:
`python -m stylegen.compose`.
"""

from typing import TYPE_CHECKING

from stylegen.utils.lazy import lazy_names

if TYPE_CHECKING:
    from stylegen.compose.blending import Blend, blend
    from stylegen.compose.collaging import Part, collage
    from stylegen.compose.fitting import apply, fit
    from stylegen.compose.grading import grade, learn_grade, lookup_table, write_cube
    from stylegen.compose.mosaicking import Mosaic, mosaic
    from stylegen.compose.plotting import save_plot
    from stylegen.compose.settings import (
        BlendSettings,
        CollageSettings,
        ComposeSettings,
        GradeSettings,
        MosaicSettings,
    )
    from stylegen.compose.transformation import Transformation

_NAMES = {
    'blending': ['Blend', 'blend'],
    'collaging': ['Part', 'collage'],
    'fitting': ['apply', 'fit'],
    'grading': ['grade', 'learn_grade', 'lookup_table', 'write_cube'],
    'mosaicking': ['Mosaic', 'mosaic'],
    'plotting': ['save_plot'],
    'settings': ['BlendSettings', 'CollageSettings', 'ComposeSettings', 'GradeSettings', 'MosaicSettings'],
    'transformation': ['Transformation'],
}
__getattr__, __dir__, __all__ = lazy_names(__name__, _NAMES)
