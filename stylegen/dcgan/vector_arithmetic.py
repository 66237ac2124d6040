"""Add and subtract latent vectors, as in 'man with glasses' - 'man' + 'woman'."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stylegen.dcgan.latent_vectors import latents
from stylegen.dcgan.load import Generator
from stylegen.dcgan.opening import labels_of, parse_seeds
from stylegen.images.sheets import contact_sheet
from stylegen.utils.errors import UserError
from stylegen.utils.settings import Settings, setting, takes

_TERM = re.compile(r'\s*([+-])?\s*(?:([0-9]*\.?[0-9]+)\s*\*\s*)?(?:mean\(([^()]*)\)|([0-9]+))\s*')


@dataclass(frozen=True)
class Term:
    """A factor times the mean of the vectors of seeds."""

    factor: float
    seeds: tuple[int, ...]

    def __str__(self) -> str:
        """Returns the term as a user types it, with its sign."""
        size = abs(self.factor)
        seeds = ','.join(map(str, self.seeds))
        return f'{"-" if self.factor < 0 else "+"} ' + ('' if size == 1 else f'{size:g}*') + f'mean({seeds})'


@dataclass(frozen=True, eq=False)
class Sum:
    """The result of an expression; pictures are float32 (N, H, W, C) in [0, 1].

    Attributes:
        terms: What was added up.
        parents: The pictures of each term's seeds.
        means: The picture of each term's mean, without its factor.
        result: The picture of the sum, (1, H, W, C).
        around: Pictures of vectors close to it.
        given: The sum, float32 (width,), see `Generator.given`.
    """

    terms: tuple[Term, ...]
    parents: tuple[np.ndarray, ...]
    means: np.ndarray
    result: np.ndarray
    around: np.ndarray
    given: np.ndarray


def parse_expression(text: str) -> tuple[Term, ...]:
    """Parses an expression such as 'mean(1,4,7) - mean(2,3) + 0.5*mean(9) + 12'; seeds may be ranges.

    Raises:
        UserError: The text is not an expression.
    """
    terms: list[Term] = []
    place = 0
    while place < len(text.rstrip()) or not terms:
        match = _TERM.match(text, place)
        if not match or (terms and not match[1]):
            at = f', which goes wrong at {text[place:].strip()[:20]!r}' if text.strip() else ''
            raise UserError(f"expected --expression='mean(1,4,7) - mean(2,3) + mean(9)', got {text!r}{at}")
        sign, factor, inside, single = match.groups()
        value = float(factor or 1) * (-1 if sign == '-' else 1)
        terms.append(Term(value, tuple(parse_seeds(single if inside is None else inside, 'expression'))))
        place = match.end()
    return tuple(terms)


@dataclass(frozen=True, kw_only=True)
class ArithmeticSettings(Settings):
    """The pictures near a sum."""

    around: int = setting(8, 'pictures near the sum', group='Sum', at_least=0, at_most=1000)
    noise: float = setting(
        0.25, 'greatest distance of these pictures from the sum, in each entry of the vector', group='Sum', at_least=0
    )
    seed: int = setting(0, 'seed of this noise', group='Sum', at_least=0)


@takes(ArithmeticSettings)
def arithmetic(
    generator: Generator,
    terms: Sequence[Term],
    labels: str | np.ndarray | None = None,
    *,
    settings: ArithmeticSettings,
) -> Sum:
    """Adds up means of latent vectors (Radford et al. 2016, section 6.3.2).

    The paper takes the mean of three vectors for each concept, for those of single pictures are not stable; and shows
    the sum with eight others about it, which have uniform noise of 0.25 to either side. The learned vectors of classes
    are added up as the latents are.

    Args:
        generator: From `open_generator` or `load_generator`.
        terms: See `parse_expression`.
        labels: Classes of the seeds, in turn over all terms, see `labels_of`.
        {settings}

    Raises:
        UserError: There are no such classes.

    Example:
        total = arithmetic(open_generator(), parse_expression('mean(1,4,7) - mean(2,3) + 9'))
    """
    seeds = [seed for term in terms for seed in term.seeds]
    given = generator.given(latents(seeds, generator.latent_dim), labels_of(generator, seeds, labels))
    groups = np.split(given, np.cumsum([len(term.seeds) for term in terms])[:-1])
    means = np.stack([group.mean(0, dtype=np.float64) for group in groups])
    total = np.array([term.factor for term in terms]) @ means
    near, width, noise = np.repeat(total[None], settings.around, 0), generator.latent_dim, settings.noise
    near[:, :width] += np.random.default_rng([settings.seed, 5]).uniform(-noise, noise, (settings.around, width))
    return Sum(
        tuple(terms),
        tuple(generator.draw(group) for group in groups),
        generator.draw(means.astype(np.float32)),
        generator.draw(total[None].astype(np.float32)),
        generator.draw(near.astype(np.float32)),
        total.astype(np.float32),
    )


def sheet(found: Sum) -> np.ndarray:
    """Draws a sheet: a row for each term with its seeds and their mean, then the sum and the pictures near it."""
    columns = max([len(term.seeds) for term in found.terms] + [min(len(found.around), 4)]) + 1
    blank = np.ones(found.result.shape[1:], np.float32)
    cells, said = [], []
    for term, parents, mean in zip(found.terms, found.parents, found.means, strict=True):
        empty = columns - 1 - len(parents)
        cells += [*parents, *[blank] * empty, mean]
        said += [f'seed {seed}' for seed in term.seeds] + [''] * empty + [str(term)]
    cells += [found.result[0], *found.around]
    said += ['the sum', *['near it'] * len(found.around)]
    return contact_sheet(cells, said, columns)
