"""Distances between two sets of feature vectors (see `embeddings`), with NumPy alone, in float64."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from stylegen.utils.errors import UserError

SUBSETS, SUBSET_SIZE = 100, 1000  # of the kernel distance
NEIGHBOURS = 5  # k of precision, recall, density and coverage
_BLOCK = 2**23  # distances in memory at the same time: 64 MB


class Figure(NamedTuple):
    """A measured number.

    Attributes:
        value: The number.
        error: Its standard error, or None if there is no estimate.
        note: A caution about the number; '' if there is none.
    """

    value: float
    error: float | None = None
    note: str = ''


@dataclass(frozen=True, eq=False)
class Moments:
    """Count, mean and covariance of vectors.

    Attributes:
        count: The number of vectors.
        mean: float64 (D,).
        scatter: float64 (D, D), the sum over vectors of the products of their deviations from the mean.
    """

    count: int
    mean: np.ndarray
    scatter: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray) -> 'Moments':
        """Returns the moments of vectors (N, D), N at least 1."""
        features = _checked(features)
        mean = features.mean(0)
        centred = features - mean
        return cls(len(features), mean, centred.T @ centred)

    @property
    def covariance(self) -> np.ndarray:
        """The unbiased covariance, with the divisor N - 1.

        Raises:
            UserError: There is only one vector.
        """
        if self.count < 2:
            raise UserError('a covariance needs at least 2 pictures; give more')
        return self.scatter / (self.count - 1)


def frechet_distance(ours: Moments, theirs: Moments) -> Figure:
    """Returns the squared Frechet distance of two Gaussians, |m - m'|^2 + tr(S + S' - 2 (S S')^1/2).

    Dowson and Landau 1982, eq. 16; for features of Inception it is the FID of Heusel et al. 2017. tr (S S')^1/2 is the
    sum of the roots of the eigenvalues of S^1/2 S' S^1/2, which equals the sum of the singular values of S^1/2 S'^1/2.
    The singular values are used, because roots of eigenvalues that should be 0 would add the square roots of rounding
    errors.

    Args:
        ours, theirs: The moments of the two sets.

    Returns:
        The distance, never below 0. Its note says if a set has no more vectors than dimensions: then its covariance is
        singular, and the distance too large.

    Raises:
        UserError: A set has fewer than two vectors.
        ValueError: The sets differ in dimension.

    Example:
        frechet_distance(Moments.of(generated), Moments.of(real)).value
    """
    if ours.mean.shape != theirs.mean.shape:
        raise ValueError(f'features of {len(ours.mean)} and of {len(theirs.mean)} dimensions cannot be compared')
    spread, other = ours.covariance, theirs.covariance
    common = np.linalg.svd(_root(spread) @ _root(other), compute_uv=False).sum()
    distance = np.sum((ours.mean - theirs.mean) ** 2) + np.trace(spread) + np.trace(other) - 2 * common
    fewest, dimension, note = min(ours.count, theirs.count), len(ours.mean), ''
    if fewest <= dimension:
        note = f'{fewest} pictures for {dimension} dimensions: the covariance is singular and the distance too large'
    return Figure(max(0.0, float(distance)), note=note)


def _root(matrix: np.ndarray) -> np.ndarray:
    """Returns the square root of a positive semidefinite matrix. Eigenvalues within rounding errors of 0 become 0."""
    values, vectors = np.linalg.eigh(matrix)
    values[values < len(values) * np.finfo(values.dtype).eps * values[-1]] = 0
    return vectors * np.sqrt(values.clip(0)) @ vectors.T


def kernel_distance(
    ours: np.ndarray, theirs: np.ndarray, *, subsets: int = SUBSETS, subset_size: int = SUBSET_SIZE, seed: int = 0
) -> Figure:
    """Returns the unbiased squared maximum mean discrepancy with the kernel (x.y / D + 1)^3, averaged over subsets.

    Binkowski et al. 2018, "Demystifying MMD GANs", section 4 and appendix D; for features of Inception it is the KID.
    For two sets of one distribution its expectation is 0, however few vectors there are, so it may be negative.

    Args:
        ours, theirs: (N, D) and (M, D), at least 2 vectors each.
        subsets: The number of subsets of each set.
        subset_size: Vectors in a subset, drawn without replacement; at most as many as the smaller set has.
        seed: Of the subsets.

    Returns:
        The mean and its standard error. The error covers the choice of subsets, not the choice of the sets.

    Raises:
        UserError: A set has fewer than two vectors.

    Example:
        kernel_distance(generated, real).value
    """
    ours, theirs = _checked(ours), _checked(theirs)
    size = min(subset_size, len(ours), len(theirs))
    if size < 2:
        raise UserError('a kernel distance needs at least 2 pictures of each kind; give more')
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(subsets):
        x, y = (each[rng.choice(len(each), size, replace=False)] for each in (ours, theirs))
        values.append(_mean_within(x) + _mean_within(y) - 2 * _kernel(x, y).mean())
    error = float(np.std(values, ddof=1) / subsets**0.5) if subsets > 1 else None
    return Figure(float(np.mean(values)), error)


def _kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (x @ y.T / x.shape[1] + 1) ** 3


def _mean_within(x: np.ndarray) -> float:
    """Returns the mean of the kernel over pairs of different vectors."""
    kernel = _kernel(x, x)
    return (kernel.sum() - np.trace(kernel)) / (len(x) * (len(x) - 1))


class Coverage(NamedTuple):
    """The result of `precision_recall_density_coverage`. Each number is at most about 1, its value for equal sets."""

    precision: float
    recall: float
    density: float
    coverage: float


def precision_recall_density_coverage(
    real: np.ndarray, generated: np.ndarray, neighbours: int = NEIGHBOURS
) -> Coverage:
    """Measures fidelity and variety separately, by balls that reach from each vector to its k-th nearest neighbour.

    The neighbour is of the same set. Precision is the share of generated vectors in a ball of a real one, and recall
    the reverse: Kynkaanniemi et al. 2019, "Improved precision and recall metric for assessing generative models", eqs.
    1 and 2. Density is the number of real balls that contain a generated vector, over k, and coverage the share of real
    balls that contain a generated vector: Naeem et al. 2020, "Reliable fidelity and diversity metrics for generative
    models", eqs. 3 and 4. For sets of one distribution the expectations of the last two are known: 1, and 1 - 2^-k for
    many vectors.

    Args:
        real, generated: (N, D) and (M, D). Distances are computed in blocks, so memory does not grow with N M.
        neighbours: k; Naeem et al. take 5, Kynkaanniemi et al. 3.

    Raises:
        UserError: A set has no more than `neighbours` vectors.

    Example:
        precision_recall_density_coverage(real, generated).recall
    """
    real, generated = _checked(real), _checked(generated)
    if min(len(real), len(generated)) <= neighbours:
        raise UserError(
            f'{neighbours} nearest neighbours take more than {neighbours} pictures of each kind; '
            f'there are {len(real)} real and {len(generated)} generated'
        )
    radii, own_radii = _ball_radii(real, neighbours), _ball_radii(generated, neighbours)
    holding = np.zeros(len(generated), int)  # the number of real balls that contain each generated vector
    recalled, covered = np.empty(len(real), bool), np.empty(len(real), bool)
    for rows, squares in _square_distances(real, generated):
        inside = squares < radii[rows, None]
        holding += inside.sum(0)
        covered[rows] = inside.any(1)
        recalled[rows] = (squares < own_radii).any(1)
    shares = (holding > 0).mean(), recalled.mean(), holding.mean() / neighbours, covered.mean()
    return Coverage(*(float(share) for share in shares))


def _ball_radii(features: np.ndarray, neighbours: int) -> np.ndarray:
    """Returns the squared distance of each vector to its k-th nearest other, (N,)."""
    radii = np.empty(len(features))
    for rows, squares in _square_distances(features, features):
        radii[rows] = np.partition(squares, neighbours, axis=1)[:, neighbours]  # the nearest is the vector itself
    return radii


def diversity(features: np.ndarray) -> float:
    """Returns the mean distance of two different vectors of a set (N, D). It is near 0 for a collapsed generator.

    Raises:
        UserError: There are fewer than two.
    """
    features = _checked(features)
    if len(features) < 2:
        raise UserError('diversity needs at least 2 pictures; give more')
    total = sum(np.sqrt(squares).sum() for _, squares in _square_distances(features, features))
    return float(total / (len(features) * (len(features) - 1)))


def _square_distances(ours: np.ndarray, theirs: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Yields squared distances of all pairs, block by block: the rows of the block, and (rows, M)."""
    centre = theirs.mean(0)  # the difference of large squares would lose all digits
    ours, theirs = ours - centre, theirs - centre
    norms = np.square(theirs).sum(1)
    step = max(1, _BLOCK // len(theirs))
    for start in range(0, len(ours), step):
        part = ours[start : start + step]
        squares = part @ theirs.T
        squares *= -2
        squares += norms
        squares += np.square(part).sum(1)[:, None]
        yield slice(start, start + len(part)), np.maximum(squares, 0, out=squares)


def _checked(features: np.ndarray) -> np.ndarray:
    """Returns features as float64 (N, D).

    Raises:
        ValueError: Another shape, no vectors, or values that are not finite.
    """
    features = np.asarray(features, np.float64)
    if features.ndim != 2 or 0 in features.shape:
        raise ValueError(f'expected features of shape (pictures, dimensions), got {features.shape}')
    if not np.isfinite(features).all():
        raise ValueError('features are not finite (NaN or infinite)')
    return features
