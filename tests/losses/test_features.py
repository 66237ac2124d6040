"""Every loss against NumPy, and its gradient against finite differences in float64."""

import numpy as np
import pytest

from stylegen import losses
from stylegen.losses.statistics import diversity_loss, gram_loss
from stylegen.optimize import Objective, Term
from stylegen.utils.backend import tf

RNG = np.random.default_rng(0)
A = RNG.normal(size=(1, 5, 6, 4))


def numpy_gram(a):
    flat = a.reshape(a.shape[0], -1, a.shape[-1])
    return np.einsum('npc,npd->ncd', flat, flat) / flat.shape[1]


def test_dream_loss_is_the_negative_mean_square_or_mean():
    assert np.isclose(losses.dream_loss('x')({'x': tf.constant(A)}), -np.mean(A**2))
    assert np.isclose(losses.dream_loss('x', 'mean')({'x': tf.constant(A)}), -np.mean(A))


def test_total_variation_of_a_checkerboard_and_of_a_flat_picture():
    board = np.indices((1, 6, 8, 3)).sum(0) % 2 - np.indices((1, 6, 8, 3))[3] % 2
    board = np.abs(board).astype(float)  # neighbours differ by 1 everywhere
    loss = losses.total_variation_loss()
    assert np.isclose(loss({'input': tf.constant(board)}), 2)
    assert loss({'input': tf.fill([1, 6, 8, 3], 0.3)}) == 0


@pytest.mark.parametrize(
    'power, joint', [(2.0, False), (1.0, False), (2.5, False), (2.0, True), (2.5, True), (1.0, True)]
)
def test_forms_of_total_variation_match_numpy(power, joint):
    down, across = np.diff(A, axis=1), np.diff(A, axis=2)
    apart = np.mean(np.abs(down) ** power) + np.mean(np.abs(across) ** power)
    together = np.mean((down[:, :, :-1] ** 2 + across[:, :-1] ** 2) ** (power / 2))
    ours = losses.total_variation_loss('x', power, joint)
    assert np.isclose(ours({'x': tf.constant(A)}), together if joint else apart, rtol=1e-6)
    flat = tf.fill([1, 4, 4, 3], 0.3)
    with tf.GradientTape() as tape:
        tape.watch(flat)
        value = ours({'x': flat})
    assert value < 2e-6 and np.isfinite(tape.gradient(value, flat)).all()


def terms_on_tiny():
    style = {'second_moment': numpy_gram(RNG.normal(size=(1, 4, 4, 8))), 'weight': np.ones(1)}
    return {
        'dream': losses.dream_loss('b'),
        'dream_mean': losses.dream_loss('a', 'mean'),
        'gram': gram_loss('b', {name: tf.constant(value) for name, value in style.items()}),
        'total_variation': losses.total_variation_loss(),
        'absolute_variation': losses.total_variation_loss(power=1.0),
        'joint_variation': losses.total_variation_loss(power=2.5, joint=True),
    }


@pytest.mark.parametrize('name', list(terms_on_tiny()))
def test_gradient_equals_finite_differences(name, tiny):
    objective = Objective(tiny, (Term(name, 2.0, terms_on_tiny()[name]),))
    image = RNG.uniform(0.2, 0.8, (1, 8, 10, 3))
    value, gradient = objective.value_and_gradient(tf.constant(image))
    gradient = gradient.numpy()
    for index in [(0, 0, 0, 0), (0, 3, 4, 1), (0, 7, 9, 2), (0, 4, 0, 0)]:
        moved = [image.copy(), image.copy()]
        moved[0][index] += 1e-5
        moved[1][index] -= 1e-5
        up, down = (objective(tf.constant(m))[name].numpy() for m in moved)
        assert np.isclose((up - down) / 2e-5, gradient[index], rtol=1e-5, atol=1e-9)
    # along the gradient the value rises by its squared norm (check 5 of the research)
    ahead = objective(tf.constant(image + 1e-6 * gradient))[name]
    assert np.isclose((ahead - value[name]) / 1e-6, np.sum(gradient**2), rtol=1e-3)


def test_measures_of_one_layer_have_parallel_gradients(tiny):
    image = tf.constant(RNG.uniform(0.2, 0.8, (1, 8, 10, 3)))
    measures = [
        lambda a: tf.reduce_mean(tf.square(a)),
        lambda a: tf.reduce_sum(tf.square(a)),
        lambda a: tf.norm(a),
        tf.reduce_mean,
    ]
    gradients = []
    for measure in measures:
        objective = Objective(tiny, (Term('x', 1.0, lambda f, m=measure: -m(f['b'])),))
        gradients.append(objective.value_and_gradient(image)[1].numpy().ravel())
    cosine = [g @ gradients[0] / np.linalg.norm(g) / np.linalg.norm(gradients[0]) for g in gradients]
    assert np.allclose(cosine[:3], 1, atol=1e-9)
    assert cosine[3] < 1 - 1e-4  # the control: the mean points elsewhere


def test_weights_are_linear_in_the_gradient_and_a_weight_of_0_is_no_term(tiny):
    image = tf.constant(RNG.uniform(0.2, 0.8, (1, 8, 10, 3)))

    def gradient(a, b):
        terms = (Term('a', a, losses.dream_loss('a')), Term('b', b, losses.dream_loss('b')))
        return Objective(tiny, terms).value_and_gradient(image)[1].numpy()

    assert np.allclose(gradient(2, -3), 2 * gradient(1, 0) - 3 * gradient(0, 1), rtol=1e-9)
    only = Objective(tiny, (Term('a', 1.0, losses.dream_loss('a')), Term('b', 0.0, losses.dream_loss('b'))))
    assert set(only(image)) == {'a'}


def numpy_diversity(a):
    flat = numpy_gram(a).reshape(len(a), -1)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    return np.mean([flat[i] @ flat[j] for i in range(len(a)) for j in range(len(a)) if i != j])


def test_diversity_loss_is_the_mean_cosine_between_the_gram_matrices_of_pairs():
    batch = RNG.normal(size=(3, 5, 6, 4)) + RNG.normal(size=(3, 1, 1, 4))
    loss = diversity_loss('x')
    assert np.isclose(loss({'x': tf.constant(batch)}), numpy_diversity(batch))
    assert np.isclose(loss({'x': tf.constant(batch * [[[[3.0]]], [[[0.1]]], [[[1.0]]]])}), numpy_diversity(batch))
    twins = np.concatenate([A, A[:, ::-1]])  # one Gram matrix: where a feature is does not count
    assert np.isclose(loss({'x': tf.constant(twins)}), 1)
    apart = np.zeros((2, 3, 3, 2))
    apart[0, ..., 0] = apart[1, ..., 1] = 1
    assert loss({'x': tf.constant(apart)}) == 0
    for without in (A, np.zeros((3, 5, 6, 4))):  # no pair, no activity
        assert loss({'x': tf.constant(without)}) == 0


def test_gradient_of_diversity_equals_finite_differences(tiny):
    objective = Objective(tiny, (Term('diversity', 2.0, diversity_loss('b')),))
    image = RNG.uniform(0.2, 0.8, (3, 8, 10, 3))
    value, gradient = objective.value_and_gradient(tf.constant(image))
    gradient = gradient.numpy()
    ahead, behind = (objective(tf.constant(image + step * gradient))['diversity'] for step in (1e-3, -1e-3))
    assert np.isclose((ahead - behind) / 2e-3, np.sum(gradient**2), rtol=1e-5) and value['diversity'] > 0
    assert all(np.any(gradient[i]) for i in range(3))


@pytest.mark.parametrize('shape, size', [((64, 80), (8, 10)), ((65, 83), (9, 11)), ((1, 7), (1, 3)), ((5, 5), (5, 5))])
def test_a_region_counts_by_the_area_of_its_mask(shape, size):
    masks = tf.constant(np.random.default_rng(0).random((2, *shape, 3), np.float32))
    weights = losses.region_weights({'a': tf.zeros([2, *size, 4]), 'masks': masks}, 'a', 1)
    assert np.allclose(weights, tf.image.resize(masks[..., 1:2], size, method='area'), atol=1e-5)
