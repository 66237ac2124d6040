"""Changes an image until its losses are low: terms, objectives and the compiled loop.

The loop runs inside one compiled function, several steps a call, with the update's state as tensors. It is traced once
for an objective and an update, and works for pictures of every size.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stylegen.images.conversion import PictureLike, as_batch
from stylegen.images.ranges import UNIT
from stylegen.losses.features import Features, Loss
from stylegen.optimize.updates import State, Update
from stylegen.utils.backend import tf, use_xla
from stylegen.utils.errors import UserError
from stylegen.utils.fingerprints import fingerprint

SECONDS_PER_CALL = 0.5  # about the time of a compiled call; between calls Python shows progress and checks for Ctrl-C
MOST_LOOPS = 8  # compiled loops that an objective keeps, the most recently used


@dataclass(frozen=True)
class Term:
    """A named loss and its weight in an objective."""

    name: str
    weight: float
    loss: Loss


@dataclass(frozen=True)
class Step:
    """The arguments of a callback.

    Attributes:
        step: Steps done.
        steps: Steps of the whole run.
        losses: The weighted losses before the last step.
        image: The image after it.
        state: The state of the update after it.
    """

    step: int
    steps: int
    losses: Mapping[str, float]
    image: tf.Tensor
    state: State

    @property
    def loss(self) -> float:
        """The sum of the weighted losses."""
        return sum(self.losses.values())


class NonFiniteLoss(ArithmeticError):
    """A loss became NaN or infinite.

    Attributes:
        term: The name of the loss.
        step: The step.
        image: The last image whose losses were finite.
        picture: That image as a program saves it; None if the program sets none.
    """

    picture: np.ndarray | None = None

    def __init__(self, term: str, step: int, image: tf.Tensor):
        super().__init__(f'{term} is not finite at step {step}')
        self.term, self.step, self.image = term, step, image


@dataclass(frozen=True, eq=False)
class Objective:
    """The weighted sum of terms on the features of an image.

    Args:
        extractor: Maps images (N, H, W, 3) in [0, 1] to features, the image among them as 'input'.
        terms: The terms to minimise. A term of weight 0 is ignored.

    Example:
        objective = Objective(extractor, (Term('dream', 1.0, dream_loss('block4_conv2')),))
    """

    extractor: Callable[[tf.Tensor], Features]
    terms: tuple[Term, ...]
    compiled: OrderedDict = field(default_factory=OrderedDict, init=False, repr=False)  # see `_loop`
    # a lock for the running loop: an objective may keep sums in variables, which threads must not share
    lock: Any = field(default_factory=threading.RLock, init=False, repr=False)

    def __call__(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the weighted loss of every term, by name."""
        features = self.extractor(image)
        return {term.name: term.weight * term.loss(features) for term in self.terms if term.weight}

    def value_and_gradient(self, image: tf.Tensor, key: tf.Tensor | None = None) -> tuple[dict, tf.Tensor]:
        """Returns the weighted losses and the gradient of their sum, shaped as `image`.

        `key` is a pair of int32 that identifies the step, for objectives that draw random numbers. This one does not.
        """
        del key
        return losses_and_gradient(self, image)


def losses_and_gradient(
    objective: Callable[[tf.Tensor], dict[str, tf.Tensor]], image: tf.Tensor
) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    """Returns what `objective` gives for the image, and the gradient of its sum."""
    scale = loss_scale(image)
    with tf.GradientTape() as tape:
        tape.watch(image)
        losses = objective(image)
        total = scale * tf.add_n(list(losses.values()))
    gradient = tape.gradient(total, image, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return losses, gradient / scale


def loss_scale(image: tf.Tensor) -> tf.Tensor:
    """Returns a power of two near the number of pixels, by which a loss is multiplied before the backward pass.

    Losses are means, so a pixel's share of the gradient is about 1 / pixels, which is too small for float16. A power of
    two changes nothing in float32.
    """
    pixels = tf.cast(tf.reduce_prod(tf.shape(image)[1:3]), image.dtype)
    return tf.pow(tf.constant(2.0, image.dtype), tf.floor(tf.math.log(pixels) / np.log(2)))


def _all_finite(tensors: Any) -> tf.Tensor:
    return tf.reduce_all([tf.reduce_all(tf.math.is_finite(tensor)) for tensor in tf.nest.flatten(tensors)])


def _compile(
    objective: Objective, update: Update, bounds: tuple[float, float] | None, xla: bool
) -> tf.types.experimental.PolymorphicFunction:
    """Returns the compiled loop for an objective and an update.

    It maps (image, previous image, state, losses, seed, first step, last step) to (step, image, previous image, state,
    losses, success). After a failed step the loop stops, and the image is the last one whose losses were finite.
    """

    def body(step, image, before, state, losses, good, seed):
        del losses, good
        key = tf.stack([seed, step])
        losses, gradient = objective.value_and_gradient(image, key)

        def evaluate(trial):
            return tf.add_n(list(objective.value_and_gradient(trial, key)[0].values()))

        moved, new_state = update.step(image, gradient, tf.add_n(list(losses.values())), state, evaluate)
        if bounds is not None:
            moved = tf.clip_by_value(moved, *bounds)
        sound = _all_finite((losses, gradient))
        good = tf.logical_and(sound, _all_finite(moved))
        # tf.where would copy the state, which may be a hundred pictures
        image, before, state = tf.cond(
            good, lambda: (moved, image, new_state), lambda: (*[tf.where(sound, image, before)] * 2, state)
        )
        return step + tf.cast(good, tf.int32), image, before, state, losses, good, seed

    if not xla:
        body = _outside_loop_graph(body)

    def run(image, before, state, losses, seed, first, last):
        loop = (first, image, before, state, losses, tf.constant(True), seed)
        invariants = tf.nest.map_structure(lambda t: t.shape, loop)
        step, image, before, state, losses, good, _ = tf.while_loop(
            lambda step, *rest: tf.logical_and(step < last, rest[-2]), body, loop, shape_invariants=invariants
        )
        return step, image, before, state, losses, good

    return tf.function(run, jit_compile=xla, autograph=False)


def _outside_loop_graph(step: Callable[..., Any]) -> tf.types.experimental.PolymorphicFunction:
    """Wraps a loop's step in a function that TensorFlow does not inline into the loop's graph.

    The loop's graph has a cycle, and oneDNN chooses an operation's kernel by its inputs. In a cycle it may visit the
    gradient of a pooling before the pooling, at random, and then choose a kernel that takes twenty times as long.
    """
    return tf.function(step, autograph=False, experimental_attributes={'_noinline': True})


def _loop(
    objective: Objective, update: Update, bounds: tuple[float, float] | None, xla: bool, *parts: Any
) -> tf.types.experimental.PolymorphicFunction:
    """Returns the objective's cached loop, and compiles it first if it is missing or outdated.

    The cache key holds the update with its numbers, the bounds, XLA and the types of the arguments; `parts` are the
    image, the state and the losses. What the objective has captured, such as a target, is compared too, because a loop
    keeps the values of its trace.
    """
    specs = tf.nest.map_structure(lambda t: _any_size_spec(t, parts[0]), (parts[0], *parts))
    types = tf.nest.map_structure(lambda spec: (tuple(spec.shape), spec.dtype.name), specs)
    key = fingerprint((update, bounds, xla, types))
    traced_for, loop = objective.compiled.get(key, (None, None))
    if loop is None or traced_for != fingerprint(objective):
        number = tf.TensorSpec([], tf.int32)
        loop = _compile(objective, update, bounds, xla).get_concrete_function(*specs, number, number, number)
        objective.compiled[key] = fingerprint(objective), loop
    objective.compiled.move_to_end(key)
    while len(objective.compiled) > MOST_LOOPS:
        objective.compiled.popitem(last=False)
    return loop


def _any_size_spec(value: tf.Tensor, image: tf.Tensor) -> tf.TensorSpec:
    """Returns a tensor's spec. Images and stacks of them have open height and width: one trace serves all sizes."""
    shape = value.shape.as_list()
    if shape[-4:] == image.shape.as_list():
        shape[-3:-1] = [None, None]
    return tf.TensorSpec(shape, value.dtype)


def optimize_image(
    image: PictureLike,
    objective: Objective,
    update: Update,
    steps: int,
    callback: Callable[[Step], bool | None] | None = None,
    *,
    first: int = 0,
    state: State | None = None,
    seed: int = 0,
    bounds: tuple[float, float] | None = UNIT,
    steps_per_call: int | None = None,
    jit: str = 'auto',
    checked: bool = False,
) -> tf.Tensor:
    """Changes an image step by step to lower an objective.

    Args:
        image: A picture, or several of one size (N, H, W, 3), in any form that `images.as_picture` takes. With other
            bounds than [0, 1] it is a float32 tensor of any shape and range.
        objective: Gives losses and gradient.
        update: The rule that turns a gradient into the next image, from `stylegen.optimize.updates`.
        steps: The number of all steps.
        callback: Called with a `Step` after every compiled call. The image does not depend on how many steps a call
            holds. If it returns True, the loop ends.
        first: The first step, for a resumed run.
        state: The update's state before the first step; None: a new state.
        seed: For objectives that draw random numbers; step i draws from (seed, i). Seeds count modulo 2**31.
        bounds: The image is clipped to them after each step; None: not at all.
        steps_per_call: The callback is called after every multiple of it and after the last step; None: about twice a
            second.
        jit: 'auto', 'on' or 'off': whether XLA compiles the loop.
        checked: `image` is already float32 (N, H, W, 3), and its range is not checked; the bounds hold from the first
            step on.

    Returns:
        The image after the last step.

    Raises:
        UserError: The image is no picture, no term has a weight, or two terms have one name.
        NonFiniteLoss: A loss is not finite. The error holds the last good image.

    Example:
        extractor = feature_extractor('mini', ['block4_conv2'])
        objective = Objective(extractor, (Term('dream', 1.0, dream_loss('block4_conv2')),))
        result = optimize_image('photo.jpg', objective, normalized_step(0.006), steps=20)
    """
    xla = use_xla(jit)  # prepares the devices, before any tensor
    image = tf.convert_to_tensor(image if checked or bounds != UNIT else as_batch(image), tf.float32)
    state = update.start(image) if state is None else tf.nest.map_structure(tf.convert_to_tensor, state)
    names = [term.name for term in objective.terms if term.weight]
    if not names or len(set(names)) < len(names):
        given = ', '.join(names) or 'none with a weight'
        raise UserError(f'expected terms with weights, each with a name of its own; got {given}')
    losses = {name: tf.constant(0.0) for name in names}
    with objective.lock:
        run = _loop(objective, update, bounds, xla, image, state, losses)

    seed = tf.constant(seed % 2**31, tf.int32)
    before, step, count = image, first, steps_per_call or 1
    while step < steps:
        began = time.monotonic()
        last = min(step + count - (step % count if steps_per_call else 0), steps)
        with objective.lock:
            reached, image, before, state, losses, good = run(
                image, before, state, losses, seed, tf.constant(step), tf.constant(last)
            )
        if not good:
            bad = [name for name, value in losses.items() if not np.isfinite(value)]
            raise NonFiniteLoss(bad[0] if bad else 'the gradient or the step', int(reached), image)
        values = {name: float(value) for name, value in losses.items()}
        if callback and callback(Step(last, steps, values, image, state)):
            break
        if steps_per_call is None and step > first:  # the first call includes start-up
            per_step = (time.monotonic() - began) / (last - step)
            count = max(1, min(100, int(SECONDS_PER_CALL / max(per_step, 1e-6))))
        step = last
    return image
