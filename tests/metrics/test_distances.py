"""Figures on vectors: against closed forms, SciPy, loops, and what is expected of two sets of one distribution."""

import itertools

import numpy as np
import pytest
import scipy.linalg

from stylegen import metrics
from stylegen.metrics import Moments, distances
from stylegen.utils.errors import UserError

RNG = np.random.default_rng(0)


def normal(count, depth, seed=0, mean=0.0, scale=1.0):
    return mean + scale * np.random.default_rng(seed).normal(size=(count, depth))


def gaussian(mean, spread, count=10_000):
    """Moments of just this mean and covariance."""
    return Moments(count, np.asarray(mean, float), np.asarray(spread, float) * (count - 1))


def random_spread(depth, rank, seed):
    parts = np.random.default_rng(seed).normal(size=(depth, rank))
    return parts @ parts.T / rank


def frechet(ours, theirs):
    return metrics.frechet_distance(Moments.of(ours), Moments.of(theirs))


def test_moments_are_those_of_numpy():
    features = (1e4 + normal(37, 6)).astype(np.float32)  # a mean that would swamp a sum of squares in float32
    found = Moments.of(features)
    assert found.count == 37
    assert np.allclose(found.mean, features.mean(0, np.float64), rtol=1e-13)
    assert np.allclose(found.covariance, np.cov(features.astype(np.float64), rowvar=False), rtol=1e-9)
    with pytest.raises(UserError, match='2 pictures'):
        _ = Moments.of(normal(1, 3)).covariance


@pytest.mark.parametrize('bad', [np.full((3, 2), np.nan), np.zeros((0, 2)), np.zeros(3)])
def test_what_are_no_vectors_is_refused(bad):
    with pytest.raises(ValueError, match='features'):
        Moments.of(bad)


def test_the_frechet_distance_of_shifted_gaussians_is_the_square_of_the_shift():
    shift = RNG.normal(size=9)
    value = metrics.frechet_distance(gaussian(np.zeros(9), np.eye(9)), gaussian(shift, np.eye(9))).value
    assert np.isclose(value, np.sum(shift**2), rtol=1e-12)


def test_the_frechet_distance_of_round_gaussians_goes_by_their_radii():
    ours, theirs = gaussian(np.zeros(7), 2.0 * np.eye(7)), gaussian(np.zeros(7), 5.0 * np.eye(7))
    assert np.isclose(metrics.frechet_distance(ours, theirs).value, 7 * (2**0.5 - 5**0.5) ** 2, rtol=1e-12)


def test_the_frechet_distance_of_commuting_covariances_goes_by_their_eigenvalues():
    basis = np.linalg.qr(RNG.normal(size=(8, 8)))[0]
    a, b = RNG.uniform(0.1, 3, (2, 8))
    ours, theirs = (gaussian(np.ones(8), basis * values @ basis.T) for values in (a, b))
    expected = np.sum((np.sqrt(a) - np.sqrt(b)) ** 2)
    assert np.isclose(metrics.frechet_distance(ours, theirs).value, expected, rtol=1e-10)


@pytest.mark.parametrize('seed', range(3))
def test_the_frechet_distance_is_that_of_scipys_root(seed):
    a, b = random_spread(20, 60, seed), random_spread(20, 60, seed + 100)
    means = np.random.default_rng(seed).normal(size=(2, 20))
    expected = np.sum((means[0] - means[1]) ** 2) + np.trace(a + b - 2 * np.real(scipy.linalg.sqrtm(a @ b)))
    assert np.isclose(metrics.frechet_distance(gaussian(means[0], a), gaussian(means[1], b)).value, expected, rtol=1e-9)


@pytest.mark.parametrize('count', [3, 40, 400])  # fewer vectors than dimensions, about as many, more
def test_the_frechet_distance_is_symmetric_and_0_for_the_same_set(count):
    ours, theirs = 30 * normal(count, 40), 30 * normal(count, 40, seed=1) + 1
    assert frechet(ours, ours).value < 1e-6
    assert np.isclose(frechet(ours, theirs).value, frechet(theirs, ours).value, rtol=1e-9)
    assert frechet(ours, theirs).value > 40


def test_too_few_vectors_give_a_finite_distance_that_is_too_large_and_say_so():
    few, many = normal(20, 40), normal(4000, 40, seed=1)
    enough = frechet(normal(2000, 40, seed=2), many)
    scarce = frechet(few, many)
    assert np.isfinite(scarce.value) and scarce.value > 10 * enough.value
    assert '20 pictures for 40 dimensions' in scarce.note and enough.note == ''


def test_sets_without_any_spread_have_the_distance_of_their_means():
    assert np.isclose(frechet(np.zeros((5, 3)), np.full((6, 3), 2.0)).value, 12)


def test_features_of_other_dimensions_are_refused():
    with pytest.raises(ValueError, match='3 and of 4'):
        frechet(normal(9, 3), normal(9, 4))


def loops(x, y):
    """The unbiased estimate in other words."""
    k = lambda a, b: (np.dot(a, b) / len(a) + 1) ** 3
    pairs = lambda z: np.mean([k(a, b) for (i, a), (j, b) in itertools.product(enumerate(z), repeat=2) if i != j])
    return pairs(x) + pairs(y) - 2 * np.mean([k(a, b) for a in x for b in y])


def test_the_kernel_distance_of_whole_sets_is_that_of_loops():
    x, y = normal(11, 5), normal(11, 5, seed=1, mean=0.5)
    found = metrics.kernel_distance(x, y, subsets=3)
    assert np.isclose(found.value, loops(x, y), rtol=1e-10) and found.error < 1e-12  # each subset is the whole set


def test_the_kernel_distance_of_two_points_has_its_closed_form():
    a, b = np.array([1.0, 2.0, -1.0]), np.array([0.5, 0.0, 3.0])
    k = lambda x, y: (x @ y / 3 + 1) ** 3
    found = metrics.kernel_distance(np.tile(a, (9, 1)), np.tile(b, (7, 1)), subsets=2)
    assert np.isclose(found.value, k(a, a) + k(b, b) - 2 * k(a, b))


def test_the_kernel_distance_of_one_distribution_is_0_in_the_mean_and_negative_at_times():
    values = np.array(
        [metrics.kernel_distance(normal(60, 8, 2 * s), normal(60, 8, 2 * s + 1), subsets=1).value for s in range(100)]
    )
    assert abs(values.mean()) < 4 * values.std() / 10
    assert (values < 0).any() and (values > 0).any()
    apart = [metrics.kernel_distance(normal(60, 8, s), normal(60, 8, s + 500, 0.5), subsets=1).value for s in range(9)]
    assert min(apart) > values.max()


def test_the_error_of_the_kernel_distance_covers_the_draw_of_subsets_and_the_seed_decides():
    x, y = normal(300, 6), normal(200, 6, seed=1, mean=0.2)
    draws = [metrics.kernel_distance(x, y, subsets=30, subset_size=50, seed=seed) for seed in range(20)]
    spread = np.std([draw.value for draw in draws], ddof=1)
    assert 0.5 < spread / np.mean([draw.error for draw in draws]) < 2  # a chi of 19 degrees is within 0.5 and 1.6
    assert draws[0] == metrics.kernel_distance(x, y, subsets=30, subset_size=50, seed=0)
    assert draws[0] != draws[1]
    with pytest.raises(UserError, match='2 pictures'):
        metrics.kernel_distance(x[:1], y)


def brute(real, generated, k):
    """The four figures straight from their definitions, with all distances at hand."""
    between = lambda a, b: np.linalg.norm(a[:, None] - b[None], axis=-1)
    reach = lambda a: np.sort(between(a, a), axis=1)[:, k]
    d, real_reach, own_reach = between(real, generated), reach(real), reach(generated)
    inside = d < real_reach[:, None]
    return inside.any(0).mean(), (d < own_reach).any(1).mean(), inside.sum(0).mean() / k, inside.any(1).mean()


@pytest.mark.parametrize('block', [1, 500, 2**23])
def test_precision_recall_density_coverage_are_their_definitions_whatever_the_blocks(block, monkeypatch):
    monkeypatch.setattr(distances, '_BLOCK', block)
    real, generated = normal(70, 4, mean=100), normal(90, 4, seed=1, mean=100.7, scale=0.6)
    for k in (1, 5):
        found = metrics.precision_recall_density_coverage(real, generated, k)
        assert np.allclose(found, brute(real, generated, k), rtol=1e-12)
        back = metrics.precision_recall_density_coverage(generated, real, k)
        assert (found.precision, found.recall) == (back.recall, back.precision)


def test_density_and_coverage_of_one_distribution_have_the_expectations_of_naeem():
    """Whatever the distribution: E[density] = 1 and E[coverage] = 1 - (N-1)...(N-k) / (M+N-1)...(M+N-k).

    The tolerance is four standard errors of the mean over repeats.
    """
    n, m, k = 120, 100, 5
    expected = 1 - np.prod([(n - i) / (m + n - i) for i in range(1, k + 1)])
    found = np.array(
        [
            metrics.precision_recall_density_coverage(normal(n, 12, 2 * s), normal(m, 12, 2 * s + 1), k)
            for s in range(100)
        ]
    )
    error = found.std(0, ddof=1) / 10
    assert abs(found[:, 2].mean() - 1) < 4 * error[2] < 0.1
    assert abs(found[:, 3].mean() - expected) < 4 * error[3] < 0.02
    assert abs(found[:, 0].mean() - found[:, 1].mean()) < 0.1  # precision and recall differ by the sizes alone


def test_fidelity_and_variety_are_told_apart():
    real = np.concatenate([normal(200, 8, s, mean=20.0 * s) for s in range(3)])  # three modes
    one_mode, far = normal(300, 8, 7), normal(300, 8, 8, mean=-50.0)
    found = metrics.precision_recall_density_coverage(real, one_mode)
    assert found.precision > 0.8 and found.recall < 0.4 and found.coverage < 0.4
    assert metrics.precision_recall_density_coverage(real, far) == (0, 0, 0, 0)
    same = metrics.precision_recall_density_coverage(real, real)
    assert same.precision == same.recall == same.coverage == 1
    collapsed = metrics.precision_recall_density_coverage(real, np.tile(real[:1], (300, 1)))
    assert collapsed.recall <= 0.02 and collapsed.coverage < 0.1


def test_neighbours_need_more_pictures_than_there_are_of_them():
    with pytest.raises(UserError, match='more than 5 pictures of each kind; there are 5 real and 9 generated'):
        metrics.precision_recall_density_coverage(normal(5, 2), normal(9, 2))


def test_diversity_is_the_mean_distance_of_pairs():
    features = normal(30, 5, mean=50)
    pairs = [np.linalg.norm(a - b) for a, b in itertools.combinations(features, 2)]
    assert np.isclose(metrics.diversity(features), np.mean(pairs), rtol=1e-6)
    assert metrics.diversity(np.tile(features[:1], (30, 1))) < 1e-6
    assert np.isclose(metrics.diversity(3 * features), 3 * metrics.diversity(features), rtol=1e-6)
    with pytest.raises(UserError, match='2 pictures'):
        metrics.diversity(features[:1])
