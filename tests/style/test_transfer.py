"""Style transfer as a function: what must be exact, what must agree, what must be better, what is refused."""

import functools

import numpy as np
import pytest

from stylegen import images
from stylegen.images.color import luminance
from stylegen.losses.statistics import STYLE_LOSSES
from stylegen.networks.extractor import FeatureExtractor
from stylegen.networks.graph import LayerInfo
from stylegen.optimize import NonFiniteLoss
from stylegen.style import Start, Stylizer, transfer
from stylegen.style.presets import TV_WEIGHT
from stylegen.style.run import Run
from stylegen.style.settings import LOSSES
from stylegen.utils.backend import keras, tf
from stylegen.utils.errors import UserError
from tests.conftest import photo, slow
from tests.extractors import noise, small_vgg

CONTENT = photo(40, 56)
STYLE = noise(48, 44, seed=3) ** 2
OTHER = noise(36, 60, seed=4, low=0.3)
LAYERS = {'style_layers': {'block1_conv1': 1.0, 'block3_conv1': 1.0}, 'content_layers': {'block2_conv2': 1.0}}
ONE_SIZE = {'smallest_size': 10**6, 'margin': 0}
PLAIN = {**ONE_SIZE, 'ema_decay': 0.0, 'tv_weight': 0.0}  # nothing but Adam, style and content
HALF = np.repeat(np.float32([[1, 0]]), 28, 1).repeat(40, 0)  # the left half


@functools.cache
def extractor():
    return small_vgg(('block1_conv1', 'block2_conv2', 'block3_conv1'))


@functools.cache
def targets(loss, regions, optimizer):
    """What is traced, for all tests together; `optimizer` because the last one's factors are looked at."""
    return Stylizer(network=extractor(), **LAYERS, loss=loss, regions=regions).targets


def stylizer(**settings):
    """A stylizer of the small network that is not traced again where another of these was."""
    made = Stylizer(network=extractor(), **LAYERS, **settings)
    vars(made)['targets'] = targets(made.settings.loss, made.regions, made.settings.optimizer)
    return made


def stylized(content=CONTENT, styles=STYLE, **settings):
    """A transfer with the small network, and the steps that were told."""
    of_it = {name: settings.pop(name) for name in ('regions', 'mask', 'init', 'seed', 'start') if name in settings}
    if isinstance(of_it.get('init'), str):
        settings['init'] = of_it.pop('init')
    settings['regions'] = len(of_it.get('regions', ()))
    per_call, steps = settings.pop('steps_per_call', 1), []
    styles = [(styles, 1.0)] if isinstance(styles, np.ndarray) else styles
    run = stylizer(**settings)
    return run(content, styles, callback=steps.append, steps_per_call=per_call, **of_it), steps


def total_of(picture, **settings):
    """The loss of a picture by what the last transfer with these settings aimed at."""
    objective = stylizer(**settings).targets.objective
    return float(tf.add_n(list(objective(tf.constant(picture[None])).values())))


def first_losses(**settings):
    """The relative losses that a transfer begins with."""
    _, (step,) = stylized(iterations=1, **{**PLAIN, **settings})
    return step.raw


@pytest.mark.parametrize('optimizer', ['adam', 'lbfgs', 'descent'])
def test_a_transfer_comes_nearer_to_the_style_and_tells_how(optimizer):
    rate = 1.0 if optimizer == 'descent' else 0.03
    picture, steps = stylized(optimizer=optimizer, learning_rate=rate, smallest_size=20, iterations=(6, 5), margin=4)
    assert picture.shape == CONTENT.shape and picture.dtype == np.float32
    assert picture.min() >= 0 and picture.max() <= 1
    assert [(step.stage, step.step) for step in steps] == [(0, n + 1) for n in range(6)] + [
        (stage, n + 1) for stage in (1, 2) for n in range(5)
    ]
    style = [sum(loss for name, loss in step.raw.items() if 'style' in name) for step in steps]
    assert style[5] < style[0] and style[-1] < style[-5]
    assert np.array_equal(steps[-1].result(), picture)
    work = [step.work / step.all_work for step in steps]
    assert work == sorted(work) and work[-1] == 1 and steps[0].result().shape == CONTENT.shape


def test_the_losses_by_name_are_those_of_the_statistics():
    assert {part for name in LOSSES for part in name.split('+')} == set(STYLE_LOSSES)


def test_the_content_begins_at_a_content_loss_of_exactly_0_without_a_gradient():
    raw = first_losses()
    assert raw['content block2_conv2'] == 0 and raw['style block3_conv1'] > 0.01
    for optimizer in ('adam', 'lbfgs'):  # nothing but the content's loss: it stays as it is, bit for bit
        picture, _ = stylized(strength=0.0, optimizer=optimizer, iterations=3, **PLAIN)
        assert np.array_equal(picture, CONTENT)


@pytest.mark.parametrize('loss', ['wasserstein', 'gram', 'covariance', 'gram+histogram'])
def test_a_picture_that_is_its_own_style_is_there_already(loss):
    raw = first_losses(loss=loss, styles=CONTENT, style_scale=1.0)
    assert all(abs(value) < (1e-6 if 'histogram' not in name else 1e-4) for name, value in raw.items())
    assert max(first_losses(loss=loss, style_scale=1.0).values()) > 0.01


def test_doubled_weights_double_the_loss_and_leave_the_way_of_lbfgs():
    def run(factor):
        weights = {'content_weight': 20 * factor, 'style_weight': 100 * factor, 'tv_weight': 50 * factor}
        return stylized(loss='gram', optimizer='lbfgs', iterations=8, **ONE_SIZE, **weights)

    (one, steps), (two, others) = run(1.0), run(2.0)
    ours, theirs = ([sum(step.losses.values()) for step in told] for told in (steps, others))
    assert np.allclose(2 * np.array(ours), theirs, rtol=1e-3)
    assert np.abs(one - two).max() < 1e-3 < np.abs(one - CONTENT).max()


def test_a_blend_with_a_share_of_0_is_the_single_style():
    single, _ = stylized(iterations=3, smallest_size=30)
    blend, _ = stylized(styles=[(STYLE, 0.7), (OTHER, 0.0)], iterations=3, smallest_size=30)
    assert np.array_equal(single, blend)
    other, _ = stylized(styles=OTHER, iterations=3, smallest_size=30)
    both, _ = stylized(styles=[(STYLE, 2.0), (OTHER, 2.0)], iterations=3, smallest_size=30)
    assert np.array_equal(both, stylized(styles=[(STYLE, 0.5), (OTHER, 0.5)], iterations=3, smallest_size=30)[0])
    assert min(np.abs(both - single).max(), np.abs(both - other).max()) > 0.01


@pytest.mark.parametrize('loss', ['wasserstein', slow('gram+histogram')])
def test_a_picture_too_large_for_the_memory_comes_out_the_same(loss):
    content = photo(63, 89)
    options = {'loss': loss, 'iterations': 3, 'smallest_size': 60}
    whole, _ = stylized(content, **options)
    plans = [stylizer(**options, max_memory=memory).plan(content.shape[:2]) for memory in (3.2e6, 2.6e6)]
    cores = [plan.stages[-1].core for plan in plans]
    assert cores[0] > cores[1] > 0
    for plan in plans:
        picture, _ = stylized(content, **options, max_memory=plan.allowed)
        assert np.abs(picture - whole).max() < 1e-3
    assert np.abs(whole - content).max() > 0.05


def test_more_steps_of_lbfgs_are_never_worse_and_twenty_beat_as_many_of_adam():
    options = {'loss': 'gram', 'content_weight': 0.3, 'style_weight': 1.0, **ONE_SIZE, 'tv_weight': 0.5}

    def reached(**settings):
        return total_of(stylized(**settings, **options)[0], **settings, **options)

    losses = [reached(optimizer='lbfgs', iterations=iterations) for iterations in (1, 3, 8, 20)]
    assert losses == sorted(losses, reverse=True) and losses[-1] < 0.5 * losses[0]
    for rate in (0.01, 0.03):
        assert losses[-1] < reached(optimizer='adam', iterations=20, ema_decay=0.0, learning_rate=rate)


@pytest.mark.parametrize('init', ['content', 'noise'])
def test_coarse_to_fine_comes_nearer_for_the_same_work(init):
    options = {
        'loss': 'gram',
        'content_weight': 0.3,
        'style_weight': 1.0,
        'tv_weight': 0.5,
        'ema_decay': 0.0,
        'margin': 0,
    }

    def reached(**settings):
        picture, steps = stylized(init=init, **settings, **options)
        return total_of(picture, **options), steps[-1].all_work

    single, work = reached(smallest_size=10**6, iterations=20)
    several, others_work = reached(smallest_size=20, iterations=(16, 10, 11))
    assert several <= single and others_work <= work


def test_noise_begins_farther_off_than_the_content():
    weights = {'content_weight': 0.3, 'style_weight': 1.0}
    ours, theirs = (
        sum(stylized(init=init, iterations=1, **weights, **PLAIN)[1][0].losses.values())
        for init in ('content', 'noise')
    )
    assert theirs > 1.2 * ours


def chroma(picture):
    return picture - luminance(picture)


@pytest.mark.parametrize('time', ['before', 'after'])
def test_luminance_keeps_the_chroma_of_every_pixel(time):
    picture, _ = stylized(color='luminance', color_time=time, iterations=4, **ONE_SIZE)
    fits = np.abs(luminance(picture) - 0.5) < 0.2
    assert fits.mean() > 0.5 and np.abs((chroma(picture) - chroma(CONTENT)) * fits).max() < 2e-6
    assert np.abs(luminance(picture) - luminance(CONTENT)).max() > 0.02
    assert np.abs(chroma(stylized(iterations=4, **ONE_SIZE)[0]) - chroma(CONTENT)).max() > 0.02  # the control


def test_a_style_without_colour_gives_a_picture_without_colour_but_where_other_colours_are_asked_for():
    grey = np.repeat(luminance(STYLE), 3, -1)
    kept = {n: np.abs(chroma(stylized(styles=grey, iterations=2, **ONE_SIZE, **of)[0])).max() for n, of in {
        'default': {}, 'weak': {'strength': 0.25}, 'none': {'strength': 0.0}, 'content': {'color': 'luminance'},
        'regions': {'regions': [(HALF, grey)]},
    }.items()}  # fmt: skip
    assert kept['default'] < 1e-5 < 0.05 < kept['weak'] < kept['none']
    assert kept['content'] > 0.05 and kept['regions'] > 0.05


def test_total_variation_is_by_network_and_what_is_given_wins():
    assert Stylizer(network='mini').settings.tv_weight == TV_WEIGHT['mini']
    assert Stylizer(network='small_vgg').settings.tv_weight == TV_WEIGHT['small_vgg'] < TV_WEIGHT['mini']
    assert Stylizer(network='small_vgg', tv_weight=0.0).settings.tv_weight == 0
    assert stylizer().settings.tv_weight == TV_WEIGHT['mini']  # of a network that is in no table


@pytest.mark.parametrize('time', ['before', 'after'])
@pytest.mark.parametrize('color', ['linear', 'histogram'])
def test_the_content_keeps_its_colours_as_a_whole(color, time):
    def colours(picture):
        return picture.reshape(-1, 3).mean(0), np.cov(picture.reshape(-1, 3), rowvar=False)

    style = np.float32([0.9, 0.5, 0.2]) * noise(48, 44, seed=3)  # an orange one
    with_it, _ = stylized(styles=style, color=color, color_time=time, iterations=8, **ONE_SIZE)
    without, _ = stylized(styles=style, iterations=8, **ONE_SIZE)
    (mean, spread), (wanted, wanted_spread) = colours(with_it), colours(CONTENT)
    assert np.abs(mean - wanted).max() < (0.005 if time == 'after' else 0.04)
    assert np.abs(colours(without)[0] - wanted).max() > 0.05
    if time == 'after':
        assert np.abs(spread - wanted_spread).max() < 0.1 * np.abs(wanted_spread).max()


def test_the_same_seed_gives_the_same_bytes_and_another_another_picture():
    pictures = [stylized(init='noise', seed=seed, iterations=3, smallest_size=30)[0] for seed in (1, 1, 2)]
    assert np.array_equal(pictures[0], pictures[1]) and np.abs(pictures[0] - pictures[2]).max() > 0.05
    settings = {'init': 'noise', 'iterations': 3, 'smallest_size': 30}
    fresh = transfer(CONTENT, STYLE, network=extractor(), **LAYERS, **settings, seed=1)
    assert np.array_equal(fresh, pictures[0])


def test_every_init_begins_where_it_says():
    names = 'noise', 'style', 'mean'
    begun = {init: stylized(init=init, iterations=1, strength=1.0, **PLAIN)[1][0].image for init in names}
    assert np.abs(begun['mean'] - np.float32([0.485, 0.458, 0.408])).max() < 0.04  # a step of Adam's may be 0.03
    assert np.abs(begun['noise'].mean() - 0.5) < 0.02 and np.abs(begun['noise'].std() - 0.1) < 0.03
    assert np.abs(begun['style'].mean((0, 1)) - STYLE.mean((0, 1))).max() < 0.06
    dark, light = np.float32(0.2) * STYLE, 1 - np.float32(0.2) * OTHER
    blend = [(dark, 3.0), (light, 1.0)]
    _, (step,) = stylized(styles=blend, init='style', iterations=1, strength=1.0, **PLAIN)
    wanted = (3 * dark.mean((0, 1)) + light.mean((0, 1))) / 4  # in their shares, whatever their sizes
    assert np.abs(step.image.mean((0, 1)) - wanted).max() < 0.1
    given, _ = stylized(init=photo(80, 112, 9), iterations=0, **PLAIN)
    assert np.array_equal(given, images.resize(photo(80, 112, 9), (40, 56)))
    assert np.array_equal(stylized(iterations=0, **PLAIN)[0], CONTENT)


@pytest.mark.parametrize('beside', [((0, 0), (30, 31)), ((16, 17), (0, 0))])
def test_an_init_of_another_aspect_is_cropped_and_not_squashed(beside):
    given = photo(40, 56, 9)
    begun, _ = stylized(init=np.pad(given, (*beside, (0, 0))), iterations=0, **PLAIN)
    assert np.array_equal(begun, given)


@pytest.mark.parametrize('optimizer', ['adam', 'lbfgs', 'descent'])
def test_a_resumed_run_ends_as_if_it_had_not_been_interrupted(optimizer):
    options = {'optimizer': optimizer, 'iterations': (5, 4), 'smallest_size': 30, 'size_ratio': 1.6, 'margin': 4}
    whole, steps = stylized(**options, steps_per_call=2)
    assert {(step.stage, step.step) for step in steps} == {(0, 2), (0, 4), (0, 5), (1, 2), (1, 4)}
    for step in steps:
        start = Start(step.stage, step.step, step.image.copy(), [np.asarray(x) for x in step.state])
        rest, later = stylized(**options, start=start)
        assert np.array_equal(rest, whole)
        assert len(later) == 9 - step.step - 5 * step.stage


def test_a_start_of_another_run_is_refused():
    _, (step,) = stylized(iterations=1, **ONE_SIZE)
    for stage, image in ((1, step.image), (-1, step.image), (0, step.image[1:])):
        start = Start(stage, step.step, image, step.state)
        with pytest.raises(UserError, match='start is of another run'):
            stylized(iterations=1, start=start, **ONE_SIZE)


def test_patience_does_not_depend_on_the_steps_of_a_call_nor_on_a_resume():
    options = {'iterations': 120, 'patience': 10, 'strength': 0.1, 'learning_rate': 0.1}
    options |= {'smallest_size': 30, 'size_ratio': 1.6}
    whole, steps = stylized(**options)
    by_tens, told = stylized(**options, steps_per_call=None)
    assert np.array_equal(by_tens, whole) and {step.step % 10 for step in told} == {0}
    assert {step.step % 10 for step in steps} == set(range(10))  # where --save_every may want it
    stopped = [max(step.step for step in steps if step.stage == stage) for stage in (0, 1)]
    assert max(stopped) < 120
    for step in steps[-3:] + [step for step in steps if step.stage == 0][-2:]:
        start = Start(step.stage, step.step, step.image, step.state)
        assert np.array_equal(stylized(**options, start=start, steps_per_call=None)[0], whole)


def test_a_mask_shows_the_result_where_it_is_1_and_the_content_where_it_is_0():
    mask = np.linspace(-0.5, 1.5, 56, dtype=np.float32).clip(0, 1)[None].repeat(40, 0)
    free, _ = stylized(iterations=2, smallest_size=30)
    masked, _ = stylized(iterations=2, smallest_size=30, mask=mask)
    assert np.array_equal(masked[mask == 0], CONTENT[mask == 0]) and np.array_equal(masked[mask == 1], free[mask == 1])
    assert np.allclose(masked, CONTENT + mask[..., None] * (free - CONTENT), atol=1e-6)
    assert np.array_equal(stylized(iterations=2, smallest_size=30, mask=np.ones_like(mask))[0], free)


def test_each_region_takes_its_own_style():
    red, blue = (np.float32(colour) * noise(40, 40, seed=6) for colour in ([1, 0.1, 0.1], [0.1, 0.1, 1]))
    options = {'iterations': 15, 'strength': 1.0, 'learning_rate': 0.1, **PLAIN}
    picture, _ = stylized(styles=red, regions=[(HALF, [(blue, 1.0)])], **options)
    change = picture - CONTENT
    warmer = change[..., 0] - change[..., 2]
    assert warmer[:, :24].mean() < -0.05 and warmer[:, 32:].mean() > 0.05


def test_a_region_without_a_style_stays_as_it_is():
    for styles, regions, far in ((STYLE, [(HALF, [])], np.s_[:, :8]), ([], [(HALF, [(STYLE, 1.0)])], np.s_[:, -8:])):
        picture, (step,) = stylized(styles=styles, regions=regions, iterations=1, **PLAIN)
        assert np.array_equal(picture[far], CONTENT[far]) and np.abs(picture - CONTENT).max() > 0.01
        assert sorted(loss == 0 for name, loss in step.losses.items() if 'style' in name) == [False] * 2 + [True] * 2


def test_one_style_everywhere_is_the_same_style_in_every_region():
    whole, _ = stylized(loss='gram', iterations=2, **PLAIN)
    picture, _ = stylized(loss='gram', regions=[(np.zeros_like(HALF), [(OTHER, 1.0)])], iterations=2, **PLAIN)
    assert np.abs(picture - whole).max() < 1e-3  # a region of no area asks for nothing


def test_a_stronger_style_is_nearer_to_the_style_and_farther_from_the_content():
    ends = [stylized(strength=strength, iterations=10, **PLAIN)[1][-1].raw for strength in (0.2, 0.5, 0.9)]
    style = [sum(raw[f'style {name}'] for name in LAYERS['style_layers']) for raw in ends]
    content = [raw['content block2_conv2'] for raw in ends]
    assert style == sorted(style, reverse=True) and content == sorted(content) and style[0] > 1.2 * style[2]


def test_other_pictures_and_sizes_are_not_traced_again(monkeypatch):
    calls, _ = [], extractor()  # which is made once for all tests, with convolutions as they are
    convolution = keras.layers.Conv2D
    original = convolution.call
    monkeypatch.setattr(convolution, 'call', lambda self, *a, **k: calls.append(1) or original(self, *a, **k))
    options = {'iterations': 2, 'smallest_size': 30, 'learning_rate': 0.0123}
    stylized(**options)
    traced = len(calls)
    picture, _ = stylized(photo(52, 33, 8), OTHER, **options)
    assert 0 < traced == len(calls) and picture.shape == (52, 33, 3)


def test_xla_compiles_for_the_sizes_that_have_most_of_the_work(monkeypatch):
    """1024 x 768 has seven sizes, and 76 % of the pixels times steps are in the last three."""
    from stylegen.optimize import loop

    jits = []

    def optimized(image, objective, update, steps, callback, *, jit, **options):
        jits.append(jit)
        return image

    monkeypatch.setattr(loop, 'optimize_image', optimized)
    monkeypatch.setattr(Run, '_set_targets', lambda self, content, stage: None)
    content = np.full((768, 1024, 3), 0.5, np.float32)
    made = Stylizer(network=extractor(), **LAYERS, jit='on', max_memory='64GB')
    made(content, [(STYLE, 1.0)])
    assert jits == ['off'] * 4 + ['on'] * 3
    jits.clear()
    stylized(jit='on', **ONE_SIZE)
    assert jits == ['on']


def test_a_style_is_never_enlarged_nor_too_small_for_the_network():
    def measured_size(picture, **settings):
        made = []
        run = stylizer(iterations=0, **PLAIN, **settings)
        original = run.targets.set_styles
        run.targets.set_styles = lambda region, styles: made.append(styles[0][0].shape[:2]) or original(region, styles)
        run(CONTENT, [(picture, 1.0)])
        run.targets.set_styles = original
        return made[-1]

    assert measured_size(noise(30, 40)) == (30, 40)
    assert measured_size(noise(300, 200)) == (73, 49)  # 1.3 times the content's longest side
    assert measured_size(noise(300, 200), style_scale=0.1) == (32, 21)  # at least 32
    assert measured_size(noise(300, 200), style_size=100) == (100, 67)
    assert measured_size(noise(8, 400), style_scale=0.5) == (4, 200)  # the network takes 4 pixels and more


def squeezing():
    """A network with a layer that looks at the whole picture."""
    image = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(6, 3, padding='same', activation='relu', name='early')(image)
    gate = keras.layers.Conv2D(6, 1, activation='sigmoid')(keras.layers.GlobalAveragePooling2D(keepdims=True)(x))
    x = keras.layers.Multiply(name='late')([x, gate])
    infos = [LayerInfo('late', 1, 6)]
    return FeatureExtractor(image, {'late': x, 'input': image}, network='squeezing', infos=infos, source=None)


def test_a_network_that_looks_at_the_whole_picture_works_uncut_only():
    settings = {'network': squeezing(), 'style_layers': {'late': 1.0}, 'content_layers': {'late': 1.0}, **ONE_SIZE}
    assert transfer(CONTENT, STYLE, iterations=1, **settings).shape == CONTENT.shape
    with pytest.raises(UserError, match='cannot work by windows'):
        transfer(CONTENT, STYLE, iterations=1, max_memory=1e6, **settings)


def flat(value, shape=(40, 56)):
    return np.full((*shape, 3), value, np.float32)


@pytest.mark.parametrize('loss', LOSSES)
def test_pictures_of_one_colour_are_painted_and_painted_with(loss):
    """White, grey and black, as content, as style, as both, and as what lies in a region: never NaN, nor an error."""
    pairs = [(flat(1.0), STYLE), (flat(77 / 255), STYLE), (CONTENT, flat(77 / 255)), (flat(0.0), flat(1.0))]
    for content, style in pairs:
        picture, _ = stylized(content, style, loss=loss, iterations=2, **ONE_SIZE)
        assert np.isfinite(picture).all() and not np.array_equal(picture, content)
    sky = CONTENT.copy()
    sky[:, :28] = 1.0
    for styles in (STYLE, flat(1.0)):
        picture, _ = stylized(sky, OTHER, regions=[(HALF, [(styles, 1.0)])], loss=loss, iterations=2, **ONE_SIZE)
        assert np.isfinite(picture).all()


@pytest.mark.parametrize('optimizer', ['adam', 'lbfgs', 'descent'])
@pytest.mark.parametrize('color', ['style', 'luminance', 'linear', 'histogram'])
def test_pictures_of_one_colour_go_with_every_optimiser_and_way_of_colour(optimizer, color):
    for content, style in ((flat(1.0), STYLE), (CONTENT, flat(0.3)), (flat(0.3), flat(0.0))):
        for time in ('before', 'after'):
            settings = {'optimizer': optimizer, 'color': color, 'color_time': time, 'iterations': 2}
            assert np.isfinite(stylized(content, style, **settings, **ONE_SIZE)[0]).all()


def test_pictures_of_one_colour_come_to_the_same_by_windows():
    for content, style in ((flat(1.0, (90, 120)), STYLE), (photo(90, 120), flat(77 / 255, (64, 64)))):
        whole, _ = stylized(content, style, iterations=2, **PLAIN)
        cut, _ = stylized(content, style, iterations=2, max_memory=3.5e6, **PLAIN)
        assert np.abs(whole - cut).max() < 2e-3


def test_a_loss_that_overflows_is_an_error_with_the_last_good_picture():
    with pytest.raises(NonFiniteLoss, match='is not finite at step 0') as error:
        stylized(style_weight=3e38, iterations=3, **ONE_SIZE)
    assert np.array_equal(error.value.picture, CONTENT)


def test_numbers_and_layers_that_cannot_be_are_refused():
    for settings, message in (
        ({'loss': 'gramm'}, "did you mean 'gram'|gram"),
        ({'optimizer': 'sgd'}, 'adam'),
        ({'color': 'chroma'}, 'luminance'),
        ({'init': 'noize'}, 'noise'),
        ({'tv_form': 'cubic'}, 'square'),
        ({'like': 'gatis'}, 'gatys'),
        ({'like': 'gatys', 'loss': 'covariance'}, 'its own loss, gram; leave out loss'),
        ({'like': 'gatys', 'loss': 'wasserstein'}, 'its own loss, gram; leave out loss'),
        ({'like': 'keras', 'tv_form': 'absolute'}, 'its own tv_form, power'),
        ({'style_layers': {'block1_conv1': -1.0, 'block3_conv1': 2.0}}, 'weights of style_layers from 0'),
        ({'style_layers': {'block1_conv1': 0.0}}, 'weights of style_layers from 0'),
        ({'content_layers': {'block2_conv2': 0.0}}, 'weights of content_layers from 0'),
        ({'content_layers': {'block2_conv2': float('nan')}}, 'finite weights of content_layers'),
        ({'strength': 2.0}, 'strength to be a number from 0 up to 1'),
        ({'strength': float('nan')}, 'strength to be a number from 0 up to 1'),
        ({'tv_weight': -1.0}, 'tv_weight to be a number from 0'),
        ({'learning_rate': float('nan')}, 'learning_rate to be a number from 0'),
        ({'ema_decay': 1.0}, 'ema_decay to be a number from 0 to below 1'),
        ({'margin': -2}, 'margin to be a whole number from 0'),
        ({'patience': 0}, 'patience to be a whole number from 1'),
        ({'style_scale': 0.0}, 'style_scale to be a number above 0'),
        ({'style_layers': {'block9_conv1': 1.0}}, 'block3_conv1'),
        ({'content_layers': {'block1_conv2': 1.0}}, 'block1_conv1'),
        ({'style_layers': None}, 'no layers chosen for small'),
        ({'size_ratio': 1.0}, 'size_ratio to be a number above 1'),
        ({'smallest_size': 0}, 'smallest_size to be a whole number from 1'),
        ({'iterations': (5, -1)}, 'iterations to be N or N,N,... with whole numbers from 0'),
        ({'iterations': ()}, 'iterations to be N or N,N,...'),
        ({'iterations': 2.5}, 'iterations to be N or N,N,...'),
        ({'max_memory': 'much'}, 'size of memory'),
        ({'max_memory': 1e5}, 'raise --max_memory'),
    ):
        with pytest.raises(UserError, match=message):
            transfer(CONTENT, STYLE, network=extractor(), **{**LAYERS, **settings})
    with pytest.raises(TypeError, match="unexpected keyword argument 'strenght'"):
        Stylizer(strenght=1)


def test_pictures_and_masks_that_cannot_be_are_refused():
    half = HALF / 2
    for content, styles, options, message in (
        (photo(8, 8)[:1, :1], STYLE, {}, '1 x 1; it needs at least'),
        (CONTENT, STYLE[:3], {}, 'style 1 is 44 x 3, it needs 4 pixels'),
        (CONTENT * np.nan, STYLE, {}, 'values of the content are NaN'),
        (255 * CONTENT, STYLE, {}, 'the values of the content .* divide them by 255'),
        (CONTENT, 255 * STYLE, {}, 'the values of the style .* divide them by 255'),
        (CONTENT, np.concatenate([STYLE, STYLE], -1), {}, r'the shape of the style is \(.*, 6\)'),
        (CONTENT, [3], {}, r'the shape of the style is \(\)'),
        (CONTENT, None, {}, 'the style is a NoneType; expected a picture'),
        (CONTENT, [(STYLE, 1.0), 'none.jpg'], {}, "'none.jpg' does not exist"),
        (CONTENT, {'none.jpg': 'much'}, {}, "the share of a style is a number; got 'much'"),
        (CONTENT, STYLE, {'init': CONTENT * np.nan}, 'values of the init are NaN'),
        (CONTENT, [], {}, 'at least one style'),
        (CONTENT, [(STYLE, 0.0)], {}, 'shares of styles'),
        (CONTENT, [(STYLE, 2.0), (OTHER, -1.0)], {}, 'shares of styles'),
        (CONTENT, [(STYLE, float('nan'))], {}, 'shares of styles'),
        (CONTENT, [(STYLE, 1.0), (OTHER, float('inf'))], {}, 'shares of styles'),
        (CONTENT, STYLE, {'mask': 3 * half}, 'values of the mask are from 0 to 1.5'),
        (CONTENT, STYLE, {'mask': half - 1}, 'values of the mask are from -1'),
        (CONTENT, STYLE, {'mask': half * np.nan}, 'values of the mask are NaN'),
        (CONTENT, STYLE, {'mask': half[:9]}, 'the mask is 56 x 9, the picture 56 x 40: of another shape'),
        (CONTENT, STYLE, {'regions': [(half[:, :5], [(OTHER, 1.0)])]}, 'the mask of a region is'),
    ):
        with pytest.raises(UserError, match=message):
            stylized(content, styles, iterations=1, **ONE_SIZE, **options)


@pytest.mark.slow
def test_a_transfer_is_the_same_of_whatever_form_pictures_have(tmp_path):
    from PIL import Image

    content, style, other = (images.to_uint8(picture) for picture in (CONTENT, STYLE, OTHER))
    on = np.asarray(HALF > 0)
    for name, picture in (('content', content), ('style', style), ('other', other), ('on', np.uint8(255 * on))):
        Image.fromarray(picture).save(tmp_path / f'{name}.png')
    settings = {'network': extractor(), 'iterations': 1, **ONE_SIZE}
    floats = [images.from_uint8(picture) for picture in (content, style, other)]
    mixed = transfer(floats[0], [(floats[1], 1.0), (floats[2], 1.0)], mask=on.astype(np.float32), **LAYERS, **settings)
    path = lambda name: tmp_path / f'{name}.png'
    for picture, styles, mask in (
        (path('content'), [path('style'), str(path('other'))], path('on')),
        (Image.open(path('content')), [Image.open(path('style')), (other, 1)], on),
        (content[None], {str(path('style')): 1, path('other'): 1.0}, on[..., None]),
    ):
        made = transfer(picture, styles, mask=mask, **settings, **LAYERS)
        assert np.array_equal(made, mixed)
    listed = {name: list(layers) for name, layers in LAYERS.items()}
    one = transfer(floats[0], floats[1], init=floats[2], **settings, **LAYERS)
    for styles, init in (
        (path('style'), path('other')),
        (Image.open(path('style')), str(path('other'))),
        ((style, 0.5), other),
    ):
        assert np.array_equal(transfer(content, styles, init=init, **settings, **listed), one)
