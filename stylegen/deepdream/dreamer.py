"""A dreamer: a network, a subject and a manner, compiled once, for as many pictures as there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from stylegen import color as colors
from stylegen import images, pyramid
from stylegen.deepdream.plan import Plan, margin_of, plan
from stylegen.deepdream.subject import Subject
from stylegen.errors import UserError, unknown

COLORS = ('free', 'luminance', 'match')
NORMS = ('mean_abs', 'std')
SMOOTHINGS = ('none', 'gaussian', 'laplacian')
MEASURES = ('auto', 'mean_square', 'mean')
BALANCES = ('signal', 'gradient', 'none')
XLA_TILE = 512  # pixels: the one shape that XLA compiles for, unless the memory allows less only


@dataclass(frozen=True)
class DreamStep:
    """What a callback is told after some steps of an octave.

    `image` is the octave's picture, float32 (h, w, 3); `picture()` makes the whole one of it, at full size.
    `work` and `all_work` count pixels times steps, for progress. `balance` is the factor of each term in this octave.
    """

    octave: int
    octaves: int
    step: int
    steps: int
    losses: Mapping[str, float]
    image: np.ndarray
    picture: Callable[[], np.ndarray]
    work: float
    all_work: float
    balance: np.ndarray


@dataclass(frozen=True)
class Start:
    """Where an interrupted dream goes on: the fields of the last `DreamStep` that was kept."""

    octave: int
    step: int
    image: np.ndarray
    balance: np.ndarray


@dataclass(frozen=True, eq=False)
class Dreamer:
    """Dreams on pictures: `dreamer(image)`. The fields are the arguments of `stylegen.deepdream.dream`.

    The first picture pays for tracing; others, of any size, do not.
    """

    extractor: Callable
    subject: Subject
    guides: Sequence[np.ndarray]
    balance: str
    measure: str
    octaves: int
    octave_scale: float
    steps: int
    strength: float
    step_size: float | None
    norm: str
    smoothing: str
    variation: float
    jitter: int
    color: str
    wrap: bool
    max_memory: str | float
    jit: str

    def __post_init__(self):
        choices = {
            'color': COLORS,
            'norm': NORMS,
            'smoothing': SMOOTHINGS,
            'measure': MEASURES,
            'balance': BALANCES,
        }
        for what, names in choices.items():
            if getattr(self, what) not in names:
                raise unknown(what, getattr(self, what), names)
        if self.steps < 0:
            raise UserError(f'expected 0 steps or more, got {self.steps}')
        if self.step_size is None and not 0 < self.strength <= 1:
            raise UserError(f'expected a strength above 0 and up to 1, got {self.strength}')
        self.subject.check(self.extractor.channels)

    def plan(self, shape: tuple[int, int]) -> Plan:
        """Sizes, tile and memory for a picture of this height and width."""
        return plan(self.extractor, shape, self.octaves, self.octave_scale, self.max_memory, self.wrap)

    @cached_property
    def _terms(self):
        from stylegen.deepdream.terms import build_terms

        return build_terms(self.subject, self.extractor, self.guides, self.measure)

    @cached_property
    def _objective(self):
        from stylegen.backend import use_xla
        from stylegen.tiling import TiledObjective

        terms, _, points = self._terms
        regions = len(self.subject.regions)
        xla = use_xla(self.jit)
        return TiledObjective(
            self.extractor,
            terms,
            tile=self._xla_tile if xla else 0,
            stride=max(self.extractor.strides.values()),
            jitter=self.jitter,
            margin=margin_of(self.extractor, self.wrap),
            border='wrap' if self.wrap else 'mirror',
            places=regions + bool(regions and self.subject.targets) + len(points),
            fixed=xla,
            xla=xla,
        )

    @property
    def _xla_tile(self) -> int:
        stride = max(self.extractor.strides.values())
        memory = pyramid.parse_memory(self.max_memory)
        side = pyramid.tile_side(self.extractor.bytes_per_pixel, memory, stride, max(self.extractor.min_size, stride))
        return min(side, XLA_TILE // stride * stride)

    @cached_property
    def _loudness(self):
        from stylegen.backend import tf

        measure = lambda image: self._objective.loudness(image, self.balance)
        return tf.function(measure, input_signature=[tf.TensorSpec([1, None, None, 3])], autograph=False)

    @cached_property
    def _update(self):
        from stylegen.deepdream.ascent import dream_step

        border = 'wrap' if self.wrap else 'mirror'
        return dream_step(self.norm, self.smoothing, self.variation, border)

    def __call__(
        self,
        image: np.ndarray,
        *,
        mask: np.ndarray | None = None,
        regions: Sequence[np.ndarray] = (),
        seed: int = 0,
        start: Start | None = None,
        callback: Callable[[DreamStep], None] | None = None,
        steps_per_call: int | None = None,
    ) -> np.ndarray:
        """Dreams on one picture; see `stylegen.deepdream.dream` for the arguments.

        Args:
            regions: The masks of the subject's regions.
            steps_per_call: Steps between callbacks; by default as many as take about half a second.
        """
        from stylegen.deepdream.terms import Places
        from stylegen.optimize import NonFiniteLoss, optimize_image

        image = checked(image)
        for what, one in [('mask', mask), *(('region', region) for region in regions)]:
            if one is not None and one.shape != image.shape[:2]:
                raise UserError(
                    f'the {what} is {one.shape[1]} x {one.shape[0]}, the picture {image.shape[1]} x {image.shape[0]}'
                )
        if len(regions) != len(self.subject.regions):
            raise ValueError(f'{len(self.subject.regions)} regions are dreamt of; got {len(regions)} masks')

        made = self.plan(image.shape[:2])
        places = Places(regions, self._terms[2], rest=bool(regions and self.subject.targets))
        share = 1.0
        if regions and not (self.subject.targets or self.subject.guided):  # nothing is dreamt of elsewhere
            covered = np.max(regions, axis=0)
            mask, share = covered if mask is None else mask, float(np.sqrt(np.mean(np.square(covered))))
        octave_run = _Run(self, image, mask, made.sizes, callback)
        if not self._objective.fixed:
            self._objective.longest.assign(made.tile)
        detail = np.zeros((*made.sizes[0], 3), np.float32)
        for octave, size in enumerate(made.sizes):
            if start is not None and octave < start.octave:
                continue
            base = np.clip(images.resize(image, size, self.wrap), 0, 1)
            if len(places):
                self._objective.masks.assign(places.at(size))
            if start is not None and octave == start.octave:
                current, first = start.image, start.step
                self._objective.balance.assign(start.balance)
            else:
                current, first = base + images.resize(detail, size, self.wrap), 0
                self._set_balance(current, places)
            run = octave_run.of(octave, base, self._objective.balance.numpy())
            try:
                result = optimize_image(
                    current[None],
                    self._objective,
                    self._update,
                    self.steps,
                    run.report if callback else None,
                    first=first,
                    state=self._state(base, octave, len(made.sizes), first, share),
                    seed=int(np.random.SeedSequence([seed, octave]).generate_state(1)[0] >> 1),
                    steps_per_call=steps_per_call,
                    jit='off',  # the objective compiles its tiles
                )
            except NonFiniteLoss as error:
                error.picture = run.whole(np.asarray(error.image[0]))
                raise
            current = np.asarray(result[0])
            detail = current - base
        return octave_run.finish(current)

    def _state(self, base, octave, octaves, first, share):
        """What the steps of an octave need to know; `share` of the picture, as an RMS, is to change by the strength."""
        from stylegen.deepdream.ascent import step_state

        raw = self.step_size is not None
        size, strength = (self.step_size, 0.0) if raw else (0.0, self.strength * share)
        return step_state(base[None], octave, octaves, first, max(self.steps, 1), size, strength)

    def _set_balance(self, current: np.ndarray, places) -> None:
        """Gives every term the same loudness at the start of an octave, in proportion to where it acts."""
        terms, where, _ = self._terms
        if self.balance == 'none' or len(terms) == 1 or not self.steps:
            return
        loudness = self._loudness(current[None]).numpy() * np.sqrt(np.prod(current.shape[:2]))
        shares = places.shares()
        share = np.array([1.0 if place is None else shares[place] for place in where])
        factors = np.divide(share, loudness, out=np.ones(len(terms)), where=loudness > 0)
        self._objective.balance.assign(factors.astype(np.float32))


@dataclass(frozen=True)
class _Run:
    """One picture's dream: makes whole pictures of an octave's, and reports."""

    dreamer: Dreamer
    image: np.ndarray
    mask: np.ndarray | None
    sizes: Sequence[tuple[int, int]]
    callback: Callable[[DreamStep], None] | None
    octave: int = 0
    base: np.ndarray | None = None
    balance: np.ndarray | None = None

    def of(self, octave: int, base: np.ndarray, balance: np.ndarray) -> _Run:
        return replace(self, octave=octave, base=base, balance=balance)

    def finish(self, dreamt: np.ndarray) -> np.ndarray:
        """The colours that were asked for, and the mask."""
        out = {
            'free': lambda: dreamt,
            'luminance': lambda: colors.keep_chroma(dreamt, self.image),
            'match': lambda: colors.match_colors(dreamt, self.image),
        }[self.dreamer.color]()
        if self.mask is not None:
            share = self.mask[..., None]
            out = np.where(share > 0, self.image + share * (out - self.image), self.image)
        return np.clip(out, 0, 1).astype(np.float32)

    def whole(self, octave_image: np.ndarray) -> np.ndarray:
        """The whole picture as it is when an octave's picture is this one."""
        detail = images.resize(octave_image - self.base, self.image.shape[:2], self.dreamer.wrap)
        return self.finish(np.clip(self.image + detail, 0, 1))

    def report(self, step) -> None:
        """Tells the callback."""
        pixels, steps = np.asarray(step.image[0]), self.dreamer.steps
        work = steps * pyramid.total_pixels(self.sizes[: self.octave]) + step.step * pixels[..., 0].size
        self.callback(
            DreamStep(
                self.octave,
                len(self.sizes),
                step.step,
                steps,
                dict(step.losses),
                pixels,
                lambda: self.whole(pixels),
                work,
                steps * pyramid.total_pixels(self.sizes),
                self.balance,
            )
        )


def checked(image: np.ndarray) -> np.ndarray:
    """The picture as float32; ValueError for what is none."""
    image = np.ascontiguousarray(image, np.float32)
    if image.ndim != 3 or image.shape[2] != 3 or not np.isfinite(image).all():
        raise ValueError(f'expected a finite picture of shape (height, width, 3), got {image.shape}')
    return image
