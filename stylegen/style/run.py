"""One picture on its way through the sizes: aimed, optimised, reported, carried to the next size, finished."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from stylegen import images
from stylegen.images import color as colors
from stylegen.images import pixels
from stylegen.style.coloring import Coloring
from stylegen.style.plan import Stage, survey_core
from stylegen.style.steps import Start, StyleStep

if TYPE_CHECKING:
    from stylegen.optimize.loop import Step
    from stylegen.optimize.updates import State
    from stylegen.style.setup import Styles, StyleSetup
    from stylegen.utils.backend import tf

SMALLEST_STYLE = 32  # pixels, of a style's picture at a small size
PATIENCE_STEPS = 10  # steps between looks at whether the loss still falls
MEAN_COLOR = np.array([123.68, 116.779, 103.939], np.float32) / 255  # of ImageNet, which VGG sees as zeros
COMPILED_SHARE = 1 / 8  # of all the work, that a size must have for XLA: its compilation takes as long for a small one
FLAT = 0.01  # a loss that falls by less than this share has flattened


class Run:
    """One picture on its way through the sizes."""

    def __init__(
        self,
        stylizer: StyleSetup,
        content: np.ndarray,
        styles: Styles,
        regions: Sequence[tuple[np.ndarray, Styles]],
        mask: np.ndarray | None,
        seed: int,
        callback: Callable[[StyleStep], None] | None,
        steps_per_call: int | None,
    ):
        self.stylizer, self.seed, self.callback, self.steps_per_call = stylizer, seed, callback, steps_per_call
        self.original, self.mask = content, mask
        self.coloring = Coloring(stylizer.color, stylizer.color_time, stylizer.color_map)
        self.content = self.coloring.content(self.original)
        masks = [one for one, _ in regions]
        self.masks = (
            [np.clip(1 - sum(masks), 0, 1).astype(np.float32), *masks] if masks else []
        )  # `styles` is the rest's
        self.styles = [
            [(self.coloring.style(picture, self.original), share) for picture, share in group if share]
            for group in (styles, *(group for _, group in regions))
        ]
        self.tone = None if stylizer.like or masks else colors.chroma_moments(self.styles[0])
        self.plan = stylizer.plan(content.shape[:2])
        self.targets, self.update = stylizer.targets, stylizer.update(self.plan.history)
        self.stage = 0
        self.lowest: tuple[float, int] = np.inf, 0  # loss, and the step that it was at
        self.work = [stage.steps * stage.size[0] * stage.size[1] for stage in self.plan.stages]

    def go(self, init: np.ndarray | None, start: Start | None) -> np.ndarray:
        """Works through the sizes, from the first or from `start` on; the whole picture in the end."""
        from stylegen.optimize.loop import NonFiniteLoss
        from stylegen.utils.backend import tf

        image, state = self.content, None
        for number in range(start.stage if start else 0, len(self.plan.stages)):
            self.stage, stage = number, self.plan.stages[number]
            self.base = images.resize(self.content, stage.size).clip(0, 1)
            self.base = self._framed(self.base)
            if start:
                begun = start.image
            else:
                image = images.resize(image, stage.size) if number else self._begin(stage.size, init)
                begun = self._framed(np.clip(image, 0, 1))
            batch = tf.constant(begun[None])
            self._aim(stage)
            self.lowest = np.inf, 0
            if start:
                *arrays, loss, step = start.state
                self.lowest = float(loss), int(step)
                state = tf.nest.pack_sequence_as(self.update.start(batch), [tf.constant(x) for x in arrays])
            elif state is not None:
                state = self.update.carried(state, batch, lambda x, size=stage.size: self._resized(x, size))
            try:
                image, state = self._optimize(batch, stage, state, start.step if start else 0)
                image = self._unframed(image)
            except NonFiniteLoss as error:
                error.picture = self.finish(self._unframed(error.image.numpy()[0]))
                raise
            start = None
        return self.finish(image)

    def finish(self, image: np.ndarray) -> np.ndarray:
        """The whole picture when this is the one at the size of now: at full size, with its colours, in its mask."""
        image = np.clip(images.resize(image, self.content.shape[:2]), 0, 1)
        if self.coloring.color == 'style' and self.tone:
            image = colors.toned(image, *self.tone, share=min(1.0, 2 * self.stylizer.strength))
        image = self.coloring.finish(image, self.original)
        if self.mask is None:
            return image
        share = self.mask[..., None].astype(np.float32)
        return (1 - share) * self.original + share * image

    def _framed(self, image: np.ndarray) -> np.ndarray:
        """A picture with a frame around it, mirrored at first, that is painted too and cut off in the end.

        Where a picture ends, the network sees zeros, and what is painted there looks it.
        """
        margin = self.stylizer.margin
        edges = [(margin, margin)] * 2 + [(0, 0)] * (image.ndim - 2)
        return np.pad(image, edges, 'reflect') if margin else image

    def _unframed(self, image: np.ndarray) -> np.ndarray:
        margin = self.stylizer.margin
        return image[margin : image.shape[0] - margin, margin : image.shape[1] - margin]

    def _begin(self, size: tuple[int, int], init: np.ndarray | None) -> np.ndarray:
        """The picture to begin with."""
        if init is not None:
            return images.resize(init, size)
        if self.stylizer.init == 'content':
            return self._unframed(self.base)
        noise = np.random.default_rng(self.seed).normal(size=(*size, 3)).astype(np.float32)
        if self.stylizer.init == 'noise':
            return 0.5 + 0.1 * noise
        if self.stylizer.init == 'mean':  # as J. Johnson's neural-style begins
            return MEAN_COLOR + 0.001 / 255 * noise
        mean, covariance = _colors(next(group for group in self.styles if group))
        return (mean + noise @ np.linalg.cholesky(covariance + 1e-6 * np.eye(3)).T).astype(np.float32)

    def _aim(self, stage: Stage) -> None:
        """Sets what the picture is compared with at this size, and how much each term counts."""
        stylizer, targets = self.stylizer, self.targets
        targets.set_content(
            self.base, [self._framed(images.resize(p, stage.size).clip(0, 1)) for p in self.masks], stage.core
        )
        for region, group in enumerate(self.styles):
            if group:
                targets.set_styles(region, [(*self._style_at(p, stage), share) for p, share in group])
            else:
                targets.areas[region] = 0.0
        if stylizer.like:
            self.factors = targets.set_published(stylizer.like, stage.size)
        elif stylizer.content_weight is not None or stylizer.style_weight is not None:
            content, style = (1.0 if w is None else w for w in (stylizer.content_weight, stylizer.style_weight))
            self.factors = targets.set_weights(content, style, stylizer.variation)
        else:
            scales = stylizer.content_scale, stylizer.variation
            self.factors = targets.set_strength(self.base, stage.core, stylizer.strength, *scales)

    def _style_at(self, picture: np.ndarray, stage: Stage) -> tuple[np.ndarray, int]:
        """A style's picture beside a content of this size, and the windows' core to see it by.

        In its own shape, never larger than it is, and never too small for the network.
        """
        full, smallest = max(self.content.shape[:2]), self.stylizer.extractor.min_size
        longest = (self.stylizer.style_size or full * self.stylizer.style_scale) * max(stage.size) / full
        slim = max(picture.shape[:2]) / min(picture.shape[:2])
        longest = max(round(longest), SMALLEST_STYLE, math.ceil(smallest * slim))
        if longest < max(picture.shape[:2]):
            picture = np.clip(images.resize(picture, pixels.fit(picture.shape, longest)), 0, 1)
        return picture, survey_core(self.stylizer.costs, picture.shape[:2], self.plan.allowed)

    def _optimize(self, batch: tf.Tensor, stage: Stage, state: State | None, first: int) -> tuple[np.ndarray, State]:
        """The picture with its frame and the rule's state after a stage's steps, from `first` on."""
        from stylegen.optimize.loop import optimize_image

        objective = self.targets.objective_for(stage.core)
        patience, latest = self.stylizer.patience, state

        def judged(step):  # whatever the calls are, so that the picture does not depend on them
            return step % PATIENCE_STEPS == 0 or step == stage.steps

        def flat(step):
            return patience is not None and judged(step) and step - self.lowest[1] >= patience

        def follow(step):
            nonlocal latest
            latest = step.state
            if judged(step.step) and step.loss < self.lowest[0] * (1 - FLAT):
                self.lowest = step.loss, step.step
            self._report(step)
            return flat(step.step)

        image = optimize_image(
            batch,
            objective,
            self.update,
            first if flat(first) else stage.steps,
            follow,
            first=first,
            state=state,
            bounds=None if self.stylizer.optimizer in ('lbfgs', 'descent') else (0.0, 1.0),
            steps_per_call=math.gcd(PATIENCE_STEPS, self.steps_per_call or 0) if patience else self.steps_per_call,
            jit=self._jit(stage),
            checked=True,
        )
        return (image if latest is None else self.update.result(image, latest)).numpy()[0], latest

    def _jit(self, stage: Stage) -> str:
        """Whether XLA compiles a stage's loop: not by windows, whose sizes it does not know, nor for little work."""
        small = self.work[self.stage] < COMPILED_SHARE * sum(self.work)
        return 'off' if stage.core or small else self.stylizer.jit

    def _report(self, step: Step) -> None:
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
                _seen(image)[0],
                lambda: self.finish(self._unframed(self.update.result(image, state).numpy()[0])),
                (*map(_seen, tf.nest.flatten(state)), *(np.array(x, np.float64) for x in self.lowest)),
                sum(self.work[:stage]) + here,
                sum(self.work),
            )
        )

    def _resized(self, tensor, size):
        from stylegen.utils.backend import tf

        return tf.constant(self._framed(images.resize(self._unframed(tensor.numpy()[0]), size))[None])


def _colors(styles: Styles) -> tuple[np.ndarray, np.ndarray]:
    """The mean and the covariance of the colours of pictures as if they hung side by side in their shares."""
    total = sum(share for _, share in styles)
    colors = [(picture.reshape(-1, 3).astype(np.float64), share / total) for picture, share in styles]
    mean = sum(share * each.mean(0) for each, share in colors)
    return mean, sum(share * (each - mean).T @ (each - mean) / len(each) for each, share in colors)


def _seen(tensor: tf.Tensor) -> np.ndarray:
    """The tensor's own memory, not to be written to: a copy of all of the state would be a GB at 4096 x 4096."""
    return np.asarray(memoryview(tensor))
