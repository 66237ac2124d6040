"""Losses and gradient by windows are those of the whole picture, for every loss; without a halo they are not."""

import numpy as np
import pytest

from stylegen.losses.moments import covariance, mean, moments
from stylegen.networks import feature_extractor, receptive_field
from stylegen.networks.extractor import FeatureExtractor
from stylegen.networks.graph import LayerInfo
from stylegen.optimize import Objective
from stylegen.style.settings import StyleSettings
from stylegen.style.targets import Targets
from stylegen.utils.backend import keras, tf
from tests.conftest import slow
from tests.extractors import noise, small_vgg

SMALL = {'style_layers': {'input': 1.0, 'block3_conv1': 0.5}, 'content_layers': {'block2_conv2': 1.0}}


def targets_for(extractor, style_layers, content_layers, loss='gram', regions=0, tv_form='square'):
    """The targets of a transfer, without a content yet."""
    settings = StyleSettings(style_layers=style_layers, content_layers=content_layers, loss=loss, tv_form=tv_form)
    return Targets(extractor, settings, regions)


@pytest.fixture(scope='module')
def small():
    """To block3_conv1: a radius of 10, a stride of 4."""
    return small_vgg(('block2_conv2', 'block3_conv1'))


def aim(targets, shape, core, regions=0):
    """Sets a content, a style for each region, and the masks; the picture to look at."""
    masks = list(np.random.default_rng(5).dirichlet([0.5] * regions, shape).transpose(2, 0, 1)) if regions else []
    targets.set_content(noise(*shape, seed=1), [mask.astype(np.float32) for mask in masks], core)
    for region in range(max(1, regions)):
        targets.set_styles(region, [(noise(60, 75, seed=7 + region) ** (2 + region), 0, 1.0)])
    targets.variables.factors.assign(np.linspace(0.5, 1.5, len(targets.keys)))
    return tf.constant(noise(*shape, seed=2)[None])


def judged(targets, picture, core):
    """Losses by term and gradient, by windows of a core or whole."""
    targets.variables.core.assign(core)
    objective = targets.objective_for(core)
    if 'run' not in objective.compiled:
        objective.compiled['run'] = tf.function(objective.value_and_gradient, autograph=False)
    losses, gradient = objective.compiled['run'](picture)
    return {name: float(loss) for name, loss in losses.items()}, gradient.numpy()


def agree(whole, cut, tolerance=1e-5, of_losses=1e-5):
    """Whether two judgements are the same: gradients relative to the largest entry, small losses to a tenth."""
    (losses, gradient), (others, other) = whole, cut
    assert losses.keys() == others.keys()
    close = all(abs(losses[name] - others[name]) <= of_losses * max(losses[name], 0.1) for name in losses)
    return close and np.abs(gradient - other).max() <= tolerance * np.abs(gradient).max()


@pytest.mark.parametrize('loss', [slow('covariance'), slow('gram+histogram'), 'wasserstein'])
def test_windows_agree_with_the_whole_whatever_their_size(small, loss):
    targets = targets_for(small, **SMALL, loss=loss)
    picture = aim(targets, (70, 53), 28)
    whole = judged(targets, picture, 0)
    assert all(agree(whole, judged(targets, picture, core)) for core in (12, 52, 256))


def test_windows_agree_with_the_whole_where_edges_are_kept(small):
    targets = targets_for(small, **SMALL, tv_form='absolute')
    picture = aim(targets, (61, 90), 28)
    assert agree(judged(targets, picture, 0), judged(targets, picture, 28))


@pytest.mark.slow
def test_windows_agree_with_the_whole_in_regions(small):
    """Soft masks give histograms sums of fractions, which move a little with their order."""
    targets = targets_for(small, **SMALL, loss='gram+histogram', regions=2, tv_form='power')
    picture = aim(targets, (77, 58), 24, regions=2)
    whole = judged(targets, picture, 0)
    assert sum('region 1' in name for name in whole[0]) == 4
    assert agree(whole, judged(targets, picture, 24), 1e-4, 1e-4)


@pytest.mark.parametrize('loss', ['gram', 'gram+histogram', 'wasserstein'])
def test_link_by_link_the_gradient_is_that_of_one_tape(small, loss):
    targets = targets_for(small, **SMALL, loss=loss)
    picture = aim(targets, (70, 53), 0)
    assert [tap for tap, _ in small.segments] == ['block2_conv2', 'block3_conv1']
    losses, gradient = Objective.value_and_gradient(targets.objective, picture)
    one_tape = {name: float(value) for name, value in losses.items()}, gradient.numpy()
    assert agree(one_tape, judged(targets, picture, 0))


def test_a_first_tap_that_is_had_anew_gives_the_same_gradient():
    """Its own losses and those behind it, both."""
    shallow = small_vgg(('block2_conv1', 'block1_conv1'))
    assert [tap for tap, _ in shallow.segments] == ['block1_conv1', 'block2_conv1']
    targets = targets_for(shallow, {'block1_conv1': 1.0, 'block2_conv1': 1.0}, {'block2_conv1': 1.0})
    picture = aim(targets, (40, 53), 0)
    losses, gradient = Objective.value_and_gradient(targets.objective, picture)
    one_tape = {name: float(value) for name, value in losses.items()}, gradient.numpy()
    assert agree(one_tape, judged(targets, picture, 0))
    targets.variables.factors.assign(targets.variables.factors * [1.0, 0.0, 0.0, 1.0])
    assert not agree(one_tape, judged(targets, picture, 0))


def test_a_network_in_bfloat16_is_a_chain_of_bfloat16(random_mini):
    layers = ('block1_conv1', 'block2_conv1', 'block3_conv3')
    mini = feature_extractor('mini', layers, precision='mixed_bfloat16')
    assert [(tap, model.output.dtype) for tap, model in mini.segments] == [(layer, 'bfloat16') for layer in layers]
    targets = targets_for(mini, dict.fromkeys(layers, 1.0), {'block3_conv3': 1.0})
    picture = aim(targets, (70, 53), 0)
    losses, gradient = Objective.value_and_gradient(targets.objective, picture)
    others, other = judged(targets, picture, 0)
    assert all(abs(others[name] - float(loss)) <= 0.02 * float(loss) for name, loss in losses.items())
    assert np.corrcoef(gradient.numpy().ravel(), other.ravel())[0, 1] > 0.99


def test_a_network_that_passes_a_tap_by_is_no_chain():
    image = keras.Input((None, None, 3))
    tapped = keras.layers.Conv2D(4, 3, padding='same', name='tapped')(image)
    joined = keras.layers.Concatenate(name='joined')([tapped, image])
    infos = [LayerInfo('tapped', 1, 4), LayerInfo('joined', 1, 7)]
    outputs = {'tapped': tapped, 'joined': joined, 'input': image}
    extractor = FeatureExtractor(image, outputs, network='x', infos=infos, source=None)
    assert extractor.segments is None
    targets = targets_for(extractor, {'tapped': 1.0, 'joined': 1.0}, {})
    picture = aim(targets, (30, 25), 0)
    losses, gradient = Objective.value_and_gradient(targets.objective, picture)
    one_tape = {name: float(value) for name, value in losses.items()}, gradient.numpy()
    assert agree(one_tape, judged(targets, picture, 0))


def with_heads():
    """A trunk of which two taps are linear mixtures, and a third one that is no mixture."""
    keras.utils.set_random_seed(0)
    image = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(8, 3, padding='same', activation='relu')(image)
    early = keras.layers.Conv2D(7, 1, bias_initializer='ones', name='early')(x)
    x = keras.layers.Conv2D(8, 3, padding='same', activation='relu', name='middle')(keras.layers.MaxPooling2D()(x))
    late = keras.layers.Conv2D(9, 1, name='late')(x)
    thin = keras.layers.Conv2D(2, 1, name='thin')(x)  # which is cheaper as it is
    outputs = {'early': early, 'middle': x, 'late': late, 'thin': thin}
    infos = [LayerInfo(name, 1 + (name != 'early'), out.shape[-1]) for name, out in outputs.items()]
    return FeatureExtractor(image, outputs | {'input': image}, network='x', infos=infos, source=None)


@pytest.mark.parametrize('loss', [slow('covariance'), slow('gram+histogram'), 'wasserstein'])
def test_the_moments_of_a_mixture_of_channels_are_those_of_its_map(loss):
    extractor = with_heads()
    assert set(extractor.heads) == {'early', 'late'} and extractor.segments is None
    targets = targets_for(extractor, dict.fromkeys(extractor.layer_names, 1.0), {'late': 1.0}, loss=loss)
    picture = aim(targets, (60, 53), 0)
    losses, gradient = Objective.value_and_gradient(targets.objective, picture)
    whole = judged(targets, picture, 0)
    assert agree(whole, ({name: float(value) for name, value in losses.items()}, gradient.numpy()))
    assert agree(whole, judged(targets, picture, 24))
    features = extractor(picture)
    native = extractor.native(picture)
    for tap in extractor.layer_names:
        direct = covariance(moments(features, tap)).numpy()
        assert np.abs(covariance(moments(native, tap)) - direct).max() < 1e-5 * np.abs(direct).max()
        assert np.allclose(mean(moments(native, tap)), mean(moments(features, tap)), rtol=1e-5, atol=1e-6)


def test_without_a_halo_windows_are_seen(small):
    targets = targets_for(small, **SMALL)
    picture = aim(targets, (70, 53), 0)
    whole = judged(targets, picture, 0)
    assert targets.halo == 12 and receptive_field.radius(small) == 10
    object.__setattr__(targets.objective_for(1), 'halo', 0)
    assert not agree(whole, judged(targets, picture, 20), 0.05)
    targets.objective_for(1).compiled.clear()
    object.__setattr__(targets.objective_for(1), 'halo', 8)  # less than the radius is still too little
    assert not agree(whole, judged(targets, picture, 20))


def test_a_content_and_a_style_gathered_by_windows_are_those_of_the_whole(small):
    targets = targets_for(small, **SMALL, loss='gram+histogram')
    content, style = noise(90, 61, seed=1), noise(83, 120, seed=2)

    def gathered(core):
        targets.set_content(content, [], core)
        targets.set_styles(0, [(style, core, 1.0)])
        styles = targets.style_targets.items()
        wanted = {(*key, name): value.numpy() for key, of in styles for name, value in of.items()}
        return {'content': targets.variables.content['block2_conv2'].numpy()} | wanted

    whole, parts = gathered(0), gathered(24)
    assert whole['content'].shape == (1, 45, 30, 6)
    for name, value in whole.items():
        if 'histogram' in name:  # a value at the edge of two bins may fall into either
            assert np.abs(np.cumsum(value, 1) - np.cumsum(parts[name], 1)).max() < 0.005
        else:
            assert np.allclose(value, parts[name], rtol=1e-4, atol=1e-5 * np.abs(value).max())


def test_mini_by_windows_agrees_with_the_whole(random_mini):
    extractor = feature_extractor('mini', ('block1_conv1', 'block3_conv3'))
    targets = targets_for(
        extractor, {'block1_conv1': 1.0, 'block3_conv3': 1.0}, {'block3_conv3': 1.0}, loss='covariance'
    )
    picture = aim(targets, (107, 66), 48)
    assert agree(judged(targets, picture, 0), judged(targets, picture, 48))


def test_the_geometry_of_vgg16_by_windows_agrees_with_the_whole():
    extractor = small_vgg(('block2_conv2', 'block4_conv3'), channels=4, preprocessing='caffe')
    targets = targets_for(extractor, {'block2_conv2': 1.0, 'block4_conv3': 1.0}, {'block4_conv3': 1.0})
    assert targets.halo == 48 and receptive_field.radius(extractor) == 42
    picture = aim(targets, (171, 203), 64)
    assert agree(judged(targets, picture, 0), judged(targets, picture, 64))
