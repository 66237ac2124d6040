"""The network that paints in one pass: its layers, its strips, its file, and what it makes of photos of any size."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

import stylegen
from stylegen.images.io import load_image, save_image
from stylegen.images.pixels import resize
from stylegen.losses import moments, wasserstein
from stylegen.runs.inputs import DEFAULT_PICTURE
from stylegen.style import polish, strips, transfer
from stylegen.style import transform_layers as layers
from stylegen.style.footage import paint_clip
from stylegen.style.norms import NOISE_SIDE, palette_of, with_palette, within_range
from stylegen.style.one_pass import OnePass
from stylegen.style.pass_runner import PassRunner
from stylegen.style.pass_settings import PassSettings
from stylegen.style.settings import POLISH, StyleSettings
from stylegen.style.style_sheet import style_sheet
from stylegen.utils.backend import tf
from stylegen.utils.errors import UserError
from stylegen.utils.npz import read_state, write_state
from tests.conftest import photo
from tests.style.one_pass_networks import LAYERS, SHALLOW, SHAPE, noise, random_network, random_one_pass

USUAL, LARGE = PassSettings(), PassSettings(style_scale=2)


def test_normalization_gives_each_channel_of_each_picture_the_mean_and_deviation_that_were_asked_for():
    x = 3 + 2 * noise(3, 9, 7, 4)
    norms = np.concatenate([np.full((3, 4), 0.5), np.full((3, 4), 0.2)], 1).astype(np.float32)
    found = layers.ConditionalInstanceNormalization()([x, norms]).numpy()
    np.testing.assert_allclose(found.mean((1, 2)), 0.2, atol=1e-5)
    np.testing.assert_allclose(found.std((1, 2)), 1.5, rtol=0.01)


def test_a_flat_channel_stays_flat_and_near_what_is_added():
    x = np.full((1, 8, 8, 2), 0.3, np.float32) + 1e-4 * noise(1, 8, 8, 2)
    found = layers.ConditionalInstanceNormalization()([x, np.zeros((1, 4), np.float32)]).numpy()
    assert np.abs(found).max() < 0.01


def test_a_batch_of_four_equals_four_batches_of_one(network):
    photos, norms = noise(4, 24, 32, 3), 0.3 * noise(4, network.inputs[1].shape[1], seed=1)
    together = network([photos, norms]).numpy()
    alone = np.concatenate([network([photos[n : n + 1], norms[n : n + 1]]).numpy() for n in range(4)])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_the_upsampled_convolution_is_that_of_the_repeated_map():
    layer = layers.UpsampledConvolution(6)
    x = noise(2, 5, 7, 4)
    found = layer(x).numpy()
    repeated = tf.pad(x.repeat(2, 1).repeat(2, 2), [[0, 0], [1, 1], [1, 1], [0, 0]], 'REFLECT')
    np.testing.assert_allclose(found, tf.nn.conv2d(repeated, layer.kernel, 1, 'VALID'), atol=1e-5)


def test_noise_begins_where_it_is_shifted_to_and_repeats_at_the_end_of_its_tile():
    layer = layers.AddedNoise(3)
    whole = layer(np.zeros((1, NOISE_SIDE + 40, 30, 2), np.float32)).numpy()
    assert whole.std() > 0.01
    np.testing.assert_array_equal(whole[:, :40], whole[:, NOISE_SIDE:])
    layer.shift = 5, 9
    shifted = layer(np.ones((2, 20, 15, 2), np.float32)).numpy()
    np.testing.assert_allclose(shifted - 1, whole[:, 5:25, 9:24].repeat(2, 0), atol=1e-6)


@pytest.mark.parametrize(('channels', 'positions'), [(20, 64), (20, 1), (32, 1), (5, 16)])
def test_one_picture_is_normalized_as_a_batch_is(channels, positions):
    x, rng = 3 + 2 * noise(1, 16, 24, channels), np.random.default_rng(0)
    scale, shift = np.float32(rng.normal(size=(2, channels)))
    expected = layers.ConditionalInstanceNormalization()([x, np.concatenate([scale, shift])[None]])
    seen = []
    made = layers.of_one_picture(
        tf.constant(x), 1 + scale, shift, False, lambda *given: seen.append(given) or given, positions
    )
    np.testing.assert_allclose(made, expected, atol=2e-5)
    cut = layers.of_one_picture(tf.constant(x), 1 + scale, shift, True, lambda *given: given, positions)
    assert np.array_equal(cut, np.maximum(made, 0)) and (made.numpy() < 0).any()
    (mean, variance), exact = seen[0], x.astype(np.float64)
    np.testing.assert_allclose(mean, exact.mean((0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(variance, exact.var((0, 1, 2)), rtol=1e-4)
    moved = layers.of_one_picture(
        tf.constant(x), 1 + scale, shift, False, lambda mean, variance: (mean + 1, variance), positions
    )
    np.testing.assert_allclose(moved, made - (1 + scale) / np.sqrt(exact.var((0, 1, 2)) + 1e-3), atol=1e-4)


@pytest.mark.parametrize('width', [1, 3])
@pytest.mark.parametrize(('first', 'mode'), [(1, 'REFLECT'), (0, 'SYMMETRIC')])
def test_a_map_is_mirrored_as_pad_does(width, first, mode):
    x = tf.constant(noise(2, 5, 4, 3))
    assert np.array_equal(layers.mirrored(x, width, first), tf.pad(x, [[0, 0], [width] * 2, [width] * 2, [0, 0]], mode))


def test_in_bfloat16_a_photo_and_a_smooth_gradient_come_out_as_in_float32():
    exact, fast = (OnePass.open(precision=precision) for precision in ('float32', 'mixed_bfloat16'))
    gradient = np.float32(np.broadcast_to(np.linspace(0.2, 0.8, 160)[None, :, None], (96, 160, 3)))
    for content in (load_image(DEFAULT_PICTURE, size=160), gradient):
        for style in ('starry_night', photo(64, 64)):
            difference = np.abs(fast(content, style) - exact(content, style))
            assert 0 < difference.mean() < 0.008
    with pytest.raises(UserError, match="'bfloat'"):
        OnePass.open(precision='bfloat')


def test_noise_gives_a_plain_photo_its_strokes(network, painter):
    plain = np.full((64, 64, 3), 0.4, np.float32)
    assert painter.paint(plain, painter.norms['ink']).std((0, 1)).max() > 0.01
    shallow = random_one_pass(random_network(SHALLOW), SHALLOW)
    assert shallow.paint(plain, shallow.norms['ink']).std((0, 1)).max() < 1e-3  # the control


@pytest.mark.parametrize('shape', [SHAPE, SHALLOW])
@pytest.mark.parametrize('rows', [8, 24, 32, 400])
def test_by_strips_the_picture_is_that_of_the_whole(rows, shape):
    network = random_network(shape)
    painter = random_one_pass(network, shape)
    photo, norms = noise(72, 40, 3), painter.norms['waves']
    parts = shape.split(norms)
    found = strips.paint_by_strips(painter.arrays, shape, photo, parts, rows)
    np.testing.assert_allclose(found, network([photo[None], norms[None]]).numpy()[0], atol=1e-4)


def test_what_does_not_fit_in_the_memory_is_painted_by_strips_without_seams(painter, monkeypatch):
    photo = noise(203, 61, 3)
    whole = painter(photo, 'ink')
    painter = dataclasses.replace(painter, max_memory=1_200_000)
    monkeypatch.setattr(PassRunner, '_graph', property(lambda self: pytest.fail('it was painted whole')))
    np.testing.assert_allclose(painter(photo, 'ink'), whole, atol=1e-4)
    with pytest.raises(UserError, match='max_memory'):
        painter(noise(400, 2000, 3), 'ink')


def test_by_strips_a_frame_is_painted_with_the_statistics_of_the_frame_before_too(painter, monkeypatch):
    areas, first, second = [(None, painter.norms['ink'])], noise(136, 61, 3), noise(136, 61, 3, seed=1) * 0.5
    _, scene = painter.paint_frame(first, areas, USUAL)
    whole, then = painter.paint_frame(second, areas, USUAL, scene)
    alone, _ = painter.paint_frame(second, areas, USUAL)
    assert np.abs(whole - alone).max() > 0.05
    small = dataclasses.replace(painter, max_memory=900_000)
    monkeypatch.setattr(PassRunner, '_graph', property(lambda self: pytest.fail('it was painted whole')))
    found, known = small.paint_frame(second, areas, USUAL, scene)
    np.testing.assert_allclose(found, whole, atol=1e-4)
    np.testing.assert_allclose(known['statistics0'], then['statistics0'], atol=1e-3)


def test_strokes_are_those_of_a_smaller_or_larger_photo_and_at_one_nothing_changes(painter):
    photo, norms = resize(noise(6, 8, 3), (36, 48)).clip(0, 1), painter.norms_of('ink')
    at = lambda scale: painter(photo, 'ink', style_scale=scale)
    assert np.array_equal(at(1.0), painter(photo, 'ink'))
    smaller = resize(painter.paint(resize(photo, (72, 96)).clip(0, 1), norms), (36, 48)).clip(0, 1)
    np.testing.assert_allclose(at(0.5), smaller, atol=1e-5)
    enlarged = resize(painter.paint(resize(photo, (18, 24)).clip(0, 1), norms), (36, 48)).clip(0, 1)
    second = painter.paint(enlarged, 0.5 * norms + 0.5 * painter.norms_of(enlarged))
    np.testing.assert_allclose(at(2.0), second, atol=1e-5)
    np.testing.assert_allclose(at(1.001), at(1.0), atol=0.02)  # the second pass comes in by and by


def test_a_frame_with_larger_strokes_keeps_the_statistics_of_the_frame_before(painter):
    areas, first, second = [(None, painter.norms_of('ink'))], noise(40, 48, 3), noise(40, 48, 3, seed=1) * 0.5
    _, scene = painter.paint_frame(first, areas, LARGE)
    again, then = painter.paint_frame(first, areas, LARGE, scene)
    np.testing.assert_allclose(again, painter.paint_frame(first, areas, LARGE)[0], atol=1e-3)
    kept, alone = (painter.paint_frame(second, areas, LARGE, one)[0] for one in (then, None))
    assert np.abs(kept - alone).max() > 0.05


def test_each_region_is_painted_in_its_own_style_and_none_stays_bit_for_bit(painter):
    photo, mask = noise(32, 32, 3), np.zeros((32, 32), np.float32)
    mask[:, :10], mask[:, 10:12] = 1, 0.5
    found = painter(photo, 'ink', regions=[(mask, 'waves')])
    ink, waves = painter(photo, 'ink'), painter(photo, 'waves')
    np.testing.assert_allclose(found[:, :10], waves[:, :10], atol=1e-6)
    np.testing.assert_allclose(found[:, 12:], ink[:, 12:], atol=1e-6)
    np.testing.assert_allclose(found[:, 10:12], (ink + waves)[:, 10:12] / 2, atol=1e-6)
    assert np.array_equal(painter(photo, None, regions=[(mask, 'waves')])[:, 12:], photo[:, 12:])
    both = painter(photo, None, regions=[(mask, 'waves'), (np.ones((32, 32)), 'ink')])  # masks over one another
    np.testing.assert_allclose(both[:, :10], (ink + waves)[:, :10] / 2, atol=1e-6)


@pytest.mark.parametrize('shape', [(1, 1), (7, 50), (33, 18), (64, 64)])
def test_a_picture_of_any_size_comes_out_at_its_size(painter, shape):
    found = painter(noise(*shape, 3), 'waves')
    assert found.shape == (*shape, 3) and found.dtype == np.float32 and 0 <= found.min() <= found.max() <= 1


def test_a_style_is_a_name_a_painting_or_several_with_shares(painter, tmp_path):
    photo, painting = noise(32, 32, 3), noise(48, 40, 3, seed=2)
    save_image(tmp_path / 'painting.png', painting)
    of_picture, of_path = (painter.norms_of(style) for style in (painting, str(tmp_path / 'painting.png')))
    np.testing.assert_allclose(of_picture, of_path, atol=0.01)
    blended = painter.norms_of([('waves', 3), ('ink', 1)])
    np.testing.assert_allclose(blended, 0.75 * painter.norms_of('waves') + 0.25 * painter.norms_of('ink'), rtol=1e-6)
    assert np.abs(painter(photo, 'waves') - painter(photo, painting)).max() > 0.01


def test_strength_goes_from_the_norms_of_the_photo_to_those_of_the_style(painter):
    photo = noise(32, 32, 3)
    own = painter.paint(photo, painter.norms_of(photo))
    np.testing.assert_allclose(painter(photo, 'ink', strength=0), own, atol=1e-5)
    half, whole = (np.abs(painter(photo, 'ink', strength=s) - own).mean() for s in (0.5, 1))
    assert 0 < half < whole


def test_where_the_mask_is_black_the_photo_stays_bit_for_bit_and_its_colours_stay_with_luminance(painter):
    photo, mask = noise(32, 32, 3), np.zeros((32, 32), np.float32)
    mask[:, 16:] = 1
    found = painter(photo, 'ink', mask=mask)
    assert (found[:, :16] == photo[:, :16]).all() and (found[:, 16:] != photo[:, 16:]).any()
    grey = painter(np.full((32, 32, 3), 0.4, np.float32), 'ink', color='luminance')
    assert np.ptp(grey, axis=-1).max() < 1e-5


@pytest.mark.parametrize(
    ('style', 'told'),
    [
        ('wave', 'did you mean waves'),
        ([('waves', 0.0)], 'shares'),
        ([('waves', -1), ('ink', 2)], 'shares'),
        ([('waves', np.inf), ('ink', 2)], 'shares'),
        ([('waves', np.nan)], 'shares'),
        ([('waves', 1e308), ('ink', 1e308)], 'shares'),
        (['waves', 'ink'], 'the style is a list'),
        (np.zeros(5, np.float32), 'expected norms of'),
        (np.full(SHAPE.norms, np.nan, np.float32), 'expected norms of'),
    ],
)
def test_a_style_that_is_none_is_refused(painter, style, told):
    with pytest.raises(UserError, match=told):
        painter(noise(16, 16, 3), style)


def test_a_painting_may_be_lists_of_numbers(painter):
    picture = noise(24, 20, 3)
    assert np.array_equal(painter.norms_of(picture.tolist()), painter.norms_of(picture))


@pytest.mark.parametrize(
    ('setting', 'told'),
    [
        ({'strength': 2.5}, 'strength to be a number from 0 up to 2'),
        ({'strength': float('nan')}, 'strength'),
        ({'style_scale': 0}, 'style_scale to be a number from 0.5 up to 4'),
        ({'color': 'chroma'}, 'luminance'),
        ({'blend': 1.0}, 'blend to be a number from 0 to below 1'),
    ],
)
def test_settings_that_cannot_be_are_refused_before_anything_is_painted(painter, setting, told):
    calls = [lambda: paint_clip(painter, [], 'ink', **setting)]
    calls += [] if 'blend' in setting else [lambda: painter(noise(16, 16, 3), 'ink', **setting)]
    for call in calls:
        with pytest.raises(UserError, match=told):
            call()
    with pytest.raises(UserError, match='one photo at least'):
        style_sheet(painter, [])


@pytest.mark.slow
def test_the_optimisation_begins_with_the_picture_of_one_pass(painter, monkeypatch):
    monkeypatch.setattr(polish, 'open_shipped', lambda max_memory: painter)
    photo, painting, mask = noise(48, 40, 3), noise(48, 48, 3, seed=2), np.zeros((48, 40), np.float32)
    mask[:, 20:] = 1
    begin = {'network': 'mini', 'init': 'one_pass', 'iterations': 0, 'smallest_size': 48, 'precision': 'float32'}
    norms = painter.norms_of([(painting, 1.0)])
    np.testing.assert_allclose(transfer(photo, painting, **begin), painter(photo, norms), atol=1e-5)
    found = transfer(photo, painting, regions=[(mask, [])], **begin)
    np.testing.assert_allclose(found, painter(photo, norms, mask=1 - mask), atol=1e-5)
    settings = [StyleSettings.of_record({'init': 'one_pass', **given}) for given in ({}, {'iterations': 7})]
    assert [one.iterations for one in settings] == [POLISH['iterations'], (7,)]
    assert {one.smallest_size for one in settings} == {POLISH['smallest_size']}


def test_a_network_that_was_saved_paints_as_before(painter, tmp_path):
    painter.save(tmp_path / 'net.npz')
    again, photo = OnePass.open(tmp_path / 'net.npz', precision='float32'), noise(24, 24, 3)
    assert again.styles == ('waves', 'ink') and again.about == painter.about
    np.testing.assert_allclose(again(photo, 'waves'), painter(photo, 'waves'), atol=0.01)
    assert again.network == 'mini' and again.layers == LAYERS


def test_a_file_from_before_the_deep_blocks_paints_as_before(tmp_path):
    painter = random_one_pass(random_network(SHALLOW), SHALLOW)
    painter.save(tmp_path / 'new.npz')
    settings, arrays = read_state(tmp_path / 'new.npz')
    assert settings.pop('deep') == 0
    write_state(tmp_path / 'old.npz', settings, arrays)
    old = OnePass.open(tmp_path / 'old.npz', precision='float32')
    assert old.shape == SHALLOW
    np.testing.assert_allclose(old(photo(30, 41), 'ink'), painter(photo(30, 41), 'ink'), atol=2e-3)


def test_weights_that_the_file_cannot_hold_are_not_saved(painter, tmp_path):
    for value in (1e6, np.nan):
        broken = dataclasses.replace(painter, norms={**painter.norms, 'ink': painter.norms['ink'] + value})
        with pytest.raises(ValueError, match='norms/ink does not fit float16'):
            broken.save(tmp_path / 'net.npz')
    assert not (tmp_path / 'net.npz').exists()


def test_another_file_is_refused_with_its_name(tmp_path):
    with pytest.raises(UserError, match='is not there'):
        OnePass.open(tmp_path / 'none.npz')
    (tmp_path / 'bad.npz').write_bytes(b'PK' + bytes(50))
    with pytest.raises(UserError, match='no one-pass network'):
        OnePass.open(tmp_path / 'bad.npz')
    write_state(tmp_path / 'other.npz', {'styles': {}, 'network': 'mini', 'layers': []}, {})
    with pytest.raises(UserError, match='no one-pass network'):
        OnePass.open(tmp_path / 'other.npz')


def test_distances_of_a_batch_are_those_of_its_pictures_alone_from_a_style_each():
    maps, styles = tf.constant(noise(3, 6, 5, 4)), [noise(1, 8, 8, 4, seed=n) for n in (1, 2, 3)]
    targets = [wasserstein.wasserstein_target(moments.moments({'a': tf.constant(style)}, 'a')) for style in styles]
    each = {name: np.concatenate([target[name].numpy() for target in targets]) for name in targets[0]}
    (found,) = wasserstein.distances_by_picture([each], [moments.central_moments({'a': maps}, 'a')])
    for number, target in enumerate(targets):
        sums = moments.central_moments({'a': maps[number : number + 1]}, 'a')
        (alone,) = wasserstein.distances_by_picture([target], [sums])
        np.testing.assert_allclose(found[number], alone[0], rtol=1e-4)


def test_a_picture_has_the_palette_of_its_style(painter):
    own = palette_of(dataclasses.replace(painter, palettes={})(photo(60, 80), 'waves'))
    palette = np.append([0.5, 0.4, 0.5], 0.8 * own[3:])
    picture = dataclasses.replace(painter, palettes={'waves': palette, 'ink': palette})(photo(60, 80), 'waves')
    assert np.allclose(palette_of(picture), palette, atol=0.01) and not np.allclose(own, palette, atol=0.05)
    assert np.array_equal(painter.norms_of(photo(50, 50, 3))[-6:], palette_of(photo(50, 50, 3)))


def test_the_contrast_of_a_flat_picture_is_doubled_at_most():
    flat = 0.5 + 0.01 * (photo(20, 20) - 0.5)
    made = with_palette(flat, palette_of(flat), np.float32([0.2, 0.3, 0.4, 0.3, 0.3, 0.3]))
    assert np.allclose(made.mean((0, 1)), [0.2, 0.3, 0.4], atol=1e-6)
    assert np.allclose(made.std((0, 1)), 2 * flat.std((0, 1)), rtol=1e-3)


def test_strong_contrast_leaves_differences_at_both_ends_of_the_range_and_changes_nothing_between():
    ramp = np.linspace(0, 1, 256, dtype=np.float32)[None, :, None].repeat(3, -1)
    own = palette_of(ramp)
    made = with_palette(ramp, own, np.append(own[:3], 1.4 * own[3:]))
    clipped = np.clip(1.4 * (ramp - 0.5) + 0.5, 0, 1)
    assert np.all(np.diff(made[0, :, 0]) > 0) and np.mean(np.diff(clipped[0, :, 0]) == 0) > 0.2
    assert abs(made.min()) < 1e-6 and abs(made.max() - 1) < 1e-6
    inner = (clipped > 0.06) & (clipped < 0.88)
    np.testing.assert_allclose(made[inner], clipped[inner], atol=1e-6)
    np.testing.assert_allclose(within_range(ramp, np.float32([0] * 3), np.float32([1] * 3)), ramp, atol=1e-6)


def test_of_a_palette_that_is_almost_black_the_picture_is_twice_as_light_at_most():
    grey = np.linspace(0.02, 0.3, 256, dtype=np.float32)[None, :, None].repeat(3, -1)
    for dark, mean in ((0.05, 0.1), (0.1, 0.13), (0.2, 0.2)):
        made = with_palette(grey, palette_of(grey), np.float32([dark] * 3 + [dark / 4] * 3))
        assert abs(made.mean() - mean) < 0.006


def test_a_file_without_palettes_paints_as_it_did(painter, tmp_path):
    dataclasses.replace(painter, palettes={}).save(tmp_path / 'old.npz')
    opened = OnePass.open(tmp_path / 'old.npz', precision='float32')
    assert opened.palettes == {} and opened.norms_of('waves').shape == opened.norms['waves'].shape
    made, bare, usual = (
        one(photo(20, 20), 'waves') for one in (opened, dataclasses.replace(painter, palettes={}), painter)
    )
    assert np.abs(made - bare).max() < 0.01 < np.abs(made - usual).max()
    mixed = opened(photo(20, 20), [('waves', 1), (photo(30, 30, 2), 1)], strength=0.5)
    assert mixed.shape == (20, 20, 3)


def test_the_file_that_is_opened_without_a_path_is_the_one_that_ships():
    shipped = OnePass.open()
    assert 'starry_night' in shipped.styles and shipped.takes_paintings
    path = Path(stylegen.__file__).parent / 'weights' / 'one_pass.npz'
    picture = noise(24, 24, 3)
    assert np.array_equal(OnePass.open(path)(picture, 'irises'), shipped(picture, 'irises'))


def test_shading_is_lost_by_a_bright_spot_and_kept_by_other_contrast_and_strokes():
    from stylegen.style.judge import shading_loss

    photo = np.linspace(0.2, 0.8, 64, dtype=np.float32)[None, :, None, None] * np.ones((1, 64, 64, 3), np.float32)
    stripes = 0.1 * (np.arange(64) % 2 * 2 - 1)[None, None, :, None]
    spot = photo.copy()
    spot[:, :24, :24] = 1
    assert shading_loss(tf.constant(0.3 + 0.4 * photo + stripes.astype(np.float32)), tf.constant(photo)) < 0.01
    assert shading_loss(tf.constant(spot), tf.constant(photo)) > 0.2
    assert shading_loss(tf.constant(1 - photo), tf.constant(photo)) > 1.9


def test_detail_is_lost_where_a_plain_area_is_filled_and_kept_where_the_photo_has_some():
    from stylegen.style.judge import detail_loss

    grain, half = noise(1, 96, 96, 3) - 0.5, np.linspace(0, 1, 96, dtype=np.float32)[:, None] > 0.5
    one_half = np.float32(0.5 + 0.4 * half * grain)
    assert detail_loss(0.3 + 0.4 * one_half, one_half) < 0.05
    assert detail_loss(np.float32(0.5 + 0.4 * ~half * grain), one_half) > 1.5
    filled, other_half = np.float32(0.5 + 0.3 * grain), np.float32(0.5 + 0.3 * grain - 0.2 * half * grain)
    assert 0.9 < detail_loss(filled, one_half) < detail_loss(other_half, one_half)
    plain = np.full((1, 96, 96, 3), 0.4, np.float32)
    assert np.isfinite(detail_loss(plain, plain)) and np.isfinite(detail_loss(filled, plain))


def test_patches_of_colour_are_lost_in_a_plain_sky_and_kept_where_the_photo_has_them():
    from stylegen.style.judge import patches_loss

    rng = np.random.default_rng(2)
    ramp = np.linspace(0, 1, 192, dtype=np.float32)
    scene = np.float32(np.stack(np.broadcast_arrays(ramp[:, None], ramp[None] ** 2, 0.5), -1)[None])
    other_palette = 0.2 + 0.6 * scene @ rng.uniform(0, 0.5, (3, 3)).astype(np.float32)
    plain = np.full_like(scene, 0.6) + 0.01 * noise(1, 192, 192, 3)
    orange_and_blue = np.where(ramp[:, None] < 0.5, np.float32([0.9, 0.5, 0.1]), np.float32([0.1, 0.3, 0.8]))[
        None, None
    ]
    patched = np.float32(np.broadcast_to(orange_and_blue, scene.shape))
    assert patches_loss(patched, plain) > 0.8 > 0.05 > patches_loss(other_palette, scene)
    strokes = plain + 0.3 * (noise(1, 192, 192, 3) - 0.5)
    assert patches_loss(strokes, plain) < 0.1
