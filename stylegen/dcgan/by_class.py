"""Measure each class of a conditional generator by itself: how near its pictures are, and what they leave out."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from stylegen.dcgan.evaluating import drawn
from stylegen.metrics.distances import NEIGHBOURS, precision_recall_density_coverage
from stylegen.metrics.embeddings import Embedding, embed, open_embedding
from stylegen.utils.errors import UserError

if TYPE_CHECKING:
    from stylegen.datasets.imageset import ImageSet
    from stylegen.dcgan.load import Generator

COLUMNS = ('precision', 'recall', 'density', 'coverage')
MOST = 200  # real and generated pictures of a class


def class_figures(
    generator: 'Generator',
    data: 'ImageSet',
    *,
    count: int = MOST,
    first_seed: int = 0,
    embedding: Embedding | None = None,
) -> dict[str, dict[str, float]]:
    """Returns precision, recall, density and coverage of each class (Naeem et al. 2020) by the name of the class.

    Args:
        generator: A generator with classes.
        data: Pictures of the same classes, such as `stylegen.dcgan.evaluating.training_data`.
        count: Most real pictures of a class, at random and without copies, and as many generated ones; 'count' in the
            result is how many there were.
        first_seed: The first seed of the pictures of each class.
        embedding: Whose vectors are compared; None: `mini`.

    Returns:
        Of each class 'count', 'precision', 'recall', 'density' and 'coverage'. A class with fewer than 7 pictures has
        only 'count'.

    Raises:
        UserError: The generator has no classes, or the data has others.

    Example:
        class_figures(load_generator('run'), training_data('run'))['faces']['coverage']
    """
    classes = generator.plan.classes
    if not classes or classes != tuple(data.classes) or data.labels is None:
        raise UserError('the generator and the data need the same classes')
    embedding = embedding or open_embedding('mini')
    found: dict[str, dict[str, float]] = {}
    for label, name in enumerate(classes):
        real = data.pictures(np.flatnonzero(data.labels == label))
        real = np.unique(real, axis=0)  # the nearest picture of a copy would be itself
        real = np.random.default_rng(0).permutation(real)[:count]
        number = len(real)
        found[name] = {'count': number}
        if number < NEIGHBOURS + 2:
            continue
        ours = drawn(generator, number, first_seed, np.full(number, label, np.int32))
        of_real, of_ours = (embed(images, [embedding]).vectors[embedding.name] for images in (real, ours))
        figures = precision_recall_density_coverage(of_real, of_ours)
        found[name] |= figures._asdict()
    return found


def class_table(figures: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Formats the result of `class_figures` as lines, a class each."""
    width = max(map(len, [*figures, 'class']))
    lines = [f'{"class":<{width}}  pictures  ' + '  '.join(f'{name:<9}' for name in COLUMNS)]
    for name, values in figures.items():
        cells = [f'{values[column]:<9.2f}' if column in values else f'{"":<9}' for column in COLUMNS]
        lines.append(f'{name:<{width}}  {values["count"]:<8}  {"  ".join(cells)}'.rstrip())
    return lines
