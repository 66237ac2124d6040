"""What a dream must be, whatever it shows: exact at 0 steps, rising, masked, coloured, repeatable, resumable."""

import numpy as np
import pytest

from stylegen import images, losses, networks, optimize
from stylegen.deepdream import Dreamer, DreamSettings, DreamStep, Start, dream, dreamer, open_dreamer
from stylegen.deepdream.plan import plan
from stylegen.images import color
from stylegen.networks import rebuild
from stylegen.optimize import NonFiniteLoss, loop, updates
from stylegen.utils.backend import tf, use_xla
from stylegen.utils.choices import JIT, POOLINGS, SMOOTHINGS
from stylegen.utils.errors import UserError
from tests.conftest import photo

FAST = {'layers': {'b': 1.0}, 'octaves': 3, 'steps': 4, 'octave_scale': 1.3, 'step_size': 0.005}


def planned(tiny, shape, octaves=3, octave_scale=1.4, max_memory='4GB'):
    return plan(tiny, shape, DreamSettings(octaves=octaves, octave_scale=octave_scale, max_memory=max_memory))


def dreamt(tiny, image, **options):
    return dream(image, network=tiny, **FAST | options)


@pytest.mark.parametrize('shape', [(32, 32), (41, 67), (33, 200)])
@pytest.mark.parametrize('octaves', [1, 2, 5])
def test_0_steps_give_the_picture_back(shape, octaves, tiny):
    sharp = np.random.default_rng(0).random((*shape, 3), np.float32)  # noise: nothing survives a resize unless carried
    assert np.abs(dreamt(tiny, sharp, octaves=octaves, steps=0) - sharp).max() <= 1e-5


def test_detail_carried_as_google_does_equals_the_residual_form(tiny, monkeypatch):
    """x_k = up(x_{k+1}) + (b_k - up(b_{k+1})) + change, TensorFlow's tutorial of 2016, with the same changes."""
    image = photo(61, 90) * 0.8 + 0.1
    sizes = planned(tiny, (61, 90)).sizes
    assert len(sizes) == 2
    rng = np.random.default_rng(0)
    changes = {size: rng.normal(0, 0.02, (*size, 3)).astype(np.float32) for size in sizes}

    def change(octave_image, *args, **kwargs):
        return tf.constant(octave_image + changes[octave_image.shape[1:3]])

    monkeypatch.setattr(loop, 'optimize_image', change)
    dreamt_image = dreamt(tiny, image, octave_scale=1.4)
    bases = [images.resize(image, size) for size in sizes]
    residual = bases[0] + changes[sizes[0]]
    for below, base, size in zip(bases, bases[1:], sizes[1:], strict=False):
        residual = images.resize(residual, size) + (base - images.resize(below, size)) + changes[size]
    assert np.allclose(dreamt_image, residual, atol=1e-5)


def test_activity_rises_in_every_octave(tiny):
    activity: dict[int, list] = {}
    dreamt(tiny, photo(64, 64), steps=30, step_size=0.002,
           callback=lambda s: activity.setdefault(s.octave, []).append(-sum(s.losses.values())))  # fmt: skip
    assert sorted(activity) == [0, 1, 2]
    assert all(values[-1] > values[0] for values in activity.values())


def test_callbacks_get_how_far_the_dream_is(tiny):
    reports: list[DreamStep] = []
    image = photo(60, 70)
    result = dreamt(tiny, image, callback=reports.append)
    assert [s.octave for s in reports] == sorted(s.octave for s in reports) and reports[-1].octaves == 3
    assert all(s.steps == 4 and s.picture().shape == image.shape for s in reports)
    assert reports[-1].work == reports[-1].all_work and np.allclose(reports[-1].picture(), result, atol=1e-6)
    with pytest.raises(AttributeError):
        reports[0].step = 3


def test_one_seed_repeats_the_dream_and_another_changes_it(tiny):
    image = photo(48, 60)
    one, again, other = (dreamt(tiny, image, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert np.abs(one - other).max() > 1e-3


def test_several_pictures_with_one_network_equal_each_alone(tiny):
    pictures = [photo(40, 40, 1), photo(52, 37, 2)]
    together = [dreamt(tiny, picture) for picture in pictures]
    alone = [dreamt(type(tiny)(), picture) for picture in pictures]
    assert all(np.array_equal(a, b) for a, b in zip(together, alone, strict=True))


def test_one_trace_serves_all_octaves(tiny):
    dreamt(tiny, photo(64, 80), octaves=4)
    assert tiny.traces == 1


@pytest.mark.parametrize('stop', [1, 5, 9])
def test_a_resumed_dream_ends_as_the_uninterrupted_one(stop, tiny):
    image, reports = photo(56, 60), []

    def interrupt(step):
        reports.append(step)
        if len(reports) == stop:
            raise KeyboardInterrupt

    whole = dreamt(tiny, image)
    with pytest.raises(KeyboardInterrupt):
        # one step at a time, so that the stop falls inside an octave
        original, loop.SECONDS_PER_CALL = loop.SECONDS_PER_CALL, 0.0
        try:
            dreamt(tiny, image, callback=interrupt)
        finally:
            loop.SECONDS_PER_CALL = original
    last = reports[-1]
    assert (last.octave, last.step) == ((stop - 1) // 4, (stop - 1) % 4 + 1)
    assert np.array_equal(
        dreamt(tiny, image, start=Start(last.octave, last.step, last.image, last.term_factors)), whole
    )


def test_a_mask_keeps_the_outside_bit_for_bit_and_fades(tiny):
    image = photo(40, 60)
    mask = np.zeros((40, 60), np.float32)
    mask[:, 20:40], mask[:, 40:] = 0.5, 1.0
    free, masked = dreamt(tiny, image), dreamt(tiny, image, mask=mask)
    assert np.array_equal(masked[:, :20], image[:, :20])
    assert np.abs(free[:, :20] - image[:, :20]).max() > 0.01  # the control: without a mask it does change
    assert np.allclose(masked[:, 40:], free[:, 40:], atol=1e-6)
    assert np.allclose(masked[:, 20:40] - image[:, 20:40], (free - image)[:, 20:40] / 2, atol=1e-6)


def test_luminance_keeps_the_chroma(tiny):
    image = photo(40, 60) * 0.6 + 0.2
    result = dreamt(tiny, image, color='luminance')
    chroma = lambda x: x - color.luminance(x)
    assert np.abs(result - image).max() > 0.01
    assert np.allclose(chroma(result), chroma(image), atol=1e-5)
    assert np.abs(chroma(dreamt(tiny, image)) - chroma(image)).max() > 0.01


def test_negative_weights_calm_a_layer(tiny):
    image = photo(40, 40)
    activity = lambda x: float((tiny(x[None])['b'] ** 2).numpy().mean())
    assert activity(dreamt(tiny, image, layers={'b': -1.0})) < activity(image) < activity(dreamt(tiny, image))


def test_the_size_of_tiles_follows_from_the_memory_allowed(tiny):
    shape = (600, 800)
    roomy = planned(tiny, shape, max_memory=4e9)
    assert roomy.tile == 0 and roomy.sizes[-1] == shape and roomy.memory < 4e9
    tight = planned(tiny, shape, max_memory=1e8)
    assert 0 < tight.tile < 600 and tight.tile % 2 == 0 and tight.memory <= 1e8
    with pytest.raises(UserError, match='raise --max_memory or give a smaller --size'):
        planned(tiny, shape, max_memory=1e6)
    with pytest.raises(UserError, match='smallest tile'):
        planned(tiny, (100, 100), 1, max_memory=100 * 100 * 144 + 1000)


def test_a_tiled_dream_changes_the_picture_as_much_as_an_uncut_one(tiny):
    image = photo(90, 120)
    memory = 90 * 120 * 144 + 48 * 48 * tiny.bytes_per_pixel
    assert planned(tiny, (90, 120), octave_scale=1.3, max_memory=memory).tile == 48
    tiled, whole = dreamt(tiny, image, max_memory=memory, steps=10), dreamt(tiny, image, steps=10)
    assert 0.8 < np.abs(tiled - image).mean() / np.abs(whole - image).mean() < 1.25


def test_the_plan_of_xla_is_of_the_tiles_that_it_compiles_for(tiny):
    xla, plain = (Dreamer(network=tiny, jit=jit).plan for jit in ('on', 'off'))
    large, small = xla((600, 700)), xla((60, 70))
    assert large.tile == max(large.longest(-1)) > 0 and plain((600, 700)).longest(-1) == (0, 0)
    assert small.tile == 0 and len(small.shapes) == len(small.sizes)
    pixels = max(height * width for height, width in small.shapes)
    assert small.memory > pixels * tiny.bytes_per_pixel > plain((60, 70)).memory


def test_octaves_never_fall_under_what_the_network_takes(tiny):
    sizes = planned(tiny, (70, 100), 10).sizes
    assert len(sizes) == 3 and min(sizes[0]) >= 32  # 36, 50 and 70 high
    with pytest.raises(UserError, match='at least 4 pixels a side'):
        dreamt(tiny, photo(3, 40))


@pytest.mark.parametrize(
    'options, message',
    [
        ({'color': 'lumiance'}, "unknown color 'lumiance'; did you mean luminance"),
        ({'octaves': 0}, 'expected octaves to be a whole number from 1, got 0'),
        ({'octave_scale': 1.0}, 'expected octave_scale to be a number above 1 up to 100, got 1.0'),
        ({'steps': -1}, 'expected steps to be a whole number from 0, got -1'),
        ({'jitter': -3}, 'expected jitter to be a whole number from 0 up to 10000, got -3'),
        ({'variation': -0.1}, 'expected variation to be a number from 0, got -0.1'),
        ({'step_size': -0.01}, 'expected step_size to be a number from 0 up to 1, got -0.01'),
        ({'step_size': float('nan')}, 'expected step_size to be a number from 0 up to 1, got nan'),
        ({'step_size': None, 'strength': float('nan')}, 'expected strength to be a number above 0 up to 1, got nan'),
        ({'mask': np.ones((5, 6), np.float32)}, 'the mask is 6 x 5, the picture 40 x 40'),
        ({'norm': 'l2'}, "unknown norm 'l2'"),
        ({'jit': 'onn'}, "unknown jit 'onn'; did you mean on"),
        ({'layers': {'c': 1.0}}, "unknown layer 'c'; there are: a, b"),
        ({'layers': {'a': 0.0}}, 'every layer has weight 0'),
        ({'max_memory': 'lots'}, '4GB'),
    ],
)
def test_mistakes_are_refused_with_what_can_be(options, message, tiny):
    with pytest.raises(UserError, match=message):
        dreamt(tiny, photo(40, 40), **options)


@pytest.mark.parametrize(
    ('wrong', 'message'),
    [
        (np.full((40, 40, 3), np.nan), '4800 of 4800 values of the picture are NaN'),
        (255 * photo(40, 40), 'divide them by 255'),
        (2 * photo(40, 40) - 1, 'the values of the picture are from -0.*; expected floats in .0, 1.'),
        (np.moveaxis(photo(40, 40), -1, 0), r'np.moveaxis\(x, 0, -1\)'),
        ('none.png', "'none.png' does not exist"),
        (None, 'the picture is a NoneType; expected a picture: a path'),
    ],
)
def test_what_is_no_picture_is_refused(wrong, message, tiny):
    with pytest.raises(UserError, match=message):
        dreamt(tiny, wrong)
    with pytest.raises(UserError, match=message.replace('the picture', 'the guide')):
        dreamt(tiny, photo(40, 40), guides=[wrong])


@pytest.mark.parametrize('value', [-0.2, 1.5, np.nan])
def test_a_mask_with_values_outside_0_to_1_is_refused(value, tiny):
    mask = np.full((40, 40), 0.5, np.float32)
    mask[3, 4] = value
    with pytest.raises(UserError, match='values of the mask are'):
        dreamt(tiny, photo(40, 40), mask=mask)
    with pytest.raises(UserError, match='values of the region are'):
        dreamt(tiny, photo(40, 40), regions=[(mask, {'a': 1.0})])


def test_every_form_of_a_picture_gives_the_same_dream(tiny, tmp_path):
    from PIL import Image

    from stylegen.images import from_uint8
    from stylegen.utils.backend import tf

    data = np.rint(255 * photo(24, 32)).astype(np.uint8)
    on = np.arange(32) % 2 * np.ones((24, 1), bool)
    Image.fromarray(data).save(tmp_path / 'a.png')
    Image.fromarray(np.uint8(255 * on)).save(tmp_path / 'on.png')
    plain = {'layers': {'a': 1.0}, 'guide_layers': {'b': 1.0}, 'steps': 1, 'octaves': 1}
    floats = from_uint8(data)
    expected = dreamt(tiny, floats, guides=[floats], mask=on.astype(np.float32), **plain)
    for image, guides, mask, layers in (
        (str(tmp_path / 'a.png'), tmp_path / 'a.png', tmp_path / 'on.png', 'a'),
        (Image.open(tmp_path / 'a.png'), [Image.open(tmp_path / 'a.png')], Image.open(tmp_path / 'on.png'), ['a']),
        (data[None], data, on, 'a:1'),
        (tf.constant(floats), [floats[None]], on[..., None].astype(np.int64), [('a', 1)]),
    ):
        made = dreamt(tiny, image, guides=guides, mask=mask, **{**plain, 'layers': layers})
        assert np.array_equal(made, expected)
    assert np.array_equal(expected[:, ::2], floats[:, ::2]) and not np.array_equal(expected, floats)


def test_layers_of_another_form_are_refused_with_the_forms_that_can_be(tiny):
    for layers in (3, [3.5], {'a': 'much'}):
        with pytest.raises(UserError, match=r"expected layers as {'name': weight}, \['name', ...\] or 'name:weight"):
            dreamt(tiny, photo(40, 40), layers=layers)
    with pytest.raises(UserError, match='expected finite weights of layers, got a:nan'):
        dreamt(tiny, photo(40, 40), layers={'a': float('nan')})
    with pytest.raises(UserError, match='a is named twice in layers'):
        dreamt(tiny, photo(40, 40), layers=['a', 'a'])


@pytest.mark.filterwarnings('ignore:overflow encountered')
def test_an_overflow_names_the_layer_and_keeps_the_picture(tiny):
    image = photo(40, 40)
    with pytest.raises(NonFiniteLoss) as caught:
        dreamt(tiny, image, layers={'b': 1e39})
    assert caught.value.term == 'b' and caught.value.picture.shape == image.shape
    assert np.isfinite(caught.value.picture).all()


@pytest.mark.parametrize('shape', [(9, 40), (16, 17), (4, 300), (31, 31), (20, 1000)])
def test_small_and_long_pictures_dream_too(shape, tiny):
    image = photo(*shape)
    result = dreamt(tiny, image)
    assert result.shape == image.shape and np.abs(result - image).max() > 0.005


def test_activity_rises_steadily_with_the_defaults_of_the_embedded_network(monkeypatch):
    """Rolls, clipping and steps of one length make single steps fall; the ranks must still follow the steps."""
    monkeypatch.setattr(loop, 'SECONDS_PER_CALL', 0.0)  # tell of every step
    activity: dict[int, list] = {}

    def follow(step):
        activity.setdefault(step.octave, []).append(-sum(step.losses.values()))

    dream(photo(96, 128), network='mini', octaves=2, callback=follow)
    assert sorted(activity) == [0, 1]
    for values in activity.values():
        ranks = np.argsort(np.argsort(values))
        assert len(values) == 10 and values[-1] > values[0] and np.corrcoef(ranks, np.arange(len(values)))[0, 1] > 0.8


def test_xla_dreams_the_same(tiny, monkeypatch):
    """XLA's tiles are of one size, so that their seams lie elsewhere: the dreams are alike, not equal."""
    image = photo(60, 70)
    monkeypatch.setattr(dreamer, 'XLA_TILE', 128)
    plain, xla = (dreamt(type(tiny)(), image, jit=jit, octaves=1) - image for jit in ('off', 'on'))
    assert np.corrcoef(plain.ravel(), xla.ravel())[0, 1] > 0.98
    assert abs(np.abs(plain).mean() / np.abs(xla).mean() - 1) < 0.05


@pytest.mark.parametrize('precision', ['mixed_bfloat16', 'mixed_float16'])
def test_gradients_survive_lower_precision_at_any_size(monkeypatch, precision):
    """A mean over 500,000 pixels, of a small weight, gives each less than float16 can hold."""
    image = tf.constant(photo(640, 800)[None])

    def gradient(precision):
        extractor = networks.feature_extractor('mini', ('block1_conv1',), precision=precision)
        term = optimize.Term('x', 1.0, lambda f: 0.001 * tf.reduce_mean(f['block1_conv1'] ** 2))
        return optimize.Objective(extractor, (term,)).value_and_gradient(image)[1].numpy().ravel()

    exact, rough = gradient('float32'), gradient(precision)
    assert exact @ rough / np.linalg.norm(exact) / np.linalg.norm(rough) > 0.97
    if precision == 'mixed_float16':
        monkeypatch.setattr(loop, 'loss_scale', lambda image: 1.0)
        assert not gradient(precision).any(), 'without the scale nothing is left'


def test_an_extractor_dreams_of_its_own_layers():
    extractor = networks.feature_extractor('mini', ('block2_conv1',))
    image = photo(40, 40)
    named = dream(image, network='mini', layers={'block2_conv1': 1.0}, steps=2, precision='float32')
    assert np.array_equal(dream(image, network=extractor, steps=2), named)


def test_choices_are_those_of_the_modules_that_compute():
    choices = {name: about.choices for name, about in DreamSettings.abouts().items()}
    assert set(choices['norm']) == set(updates.NORMS) and choices['smoothing'] == SMOOTHINGS
    assert set(POOLINGS) == set(rebuild.POOLINGS)
    assert all(isinstance(use_xla(jit), bool) for jit in JIT)
    assert ('auto', *losses.DREAM_MEASURES) == choices['measure']


def rms(change):
    return float(np.sqrt(np.mean(np.square(change))))


@pytest.mark.parametrize('options', [{}, {'steps': 12}, {'octaves': 1}, {'layers': {'a': 1.0}}, {'norm': 'std'},
                                     {'smoothing': 'laplacian'}, {'layers': {'a': 1.0, 'b': 1.0}}])  # fmt: skip
@pytest.mark.parametrize('strength', [0.02, 0.1])
def test_strength_is_the_change_whatever_the_layers_steps_and_octaves(strength, options, tiny):
    image = photo(48, 60) * 0.5 + 0.25
    result = dreamt(tiny, image, step_size=None, strength=strength, **options)
    assert abs(rms(result - image) / strength - 1) < 0.05


@pytest.mark.parametrize('shape', [(40, 40), (90, 120)])
def test_strength_is_the_change_at_every_size_and_with_fixed_steps_it_is_not(shape, tiny):
    image = photo(*shape) * 0.5 + 0.25
    steered = [rms(dreamt(tiny, image, step_size=None, strength=0.05, steps=n) - image) for n in (3, 10)]
    fixed = [rms(dreamt(tiny, image, step_size=0.005, steps=n) - image) for n in (3, 10)]
    assert np.allclose(steered, 0.05, rtol=0.05)
    assert fixed[1] > 1.8 * fixed[0]  # the control


def test_a_picture_without_a_gradient_stays():
    class Silent:
        network, strides, channels = 'silent', {'a': 1}, {'a': 1}
        min_size, bytes_per_pixel = 4, 100.0

        def __call__(self, image):
            return {'input': image, 'a': image[..., :1] * 0}

    image = photo(40, 40)
    assert np.allclose(dream(image, network=Silent(), layers={'a': 1.0}, steps=3), image, atol=1e-5)


@pytest.mark.parametrize('smoothing_kind', SMOOTHINGS)
def test_smoothing_leaves_the_step_its_length(smoothing_kind, tiny):
    image = photo(64, 64) * 0.5 + 0.25
    change = dreamt(tiny, image, octaves=1, steps=1, step_size=0.01, smoothing=smoothing_kind) - image
    assert abs(np.abs(change).mean() / 0.01 - 1) < 1e-3


def test_variation_makes_the_dream_smoother(tiny):
    image = photo(48, 48)
    roughness = lambda x: np.abs(np.diff(x, axis=0)).mean()
    assert roughness(dreamt(tiny, image, variation=1.0)) < 0.9 * roughness(dreamt(tiny, image))


def test_matched_colours_have_the_mean_and_covariance_of_the_picture(tiny):
    image = photo(48, 60) * 0.4 + 0.3
    moments = lambda x: (x.mean((0, 1)), np.cov(x.reshape(-1, 3), rowvar=False))
    free, matched = (dreamt(tiny, image, color=color, step_size=0.01) for color in ('free', 'match'))
    assert np.allclose(moments(matched)[0], moments(image)[0], atol=1e-3)
    assert np.allclose(moments(matched)[1], moments(image)[1], atol=1e-3)
    assert not np.allclose(moments(free)[1], moments(image)[1], atol=1e-3)
    assert np.abs(matched - image).max() > 0.02


def edge_jump(image):
    """How much a picture jumps where its opposite edges meet, against everywhere else."""
    jumps = [np.abs(np.diff(image, axis=axis)).mean() for axis in (0, 1)]
    return max(np.abs(image[0] - image[-1]).mean() / jumps[0], np.abs(image[:, 0] - image[:, -1]).mean() / jumps[1])


def test_a_wrapped_dream_has_no_seams_where_it_repeats(tiny):
    image = images.seamless(np.random.default_rng(0).random((86, 86, 3), np.float32))[:64, :64]
    flat = np.full((64, 64, 3), 0.5, np.float32) + 0.05 * (image - 0.5)
    options = {'layers': {'b': 1.0}, 'octaves': 2, 'steps': 12, 'step_size': 0.01, 'jitter': 0}
    change = lambda **more: dream(flat, network=tiny, **options | more) - flat
    assert edge_jump(change(wrap=True)) < 1.3
    assert edge_jump(change(wrap=False)) > 1.5  # the control


def test_a_wrapped_gradient_moves_with_the_picture(tiny):
    """Rolled by any multiple of the stride, the dream of a tile is the rolled dream: it has no borders."""
    image = photo(32, 48)
    options = {'layers': {'b': 1.0}, 'octaves': 1, 'steps': 3, 'jitter': 0, 'step_size': 0.01}
    moved = lambda by, **more: (
        np.roll(dream(np.roll(image, by, (0, 1)), network=tiny, **options | more), (-by[0], -by[1]), (0, 1))
        - dream(image, network=tiny, **options | more)
    )
    for smoothing, most in {'none': 1e-4, 'laplacian': 0.01}.items():  # the pyramid's grid does not move along
        assert np.abs(moved((14, 30), wrap=True, smoothing=smoothing)).max() < most
        assert np.abs(moved((14, 30), wrap=False, smoothing=smoothing)).max() > 0.01


def test_wrapped_resizing_moves_with_the_picture():
    image = np.random.default_rng(0).random((40, 60, 3), np.float32)
    for size in ((20, 30), (80, 120), (20, 120)):
        shift = size[0] // 4, size[1] // 3
        rolled = images.resize(np.roll(image, (10, 20), (0, 1)), size, wrap=True)
        assert np.allclose(
            np.roll(rolled, (-shift[0], -shift[1]), (0, 1)), images.resize(image, size, wrap=True), atol=1e-5
        )


def test_a_seamless_picture_repeats_and_keeps_its_contrast():
    image = photo(80, 120)
    made = images.seamless(image)
    assert made.shape == (60, 90, 3) and edge_jump(made) < 2 < edge_jump(image)
    assert 0.8 < made.std() / image.std() < 1.2


def test_a_dreamer_is_compiled_once_for_all_its_pictures(tiny):
    opened = Dreamer(network=tiny, **FAST)
    pictures = [photo(40, 40, 1), photo(52, 37, 2), photo(40, 40, 1)]
    results = [opened(picture, seed=3) for picture in pictures]
    assert opened.network_note == 'tiny' and tiny.traces == 1
    assert np.array_equal(results[0], results[2])
    assert np.array_equal(results[1], dreamt(type(tiny)(), pictures[1], seed=3))
    with pytest.raises(TypeError, match='mask'):
        Dreamer(network=tiny, mask=None)


def test_a_dreamer_by_its_former_name_comes_with_its_note(tiny):
    former, note = open_dreamer(network=tiny, **FAST)
    image = photo(40, 40)
    assert note == 'tiny' and np.array_equal(former(image), dreamt(tiny, image))
