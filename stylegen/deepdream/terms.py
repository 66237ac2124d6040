"""The terms of a dream: a loss for every target, with the masks that say where each of them acts."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from stylegen import images
from stylegen.deepdream.subject import Subject
from stylegen.deepdream.targets import Target
from stylegen.losses.features import Features, dream_loss, guide_loss
from stylegen.networks.extractor import FeatureExtractor
from stylegen.optimize.loop import Term
from stylegen.utils.backend import tf
from stylegen.utils.errors import UserError

GUIDE_SIZE = 224  # longest side of a guide picture, that of Mordvintsev et al.


class Places:
    """Where terms act: masks of regions, what no region covers, and neurons; rendered for every octave.

    Args:
        regions: Masks, float32 (H, W) in [0, 1].
        points: Neurons, as (x, y) in [0, 1].
        rest: Whether the last region is what no other covers.
    """

    def __init__(self, regions: Sequence[np.ndarray], points: Sequence[tuple[float, float]], rest: bool):
        regions = list(regions)
        if rest:
            regions.append(np.clip(1 - np.sum(regions, axis=0), 0, 1))
        self.regions, self.points = regions, list(points)

    def __len__(self) -> int:
        return len(self.regions) + len(self.points)

    def at(self, size: tuple[int, int]) -> np.ndarray:
        """The masks at (h, w), as float32 (1, h, w, number of places)."""
        masks = [np.clip(images.resize(mask, size), 0, 1) for mask in self.regions]
        for x, y in self.points:
            mask = np.zeros(size, np.float32)
            mask[round(y * (size[0] - 1)), round(x * (size[1] - 1))] = 1
            masks.append(mask)
        return np.stack(masks, -1)[None].astype(np.float32) if masks else np.zeros((1, *size, 0), np.float32)

    def shares(self) -> np.ndarray:
        """How much of the picture each place covers, as the root mean square of its mask; 1 for a neuron."""
        return np.array([*(np.sqrt(np.mean(np.square(mask))) for mask in self.regions), *(1.0 for _ in self.points)])


class PlacedExtractor:
    """An extractor whose features include the masks of the places that terms refer to; the rest is the extractor's."""

    def __init__(self, extractor: FeatureExtractor, masks: np.ndarray):
        self._extractor, self._masks = extractor, masks

    def __getattr__(self, name: str) -> Any:
        return getattr(self._extractor, name)

    def __call__(self, image: tf.Tensor) -> Features:
        """The features, and the masks, for each picture of a batch."""
        return {**self._extractor(image), 'masks': tf.repeat(self._masks, tf.shape(image)[0], axis=0)}


def build_terms(
    subject: Subject, extractor: FeatureExtractor, guides: Sequence[np.ndarray], measure: str
) -> tuple[tuple[Term, ...], list[int | None], list[tuple[float, float]]]:
    """The terms, the place of each of them, and the neurons among the places, which come after the regions.

    Args:
        subject: What to dream of.
        extractor: A network with all of the subject's layers.
        guides: Pictures, float32 (H, W, 3) in [0, 1].
        measure: One of `stylegen.losses.DREAM_MEASURES`; or 'auto': 'mean_square' of whole layers and 'mean' of
            channels, neurons and classes.
    """
    regions = list(subject.regions)
    rest = len(regions) if regions and subject.targets else None
    first_point = len(regions) + (rest is not None)
    terms: list[Term] = []
    where: list[int | None] = []
    points: list[tuple[float, float]] = []

    def add(target: Target, weight: float, place: int | None, prefix: str = '') -> None:
        if not weight:
            return
        if target.at:
            place = first_point + len(points)
            points.append(target.at)
        kind = measure if measure != 'auto' else ('mean' if target.channels else 'mean_square')
        terms.append(Term(prefix + str(target), weight, dream_loss(target.layer, kind, target.channels, place)))
        where.append(place)

    for target, weight in subject.targets.items():
        add(target, weight, rest)
    for number, region in enumerate(regions):
        for target, weight in region.items():
            add(target, weight, number, f'region {number + 1} ')
    if guides:
        for target, weight in subject.guided.items():
            if weight:
                loss = guide_loss(target.layer, guide_vectors(extractor, guides, target.layer))
                terms.append(Term(f'guide {target}', weight, loss))
                where.append(None)
    return tuple(terms), where, points


def guide_vectors(extractor: FeatureExtractor, guides: Sequence[np.ndarray], layer: str) -> tf.Tensor:
    """What a layer gives at every position of the guides, (Q, C); guides are brought to GUIDE_SIZE first."""
    vectors = []
    for number, guide in enumerate(guides):
        small = np.clip(images.resize(guide, images.fit(guide.shape, GUIDE_SIZE)), 0, 1)
        if min(small.shape[:2]) < extractor.min_size:
            raise UserError(
                f'guide {number + 1}, {guide.shape[1]} x {guide.shape[0]}, is too narrow: brought to {GUIDE_SIZE} '
                f'pixels it has fewer than {extractor.min_size} at its shorter side; crop it'
            )
        activation = extractor(tf.constant(small[None], tf.float32))[layer]
        vectors.append(tf.reshape(activation, [-1, activation.shape[-1]]))
    return tf.concat(vectors, 0)
