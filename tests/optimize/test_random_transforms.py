"""Views of a picture: known transforms are exact, SciPy agrees on the others, borders are mirrored, keys name them."""

import numpy as np
import pytest
import scipy.ndimage

from stylegen.optimize.random_transforms import random_views, resample
from stylegen.utils.backend import tf
from tests.conftest import photo


def moved(image, zoom=1.0, degrees=0.0, shift=(0.0, 0.0)):
    """One picture through `resample`."""
    one = lambda value: tf.constant([value], tf.float32)
    return resample(tf.constant(image[None]), one(zoom), one(np.radians(degrees)), one(shift)).numpy()[0]


def key(step=0, seed=5):
    return tf.constant([seed, step])


@pytest.mark.parametrize('size', [(8, 8), (7, 12), (1, 5)])
def test_the_identity_changes_nothing(size):
    image = photo(*size)
    assert np.array_equal(moved(image), image)


@pytest.mark.parametrize('shift', [(2, -3), (-1, 0), (0, 4)])
def test_a_shift_by_whole_pixels_is_exact_and_mirrors_what_comes_in(shift):
    image = photo(9, 12)
    padded = np.pad(image, ((5, 5), (5, 5), (0, 0)), 'reflect')
    expected = padded[5 - shift[0] : 14 - shift[0], 5 - shift[1] : 17 - shift[1]]
    assert np.allclose(moved(image, shift=shift), expected, atol=1e-6)


def test_a_shift_by_more_than_the_picture_is_mirrored_again():
    image = photo(4, 5)
    assert np.allclose(moved(image, shift=(6, 8)), image, atol=1e-6)  # the period of mirroring is 2 (n - 1)


@pytest.mark.parametrize('turns', [1, 2, 3])
def test_quarter_turns_are_counter_clockwise_and_exact(turns):
    image = photo(9, 9)
    assert np.allclose(moved(image, degrees=90 * turns), np.rot90(image, turns), atol=1e-5)


def test_zooming_a_ramp_by_two_halves_its_slope_around_the_centre():
    ramp = np.tile(np.linspace(0, 1, 17, dtype=np.float32)[None, :, None], (17, 1, 3))
    assert np.allclose(moved(ramp, zoom=2.0), (ramp - 0.5) / 2 + 0.5, atol=1e-6)


@pytest.mark.parametrize('zoom, degrees, shift', [(1.1, 10, (0, 0)), (0.7, -35, (3, -2)), (1.3, 200, (-2.5, 0.25))])
def test_resampling_equals_scipys(zoom, degrees, shift):
    image = photo(20, 27)
    angle = np.radians(degrees)
    back = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) / zoom
    centre = (np.array(image.shape[:2]) - 1) / 2
    offset = centre - back @ (centre + shift)
    expected = [
        scipy.ndimage.affine_transform(image[..., c].astype(np.float64), back, offset, order=1, mode='mirror')
        for c in range(3)
    ]
    assert np.allclose(moved(image, zoom, degrees, shift), np.stack(expected, -1), atol=1e-4)


def test_there_are_no_black_corners():
    grey = np.full((15, 22, 3), 0.6, np.float32)
    assert np.allclose(moved(grey, 0.4, 45, (9, -9)), 0.6, atol=1e-5)
    image = photo(15, 22)
    view = moved(image, 0.4, 45, (9, -9))
    assert view.min() >= image.min() - 1e-5 and view.max() <= image.max() + 1e-5


def test_the_gradient_is_the_adjoint():
    """<A x, y> = <x, A' y>, for a batch whose pictures move in their own ways."""
    rng = np.random.default_rng(0)
    x, y = (tf.constant(rng.normal(size=(2, 8, 11, 3))) for _ in range(2))
    with tf.GradientTape() as tape:
        tape.watch(x)
        view = random_views(x, key(), 3, 0.3, 40.0)
    gradient = tape.gradient(view, x, y)
    assert np.isclose(np.sum(view * y), np.sum(x * gradient), rtol=1e-9)


def test_views_are_named_by_their_key_and_differ_within_a_batch():
    twins = tf.constant(np.stack([photo(16, 18)] * 2))
    view = random_views(twins, key(1), 3, 0.1, 10.0).numpy()
    assert np.array_equal(view, random_views(twins, key(1), 3, 0.1, 10.0))
    assert not np.allclose(view[0], view[1], atol=0.01)
    for other in (key(2), key(1, seed=6)):
        assert not np.allclose(view, random_views(twins, other, 3, 0.1, 10.0), atol=0.01)
    assert np.array_equal(view[:1], random_views(twins[:1], key(1), 3, 0.1, 10.0))
    assert np.array_equal(random_views(twins, key(1), 0, 0.0, 0.0), twins)


def test_jitter_reaches_every_shift_and_none_beyond():
    dot = np.zeros((1, 9, 9, 1), np.float32)
    dot[0, 4, 4] = 1
    places = {tuple(np.argwhere(random_views(dot, key(i), 1, 0.0, 0.0).numpy()[0, ..., 0] == 1)[0]) for i in range(80)}
    assert places == {(y, x) for y in (3, 4, 5) for x in (3, 4, 5)}


@pytest.mark.parametrize('options, low, high', [((0, 0.2, 0.0), 0.8, 1.2), ((0, 0.0, 25.0), -25.0, 25.0)])
def test_zoom_and_rotation_fill_their_range_and_stay_in_it(options, low, high):
    """Read off two ramps: the slopes of a view of them tell how it was zoomed and turned."""
    axes = np.stack(np.meshgrid(np.arange(21.0), np.arange(21.0)), -1)[None].astype(np.float32)
    found = []
    for i in range(60):
        view = random_views(tf.constant(axes), key(i), *options).numpy()[0, 8:13, 8:13]
        slope = complex(np.diff(view[..., 0], axis=1).mean(), np.diff(view[..., 0], axis=0).mean())
        found.append(1 / abs(slope) if options[1] else np.degrees(np.angle(slope)))
    width = high - low
    assert low - 1e-3 * width < min(found) < low + 0.1 * width
    assert high - 0.1 * width < max(found) < high + 1e-3 * width


def test_xla_gives_the_same_views():
    pictures = tf.constant(np.stack([photo(16, 18, seed) for seed in (0, 1)]))
    views = lambda x, k: random_views(x, k, 3, 0.1, 10.0)
    xla = tf.function(views, jit_compile=True)(pictures, key())
    assert np.allclose(xla, views(pictures, key()), atol=1e-4)
