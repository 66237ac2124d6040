"""Feature visualisation: the channel asked for rises, seeds name pictures, diversity, silent channels, NaN, errors."""

import subprocess
import sys

import numpy as np
import pytest

from stylegen.deepdream.settings import VisualizeSettings
from stylegen.deepdream.visualizing import VisualizeStep, visualize
from stylegen.losses import dream_loss
from stylegen.losses.statistics import diversity_loss
from stylegen.networks import feature_extractor
from stylegen.optimize import NonFiniteLoss, Term
from stylegen.utils.backend import tf
from stylegen.utils.errors import UserError
from tests.conftest import photo

PARAMETERIZATIONS = VisualizeSettings.abouts()['parameterization'].choices


@pytest.fixture(scope='module')
def mini():
    return feature_extractor('mini', ('block3_conv2',), pre_activation=True)


def channel(layer, number):
    return (Term(f'{layer}[{number}]', 1.0, dream_loss(layer, 'mean', (number,))),)


def small(extractor, terms=None, **options):
    options = {'size': 24, 'steps': 4} | options
    return visualize(extractor, terms or channel('b', 1), **options)


@pytest.mark.parametrize('parameterization', PARAMETERIZATIONS)
def test_a_channel_rises_and_more_than_the_median_other(parameterization, mini):
    number, layer = 20, 'block3_conv2'
    options = {'size': 48, 'parameterization': parameterization, 'seed': 1}
    before, after = (
        mini(visualize(mini, channel(layer, number), steps=steps, **options))[layer].numpy().mean((0, 1, 2))
        for steps in (0, 24)
    )
    rise = after - before
    assert rise[number] > 0.5  # mini's channels have a root mean square of 1 on photographs
    assert rise[number] > 2 * abs(np.median(np.delete(rise, number)))


def test_the_loss_falls_without_views(tiny):
    values = []
    small(tiny, steps=12, jitter=0, scale=0, rotation=0, callback=lambda step: values.append(sum(step.losses.values())))
    assert values[-1] < values[0]


def test_the_pictures_have_the_size_and_number_asked_for(tiny):
    for size, shape in [(20, (20, 20)), ((17, 22), (17, 22)), ((16, 23), (16, 23))]:
        pictures = small(tiny, size=size, count=2)
        assert pictures.shape == (2, *shape, 3) and pictures.dtype == np.float32
        assert pictures.min() >= 0 and pictures.max() <= 1
        assert not np.allclose(pictures[0], pictures[1], atol=0.05)


def test_one_seed_repeats_the_pictures_and_a_picture_does_not_depend_on_the_others(tiny):
    one, again, other = (small(tiny, seed=seed) for seed in (3, 3, 2**40))
    assert np.array_equal(one, again)
    assert not np.allclose(one, other, atol=0.05)
    assert np.allclose(small(tiny, seed=3, count=2)[:1], one, atol=1e-3)


def test_views_depend_on_jitter_scale_and_rotation(tiny):
    still = {'jitter': 0, 'scale': 0.0, 'rotation': 0.0}
    plain = small(tiny, **still)
    for moved in ({'jitter': None}, {'jitter': 3}, {'scale': 0.2}, {'rotation': 20.0}):
        assert not np.allclose(small(tiny, **still | moved), plain, atol=1e-4)


def similarity(extractor, layer, pictures):
    return float(diversity_loss(layer)(extractor(pictures)))


def test_diversity_makes_the_gram_matrices_of_a_batch_less_alike(mini):
    options = {'size': 32, 'count': 3, 'steps': 20}
    alike, diverse = (
        similarity(mini, 'block3_conv2', visualize(mini, channel('block3_conv2', 20), diversity=weight, **options))
        for weight in (0.0, 3.0)
    )
    assert diverse < alike - 0.1


@pytest.mark.parametrize('parameterization', PARAMETERIZATIONS)
def test_a_picture_to_start_from_comes_back_after_no_steps_and_changes_after_some(parameterization, tiny):
    picture = photo(21, 30)
    same = small(tiny, start=picture, steps=0, count=2, parameterization=parameterization)
    assert same.shape == (2, 21, 30, 3) and np.abs(same - picture).max() < 1e-2
    two = np.stack([picture, picture[::-1]])
    changed = small(tiny, start=two, count=2, parameterization=parameterization)
    assert 0.005 < np.abs(changed - two).mean() < 0.1


def test_callbacks_have_the_pictures_of_their_step(tiny):
    records: list[VisualizeStep] = []
    result = small(tiny, steps=30, count=2, callback=records.append)
    assert records[0].step == 1 and records[-1].step == records[-1].steps == 30
    assert set(records[0].losses) == {'b[1]'}
    assert np.array_equal(records[-1].pictures(), result)
    assert not np.allclose(records[0].pictures(), result, atol=0.01)


def test_a_loss_that_is_not_finite_keeps_the_last_good_pictures():
    class Brightness:
        min_size, strides = 1, {}

        def __call__(self, image):
            return {'input': image}

    def loss(features):
        mean = tf.reduce_mean(features['input'])
        return tf.where(mean > 0.7, np.nan, -mean)

    with pytest.raises(NonFiniteLoss) as caught:
        small(Brightness(), (Term('light', 1.0, loss),), steps=500)
    assert caught.value.picture.shape == (1, 24, 24, 3)
    assert 0.6 < caught.value.picture.mean() < 0.75


class Threshold:
    """A channel that noise does not excite, before and after its ReLU."""

    min_size, strides = 1, {'before': 1, 'after': 1}

    def __call__(self, image):
        before = image - 2.0
        return {'input': image, 'before': before, 'after': tf.nn.relu(before)}


def test_a_silent_channel_is_refused_after_its_relu_and_rises_before_it():
    with pytest.raises(UserError, match=r'active at the start \(pictures 0, 1\).*pre_activation=True'):
        small(Threshold(), channel('after', 0), count=2)
    start, end = (small(Threshold(), channel('before', 0), steps=steps)[..., 0].mean() for steps in (0, 30))
    assert end > start + 0.1


def test_neurons_of_mini_that_noise_leaves_silent_rise_before_their_relu(mini):
    layer = 'block3_conv2'
    after = feature_extractor('mini', (layer,))
    middle = lambda extractor, pictures: extractor(pictures)[layer][0, 6, 6].numpy()
    options = {'size': 48, 'jitter': 0, 'scale': 0.0, 'rotation': 0.0}
    noise = small(after, channel(layer, 0), steps=0, **options)
    number = int(np.flatnonzero(middle(after, noise) == 0)[0])
    neuron = (Term('neuron', 1.0, lambda features: -features[layer][0, 6, 6, number]),)
    with pytest.raises(UserError, match='active at the start'):
        small(after, neuron, **options)
    made = small(mini, neuron, steps=24, **options)
    assert middle(mini, noise)[number] < 0 < middle(after, made)[number]


@pytest.mark.parametrize(
    'options, message',
    [
        ({'count': 0}, 'expected count to be a whole number from 1 up to 1000, got 0'),
        ({'steps': -1}, 'expected steps to be a whole number from 0, got -1'),
        ({'learning_rate': 0}, 'expected learning_rate to be a number above 0, got 0'),
        ({'scale': 1.0}, 'expected scale to be a number from 0 to below 1, got 1.0'),
        ({'jitter': -1}, 'expected jitter to be a whole number from 0, got -1'),
        ({'rotation': -5}, 'expected rotation to be a number from 0, got -5'),
        ({'size': (24, 3, 3)}, r'expected size as whole pixels, or as \(height, width\), got \(24, 3, 3\)'),
        ({'size': (24, 3)}, 'pictures of 3 x 24 are too small: at least 4'),
        ({'diversity': 1.0}, 'ask for a count of 2'),
        ({'parameterization': 'furier'}, 'unknown parameterization .*fourier'),
        ({'terms': (Term('b', 0.0, dream_loss('b')),)}, 'no term has a weight'),
    ],
)
def test_a_setting_that_cannot_be_is_refused_with_what_can(options, message, tiny):
    with pytest.raises(UserError, match=message):
        small(tiny, **options)


@pytest.mark.parametrize('start', [np.zeros((8, 8, 6)), np.zeros((3, 8, 8, 3)), np.full((8, 8, 3), np.nan)])
def test_a_start_that_is_no_picture_is_refused(start, tiny):
    with pytest.raises(UserError, match=r'expected .*height, width, 3|expected one picture, or 1|start are NaN'):
        small(tiny, start=start)


def test_xla_agrees_with_the_plain_graph(tiny):
    plain, xla = (small(tiny, count=2, steps=3, jit=jit) for jit in ('off', 'on'))
    assert np.allclose(plain, xla, atol=1e-3)


def test_importing_it_does_not_import_tensorflow():
    code = 'import sys, stylegen.deepdream.visualizing; sys.exit("tensorflow" in sys.modules)'
    assert subprocess.run([sys.executable, '-c', code], timeout=60).returncode == 0
