"""The networks are those of their sources, at every size, and keep the promises that training relies on."""

import itertools

import numpy as np
import pytest

from stylegen.dcgan.augment import OPERATIONS
from stylegen.dcgan.gan import DECAYS
from stylegen.dcgan.losses import ADVERSARIAL
from stylegen.dcgan.model_layers import Double
from stylegen.dcgan.models import UPSAMPLINGS, discriminator, generator
from stylegen.dcgan.plan import make_plan
from stylegen.dcgan.settings import AUGMENTATIONS, choices_of
from stylegen.dcgan.sizes import built_size, levels, parse_size, show_size
from stylegen.training.normalization import BatchNorm, frozen_statistics
from stylegen.training.spectral import SpectralConv2D, SpectralDense, power_iteration
from stylegen.utils.backend import keras, tf
from stylegen.utils.errors import UserError


def parameters(model):
    """Trainable ones."""
    return sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)


@pytest.mark.parametrize(
    ('preset', 'expected'),
    [
        ('paper64', (3_576_704, 2_765_568)),  # of pytorch/examples
        ('cifar32', (1_068_928, 663_296)),
        ('cifar32_strong', (3_804_739, 5_860_865)),
        ('mnist28', (2_305_472, 212_865)),  # of the tutorial's model.summary()
    ],
)
def test_parameters_are_those_of_the_source(preset, expected):
    assert tuple(parameters(model) for model in make_plan(preset=preset).networks()) == expected


@pytest.mark.parametrize(
    ('norm', 'shifts'), [('batch', 0), ('spectral', 64 + 128 + 256 + 1), ('none', 64 + 128 + 256 + 1)]
)
def test_a_discriminator_without_batch_norm_has_shifts(norm, shifts):
    model = discriminator((32, 32), norm=norm)
    assert sum(int(np.prod(v.shape)) for v in model.trainable_variables if v.name == 'bias') == shifts


def test_the_names_to_choose_from_are_those_of_the_tables():
    assert tuple(ADVERSARIAL) == choices_of('loss') and tuple(OPERATIONS) == AUGMENTATIONS
    assert tuple(UPSAMPLINGS) == choices_of('upsampling') and tuple(DECAYS) == choices_of('decay')


@pytest.mark.parametrize(('size', 'expected'), [((16, 16), 2), ((28, 28), 2), ((48, 32), 3), ((60, 60), 3)])
def test_sides_are_halved_down_to_four_to_eight(size, expected):
    assert levels(size) == expected
    assert all(side >> expected >= 4 for side in built_size(size)) and min(built_size(size)) >> expected <= 8


@pytest.mark.parametrize('text', ['60', '100x75', '17x33'])
def test_any_size_is_built_and_cut_the_same_at_opposite_edges(text):
    size = parse_size(text)
    made, judge = generator(size, latent_dim=4, width=2), discriminator(size, width=2)
    given = np.random.default_rng(0).normal(size=(2, 4)).astype(np.float32)
    pictures = made(given).numpy()
    assert pictures.shape == (2, *size, 3) and judge(pictures).shape == (2, 1)
    whole = keras.Model(made.inputs[0], made.get_layer('cut').input)(given).numpy()
    top, left = ((have - want) // 2 for have, want in zip(whole.shape[1:3], size, strict=True))
    assert np.allclose(np.tanh(whole[:, top : top + size[0], left : left + size[1]]), pictures, atol=1e-6)


def test_a_size_below_16_is_refused():
    with pytest.raises(UserError, match='the least --image_size is 16'):
        levels((15, 64))


@pytest.mark.parametrize('text', ['', '32x', 'x32', '32x32x3', '-32', '3.5'])
def test_a_size_is_one_number_or_two(text):
    with pytest.raises(UserError, match='expected --image_size=N or HxW'):
        parse_size(text)
    assert show_size(parse_size('32x48')) == '32x48' and show_size(parse_size('32')) == '32'


@pytest.mark.parametrize('size', [(16, 16), (20, 28), (24, 40)])
@pytest.mark.parametrize('options', [{}, {'image_kernel': 3}, {'base_conv': True}, {'upsampling': 'resize'}], ids=str)
def test_every_size_makes_pictures_of_that_size_within_the_range(size, options):
    images = generator(size, 1, 8, width=4, **options)(tf.random.stateless_normal([3, 8], [0, 1]) * 50)
    assert images.shape == (3, *size, 1) and float(tf.reduce_max(tf.abs(images))) <= 1
    assert discriminator(size, 1, width=4)(images).shape == (3, 1)


def test_enlarging_repeats_every_pixel():
    x = np.arange(12.0, dtype=np.float32).reshape(1, 2, 3, 2)
    assert np.array_equal(Double()(x), x.repeat(2, 1).repeat(2, 2))


@pytest.mark.parametrize('norm', ['batch', 'spectral'])
def test_labels_change_what_both_networks_say(norm):
    g = generator((16, 16), 3, 8, width=4, classes=3)
    d = discriminator((16, 16), 3, width=4, classes=3, norm=norm)
    z = np.repeat(np.random.default_rng(0).normal(size=(1, 8)).astype(np.float32), 3, 0)
    images = g([z, np.arange(3)])
    assert np.ptp(images, axis=0).max() > 1e-6
    same = np.repeat(images[:1], 3, 0)
    assert np.ptp(d([same * 100, np.arange(3)])) > 1e-6


def test_the_same_seed_gives_the_same_weights_and_another_gives_others():
    one, again, other = (generator((16, 16), 1, 8, width=4, seed=seed).get_weights() for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    assert not np.array_equal(one[0], other[0])


def test_a_model_is_the_same_after_it_was_saved(tmp_path):
    for model in (
        generator((16, 16), 1, 8, width=4, image_kernel=3),
        discriminator((16, 16), 1, width=4, norm='spectral'),
    ):
        model.save(tmp_path / 'model.keras')
        given = tf.random.stateless_normal([2, *model.inputs[0].shape[1:]], [0, 1])
        assert np.array_equal(keras.models.load_model(tmp_path / 'model.keras')(given), model(given))


# batch normalisation


@pytest.mark.parametrize('shape', [(16, 5, 4, 3), (16, 3)])
def test_batch_norm_is_that_of_keras_with_the_unbiased_variance(shape):
    x = np.random.default_rng(0).normal(2, 3, shape).astype(np.float32)
    ours, theirs = BatchNorm(momentum=0.9), keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)
    assert np.allclose(ours(x, training=True), theirs(x, training=True), atol=1e-4)
    count = x.size // 3
    axes = tuple(range(x.ndim - 1))
    assert np.allclose(ours.moving_mean, 0.1 * x.mean(axes), atol=1e-5)
    assert np.allclose(ours.moving_variance, 0.9 + 0.1 * x.var(axes) * count / (count - 1), atol=1e-4)
    expected = (x - ours.moving_mean.numpy()) / np.sqrt(ours.moving_variance.numpy() + 1e-5)
    assert np.allclose(ours(x), expected, atol=1e-4)


def test_moving_statistics_come_to_those_of_the_batch():
    x = np.random.default_rng(0).normal(2, 3, (64, 3)).astype(np.float32)
    layer = BatchNorm(momentum=0.9)
    for _ in range(100):
        layer(x, training=True)
    assert np.allclose(layer.moving_mean, x.mean(0), atol=1e-3)
    assert np.allclose(layer.moving_variance, x.var(0, ddof=1), atol=1e-3)


def test_frozen_statistics_stay_and_the_output_is_the_same():
    x = np.random.default_rng(0).normal(2, 3, (64, 3)).astype(np.float32)
    layer = BatchNorm()
    layer.build(x.shape)
    with frozen_statistics():
        held = layer(x, training=True)
    assert np.all(layer.moving_mean.numpy() == 0)
    assert np.array_equal(layer(x, training=True), held) and np.all(layer.moving_mean.numpy() != 0)


# spectral normalisation


def spectral_pair(seed=0):
    """A built convolution and dense layer, with kernels of a spectral norm that is not 1."""
    conv, dense = SpectralConv2D(6, 3), SpectralDense(5)
    conv.build((None, 8, 8, 4))
    dense.build((None, 7))
    rng = np.random.default_rng(seed)
    for layer in (conv, dense):
        layer.kernel.assign(rng.normal(0, 3, layer.kernel.shape))
    return conv, dense


def test_the_normalised_kernel_has_spectral_norm_one():
    for layer in spectral_pair():
        for _ in range(100):
            layer.iterate()
        matrix = np.reshape(layer.normalized(layer.kernel), (-1, layer.kernel.shape[-1]))
        assert abs(np.linalg.svd(matrix)[1][0] - 1) < 1e-4


def test_the_estimate_is_never_above_the_norm_and_grows():
    conv, _ = spectral_pair()
    truth = np.linalg.svd(conv.kernel.numpy().reshape(-1, 6))[1][0]
    estimates = []
    for _ in range(6):
        estimates.append(float(conv.sigma(conv.kernel)))
        conv.iterate()
    assert all(a <= b * (1 + 1e-6) for a, b in itertools.pairwise(estimates)) and estimates[-1] <= truth * (1 + 1e-6)


def test_the_gradient_passes_the_spectral_norm():
    layer = spectral_pair()[1]
    rng = np.random.default_rng(1)
    towards, weights = rng.normal(size=layer.kernel.shape), rng.normal(size=layer.kernel.shape).astype(np.float32)

    def value(kernel):
        return tf.reduce_sum(weights * layer.normalized(tf.constant(kernel, tf.float32)))

    kernel = layer.kernel.numpy().astype(np.float64)
    variable = tf.constant(kernel, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(variable)
        total = tf.reduce_sum(weights * layer.normalized(variable))
    slope = float(np.sum(tape.gradient(total, variable).numpy() * towards))
    step = 1e-2
    measured = float(value(kernel + step * towards) - value(kernel - step * towards)) / (2 * step)
    assert abs(slope - measured) < 2e-3 * abs(measured)
    unscaled = float(np.sum(weights * towards) / layer.sigma(layer.kernel))
    assert abs(unscaled - measured) > 0.05 * abs(measured), 'a sigma without gradient would be told apart'


def test_passes_leave_kernel_and_direction_as_they_are_and_only_an_iteration_moves_the_direction():
    model = discriminator((16, 16), 3, width=4, norm='spectral')
    before = model.get_weights()
    for _ in range(3):
        model(tf.ones([2, 16, 16, 3]), training=True)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    trainable = [variable.numpy() for variable in model.trainable_variables]
    power_iteration(model)
    moved = [not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert sum(moved) == len(model.layers) - sum(not hasattr(layer, 'iterate') for layer in model.layers)
    assert all(
        np.array_equal(a, b) for a, b in zip(trainable, [v.numpy() for v in model.trainable_variables], strict=True)
    )
