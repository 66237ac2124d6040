"""The published programs' losses, worked out from features in their own words, are what --like adds up."""

import numpy as np
import pytest

from stylegen.style import Stylizer
from stylegen.style.published import PUBLISHED
from tests.conftest import photo, slow
from tests.extractors import noise, small_vgg

CONTENT, STYLE, START = photo(48, 64), photo(56, 40, 3) ** 2, photo(48, 64, 5)
TAPS = tuple(dict.fromkeys(layer for p in PUBLISHED.values() for part in ('style_layers', 'content_layers')
                           for layer in p.settings[part]))  # fmt: skip


@pytest.fixture(scope='module')
def network():
    """The layers of all programs, on pixels from 0 to 255 less a mean."""
    return small_vgg(TAPS, channels=4, preprocessing='caffe')


def mean_gram(f):
    flat = f.reshape(-1, f.shape[-1])
    return flat.T @ flat / len(flat)


def sum_gram(f):
    flat = f.reshape(-1, f.shape[-1])
    return flat.T @ flat


def mean_square(a, b):
    return np.mean((a - b) ** 2)


def neighbours(x):
    """The squares of the differences to the right and below, of all pixels that have both."""
    return (x[:-1, :-1] - x[1:, :-1]) ** 2, (x[:-1, :-1] - x[:-1, 1:]) ** 2


def half_of_squares(x, weight):
    """What Torch's TVLoss has the gradient of, on pixels from 0 to 255."""
    return weight * sum(part.sum() for part in neighbours(255 * x)) / 2


def gatys(style, content, picture, x):
    styles = [1e3 / f.shape[-1] ** 2 * mean_square(mean_gram(f), mean_gram(s)) for f, s in style]
    return sum(styles), sum(mean_square(f, p) for f, p in content), 0


def neural_style(style, content, picture, x, weights=(100, 5, 1e-3)):
    styles = [mean_square(mean_gram(f) / f.shape[-1], mean_gram(s) / s.shape[-1]) for f, s in style]
    contents = [mean_square(f, p) for f, p in content]
    return weights[0] * sum(styles), weights[1] * sum(contents), half_of_squares(x, weights[2])


def johnson(style, content, picture, x):
    return neural_style(style, content, picture, x, (5, 1, 1e-6))


def crowsonkb(style, content, picture, x):
    """In the units of torchvision's inputs, and all of it lifted to ours."""
    unit = 255 * 0.226

    def wasserstein(f, s):
        (mean, spread), (wanted, other) = (
            (a.mean((0, 1)), np.cov(a.reshape(-1, 4), rowvar=False, bias=True)) for a in (f, s)
        )
        values, vectors = np.linalg.eigh(other)
        root = vectors * np.sqrt(values.clip(0)) @ vectors.T
        common = np.sqrt(np.linalg.eigvalsh(root @ spread @ root).clip(0)).sum()
        return mean_square(mean, wanted) + (np.trace(spread + other) - 2 * common) / 4

    weights = np.array([256, 64, 16, 4, 1]) / 341
    styles = sum(w * wasserstein(f / unit, s / unit) for w, (f, s) in zip(weights, style, strict=True))
    contents = sum(0.015 * mean_square(f / unit, p / unit) for f, p in content)
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)), 'edge')
    apart = [mean_square(padded[1:-1, 2:], padded[1:-1, 1:-1]), mean_square(padded[2:, 1:-1], padded[1:-1, 1:-1])]
    across = [mean_square(padded[1:, 1:], padded[:-1, :-1]), mean_square(padded[1:, :-1], padded[:-1, 1:])]
    return unit**2 * styles, unit**2 * contents, unit**2 * 2.0 * 2 * (sum(apart) / 3 + sum(across) / 12)


def tensorflow(style, content, picture, x):
    styles = [mean_square(mean_gram(f), mean_gram(s)) for f, s in style]
    differences = np.abs(np.diff(x, axis=0)).sum() + np.abs(np.diff(x, axis=1)).sum()
    return 1e-2 / 5 * sum(styles), 1e4 * sum(mean_square(f, p) for f, p in content), 30 * differences


def keras(style, content, picture, x):
    size = x.shape[0] * x.shape[1]  # of the picture, and three channels, whatever the layer's are
    styles = [np.sum((sum_gram(f) - sum_gram(s)) ** 2) / (4 * 3**2 * size**2) for f, s in style]
    contents = [np.sum((f - p) ** 2) for f, p in content]
    down, across = neighbours(255 * x)
    return 1e-6 / 5 * sum(styles), 2.5e-8 * sum(contents), 1e-6 * np.sum((down + across) ** 1.25)


THEIRS = {'gatys': gatys, 'neural-style': neural_style, 'johnson': johnson, 'crowsonkb': crowsonkb,
          'tensorflow': tensorflow, 'keras': keras}  # fmt: skip


@pytest.mark.parametrize('name', ['gatys', *(slow(name) for name in PUBLISHED if name != 'gatys')])
def test_a_published_formula_adds_up_to_what_the_program_has(name, network):
    """Variation to a few parts in a hundred: others leave out a row, or look at diagonals too."""
    stylizer = Stylizer(like=name, network=network, iterations=1, history=3)
    style = (
        STYLE[:48, :64] if name != 'keras' else noise(48, 64, seed=3)
    )  # Keras squeezes the style to the content's size
    steps = []
    stylizer(CONTENT, [(style, 1.0)], init=START, callback=steps.append)
    features = [{k: v.numpy()[0].astype(float) for k, v in network(p[None]).items()} for p in (START, style, CONTENT)]
    settings = PUBLISHED[name].settings
    pairs = [
        [(features[0][layer], features[other][layer]) for layer in settings[part]]
        for other, part in ((1, 'style_layers'), (2, 'content_layers'))
    ]
    expected = THEIRS[name](*pairs, features, START.astype(float))
    losses = steps[0].losses
    ours = [
        sum(loss for term, loss in losses.items() if term.startswith(kind))
        for kind in ('style', 'content', 'variation')
    ]
    assert steps[0].stages == 1 or name == 'crowsonkb'
    assert np.allclose(ours[:2], expected[:2], rtol=2e-4)
    assert np.isclose(ours[2], expected[2], rtol=0.05)
    assert expected[0] > 0 and expected[1] > 0


def test_torch_remembers_a_hundred_steps_where_memory_allows_and_takes_them_whole(network):
    for name in ('gatys', 'neural-style', 'johnson'):
        stylizer = Stylizer(like=name, network=network, max_memory='1GB')
        assert stylizer.plan((48, 64)).history == 100 and stylizer.settings.backtracking == 0
    assert 3 <= stylizer.plan((512, 512)).history < 100


def test_what_is_given_wins_over_the_program(network):
    stylizer = Stylizer(like='keras', network=network, optimizer='adam', iterations=7)
    settings = stylizer.settings
    assert (settings.optimizer, settings.iterations, settings.tv_form) == ('adam', (7,), 'power')
    assert settings.style_layers == PUBLISHED['keras'].settings['style_layers']


def test_regions_share_a_published_weight_by_their_areas(network):
    stylizer = Stylizer(like='gatys', network=network, iterations=1, regions=1, history=3)
    half, steps = np.zeros((48, 64), np.float32), []
    half[:, :16] = 1
    stylizer(CONTENT, [(STYLE, 1.0)], regions=[(half, [(STYLE, 1.0)])], init=START, callback=steps.append)
    names = [term.name for term in stylizer.targets.objective.terms]
    factors = dict(zip(names, stylizer.targets.variables.factors.numpy(), strict=True))
    assert np.isclose(factors['style block1_conv1 region 0'], 3 * factors['style block1_conv1 region 1'])
