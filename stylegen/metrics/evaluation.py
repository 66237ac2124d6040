"""Compares generated pictures with real ones. Each figure comes with what a reader needs to judge it."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from stylegen.metrics.distances import (
    NEIGHBOURS,
    SUBSET_SIZE,
    SUBSETS,
    Figure,
    Moments,
    diversity,
    frechet_distance,
    kernel_distance,
    precision_recall_density_coverage,
)
from stylegen.metrics.embeddings import BATCH, Embedded, Embedding, Images, embed, open_embedding
from stylegen.utils.errors import UserError

FIGURES = {  # figure -> which values are better
    'fid': 'lower',
    'kid': 'lower',
    'precision': 'higher',
    'recall': 'higher',
    'density': 'higher',
    'coverage': 'higher',
    'diversity': 'near the floor',
}
FEATURES = ('mini',)  # the default embeddings
MAX_PAIRED = 10_000  # most pictures for figures that need all pairs
_MIN_PICTURES = 4  # so that both halves have two pictures
Progress = Callable[[str, int], None]


class Evaluator:
    """Embeds real pictures once, and compares sets of generated ones with them.

    Each figure is given with two others of the same kind. Its floor is the figure of other real pictures, so that
    nobody mistakes the effect of the sample size for an error. Its ceiling is the figure of noise.

    Args:
        reference: Real pictures, uint8 (N, H, W, 1 or 3) or an iterable of such batches.
        features: Keys of `embeddings.EMBEDDINGS`, or open embeddings.
        split: The name of the reference in the record, such as 'train'.
        other: Other real pictures, for the floor. None compares two halves of the reference; halves are smaller, so the
            floor of a Frechet distance is then too high.
        other_split: Their name, such as 'test'.
        seed: Of the halves, the noise and all other draws.
        neighbours: k of precision, recall, density and coverage; reduced if a set is too small.
        subsets, subset_size: Of the kernel distance.
        progress: Called with the name of a set and the number of its pictures that are embedded.

    Raises:
        UserError: There are too few pictures, or the sets have different picture sizes.

    Example:
        evaluate = Evaluator(real_pictures, split='train')
        evaluate(generated_pictures)['fid_mini']['value']
    """

    def __init__(
        self,
        reference: Images,
        features: Sequence[str | Embedding] = FEATURES,
        *,
        split: str = 'reference',
        other: Images | None = None,
        other_split: str = 'other real pictures',
        seed: int = 0,
        neighbours: int = NEIGHBOURS,
        subsets: int = SUBSETS,
        subset_size: int = SUBSET_SIZE,
        progress: Progress | None = None,
    ):
        self.embeddings = [open_embedding(each) if isinstance(each, str) else each for each in features]
        self.split, self.seed, self.neighbours = split, seed, neighbours
        self._kernel = {'subsets': subsets, 'subset_size': subset_size}
        self._progress = progress
        self._real = self._embed(split, reference)
        count = self._real.count
        if count < _MIN_PICTURES:
            raise UserError(f'an evaluation needs at least {_MIN_PICTURES} real pictures; there are {count}')
        if other is None:
            order = np.random.default_rng([seed, 1]).permutation(count)
            against, floor_pictures = _subset(self._real, order[: count // 2]), _subset(self._real, order[count // 2 :])
            self._floor_of = f'halves of {split}: {floor_pictures.count} against {against.count}'
        else:
            against, floor_pictures = self._real, self._embed(other_split, other)
            self._same_shape(floor_pictures, other_split)
            self._floor_of = f'{other_split} against {split}: {floor_pictures.count} against {against.count}'
        noise = self._embed('noise', _noise(floor_pictures.count, self._real.shape, seed))
        self._ceiling_of = f'uniform noise against {split}: {noise.count} against {count}'
        self._floor, self._ceiling = self._figures(against, floor_pictures), self._figures(self._real, noise)

    def __call__(self, generated: Images) -> dict[str, dict[str, Any]]:
        """Returns the figures of a set of generated pictures.

        Args:
            generated: uint8 (N, H, W, 1 or 3) or an iterable of such batches.

        Returns:
            {'fid_mini': record, 'kid_mini': ..., ...}: each of `FIGURES` with each embedding, ready for JSON. The name
            includes the embedding, because only a Frechet distance on the published Inception's features is a FID. A
            record has 'value', 'error' (standard error or None), 'note', 'better', 'floor' and 'ceiling' with
            'floor_of' and 'ceiling_of' in words, 'features' (name, layer, dimensions, sha256 of the weights), 'resize',
            'generated' and 'reference' (numbers of pictures), 'split', 'image_size', 'settings' and 'seed'.

        Raises:
            UserError: There are too few pictures, or their size differs from the reference's.
        """
        embedded = self._embed('generated', generated)
        self._same_shape(embedded, 'generated')
        records = {}
        for embedding in self.embeddings:
            found = self._figures(self._real, embedded)[embedding.name]
            facts = {
                'features': {
                    'name': embedding.name,
                    'layer': embedding.layer,
                    'dimensions': embedding.dimension,
                    'sha256': embedding.source.sha256,
                },
                'resize': embedding.resize,
                'split': self.split,
                'image_size': list(embedded.shape),
                'seed': self.seed,
            }
            for name, (figure, settings) in found.items():
                records[f'{name}_{embedding.name}'] = {
                    **figure._asdict(),
                    'better': FIGURES[name],
                    'floor': self._floor[embedding.name][name][0].value,
                    'floor_of': self._floor_of,
                    'ceiling': self._ceiling[embedding.name][name][0].value,
                    'ceiling_of': self._ceiling_of,
                    **settings,
                    **facts,
                }
        return records

    def _embed(self, what: str, images: Images) -> Embedded:
        report = functools.partial(self._progress, what) if self._progress else None
        return embed(images, self.embeddings, progress=report)

    def _same_shape(self, embedded: Embedded, what: str) -> None:
        if embedded.shape != self._real.shape:
            ours, theirs = ('x'.join(map(str, each.shape)) for each in (embedded, self._real))
            raise UserError(f'the {what} pictures are {ours}, those of {self.split} {theirs}; bring them to one size')

    def _figures(self, real: Embedded, generated: Embedded) -> dict[str, dict[str, tuple[Figure, Mapping]]]:
        """Returns, by embedding and name, each figure, and the numbers of pictures and settings behind it."""
        return {
            embedding.name: self._compare(real.vectors[embedding.name], generated.vectors[embedding.name])
            for embedding in self.embeddings
        }

    def _compare(self, real: np.ndarray, generated: np.ndarray) -> dict[str, tuple[Figure, Mapping]]:
        if len(generated) < 2:
            raise UserError('an evaluation needs at least 2 pictures of each kind; give more')
        few, few_generated = (_sample(vectors, self.seed) for vectors in (real, generated))
        neighbours = min(self.neighbours, len(few) - 1, len(few_generated) - 1)
        coverage = precision_recall_density_coverage(few, few_generated, neighbours)
        kernel = self._kernel | {'subset_size': min(self._kernel['subset_size'], len(real), len(generated))}
        everything = {'generated': len(generated), 'reference': len(real)}
        some = {'generated': len(few_generated), 'reference': len(few)}
        return {
            'fid': (frechet_distance(Moments.of(generated), Moments.of(real)), everything | {'settings': {}}),
            'kid': (
                kernel_distance(generated, real, **kernel, seed=self.seed),
                everything | {'settings': {**kernel, 'degree': 3}},
            ),
            **{
                name: (Figure(value), some | {'settings': {'neighbours': neighbours}})
                for name, value in coverage._asdict().items()
            },
            'diversity': (Figure(diversity(few_generated)), some | {'settings': {}}),
        }


def _subset(embedded: Embedded, chosen: np.ndarray) -> Embedded:
    return Embedded(embedded.shape, {name: vectors[chosen] for name, vectors in embedded.vectors.items()})


def _sample(vectors: np.ndarray, seed: int) -> np.ndarray:
    """Returns at most `MAX_PAIRED` vectors, drawn by the seed, in their order."""
    if len(vectors) <= MAX_PAIRED:
        return vectors
    return vectors[np.sort(np.random.default_rng([seed, 2]).choice(len(vectors), MAX_PAIRED, replace=False))]


def _noise(count: int, shape: tuple[int, int, int], seed: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng([seed, 3])
    for start in range(0, count, BATCH):
        yield rng.integers(0, 256, (min(BATCH, count - start), *shape), np.uint8)
