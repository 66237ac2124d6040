"""Changes an image until its losses are low.

Terms, objectives, update rules and the compiled loop. Large pictures are computed by tiles or windows.
"""

from typing import TYPE_CHECKING

from stylegen.utils.lazy import lazy_names

if TYPE_CHECKING:
    from stylegen.optimize.loop import NonFiniteLoss, Objective, Step, Term, optimize_image
    from stylegen.optimize.parameterization import Fourier, ParameterizedObjective, Pixels
    from stylegen.optimize.pyramid import octave_sizes
    from stylegen.optimize.random_transforms import random_views
    from stylegen.optimize.tiling import TiledObjective
    from stylegen.optimize.updates import Update, adam, gradient_descent, keep_best, lbfgs, normalized_step
    from stylegen.optimize.windows import WindowedObjective

_NAMES = {
    'loop': ['NonFiniteLoss', 'Objective', 'Step', 'Term', 'optimize_image'],
    'parameterization': ['Fourier', 'ParameterizedObjective', 'Pixels'],
    'pyramid': ['octave_sizes'],
    'random_transforms': ['random_views'],
    'tiling': ['TiledObjective'],
    'updates': ['Update', 'adam', 'gradient_descent', 'keep_best', 'lbfgs', 'normalized_step'],
    'windows': ['WindowedObjective'],
}
__getattr__, __dir__, __all__ = lazy_names(__name__, _NAMES)
