"""A stylizer: a network, layers and a manner, compiled once, for as many pictures and styles as there are."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from stylegen.images.conversion import PictureLike, StylesLike, as_mask, as_picture, as_shares
from stylegen.style.coloring import COLORS, MAPS, TIMES
from stylegen.style.plan import Costs, Plan, plan
from stylegen.style.steps import Start, StyleStep
from stylegen.utils.errors import UserError, unknown
from stylegen.utils.locks import Turn
from stylegen.utils.memory import parse_memory

if TYPE_CHECKING:
    from stylegen.networks.extractor import FeatureExtractor
    from stylegen.optimize.updates import Update
    from stylegen.style.targets import Targets

LOSSES = ('wasserstein', 'gram', 'covariance', 'gram+histogram')
OPTIMIZERS = ('adam', 'lbfgs', 'descent')
INITS = ('content', 'noise', 'style', 'mean')

Styles = Sequence[tuple[np.ndarray, float]]  # pictures float32 (h, w, 3) in [0, 1] with their shares


@dataclass(frozen=True, eq=False)
class Stylizer:
    """Gives pictures the manner of others: `stylizer(content, styles)`.

    The fields are the arguments of `stylegen.style.transfer`, of the same names. The first picture pays for tracing;
    others, of any size, do not. Threads that share a stylizer take turns.
    """

    extractor: FeatureExtractor
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
    epsilon_hat: bool
    average: float
    history: int
    trials: int
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
    turn: Turn = field(default_factory=lambda: Turn('stylizer'), init=False, repr=False)

    def __post_init__(self) -> None:
        from stylegen.losses.features import VARIATIONS

        choices: dict[str, Iterable[str]] = {
            'loss': LOSSES,
            'optimizer': OPTIMIZERS,
            'variation_form': VARIATIONS,
            'color': COLORS,
            'color_time': TIMES,
            'color_map': MAPS,
            'init': INITS,
        }
        for what, names in choices.items():
            if getattr(self, what) not in names:
                raise unknown(what, getattr(self, what), names)
        for what in ('style_layers', 'content_layers'):
            weights = getattr(self, what).values()
            if not all(0 <= weight < math.inf for weight in weights) or (weights and not any(weights)):
                raise UserError(f'expected weights of {what} from 0, and one above 0, got {dict(getattr(self, what))}')
        if not 0 <= self.strength <= 1:
            raise UserError(f'expected a strength from 0 to 1, got {self.strength}')
        from_0 = 'variation', 'content_weight', 'style_weight', 'content_scale', 'learning_rate', 'trials', 'margin'
        for what in from_0:
            if not (getattr(self, what) or 0) >= 0:
                raise UserError(f'expected {what} to be 0 or more, got {getattr(self, what)}')
        for what in ('beta_1', 'beta_2', 'average'):
            if not 0 <= getattr(self, what) < 1:
                raise UserError(f'expected {what} from 0 to below 1, got {getattr(self, what)}')
        for what in ('style_size', 'patience', 'history'):
            if getattr(self, what) is not None and getattr(self, what) < 1:
                raise UserError(f'expected {what} to be 1 or more, got {getattr(self, what)}')
        if self.style_scale <= 0:
            raise UserError(f'expected a style_scale above 0, got {self.style_scale}')

    @cached_property
    def targets(self) -> Targets:
        """The objective and what it aims at, see `stylegen.style.targets.Targets`."""
        from stylegen.style.targets import Targets

        return Targets(
            self.extractor,
            self.style_layers,
            self.content_layers,
            loss=self.loss,
            regions=self.regions + 1 if self.regions else 0,
            variation=self.variation_form,
        )

    def update(self, history: int) -> Update:
        """The rule that the picture is changed by; L-BFGS keeps `history` pairs."""
        from stylegen.optimize.updates import adam, gradient_descent, keeping_best, lbfgs

        if self.optimizer == 'adam':
            rates = self.learning_rate, self.beta_1, self.beta_2
            return adam(*rates, self.epsilon, self.average, self.epsilon_hat)
        if self.optimizer == 'lbfgs':
            return keeping_best(lbfgs(history, backtracking=self.trials))
        return keeping_best(gradient_descent(self.learning_rate, 0.96**0.01))  # the decay of the Keras example

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
        memory = parse_memory(self.max_memory)
        history = self.history if self.optimizer == 'lbfgs' else 0
        return plan(self.costs, shape, self.scale, self.iterations, memory, self.coarsest, history)

    def __call__(
        self,
        content: PictureLike,
        styles: StylesLike,
        *,
        regions: Sequence[tuple[PictureLike, StylesLike]] = (),
        mask: PictureLike | None = None,
        init: PictureLike | None = None,
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
        content, styles = as_picture(content, 'content'), as_shares(styles)
        shape = content.shape[:2]
        regions = [(as_mask(one, 'mask of a region', shape), as_shares(group)) for one, group in regions]
        mask = None if mask is None else as_mask(mask, 'mask', shape)
        init = None if init is None else as_picture(init, 'init')
        check_pictures(styles, regions, self.regions, self.extractor.min_size)
        from stylegen.style.run import Run

        with self.turn:  # `targets` are those of this picture
            run = Run(self, content, styles, regions, mask, seed, callback, steps_per_call)
            return run.go(init, start)


def check_style(name: str, size: tuple[int, ...], smallest: int) -> None:
    """Refuses a style of a (height, width) that is too small for the network.

    Raises:
        UserError: With its name.
    """
    if min(size) < smallest:
        raise UserError(f'{name} is {size[1]} x {size[0]}, it needs {smallest} pixels a side; enlarge it first')


def check_pictures(styles: Styles, regions: Sequence[tuple[np.ndarray, Styles]], count: int, smallest: int = 1) -> None:
    """Refuses styles too small for the network, another number of regions, styles that weigh nothing.

    Raises:
        UserError: With what was expected and what came.
    """
    for number, (picture, _) in enumerate(pair for group in (styles, *(s for _, s in regions)) for pair in group):
        check_style(f'style {number + 1}', picture.shape[:2], smallest)
    if len(regions) != count:
        raise UserError(f'expected {count} regions, got {len(regions)}')
    for group in (styles, *(s for _, s in regions)):
        if any(share < 0 for _, share in group) or (group and sum(share for _, share in group) <= 0):
            raise UserError('expected shares of styles from 0, and one above 0')
    if not styles and not any(s for _, s in regions):
        raise UserError('expected at least one style')
