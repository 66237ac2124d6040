"""The endless zoom: motion by the second, no borders, resumable."""

import numpy as np
import pytest

from stylegen.deepdream.settings import ZoomSettings
from stylegen.deepdream.zoom import motion, move, zoom_frames
from stylegen.utils.errors import UserError
from tests.conftest import photo

MOTIONS = [
    {'zoom': 1.5},
    {'zoom': 1.0, 'rotation': 30.0},
    {'zoom': 1.0, 'shift': (0.1, -0.2)},
    {'zoom': 2.0, 'rotation': -90.0, 'shift': (-0.2, 0.1)},
    {'zoom': 1.0, 'rotation': 360.0, 'shift': (0.1, 0.1)},
]


def smooth(height=80, width=100):
    x, y = np.arange(width) / width, np.arange(height)[:, None] / height
    return np.stack([0.5 + 0.3 * np.sin(6 * x + a) * np.cos(5 * y - a) for a in (0, 1, 2)], -1).astype(np.float32)


@pytest.mark.parametrize('options', MOTIONS)
def test_the_steps_of_a_second_make_the_same_motion_at_any_rate(options):
    whole = motion((80, 100), 1.0, **options)
    for fps in (1, 2, 25, 30000 / 1001 * 3):
        step = motion((80, 100), 1 / fps, **options)
        if fps == int(fps):
            np.testing.assert_allclose(np.linalg.matrix_power(step, int(fps)), whole, atol=1e-10)
        half = motion((80, 100), 0.5 / fps, **options)
        np.testing.assert_allclose(half @ half, step, atol=1e-10)
    size = np.sqrt(np.linalg.det(motion((80, 100), 1 / 25, **options)[:2, :2]))
    assert size == pytest.approx(options['zoom'] ** (1 / 25), abs=1e-12)


def test_a_motion_zooms_turns_and_shifts_as_its_settings_say():
    middle = np.array([49.5, 39.5, 1])
    for options in ({'zoom': 3.0}, {'zoom': 1.2, 'rotation': 77.0}):
        np.testing.assert_allclose(motion((80, 100), 0.4, **options) @ middle, middle, atol=1e-12)
    right = np.array([59.5, 39.5, 1])
    np.testing.assert_allclose(motion((80, 100), 1, zoom=1.5) @ right, [64.5, 39.5, 1], atol=1e-12)
    turned = motion((80, 100), 1, zoom=1.0, rotation=90) @ right  # counter-clockwise: from the right to the top
    np.testing.assert_allclose(turned, [49.5, 29.5, 1], atol=1e-12)
    shifted = motion((80, 100), 0.5, zoom=1.0, shift=(0.1, -0.2)) @ middle
    np.testing.assert_allclose(shifted, [54.5, 31.5, 1], atol=1e-12)
    slow = motion((80, 100), 1e-6, zoom=1.5, rotation=20, shift=(0.1, -0.2)) @ middle
    np.testing.assert_allclose((slow - middle) / 1e-6, [10, -16, 0], atol=1e-3)
    np.testing.assert_allclose(motion((5, 5), 1, zoom=1.0), np.eye(3))


@pytest.mark.parametrize('options', MOTIONS[:2])
def test_two_half_steps_look_like_one(options):
    image = smooth()
    once = move(image, motion(image.shape, 0.1, **options))
    half = motion(image.shape, 0.05, **options)
    inner = slice(8, -8)
    assert np.abs(move(move(image, half), half) - once)[inner, inner].max() < 5e-4
    assert np.abs(move(image, half) - once)[inner, inner].max() > 5e-3  # the control: one half is not the whole


def test_the_middle_holds_still_and_the_rest_moves_outwards():
    image = np.zeros((41, 61, 3), np.float32)
    image[20, 30] = image[20, 40] = 1
    moved = move(image, motion(image.shape, 1.0, zoom=1.5))[..., 0]
    assert moved[20, 30] == pytest.approx(1) and moved[20, 45] == pytest.approx(1)
    upside = move(image, motion(image.shape, 1.0, zoom=1.0, rotation=90))[..., 0]
    assert upside[10, 30] == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize('options', MOTIONS)
def test_white_stays_white_to_its_borders(options):
    white = np.ones((33, 50, 3), np.float32)
    for frame in zoom_frames(white, lambda image, seed: image, seconds=3, fps=8, **options):
        assert frame.min() > 1 - 1e-5
    wild = move(white, motion(white.shape, 1.0, zoom=1.0, rotation=45, shift=(3.3, -2.7)))
    assert wild.min() > 1 - 1e-6


def test_what_comes_in_is_the_mirror_image():
    image = photo(20, 30)
    moved = move(image, motion(image.shape, 1.0, zoom=1.0, shift=(0.2, 0.0)))
    assert np.allclose(moved[:, 6:], image[:, :-6], atol=1e-6) and np.allclose(moved[:, :6], image[:, 5::-1], atol=1e-6)


def test_nothing_is_rounded_to_bytes():
    image = smooth() * np.float32(0.01)
    frames = list(zoom_frames(image, lambda image, seed: image, seconds=1, fps=10))
    assert len(np.unique(frames[-1])) > 1000 and frames[-1].dtype == np.float32


def grain(image, seed):
    noise = np.random.default_rng(seed).normal(0, 0.01, image.shape)
    return np.clip(image + noise, 0, 1).astype(np.float32)


def test_each_frame_is_the_dream_on_the_frame_before_and_a_film_goes_on_where_it_stopped():
    options = {'seconds': 1, 'fps': 8, 'zoom': 1.5, 'rotation': 10.0, 'shift': (0.1, 0.0), 'seed': 5}
    image = photo(40, 50)
    whole = list(zoom_frames(image, grain, **options))
    assert len(whole) == 8 and np.array_equal(whole[0], grain(image, 5))
    step = motion(image.shape, 1 / 8, zoom=1.5, rotation=10.0, shift=(0.1, 0.0))
    assert np.array_equal(whole[3], grain(move(whole[2], step), 8))
    rest = list(zoom_frames(image, grain, **options, first=5, previous=whole[4]))
    assert len(rest) == 3 and all(np.array_equal(a, b) for a, b in zip(rest, whole[5:], strict=True))
    assert list(zoom_frames(image, grain, **options, first=8, previous=whole[7])) == []


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'zoom': 0.9}, 'expected zoom to be a number from 1, got 0.9'),
        ({'zoom': float('nan')}, 'expected zoom to be a number from 1, got nan'),
        ({'rotation': float('inf')}, 'expected rotation to be a number, got inf'),
        ({'shift': (0.0, float('inf'))}, 'expected shift as X,Y'),
        ({'seconds': 0}, 'expected seconds to be a number above 0, got 0'),
        ({'fps': -1}, 'expected fps to be a number above 0, got -1'),
    ],
)
def test_mistakes_are_refused_with_what_can_be(options, message):
    with pytest.raises(UserError, match=message):
        next(zoom_frames(photo(20, 20), grain, **options))


def test_a_film_goes_on_only_from_its_last_frame():
    for wrong in ({'first': 3}, {'previous': photo(20, 20)}):
        with pytest.raises(ValueError, match='from the frame before it'):
            next(zoom_frames(photo(20, 20), grain, **wrong))
    assert ZoomSettings(seconds=2, fps=29.97).frames == 60 and ZoomSettings(seconds=0.001, fps=10).frames == 1
