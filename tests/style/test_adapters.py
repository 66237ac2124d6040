"""Adapters: what a style of its own changes of the kernels, in pictures, files, exports and training."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from stylegen.networks.embedded import weight_arrays
from stylegen.style.adapters import Adapter, adapted, change, factor_shapes, with_adapters
from stylegen.style.exporting import export_one_pass
from stylegen.style.judge import Judge, regularity_loss
from stylegen.style.norms import NOISE, WHITE_NOISE, noise_tile
from stylegen.style.one_pass import OnePass
from stylegen.style.one_pass_model import OnePassModel
from stylegen.style.pass_runner import PassRunner
from stylegen.style.pass_settings import PassSettings
from stylegen.style.portable import portable
from stylegen.style.transform_network import give_weights
from stylegen.utils.backend import keras, tf
from stylegen.utils.errors import UserError
from stylegen.utils.npz import read_state, write_state
from tests.conftest import photo
from tests.style.one_pass_networks import noise, random_network, random_one_pass

RANK = 3


@pytest.fixture
def no_margin(monkeypatch):
    monkeypatch.setattr('stylegen.style.norms.MARGIN', 0)


@pytest.fixture(scope='module')
def factors(painter):
    """Random factors for all kernels of the network."""
    rng = np.random.default_rng(4)
    return [
        tuple(0.3 * rng.normal(size=size) * size[0] ** -0.25 for size in factor_shapes(kernel.shape, RANK))
        for kernel in painter.kernels
    ]


@pytest.fixture(scope='module')
def adapter(painter, factors):
    norms = np.random.default_rng(5).normal(size=painter.shape.norms)
    return Adapter.of(0.3 * norms, factors)


@pytest.fixture(scope='module')
def adapted_painter(painter, adapter):
    """The network of `painter`, whose style 'ink' has an adapter."""
    return dataclasses.replace(painter, adapters={'ink': adapter})


def test_a_change_of_a_kernel_is_the_product_of_its_factors_in_full_rank_any_change():
    rng = np.random.default_rng(0)
    wanted = rng.normal(size=(3, 3, 4, 5))
    u, values, v = np.linalg.svd(wanted.transpose(0, 2, 1, 3).reshape(12, 15), full_matrices=False)
    np.testing.assert_allclose(change(u * values, v, wanted.shape), wanted, atol=1e-12)
    found = change(tf.constant(u * values), tf.constant(v), wanted.shape, keras.ops)
    np.testing.assert_allclose(found, wanted, atol=1e-12)


def test_an_adapter_keeps_its_factors_but_for_a_level(painter, factors, adapter):
    assert adapter.levels.dtype == np.int8 and adapter.rank(painter.kernels) == RANK
    for (left, right), kernel, found in zip(factors, painter.kernels, adapter.changes(painter.kernels), strict=True):
        exact = change(left, right, kernel.shape)
        assert 0 < np.abs(found - exact).max() < 0.03 * np.abs(exact).max()


def test_an_adapter_of_another_network_is_none(painter, adapter):
    for wrong in (
        Adapter(adapter.norms, adapter.levels[:-1], adapter.scales),
        Adapter(adapter.norms, adapter.levels, adapter.scales[:-1]),
        Adapter(adapter.norms, adapter.levels[:0], adapter.scales[:0]),
    ):
        with pytest.raises(ValueError, match='another network'):
            wrong.rank(painter.kernels)


def test_a_style_with_an_adapter_is_painted_by_the_changed_network_and_the_others_stay(
    painter, adapted_painter, adapter, no_margin
):
    arrays = with_adapters(painter.arrays, painter.shape, [(adapter, 1)])
    changed = dataclasses.replace(painter, arrays=arrays, norms={**painter.norms, 'ink': adapter.norms})
    content = photo(40, 48)
    made = adapted_painter(content, 'ink')
    np.testing.assert_allclose(made, changed(content, 'ink'), atol=1e-6)
    assert np.abs(made - painter(content, 'ink')).mean() > 0.01  # the control
    assert np.array_equal(adapted_painter(content, 'waves'), painter(content, 'waves'))
    painting = photo(30, 30, 5)
    assert np.array_equal(adapted_painter(content, painting), painter(content, painting))
    assert np.array_equal(adapted_painter(content, 'ink'), made)  # after other styles


def test_threads_that_paint_in_two_styles_at_once_do_not_take_each_others_kernels(adapted_painter):
    content, styles = photo(40, 48), ('ink', 'waves')
    areas = {style: [(None, adapted_painter.norms_of(style))] for style in styles}
    paint = lambda style: adapted_painter.paint_frame(content, areas[style], PassSettings())[0]
    alone = {style: paint(style) for style in styles}
    turns = styles * 12
    with ThreadPoolExecutor(4) as pool:
        for style, made in zip(turns, pool.map(paint, turns), strict=True):
            np.testing.assert_allclose(made, alone[style], atol=1e-5)


def test_shares_and_strength_mix_kernels_and_norms(painter, adapted_painter, adapter, no_margin):
    content = photo(40, 48)
    half = dataclasses.replace(painter, arrays=with_adapters(painter.arrays, painter.shape, [(adapter, 0.5)]))
    mean = (adapter.norms + painter.norms['waves']) / 2
    palette = (painter.palettes['ink'] + painter.palettes['waves']) / 2
    mixed = adapted_painter(content, [('ink', 1), ('waves', 1)])
    np.testing.assert_allclose(mixed, half(content, np.concatenate([mean, palette])), atol=1e-5)
    own = painter.norms_of(content)
    halved = half(content, (np.concatenate([adapter.norms, painter.palettes['ink']]) + own) / 2)
    np.testing.assert_allclose(adapted_painter(content, 'ink', strength=0.5), halved, atol=1e-5)


def test_norms_without_shares_of_adapters_are_taken_as_they_were(painter, adapted_painter):
    content, norms = photo(32, 32), painter.norms_of('ink')
    assert len(adapted_painter.norms_of('ink')) == len(norms) + 1
    assert np.array_equal(adapted_painter(content, norms, strength=0.5), painter(content, norms, strength=0.5))
    with pytest.raises(UserError, match='expected norms of'):
        adapted_painter.norms_of(np.zeros(len(norms) + 2, np.float32))


def test_numpy_tensorflow_and_strips_paint_the_same(adapted_painter, monkeypatch):
    content = photo(96, 40)
    made = adapted_painter(content, 'ink')
    monkeypatch.setattr(PassRunner, 'uses_numpy', lambda self, pixels: True)
    np.testing.assert_allclose(adapted_painter(content, 'ink'), made, atol=1e-4)
    monkeypatch.undo()
    monkeypatch.setattr('stylegen.style.pass_runner.KEPT_PIXEL', 0)
    small = dataclasses.replace(adapted_painter, max_memory=str(72 * 32 * 1000 * 16 // 96 + 1))
    np.testing.assert_allclose(small(content, 'ink'), made, atol=1e-4)


@pytest.mark.parametrize('size', [(40, 48), (8, 56)])
def test_a_photo_is_mirrored_at_its_borders_and_the_margin_cut_off(adapted_painter, size, monkeypatch):
    content = photo(*size)
    made = dataclasses.replace(adapted_painter, palettes={})(content, 'ink')
    monkeypatch.setattr('stylegen.style.norms.MARGIN', 0)
    wide = np.pad(content, [(16, 16), (16, 16), (0, 0)], 'symmetric')
    expected = dataclasses.replace(adapted_painter, palettes={})(wide, 'ink')[16:-16, 16:-16]
    assert made.shape == content.shape
    np.testing.assert_allclose(made, expected, atol=1e-6)
    assert [adapted_painter(photo(*odd), 'ink').shape for odd in ((1, 1), (7, 50))] == [(1, 1, 3), (7, 50, 3)]


def test_larger_strokes_and_regions_take_adapters_too(adapted_painter):
    content = photo(48, 40)
    mask = np.zeros((48, 40), np.float32)
    mask[:24] = 1
    made = adapted_painter(content, 'waves', regions=[(mask, 'ink')])
    np.testing.assert_allclose(made[:24], adapted_painter(content, 'ink')[:24], atol=1e-5)
    np.testing.assert_allclose(made[24:], adapted_painter(content, 'waves')[24:], atol=1e-5)
    areas, large = [(None, adapted_painter.norms_of('ink'))], PassSettings(style_scale=2)
    first, scene = adapted_painter.paint_frame(content, areas, large)
    again, _ = adapted_painter.paint_frame(content, areas, large, scene)
    np.testing.assert_allclose(first, again, atol=1e-4)


@pytest.mark.parametrize('compact', [False, True])
def test_a_file_keeps_adapters_and_in_compact_form_little_is_lost(adapted_painter, tmp_path, compact):
    adapted_painter.save(tmp_path / 'net.npz', compact=compact)
    opened, content = OnePass.open(tmp_path / 'net.npz', precision='float32'), photo(40, 48)
    assert [*opened.adapters] == ['ink'] and opened.styles == ('waves', 'ink')
    assert set(opened.arrays) == set(adapted_painter.arrays)
    for style in ('ink', 'waves'):
        assert np.abs(opened(content, style) - adapted_painter(content, style)).mean() < (0.02 if compact else 0.002)
    sizes = [(tmp_path / name).stat().st_size for name in ('net.npz', 'again.npz') if (tmp_path / name).exists()]
    opened.save(tmp_path / 'again.npz', compact=compact)
    assert sizes == [(tmp_path / 'again.npz').stat().st_size]
    np.testing.assert_allclose(
        OnePass.open(tmp_path / 'again.npz', precision='float32')(content, 'ink'), opened(content, 'ink'), atol=2e-3
    )


def test_a_file_with_an_adapter_that_does_not_fit_is_refused_with_its_name(adapted_painter, tmp_path):
    adapted_painter.save(tmp_path / 'net.npz')
    settings, arrays = read_state(tmp_path / 'net.npz')
    write_state(tmp_path / 'cut.npz', settings, arrays | {'adapter_levels/ink': arrays['adapter_levels/ink'][:-9]})
    with pytest.raises(UserError, match=r'cut\.npz is no one-pass network'):
        OnePass.open(tmp_path / 'cut.npz')


def test_a_file_of_fewer_channels_of_noise_paints_as_before(painter, tmp_path):
    known = {name: array for name, array in painter.arrays.items() if name.endswith('_noise/kernel')}
    assert known and noise_tile().shape[-1] == NOISE > WHITE_NOISE
    fewer = {name: array[:WHITE_NOISE] for name, array in known.items()}
    dataclasses.replace(painter, arrays={**painter.arrays, **fewer}).save(tmp_path / 'old.npz')
    opened = OnePass.open(tmp_path / 'old.npz', precision='float32')
    silent = {name: np.where(np.arange(NOISE)[:, None] < WHITE_NOISE, array, 0) for name, array in known.items()}
    expected = dataclasses.replace(painter, arrays={**painter.arrays, **silent})(photo(40, 40), 'ink')
    np.testing.assert_allclose(opened(photo(40, 40), 'ink'), expected, atol=0.01)
    assert np.abs(expected - painter(photo(40, 40), 'ink')).max() > 0.02  # the control


def test_noise_has_a_deviation_of_one_and_fits_together_at_its_edges():
    tile = noise_tile()
    np.testing.assert_allclose(tile.std((0, 1)), 1, atol=0.02)
    steps = np.abs(np.diff(tile, axis=0)).mean((0, 1))
    edges = np.abs(tile[0] - tile[-1]).mean(0)
    np.testing.assert_allclose(edges, steps, rtol=0.25)
    assert np.all(np.diff(steps[WHITE_NOISE - 1 :]) < 0)  # each channel is smoother than the one before


@pytest.mark.parametrize('form', ['made.keras', 'made.tflite'])
def test_an_exported_style_has_its_adapter(adapted_painter, form, tmp_path):
    made = export_one_pass(adapted_painter, tmp_path / form, 'ink')
    assert made.difference < 1e-5


def test_norms_as_an_input_are_those_for_the_network_without_adapters(painter, adapted_painter, tmp_path):
    made = export_one_pass(adapted_painter, tmp_path / 'made.keras')
    assert made.difference < 1e-5 and made.card['inputs']['norms']['shape'][1] == len(painter.norms_of('ink'))
    norms, content = np.float32([made.card['styles']['ink']['norms']]), photo(48, 40)
    found = portable(adapted_painter).call(tf.constant(content[None]), tf.constant(norms))[0]
    np.testing.assert_allclose(found, painter(content, 'ink'), atol=1e-4)


@pytest.fixture(scope='module')
def judge():
    return Judge.open('mini', 'float32')


def model_of(judge, painter, styles, **how):
    targets = [judge.style_of(style)[0] for style in styles]
    model = OnePassModel(
        judge, targets, shape=painter.shape, precision='float32', strength=0.6, norms_only=True, seed=1, **how
    )
    give_weights(model.transform, painter.arrays)
    model.norms.assign(np.stack([painter.norms['ink']] * len(styles)))
    return model


def test_training_changes_one_style_at_a_time_and_the_network_never(judge, painter):
    model = model_of(judge, painter, [photo(40, 40, 1), photo(40, 40, 2)], rank=RANK)
    photos, before = np.uint8(255 * noise(3, 32, 32, 3)), weight_arrays(model.transform)
    assert np.array_equal(
        model.paint(tf.constant(photos / np.float32(255)), tf.zeros(3, tf.int32)).numpy(),
        model.transform([photos / np.float32(255), np.stack([painter.norms['ink']] * 3)]).numpy(),
    )  # an adapter that was not trained changes nothing
    model.compile(optimizer=keras.optimizers.SGD(0.5), jit_compile=False)
    style = int(model._drawn_style())
    model.train_step((tf.constant(photos),))
    assert all(np.array_equal(before[name], array) for name, array in weight_arrays(model.transform).items())
    changed = [np.abs(right.value.numpy()).max((1, 2)) for _, _, right in model.factors]
    assert all(each[style] > 0 == each[1 - style] for each in changed)
    assert not np.array_equal(model.norms.value.numpy()[style], painter.norms['ink'])
    assert np.array_equal(model.norms.value.numpy()[1 - style], painter.norms['ink'])


def test_what_was_trained_is_what_the_network_for_use_paints(judge, painter, no_margin):
    model = model_of(judge, painter, [photo(40, 40, 1)], rank=RANK)
    rng = np.random.default_rng(3)
    for _, _, right in model.factors:
        right.assign(0.05 * rng.normal(size=right.shape))
    used = dataclasses.replace(painter, palettes={}, adapters={'ink': model.adapter(0)})
    content = photo(40, 48)
    found = model.paint(tf.constant(content[None]), tf.constant([0]))[0]
    assert np.abs(used(content, 'ink') - np.clip(found, 0, 1)).mean() < 0.01
    assert np.abs(used(content, 'ink') - dataclasses.replace(used, adapters={})(content, 'ink')).mean() > 0.02


def test_a_mark_in_rows_is_lost_where_the_photo_is_plain_and_kept_where_the_photo_has_it():
    waves = np.sin(np.arange(128) * np.pi / 6)
    rows = np.float32(0.5 + 0.2 * waves[:, None] * waves)[None, ..., None].repeat(3, -1)
    plain, strokes = np.full_like(rows, 0.5), np.float32(0.5 + 0.3 * (noise(1, 128, 128, 3) - 0.5))
    assert float(regularity_loss(tf.constant(rows), tf.constant(plain))) > 2
    assert float(regularity_loss(tf.constant(rows), tf.constant(rows))) == 0
    assert float(regularity_loss(tf.constant(strokes), tf.constant(plain))) == 0
    assert float(regularity_loss(tf.constant(rows[:, :20, :31]), tf.constant(plain[:, :20, :31]))) > 0.5


def test_the_names_of_kernels_are_those_of_the_network(network, painter):
    kernels = {name for name, array in painter.arrays.items() if array.ndim == 4}
    assert set(adapted(painter.shape)) == kernels
    assert random_one_pass(random_network()).adapters == {}
