"""Update rules against NumPy and SciPy, and the compiled loop: one trace, any cadence, NaN, XLA, determinism."""

import numpy as np
import pytest
import scipy.optimize

from stylegen.losses import dream_loss
from stylegen.optimize import NonFiniteLoss, Objective, Step, Term, loop, optimize_image, updates
from stylegen.utils.backend import keras, tf
from stylegen.utils.errors import UserError
from tests.conftest import photo

SHAPE = (1, 3, 4, 3)
RNG = np.random.default_rng(1)
CENTRE = RNG.normal(size=SHAPE).astype(np.float32)
SCALES = np.geomspace(1, 20, CENTRE.size).reshape(SHAPE).astype(np.float32)


def bowl(extra=0.0):
    """An objective with a known minimum, CENTRE: 1/2 sum scale (x - centre)^2, plus `extra` of a quartic."""

    def loss(features):
        gap = features['input'] - CENTRE
        return 0.5 * tf.reduce_sum(SCALES * gap**2) + extra * tf.reduce_sum(gap**4)

    return Objective(lambda image: {'input': image}, (Term('bowl', 1.0, loss),))


def run(update, steps, objective=None, start=None, **options):
    start = np.zeros(SHAPE, np.float32) if start is None else start
    return optimize_image(start, objective or bowl(), update, steps, bounds=None, **options).numpy()


def test_adam_matches_numpy():
    x, m, v = np.zeros(SHAPE), 0.0, 0.0
    for t in range(1, 8):
        g = SCALES * (x - CENTRE)
        m, v = 0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g**2
        x = x - 0.02 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.99**t)) + 1e-8)
    assert np.allclose(run(updates.adam(0.02), 7), x, atol=1e-6)


@pytest.mark.parametrize(('terms', 'told'), [([], 'none'), ([('a', 0.0)], 'none'), ([('a', 1.0), ('a', 2.0)], 'a, a')])
def test_terms_without_a_weight_or_with_one_name_are_refused(terms, told):
    (term,) = bowl().terms
    objective = Objective(bowl().extractor, tuple(Term(name, weight, term.loss) for name, weight in terms))
    with pytest.raises(UserError, match=f'a name of its own; got {told}'):
        run(updates.adam(0.02), 1, objective)


def test_epsilon_hat_is_the_epsilon_of_keras():
    rates = {'learning_rate': 0.02, 'beta_1': 0.99, 'beta_2': 0.999, 'epsilon': 0.1}
    optimizer, x = keras.optimizers.Adam(**rates), keras.Variable(np.zeros(SHAPE, np.float32))
    for _ in range(7):
        optimizer.apply([SCALES * (x.numpy() - CENTRE)], [x])
    assert np.allclose(run(updates.adam(**rates, epsilon_hat=True), 7), x.numpy(), atol=1e-6)
    assert not np.allclose(run(updates.adam(**rates), 7), x.numpy(), atol=1e-3)  # the control


def numpy_lbfgs(steps, history):
    """The textbook recursion in float64, without line search."""
    x, pairs = np.zeros(CENTRE.size), []
    gradient = lambda x: SCALES.ravel() * (x - CENTRE.ravel())
    g = gradient(x)
    for k in range(steps):
        q, alphas = g.copy(), []
        for s, y in reversed(pairs):
            alphas.append(s @ q / (y @ s))
            q -= alphas[-1] * y
        if pairs:
            q *= pairs[-1][0] @ pairs[-1][1] / (pairs[-1][1] @ pairs[-1][1])
        for (s, y), alpha in zip(pairs, reversed(alphas), strict=True):
            q += (alpha - y @ q / (y @ s)) * s
        moved = x - (min(1, 1 / np.abs(g).sum()) if k == 0 else 1) * q
        s, y = moved - x, gradient(moved) - g
        x, g = moved, g + y
        if s @ y > 1e-10:
            pairs = [*pairs, (s, y)][-history:]
    return x.reshape(SHAPE)


@pytest.mark.parametrize('history', [3, 10])
def test_lbfgs_matches_the_textbook_recursion(history):
    assert np.allclose(run(updates.lbfgs(history), 6), numpy_lbfgs(6, history), atol=1e-3)


def test_lbfgs_finds_the_minimum_that_scipy_finds():
    objective = bowl(extra=0.3)

    def value_and_gradient(x):
        losses, gradient = objective.value_and_gradient(tf.constant(x.reshape(SHAPE), tf.float32))
        return float(losses['bowl']), gradient.numpy().ravel().astype(np.float64)

    start = np.full(SHAPE, 2.0, np.float32)
    scipys = scipy.optimize.minimize(value_and_gradient, start.ravel(), jac=True, method='L-BFGS-B')
    ours = run(updates.lbfgs(10, backtracking=10), 60, objective, start)
    assert np.allclose(ours.ravel(), scipys.x, atol=1e-2)
    assert objective(tf.constant(ours))['bowl'] <= scipys.fun + 1e-4


def test_lbfgs_leaves_out_pairs_without_curvature():
    """A concave objective gives y's < 0: every step is then the plain gradient's."""
    flipped = Objective(lambda image: {'input': image}, (Term('hill', -1.0, bowl().terms[0].loss),))
    update = updates.lbfgs(4)
    image = tf.constant(CENTRE + 0.1)
    state = update.start(image)
    for _ in range(3):
        losses, gradient = flipped.value_and_gradient(image)
        image, state = update.step(image, gradient, losses['hill'], state, None)
    assert not state[2].numpy().any()


def test_backtracking_lets_no_step_raise_the_loss():
    objective, values = bowl(extra=5.0), []
    options = {'objective': objective, 'start': np.full(SHAPE, 3.0, np.float32), 'steps_per_call': 1}
    run(updates.lbfgs(5, backtracking=20), 15, callback=lambda s: values.append(s.loss), **options)
    assert len(values) == 15 and all(b <= a + 1e-4 * abs(a) for a, b in zip(values, values[1:], strict=False))


@pytest.mark.parametrize('norm, measure', [('mean_abs', lambda d: np.abs(d).mean()), ('std', np.std)])
def test_a_normalized_step_has_the_length_asked_for(norm, measure, tiny):
    image = photo(24, 32)[None]
    objective = Objective(tiny, (Term('b', 1.0, dream_loss('b')),))
    moved = optimize_image(image, objective, updates.normalized_step(0.004, norm), 1).numpy()
    assert np.isclose(measure(moved - image), 0.004, rtol=1e-4)


@pytest.mark.parametrize('factor', [1e-12, 1e-6, 1e6, 1e12])
def test_a_dream_does_not_depend_on_the_unit_of_its_loss(factor, tiny):
    image = photo(24, 32)[None]

    def dreamt(weight):
        objective = Objective(tiny, (Term('b', weight, dream_loss('b')),))
        return optimize_image(image, objective, updates.normalized_step(0.01), 3).numpy()

    assert np.allclose(dreamt(factor), dreamt(1.0), atol=2e-5)


def test_a_zero_gradient_changes_nothing():
    image = photo(8, 8)[None]
    objective = Objective(lambda x: {'input': x}, (Term('flat', 1.0, lambda f: tf.reduce_sum(f['input'] * 0)),))
    assert np.array_equal(optimize_image(image, objective, updates.normalized_step(0.1), 2), image)


def test_each_small_step_raises_the_activity(tiny):
    values = []
    objective = Objective(tiny, (Term('b', 1.0, dream_loss('b')),))
    optimize_image(photo(24, 32)[None], objective, updates.normalized_step(0.001), 12,
                   lambda step: values.append(-step.loss), steps_per_call=1)  # fmt: skip
    assert len(values) == 12 and all(b > a for a, b in zip(values, values[1:], strict=False))


@pytest.mark.parametrize('update', [updates.adam(0.02), updates.lbfgs(4), updates.normalized_step(0.01)])
def test_steps_per_call_do_not_matter_and_callbacks_tell_the_step(update):
    records: list[Step] = []
    one = run(update, 7, steps_per_call=1)
    three = run(update, 7, callback=records.append, steps_per_call=3)
    assert np.array_equal(one, three)
    assert [record.step for record in records] == [3, 6, 7]
    assert records[-1].steps == 7 and set(records[-1].losses) == {'bowl'}
    assert np.array_equal(records[-1].image, three)
    assert np.array_equal(run(update, 7), three)


def test_a_run_that_goes_on_calls_back_at_the_same_steps():
    told = []
    run(updates.adam(0.02), 11, first=5, callback=lambda step: told.append(step.step), steps_per_call=3)
    assert told == [6, 9, 11]


@pytest.mark.parametrize('seed', [2**31, 2**40 + 3])
def test_a_seed_may_be_of_any_length(seed):
    """What an objective draws from is one of 2**31."""

    class Drawing(Objective):
        def value_and_gradient(self, image, key=None):
            return {'bowl': tf.cast(key[0], tf.float32)}, tf.zeros_like(image)

    told = []
    objective = Drawing(lambda x: {'input': x}, bowl().terms)
    run(updates.adam(0.02), 1, objective, callback=lambda step: told.append(step.loss), seed=seed)
    assert told == [seed % 2**31]


@pytest.mark.parametrize('update', [updates.adam(0.02), updates.lbfgs(4), updates.normalized_step(0.01)])
def test_one_trace_serves_every_size(update, tiny):
    objective = Objective(tiny, (Term('b', 1.0, dream_loss('b')),))
    for height, width in [(16, 20), (23, 31), (40, 16)]:
        optimize_image(photo(height, width)[None], objective, update, 2)
    assert tiny.traces == 1


def test_xla_agrees_with_the_plain_graph(tiny):
    image = photo(24, 32)[None]
    for update in (updates.adam(0.01), updates.lbfgs(3), updates.normalized_step(0.01)):
        objective = Objective(tiny, (Term('b', 1.0, dream_loss('b')),))
        plain, xla = (optimize_image(image, objective, update, 4, jit=jit).numpy() for jit in ('off', 'on'))
        assert np.abs(plain - image).max() > 1e-3
        assert np.allclose(plain, xla, atol=1e-4)


def test_a_term_that_is_not_finite_stops_the_run_and_keeps_the_last_good_image():
    def blows_up(features):
        return tf.where(tf.reduce_mean(features['input']) > 0.55, np.nan, 1.0) - tf.reduce_mean(features['input'])

    objective = Objective(lambda x: {'input': x}, (Term('fine', 1.0, lambda f: -tf.reduce_mean(f['input'])),
                                                   Term('bad', 1.0, blows_up)))  # fmt: skip
    with pytest.raises(NonFiniteLoss) as caught:
        optimize_image(np.full((1, 8, 8, 3), 0.5, np.float32), objective, updates.normalized_step(0.02), 50)
    assert (caught.value.term, caught.value.step) == ('bad', 3)
    assert np.allclose(caught.value.image, 0.54, atol=1e-6)  # at 0.56 the loss is NaN
    assert 'bad is not finite at step 3' in str(caught.value)


def test_an_update_that_overflows_keeps_the_image_it_started_from():
    with pytest.raises(NonFiniteLoss, match='the step is not finite at step 0') as caught:
        run(updates.adam(3e38), 3, start=np.full(SHAPE, 0.5, np.float32) * 1e3)
    assert np.array_equal(caught.value.image, np.full(SHAPE, 500.0))


def test_backtracking_walks_away_from_nan():
    def loss(features):
        x = features['input']
        return tf.reduce_sum(tf.where(x > 1.2, np.nan, -x))

    objective = Objective(lambda x: {'input': x}, (Term('cliff', 1.0, loss),))
    result = run(updates.lbfgs(3, learning_rate=30.0, backtracking=12), 4, objective, np.ones(SHAPE, np.float32))
    assert np.isfinite(result).all() and result.mean() > 1.0


def test_the_image_stays_within_its_bounds():
    image = optimize_image(np.full(SHAPE, 0.5, np.float32), bowl(), updates.adam(0.2), 30).numpy()
    assert image.min() >= 0 and image.max() <= 1 and (image == 0).any()


def test_an_image_is_taken_in_every_form_and_what_is_none_is_told(tmp_path):
    from PIL import Image

    data = np.rint(255 * photo(6, 7)).astype(np.uint8)
    Image.fromarray(data).save(tmp_path / 'a.png')
    move = lambda image: optimize_image(image, brighter, updates.adam(0.01), 1).numpy()
    brighter = Objective(lambda x: {'input': x}, (Term('dark', 1.0, lambda f: -tf.reduce_mean(f['input'])),))
    expected = move(data[None] / np.float32(255))
    assert expected.shape == (1, 6, 7, 3) and 0 < (expected - data / 255).min() < 0.011
    for form in (data, tmp_path / 'a.png', Image.fromarray(data), tf.constant(data), data / 255):
        assert np.array_equal(move(form), expected)
    np.testing.assert_allclose(move(np.stack([data, data]))[1], expected[0], atol=1e-6)
    for wrong, told in ((255 * photo(6, 7), 'divide them by 255'), (np.full((6, 7, 3), np.nan), 'NaN')):
        for image in (wrong, tf.constant(wrong)):
            with pytest.raises(UserError, match=told):
                move(image)


def scipys(value_and_gradient, start, steps):
    """Where SciPy's L-BFGS-B comes in so many steps, and the value there."""
    options = {'maxcor': 10, 'maxiter': steps, 'ftol': 0, 'gtol': 0}
    found = scipy.optimize.minimize(value_and_gradient, start, jac=True, method='L-BFGS-B', options=options)
    return found.x, found.fun


def objective_of(value, shape):
    """An objective on the pixels alone, and the same as a function of a float64 vector."""
    objective = Objective(lambda image: {'input': image}, (Term('value', 1.0, lambda f: value(f['input'])),))

    def value_and_gradient(x):
        losses, gradient = objective.value_and_gradient(tf.constant(x.reshape(shape), tf.float64))
        return float(losses['value']), gradient.numpy().ravel()

    return objective, value_and_gradient


def test_lbfgs_meets_scipy_on_a_quadratic_of_sixty_unknowns():
    rng = np.random.default_rng(2)
    turn, centre = np.linalg.qr(rng.normal(size=(60, 60)))[0], rng.normal(size=60)
    matrix = turn * np.geomspace(1, 100, 60) @ turn.T

    def value(image):
        gap = tf.reshape(image, [-1]) - tf.cast(centre, image.dtype)
        return 0.5 * tf.tensordot(gap, tf.linalg.matvec(tf.cast(matrix, image.dtype), gap), 1)

    shape, start = (1, 4, 5, 3), np.zeros(60)
    objective, value_and_gradient = objective_of(value, shape)
    for steps in (20, 60):
        ours = run(updates.lbfgs(10, backtracking=10), steps, objective, np.zeros(shape, np.float32)).ravel()
        theirs, lowest = scipys(value_and_gradient, start, steps)
        assert value_and_gradient(ours)[0] < 3 * lowest + 1e-5
    assert np.allclose(ours, centre, atol=2e-3) and np.allclose(theirs, centre, atol=2e-3)


def test_lbfgs_finds_the_end_of_rosenbrocks_valley_as_scipy_does():
    def value(image):
        x = tf.reshape(image, [-1])
        return tf.reduce_sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

    shape, start = (1, 1, 2, 3), np.float32([-1.2, 1, -1.2, 1, -1.2, 1])
    objective, value_and_gradient = objective_of(value, shape)
    ours = run(updates.lbfgs(10, backtracking=20), 90, objective, start.reshape(shape))
    theirs, _ = scipys(value_and_gradient, start.astype(np.float64), 90)
    assert np.allclose(theirs, 1, atol=1e-3) and np.allclose(ours.ravel(), theirs, atol=1e-2)


def test_the_unit_of_the_loss_does_not_change_the_way_of_lbfgs():
    """Where the first step is 1 / |g|_1 for both."""
    ways = []
    for factor in (1.0, 2.0):
        scaled = Objective(lambda image: {'input': image}, (Term('bowl', factor, bowl().terms[0].loss),))
        ways.append(run(updates.lbfgs(5), 10, scaled, np.full(SHAPE, 3.0, np.float32)))
    assert np.allclose(*ways, atol=1e-4)


def test_gradient_descent_takes_plain_steps_that_shrink():
    x, rate = np.zeros(SHAPE), 0.02
    for t in range(6):
        x = x - rate * 0.9**t * SCALES * (x - CENTRE)
    assert np.allclose(run(updates.gradient_descent(rate, decay=0.9), 6), x, atol=1e-6)


def states(update, steps, start=None):
    """The image before each step, and the image and state after the last."""
    seen, start = [], np.zeros(SHAPE, np.float32) if start is None else start
    run(
        update,
        steps,
        start=start,
        callback=lambda step: seen.append((step.image.numpy(), step.state)),
        steps_per_call=1,
    )
    return [start, *(image for image, _ in seen)][:-1], *seen[-1]


@pytest.mark.parametrize('steps', [1, 2, 9])
def test_the_average_of_adam_is_without_bias_to_its_beginning(steps):
    update = updates.adam(0.05, average=0.8)
    before, image, state = states(update, steps)
    weights = 0.8 ** np.arange(steps + 1)[::-1]  # the first and the last image have theirs
    expected = np.tensordot(weights / weights.sum(), [*before, image], 1)
    assert np.allclose(update.result(tf.constant(image), state), expected, atol=1e-6)
    assert np.array_equal(image, run(updates.adam(0.05), steps))  # the way itself is the same
    assert np.array_equal(updates.adam(0.05).result(image, state), image)


def test_adam_carries_its_moments_to_another_size_and_begins_its_average_anew():
    update = updates.adam(0.05, average=0.8)
    _, image, (mean, square, count, *_) = states(update, 4)
    larger = lambda x: tf.repeat(tf.repeat(x, 2, 1), 2, 2) - 0.01
    picture = larger(tf.constant(image))
    mean2, square2, count2, averaged, weight = update.resized_state(states(update, 4)[2], picture, larger)
    assert np.array_equal(mean2, larger(mean)) and count2 == count == 4
    assert np.array_equal(square2, np.maximum(larger(square), 0)) and (square2.numpy() == 0).any()
    assert averaged.shape == picture.shape and not averaged.numpy().any() and weight == 0
    assert np.array_equal(update.result(picture, (mean2, square2, count2, averaged, weight)), picture)
    assert updates.lbfgs(3).resized_state((), picture, larger) is None


def test_the_best_image_is_kept_whatever_comes_after_it():
    loss_of = lambda x: float(bowl()(tf.constant(x))['bowl'])
    wild = updates.gradient_descent(0.11)  # too long for the steepest sides: it falls at first and then rises
    update = updates.keep_best(wild)
    before, image, state = states(update, 14, np.full(SHAPE, 2.0, np.float32))
    values = [loss_of(x) for x in before]
    lowest = int(np.argmin(values))
    assert 0 < lowest < 13
    assert np.array_equal(update.result(tf.constant(image), state), before[lowest])
    assert np.isclose(state[2], values[lowest], rtol=1e-6)
    assert np.array_equal(image, states(wild, 14, np.full(SHAPE, 2.0, np.float32))[1])
    fresh = update.start(tf.constant(image))
    assert np.array_equal(update.result(tf.constant(image), fresh), image)
    steps, best, none = update.resized_state(state, fresh[1], lambda x: x)  # to another size
    assert steps == state[0] == 14 and np.array_equal(best, image) and none == np.inf
    assert updates.keep_best(updates.lbfgs(3)).resized_state(((), best, none), image, lambda x: x) is None


def test_a_callback_that_answers_true_ends_the_run():
    told = []
    result = run(updates.adam(0.02), 50, callback=lambda s: told.append(s.step) or s.step >= 6, steps_per_call=3)
    assert told == [3, 6] and np.array_equal(result, run(updates.adam(0.02), 6))
    told.clear()
    run(updates.adam(0.02), 9, callback=lambda s: told.append(s.step), steps_per_call=3)  # None goes on
    assert told == [3, 6, 9]


@pytest.mark.parametrize('update', [updates.adam(0.02, average=0.9), updates.keep_best(updates.lbfgs(4))])
def test_a_run_goes_on_from_its_state_bit_for_bit(update):
    _, image, state = states(update, 5)
    whole_images, whole, whole_state = states(update, 9)
    told = []
    rest = run(update, 9, start=image, first=5, state=state, callback=told.append)
    assert np.array_equal(rest, whole) and len(whole_images) == 9
    last = told[-1].state
    assert np.array_equal(update.result(tf.constant(rest), last), update.result(tf.constant(whole), whole_state))


def counted(objective, monkeypatch):
    """How often the objective is traced, as a list that grows."""
    traces, original = [], type(objective).value_and_gradient
    monkeypatch.setattr(
        type(objective), 'value_and_gradient', lambda self, *args: traces.append(1) or original(self, *args)
    )
    return traces


@pytest.mark.parametrize('rule', [
    lambda: updates.adam(0.01), lambda: updates.keep_best(updates.lbfgs(3)), lambda: updates.normalized_step(0.1),
])  # fmt: skip
def test_the_same_rule_made_anew_is_not_compiled_again(rule, monkeypatch):
    objective = bowl()
    traces = counted(objective, monkeypatch)
    results = [run(rule(), 2, objective) for _ in range(4)]
    assert len(traces) == 1 == len(objective.compiled)
    assert all(np.array_equal(result, results[0]) for result in results)
    assert np.array_equal(run(rule(), 2, bowl()), results[0])


def test_other_numbers_bounds_batches_and_states_have_loops_of_their_own_and_few_are_kept(monkeypatch):
    objective = bowl()
    traces = counted(objective, monkeypatch)
    rates = [0.01, 0.02, 0.01]
    moved = [run(updates.adam(rate), 1, objective) for rate in rates]
    assert np.array_equal(moved[0], moved[2]) and np.allclose(moved[1], 2 * moved[0], rtol=1e-4)
    assert optimize_image(np.zeros(SHAPE), objective, updates.adam(0.02), 1, bounds=[0.25, 0.5]).numpy().min() == 0.25
    two = run(updates.adam(0.02), 1, objective, np.zeros((2, *SHAPE[1:]), np.float32))
    assert np.allclose(two, np.repeat(moved[1], 2, 0), atol=1e-6)
    rule = updates.gradient_descent(0.02)
    whole = [run(rule, 1, objective, state=state) for state in (0.0, np.float32([0.0]), None)]
    assert np.array_equal(whole[0], whole[1]) and np.array_equal(whole[0], whole[2])
    assert len(traces) == 6 == len(objective.compiled)
    monkeypatch.setattr(loop, 'MOST_LOOPS', 2)
    for rate in (1, 2, 3):
        run(updates.adam(rate), 1, objective)
    assert len(objective.compiled) == 2
    assert np.array_equal(run(updates.adam(0.01), 1, objective), moved[0])


class Distance:
    """A loss that keeps its target as a person's own class would."""

    def __init__(self, target):
        self.target = target

    def __call__(self, features):
        return tf.reduce_sum((features['input'] - self.target) ** 2)


@pytest.mark.parametrize('kind', ['array', 'variable', 'attribute'])
def test_a_target_that_was_changed_is_the_one_that_counts(kind):
    target = tf.Variable(CENTRE) if kind == 'variable' else CENTRE.copy()
    loss = Distance(target)
    objective = Objective(lambda image: {'input': image}, (Term('near', 1.0, loss),))
    towards = lambda: np.sign(run(updates.adam(0.01), 1, objective))
    assert np.array_equal(towards(), np.sign(CENTRE))
    if kind == 'variable':
        target.assign(-CENTRE)
    elif kind == 'array':
        target *= -1
    else:
        loss.target = -CENTRE
    assert np.array_equal(towards(), np.sign(-CENTRE))
    assert len(objective.compiled) == 1
