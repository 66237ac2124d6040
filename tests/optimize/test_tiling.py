"""Tiles cover a picture exactly, agree with the uncut gradient away from seams, and leave no seams when rolled."""

import numpy as np
import pytest

from stylegen.losses import dream_loss
from stylegen.optimize import Objective, Term, optimize_image, updates
from stylegen.optimize.tiling import TiledObjective
from stylegen.utils.backend import tf
from tests.conftest import photo


def key(step=0):
    return tf.constant([5, step])


def per_pixel(**options):
    """An objective whose gradient is 2 x / N at every pixel, whatever the tiles: it shows what is covered."""
    term = Term('square', 1.0, lambda f: tf.reduce_sum(f['input'] ** 2))
    return TiledObjective(lambda image: {'input': image}, (term,), **options)


SIZES = [15, 16, 17, 31, 32, 33, 47, 48, 49]


@pytest.mark.parametrize('stride', [1, 4])
@pytest.mark.parametrize('height', SIZES)
def test_every_pixel_gets_exactly_one_gradient(height, stride):
    for width in SIZES:
        image = photo(height, width)[None]
        objective = per_pixel(tile=16, stride=stride, jitter=5)
        _, gradient = objective.value_and_gradient(tf.constant(image), key(height * 100 + width))
        share = gradient.numpy() / (2 * image)
        assert np.allclose(share, share[0, 0, 0, 0], rtol=1e-5)
        tiles = round(1 / share[0, 0, 0, 0])
        assert tiles == -(-height // 16) * -(-width // 16)


def test_a_margin_changes_only_what_is_near_the_border(tiny):
    image = tf.constant(photo(48, 56)[None])
    terms = (Term('b', 1.0, dream_loss('b')),)
    plain = TiledObjective(tiny, terms).value_and_gradient(image)[1].numpy()[0] * 48 * 56
    mirrored = TiledObjective(tiny, terms, margin=8).value_and_gradient(image)[1].numpy()[0] * 64 * 72
    inner = (slice(tiny.reach, -tiny.reach),) * 2
    assert np.allclose(plain[inner], mirrored[inner], rtol=1e-4, atol=1e-6)
    assert not np.allclose(plain, mirrored, rtol=1e-4, atol=1e-6)


def test_with_a_margin_a_flat_picture_stays_flat(tiny):
    """Zeros around a flat picture make an edge, which a network dreams on; behind a margin it is out of sight."""
    flat = tf.fill([1, 32, 32, 3], 0.7)
    terms = (Term('b', 1.0, dream_loss('b')),)
    spread = lambda margin: np.ptp(
        TiledObjective(tiny, terms, margin=margin).value_and_gradient(flat)[1].numpy()[0, ::2, ::2, 0]
    )
    assert spread(8) < 1e-6 * spread(0) + 1e-12


def test_without_a_key_one_tile_is_the_plain_objective(tiny):
    image = tf.constant(photo(24, 30)[None])
    terms = (Term('b', 1.0, dream_loss('b')),)
    plain = Objective(tiny, terms).value_and_gradient(image)
    tiled = TiledObjective(tiny, terms, tile=32, stride=2).value_and_gradient(image)
    assert np.allclose(plain[0]['b'], tiled[0]['b'], rtol=1e-6)
    assert np.allclose(plain[1], tiled[1], atol=1e-9)


def test_rolls_by_multiples_of_the_stride_move_the_gradient_with_them(tiny):
    image = photo(40, 40)
    objective = Objective(tiny, (Term('b', 1.0, dream_loss('b')),))

    def gradient(dy, dx):
        rolled = np.roll(image, (dy, dx), (0, 1))[None]
        return np.roll(objective.value_and_gradient(tf.constant(rolled))[1].numpy()[0], (-dy, -dx), (0, 1))

    inner = (slice(16, -16), slice(16, -16))
    assert np.allclose(gradient(0, 0)[inner], gradient(4, 2)[inner], rtol=1e-4, atol=1e-9)
    assert not np.allclose(gradient(0, 0)[inner], gradient(3, 1)[inner], rtol=1e-4, atol=1e-9)  # off the stride


def tile_and_full(tiny, tile, stride):
    image = tf.constant(photo(64, 96)[None])
    terms = (Term('b', 1.0, dream_loss('b')),)
    full = Objective(tiny, terms).value_and_gradient(image)[1].numpy()[0]
    return full, TiledObjective(tiny, terms, tile=tile, stride=stride).value_and_gradient(image)[1].numpy()[0]


def test_tiles_give_the_uncut_gradient_wherever_no_seam_is_in_reach(tiny):
    full, tiled = tile_and_full(tiny, 32, 2)
    far = np.ones((64, 96), bool)
    for seam in (32,):
        far[seam - tiny.reach : seam + tiny.reach] = False
    for seam in (32, 64):
        far[:, seam - tiny.reach : seam + tiny.reach] = False
    assert far.mean() > 0.2
    assert np.allclose(full[far], tiled[far], rtol=1e-4, atol=1e-9)
    assert not np.allclose(full[~far], tiled[~far], rtol=1e-4, atol=1e-9)  # the control: seams do differ


@pytest.fixture(scope='module')
def vgg16():
    """VGG16 as Keras builds it, with random weights; one of its layers as an extractor."""
    from stylegen.utils.backend import keras

    keras.utils.set_random_seed(0)
    model = keras.applications.VGG16(weights=None, include_top=False)

    def extractor(layer):
        part = keras.Model(model.inputs[0], model.get_layer(layer).output)
        return lambda image: {'input': image, layer: part(image - 0.5)}

    return extractor


@pytest.mark.parametrize(
    'layer, stride, field, tolerance',
    [('block2_conv2', 2, 14, 1e-6), ('block3_conv3', 4, 40, 1e-6), ('block4_conv3', 8, 92, 1e-3)],
)
def test_tiles_of_vgg16_are_exact_from_a_receptive_field_off_the_seam(layer, stride, field, tolerance, vgg16):
    """A gradient is of features whose field holds the pixel, and so of pixels less than a field away.

    Where two values of a max pooling are nearly equal, rounding picks the greater: among the millions below block 4 a
    few pairs are, and each is felt in a whole field, so that there it is almost exact.
    """
    side = (field + 2 * stride) // stride * stride
    image = tf.constant(np.random.default_rng(0).random((1, side, 2 * side, 3), np.float32))
    terms = (Term(layer, 1.0, dream_loss(layer)),)
    full = Objective(vgg16(layer), terms).value_and_gradient(image)[1].numpy()[0]
    tiled = TiledObjective(vgg16(layer), terms, tile=side, stride=stride).value_and_gradient(image)[1].numpy()[0]
    off = np.quantile(np.abs(full - tiled), 0.95, axis=(0, 2)) / np.abs(full).max()  # by column
    distance = np.abs(np.arange(2 * side) - (side - 0.5)) + 0.5  # 1 on both sides of the seam
    assert off[distance >= field - 1].max() < tolerance
    nearer = field - 2 if tolerance < 1e-3 else field // 2
    assert off[distance == nearer].min() > 2 * tolerance  # the control


def test_tile_origins_lie_on_the_stride(tiny):
    """Two near-equal tiles of 50 pixels would meet at 25; on the stride of 2 they meet at 26, and reach to 52."""
    image = tf.constant(photo(50, 50)[None])
    terms = (Term('b', 1.0, dream_loss('b')),)
    full = Objective(tiny, terms).value_and_gradient(image)[1].numpy()[0] * 50**2
    inner = (slice(26 + tiny.reach, 50 - tiny.reach),) * 2

    def tiled(stride):
        objective = TiledObjective(tiny, terms, tile=26, stride=stride)
        return objective.value_and_gradient(image)[1].numpy()[0] * (52**2 if stride == 2 else 50**2)

    assert np.allclose(full[inner], tiled(2)[inner], rtol=1e-4, atol=1e-6)
    assert not np.allclose(full[inner], tiled(1)[inner], rtol=1e-4, atol=1e-6)


def seam_ratio(tiny, rolled):
    """How much the change of the picture jumps across tile lines, against elsewhere."""
    image = photo(64, 64)[None]
    objective = TiledObjective(tiny, (Term('b', 1.0, dream_loss('b')),), tile=16, stride=2, jitter=0)
    update = updates.normalized_step(0.004)
    if rolled:
        change = optimize_image(image, objective, update, 40).numpy() - image
    else:
        moved = tf.constant(image)
        for _ in range(40):
            moved, _ = update.step(moved, objective.value_and_gradient(moved)[1], None, (), None)
        change = moved.numpy() - image
    jumps = np.abs(np.diff(change[0], axis=0)).mean((1, 2))
    at_seams = jumps[[15, 31, 47]].mean()
    return at_seams / np.delete(jumps, [15, 31, 47]).mean()


def test_rolled_tiles_leave_no_seams_and_fixed_ones_do(tiny):
    assert 0.85 < seam_ratio(tiny, rolled=True) < 1.15
    assert seam_ratio(tiny, rolled=False) > 1.3


def test_one_trace_serves_tiled_and_untiled_sizes(tiny):
    objective = TiledObjective(tiny, (Term('b', 1.0, dream_loss('b')),), tile=24, stride=2, jitter=4)
    update = updates.normalized_step(0.01)
    for height, width in [(16, 20), (40, 31), (70, 50)]:
        optimize_image(photo(height, width)[None], objective, update, 2)
    assert tiny.traces == 1


def test_a_batch_equals_each_picture_alone(tiny):
    pictures = np.stack([photo(40, 31, seed) for seed in (1, 2)])
    objective = TiledObjective(tiny, (Term('b', 1.0, dream_loss('b')),), tile=24, stride=2, jitter=4, margin=4)
    update = updates.normalized_step(0.01)
    together = optimize_image(pictures, objective, update, 3).numpy()
    alone = np.concatenate([optimize_image(picture[None], objective, update, 3).numpy() for picture in pictures])
    assert np.abs(together - pictures).max() > 0.01 and np.allclose(together, alone, atol=1e-5)


@pytest.mark.parametrize('size', [(40, 31), (24, 24), (9, 70)])
def test_xla_agrees_on_tiles(size, tiny):
    image = photo(*size)[None]
    options = {'tile': 24, 'stride': 2, 'jitter': 4, 'fixed': True}
    update = updates.normalized_step(0.01)

    def moved(xla):
        objective = TiledObjective(tiny, (Term('b', 1.0, dream_loss('b')),), **options, xla=xla)
        return optimize_image(image, objective, update, 3, jit='off').numpy()

    assert np.allclose(moved(False), moved(True), atol=1e-4)


def test_one_fixed_tile_is_compiled_once_for_all_sizes(tiny):
    objective = TiledObjective(tiny, (Term('b', 1.0, dream_loss('b')),), tile=24, stride=2, fixed=True, xla=True)
    for size in [(16, 20), (40, 31), (70, 50)]:
        optimize_image(photo(*size)[None], objective, updates.normalized_step(0.01), 2, jit='off')
    assert objective._of_tile.experimental_get_tracing_count() == 1


@pytest.mark.parametrize('size', SIZES)
def test_fixed_tiles_cover_every_pixel_once(size):
    image = photo(size, 40)[None]
    _, gradient = per_pixel(tile=16, stride=4, jitter=5, fixed=True).value_and_gradient(tf.constant(image), key(size))
    share = gradient.numpy() / (2 * image)
    assert np.allclose(share, share[0, 0, 0, 0], rtol=1e-5) and round(1 / share[0, 0, 0, 0]) == -(-size // 16) * 3


def test_seeds_name_the_rolls(tiny):
    objective = TiledObjective(tiny, (Term('b', 1.0, dream_loss('b')),), tile=24, stride=2, jitter=4)
    update = updates.normalized_step(0.01)
    one, again, other = (
        optimize_image(photo(40, 31)[None], objective, update, 3, seed=seed).numpy() for seed in (1, 1, 2)
    )
    assert np.array_equal(one, again)
    assert not np.allclose(one, other, atol=1e-4)


def moved_by(objective, size, count=200):
    """Where the first row and column of a picture lie among the tiles', for many keys."""
    draws = (objective._layout(tf.constant(size), key(step)).tile_rows for step in range(count))
    return {(int(rows[0]), int(columns[0])) for rows, columns in draws}


def test_half_the_stride_as_margin_gives_every_phase_of_the_grid():
    places = moved_by(per_pixel(stride=4, margin=2, jitter=32), (20, 30))
    assert places == {(y, x) for y in range(4) for x in range(4)}
    assert moved_by(per_pixel(stride=4, margin=8, jitter=1), (20, 30)) == {(y, x) for y in (7, 8) for x in (7, 8)}
    assert moved_by(per_pixel(stride=4, margin=8), (20, 30)) == {(8, 8)}


@pytest.mark.parametrize('fixed', [False, True])
def test_opposite_edges_of_one_tile_do_not_see_each_other(tiny, fixed):
    """Rolled they do: that is what several tiles are for, and the control."""
    image = photo(40, 40)
    other = image.copy()
    other[-2:] = 1 - other[-2:]
    terms = (Term('b', 1.0, dream_loss('b')),)

    def difference(tile):
        objective = TiledObjective(tiny, terms, tile=tile, stride=2, jitter=8, margin=2, fixed=fixed)
        gradients = [
            np.mean([objective.value_and_gradient(tf.constant(x[None]), key(k))[1].numpy()[0] for k in range(8)], 0)
            for x in (image, other)
        ]
        return np.abs(gradients[0] - gradients[1])[:8].max() / np.abs(gradients[0]).max()

    assert difference(64) < 1e-5
    assert difference(24) > 0.02
