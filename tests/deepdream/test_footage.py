"""Dreams on footage: carried by motion, of steady strength, fresh after a cut and where something comes into sight."""

import numpy as np
import pytest

from stylegen.deepdream.footage import carry, dream_footage
from stylegen.utils.errors import UserError
from tests.images.test_flow import HEIGHT, WIDTH, textured, view

FINE = np.random.default_rng(9).normal(0, 0.05, (HEIGHT, WIDTH, 3)).astype(np.float32)


def brighten(image, seed):
    return np.clip(image + np.float32(0.03), 0, 1)


def texture(image, seed):
    return np.clip(image + FINE, 0, 1)


def sharpen(image, seed):
    """Makes what is there stronger, the carried dream too, as a real dreamer does."""
    around = sum(np.roll(image, *shift) for shift in ((1, 0), (-1, 0), (1, 1), (-1, 1))) / 4
    change = image - around
    return np.clip(image + 0.03 * change / np.abs(change).mean(), 0, 1)


def still(count):
    ground = view(textured()) * np.float32(0.6) + np.float32(0.2)
    return [ground] * count


def detail(made):
    return made.picture - made.frame


@pytest.mark.parametrize(('dreamer', 'blend'), [(brighten, 0.7), (texture, 0.95), (sharpen, 0.7)])
def test_a_still_shot_does_not_drift_over_100_frames(dreamer, blend):
    made = list(dream_footage(still(100), dreamer, blend=blend))
    fresh = detail(made[0])
    for later in (made[10], made[50], made[99]):
        assert abs(detail(later).mean() - fresh.mean()) < 0.003
        assert 0.5 < np.sqrt(np.mean(detail(later) ** 2)) / np.sqrt(np.mean(fresh**2)) < 1.05
    if dreamer is not sharpen:  # these add the same whatever they see (but for clipping), so the fixed point is known
        assert np.abs(detail(made[99]) - fresh).mean() < 1e-5


@pytest.mark.parametrize('dreamer', [brighten, texture])
def test_plain_accumulation_does_drift(dreamer):
    """The control: DeepDreamAnim's rule on the same frames."""
    ground = still(1)[0]
    carried = np.zeros_like(ground)
    for _ in range(100):
        carried = dreamer(np.clip(ground + carried, 0, 1), 0) - ground
    fresh = dreamer(ground, 0) - ground
    assert np.sqrt(np.mean(carried**2)) > 5 * np.sqrt(np.mean(fresh**2))


def test_no_blend_is_every_frame_by_itself():
    frames = [view(textured(), x) for x in (0, 3, 6)]
    for made, frame in zip(dream_footage(frames, texture, blend=0), frames, strict=True):
        assert np.array_equal(made.frame, frame) and np.abs(made.picture - texture(frame, 0)).max() < 1e-6


def test_the_detail_moves_along_and_what_comes_into_sight_is_fresh():
    picture = textured() * np.float32(0.6) + np.float32(0.2)
    first, second = view(picture), view(picture, 8)
    marks = np.zeros_like(first)
    marks[40:56, 60:76] = 0.2
    made = dream_footage(
        [first, second], lambda image, seed: np.clip(image + marks * (seed_of.pop(0)), 0, 1), blend=0.5
    )
    seed_of = [1, 0]  # only the first frame is dreamed on
    one, two = list(made)
    moved = detail(two)[..., 0]
    assert np.array_equal(detail(one)[..., 0] > 0.1, marks[..., 0] > 0)
    np.testing.assert_allclose(moved[43:53, 55:65], 0.1, atol=0.02)  # half of it, 8 pixels to the left
    assert np.abs(moved[:, 80:]).max() < 0.01 and np.abs(moved[43:53, 70:76]).max() < 0.02
    _, trusted, cut = carry(one, second)
    assert not cut and trusted[16:-16, -6:].mean() < 0.2 and trusted[16:-16, 16:-24].min() > 0.95
    both = list(dream_footage([first, second], brighten, blend=0.5))
    np.testing.assert_allclose(detail(both[1])[16:-16, 16:], 0.03, atol=0.002)  # at full strength, old and new


def test_a_cut_starts_afresh():
    frames = [view(textured(0)), view(textured(0), 2), view(textured(1)), view(textured(1), 2)]
    made = list(dream_footage(frames, texture, blend=0.9))
    assert [frame.cut for frame in made] == [True, False, True, False]
    assert np.abs(made[2].picture - texture(frames[2], 0)).max() < 1e-6
    assert np.abs(made[3].picture - texture(frames[3], 0)).max() > 0.05  # the control: within the shot it is carried


def test_a_blend_lowers_the_flicker_of_a_noisy_dream():
    def restless(image, seed):
        return np.clip(image + rng.normal(0, 0.05, image.shape), 0, 1).astype(np.float32)

    flicker = {}
    for blend in (0, 0.7):
        rng = np.random.default_rng(0)
        made = [detail(frame) for frame in dream_footage(still(12), restless, blend=blend)]
        flicker[blend] = np.mean([np.abs(b - a).mean() for a, b in zip(made[5:], made[6:], strict=False)])
    assert flicker[0.7] < 0.35 * flicker[0]


def test_footage_goes_on_where_it_stopped():
    frames = [view(textured(x > 4), 2 * x, x) for x in range(8)]
    whole = list(dream_footage(frames, sharpen, seed=3))
    for stop in (0, 3, 4):
        rest = list(dream_footage(frames[stop + 1 :], sharpen, seed=3, previous=whole[stop]))
        assert [made.index for made in rest] == list(range(stop + 1, 8))
        assert all(np.array_equal(a.picture, b.picture) for a, b in zip(rest, whole[stop + 1 :], strict=True))


def test_frames_are_taken_one_by_one():
    taken = []

    def frames():
        for index in range(5):
            taken.append(index)
            yield still(1)[0]

    made = dream_footage(frames(), brighten)
    next(made)
    next(made)
    assert taken == [0, 1]


def test_mistakes_are_refused_with_what_can_be():
    for blend in (-0.1, 1.0, float('nan')):
        with pytest.raises(UserError, match='expected blend to be a number from 0 to below 1'):
            next(dream_footage(still(1), brighten, blend=blend))
    with pytest.raises(ValueError, match=r'frame 1 is \(50, 60, 3\)'):
        list(dream_footage([*still(1), np.zeros((50, 60, 3), np.float32)], brighten))
