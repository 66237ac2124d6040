"""In NumPy the one-pass network paints as it does in TensorFlow, which then is not imported."""

import subprocess
import sys

import numpy as np
import pytest

from stylegen import images
from stylegen.style import norms as norms_module
from stylegen.style import numpy_pass, winograd
from stylegen.style.norms import SmoothedStatistics, paint_by_parts
from stylegen.style.pass_runner import NUMPY_PIXELS, PassRunner
from stylegen.style.predictor import StyleEncoder
from stylegen.style.winograd import convolve_by_tiles
from stylegen.utils.backend import tf
from tests.conftest import ROOT, photo
from tests.style.one_pass_networks import SHALLOW, SHAPE, noise, random_network, random_one_pass


@pytest.mark.parametrize('shape', [SHAPE, SHALLOW])
@pytest.mark.parametrize(('size', 'strip'), [((16, 16), 2048), ((64, 40), 7), ((24, 1200), 50)])
def test_the_picture_and_its_statistics_are_those_of_tensorflow(monkeypatch, size, strip, shape):
    painter = random_one_pass(random_network(shape), shape)
    monkeypatch.setattr(numpy_pass, 'STRIP', strip)
    monkeypatch.setattr(norms_module, 'MARGIN', 0)
    picture, norms = noise(*size, 3), painter.norms['waves']
    expected, statistics = painter._paint(picture, norms, None)
    given = painter.arrays, shape, picture, norms, np.zeros_like(norms), 0.0
    found, own = paint_by_parts(numpy_pass.paint_by_numpy, *given)
    np.testing.assert_allclose(found.clip(0, 1), expected, atol=1e-5)
    np.testing.assert_allclose(own, statistics, rtol=1e-3, atol=1e-4)


def test_statistics_of_a_frame_before_count_as_they_do_there(painter, monkeypatch):
    monkeypatch.setattr(norms_module, 'MARGIN', 0)
    picture, norms = noise(32, 24, 3), painter.norms['ink']
    before = painter._paint(noise(32, 24, 3, seed=3), norms, None)[1]
    expected, _ = painter._paint(picture, norms, before)
    smooth = SmoothedStatistics(SHAPE.split(before), 0.9)
    parts = SHAPE.split(norms)
    found = numpy_pass.paint_by_numpy(painter.arrays, SHAPE, picture, parts, smooth)
    np.testing.assert_allclose(found.clip(0, 1), expected, atol=1e-5)


def test_a_far_mean_takes_no_digits_of_the_variance():
    x = 100 + 0.1 * noise(300, 200, 4)
    mean, variance = numpy_pass.moments(x)
    exact = x.astype(np.float64)
    np.testing.assert_allclose(mean, exact.mean((0, 1)), rtol=1e-7)
    np.testing.assert_allclose(variance, exact.var((0, 1)), rtol=1e-4)


@pytest.mark.parametrize('layers', [('input', 'block1_conv1', 'block3_conv3'), ('block2_conv2', 'block5_conv1')])
@pytest.mark.parametrize('size', [(70, 61), (9, 30)])
def test_what_is_seen_of_a_painting_is_what_tensorflow_sees(layers, size):
    encoder, painting = StyleEncoder('small_vgg', layers, 'float32'), photo(*size)
    expected = encoder.statistics(painting, by_numpy=False)
    np.testing.assert_allclose(encoder.statistics(painting, by_numpy=True), expected, rtol=1e-4, atol=1e-4)


def test_it_uses_numpy_where_tensorflow_is_not_there_until_much_is_painted(painter, monkeypatch):
    runner = PassRunner(painter.shape, painter.max_memory, painter.precision)
    assert not runner.uses_numpy(100)
    monkeypatch.delitem(sys.modules, 'tensorflow')
    assert runner.uses_numpy(NUMPY_PIXELS - 100) and not runner.uses_numpy(1)
    assert not PassRunner(painter.shape, painter.max_memory, 'mixed_bfloat16').uses_numpy(1)


def test_apply_paints_a_photo_without_tensorflow(tmp_path):
    images.save_image(tmp_path / 'photo.png', photo(40, 50))
    images.save_image(tmp_path / 'painting.png', photo(50, 40, 1))
    code = (
        'import sys; from stylegen.style.__main__ import main\n'
        'code = main(["", "apply", "photo.png", "--style=painting.png", "--strength=0.9", "--output=out.png"])\n'
        'print(code, {"tensorflow", "keras", "matplotlib", "cv2"} & set(sys.modules))'
    )
    child = subprocess.run(
        [sys.executable, '-c', f'import sys; sys.path.insert(0, {str(ROOT)!r})\n{code}'],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert child.stdout.splitlines()[-1] == '0 set()', child.stderr
    assert images.load_image(tmp_path / 'out.png').shape == (40, 50, 3)


@pytest.mark.parametrize('size', [(3, 3), (6, 7), (9, 30), (40, 21), (70, 90)])
def test_by_tiles_a_convolution_is_the_sum_of_products(size, monkeypatch):
    x, kernel = noise(*size, 33), noise(3, 3, 33, 40, seed=1) - 0.5
    expected = tf.nn.conv2d(x[None].astype(np.float64), kernel.astype(np.float64), 1, 'VALID')[0].numpy()
    found = convolve_by_tiles(x, kernel)
    assert found.shape == expected.shape and found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=3e-5 * np.abs(expected).max())
    monkeypatch.setattr(winograd, 'TILES', 3)
    np.testing.assert_allclose(convolve_by_tiles(x, kernel), found, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_only_kernels_of_many_channels_are_done_by_tiles():
    assert winograd.pays(np.empty((3, 3, 32, 32)), 1)
    for shape, stride in (((3, 3, 31, 64), 1), ((3, 3, 64, 31), 1), ((3, 3, 64, 64), 2), ((2, 2, 64, 64), 1)):
        assert not winograd.pays(np.empty(shape), stride)
