"""Losses on sums over positions: against NumPy in float64, finite differences, SciPy, and laws that must hold."""

import numpy as np
import pytest
import scipy.linalg

from stylegen.losses import moments, statistics, wasserstein
from stylegen.losses.histograms import HISTOGRAM_BINS, histogram
from stylegen.utils.backend import tf
from tests.losses.test_matrix_roots import random_covariance

RNG = np.random.default_rng(0)
MIX = np.eye(5) + 0.3 * RNG.uniform(size=(5, 5))  # channels that go together
PICTURE = np.abs(RNG.normal(size=(1, 7, 9, 5))) @ MIX
STYLE = np.abs(RNG.normal(size=(1, 6, 8, 5))) ** 1.5 @ MIX.T
MASK = RNG.uniform(size=(1, 7, 9, 1))
STYLE_LOSSES = list(statistics.STYLE_LOSSES)
REGIONS = [None, 0]


def seen(activation, mask=MASK):
    """Features of one layer, 'x', and how much each position counts for region 0."""
    return {'x': tf.constant(activation), ('weights', 'x'): tf.constant(mask, tf.constant(activation).dtype)}


def target_of(activation):
    """All that any of the losses wants of a style, its roots in the precision of the features."""
    target, dtype = moments.moments(seen(activation), 'x'), tf.constant(activation).dtype
    variances = tf.linalg.diag_part(moments.covariance(target))[0]
    target |= wasserstein.wasserstein_target(target, dtype)
    target['top'] = tf.cast(moments.mean(target)[0] + 6 * tf.sqrt(variances), dtype)
    target['histogram'] = histogram(seen(activation), 'x', target['top'])
    return target


def loss_of(name, style=STYLE, region=None):
    return statistics.STYLE_LOSSES[name]('x', target_of(style), region)


def numpy_moments(a, region=None, mask=MASK):
    """Weighted mean and covariance of the channels, and the weighted mean of their products, in float64."""
    flat = a.reshape(-1, a.shape[-1]).astype(np.float64)
    weights = np.ones(len(flat)) if region is None else mask.ravel().astype(np.float64)
    weights = weights / weights.sum()
    mean = weights @ flat
    centred = flat - mean
    return mean, (centred * weights[:, None]).T @ centred, (flat * weights[:, None]).T @ flat


def numpy_wasserstein(a, b):
    """The square of the distance of two Gaussians, each a mean and a covariance."""
    (mean, covariance), (wanted, other) = a, b
    root = scipy.linalg.sqrtm(other)
    cross = scipy.linalg.sqrtm(root @ covariance @ root)
    return np.sum((mean - wanted) ** 2) + np.trace(covariance + other - 2 * np.real(cross))


def numpy_matched(a, style, region=None, mask=MASK):
    """Each value of a picture replaced by the style's of the same quantile, both from histograms of 256 bins."""
    bins, matched = HISTOGRAM_BINS, np.empty_like(a)
    flat, theirs = a.reshape(-1, a.shape[-1]), style.reshape(-1, style.shape[-1])
    weights = np.ones(len(flat)) if region is None else mask.ravel()
    for channel in range(a.shape[-1]):
        top = theirs[:, channel].mean() + 6 * theirs[:, channel].std()

        def below(values, weights, top=top):
            counts = np.histogram((values / top).clip(0, 1), bins, (0, 1), weights=weights)[0]
            shares = counts / counts.sum() + 1e-6
            return np.append(0, np.cumsum(shares / shares.sum()))

        ours, wanted = below(flat[:, channel], weights), below(theirs[:, channel], np.ones(len(theirs)))
        moved = np.interp(ours, wanted, np.linspace(0, top, bins + 1))
        matched[..., channel] = np.interp(a[..., channel], np.linspace(0, top, bins + 1), moved)
    return matched


def numpy_loss(name, a, style, region=None, fixed=None):
    """Each loss in other words; `fixed` is the matched activation of the histogram loss, if it is not `a`'s own."""
    mean, covariance, gram = numpy_moments(a, region)
    wanted, other, wanted_gram = numpy_moments(style)
    relative = lambda x, y: np.sum((x - y) ** 2) / np.sum(y**2)
    if name == 'gram':
        return relative(gram, wanted_gram)
    if name == 'covariance':
        return (relative(mean, wanted) + relative(covariance, other)) / 2
    if name == 'wasserstein':
        return numpy_wasserstein((mean, covariance), (wanted, other)) / (np.sum(wanted**2) + np.trace(other))
    fixed = numpy_matched(a, style, region) if fixed is None else fixed
    weights = np.ones_like(MASK) if region is None else MASK
    return np.sum(weights * (a - fixed) ** 2) / weights.sum() / np.trace(wanted_gram)


@pytest.mark.parametrize('region', REGIONS)
def test_moments_match_numpy(region):
    sums = moments.moments(seen(PICTURE), 'x', region)
    mean, covariance, gram = numpy_moments(PICTURE, region)
    assert np.allclose(moments.mean(sums)[0], mean)
    assert np.allclose(moments.covariance(sums)[0], covariance)
    assert np.allclose(moments.gram(sums)[0], gram)
    energy = np.sum(PICTURE**2 * (MASK if region == 0 else 1)) / (MASK.sum() if region == 0 else 63)
    assert np.isclose(np.trace(moments.gram(sums)[0]), energy)
    assert np.linalg.eigvalsh(moments.gram(sums)[0]).min() > 0
    twice = np.concatenate([PICTURE, PICTURE], 1)  # a repeated picture has the same matrix, whatever its size
    assert np.allclose(moments.gram(moments.moments(seen(twice), 'x'))[0], numpy_moments(PICTURE)[2])


@pytest.mark.parametrize('name', STYLE_LOSSES)
@pytest.mark.parametrize('region', REGIONS)
def test_losses_match_numpy(name, region):
    ours = loss_of(name, region=region)
    assert np.isclose(ours(seen(PICTURE)), numpy_loss(name, PICTURE, STYLE, region), rtol=1e-6)
    assert numpy_loss(name, PICTURE, STYLE) != numpy_loss(name, PICTURE, STYLE, 0)  # the mask counts


@pytest.mark.parametrize('name', STYLE_LOSSES)
@pytest.mark.parametrize('region', REGIONS)
def test_gradients_equal_finite_differences(name, region):
    """Of the histogram loss with the matched activation held fixed, as the paper does."""
    features, loss = seen(PICTURE), loss_of(name, region=region)
    with tf.GradientTape() as tape:
        tape.watch(features['x'])
        value = loss(features)
    gradient = tape.gradient(value, features['x']).numpy()
    fixed = numpy_matched(PICTURE, STYLE, region)
    for seed in range(4):
        towards = np.random.default_rng(seed).normal(size=PICTURE.shape)
        up, down = (numpy_loss(name, PICTURE + step * towards, STYLE, region, fixed) for step in (1e-5, -1e-5))
        assert np.isclose((up - down) / 2e-5, np.sum(gradient * towards), rtol=1e-4)


def test_gradient_of_the_gram_loss_is_the_one_in_closed_form():
    """4 (G - A) F / (M |A|^2), research check 4 in our relative form."""
    features, loss = seen(PICTURE), loss_of('gram')
    with tf.GradientTape() as tape:
        tape.watch(features['x'])
        value = loss(features)
    gram, wanted = numpy_moments(PICTURE)[2], numpy_moments(STYLE)[2]
    expected = 4 * PICTURE @ (gram - wanted) / (63 * np.sum(wanted**2))
    assert np.allclose(tape.gradient(value, features['x']), expected, rtol=1e-9)


@pytest.mark.parametrize('name', STYLE_LOSSES)
def test_losses_are_0_at_the_style_and_1_without_activity(name):
    flat = np.concatenate([STYLE, STYLE[:, ::-1, ::-1]], 1)  # another picture of the same statistics
    assert abs(loss_of(name)(seen(flat))) < 1e-9
    if name != 'histogram':  # zeros have no quantiles: they stay zeros
        assert np.isclose(loss_of(name)(seen(np.zeros_like(PICTURE))), 1)
    assert loss_of(name)(seen(1.2 * STYLE)) > 1e-3  # the control


@pytest.mark.parametrize('name', STYLE_LOSSES)
def test_where_a_feature_is_does_not_count(name):
    order = np.random.default_rng(1).permutation(63)
    moved = PICTURE.reshape(1, 63, 5)[:, order].reshape(PICTURE.shape)
    assert np.isclose(loss_of(name)(seen(moved)), loss_of(name)(seen(PICTURE)), rtol=1e-9)
    mixed = np.stack([np.random.default_rng(c).permutation(PICTURE[..., c].ravel()) for c in range(5)], -1)
    changed = not np.isclose(loss_of(name)(seen(mixed.reshape(PICTURE.shape))), loss_of(name)(seen(PICTURE)))
    assert changed == (name != 'histogram')  # which goes by channels, each on its own


@pytest.mark.parametrize('name', STYLE_LOSSES)
def test_a_loss_does_not_depend_on_the_unit_of_the_features(name):
    for unit in (1e-3, 70.0):
        assert np.isclose(loss_of(name, unit * STYLE)(seen(unit * PICTURE)), loss_of(name)(seen(PICTURE)), rtol=1e-6)


def test_a_louder_style_is_as_far_as_the_law_of_each_loss_says():
    for factor in (0.5, 1.1, 2.0):
        louder = seen(factor * STYLE)
        assert np.isclose(loss_of('gram')(louder), (factor**2 - 1) ** 2)
        assert np.isclose(loss_of('covariance')(louder), ((factor - 1) ** 2 + (factor**2 - 1) ** 2) / 2)
        assert np.isclose(loss_of('wasserstein')(louder), (factor - 1) ** 2, rtol=1e-6)
    gram = moments.gram(moments.moments(seen(3 * PICTURE), 'x'))
    assert np.allclose(gram, 9 * moments.gram(moments.moments(seen(PICTURE), 'x')))


@pytest.mark.parametrize('name', STYLE_LOSSES)
@pytest.mark.parametrize('region', REGIONS)
def test_sums_add_up_over_blocks(name, region):
    loss = loss_of(name, region=region)
    blocks = [
        (slice(0, 3), slice(0, 4)),
        (slice(0, 3), slice(4, 9)),
        (slice(3, 7), slice(0, 4)),
        (slice(3, 7), slice(4, 9)),
    ]

    def total(function):
        parts = [function(seen(PICTURE[:, y, x], MASK[:, y, x])) for y, x in blocks]
        return tf.nest.map_structure(lambda *values: tf.add_n(values), *parts)

    surveyed = () if loss.first_pass is None else (total(loss.first_pass),)
    whole = total(lambda features: loss.sums(features, *surveyed))
    assert np.isclose(loss.value(whole), loss(seen(PICTURE)), rtol=1e-9)


def test_a_mask_and_its_complement_add_up_to_the_whole():
    def sums(mask, region=0):
        return moments.moments(seen(PICTURE, mask), 'x', region)

    for mask in (MASK, MASK.round()):
        for name, whole in sums(mask, None).items():
            assert np.allclose(sums(mask)[name] + sums(1 - mask)[name], whole)
    counts = [histogram(seen(PICTURE, m), 'x', target_of(STYLE)['top'], 0) for m in (MASK, 1 - MASK)]
    assert np.allclose(counts[0] + counts[1], histogram(seen(PICTURE), 'x', target_of(STYLE)['top']))


@pytest.mark.parametrize('name', STYLE_LOSSES)
def test_a_mask_of_ones_is_no_mask_and_one_of_zeros_does_no_harm(name):
    whole = loss_of(name)(seen(PICTURE))
    assert np.isclose(loss_of(name, region=0)(seen(PICTURE, np.ones_like(MASK))), whole, rtol=1e-12)
    features = seen(PICTURE, np.zeros_like(MASK))
    with tf.GradientTape() as tape:
        tape.watch(features['x'])
        value = loss_of(name, region=0)(features)
    assert np.isfinite(value) and not np.any(tape.gradient(value, features['x']))


@pytest.mark.parametrize('name', ['gram', 'covariance', 'wasserstein'])
def test_the_loss_of_a_batch_is_the_mean_over_its_pictures(name):
    other = PICTURE[:, ::-1] ** 2
    both = loss_of(name)(seen(np.concatenate([PICTURE, other])))
    assert np.isclose(both, (loss_of(name)(seen(PICTURE)) + loss_of(name)(seen(other))) / 2)


def gaussian(mean, covariance):
    """Sums with this mean and covariance."""
    products = tf.constant((covariance + np.outer(mean, mean))[None])
    return {'second_moment': products, 'sum': tf.constant(mean[None]), 'weight': tf.constant([1.0], tf.float64)}


def test_the_wasserstein_distance_has_its_closed_forms():
    mean, wanted, ours, theirs = np.random.default_rng(2).uniform(0.1, 2, (4, 6))
    target = gaussian(wanted, np.diag(theirs))
    target |= wasserstein.wasserstein_target(target, tf.float64)
    loss = statistics.wasserstein_loss('x', target)
    expected = np.sum((mean - wanted) ** 2) + np.sum((np.sqrt(ours) - np.sqrt(theirs)) ** 2)
    assert np.isclose(loss.value(gaussian(mean, np.diag(ours))), expected / (np.sum(wanted**2) + theirs.sum()))
    assert abs(loss.value(target)) < 1e-12


def test_distances_that_are_taken_together_are_those_of_each_alone():
    """Of layers of several depths, styles of fewer directions, and two pictures at once."""
    values, sums = [], []
    for number, (depth, rank) in enumerate([(12, 40), (30, 7), (64, 80), (150, 200), (31, 40), (3, 9)]):
        style = gaussian(10.0**number * np.arange(1, depth + 1), 100.0**number * random_covariance(depth, rank))
        values.append(wasserstein.Distance(wasserstein.wasserstein_target(style, tf.float64)))
        features = {'x': tf.constant(10.0**number * np.random.default_rng(number).normal(size=(2, 9, 20, depth)))}
        sums.append(moments.central_moments(features, 'x'))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(sums)
        together = wasserstein.distances(values, sums)
        alone = [value(of) for value, of in zip(values, sums, strict=True)]
    for ours, theirs, of in zip(together, alone, sums, strict=True):
        assert np.isclose(ours, theirs, rtol=1e-9)
        for name in ('second_moment', 'sum'):
            one, other = (tape.gradient(loss, of)[name].numpy() for loss in (ours, theirs))
            assert np.abs(one - other).max() <= 1e-9 * np.abs(other).max()


def test_layers_go_together_where_they_are_nearly_as_deep():
    groups = wasserstein.group_by_width([64, 512, 3, 128, 512, 100])
    assert groups == [[1, 4], [3, 5], [0, 2]]


def test_the_wasserstein_loss_is_good_to_a_thousandth_in_float32_with_few_positions():
    style, picture = (random_covariance(64, 64, s)[:20].clip(0).astype(np.float32).reshape(1, 4, 5, 64) for s in (5, 6))
    loss = loss_of('wasserstein', style)
    for other in (1.05 * style, picture):
        expected = numpy_loss('wasserstein', other.astype(np.float64), style.astype(np.float64))
        assert np.isclose(loss(seen(other, np.ones([1, 4, 5, 1]))), expected, atol=1e-3)
    assert abs(loss(seen(style, np.ones([1, 4, 5, 1])))) < 1e-3


def test_histogram_loss_tells_distributions_of_equal_moments_apart():
    two = 1 + 2 * (np.indices((1, 40, 40, 1)).sum(0) % 2.0)
    even = np.random.default_rng(4).permutation(np.linspace(2 - 3**0.5, 2 + 3**0.5, 1600)).reshape(two.shape)
    ones = np.ones([1, 40, 40, 1])
    assert loss_of('covariance', two)(seen(even, ones)) < 1e-3
    assert loss_of('histogram', two)(seen(even, ones)) > 0.04
    assert abs(loss_of('histogram', two)(seen(two[:, 1:], ones[:, 1:]))) < 1e-6


def contents(activation, content):
    variance = np.sum((content - content.mean((1, 2), keepdims=True)) ** 2)
    return seen(activation) | {('content', 'x'): tf.constant(content), ('total_variance', 'x'): tf.constant(variance)}


def test_content_loss_is_relative_to_the_contents_variance():
    content, loss = PICTURE + 0.3 * RNG.normal(size=PICTURE.shape), statistics.content_loss('x')
    variance = 63 * np.trace(numpy_moments(content)[1])
    assert np.isclose(loss(contents(PICTURE, content)), np.sum((PICTURE - content) ** 2) / variance)
    assert np.isclose(loss(contents(np.ones_like(content) * content.mean((1, 2)), content)), 1)
    assert loss(contents(PICTURE, np.ones_like(PICTURE))) == 0  # a content without any variance asks for nothing


def test_content_loss_and_its_gradient_are_exactly_0_at_the_content_and_right_elsewhere():
    content = PICTURE + 0.3 * RNG.normal(size=PICTURE.shape)

    def gradient(at):
        features = contents(at, content)
        with tf.GradientTape() as tape:
            tape.watch(features['x'])
            value = statistics.content_loss('x')(features)
        return value.numpy(), tape.gradient(value, features['x']).numpy()

    value, zero = gradient(content)
    assert value == 0 and not zero.any()
    towards = RNG.normal(size=content.shape)
    up, down = (gradient(PICTURE + step * towards)[0] for step in (1e-5, -1e-5))
    assert np.isclose((up - down) / 2e-5, np.sum(gradient(PICTURE)[1] * towards), rtol=1e-4)
