"""Losses: functions of features that return a scalar to minimise. Each is built with its target.

The moments, histograms and distances that they use are here too.
"""

from typing import TYPE_CHECKING

from stylegen.utils.lazy import lazy_names

if TYPE_CHECKING:
    from stylegen.losses.features import (
        DREAM_MEASURES,
        Features,
        Loss,
        dream_loss,
        guide_loss,
        region_weights,
        total_variation_loss,
    )
    from stylegen.losses.statistics import (
        STYLE_LOSSES,
        content_loss,
        diversity_loss,
        gram_loss,
        histogram_loss,
        mean_covariance_loss,
        wasserstein_loss,
    )

_NAMES = {
    'features': [
        'DREAM_MEASURES',
        'Features',
        'Loss',
        'dream_loss',
        'guide_loss',
        'region_weights',
        'total_variation_loss',
    ],
    'statistics': [
        'STYLE_LOSSES',
        'content_loss',
        'diversity_loss',
        'gram_loss',
        'histogram_loss',
        'mean_covariance_loss',
        'wasserstein_loss',
    ],
}
__getattr__, __dir__, __all__ = lazy_names(__name__, _NAMES)
