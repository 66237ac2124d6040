"""Gradient descent for T in the shared compiled loop: preconditioned, accelerated, projected to the constraint.

The loss is the mean over all pixels of |T X - Y|^2 + ridge * |T|^2. It is quadratic, so that the moments of X and Y
give it and its gradient exactly, whatever the number of pixels. The loop computes in float32. It looks for a change of
T, and begins again from what was found, with the rest of the gradient in float64 (iterative refinement): so the result
has more digits than float32.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from stylegen.compose.solving import DEPENDENT, Moments, Solution, group_sums, rank_of
from stylegen.optimize.loop import Objective, Step, Term, optimize_image
from stylegen.optimize.updates import Update
from stylegen.utils.backend import prepare_devices, tf

ROUNDS = 3  # how often it begins again
RATE = 0.1  # of the steps without a constraint, in coordinates in which 0.5 would be at the minimum at once
POINTS = 100  # of the loss curve, about


def descend(
    moments: Moments,
    ridge: float = 0.0,
    constraint: str = 'none',
    groups: int = 1,
    steps: int = 1500,
    callback: Callable[[int, float], None] | None = None,
) -> Solution:
    """Finds T by gradient descent, see `solving.least_squares` for the arguments and what is minimised.

    Args:
        moments, ridge, constraint, groups: As there.
        steps: The number of steps of all rounds together.
        callback: Called with a step and the loss after it, about `POINTS` times.
    """
    prepare_devices()
    count = len(moments.xx)
    quadratic, linear, squares = moments.xx + ridge * np.eye(count), moments.yx, moments.yy
    basis = _coordinates(quadratic, constraint)
    quadratic, linear = basis.T @ quadratic @ basis, linear @ basis
    sums = group_sums(count, groups) if constraint == 'convex' else np.zeros((0, len(quadratic)))
    found = np.zeros_like(linear) + sums.sum(0) * groups / count
    losses = [(0, _loss(found, quadratic, linear, squares))]

    def note(step: int, change: np.ndarray, start: np.ndarray) -> None:
        losses.append((step, _loss(start + change, quadratic, linear, squares)))
        if callback:
            callback(*losses[-1])

    for number in range(ROUNDS):
        first, last = steps * number // ROUNDS, steps * (number + 1) // ROUNDS
        found = _round(found, quadratic, linear, constraint, sums, first, last, note)
    matrix = found @ basis.T
    return Solution(matrix, rank_of(moments.xx), float(np.sqrt(moments.errors(matrix).mean())), tuple(losses))


def _coordinates(quadratic: np.ndarray, constraint: str) -> np.ndarray:
    """Returns the map from the coordinates of the descent to T: in them the loss is about as steep in all directions.

    Without a constraint it is exactly so (whitening). A constraint must keep its form: 'nonnegative' lets each element
    be scaled, 'convex' nothing.
    """
    if constraint == 'convex':
        return np.eye(len(quadratic))
    root = np.sqrt(np.maximum(np.diag(quadratic), 0))
    scale = np.diag(np.divide(1, root, out=np.zeros_like(root), where=root > 0))
    if constraint == 'nonnegative':
        return scale
    values, vectors = np.linalg.eigh(scale @ quadratic @ scale)
    kept = values > DEPENDENT * len(values)
    return scale @ vectors[:, kept] / np.sqrt(values[kept])


def _loss(matrix: np.ndarray, quadratic: np.ndarray, linear: np.ndarray, squares: np.ndarray) -> float:
    """The mean over the rows of t Q t - 2 c t + y^2: the mean squared error, with the ridge."""
    bent = ((matrix @ quadratic) * matrix).sum(1)
    return float(np.maximum(bent - 2 * (matrix * linear).sum(1) + squares, 0).mean())


def _round(
    start: np.ndarray,
    quadratic: np.ndarray,
    linear: np.ndarray,
    constraint: str,
    sums: np.ndarray,
    first: int,
    last: int,
    note: Callable[[int, np.ndarray, np.ndarray], None],
) -> np.ndarray:
    """Returns `start` with the change that the loop found, from step `first` to `last`.

    Where sums are fixed a change has the sums 0, and the part of the gradient that would change them is left out: what
    all elements share, such as their mean, is the steepest part, and would make the steps short.
    """
    pull = linear - start @ quadratic
    if len(sums):
        center = np.eye(len(quadratic)) - sums.T @ sums / sums.sum(1, keepdims=True).mean()
        quadratic, pull = center @ quadratic @ center, pull @ center
    steepest = max(float(np.linalg.eigvalsh(quadratic)[-1]), 1e-30)
    bent = tf.constant(quadratic / steepest, tf.float32)
    pull = tf.constant(pull / steepest, tf.float32)

    def loss(features):
        change = tf.reshape(features['input'], tf.shape(pull))
        return tf.reduce_sum(change * (change @ bent - 2.0 * pull))

    objective = Objective(lambda image: {'input': image}, (Term('loss', 1.0, loss),))
    update = projected_descent(_projection(constraint, start, len(sums))) if constraint != 'none' else plain_descent()
    latest = None

    def keep(step: Step) -> None:
        nonlocal latest
        latest = step
        note(step.step, update.result(step.image, step.state).numpy().reshape(start.shape), start)

    zeros = tf.zeros([1, *start.shape, 1])
    every = max(1, (last - first) * ROUNDS // POINTS)
    if last > first:
        optimize_image(zeros, objective, update, last, keep, first=first, bounds=None, steps_per_call=every, jit='off')
    if latest is None:
        return start
    return start + update.result(latest.image, latest.state).numpy().reshape(start.shape).astype(np.float64)


def plain_descent() -> Update:
    """Steps of `RATE` against the gradient."""
    return Update(lambda image: (), lambda image, gradient, loss, state, evaluate: (image - RATE * gradient, state))


def projected_descent(project: Callable[[tf.Tensor], tf.Tensor]) -> Update:
    """Accelerated projected gradient steps (Beck and Teboulle 2009, "FISTA"), begun again where they turn back.

    The loss is scaled so that its second derivative is at most 2 in each direction, and a step is half the gradient.
    The image is where the next gradient is taken; the result is the last projected point (O'Donoghue and Candes 2015,
    "Adaptive restart for accelerated gradient schemes", say when to begin again).

    Args:
        project: Maps (1, R, K, 1) to the nearest allowed point.
    """

    def step(image, gradient, loss, state, evaluate):
        before, momentum = state
        point = project(image - 0.5 * gradient)
        back = tf.reduce_sum((image - point) * (point - before)) > 0
        momentum = tf.where(back, 1.0, momentum)
        following = (1 + tf.sqrt(1 + 4 * tf.square(momentum))) / 2
        return point + (momentum - 1) / following * (point - before), (point, following)

    return Update(lambda image: (image, tf.constant(1.0)), step, result=lambda image, state: state[0])


def _projection(constraint: str, start: np.ndarray, groups: int) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns the projection of a change from `start` for which start + change keeps the constraint."""
    center = tf.constant(start[None, ..., None], tf.float32)

    def project(change):
        matrix = center + change
        return (tf.nn.relu(matrix) if constraint == 'nonnegative' else onto_simplex(matrix, groups)) - center

    return project


def onto_simplex(matrix: tf.Tensor, groups: int = 1) -> tf.Tensor:
    """Returns the nearest matrix of the same size whose groups are at least 0 with the sum 1.

    Duchi et al. 2008, "Efficient projections onto the l1-ball", figure 1.

    Args:
        matrix: (1, R, K, 1).
        groups: Into how many equal groups a row falls.
    """
    rows = tf.reshape(matrix, [-1, tf.shape(matrix)[2] // groups])
    falling = tf.sort(rows, direction='DESCENDING')
    excess = tf.cumsum(falling, axis=1) - 1
    counts = tf.cast(tf.range(1, tf.shape(rows)[1] + 1), rows.dtype)
    number = tf.reduce_sum(tf.cast(falling * counts > excess, tf.int32), axis=1, keepdims=True)
    level = tf.gather(excess, number - 1, batch_dims=1) / tf.cast(number, rows.dtype)
    return tf.reshape(tf.nn.relu(rows - level), tf.shape(matrix))
