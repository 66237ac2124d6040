"""A stylizer: a network, layers and a manner, compiled once, for as many pictures and styles as there are."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from stylegen import images, pixels, pyramid
from stylegen.errors import UserError, unknown
from stylegen.style.coloring import COLORS, MAPS, TIMES, Coloring
from stylegen.style.plan import Costs, Plan, Stage, plan, survey_core

LOSSES = ('wasserstein', 'gram', 'covariance', 'gram+histogram')
OPTIMIZERS = ('adam', 'lbfgs', 'descent')
INITS = ('content', 'noise', 'style')
VARIATION_FORMS = ('square', 'absolute', 'power')
HISTORY = 10  # pairs of L-BFGS, fewer where memory is short
TRIALS = 5  # how often a step of L-BFGS may be halved
SMALLEST_STYLE = 32  # pixels, of a style's picture at a small size
PATIENCE_STEPS = 10  # steps between looks at whether the loss still falls
FLAT = 0.01  # a loss that falls by less than this share has flattened

Styles = Sequence[tuple[np.ndarray, float]]  # pictures float32 (h, w, 3) in [0, 1] with their shares


@dataclass(frozen=True)
class StyleStep:
    """What a callback is told after some steps of a stage.

    Attributes:
        stage, stages: The size worked at, from 0, of how many.
        step, steps: Steps done of this size's.
        losses: Weighted losses by term, before the last step.
        raw: The same without their weights: relative distances, 0 where the style or the content is met.
        image: The picture at this size with its frame, float32 (h, w, 3).
        result: Gives the picture as it would be if the run ended here, at full size, colours and masks done.
        state: What the optimiser remembers, and the lowest loss and when it was, arrays: with stage, step and image all
            that `Start` needs.
        work, all_work: Pixels times steps, for progress.
    """

    stage: int
    stages: int
    step: int
    steps: int
    losses: Mapping[str, float]
    raw: Mapping[str, float]
    image: np.ndarray
    result: Callable[[], np.ndarray]
    state: Sequence[np.ndarray]
    work: float
    all_work: float


@dataclass(frozen=True)
class Start:
    """Where an interrupted run goes on: fields of the last `StyleStep` that was kept."""

    stage: int
    step: int
    image: np.ndarray
    state: Sequence[np.ndarray]


@dataclass(frozen=True, eq=False)
class Stylizer:
    """Gives pictures the manner of others: `stylizer(content, styles)`.

    The fields are the arguments of `stylegen.style.transfer`, of the same names. The first picture pays for tracing;
    others, of any size, do not.
    """

    extractor: Any
    style_layers: Mapping[str, float]
    content_layers: Mapping[str, float]
    content_scale: float
    like: str | None
    loss: str
    strength: float
    content_weight: float | None
    style_weight: float | None
    variation: float
    variation_form: str
    optimizer: str
    learning_rate: float
    beta_1: float
    beta_2: float
    epsilon: float
    average: float
    iterations: int | Sequence[int]
    patience: int | None
    scale: float
    coarsest: int
    init: str
    style_scale: float
    style_size: int | None
    color: str
    color_time: str
    color_map: str
    margin: int
    regions: int
    max_memory: str | float
    jit: str

    def __post_init__(self):
        choices = {
            'loss': LOSSES,
            'optimizer': OPTIMIZERS,
            'variation_form': VARIATION_FORMS,
            'color': COLORS,
            'color_time': TIMES,
            'color_map': MAPS,
        }
        for what, names in choices.items():
            if getattr(self, what) not in names:
                raise unknown(what, getattr(self, what), names)
        if not 0 <= self.strength <= 1:
            raise UserError(f'expected a strength from 0 to 1, got {self.strength}')
        for what in ('variation', 'content_weight', 'style_weight', 'content_scale', 'learning_rate', 'margin'):
            if not (getattr(self, what) or 0) >= 0:
                raise UserError(f'expected {what} to be 0 or more, got {getattr(self, what)}')
        for what in ('beta_1', 'beta_2', 'average'):
            if not 0 <= getattr(self, what) < 1:
                raise UserError(f'expected {what} from 0 to below 1, got {getattr(self, what)}')
        for what in ('style_size', 'patience'):
            if getattr(self, what) is not None and getattr(self, what) < 1:
                raise UserError(f'expected {what} to be 1 or more, got {getattr(self, what)}')
        if self.style_scale <= 0:
            raise UserError(f'expected a style_scale above 0, got {self.style_scale}')

    @cached_property
    def targets(self):
        """The objective and what it aims at, see `stylegen.style.targets.Targets`."""
        from stylegen.style.targets import Targets

        return Targets(
            self.extractor,
            self.style_layers,
            self.content_layers,
            loss=self.loss,
            places=self.regions + 1 if self.regions else 0,
            variation=self.variation_form,
            margin=0,
        )

    def update(self, history: int):
        """The rule that the picture is changed by; L-BFGS keeps `history` pairs."""
        betas = self.beta_1, self.beta_2
        return _update(self.optimizer, self.learning_rate, betas, self.epsilon, self.average, history)

    @cached_property
    def costs(self) -> Costs:
        """What the features cost."""
        channels, strides = self.targets.channels, self.targets.strides
        return Costs(
            per_pixel=self.extractor.bytes_per_pixel,
            per_target_pixel=sum(4 * channels[layer] / strides[layer] ** 2 for layer in self.content_layers)
            + (4 * (self.regions + 1) * sum(1 / s**2 for s in strides.values()) if self.regions else 0),
            halo=self.targets.halo,
            stride=max(strides.values()),
            smallest=self.extractor.min_size,
            margin=self.margin,
        )

    def plan(self, shape: tuple[int, int]) -> Plan:
        """Sizes, steps, windows and memory for a content of this height and width."""
        memory = pyramid.parse_memory(self.max_memory)
        history = HISTORY if self.optimizer == 'lbfgs' else 0
        return plan(self.costs, shape, self.scale, self.iterations, memory, history, self.coarsest)

    def __call__(
        self,
        content: np.ndarray,
        styles: Styles,
        *,
        regions: Sequence[tuple[np.ndarray, Styles]] = (),
        mask: np.ndarray | None = None,
        init: np.ndarray | None = None,
        seed: int = 0,
        start: Start | None = None,
        callback: Callable[[StyleStep], None] | None = None,
        steps_per_call: int | None = None,
    ) -> np.ndarray:
        """Gives one picture the manner of others; see `stylegen.style.transfer` for the arguments.

        Args:
            init: The picture to begin with, where the field `init` is not to say.
            steps_per_call: Steps between callbacks; by default as many as take about half a second.

        Raises:
            UserError: A picture, mask or number of regions that cannot be.
            stylegen.optimize.NonFiniteLoss: A loss overflowed; its `picture` is the last good one, at full size.
        """
        check_pictures(content, styles, regions, mask, self.regions, self.extractor.min_size)
        run = _Run(self, content, styles, regions, mask, seed, callback, steps_per_call)
        return run.go(init, start)


def check_pictures(content, styles, regions, mask, count, smallest=1) -> None:
    """Refuses what is no picture, styles too small for the network, masks of another shape, styles that weigh nothing.

    Raises:
        UserError: With what was expected and what came.
    """
    pictures = [('content', content), *(('style', p) for group in (styles, *(s for _, s in regions)) for p, _ in group)]
    for what, picture in pictures:
        if picture.ndim != 3 or picture.shape[2] != 3 or not np.isfinite(picture).all():
            raise UserError(f'the {what} is no finite picture of shape (height, width, 3): {picture.shape}')
        if what == 'style' and min(picture.shape[:2]) < smallest:
            raise UserError(f'a style is {picture.shape[1]} x {picture.shape[0]}, it needs {smallest} pixels a side')
    for one in [*(one for one, _ in regions), *([] if mask is None else [mask])]:
        if one.shape != content.shape[:2]:
            raise UserError(f'a mask is {one.shape[::-1]}, the content {content.shape[1::-1]} (width, height)')
        if not (one.min() >= 0 and one.max() <= 1):
            raise UserError(f'expected masks in [0, 1], got {one.min():.3g} to {one.max():.3g}')
    if len(regions) != count:
        raise UserError(f'expected {count} regions, got {len(regions)}')
    for group in (styles, *(s for _, s in regions)):
        if any(share < 0 for _, share in group) or (group and sum(share for _, share in group) <= 0):
            raise UserError('expected shares of styles from 0, and one above 0')
    if not styles and not any(s for _, s in regions):
        raise UserError('expected at least one style')


@functools.lru_cache(16)
def _update(optimizer: str, learning_rate: float, betas: tuple, epsilon: float, average: float, history: int):
    """One rule for the same settings: the loop that is compiled goes with it."""
    from stylegen.updates import adam, gradient_descent, keeping_best, lbfgs

    if optimizer == 'adam':
        return adam(learning_rate, *betas, epsilon, average)
    if optimizer == 'descent':
        return gradient_descent(learning_rate, decay=0.96**0.01)
    return keeping_best(lbfgs(history, backtracking=TRIALS))


class _Run:
    """One picture on its way through the sizes."""

    def __init__(self, stylizer: Stylizer, content, styles, regions, mask, seed, callback, steps_per_call):
        self.stylizer, self.seed, self.callback, self.steps_per_call = stylizer, seed, callback, steps_per_call
        self.original, self.mask = np.ascontiguousarray(content, np.float32), mask
        self.coloring = Coloring(stylizer.color, stylizer.color_time, stylizer.color_map)
        self.content = self.coloring.content(self.original)
        rest = np.clip(1 - sum(one for one, _ in regions), 0, 1).astype(np.float32) if regions else None
        self.places = [rest, *(one for one, _ in regions)] if regions else []
        self.styles = [
            [(self.coloring.style(picture, self.original), share) for picture, share in group if share]
            for group in (styles, *(group for _, group in regions))
        ]
        self.plan = stylizer.plan(content.shape[:2])
        self.update = stylizer.update(self.plan.history)
        self.stage, self.lowest = 0, (np.inf, 0)
        self.work = [stage.steps * stage.size[0] * stage.size[1] for stage in self.plan.stages]

    def go(self, init, start: Start | None) -> np.ndarray:
        from stylegen.backend import tf
        from stylegen.optimize import NonFiniteLoss

        image, state = (None, None) if start is None else (start.image, None)
        for number in range(start.stage if start else 0, len(self.plan.stages)):
            self.stage, stage = number, self.plan.stages[number]
            self.base = images.resize(self.content, stage.size).clip(0, 1)
            self.base = self._framed(self.base)
            begun = self._begin(stage.size, init) if image is None else images.resize(image, stage.size)
            batch = tf.constant(start.image[None] if start else self._framed(np.clip(begun, 0, 1))[None])
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

    def _begin(self, size, init) -> np.ndarray:
        """The picture to begin with."""
        if init is not None:
            return images.resize(init, size)
        if self.stylizer.init == 'content':
            return self._unframed(self.base)
        noise = np.random.default_rng(self.seed).normal(size=(*size, 3)).astype(np.float32)
        if self.stylizer.init == 'noise':
            return 0.5 + 0.1 * noise
        pictures = next(group for group in self.styles if group)
        values = np.concatenate([picture.reshape(-1, 3) for picture, _ in pictures])
        spread = np.linalg.cholesky(np.cov(values, rowvar=False) + 1e-6 * np.eye(3))
        return (values.mean(0) + noise @ spread.T).astype(np.float32)

    def _aim(self, stage: Stage) -> None:
        """Sets what the picture is compared with at this size, and how much each term counts."""
        stylizer, targets = self.stylizer, self.stylizer.targets
        targets.set_content(
            self.base, [self._framed(images.resize(p, stage.size).clip(0, 1)) for p in self.places], stage.core
        )
        for place, group in enumerate(self.styles):
            if group:
                targets.set_styles(place, [(*self._style_at(p, stage), share) for p, share in group])
            else:
                targets.areas[place] = 0.0
        if stylizer.like:
            self.factors = targets.set_published(stylizer.like, stage.size)
        elif stylizer.content_weight is not None or stylizer.style_weight is not None:
            weights = [1.0 if w is None else w for w in (stylizer.content_weight, stylizer.style_weight)]
            self.factors = targets.set_weights(*weights, stylizer.variation)
        else:
            scales = stylizer.content_scale, stylizer.variation
            self.factors = targets.set_strength(self.base, stage.core, stylizer.strength, *scales)

    def _style_at(self, picture: np.ndarray, stage: Stage) -> tuple[np.ndarray, int]:
        """A style's picture beside a content of this size, and the windows' core to see it by.

        In its own shape, never larger than it is, and never too small for the network.
        """
        full, smallest = max(self.content.shape[:2]), self.stylizer.extractor.min_size
        longest = (self.stylizer.style_size or full) * self.stylizer.style_scale * max(stage.size) / full
        slim = max(picture.shape[:2]) / min(picture.shape[:2])
        longest = max(round(longest), SMALLEST_STYLE, math.ceil(smallest * slim))
        if longest < max(picture.shape[:2]):
            picture = np.clip(images.resize(picture, pixels.fit(picture.shape, longest)), 0, 1)
        return picture, survey_core(self.stylizer.costs, picture.shape[:2], self.plan.allowed)

    def _optimize(self, batch, stage: Stage, state, first: int):
        from stylegen.optimize import optimize_image

        objective = self.stylizer.targets.objective_for(stage.core)
        patience, latest = self.stylizer.patience, state

        def flat(step):
            return patience is not None and step - self.lowest[1] >= patience

        def follow(step):
            nonlocal latest
            latest = step.state
            if step.loss < self.lowest[0] * (1 - FLAT):
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
            seed=self.seed,
            bounds=None if self.stylizer.optimizer in ('lbfgs', 'descent') else (0.0, 1.0),
            steps_per_call=PATIENCE_STEPS if patience else self.steps_per_call,
            jit='off' if stage.core else self.stylizer.jit,
        )
        return (image if latest is None else self.update.result(image, latest)).numpy()[0], latest

    def _report(self, step) -> None:
        from stylegen.backend import tf

        if self.callback is None:
            return
        state, image, stage = step.state, step.image, self.stage
        factors = dict(zip((t.name for t in self.stylizer.targets.objective.terms), self.factors, strict=True))
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
                image.numpy()[0],
                lambda: self.finish(self._unframed(self.update.result(image, state).numpy()[0])),
                (*(x.numpy() for x in tf.nest.flatten(state)), *(np.float64(x) for x in self.lowest)),
                sum(self.work[:stage]) + here,
                sum(self.work),
            )
        )

    def _resized(self, tensor, size):
        from stylegen.backend import tf

        return tf.constant(self._framed(images.resize(self._unframed(tensor.numpy()[0]), size))[None])
