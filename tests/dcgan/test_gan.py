"""A step does what the mathematics says, and nothing else."""

import math

import numpy as np
import pytest

from stylegen.dcgan.augment import DRAWS, augment
from stylegen.dcgan.draws import Draws
from stylegen.dcgan.gan import DCGAN, SETTLE_BATCH
from stylegen.dcgan.losses import ADVERSARIAL, gradient_penalty, r1_penalty
from stylegen.dcgan.models import discriminator, generator
from stylegen.dcgan.plan import make_plan
from stylegen.utils.backend import tf
from stylegen.utils.errors import UserError
from tests.dcgan.sets import TINY

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3)).astype(np.uint8)
BATCH = (tf.constant(IMAGES), tf.constant([0, 1, 0, 1]))


def small(norm='batch', **options):
    """An untrained 16-pixel model."""
    return DCGAN(generator((16, 16), 3, 8, width=4), discriminator((16, 16), 3, width=4, norm=norm), **options)


def values(model):
    """Of all variables."""
    return [variable.numpy() for variable in model.variables]


def same(before, model):
    """Which variables are as they were."""
    return [np.array_equal(a, b.numpy()) for a, b in zip(before, model.variables, strict=True)]


# losses


@pytest.mark.parametrize(
    ('loss', 'd_loss', 'g_loss'),
    [('non_saturating', 2 * math.log(2), math.log(2)), ('hinge', 2.0, 0.0), ('least_squares', 0.5, 0.5)],
)
def test_a_discriminator_that_says_nothing_costs_what_theory_says(loss, d_loss, g_loss):
    gan = small(loss=loss)
    gan.discriminator.get_layer('logit').kernel.assign(0 * gan.discriminator.get_layer('logit').kernel)
    logs = gan.train_step(BATCH)
    assert float(logs['d_loss']) == pytest.approx(d_loss, abs=1e-6)
    gan = small(loss=loss, updates='simultaneous')  # whose generator sees the discriminator as it was
    gan.discriminator.get_layer('logit').kernel.assign(0 * gan.discriminator.get_layer('logit').kernel)
    assert float(gan.train_step(BATCH)['g_loss']) == pytest.approx(g_loss, abs=1e-6)


@pytest.mark.parametrize('logit', [-100.0, 0.0, 100.0])
def test_the_loss_from_logits_is_finite_and_has_a_gradient_where_it_must(logit):
    x = tf.constant([logit])
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = ADVERSARIAL['non_saturating'].generator(x)
    slope = tape.gradient(loss, x).numpy()[0]
    assert np.isfinite(loss) and slope == pytest.approx(-1 / (1 + math.exp(logit)), rel=1e-5)


def test_labels_are_smoothed_on_the_real_side_only():
    real, fake = tf.constant([2.0]), tf.constant([-1.0])
    found = float(ADVERSARIAL['non_saturating'].discriminator(real, fake, 0.9))
    assert found == pytest.approx(
        0.9 * math.log1p(math.exp(-2)) + 0.1 * math.log1p(math.exp(2)) + math.log1p(math.exp(-1))
    )


def test_penalties_of_a_linear_discriminator_are_known():
    weights = tf.random.stateless_normal([4 * 4 * 3, 1], [1, 2])
    length = float(tf.norm(weights))
    real, fake = (tf.random.stateless_normal([5, 4, 4, 3], [3, i]) for i in (0, 1))

    def logits(images):
        return tf.reshape(images, [5, -1]) @ weights

    assert float(r1_penalty(logits, real)) == pytest.approx(length**2, rel=1e-4)
    assert float(gradient_penalty(logits, real, fake, tf.zeros([5, 1, 1, 1]))) == pytest.approx(
        (length - 1) ** 2, rel=1e-4
    )


@pytest.mark.parametrize('options', [{'loss': 'wasserstein_gp'}, {'r1': 1.0}])
def test_a_penalty_on_a_discriminator_with_batch_norm_is_refused(options):
    with pytest.raises(UserError, match='--d_norm=none or --d_norm=spectral'):
        make_plan(size=(16, 16), **TINY, **options).build()
    make_plan(size=(16, 16), **TINY, d_norm='none', **options).build().train_step(BATCH)


# who changes what


@pytest.mark.parametrize('norm', ['batch', 'spectral'])
@pytest.mark.parametrize('updates', ['alternating', 'simultaneous'])
def test_neither_step_touches_the_other_network(norm, updates):
    gan = small(norm, updates=updates)
    draws = Draws(0, tf.constant(0, tf.int64), 4)
    fake = gan._generated(BATCH[1], draws)
    before = values(gan.generator)
    gan._discriminator_step(gan._prepared(BATCH[0], draws), fake, BATCH[1], draws)
    assert all(same(before, gan.generator))
    before = values(gan.discriminator)
    gan._generator_loss(fake, BATCH[1], draws)
    assert all(same(before, gan.discriminator))
    gan._generated(BATCH[1], draws)
    assert all(same(before, gan.discriminator))


def test_a_step_moves_every_trainable_variable_of_both():
    gan = small()
    before = values(gan.generator), values(gan.discriminator)
    gan.train_step(BATCH)
    assert not any(same(before[0], gan.generator)) and not any(same(before[1], gan.discriminator))


def test_the_direction_moves_once_a_step_and_the_kernel_by_the_optimiser_alone():
    gan = small('spectral', learning_rate=0.0)
    kernels = [v.numpy() for v in gan.discriminator.trainable_variables]
    layer = next(each for each in gan.discriminator.layers if hasattr(each, 'iterate'))
    matrix = layer.kernel.numpy().reshape(-1, layer.filters).astype(np.float64)
    expected = matrix.T @ (matrix @ layer.direction.numpy())
    gan.train_step(BATCH)
    assert np.allclose(layer.direction, expected / np.linalg.norm(expected), atol=1e-5)
    assert all(
        np.array_equal(a, b.numpy()) for a, b in zip(kernels, gan.discriminator.trainable_variables, strict=True)
    )


def test_swapped_sides_cost_a_trained_discriminator_more():
    gan = small(learning_rate=0.0, d_learning_rate=5e-3)
    for _ in range(20):
        logs = gan.train_step(BATCH)
    real = gan._prepared(BATCH[0], None)
    fake = gan._generated(BATCH[1], Draws(0, gan.steps + 0, 4))
    loss = ADVERSARIAL['non_saturating'].discriminator
    a, b = gan.discriminator(real, training=True), gan.discriminator(fake, training=True)
    assert float(loss(b, a, 1.0)) > float(loss(a, b, 1.0)) and math.isfinite(float(logs['g_loss']))


def test_several_steps_of_the_discriminator_take_a_larger_batch():
    gan = small(d_steps=2)
    generator_before = values(gan.generator)
    gan.train_step(tuple(tf.concat([part, part], 0) for part in BATCH))
    assert int(gan.d_optimizer.iterations) == 2 and int(gan.g_optimizer.iterations) == 1
    assert not any(same(generator_before, gan.generator))


def test_the_learning_rate_falls_in_a_line_to_zero():
    gan = small(decay='linear', decay_steps=4, learning_rate=0.4)
    rates = []
    for _ in range(5):
        gan.train_step(BATCH)
        rates.append(float(gan.g_optimizer.learning_rate))
    assert rates == pytest.approx([0.4, 0.3, 0.2, 0.1, 0.0])


# the averaged generator


def test_an_average_that_keeps_nothing_is_the_generator():
    gan = small(ema=1e-9)
    gan.train_step(BATCH)
    assert all(
        np.allclose(a, b.numpy()) for a, b in zip(gan.average.get_weights(), gan.generator.variables, strict=True)
    )


def test_the_average_of_constant_weights_has_a_closed_form():
    gan = small(ema=0.5)
    start = gan.average.get_weights()
    for variable in gan.generator.variables:
        variable.assign(variable + 1)
    for step in range(4):
        gan.steps.assign(step)
        gan._move_average()
    left = math.prod(min(0.5, (1 + step) / (10 + step)) for step in range(4))
    for first, mean in zip(start, gan.average.get_weights(), strict=True):
        assert np.allclose(mean, first + 1 - left, atol=1e-5)


@pytest.mark.parametrize('classes', [0, 2])
def test_settled_statistics_are_those_of_the_average_generators_own_maps(classes):
    networks = (make((16, 16), 3, width=4, classes=classes) for make in (generator, discriminator))
    gan = DCGAN(*networks)
    z = np.random.default_rng(0).standard_normal((SETTLE_BATCH, gan.latent_dim)).astype(np.float32)
    given = [z, np.arange(SETTLE_BATCH) % classes] if classes else z
    own = gan.average(given, training=True)  # moves the statistics by a tenth
    assert np.abs(gan(given) - own).max() > 0.1
    live = gan.generator.get_weights()
    gan.settle(z)
    assert np.abs(gan(given) - own).max() < 0.01
    once = gan.average.get_weights()
    gan.settle(np.concatenate([z, z]))
    assert all(np.allclose(a, b, atol=1e-6) for a, b in zip(once, gan.average.get_weights(), strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(live, gan.generator.get_weights(), strict=True))


# randomness


def test_shards_of_a_draw_make_up_the_whole():
    step = tf.constant(5, tf.int64)
    whole = Draws(1, step, 6).normal('latents', (3,))
    parts = [Draws(1, step, 3, shard, 2).normal('latents', (3,)) for shard in (0, 1)]
    assert np.array_equal(whole, tf.concat(parts, 0))
    assert not np.allclose(whole, Draws(1, step + 1, 6).normal('latents', (3,)))
    assert not np.allclose(whole, Draws(2, step, 6).normal('latents', (3,)))


@pytest.mark.slow
def test_with_xla_a_step_comes_to_the_same():
    results = []
    for jit in (False, True):
        gan = small(augment='color,translation,cutout', flip=True)
        tf.function(gan.train_step, jit_compile=jit)(BATCH)
        results.append(np.concatenate([v.numpy().ravel() for v in gan.discriminator.trainable_variables]))
    assert np.mean(np.abs(results[0] - results[1])) < 2e-6


def test_half_of_the_real_images_are_mirrored():
    gan, many = small(flip=True), tf.constant(np.repeat(IMAGES[:1], 400, 0))
    shown = gan._prepared(many, Draws(0, tf.constant(0, tf.int64), 400)).numpy()
    plain = IMAGES[0] / 127.5 - 1
    mirrored = np.isclose(shown, plain[:, ::-1], atol=1e-6).all((1, 2, 3))
    assert 150 < mirrored.sum() < 250
    assert np.allclose(shown[~mirrored], plain, atol=1e-6)


# augmentation


def draws(count, seed=0):
    return tf.random.stateless_uniform([count, DRAWS], [seed, 0])


def test_no_policy_changes_nothing_and_an_unknown_one_is_refused():
    images = tf.random.stateless_normal([2, 16, 16, 3], [0, 1])
    for policy in ('none', ' none ', ''):
        assert np.array_equal(augment(images, draws(2), policy), images)
    with pytest.raises(UserError, match=r"unknown augmentation 'colour'; did you mean color"):
        augment(images, draws(2), 'colour')


def test_translation_shifts_by_whole_pixels_up_to_an_eighth_and_fills_with_grey():
    image = np.zeros((1, 16, 16, 1), np.float32)
    image[0, 8, 8] = 1
    found = augment(tf.constant(image.repeat(500, 0)), draws(500), 'translation').numpy()
    assert np.all(found.sum((1, 2, 3)) == 1)
    rows, columns = np.nonzero(found[..., 0])[1:]
    for places in (rows, columns):
        assert set(places) == {6, 7, 8, 9, 10} and abs(places.mean() - 8) < 0.2
    edge = augment(tf.ones([1, 16, 16, 1]), tf.zeros([1, DRAWS]), 'translation').numpy()[0, ..., 0]
    assert edge[:14, :14].all() and not edge[14:].any() and not edge[:, 14:].any()


def test_cutout_takes_at_most_a_quarter_and_is_where_the_draws_say():
    found = augment(tf.ones([300, 16, 16, 1]), draws(300), 'cutout').numpy()
    gone = (found == 0).sum((1, 2, 3))
    assert gone.max() == 64 and gone.min() >= 16 and np.isin(found, (0, 1)).all()


def test_colours_move_the_mean_by_up_to_a_half_either_way():
    image = tf.random.stateless_normal([1, 16, 16, 3], [0, 1]) * 0.1
    found = augment(tf.repeat(image, 4000, 0), draws(4000), 'color').numpy()
    shifts = found.mean((1, 2, 3)) - float(tf.reduce_mean(image))
    assert abs(shifts.mean()) < 0.02 and shifts.min() >= -0.5 and shifts.max() <= 0.5 and np.ptp(shifts) > 0.9


@pytest.mark.parametrize('policy', ['color', 'translation', 'cutout', 'color,translation,cutout'])
def test_the_gradient_passes_every_augmentation(policy):
    images = tf.random.stateless_normal([2, 16, 16, 3], [0, 1])
    with tf.GradientTape() as tape:
        tape.watch(images)
        total = tf.reduce_sum(tf.square(augment(images, draws(2), policy)))
    assert (tape.gradient(total, images).numpy() != 0).mean() > 0.3


# learning


def test_eight_images_are_learned_by_heart():
    gan = DCGAN(
        generator((16, 16), 1, 8, width=8), discriminator((16, 16), 1, width=8), learning_rate=2e-3, ema=0.9, seed=1
    )
    rng = np.random.default_rng(0)
    targets = (rng.integers(0, 2, (8, 2, 2, 1)) * 200 + 28).repeat(8, 1).repeat(8, 2).astype(np.uint8)
    step = tf.function(lambda: gan.train_step((tf.constant(targets), tf.zeros([8], tf.int32))))

    def distance():
        made = (gan(tf.random.stateless_normal([32, 8], [9, 9])).numpy() + 1) * 127.5
        gaps = np.abs(made[:, None] - targets[None].astype(np.float32)).mean((2, 3, 4))
        return gaps.min(1).mean()

    before = distance()
    for _ in range(600):
        step()
    assert distance() < 0.7 * before  # seen: 0.55 with AMX, under 0.5 without
