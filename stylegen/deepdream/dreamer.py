"""A dreamer: a network, a subject and a manner, compiled once, for as many pictures as there are."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from stylegen import images
from stylegen.deepdream.octaves import DreamStep, PictureDream, Start
from stylegen.deepdream.plan import Plan, margin_of, plan
from stylegen.deepdream.subject import Subject
from stylegen.images.conversion import PictureLike
from stylegen.optimize import pyramid
from stylegen.utils.choices import MEASURES, NORMS, SMOOTHINGS
from stylegen.utils.errors import UserError, unknown
from stylegen.utils.locks import Turn
from stylegen.utils.memory import parse_memory

if TYPE_CHECKING:
    from stylegen.deepdream.terms import Places
    from stylegen.networks.extractor import FeatureExtractor

COLORS = ('free', 'luminance', 'match')
BALANCES = ('signal', 'gradient', 'none')
XLA_TILE = 512  # pixels: the largest square that XLA compiles for, where the memory allows it


@dataclass(frozen=True, eq=False)
class Dreamer:
    """Dreams on pictures: `dreamer(image)`. The fields are the arguments of `stylegen.deepdream.dream`.

    The first picture pays for tracing; others, of any size, do not. Threads that share a dreamer take turns.
    """

    extractor: FeatureExtractor
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
    turn: Turn = field(default_factory=lambda: Turn('dreamer'), init=False, repr=False)

    def __post_init__(self) -> None:
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
        for name in ('steps', 'jitter', 'variation', 'step_size'):
            value = getattr(self, name)
            if value is not None and not 0 <= value < math.inf:
                raise UserError(f'expected a number of 0 or more as {name}, got {value}')
        if self.step_size is None and not 0 < self.strength <= 1:
            raise UserError(f'expected a strength above 0 and up to 1, got {self.strength}')
        self.subject.check(self.extractor.channels)

    def plan(self, shape: tuple[int, int]) -> Plan:
        """Sizes, tile and memory for a picture of this height and width."""
        from stylegen.utils.backend import use_xla

        tile = self._xla_tile if use_xla(self.jit) else 0
        return plan(self.extractor, shape, self.octaves, self.octave_scale, self.max_memory, self.wrap, tile)

    @cached_property
    def _terms(self):
        from stylegen.deepdream.terms import build_terms

        return build_terms(self.subject, self.extractor, self.guides, self.measure)

    @cached_property
    def _objective(self):
        from stylegen.optimize.tiling import TiledObjective
        from stylegen.utils.backend import use_xla

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
        memory = parse_memory(self.max_memory)
        side = pyramid.tile_side(self.extractor.bytes_per_pixel, memory, stride, max(self.extractor.min_size, stride))
        return min(side, XLA_TILE // stride * stride)

    @cached_property
    def _loudness(self):
        from stylegen.utils.backend import tf

        measure = lambda image: self._objective.loudness(image, self.balance)
        return tf.function(measure, input_signature=[tf.TensorSpec([1, None, None, 3])], autograph=False)

    @cached_property
    def _update(self):
        from stylegen.deepdream.ascent import dream_step

        border = 'wrap' if self.wrap else 'mirror'
        return dream_step(self.norm, self.smoothing, self.variation, border)

    def __call__(
        self,
        image: PictureLike,
        *,
        mask: PictureLike | None = None,
        regions: Sequence[PictureLike] = (),
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
        image = images.as_picture(image)
        shape = image.shape[:2]
        mask = None if mask is None else images.as_mask(mask, 'mask', shape)
        regions = [images.as_mask(region, 'region', shape) for region in regions]
        if len(regions) != len(self.subject.regions):
            raise UserError(f'{len(self.subject.regions)} regions are dreamt of; got {len(regions)} masks')
        with self.turn:
            return self._dreamt(image, mask, regions, seed, start, callback, steps_per_call)

    def _dreamt(
        self,
        image: np.ndarray,
        mask: np.ndarray | None,
        regions: Sequence[np.ndarray],
        seed: int,
        start: Start | None,
        callback: Callable[[DreamStep], None] | None,
        steps_per_call: int | None,
    ) -> np.ndarray:
        """The dream, octave by octave; the objective keeps the tile, the masks and the balance of this picture."""
        from stylegen.deepdream.terms import Places

        made = self.plan(image.shape[:2])
        places = Places(regions, self._terms[2], rest=bool(regions and self.subject.targets))
        mask, share = self._shown(mask, regions)
        at = functools.partial(PictureDream, image, mask, made.sizes, self.steps, self.color, self.wrap, callback)
        detail = np.zeros((*made.sizes[0], 3), np.float32)
        for octave, size in enumerate(made.sizes):
            if start is not None and octave < start.octave:
                continue
            base = np.clip(images.resize(image, size, self.wrap), 0, 1)
            self._objective.longest.assign(made.longest(octave))
            if len(places):
                self._objective.masks.assign(places.at(size))
            if start is not None and octave == start.octave:
                current, first = start.image, start.step
                self._objective.balance.assign(start.balance)
            else:
                current, first = base + images.resize(detail, size, self.wrap), 0
                self._set_balance(current, places)
            part = at(octave, base, self._objective.balance.numpy())
            current = self._climb(part, current, first, share, seed, steps_per_call)
            detail = current - base
        return part.finish(current)

    def _shown(self, mask: np.ndarray | None, regions: Sequence[np.ndarray]) -> tuple[np.ndarray | None, float]:
        """The mask of what may change, and the share of the picture that is to change by the strength, as an RMS."""
        if not regions or self.subject.targets or self.subject.guided:
            return mask, 1.0
        covered = np.max(regions, axis=0)  # nothing is dreamt of elsewhere
        return covered if mask is None else np.minimum(covered, mask), float(np.sqrt(np.mean(np.square(covered))))

    def _climb(
        self, part: PictureDream, current: np.ndarray, first: int, share: float, seed: int, steps_per_call: int | None
    ) -> np.ndarray:
        """An octave's picture after its steps, from `first` on; `share` of it is to change by the strength."""
        from stylegen.deepdream.ascent import step_state
        from stylegen.optimize.loop import NonFiniteLoss, optimize_image

        size, strength = (0.0, self.strength * share) if self.step_size is None else (self.step_size, 0.0)
        octaves, steps = len(part.sizes), max(self.steps, 1)
        try:
            dreamt = optimize_image(
                current[None],
                self._objective,
                self._update,
                self.steps,
                part.report,
                first=first,
                state=step_state(part.base[None], part.octave, octaves, first, steps, size, strength),
                seed=int(np.random.SeedSequence([seed, part.octave]).generate_state(1)[0] >> 1),
                steps_per_call=steps_per_call,
                jit='off',  # the objective compiles its tiles
                checked=True,
            )
        except NonFiniteLoss as error:
            error.picture = part.whole(np.asarray(error.image[0]))
            raise
        return np.asarray(dreamt[0])

    def _set_balance(self, current: np.ndarray, places: Places) -> None:
        """Gives every term the same loudness at the start of an octave, in proportion to where it acts."""
        terms, where, _ = self._terms
        if self.balance == 'none' or len(terms) == 1 or not self.steps:
            return
        loudness = self._loudness(current[None]).numpy() * np.sqrt(np.prod(current.shape[:2]))
        shares = places.shares()
        share = np.array([1.0 if place is None else shares[place] for place in where])
        factors = np.divide(share, loudness, out=np.ones(len(terms)), where=loudness > 0)
        self._objective.balance.assign(factors.astype(np.float32))
