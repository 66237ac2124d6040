"""Optical flow: known motions, what comes into sight, cuts."""

import sys

import numpy as np
import pytest

from stylegen.images.flow import CUT, check_flow, dense_flow, likeness, trust, warp
from stylegen.utils.errors import UserError
from tests.conftest import photo

HEIGHT, WIDTH = 96, 128


def textured(seed=0):
    """A picture with detail of several sizes, larger than a frame by 32 pixels on each side."""
    rng = np.random.default_rng(seed)
    shape = HEIGHT + 64, WIDTH + 64
    fine = rng.normal(0, 0.04, (*shape, 3)).astype(np.float32)
    return np.clip(photo(*shape, seed) + (fine + np.roll(fine, 1, 0) + np.roll(fine, 1, 1)), 0, 1)


def view(picture, x=0, y=0):
    return picture[32 + y : 32 + y + HEIGHT, 32 + x : 32 + x + WIDTH]


def test_a_known_whole_shift_is_warped_exactly():
    picture = textured()
    flow = np.broadcast_to(np.float32([5, -3]), (HEIGHT, WIDTH, 2))
    warped = warp(view(picture), flow)
    assert np.array_equal(warped[3:, :-5], view(picture, 5, -3)[3:, :-5])
    assert not np.array_equal(warp(view(picture), -flow)[3:, :-5], view(picture, 5, -3)[3:, :-5])


@pytest.mark.parametrize(('x', 'y'), [(0, 0), (3, 0), (-4, 6), (11, -7)])
def test_the_flow_of_a_shift_is_found_and_trusted(x, y):
    picture = textured()
    before, now = view(picture), view(picture, x, y)
    flow, back = dense_flow(now, before), dense_flow(before, now)
    inner = slice(16, -16)
    assert np.abs(flow[inner, inner] - [x, y]).max() < 0.3
    assert np.abs(warp(before, flow) - now)[inner, inner].max() < 0.05
    trusted = trust(flow, back)
    assert trusted[inner, inner].min() == 1
    unseen = np.ones((HEIGHT, WIDTH), bool)
    unseen[max(0, -y) : HEIGHT - max(0, y), max(0, -x) : WIDTH - max(0, x)] = False
    assert trusted[unseen].sum() < 0.35 * unseen.sum() or not (x or y)


def test_what_a_moving_square_uncovers_is_not_trusted():
    ground, square = view(textured(1)), textured(2)[:40, :40]

    def scene(left):
        frame = ground.copy()
        frame[30:70, left : left + 40] = square
        return frame

    before, now = scene(40), scene(48)
    trusted = trust(dense_flow(now, before), dense_flow(before, now))
    assert trusted[34:66, 41:46].mean() < 0.1  # uncovered behind the square
    assert trusted[36:64, 54:82].mean() > 0.95  # the square itself
    assert trusted[:20].mean() > 0.99 and trusted[80:].mean() > 0.99  # the ground far from it
    assert np.array_equal(np.unique(trust(np.zeros((20, 20, 2), np.float32), np.zeros((20, 20, 2), np.float32))), [1])


def test_trust_fades_as_the_flows_disagree():
    flow = np.zeros((20, 20, 2), np.float32)
    levels = [trust(flow, np.full_like(flow, error))[10, 10] for error in (0.4, 0.6, 0.8)]
    assert levels[0] == 1 and 0 < levels[1] < 1 and levels[2] == 0


def test_cuts_are_seen_and_motion_light_and_noise_are_none():
    def cut(before, now):
        flow, back = dense_flow(now, before), dense_flow(before, now)
        return likeness(warp(before, flow), now, trust(flow, back)) < CUT

    one = textured(3)
    rng = np.random.default_rng(0)
    noisy = np.clip(view(one) + rng.normal(0, 0.02, (HEIGHT, WIDTH, 3)), 0, 1).astype(np.float32)
    assert not any(cut(view(one), now) for now in (view(one, 9, 4), view(one) * 0.7, noisy))
    assert all(cut(view(one), view(textured(seed))) for seed in range(4, 10))
    flat = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    assert cut(flat, view(one)) and cut(view(one), flat + 0.5) and not cut(flat, flat)


def test_missing_opencv_and_tiny_frames_are_told(monkeypatch):
    with pytest.raises(UserError, match='at least 8 pixels a side; got 30 x 7'):
        dense_flow(photo(7, 30), photo(7, 30))
    check_flow()
    monkeypatch.setitem(sys.modules, 'cv2', None)
    with pytest.raises(UserError, match=r'pip install "stylegen\[video\]"'):
        check_flow()


def constant(x, y):
    return np.broadcast_to(np.float32([x, y]), (HEIGHT, WIDTH, 2)).copy()


@pytest.mark.parametrize('gap', [0.0, 1.4, 1.6, 1.8, 2.0, 2.3])
def test_trust_fades_between_the_bound_of_the_paper_and_its_double(gap):
    there, again = np.hypot(3, 4), np.hypot(3 - gap, 4)
    expected = np.clip(2 - gap**2 / (0.01 * (there**2 + again**2) + 0.5), 0, 1)
    trusted = trust(constant(3, 4), constant(gap - 3, -4))
    assert np.allclose(trusted[10:-10, 10:-10], expected, atol=1e-4)


@pytest.mark.parametrize('axis', [0, 1])
@pytest.mark.parametrize(
    'shift, first, last', [(0.4, 0, 0), (0.6, 0, 1), (3, 0, 3), (-0.4, 0, 0), (-0.6, 1, 0), (-3, 3, 0)]
)
def test_what_comes_from_more_than_half_a_pixel_outside_is_not_trusted(axis, shift, first, last):
    moved = (0, shift) if axis == 0 else (shift, 0)
    trusted = trust(constant(*moved), -constant(*moved))
    line = trusted.mean(1 - axis)
    doubted = np.flatnonzero(line < 0.9)  # blurred by one pixel more
    edges = [*range(first + (first > 0)), *(len(line) - 1 - np.arange(last + (last > 0)))]
    assert sorted(doubted) == sorted(edges)


def test_likeness_is_1_of_a_frame_and_itself_and_counts_by_trust():
    frame, flat = view(textured()), np.full((8, 9, 3), 0.3, np.float32)
    whole, half = np.ones(frame.shape[:2], np.float32), np.full(frame.shape[:2], 0.5, np.float32)
    assert np.isclose(likeness(frame, frame, whole), 1) and np.isclose(likeness(frame, frame, half), 0.5)
    assert np.isclose(likeness(1 - frame, frame, whole), -1, atol=0.02)
    variance = np.square(frame - frame.mean((0, 1))).mean()
    assert np.isclose(likeness(2 * frame, frame, whole), (4 * variance + 1e-4) / (5 * variance + 1e-4))
    assert np.isclose(likeness(flat, flat + 0.1, np.ones((8, 9), np.float32)), 1)
