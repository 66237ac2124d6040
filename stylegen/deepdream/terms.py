"""The terms of a dream: a loss for every target, and masks of where each target acts."""

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

GUIDE_SIZE = 224  # longest side of a guide picture, in pixels (Mordvintsev et al.)


class TermMasks:
    """The masks of where terms act: of the regions, of what no region covers, and of the neurons, in this order.

    Args:
        regions: Masks, float32 (H, W) in [0, 1].
        neurons: (x, y) in [0, 1].
        rest: Whether a mask of what no region covers comes after the regions.
    """

    def __init__(self, regions: Sequence[np.ndarray], neurons: Sequence[tuple[float, float]], rest: bool):
        regions = list(regions)
        if rest:
            regions.append(np.clip(1 - np.sum(regions, axis=0), 0, 1))
        self.regions, self.neurons = regions, list(neurons)

    def __len__(self) -> int:
        return len(self.regions) + len(self.neurons)

    def resized(self, size: tuple[int, int]) -> np.ndarray:
        """The masks at (h, w), as float32 (1, h, w, number of masks). That of a neuron is one pixel."""
        masks = [np.clip(images.resize(mask, size), 0, 1) for mask in self.regions]
        for x, y in self.neurons:
            mask = np.zeros(size, np.float32)
            mask[round(y * (size[0] - 1)), round(x * (size[1] - 1))] = 1
            masks.append(mask)
        return np.stack(masks, -1)[None].astype(np.float32) if masks else np.zeros((1, *size, 0), np.float32)

    def shares(self) -> np.ndarray:
        """The share of the picture that each mask covers, as the root mean square of the mask. 1 for a neuron."""
        return np.array([*(np.sqrt(np.mean(np.square(mask))) for mask in self.regions), *(1.0 for _ in self.neurons)])


class MaskedExtractor:
    """An extractor that gives the masks of the terms beside its features, as the feature 'masks'."""

    def __init__(self, extractor: FeatureExtractor, masks: np.ndarray):
        self._extractor, self._masks = extractor, masks

    def __getattr__(self, name: str) -> Any:
        return getattr(self._extractor, name)

    def __call__(self, image: tf.Tensor) -> Features:
        """The features and the masks, for each picture of a batch."""
        return {**self._extractor(image), 'masks': tf.repeat(self._masks, tf.shape(image)[0], axis=0)}


def build_terms(
    subject: Subject, extractor: FeatureExtractor, guides: Sequence[np.ndarray], measure: str
) -> tuple[tuple[Term, ...], list[int | None], list[tuple[float, float]]]:
    """The terms, the number of each term's mask (None: it acts everywhere), and (x, y) of the neurons.

    The masks are those of `TermMasks`.

    Args:
        subject: What to dream of.
        extractor: A network with all layers of the subject.
        guides: Pictures, float32 (H, W, 3) in [0, 1].
        measure: One of `stylegen.losses.DREAM_MEASURES`, or 'auto': 'mean_square' of whole layers and 'mean' of
            channels, neurons and classes.
    """
    rest = len(subject.regions) if subject.has_rest else None
    first_neuron = len(subject.regions) + subject.has_rest
    terms: list[Term] = []
    mask_numbers: list[int | None] = []
    neurons: list[tuple[float, float]] = []

    def add(target: Target, weight: float, mask: int | None, prefix: str = '') -> None:
        if not weight:
            return
        if target.at:
            mask = first_neuron + len(neurons)
            neurons.append(target.at)
        kind = measure if measure != 'auto' else ('mean' if target.channels else 'mean_square')
        terms.append(Term(prefix + str(target), weight, dream_loss(target.layer, kind, target.channels, mask)))
        mask_numbers.append(mask)

    for target, weight in subject.targets.items():
        add(target, weight, rest)
    for number, region in enumerate(subject.regions):
        for target, weight in region.items():
            add(target, weight, number, f'region {number + 1} ')
    if guides:
        for target, weight in subject.guided.items():
            if weight:
                loss = guide_loss(target.layer, guide_vectors(extractor, guides, target.layer))
                terms.append(Term(f'guide {target}', weight, loss))
                mask_numbers.append(None)
    return tuple(terms), mask_numbers, neurons


def guide_vectors(extractor: FeatureExtractor, guides: Sequence[np.ndarray], layer: str) -> tf.Tensor:
    """The activations of a layer at every position of the guides, (positions, channels). Guides are resized first.

    Raises:
        UserError: A guide of GUIDE_SIZE pixels is too narrow for the layer.
    """
    vectors = []
    for number, guide in enumerate(guides):
        small = np.clip(images.resize(guide, images.fit(guide.shape, GUIDE_SIZE)), 0, 1)
        if min(small.shape[:2]) < extractor.min_size:
            raise UserError(
                f'guide {number + 1}, {guide.shape[1]} x {guide.shape[0]}, is too narrow: at {GUIDE_SIZE} '
                f'pixels its shorter side has fewer than {extractor.min_size}; crop it'
            )
        activation = extractor(tf.constant(small[None], tf.float32))[layer]
        vectors.append(tf.reshape(activation, [-1, activation.shape[-1]]))
    return tf.concat(vectors, 0)
