"""What a dream is about: targets as typed, channels, neurons, classes, guides, regions, and how they are balanced."""

import numpy as np
import pytest

from stylegen import losses, networks
from stylegen.deepdream import DreamSettings, dream, dreamer
from stylegen.deepdream.subject import Subject, choose_subject
from stylegen.deepdream.targets import Target, parse_target
from stylegen.deepdream.terms import TermMasks, build_terms, guide_vectors
from stylegen.losses.features import best_matches
from stylegen.networks.classes import find_class
from stylegen.optimize import Term
from stylegen.optimize.tiling import TiledObjective
from stylegen.utils.backend import tf
from stylegen.utils.errors import UserError
from tests.conftest import photo, slow

FAST = {'octaves': 2, 'steps': 4, 'octave_scale': 1.3, 'strength': 0.06}


@pytest.mark.parametrize(
    'text, target',
    [
        ('a', Target('a')),
        ('a[3]', Target('a', (3,))),
        ('a[3@0.333333333,0.00001]', Target('a', (3,), (0.333333333, 0.00001))),
        ('a[3, 7-9,3]', Target('a', (3, 7, 8, 9))),
        ('a[9,3]', Target('a', (3, 9))),
        ('block4_conv2[12@0.5,.25]', Target('block4_conv2', (12,), (0.5, 0.25))),
    ],
)
def test_targets_are_read_and_written(text, target):
    assert parse_target(text) == target and parse_target(str(target)) == target


@pytest.mark.parametrize(
    'text', ['', 'a[', 'a[]', 'a[x]', 'a[3@0.5]', 'a[1,2@0.5,0.5]', 'a[3@0.5,1.5]', 'a[9-3]', 'a[-1]', 'a[,]']
)
def test_texts_that_are_no_target_are_refused(text):
    with pytest.raises(UserError):
        parse_target(text)


def subject_of(network, guides=0, regions=(), **settings):
    return choose_subject(network, DreamSettings(**settings), guides=guides, regions=regions)


def test_layers_of_the_network_s_own_choice_give_way_to_what_is_named():
    assert subject_of('mini').layers == ('block5_conv1',)
    assert subject_of('mini', classes={'ship': 1.0}).layers == ('classes',)
    assert subject_of('mini', guides=1).layers == ('block3_conv3',)
    assert subject_of('mini', regions=[{'block2_conv1': 1.0}]).layers == ('block2_conv1',)
    both = subject_of('mini', layers={'block1_conv1': 1.0}, classes={'ship': 0.5})
    assert both.layers == ('block1_conv1', 'classes') and list(both.targets.values()) == [1.0, 0.5]


@pytest.mark.parametrize(
    'subject, message',
    [
        ({'layers': {'a[3,7]': 1.0, 'a[7, 3]': 0.5}}, r"'a\[3,7\]' and 'a\[7, 3\]' are both a\[3,7\]; name it once"),
        ({'classes': {'ship': 1.0, '8': 0.5}}, "'ship' and '8' are both classes"),
        ({'layers': {'classes[8]': 1.0}, 'classes': {'ship': 0.5}}, "and 'ship' are both classes"),
        ({'regions': [{'a': 1.0, ' a': 2.0}]}, "'a' and ' a' are both a"),
        ({'guides': 1, 'guide_layers': {'a': 1.0, 'a ': 1.0}}, 'are both a'),
    ],
)
def test_a_target_that_is_named_twice_is_refused(subject, message):
    assert find_class('mini', 'ship') == 8
    with pytest.raises(UserError, match=message):
        subject_of('mini', **subject)


def test_one_layer_may_act_in_two_regions():
    assert subject_of('mini', regions=[{'a': 1.0}, {'a': 0.5}]).layers == ('a',)


def activity(tiny, image, layer='b'):
    return tiny(tf.constant(image[None]))[layer].numpy()[0]


def test_a_channel_rises_more_than_the_others(tiny):
    image = photo(48, 56)
    for channel in (1, 6):
        result = dream(image, network=tiny, layers={f'b[{channel}]': 1.0}, **FAST)
        rise = (activity(tiny, result) - activity(tiny, image)).mean((0, 1))
        assert rise[channel] > 0 and rise[channel] > 1.5 * np.median(np.delete(rise, channel))


def test_a_neuron_rises_where_it_is(tiny):
    image = photo(64, 64)
    result = dream(image, network=tiny, layers={'b[2@0.25,0.75]': 1.0}, jitter=4, **FAST)
    change = np.abs(result - image).sum(-1)
    y, x = np.unravel_index(np.argmax(change), change.shape)
    assert abs(x - 16) <= tiny.reach and abs(y - 48) <= tiny.reach
    far = np.hypot(*np.meshgrid(np.arange(64) - 16, np.arange(64) - 48)) > 24
    assert change[far].max() < 0.05 * change.max()


@pytest.mark.parametrize('name', ['ship', 'sunflower'])
def test_a_class_dream_convinces_the_classifier_also_where_no_gradient_was_taken(name):
    """As it is, mirrored, and at three quarters of its size."""
    number = find_class('mini', name)
    image = photo(128, 128)
    result = dream(image, network='mini', classes={name: 1.0}, octaves=2, steps=12, strength=0.1)
    classifier = networks.mini_classifier()
    small = lambda x: tf.image.resize(x[None], [96, 96], antialias=True)
    for view in (lambda x: x[None], lambda x: x[None, :, ::-1], small):
        probability = lambda x, view=view: float(tf.nn.softmax(classifier(view(x)))[0, number])
        assert probability(image) < 0.1 and probability(result) > 0.5


def test_the_gradient_of_a_guide_is_its_best_match():
    rng = np.random.default_rng(0)
    x, guide = rng.normal(size=(1, 4, 5, 6)).astype(np.float32), rng.normal(size=(30, 6)).astype(np.float32)
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = losses.guide_loss('a', guide)({'a': x})
    flat = x.numpy().reshape(-1, 6)
    best = guide[np.argmax(flat @ guide.T, axis=1)]
    assert np.allclose(loss, -np.max(flat @ guide.T, axis=1).mean(), rtol=1e-5)
    assert np.allclose(tape.gradient(loss, x).numpy().reshape(-1, 6), -best / 20, atol=1e-6)


def test_best_matches_in_chunks_equal_those_at_once(monkeypatch):
    rng = np.random.default_rng(0)
    x, guide = rng.normal(size=(2, 7, 5, 6)).astype(np.float32), rng.normal(size=(30, 6)).astype(np.float32)
    whole = best_matches(tf.constant(x), tf.constant(guide))
    monkeypatch.setattr('stylegen.losses.features.MATCHES_AT_ONCE', 90)
    assert np.array_equal(best_matches(tf.constant(x), tf.constant(guide)), whole)


def test_a_picture_guided_by_itself_finds_at_least_itself(tiny):
    image = photo(40, 40)
    vectors = guide_vectors(tiny, [image], 'b')
    activation = tiny(tf.constant(image[None]))['b']
    assert (tf.reduce_sum(activation * best_matches(activation, vectors), -1) >= (
        tf.reduce_sum(tf.square(activation), -1) - 1e-4
    )).numpy().all()  # fmt: skip


def test_guides_change_the_dream_and_their_order_does_not(tiny):
    image, one, other = photo(48, 48), photo(40, 60, 1), photo(40, 60, 2)
    guided = lambda *guides: dream(image, network=tiny, guides=guides, guide_layers={'b': 1.0}, **FAST)
    assert np.abs(guided(one) - guided(other)).max() > 0.01
    both = guided(one, other)
    assert np.allclose(both, guided(other, one), atol=1e-4)
    assert all(np.abs(both - guided(alone)).max() > 0.01 for alone in (one, other))
    vectors = guide_vectors(tiny, [one, other], 'b')
    assert len(vectors) == len(guide_vectors(tiny, [one], 'b')) + len(guide_vectors(tiny, [other], 'b'))


def test_regions_act_where_they_are_and_layers_elsewhere(tiny):
    image = photo(64, 96)
    left, right = np.zeros((64, 96), np.float32), np.zeros((64, 96), np.float32)
    left[:, :32], right[:, 64:] = 1, 1
    result = dream(image, network=tiny, regions=[(left, {'a[1]': 1.0}), (right, {'b[3]': 1.0})], **FAST)
    assert np.array_equal(result[:, 32:64], image[:, 32:64])  # nothing is dreamt of there, bit for bit
    rise = lambda layer, channel: (activity(tiny, result, layer) - activity(tiny, image, layer))[..., channel]
    assert rise('a', 1)[:, :28].mean() > 2 * abs(rise('a', 1)[:, 68:].mean())
    assert rise('b', 3)[:, 34:].mean() > 2 * abs(rise('b', 3)[:, :14].mean())
    everywhere = dream(image, network=tiny, layers={'a': 1.0}, regions=[(left, {'b': 1.0})], **FAST)
    assert (np.abs(everywhere - image).mean((0, 2)) > 1e-3).all()


def test_regions_fade_with_their_masks(tiny):
    image = photo(40, 60)
    mask = np.tile(np.linspace(0, 1, 60, dtype=np.float32), (40, 1))
    change = np.abs(dream(image, network=tiny, regions=[(mask, {'b': 1.0})], **FAST) - image).mean((0, 2))
    assert change[0] == 0 and change[5:20].mean() < change[20:40].mean() < change[40:].mean()


def test_balanced_layers_are_equally_loud_whatever_their_scale(tiny):
    """A layer whose activations are 1000 times as large does not drown the other."""
    image = tf.constant(photo(48, 48)[None])
    terms = (Term('a', 1.0, losses.dream_loss('a')), Term('b', 1.0, losses.dream_loss('b')))
    objective = TiledObjective(tiny, terms)
    loudness = objective.gradient_norms(image).numpy()
    for i, layer in enumerate('ab'):
        activation = tiny(image)[layer].numpy()
        assert np.isclose(loudness[i], 2 * np.linalg.norm(activation) / activation.size, rtol=1e-4)
    tiled = TiledObjective(tiny, terms, tile=24, stride=2).gradient_norms(image).numpy()
    assert np.allclose(loudness, tiled, rtol=0.1)  # zeros at the seams are all that differs

    class Louder(type(tiny)):
        def __call__(self, image):
            features = super().__call__(image)
            return features | {'a': 1000 * features['a']}

    def dreamt(network, where):
        return dream(photo(48, 48), network=network, layers={'a': 1.0, 'b': 1.0}, gradient_normalization=where, **FAST)

    assert np.allclose(dreamt(tiny, 'picture'), dreamt(Louder(), 'picture'), atol=1e-3)
    assert np.abs(dreamt(tiny, 'none') - dreamt(Louder(), 'none')).max() > 0.02  # the control


def test_the_gradient_is_linear_in_the_weights_and_a_weight_of_0_leaves_a_layer_out(tiny):
    image = tf.constant(photo(32, 32)[None])

    def gradient(**weights):
        subject = Subject({Target(layer): weight for layer, weight in weights.items()}, {})
        terms, _, _ = build_terms(subject, tiny, [], 'auto')
        return TiledObjective(tiny, terms).value_and_gradient(image)[1].numpy()

    mixed = 2 * gradient(a=1.0) - 0.5 * gradient(b=1.0)
    assert np.allclose(gradient(a=2.0, b=-0.5), mixed, atol=1e-7)
    assert np.array_equal(gradient(a=2.0, b=0.0), gradient(a=2.0))
    fast = FAST | {'octaves': 1}
    both, one = (dream(photo(32, 32), network=tiny, layers=w, **fast) for w in ({'a': 1.0, 'b': 0.0}, {'a': 1.0}))
    assert np.array_equal(both, one)


def test_sum_square_mean_square_and_norm_point_the_same_way(tiny):
    image = tf.constant(photo(32, 32)[None])

    def gradient(measure):
        with tf.GradientTape() as tape:
            tape.watch(image)
            value = measure(tiny(image)['b'])
        return tape.gradient(value, image).numpy().ravel()

    mean_square = (
        -TiledObjective(tiny, (Term('b', 1.0, losses.dream_loss('b')),)).value_and_gradient(image)[1].numpy().ravel()
    )
    for measure in (lambda a: tf.reduce_sum(a**2) / 2, tf.norm):
        other = gradient(measure)
        assert mean_square @ other / np.linalg.norm(mean_square) / np.linalg.norm(other) > 1 - 1e-6


def test_masks_of_terms_are_drawn_for_every_size():
    half = np.zeros((40, 40), np.float32)
    half[:20] = 1
    term_masks = TermMasks([half], [(1.0, 0.0)], rest=True)
    masks = term_masks.resized((20, 30))
    assert masks.shape == (1, 20, 30, 3) and len(term_masks) == 3
    assert np.allclose(masks[..., 0] + masks[..., 1], 1, atol=1e-5)
    assert masks[0, 0, 29, 2] == 1 and masks[..., 2].sum() == 1
    assert np.allclose(term_masks.shares(), [0.5**0.5, 0.5**0.5, 1])


def test_the_strength_of_regions_is_felt_within_them(tiny):
    image, corner = photo(64, 96) * 0.5 + 0.25, np.zeros((64, 96), np.float32)
    corner[:24, :24] = 1
    change = lambda **options: dream(image, network=tiny, regions=[(corner, {'b': 1.0})], **FAST | options) - image
    assert abs(np.sqrt(np.mean(np.square(change()[:24, :24]))) / FAST['strength'] - 1) < 0.15
    beside = change(layers={'a': 1.0})  # the control: a picture that changes as a whole
    assert abs(np.sqrt(np.mean(np.square(beside))) / FAST['strength'] - 1) < 0.05


def test_where_a_mask_or_no_region_is_nothing_changes(tiny):
    image, left, top = photo(40, 40), np.zeros((40, 40), np.float32), np.zeros((40, 40), np.float32)
    left[:, :20], top[:20] = 1, 1
    result = dream(image, network=tiny, mask=top, regions=[(left, {'b': 1.0})], **FAST)
    changed = (result != image).any(-1)
    assert changed[:20, :20].mean() > 0.9 and not changed[20:].any() and not changed[:, 20:].any()


def test_a_black_region_changes_nothing(tiny):
    image = photo(40, 40)
    assert np.array_equal(dream(image, network=tiny, regions=[(image[..., 0] * 0, {'b': 1.0})], **FAST), image)


def test_a_guide_acts_beside_the_regions_too(tiny):
    image, left = photo(48, 64), np.zeros((48, 64), np.float32)
    left[:, :20] = 1
    result = dream(
        image, network=tiny, guides=[photo(40, 40, 1)], guide_layers={'b': 1.0}, regions=[(left, {'a': 1.0})], **FAST
    )
    assert np.abs(result - image)[:, 40:].max() > 0.01


@pytest.mark.parametrize('subject', [
    slow({'layers': {'b[2@0.5,0.25]': 1.0}}),
    slow({'regions': [(np.float32(np.tri(60, 70)), {'b': 1.0})]}),
    {'guides': [photo(40, 40, 1)], 'guide_layers': {'b': 1.0}},
])  # fmt: skip
def test_xla_dreams_of_every_subject_alike(subject, tiny, monkeypatch):
    monkeypatch.setattr(dreamer, 'XLA_TILE', 128)
    image, options = photo(60, 70), {**FAST, 'octaves': 1, 'jitter': 4}
    plain, xla = (dream(image, network=type(tiny)(), jit=jit, **subject, **options) - image for jit in ('off', 'on'))
    assert np.corrcoef(plain.ravel(), xla.ravel())[0, 1] > 0.9
