"""Find the pictures of the data that are nearest to generated ones, to see whether the generator copies its data."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from stylegen.datasets.imageset import ImageSet
from stylegen.images.pixels import from_uint8
from stylegen.images.sheets import contact_sheet
from stylegen.metrics.embeddings import Embedding, embed, open_embedding
from stylegen.utils.errors import UserError


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The nearest pictures to each of N pictures, the nearest first.

    Attributes:
        pictures: uint8 (N, count, H, W, C), of the data.
        distances: float32 (N, count), between vectors of the embedding.
    """

    pictures: np.ndarray
    distances: np.ndarray


def nearest(
    pictures: np.ndarray,
    data: ImageSet,
    *,
    count: int = 5,
    embedding: Embedding | None = None,
    progress: Callable[[int], None] | None = None,
) -> Neighbours:
    """Finds the pictures of a set that are nearest to given ones, by the features of a network.

    Args:
        pictures: uint8 (N, H, W, C).
        data: The set; all of it is looked at.
        count: Of each picture's neighbours.
        embedding: Whose vectors are compared, by Euclid's distance; None: `mini`.
        progress: Receives the number of pictures of the set that are embedded.

    Raises:
        UserError: The set has fewer pictures, or other channels.
    """
    if data.count < count or data.channels != pictures.shape[-1]:
        found = f'{data.count} pictures of {data.channels} channels'
        raise UserError(
            f'neighbours come from {count} pictures or more of {pictures.shape[-1]} channels; these are {found}'
        )
    embedding = embedding or open_embedding('mini')
    ours = embed(pictures, [embedding]).vectors[embedding.name]
    real = data.take(data.count)
    theirs = embed(real, [embedding], progress=progress).vectors[embedding.name]
    squares = np.square(ours).sum(1)[:, None] + np.square(theirs).sum(1) - 2 * ours @ theirs.T
    first = np.argsort(squares, 1, kind='stable')[:, :count]
    return Neighbours(real[first], np.sqrt(np.maximum(np.take_along_axis(squares, first, 1), 0)).astype(np.float32))


def sheet(pictures: np.ndarray, names: list[str], found: Neighbours) -> np.ndarray:
    """Draws a row for each picture, float32 (N, H, W, C) in [0, 1]: the picture, then its neighbours with distances."""
    cells, said = [], []
    for picture, name, others, distances in zip(pictures, names, found.pictures, found.distances, strict=True):
        cells += [picture, *from_uint8(others)]
        said += [name, *(f'at {distance:.3g}' for distance in distances)]
    return contact_sheet(cells, said, 1 + found.pictures.shape[1])
