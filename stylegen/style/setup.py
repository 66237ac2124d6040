"""What a stylizer is made of: a network, layers and settings, checked, and what follows from them alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from stylegen.style.coloring import COLORS, MAPS, TIMES
from stylegen.style.plan import Costs, Plan, plan
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
class StyleSetup:
    """A network, layers and settings: the fields are the arguments of `stylegen.style.transfer`, of the same names."""

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
