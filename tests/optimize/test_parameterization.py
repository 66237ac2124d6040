"""Pictures as parameters: round trips, spectrum and colours of their noise, gradients against finite differences."""

from pathlib import Path

import numpy as np
import pytest

from stylegen import images
from stylegen.losses import dream_loss
from stylegen.optimize import Term
from stylegen.optimize.parameterization import COLOR_BASIS, Fourier, ParameterizedObjective, Pixels
from stylegen.optimize.random_transforms import random_views
from stylegen.utils.backend import tf
from tests.conftest import photo

SIZES = [(16, 16), (17, 16), (16, 17), (13, 31), (1, 7), (6, 1)]


def both(height, width):
    return [Fourier(height, width, 1.0), Fourier(height, width, 1.2), Pixels(height, width)]


def logits(image):
    image = np.asarray(image, np.float64)
    return np.log(image / (1 - image))


def color_axes(image):
    """The three decorrelated maps of a picture, by NumPy."""
    return logits(image) @ np.linalg.inv(COLOR_BASIS).T


@pytest.mark.parametrize('size', SIZES)
def test_a_picture_comes_back_from_its_parameters(size):
    pictures = np.stack([photo(40, 40, seed)[: size[0], : size[1]] for seed in (1, 2)])
    for parameterization in both(*size):
        parameters = parameterization.parameters(pictures)
        assert parameters.shape == parameterization.noise(2, 0, 1.0).shape
        assert np.abs(parameterization.image(parameters) - pictures).max() < 1e-4


@pytest.mark.parametrize('parameterization', both(15, 24))
def test_black_and_white_come_back_to_half_a_level(parameterization):
    board = (np.indices((1, 15, 24, 3)).sum(0) % 2).astype(np.float32)
    back = parameterization.image(parameterization.parameters(board)).numpy()
    assert np.abs(back - board).max() < 1.01 / 512
    assert np.array_equal(np.round(back * 255), board * 255)


@pytest.mark.parametrize('parameterization', both(15, 24))
def test_parameters_come_back_from_their_picture(parameterization):
    parameters = parameterization.noise(2, 3, 0.5)
    assert np.allclose(parameterization.parameters(parameterization.image(parameters)), parameters, atol=1e-3)


def test_the_color_basis_is_a_square_root_of_the_measured_covariance():
    measured = [[2.843, 2.215, 1.888], [2.215, 2.312, 2.135], [1.888, 2.135, 2.799]]
    assert np.allclose(COLOR_BASIS @ COLOR_BASIS.T, measured, atol=0.005)
    products = COLOR_BASIS.T @ COLOR_BASIS  # eigenvectors, and so at right angles
    assert np.abs(products - np.diag(np.diag(products))).max() < 0.005
    assert (COLOR_BASIS[:, 0] > 1.4).all()  # the first axis is from dark to light


def test_the_color_basis_decorrelates_a_photograph_that_it_was_not_measured_on():
    raccoon = images.load_image(Path(__file__).parents[2] / 'stylegen' / 'pictures' / 'raccoon.jpg', size=200)
    pixels = np.clip(raccoon, 1 / 512, 1 - 1 / 512).reshape(-1, 3)
    correlation = lambda values: np.abs(np.corrcoef(values.T)[np.triu_indices(3, 1)]).mean()
    assert correlation(logits(pixels)) > 0.75
    assert correlation(color_axes(pixels)) < correlation(logits(pixels)) / 2


def test_noise_has_the_colors_and_the_contrast_of_photographs():
    for size in [(32, 32), (21, 48)]:
        noise = logits(Fourier(*size, 1.0).image(Fourier(*size, 1.0).noise(100, 0, 0.5)))
        covariance = np.einsum('nhwc,nhwd->cd', noise, noise) / noise[..., 0].size
        assert np.allclose(covariance, 0.25 * COLOR_BASIS @ COLOR_BASIS.T, rtol=0.2)


@pytest.mark.parametrize('decay', [0.0, 1.0, 1.5])
@pytest.mark.parametrize('size', [(64, 64), (33, 64)])
def test_the_amplitudes_of_noise_fall_as_1_over_f_to_the_decay(size, decay):
    parameterization = Fourier(*size, decay)
    maps = color_axes(parameterization.image(parameterization.noise(60, 5, 0.3)))
    power = np.mean(np.abs(np.fft.fft2(maps, axes=(1, 2))) ** 2, axis=(0, 3))
    down, across = np.fft.fftfreq(size[0])[:, None], np.fft.fftfreq(size[1])[None]
    frequency = np.hypot(down, across)
    known = frequency > 0
    slope, level = np.polyfit(np.log(frequency[known]), 0.5 * np.log(power[known]), 1)
    assert abs(slope + decay) < 0.05
    # every frequency, those that rfft2 holds once among them, is on the line
    expected = np.exp(2 * (slope * np.log(frequency[known]) + level))
    assert np.abs(np.log(power[known] / expected)).max() < 0.6
    flattened = power * frequency ** (2 * decay)
    assert np.isclose(flattened[1:, 0].mean(), flattened[1:].mean(), rtol=0.2)


def test_noise_of_pixels_is_white_with_the_contrast_asked_for():
    noise = logits(Pixels(40, 40).image(Pixels(40, 40).noise(20, 0, 0.3)))
    assert np.isclose(noise.std(), 0.3, rtol=0.02)
    assert abs(np.corrcoef(noise[:, 1:].ravel(), noise[:, :-1].ravel())[0, 1]) < 0.02


@pytest.mark.parametrize('parameterization', both(12, 15))
def test_noise_is_named_by_its_seed_and_a_picture_of_it_by_its_place(parameterization):
    three = parameterization.noise(3, 7, 0.3).numpy()
    assert np.array_equal(three, parameterization.noise(3, 7, 0.3))
    assert np.array_equal(three[:2], parameterization.noise(2, 7, 0.3))
    assert not np.allclose(three[0], three[1], atol=0.1)
    assert not np.allclose(three, parameterization.noise(3, 8, 0.3), atol=0.1)


@pytest.mark.parametrize('parameterization', both(9, 12))
def test_gradient_equals_finite_differences(parameterization, tiny):
    """In float64, through the parameterisation, a random view and the network."""
    objective = ParameterizedObjective(
        tiny,
        (Term('b', 2.0, dream_loss('b')),),
        parameterization.image,
        lambda pictures, key: random_views(pictures, key, 2, 0.2, 20.0),
    )
    key = tf.constant([3, 4])
    start = tf.cast(parameterization.noise(2, 0, 0.5), tf.float64).numpy()
    value = lambda x: objective.value_and_gradient(tf.constant(x), key)[0]['b'].numpy()
    gradient = objective.value_and_gradient(tf.constant(start), key)[1].numpy()
    depth = start.shape[-1]
    for index in [(0, 0, 0, 0), (1, 3, 2, 1), (0, 8, start.shape[2] - 1, 2), (1, 4, 1, depth - 1)]:
        ahead, behind = start.copy(), start.copy()
        ahead[index] += 1e-5
        behind[index] -= 1e-5
        assert np.isclose((value(ahead) - value(behind)) / 2e-5, gradient[index], rtol=1e-5, atol=1e-9)
    assert np.isclose((value(start + 1e-6 * gradient) - value(start)) / 1e-6, np.sum(gradient**2), rtol=1e-3)


def test_the_network_sees_a_view_with_a_key_and_the_picture_without():
    seen = []

    def extractor(image):
        seen.append(image.numpy())
        return {'input': image}

    parameterization = Fourier(8, 9, 1.0)
    term = Term('x', 1.0, lambda features: tf.reduce_mean(features['input']))
    objective = ParameterizedObjective(extractor, (term,), parameterization.image, lambda x, key: x[:, ::-1])
    parameters = parameterization.noise(1, 0, 0.5)
    objective.value_and_gradient(parameters)
    objective.value_and_gradient(parameters, tf.constant([0, 0]))
    picture = parameterization.image(parameters).numpy()
    assert np.array_equal(seen[0], picture) and np.array_equal(seen[1], picture[:, ::-1])


@pytest.mark.parametrize('parameterization', both(12, 15))
def test_xla_agrees_with_the_plain_graph(parameterization):
    parameters = parameterization.noise(2, 0, 1.0)
    xla = tf.function(parameterization.image, jit_compile=True)(parameters)
    assert np.allclose(xla, parameterization.image(parameters), atol=1e-5)
