"""The settings of a style transfer: for each its default, its bounds or choices, its unit and what it does."""

from __future__ import annotations

import math
import numbers
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stylegen.images.color import SOLUTIONS
from stylegen.runs.layer_weights import WeightsLike, as_weights, format_weights
from stylegen.runs.settings import MachineSettings, NetworkSettings
from stylegen.style.published import PUBLISHED
from stylegen.utils.choices import POOLINGS
from stylegen.utils.errors import UserError, unknown
from stylegen.utils.settings import setting

LOSSES = ('wasserstein', 'gram', 'covariance', 'gram+histogram')
TV_FORMS = ('square', 'absolute', 'power')  # `stylegen.losses.features.VARIATIONS`, which imports TensorFlow
OPTIMIZERS = ('adam', 'lbfgs', 'descent')
INITS = ('content', 'noise', 'style', 'mean', 'one_pass')
COLORS = ('style', 'luminance', 'linear', 'histogram')
COLOR_TIMES = ('before', 'after')
StepsLike = Any  # a number, a sequence of numbers, '150,120,100'

POLISH = {'smallest_size': 360, 'iterations': (20, 22, 15), 'ema_decay': 0.9}  # what goes with init='one_pass'
PATIENCE_STEPS = 10  # steps between checks of whether the loss still falls


def read_layers(given: WeightsLike, name: str) -> dict[str, float] | None:
    """Weights by layer, see `as_weights`.

    Raises:
        UserError: A weight is below 0 or not finite, or no weight is above 0.
    """
    weights = as_weights(given, name)
    if weights and not (all(0 <= weight < math.inf for weight in weights.values()) and any(weights.values())):
        raise UserError(f'expected weights of {name} from 0, and one above 0, got {weights}')
    return weights


def read_steps(given: StepsLike, name: str) -> tuple[int, ...]:
    """Steps of each size, from a number, a sequence of numbers, or a text such as '150,120,100'.

    Raises:
        UserError: One of them is no whole number from 0, or there is none.
    """
    given = [given] if isinstance(given, numbers.Real) else given
    try:
        parts = given.split(',') if isinstance(given, str) else list(given)
        steps = tuple(int(part) for part in parts)
        exact = isinstance(given, str) or [*steps] == parts
    except (TypeError, ValueError):
        steps, exact = (), False
    if not exact or not steps or min(steps) < 0:
        raise UserError(f'expected {name} to be N or N,N,... with whole numbers from 0, got {given!r}')
    return steps


def format_steps(steps: Sequence[int]) -> str:
    """The text that `read_steps` reads."""
    return ','.join(str(one) for one in steps)


def read_init(given: Any, name: str) -> Any:
    """A name of `INITS`, or a picture; the path of a picture becomes a text.

    Raises:
        UserError: It is a text that is neither a name nor a file, or None.
    """
    if given is None:
        raise unknown(name, 'None', (*INITS, 'FILE'))
    if not isinstance(given, (str, os.PathLike)):
        return given
    path = os.fspath(given)
    if path not in INITS and not Path(path).suffix and not Path(path).expanduser().exists():
        raise unknown(name, path, (*INITS, 'FILE'))
    return path


@dataclass(frozen=True, kw_only=True)
class StyleSettings(MachineSettings, NetworkSettings):
    """Settings of a style transfer.

    `transfer`, `Stylizer` and `StyleSettings.of_record({'like': 'gatys'})` fill in the settings of a published program.
    The class itself does not.

    Attributes:
        network: 'auto', a name of `stylegen.networks.NETWORKS`, a .keras file, or a `FeatureExtractor`, which is taken
            as it is. 'auto' is vgg19 where its weights can be had, else a network that comes with the package.
        weights: Without a file the weights are looked for, see `stylegen.networks.pretrained`.
        style_layers, content_layers: {layer: weight}, a list of names with a weight of 1 each, or a text
            'layer:weight,...'. The layer 'input' is the picture itself: its statistics are those of its colours. None:
            the network's own, see `stylegen.style.presets`.
        like: A key of `stylegen.style.published.PUBLISHED`. Settings that are given win over the program's, but its
            loss and its form of total variation are fixed: its weights are made for them.
        loss: See `stylegen.losses.statistics`.
        strength: Looks the same for all pictures, sizes and networks: both losses are relative, the style's to the
            distance of the content from the style.
        content_weight, style_weight: Weights of the relative losses. They replace `strength`.
        content_scale: Multiplies the content loss, so that style and content are in balance at a strength of 0.5.
            None: the network's own.
        shapes: Multiplies the weights of the style layers with a position for 8 pixels or more. None: 1, or 0 if a
            style shows a face (`stylegen.style.faces`), which would be painted into the sky.
        tv_weight: None: the network's own.
        tv_form: See `stylegen.losses.features.VARIATIONS`.
        beta_1, beta_2, epsilon, epsilon_hat: See `stylegen.optimize.updates.adam`.
        ema_decay: The result of Adam is an exponential moving average of its iterates. 0: it is the last iterate. The
            result of the other optimisers is the iterate of the lowest loss.
        history: L-BFGS keeps fewer pairs where memory is short.
        backtracking: 0: L-BFGS takes every step as it is.
        iterations: One number for all sizes, or one for each size from the smallest, of which the last repeats.
        init: 'noise' is noise around grey, 'style' noise in the style's colours, 'mean' the mean colour of photographs.
            'one_pass' is the picture of the network that paints in one pass (`stylegen.style.OnePass`); the
            optimisation then begins at a larger size and takes fewer steps, see `POLISH`.
            It may also be a picture in any form, see `stylegen.images.conversion`; of another aspect its middle counts.
        style_scale: The style's picture is never enlarged.
        color: 'style': the style's colours. 'luminance': each pixel keeps the content's chroma. 'linear', 'histogram':
            the colours as a whole are the content's (Gatys et al. 2017, section 5).
        margin: The network pads with zeros, which shows at a picture's border. So the picture gets a margin while it is
            painted, which is cut off in the end.
        max_memory: Bytes, a text such as '4GB', or 'auto'. A larger picture is worked on window by window, with the
            same losses and gradients.
        jit: XLA compiles anew for each size. It compiles sizes that have an eighth of the work or more.
    """

    style_layers: WeightsLike = setting(
        None,
        'LAYER:WEIGHT,... whose statistics define the style; default by network',
        group='Network',
        read=read_layers,
        write=format_weights,
    )
    content_layers: WeightsLike = setting(
        None,
        'LAYER:WEIGHT,... whose maps define the content; default by network',
        group='Network',
        read=read_layers,
        write=format_weights,
    )
    pooling: str = setting('max', 'how the network pools', group='Network', choices=POOLINGS)

    strength: float = setting(0.5, 'balance: 0 all content, 1 all style', group='How much style', at_least=0, at_most=1)
    loss: str = setting('wasserstein', 'distance of the styles', group='How much style', choices=LOSSES)
    like: str | None = setting(
        None,
        'settings and formula of a published program; what is given beside it wins',
        group='How much style',
        choices=PUBLISHED,
    )
    content_weight: float | None = setting(
        None,
        'weight of the content loss, instead of strength; 1 if only style_weight is given',
        group='How much style',
        at_least=0,
    )
    style_weight: float | None = setting(
        None,
        'weight of the style loss, instead of strength; 1 if only content_weight is given',
        group='How much style',
        at_least=0,
    )
    # A person chooses a balance by strength; this is its unit, which is chosen once for a network. So it has no flag.
    content_scale: float | None = setting(None, 'unit of the content loss; default by network', at_least=0, flag=False)
    shapes: float | None = setting(
        None,
        "how much of the style's large shapes comes along: 0 only strokes and colours, 1 all; "
        'default 1, and 0 if the style shows a face',
        group='How much style',
        at_least=0,
        at_most=1,
    )
    tv_weight: float | None = setting(
        None,
        'weight of total variation, which smooths; default by network',
        group='How much style',
        at_least=0,
        formerly='variation',
    )
    # Its weight has another unit in each form. Only the published programs need another form, so it has no flag.
    tv_form: str = setting('square', 'form of total variation', choices=TV_FORMS, flag=False, formerly='variation_form')
    style_scale: float = setting(
        1.3,
        "longest side of the style picture as a multiple of the result's; larger gives larger strokes",
        group='How much style',
        above=0,
    )
    style_size: int | None = setting(
        None,
        'longest side of the style at the last size; wins over style_scale',
        group='How much style',
        unit='pixels',
        at_least=1,
    )

    init: Any = setting(
        'content',
        'what to begin with: content, noise, style (noise in its colours), mean (the mean colour of photographs), '
        'one_pass (the picture of `apply`, which needs fewer steps) or a picture',
        group='How to get there',
        kind='path',
        read=read_init,
    )
    optimizer: str = setting('adam', 'how the picture is changed', group='How to get there', choices=OPTIMIZERS)
    learning_rate: float = setting(
        0.03, 'step size of adam and descent; pixels run from 0 to 1', group='How to get there', at_least=0
    )
    # The optimisers' fine points have no flags: their defaults were chosen for all pictures.
    beta_1: float = setting(0.9, "Adam's decay of the mean gradient", at_least=0, below=1, flag=False)
    beta_2: float = setting(0.99, "Adam's decay of the mean square gradient", at_least=0, below=1, flag=False)
    epsilon: float = setting(1e-8, "Adam's term against a division by 0", at_least=0, flag=False)
    epsilon_hat: bool = setting(
        False, "add Adam's epsilon before the correction of the bias, as Keras does", flag=False
    )
    ema_decay: float = setting(
        0.97,
        "decay of the average of Adam's iterates; 0: no average",
        at_least=0,
        below=1,
        flag=False,
        formerly='average',
    )
    history: int = setting(10, 'pairs of steps and gradients that L-BFGS keeps', at_least=1, flag=False)
    backtracking: int = setting(
        5,
        'how often L-BFGS may halve a step that does not lower the loss',
        at_least=0,
        flag=False,
        formerly='trials',
    )
    iterations: StepsLike = setting(
        (100, 80, 60, 40, 26, 18),
        'steps at each size: N, or N,N,... whose last value repeats',
        group='How to get there',
        read=read_steps,
        write=format_steps,
    )
    patience: int | None = setting(
        None,
        'move to the next size when the loss has not fallen by 1 % within this many steps (checked every '
        f'{PATIENCE_STEPS})',
        group='How to get there',
        at_least=1,
    )
    size_ratio: float = setting(
        2**0.5,
        'ratio of one size to the next',
        group='How to get there',
        above=1,
        at_most=100,
        formerly='scale',
    )
    smallest_size: int = setting(
        96,
        "the first size's longest side is at least this",
        group='How to get there',
        unit='pixels',
        at_least=1,
        formerly='coarsest',
    )
    # It mends what a network's padding does to borders. A person has no use for another value, so it has no flag.
    margin: int = setting(8, 'painted beyond each border and cut off in the end', unit='pixels', at_least=0, flag=False)

    color: str = setting(
        'style',
        "style: the style's colours; luminance: the content's, pixel by pixel; linear, histogram: the content's "
        'palette',
        group='Colour',
        choices=COLORS,
    )
    color_time: str = setting(
        'after',
        'before: recolour the style picture; after: recolour the result',
        group='Colour',
        choices=COLOR_TIMES,
    )
    color_map: str = setting('symmetric', 'which linear map, where color is linear', group='Colour', choices=SOLUTIONS)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.like:
            own = self.defaults() | self.preset_values({'like': self.like})
            for name in ('loss', 'tv_form'):  # the published weights are in the unit of these
                if getattr(self, name) != own[name]:
                    raise UserError(f'like={self.like} has its own {name}, {own[name]}; leave out {name}')

    @classmethod
    def preset_values(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """The settings of the published program that `like` names, and those that go with an `init`."""
        published = PUBLISHED.get(values.get('like') or '')
        polish = POLISH if isinstance(values.get('init'), str) and values['init'] == 'one_pass' else {}
        return {**polish, **(published.settings if published else {})}

    @property
    def init_picture(self) -> Any:
        """The picture to begin with; None where `init` is a name."""
        return None if isinstance(self.init, str) and self.init in INITS else self.init
