import numpy as np
import pytest

from stylegen.images import color
from stylegen.utils.errors import UserError

TRANSFERS = sorted(color.TRANSFERS)
SOLUTIONS = sorted(color.SOLUTIONS)


def cloud(seed, size=(60, 70)):
    """A picture with correlated, skewed colours, away from black and white."""
    rng = np.random.default_rng(seed)
    colours = rng.beta(2, 3, (*size, 3)) @ (np.eye(3) + rng.random((3, 3)))
    return (0.2 + 0.5 * colours / colours.max()).astype(np.float32)


def grey(seed):
    return np.repeat(color.luminance(cloud(seed)), 3, -1)


def moments(pixels):
    pixels = np.asarray(pixels, np.float64).reshape(-1, 3)
    return pixels.mean(0), np.cov(pixels, rowvar=False)


def test_the_table_has_every_solution_and_the_histogram():
    assert set(color.TRANSFERS) == {'cholesky', 'pca', 'symmetric', 'histogram'}
    image, original = cloud(0), cloud(1)
    results = {name: transfer(image, original) for name, transfer in color.TRANSFERS.items()}
    assert np.array_equal(results['symmetric'], color.match_colors(image, original))
    assert np.array_equal(results['histogram'], color.match_histogram(image, original))
    names = list(results)
    for i, name in enumerate(names):  # no two names for one thing
        assert all(np.abs(results[name] - results[other]).max() > 1e-3 for other in names[:i])


@pytest.mark.parametrize('solution', SOLUTIONS)
def test_a_linear_map_gives_the_mean_and_the_covariance(solution):
    image, original = cloud(0), cloud(1, (30, 50)) ** 2
    matrix, offset = color.linear_map(image, original, solution)
    mean, covariance = moments(image.reshape(-1, 3) @ matrix.T + offset)
    wanted, target = moments(original)
    assert np.allclose(mean, wanted, atol=1e-6)
    assert np.allclose(covariance, target, atol=1e-5)
    assert np.abs(moments(image)[1] - target).max() > 5e-3  # the control: it was another


@pytest.mark.parametrize('solution', SOLUTIONS)
def test_what_stays_in_range_keeps_its_moments_and_the_rest_is_clipped(solution):
    image, original = cloud(0), 0.4 + 0.2 * cloud(1)
    matched = color.match_colors(image, original, solution)
    assert matched.min() > 0 and matched.max() < 1
    for got, wanted in zip(moments(matched), moments(original), strict=True):
        assert np.allclose(got, wanted, atol=1e-5)
    wide = np.random.default_rng(0).integers(0, 2, (20, 20, 3)).astype(np.float32)
    clipped = color.match_colors(image, wide, solution)
    assert clipped.min() == 0 and clipped.max() == 1


def test_the_linear_maps_are_the_known_ones():
    image, original = cloud(0), cloud(1)
    (_, source), (_, target) = moments(image), moments(original)
    maps = {name: color.linear_map(image, original, name)[0] for name in SOLUTIONS}
    assert np.allclose(maps['cholesky'], np.tril(maps['cholesky'])) and (np.diag(maps['cholesky']) > 0).all()
    assert np.allclose(maps['symmetric'], maps['symmetric'].T) and (np.linalg.eigvalsh(maps['symmetric']) > 0).all()
    whitened = maps['pca'] @ maps['pca']  # of T^1/2 S^-1/2: its product with S^1/2 is symmetric and squares to T
    values, vectors = np.linalg.eigh(source)
    root = maps['pca'] @ (vectors * np.sqrt(values)) @ vectors.T
    assert np.allclose(root, root.T, atol=1e-4) and np.allclose(root @ root, target, atol=1e-5)
    assert np.abs(whitened - whitened.T).max() > 1e-2  # the control: pca's own map is not symmetric


def test_the_symmetric_map_moves_colours_least():
    image, original = cloud(0), cloud(1)
    pixels = image.reshape(-1, 3)
    moved = {}
    for name in SOLUTIONS:
        matrix, offset = color.linear_map(image, original, name)
        moved[name] = np.mean((pixels @ matrix.T + offset - pixels) ** 2)
    assert moved['symmetric'] < 0.999 * min(moved['pca'], moved['cholesky'])


def test_independent_channels_are_scaled_and_shifted():
    rng = np.random.default_rng(0)
    image = rng.choice([0.4, 0.6], (200, 200, 3)).astype(np.float32)
    original = (image - 0.5) * [0.5, 1.0, 2.0] + [0.2, 0.5, 0.6]
    for name in TRANSFERS:  # the same, channel by channel, for all four
        assert np.allclose(color.TRANSFERS[name](image, original), original, atol=2e-3), name


def test_an_unknown_solution_is_named():
    with pytest.raises(UserError, match='did you mean cholesky'):
        color.match_colors(cloud(0), cloud(1), 'choleski')


@pytest.mark.parametrize('gamma', [1, 3])
def test_the_histogram_is_the_original_s_in_each_channel(gamma):
    image, original = cloud(0), cloud(1) ** gamma
    matched = color.match_histogram(image, original)
    sort = lambda picture: np.sort(picture.reshape(-1, 3), 0)
    assert np.abs(sort(matched) - sort(original)).max() < 1e-2
    assert np.abs(sort(color.match_colors(image, original)) - sort(original)).max() > 0.02  # the control
    assert (matched.min((0, 1)) >= original.min((0, 1))).all() and (matched.max((0, 1)) <= original.max((0, 1))).all()


def test_the_histogram_comes_over_between_sizes():
    image, original = cloud(0, (20, 31)), cloud(1, (90, 80))
    share = np.linspace(0.01, 0.99, 99)  # the ends of few pixels are the mean of many
    quantiles = lambda picture: np.quantile(picture.reshape(-1, 3), share, axis=0)
    assert np.abs(quantiles(color.match_histogram(image, original)) - quantiles(original)).max() < 1e-2


def test_the_palette_comes_nearer_than_by_the_channels_alone():
    rng = np.random.default_rng(0)
    part = rng.random((80, 80, 1))
    image = part * [0.9, 0.2, 0.1] + (1 - part) * [0.1, 0.2, 0.9] + 0.02 * rng.standard_normal((80, 80, 3))
    original = part[::-1] * [0.9, 0.8, 0.9] + 0.02 * rng.standard_normal((80, 80, 3))  # black to white, not red to blue
    matched = color.match_histogram(image, original)
    alone = np.stack(
        [np.sort(original[..., i].ravel())[image[..., i].ravel().argsort().argsort()] for i in range(3)], -1
    )
    spread = lambda picture: np.std(picture[..., 0] - picture[..., 2])
    assert spread(matched) < 2 * spread(original) < 0.2 * spread(alone)


def test_a_grey_ramp_goes_up_with_the_original_s_tones_and_equal_pixels_stay_equal():
    ramp = np.repeat(np.linspace(0, 1, 64, dtype=np.float32)[:, None, None], 3, -1)
    image, original = np.tile(ramp, (1, 5, 1)), grey(1) ** 2
    matched = color.match_histogram(image, original)
    assert (matched == matched[:, :1]).all()
    assert (np.diff(matched[:, 0], axis=0) > 0).all()
    shares = np.array_split(np.sort(original[..., 0], None), 64)
    assert np.allclose(matched[:, 0, 0], [share.mean() for share in shares], atol=2e-3)


@pytest.mark.parametrize('name', TRANSFERS)
@pytest.mark.parametrize('make', [cloud, grey, lambda seed: np.random.default_rng(seed).random((1, 1, 3), np.float32)])
def test_a_picture_with_its_own_colours_stays(name, make):
    image = make(0)
    assert np.abs(color.TRANSFERS[name](image, image) - image).max() < 1e-3


@pytest.mark.parametrize('name', TRANSFERS)
def test_a_photo_of_8_bits_with_its_own_colours_stays(name):
    image = np.round(cloud(0) * 255).astype(np.float32) / 255
    image[:20] = image[0, 0]  # a third of it in one colour
    assert np.abs(color.TRANSFERS[name](image, image) - image).max() < 1e-3


PICTURES = {
    'cloud': cloud(0),
    'grey': grey(1),
    'black': np.zeros((4, 5, 3), np.float32),
    'white': np.ones((4, 5, 3), np.float32),
    'flat': np.full((4, 5, 3), [0.1, 0.7, 0.3], np.float32),
    'pixel': np.full((1, 1, 3), [0.8, 0.4, 0.2], np.float32),
}


@pytest.mark.parametrize('name', TRANSFERS)
@pytest.mark.parametrize('original', PICTURES)
@pytest.mark.parametrize('image', PICTURES)
def test_degenerate_pictures_have_an_answer(name, image, original):
    with np.errstate(all='raise', under='ignore'):
        matched = color.TRANSFERS[name](PICTURES[image], PICTURES[original])
    assert matched.shape == PICTURES[image].shape and matched.dtype == np.float32
    assert matched.min() >= 0 and matched.max() <= 1
    mean = PICTURES[original].mean((0, 1))
    if image not in ('cloud', 'grey'):  # one colour becomes one colour: the mean, or the middle of the histogram
        assert np.ptp(matched, axis=(0, 1)).max() < 1e-5
        assert np.allclose(matched, mean, atol=0.01)
    if original not in ('cloud', 'grey'):
        assert np.allclose(matched, mean, atol=0.01)
    if original == 'grey':
        assert np.ptp(matched, axis=-1).max() < 0.02


@pytest.mark.parametrize('name', TRANSFERS)
def test_a_grey_picture_takes_a_tint_but_no_noise(name):
    """Rounding apart, grey has one tone per luma, and so has what becomes of it."""
    image = np.round(grey(1) * 255).astype(np.float32) / 255
    matched = color.TRANSFERS[name](image, cloud(0))
    _, group = np.unique(image[..., 0], return_inverse=True)
    first = np.unique(group.ravel(), return_index=True)[1]
    assert np.abs(matched.reshape(-1, 3) - matched.reshape(-1, 3)[first][group.ravel()]).max() < 1e-5
    assert np.ptp(matched, axis=-1).max() > 0.02


def test_the_style_s_luma_takes_the_content_s_mean_and_deviation():
    style, content = color.luminance(cloud(0)), color.luminance(cloud(1, (33, 20)) ** 4)
    matched = color.match_luminance(style, content)
    assert matched.shape == style.shape and matched.dtype == np.float32
    assert abs(matched.mean() - content.mean()) < 1e-4 and abs(matched.std() - content.std()) < 1e-4
    assert abs(style.std() - content.std()) > 0.01  # the control
    known = color.match_luminance(np.array([0.0, 1.0]), np.array([0.4, 0.6, 0.4, 0.6]))
    assert np.allclose(known, [0.4, 0.6], atol=1e-5)
    assert color.match_luminance(np.array([0.4, 0.4, 0.4, 0.7]), np.array([0.0, 1.0])).max() > 1  # and is not clipped


def test_a_flat_style_or_content_has_a_luma():
    varied, flat = color.luminance(cloud(0)), np.full((5, 6, 1), 0.3, np.float32)
    assert np.allclose(color.match_luminance(flat, varied), varied.mean(), atol=1e-5)
    assert np.allclose(color.match_luminance(varied, flat), 0.3, atol=0.01)
    assert np.allclose(color.match_luminance(flat, flat), flat, atol=1e-6)
    assert np.allclose(color.match_luminance(varied, varied), varied, atol=1e-6)


def test_keep_chroma_takes_the_luma_and_keeps_the_chroma():
    original = cloud(0)
    image = np.clip(color.luminance(original) + 0.1 * np.random.default_rng(0).random((60, 70, 1)), 0, 1)
    result = color.keep_chroma(np.repeat(image, 3, -1).astype(np.float32), original)
    chroma = lambda x: x - color.luminance(x)
    assert np.allclose(color.luminance(result), image, atol=1e-5)
    assert np.allclose(chroma(result), chroma(original), atol=1e-5)
    assert np.allclose(color.keep_chroma(original, original), original, atol=1e-6)


def test_keep_chroma_stays_in_range_and_keeps_the_hue():
    rng = np.random.default_rng(0)
    bright, saturated = rng.random((2, 20, 20, 3), np.float32)
    result = color.keep_chroma(bright, saturated)
    assert result.min() >= 0 and result.max() <= 1
    assert np.allclose(color.luminance(result), color.luminance(bright), atol=1e-5)
    old, new = saturated - color.luminance(saturated), result - color.luminance(result)
    cosine = (old * new).sum(-1) / np.maximum(np.linalg.norm(old, axis=-1) * np.linalg.norm(new, axis=-1), 1e-9)
    assert (cosine[np.linalg.norm(new, axis=-1) > 1e-3] > 0.999).all()


def test_a_style_without_colour_takes_the_picture_s_away_and_keeps_its_luma():
    image = cloud(2)
    toned = color.match_tone(image, *color.chroma_moments([(grey(3), 1.0)]))
    np.testing.assert_allclose(toned, np.repeat(color.luminance(image), 3, -1), atol=1e-5)


def test_a_sepia_style_gives_its_tone():
    sepia = np.clip(grey(3) * [1.0, 0.9, 0.75], 0, 1).astype(np.float32)
    mean, deviation = color.chroma_moments([(sepia, 1.0)])
    assert deviation < color.TONED[1]
    found, spread = color.chroma_moments([(color.match_tone(cloud(2), mean, deviation), 1.0)])
    np.testing.assert_allclose(found, mean, atol=0.02)
    assert spread < color.chroma_moments([(cloud(2), 1.0)])[1] / 2


def test_a_style_of_many_colours_and_a_share_of_nothing_leave_the_picture():
    image = cloud(2)
    assert color.match_tone(image, *color.chroma_moments([(cloud(4), 0.5), (grey(3), 0.5)])) is image
    assert color.match_tone(image, *color.chroma_moments([(grey(3), 1.0)]), share=0.0) is image


def test_moments_of_chroma_are_of_the_pictures_side_by_side():
    left, right = cloud(5), cloud(6)
    together = color.chroma_moments([(np.concatenate([left, right], 1), 1.0)])
    apart = color.chroma_moments([(left, 2.0), (right, 2.0)])
    np.testing.assert_allclose(apart[0], together[0], atol=1e-6)
    np.testing.assert_allclose(apart[1], together[1], rtol=1e-5)
