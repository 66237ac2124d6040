"""Paints one picture: optimises it at each size, from the smallest to its own, and finishes its colours."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from stylegen import images
from stylegen.images import color as colors
from stylegen.images import pixels
from stylegen.style.coloring import Coloring
from stylegen.style.plan import Stage, plan, style_core
from stylegen.style.settings import PATIENCE_STEPS, StyleSettings
from stylegen.style.steps import Start, StyleStep
from stylegen.style.styles import Styles, color_moments
from stylegen.style.weighting import set_factors, shapes_of
from stylegen.utils.errors import UserError

if TYPE_CHECKING:
    from stylegen.optimize.loop import Step
    from stylegen.optimize.updates import State, Update
    from stylegen.style.targets import Targets
    from stylegen.utils.backend import tf

SMALLEST_STYLE = 32  # pixels, of a style's picture at a small size
MEAN_COLOR = np.array([123.68, 116.779, 103.939], np.float32) / 255  # of ImageNet, which VGG sees as zeros
COMPILED_SHARE = 1 / 8  # of all the work, that a size must have for XLA: compilation takes as long for a small size
FLAT = 0.01  # a loss that falls by less than this share has flattened


class Run:
    """Paints one picture.

    Args:
        targets: The objective. Its targets are set for this picture.
        settings: Settled settings, see `stylegen.style.presets.settled`.
        content: float32 (H, W, 3) in [0, 1].
        styles: The styles of the whole picture, or of what is in no region.
        regions: (mask (H, W), styles) each.
        mask: (H, W) in [0, 1], how much of the result shows; None: all of it.
        seed: Of noise.
        callback: Is told of each `StyleStep`.
        steps_per_call: Steps between two calls; None: as many as take about half a second.
    """

    def __init__(
        self,
        targets: Targets,
        settings: StyleSettings,
        content: np.ndarray,
        styles: Styles,
        regions: Sequence[tuple[np.ndarray, Styles]],
        mask: np.ndarray | None,
        seed: int,
        callback: Callable[[StyleStep], None] | None,
        steps_per_call: int | None,
    ):
        self.targets, self.settings, self.seed = targets, settings, seed
        self.callback, self.steps_per_call = callback, steps_per_call
        self.original, self.mask = content, mask
        self.coloring = Coloring(settings)
        self.content = self.coloring.content(self.original)
        masks = [one for one, _ in regions]
        rest = np.clip(1 - sum(masks), 0, 1).astype(np.float32)  # the mask of `styles`
        self.masks = [rest, *masks] if masks else []
        groups = [styles, *(group for _, group in regions)]
        self.styles = [
            [(self.coloring.style(picture, self.original), share) for picture, share in group if share]
            for group in groups
        ]
        self.style_chroma = None if settings.like or masks else colors.chroma_moments(self.styles[0])
        targets.shares_of_shapes = [shapes_of(settings, targets.strides, group) for group in groups]
        self.costs = targets.costs(settings.margin)
        self.plan = plan(self.costs, content.shape[:2], settings)
        self.update = _update_rule(settings, self.plan.history)
        self.stage = 0
        self.lowest: tuple[float, int] = np.inf, 0  # loss, and the step that it was at
        self.work = [stage.steps * stage.size[0] * stage.size[1] for stage in self.plan.stages]

    def paint(self, init: np.ndarray | None, start: Start | None) -> np.ndarray:
        """Paints at all sizes, from the first or from `start` on. Returns the result, float32 (H, W, 3) in [0, 1].

        Raises:
            UserError: `start` is of another run.
            stylegen.optimize.NonFiniteLoss: A loss overflowed; its `picture` is the last good one, at full size.
        """
        from stylegen.optimize.loop import NonFiniteLoss
        from stylegen.utils.backend import tf

        if start:
            self._check_start(start)
        image, state = self.content, None
        for number in range(start.stage if start else 0, len(self.plan.stages)):
            self.stage, stage = number, self.plan.stages[number]
            content = self._with_margin(images.resize(self.content, stage.size).clip(0, 1))
            if start:
                first_image = start.image
            else:
                image = images.resize(image, stage.size) if number else self._initial_picture(content, init)
                first_image = self._with_margin(np.clip(image, 0, 1))
            batch = tf.constant(first_image[None])
            self._set_targets(content, stage)
            self.lowest = np.inf, 0
            if start:
                *arrays, loss, step = start.state
                self.lowest = float(loss), int(step)
                state = tf.nest.pack_sequence_as(self.update.start(batch), [tf.constant(x) for x in arrays])
            elif state is not None:
                state = self.update.resized_state(state, batch, lambda x, size=stage.size: self._resized(x, size))
            try:
                image, state = self._optimize(batch, stage, state, start.step if start else 0)
                image = self._without_margin(image)
            except NonFiniteLoss as error:
                error.picture = self.finish(self._without_margin(error.image.numpy()[0]))
                raise
            start = None
        return self.finish(image)

    def _check_start(self, start: Start) -> None:
        """Refuses a start whose size this picture does not have."""
        sides = [[side + 2 * self.settings.margin for side in stage.size] for stage in self.plan.stages]
        if not 0 <= start.stage < len(sides) or list(start.image.shape[:2]) != sides[start.stage]:
            raise UserError('start is of another run: give it with the picture and the settings that it was made with')

    def finish(self, image: np.ndarray) -> np.ndarray:
        """The result that a picture at the present size gives: at full size, with its final colours and the mask."""
        image = np.clip(images.resize(image, self.content.shape[:2]), 0, 1)
        if self.settings.color == 'style' and self.style_chroma:
            image = colors.match_tone(image, *self.style_chroma, share=min(1.0, 2 * self.settings.strength))
        image = self.coloring.finish(image, self.original)
        if self.mask is None:
            return image
        share = self.mask[..., None].astype(np.float32)
        return (1 - share) * self.original + share * image

    def _with_margin(self, image: np.ndarray) -> np.ndarray:
        """A picture or a mask with a margin around it, mirrored from it. The margin is painted and cut off in the end.

        The network pads with zeros, which shows in what is painted at the border.
        """
        margin = self.settings.margin
        edges = [(margin, margin)] * 2 + [(0, 0)] * (image.ndim - 2)
        return np.pad(image, edges, 'reflect') if margin else image

    def _without_margin(self, image: np.ndarray) -> np.ndarray:
        """The picture inside the margin."""
        margin = self.settings.margin
        return image[margin : image.shape[0] - margin, margin : image.shape[1] - margin]

    def _resized(self, tensor: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
        """A part of the optimiser's state (1, h, w, 3) at another size of the picture."""
        from stylegen.utils.backend import tf

        return tf.constant(self._with_margin(images.resize(self._without_margin(tensor.numpy()[0]), size))[None])

    def _initial_picture(self, content: np.ndarray, init: np.ndarray | None) -> np.ndarray:
        """The picture to begin with, without a margin. `content` is that of the first size, with its margin."""
        size = self.plan.stages[0].size
        if init is not None:
            return images.resize(init, size)
        if self.settings.init == 'content':
            return self._without_margin(content)
        if self.settings.init == 'one_pass':
            return self._one_pass_picture(size)
        noise = np.random.default_rng(self.seed).normal(size=(*size, 3)).astype(np.float32)
        if self.settings.init == 'noise':
            return 0.5 + 0.1 * noise
        if self.settings.init == 'mean':  # as J. Johnson's neural-style begins
            return MEAN_COLOR + 0.001 / 255 * noise
        mean, covariance = color_moments(next(group for group in self.styles if group))
        return (mean + noise @ np.linalg.cholesky(covariance + 1e-6 * np.eye(3)).T).astype(np.float32)

    def _one_pass_picture(self, size: tuple[int, int]) -> np.ndarray:
        """What the network that paints in one pass makes of the content, at the first size."""
        from stylegen.style.polish import one_pass_picture

        small = images.resize(self.content, size).clip(0, 1)
        masks = [images.resize(mask, size).clip(0, 1) for mask in self.masks[1:]]
        return one_pass_picture(small, self.styles, masks, self.settings.strength, self.settings.max_memory)

    def _set_targets(self, content: np.ndarray, stage: Stage) -> None:
        """Sets the targets of this size and the factors of the terms."""
        masks = [self._with_margin(images.resize(mask, stage.size).clip(0, 1)) for mask in self.masks]
        self.targets.set_content(content, masks, stage.core)
        for region, group in enumerate(self.styles):
            if group:
                self.targets.set_styles(region, [(*self._style_at(p, stage), share) for p, share in group])
            else:
                self.targets.areas[region] = 0.0
        self.factors = set_factors(self.targets, self.settings, content, stage.size, stage.core)

    def _style_at(self, picture: np.ndarray, stage: Stage) -> tuple[np.ndarray, int]:
        """A style's picture at the size that goes with this stage, and the core of the windows that measure it.

        The picture keeps its shape. It is never enlarged, and never made too small for the network.
        """
        full, smallest = max(self.content.shape[:2]), self.costs.smallest
        longest = (self.settings.style_size or full * self.settings.style_scale) * max(stage.size) / full
        aspect = max(picture.shape[:2]) / min(picture.shape[:2])
        longest = max(round(longest), SMALLEST_STYLE, math.ceil(smallest * aspect))
        if longest < max(picture.shape[:2]):
            picture = np.clip(images.resize(picture, pixels.fit(picture.shape, longest)), 0, 1)
        return picture, style_core(self.costs, picture.shape[:2], self.plan.allowed)

    def _optimize(self, batch: tf.Tensor, stage: Stage, state: State | None, first: int) -> tuple[np.ndarray, State]:
        """The picture with its margin and the optimiser's state after a stage's steps, from `first` on."""
        from stylegen.optimize.loop import optimize_image

        patience, latest = self.settings.patience, state

        def checked(step):  # at fixed steps, so that the picture does not depend on the number of steps in a call
            return step % PATIENCE_STEPS == 0 or step == stage.steps

        def stalled(step):
            return patience is not None and checked(step) and step - self.lowest[1] >= patience

        def follow(step):
            nonlocal latest
            latest = step.state
            if checked(step.step) and step.loss < self.lowest[0] * (1 - FLAT):
                self.lowest = step.loss, step.step
            self._report(step)
            return stalled(step.step)

        image = optimize_image(
            batch,
            self.targets.objective_for(stage.core),
            self.update,
            first if stalled(first) else stage.steps,
            follow,
            first=first,
            state=state,
            bounds=None if self.settings.optimizer in ('lbfgs', 'descent') else (0.0, 1.0),
            steps_per_call=math.gcd(PATIENCE_STEPS, self.steps_per_call or 0) if patience else self.steps_per_call,
            jit=self._jit(stage),
            checked=True,
        )
        return (image if latest is None else self.update.result(image, latest)).numpy()[0], latest

    def _jit(self, stage: Stage) -> str:
        """Whether XLA compiles a stage's loop: not by windows, whose sizes vary, and not for little work."""
        small = self.work[self.stage] < COMPILED_SHARE * sum(self.work)
        return 'off' if stage.core or small else self.settings.jit

    def _report(self, step: Step) -> None:
        """Tells the callback of a step."""
        from stylegen.utils.backend import tf

        if self.callback is None:
            return
        state, image, stage = step.state, step.image, self.stage
        factors = dict(zip((t.name for t in self.targets.objective.terms), self.factors, strict=True))
        raw = {name: loss / factors[name] if factors[name] else 0.0 for name, loss in step.losses.items()}
        here = self.work[stage] * step.step / step.steps
        self.callback(
            StyleStep(
                stage,
                len(self.plan.stages),
                step.step,
                step.steps,
                dict(step.losses),
                raw,
                _memory_of(image)[0],
                lambda: self.finish(self._without_margin(self.update.result(image, state).numpy()[0])),
                (*map(_memory_of, tf.nest.flatten(state)), *(np.array(x, np.float64) for x in self.lowest)),
                sum(self.work[:stage]) + here,
                sum(self.work),
            )
        )


def _update_rule(settings: StyleSettings, history: int) -> Update:
    """The rule that the picture is changed by; L-BFGS keeps `history` pairs."""
    from stylegen.optimize.updates import adam, gradient_descent, keep_best, lbfgs

    if settings.optimizer == 'adam':
        rates = settings.learning_rate, settings.beta_1, settings.beta_2
        return adam(*rates, settings.epsilon, settings.ema_decay, settings.epsilon_hat)
    if settings.optimizer == 'lbfgs':
        return keep_best(lbfgs(history, backtracking=settings.backtracking))
    return keep_best(gradient_descent(settings.learning_rate, 0.96**0.01))  # the decay of the Keras example


def _memory_of(tensor: tf.Tensor) -> np.ndarray:
    """The tensor's own memory, which must not be written to. A copy of the state would take a GB at 4096 x 4096."""
    return np.asarray(memoryview(tensor))
