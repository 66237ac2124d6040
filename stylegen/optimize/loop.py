"""Change an image until the losses are met: terms, objectives and the compiled loop.

The loop runs inside one compiled function, several steps a call, with the update's state as tensors. It is traced once
for an objective and an update and serves pictures of every size.
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
from stylegen.utils.fingerprints import fingerprint

SECONDS_PER_CALL = 0.5  # how long a compiled call may take before Python looks in: progress, Ctrl-C
MOST_LOOPS = 8  # compiled loops that an objective keeps: those that were used last


@dataclass(frozen=True)
class Term:
    """A named loss and its weight in an objective."""

    name: str
    weight: float
    loss: Loss


@dataclass(frozen=True)
class Step:
    """What a callback is told: steps done of all, the weighted losses before the last, image and state after."""

    step: int
    steps: int
    losses: Mapping[str, float]
    image: tf.Tensor
    state: State

    @property
    def loss(self) -> float:
        """Sum of the weighted losses."""
        return sum(self.losses.values())


class NonFiniteLoss(ArithmeticError):
    """`term` became NaN or infinite at `step`; `image` is the last whose losses were finite.

    `picture` is what a program makes of that image to be saved, where one does.
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
        terms: What to minimise. A term of weight 0 is left out.
    """

    extractor: Callable[[tf.Tensor], Features]
    terms: tuple[Term, ...]
    compiled: OrderedDict = field(default_factory=OrderedDict, init=False, repr=False)  # see `_loop`
    # who runs a loop has it: the sums of an objective may be in variables, and threads must not share these
    turn: Any = field(default_factory=threading.RLock, init=False, repr=False)

    def __call__(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
        """The weighted loss of every term, by name."""
        features = self.extractor(image)
        return {term.name: term.weight * term.loss(features) for term in self.terms if term.weight}

    def value_and_gradient(self, image: tf.Tensor, key: tf.Tensor | None = None) -> tuple[dict, tf.Tensor]:
        """Weighted losses and the gradient of their sum, shaped as `image`.

        `key` is a pair of int32 that names the step. It is for objectives that draw at random; this one does not.
        """
        del key
        return losses_and_gradient(self, image)


def losses_and_gradient(
    objective: Callable[[tf.Tensor], dict[str, tf.Tensor]], image: tf.Tensor
) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    """What `objective` gives for the image, and the gradient of its sum."""
    scale = loss_scale(image)
    with tf.GradientTape() as tape:
        tape.watch(image)
        losses = objective(image)
        total = scale * tf.add_n(list(losses.values()))
    gradient = tape.gradient(total, image, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return losses, gradient / scale


def loss_scale(image: tf.Tensor) -> tf.Tensor:
    """A power of two near the number of pixels, to multiply a loss by while its gradient passes the network.

    Losses are means, so that a pixel's share of the gradient is about 1 / pixels: too small for float16. A power of two
    changes nothing in float32.
    """
    pixels = tf.cast(tf.reduce_prod(tf.shape(image)[1:3]), image.dtype)
    return tf.pow(tf.constant(2.0, image.dtype), tf.floor(tf.math.log(pixels) / np.log(2)))


def _all_finite(tensors: Any) -> tf.Tensor:
    return tf.reduce_all([tf.reduce_all(tf.math.is_finite(tensor)) for tensor in tf.nest.flatten(tensors)])


def _compile(
    objective: Objective, update: Update, bounds: tuple[float, float] | None, xla: bool
) -> tf.types.experimental.PolymorphicFunction:
    """The loop for one objective and update: from (image, the one before, state, losses) to where they came.

    Where a step goes wrong the loop stops, and the image is the last one whose losses were finite.
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
        # not tf.where, which copies: the state may be a hundred pictures
        image, before, state = tf.cond(
            good, lambda: (moved, image, new_state), lambda: (*[tf.where(sound, image, before)] * 2, state)
        )
        return step + tf.cast(good, tf.int32), image, before, state, losses, good, seed

    if not xla:
        body = _apart(body)

    def run(image, before, state, losses, seed, first, last):
        loop = (first, image, before, state, losses, tf.constant(True), seed)
        invariants = tf.nest.map_structure(lambda t: t.shape, loop)
        step, image, before, state, losses, good, _ = tf.while_loop(
            lambda step, *rest: tf.logical_and(step < last, rest[-2]), body, loop, shape_invariants=invariants
        )
        return step, image, before, state, losses, good

    return tf.function(run, jit_compile=xla, autograph=False)


def _apart(step: Callable[..., Any]) -> tf.types.experimental.PolymorphicFunction:
    """A step of a loop as a function that TensorFlow does not put into the loop's own graph.

    That graph has a circle, and oneDNN is given each operation by what feeds it: in a circle the gradient of a pooling
    may be looked at before the pooling, at random, and is then done by a kernel that takes twenty times as long.
    """
    return tf.function(step, autograph=False, experimental_attributes={'_noinline': True})


def _loop(
    objective: Objective, update: Update, bounds: tuple[float, float] | None, xla: bool, *parts: Any
) -> tf.types.experimental.PolymorphicFunction:
    """The compiled loop, from the objective's own store where it is there and up to date.

    A loop is found by the rule with its numbers, the bounds, XLA and the types of its arguments; `parts` are the image,
    the state and the losses. Whatever the objective has captured, a target for one, is compared too: a loop keeps it as
    it was when the loop was traced.
    """
    specs = tf.nest.map_structure(lambda t: _relaxed(t, parts[0]), (parts[0], *parts))
    types = tf.nest.map_structure(lambda spec: (tuple(spec.shape), spec.dtype.name), specs)
    key = fingerprint((update, bounds, xla, types))
    aim, loop = objective.compiled.get(key, (None, None))
    if loop is None or aim != fingerprint(objective):
        number = tf.TensorSpec([], tf.int32)
        loop = _compile(objective, update, bounds, xla).get_concrete_function(*specs, number, number, number)
        objective.compiled[key] = fingerprint(objective), loop
    objective.compiled.move_to_end(key)
    while len(objective.compiled) > MOST_LOOPS:
        objective.compiled.popitem(last=False)
    return loop


def _relaxed(value: tf.Tensor, image: tf.Tensor) -> tf.TensorSpec:
    """The spec of a tensor; images, and stacks of them, with height and width open: one trace serves all sizes."""
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
    """Changes an image step by step so that the objective falls.

    Args:
        image: A picture, or several of one size (N, H, W, 3), in any form that `images.as_picture` takes. With other
            bounds than [0, 1] it is a float32 tensor of any shape and range.
        objective: Gives losses and gradient.
        update: The rule that turns a gradient into the next image, from `stylegen.optimize.updates`.
        steps: How many in all.
        callback: Called with a `Step` after every compiled call. The image does not depend on how many steps a call
            holds. Where it answers True, this was the last.
        first: The step to begin with, for a run that goes on.
        state: The update's state before the first step; by default it starts anew.
        seed: For objectives that draw at random; step i draws from (seed, i). Seeds count modulo 2**31.
        bounds: The image is clipped to them after each step.
        steps_per_call: The callback comes after every step that is a multiple of it, and after the last; by default
            about twice a second.
        jit: 'auto', 'on' or 'off': whether XLA compiles the loop.
        checked: `image` is a float32 (N, H, W, 3) already, whose range is not looked at; the bounds hold from the first
            step on.

    Returns:
        The image after the last step.

    Raises:
        UserError: The image is no picture.
        NonFiniteLoss: With the last good image.
    """
    xla = use_xla(jit)  # first: it prepares the devices
    image = tf.convert_to_tensor(image if checked or bounds != UNIT else as_batch(image), tf.float32)
    state = update.start(image) if state is None else tf.nest.map_structure(tf.convert_to_tensor, state)
    names = [term.name for term in objective.terms if term.weight]
    losses = {name: tf.constant(0.0) for name in names}
    with objective.turn:
        run = _loop(objective, update, bounds, xla, image, state, losses)

    seed = tf.constant(seed % 2**31, tf.int32)
    before, step, count = image, first, steps_per_call or 1
    while step < steps:
        began = time.monotonic()
        last = min(step + count - (step % count if steps_per_call else 0), steps)
        with objective.turn:
            reached, image, before, state, losses, good = run(
                image, before, state, losses, seed, tf.constant(step), tf.constant(last)
            )
        if not good:
            bad = [name for name, value in losses.items() if not np.isfinite(value)]
            raise NonFiniteLoss(bad[0] if bad else 'the gradient or the step', int(reached), image)
        told = {name: float(value) for name, value in losses.items()}
        if callback and callback(Step(last, steps, told, image, state)):
            break
        if steps_per_call is None and step > first:  # the first call pays for start-up, so it is no measure
            per_step = (time.monotonic() - began) / (last - step)
            count = max(1, min(100, int(SECONDS_PER_CALL / max(per_step, 1e-6))))
        step = last
    return image
