"""The quality of generated pictures, as distances between sets of feature vectors.

`embeddings` maps pictures to vectors; `distances` and `evaluation` compare sets of them.
"""

from typing import TYPE_CHECKING

from stylegen.utils.lazy import lazy_names

if TYPE_CHECKING:
    from stylegen.metrics.distances import (
        Figure,
        Moments,
        diversity,
        frechet_distance,
        kernel_distance,
        precision_recall_density_coverage,
    )
    from stylegen.metrics.embeddings import EMBEDDINGS, Embedding, embed, open_embedding
    from stylegen.metrics.evaluation import FIGURES, Evaluator

_NAMES = {
    'distances': [
        'Figure',
        'Moments',
        'diversity',
        'frechet_distance',
        'kernel_distance',
        'precision_recall_density_coverage',
    ],
    'embeddings': ['EMBEDDINGS', 'Embedding', 'embed', 'open_embedding'],
    'evaluation': ['Evaluator', 'FIGURES'],
}
__getattr__, __dir__, __all__ = lazy_names(__name__, _NAMES)
