"""Update rules: how a gradient changes an image. Their state is tensors, so that they run inside a compiled loop."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stylegen.utils.backend import tf
from stylegen.utils.errors import unknown

State = Any  # nested tensors


@dataclass(frozen=True)
class Update:
    """An update rule.

    Attributes:
        start: Maps an image to the state before the first step.
        step: Maps (image, gradient, loss, state, evaluate) to the next image and state. `loss` is the objective at
            `image`; `evaluate(image)` computes it at another image, with a pass through the network.
        result: Maps (image, state) to the final image of a run that ends here.
        resized_state: Maps (state, image, resize) to the state at another size; None starts anew.
            `image` is the picture at that size, and `resize(x)` resizes a tensor like a picture.
    """

    start: Callable[[tf.Tensor], State]
    step: Callable[..., tuple[tf.Tensor, State]]
    result: Callable[[tf.Tensor, State], tf.Tensor] = lambda image, state: image
    resized_state: Callable[..., State] = lambda state, image, resize: None


NORMS = {
    'mean_abs': lambda g: tf.reduce_mean(tf.abs(g), axis=[1, 2, 3], keepdims=True),
    'std': lambda g: tf.math.reduce_std(g, axis=[1, 2, 3], keepdims=True),
}


def normalize(gradient: tf.Tensor, norm: str = 'mean_abs') -> tf.Tensor:
    """Divides the gradient of each image by its mean absolute value or its standard deviation; zeros stay zeros.

    It is divided by its largest entry first, so that an objective may have any unit within float32's range.

    Raises:
        UserError: The norm is unknown.
    """
    if norm not in NORMS:
        raise unknown('norm', norm, NORMS)
    scaled = tf.math.divide_no_nan(gradient, tf.reduce_max(tf.abs(gradient), axis=[1, 2, 3], keepdims=True))
    return tf.math.divide_no_nan(scaled, NORMS[norm](scaled))


def normalized_step(size: float, norm: str = 'mean_abs') -> Update:
    """Steps of a constant length against the gradient, the rule of DeepDream.

    Args:
        size: The `norm` of the change, in pixel units [0, 1]; Mordvintsev et al. (2015) take 1.5 / 255.
        norm: 'mean_abs' (Mordvintsev et al.) or 'std' (the TensorFlow tutorial).

    Example:
        update = normalized_step(1.5 / 255)
    """

    def step(image, gradient, loss, state, evaluate):
        return image - size * normalize(gradient, norm), state

    return Update(lambda image: (), step)


def gradient_descent(learning_rate: float, decay: float = 1.0) -> Update:
    """Steps against the gradient.

    Args:
        learning_rate: Of the first step, for pixels in [0, 1].
        decay: What the rate is multiplied by at every step.

    Example:
        update = gradient_descent(0.1, decay=0.99)
    """

    def step(image, gradient, loss, state, evaluate):
        return image - learning_rate * tf.pow(decay, state) * gradient, state + 1.0

    return Update(lambda image: tf.constant(0.0), step, resized_state=lambda state, image, resize: state)


def adam(
    learning_rate: float,
    beta_1: float = 0.9,
    beta_2: float = 0.99,
    epsilon: float = 1e-8,
    average: float = 0.0,
    epsilon_hat: bool = False,
) -> Update:
    """Adam (Kingma and Ba 2015, algorithm 1) on the pixels. The moments are resized when the image is.

    Args:
        learning_rate: In pixel units [0, 1].
        beta_1, beta_2, epsilon: As in the paper.
        average: Decay of an exponential average of all images, which is then the result, without bias towards the first
            (section 7.2). 0: the result is the last image.
        epsilon_hat: Adds epsilon before the bias of the square is corrected (end of section 2), as Keras does.

    Example:
        update = adam(0.02)
    """

    def start(image):
        zeros = tf.zeros_like(image)
        return zeros, zeros, tf.constant(0.0), zeros, tf.constant(0.0)

    def step(image, gradient, loss, state, evaluate):
        mean, square, count, averaged, weight = state
        count += 1.0
        mean = beta_1 * mean + (1 - beta_1) * gradient
        square = beta_2 * square + (1 - beta_2) * tf.square(gradient)
        rate = learning_rate / (1 - tf.pow(beta_1, count))
        unbiased = 1 - tf.pow(beta_2, count)
        scale = tf.sqrt(square / unbiased) + (epsilon / tf.sqrt(unbiased) if epsilon_hat else epsilon)
        if average:
            averaged = average * averaged + (1 - average) * image
            weight = average * weight + (1 - average)
        return image - rate * mean / scale, (mean, square, count, averaged, weight)

    def result(image, state):
        *_, averaged, weight = state
        if not (average and weight > 0):
            return image
        return (average * averaged + (1 - average) * image) / (average * weight + 1 - average)

    def resized_state(state, image, resize):
        mean, square, count, _, _ = state
        zeros = tf.zeros_like(image)
        return resize(mean), tf.nn.relu(resize(square)), count, zeros, tf.constant(0.0)

    return Update(start, step, result, resized_state)


def lbfgs(history: int = 10, learning_rate: float = 1.0, backtracking: int = 0, tolerance: float = 1e-10) -> Update:
    """L-BFGS by the two-loop recursion (Nocedal and Wright 2006, algorithms 7.4 and 7.5), in the graph.

    Args:
        history: Pairs (s, y) of steps and gradient changes to keep; they take the memory of 2 * history images.
        learning_rate: Length of a step along the quasi-Newton direction; the first step is min(1, 1 / |g|_1) times
            that.
        backtracking: How often a step may be halved until the loss falls by Armijo's condition with c = 1e-4; each
            trial costs a pass through the network. 0: every step is taken.
        tolerance: A pair is kept only if y's exceeds it, which keeps the implied Hessian positive definite.

    Example:
        update = lbfgs(history=10)
    """

    def start(image):
        pairs = tf.zeros(tf.concat([[history], tf.shape(image)], 0))
        pairs.set_shape([history, *image.shape])
        # s and y, oldest first; 1 / y's, 0 for a missing pair; the previous image and gradient; steps so far
        return pairs, pairs, tf.zeros([history]), image, tf.zeros_like(image), tf.constant(0)

    def step(image, gradient, loss, state, evaluate):
        pairs, count = _updated_pairs(image, gradient, state, tolerance), state[-1]
        direction = _direction(gradient, *pairs)
        length = tf.math.divide_no_nan(1.0, tf.reduce_sum(tf.abs(gradient)))
        size = learning_rate * tf.where(count == 0, tf.minimum(1.0, length), 1.0)
        slope = tf.reduce_sum(gradient * direction)
        if backtracking:

            def too_long(size, tries):
                value = evaluate(image + size * direction)
                # test NaN explicitly: TensorFlow's graph optimiser replaces not(a <= b) by a > b
                worse = tf.logical_or(tf.math.is_nan(value), value > loss + 1e-4 * size * slope)
                return tf.logical_and(tries < backtracking, worse)

            size, _ = tf.while_loop(too_long, lambda size, tries: (size / 2, tries + 1), (size, tf.constant(0)))
        return image + size * direction, (*pairs, image, gradient, count + 1)

    return Update(start, step)


def _updated_pairs(image: tf.Tensor, gradient: tf.Tensor, state: State, tolerance: float) -> tuple[tf.Tensor, ...]:
    """Returns the pairs of `lbfgs` with the newest step added, if its curvature is above `tolerance`."""
    steps, changes, inverse, last_image, last_gradient, count = state
    s, y = image - last_image, gradient - last_gradient
    curvature = tf.reduce_sum(s * y)
    keep = tf.logical_and(count > 0, curvature > tolerance)

    def shifted():
        return (
            tf.concat([steps[1:], s[None]], 0),
            tf.concat([changes[1:], y[None]], 0),
            tf.concat([inverse[1:], tf.math.divide_no_nan(1.0, curvature)[None]], 0),
        )

    return tf.cond(keep, shifted, lambda: (steps, changes, inverse))


def _direction(gradient: tf.Tensor, steps: tf.Tensor, changes: tf.Tensor, inverse: tf.Tensor) -> tf.Tensor:
    """Returns the direction of `lbfgs`: minus the inverse Hessian that the pairs imply, times the gradient."""
    q, alphas, history = gradient, [], steps.shape[0]
    for i in reversed(range(history)):
        alphas.append(inverse[i] * tf.reduce_sum(steps[i] * q))
        q -= alphas[-1] * changes[i]
    square = tf.reduce_sum(tf.square(changes[-1]))
    q *= tf.where(inverse[-1] > 0, tf.math.divide_no_nan(1.0, inverse[-1] * square), 1.0)
    for i in range(history):
        beta = inverse[i] * tf.reduce_sum(changes[i] * q)
        q += (alphas[history - 1 - i] - beta) * steps[i]
    return -q


def keep_best(update: Update) -> Update:
    """Returns an update with the same steps whose result is the evaluated image with the lowest loss.

    At another size the rule goes on from its own resized state, and the search for the lowest loss begins anew.

    Example:
        update = keep_best(lbfgs())
    """

    def start(image):
        return update.start(image), image, tf.constant(float('inf'))

    def step(image, gradient, loss, state, evaluate):
        inner, best, lowest = state
        better = loss < lowest
        best, lowest = tf.where(better, image, best), tf.where(better, loss, lowest)
        moved, inner = update.step(image, gradient, loss, inner, evaluate)
        return moved, (inner, best, lowest)

    def result(image, state):
        _, best, lowest = state
        return best if lowest < float('inf') else image

    def resized_state(state, image, resize):
        inner = update.resized_state(state[0], image, resize)
        return None if inner is None else (inner, *start(image)[1:])

    return Update(start, step, result, resized_state)
