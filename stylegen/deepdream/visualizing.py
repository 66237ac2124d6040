"""Feature visualisation: pictures made from noise of what a layer, a channel, a neuron or a class looks for.

Olah, Mordvintsev, Schubert (2017), "Feature Visualization", Distill. TensorFlow is imported when `visualize` is called,
so that `--help` need not wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stylegen.images.conversion import PictureLike, as_batch
from stylegen.utils.errors import UserError, unknown

if TYPE_CHECKING:
    from stylegen.deepdream.terms import PlacedExtractor
    from stylegen.networks.extractor import FeatureExtractor
    from stylegen.optimize.loop import Term

PARAMETERIZATIONS = ('fourier', 'pixels')


@dataclass(frozen=True)
class VisualizeStep:
    """What a callback is told: steps done of all, the weighted losses before the last, and what makes the pictures.

    `pictures()` gives float32 (count, H, W, 3) as they are after the step.
    """

    step: int
    steps: int
    losses: Mapping[str, float]
    pictures: Callable[[], np.ndarray]


class NothingActive(UserError):
    """The gradient is zero at the start, for the pictures of these numbers; `fact` says so without advice."""

    def __init__(self, numbers: Sequence[int]):
        self.fact = f'nothing that is looked for is active at the start (pictures {", ".join(map(str, numbers))})'
        super().__init__(
            f'{self.fact}; give an extractor that reads layers before their activation '
            f"(feature_extractor(..., tap='before')), or try another seed"
        )


def visualize(
    extractor: FeatureExtractor | PlacedExtractor,
    terms: Sequence[Term],
    *,
    size: int | tuple[int, int] = 256,
    count: int = 1,
    steps: int = 128,
    parameterization: str = 'fourier',
    decay: float = 1.2,
    contrast: float = 0.2,
    learning_rate: float = 0.03,
    jitter: int | None = None,
    scale: float = 0.1,
    rotation: float = 10.0,
    diversity: float = 0.0,
    seed: int = 0,
    start: PictureLike | None = None,
    callback: Callable[[VisualizeStep], None] | None = None,
    jit: str = 'auto',
) -> np.ndarray:
    """Makes pictures that lower the terms, from noise, by Adam on their parameters.

    A channel behind a ReLU that the noise does not excite has no gradient, and its picture would stay noise: of the
    embedded network's block5_conv2 that is every fifth channel, and two of three neurons. Terms on channels and neurons
    are therefore to read what goes into the activation, `feature_extractor(..., tap='before')`. Louder noise wakes
    only some. A whole layer is read behind it: squares of what the ReLU holds back would be dreamt of too.

    Args:
        extractor: Pictures (N, H, W, 3) in [0, 1] to features, see `stylegen.networks.feature_extractor`.
        terms: What to minimise; a loss that is a mean over the batch serves every picture of it.
        size: Side of the square pictures, or (height, width), in pixels.
        count: How many pictures, all at once. Without `diversity` a picture does not depend on the others.
        steps: Of Adam. Colours and contrast grow with steps * learning_rate; about 4 gives those of photographs.
        parameterization: 'fourier' or 'pixels', see `stylegen.optimize.parameterization`.
        decay: Of the Fourier parameters, the power of 1 / f: higher is smoother. 1.2 is that of photographs.
        contrast: Of the noise; of the Fourier parameters 1 is a photograph's. Too little leaves empty areas.
        learning_rate: Of Adam, in standard deviations of a photograph's Fourier parameters, or in logits of pixels.
        jitter: Pixels that a step's view may be shifted by; None: a sixteenth of the shorter side.
        scale: Its zoom may differ by this share.
        rotation: It may be turned by so many degrees. (Olah et al.: 16 and then 8 pixels, 0.05, 5 degrees, in an
            appendix's 2560 steps of Adam at 0.05.)
        diversity: Weight of a term that pushes the pictures apart: the mean over the extractor's layers of
            `stylegen.losses.diversity_loss`, which is about 1 at most. A channel's mean rises by 3 to 10; 1 to 3 is
            then felt, and 100 leaves nothing of the channel.
        seed: Of the noise and the views. The same seed gives the same pictures on the same machine.
        start: Picture to start from instead of noise, or (count, H, W, 3); its size counts.
        callback: Called with a `VisualizeStep` about twice a second.
        jit: 'auto', 'on' or 'off': XLA.

    Returns:
        float32 (count, H, W, 3) in [0, 1].

    Raises:
        UserError: A setting that cannot be, with what can.
        NothingActive: A picture whose start has no gradient.
        stylegen.optimize.NonFiniteLoss: A loss overflowed; `picture` of it is the last good batch.
    """
    from stylegen.losses.statistics import diversity_loss
    from stylegen.optimize.loop import NonFiniteLoss, Step, Term, optimize_image
    from stylegen.optimize.parameterization import Fourier, ParameterizedObjective, Pixels
    from stylegen.optimize.random_transforms import random_views
    from stylegen.optimize.updates import adam

    _check(count, steps, learning_rate, jitter, scale, rotation)
    if diversity and count == 1:
        raise UserError('diversity is between pictures; ask for a count of 2 or more')
    if parameterization not in PARAMETERIZATIONS:
        raise unknown('parameterization', parameterization, PARAMETERIZATIONS)
    start = None if start is None else _batch(start, count)
    height, width = _sides(size if start is None else start.shape[1:3], extractor.min_size)
    jitter = round(min(height, width) / 16) if jitter is None else jitter

    layers = list(extractor.strides) if diversity else []
    terms = (*terms, *(Term(f'diversity {name}', diversity / len(layers), diversity_loss(name)) for name in layers))
    if not any(term.weight for term in terms):
        raise UserError('there is nothing to visualise: no term has a weight')
    coordinates = Fourier(height, width, decay) if parameterization == 'fourier' else Pixels(height, width)
    objective = ParameterizedObjective(
        extractor, terms, coordinates.image, lambda pictures, key: random_views(pictures, key, jitter, scale, rotation)
    )
    first = coordinates.noise(count, seed, contrast) if start is None else coordinates.parameters(start)

    def report(step: Step) -> None:
        if step.step == 1:
            _check_moved(step.image.numpy(), first.numpy())
        if callback:
            pictures = lambda: coordinates.image(step.image).numpy()
            callback(VisualizeStep(step.step, step.steps, dict(step.losses), pictures))

    number = int(np.random.SeedSequence(seed).generate_state(1)[0] >> 1)  # any seed as an int32
    try:
        parameters = optimize_image(
            first, objective, adam(learning_rate), steps, report, seed=number, bounds=None, jit=jit
        )
    except NonFiniteLoss as error:
        error.picture = coordinates.image(error.image).numpy()
        raise
    return coordinates.image(parameters).numpy()


def _check(count: int, steps: int, learning_rate: float, jitter: int | None, scale: float, rotation: float) -> None:
    for name, value, allowed, rule in (
        ('count', count, count >= 1, '1 or more'),
        ('steps', steps, steps >= 0, '0 or more'),
        ('learning_rate', learning_rate, learning_rate > 0, 'more than 0'),
        ('jitter', jitter, jitter is None or jitter >= 0, '0 or more'),
        ('scale', scale, 0 <= scale < 1, 'from 0 to below 1'),
        ('rotation', rotation, rotation >= 0, '0 or more'),
    ):
        if not allowed:
            raise UserError(f'{name} is {rule}, not {value}')


def _sides(size: int | tuple[int, ...], smallest: int) -> tuple[int, int]:
    """Height and width, refused where the network sees nothing of them."""
    height, width = (size, size) if isinstance(size, int) else size
    if min(height, width) < smallest:
        raise UserError(f'pictures of {width} x {height} are too small: at least {smallest} pixels a side')
    return height, width


def _batch(start: PictureLike, count: int) -> np.ndarray:
    batch = as_batch(start, 'start')
    if len(batch) not in (1, count):
        raise UserError(f'expected one picture, or {count} in a batch, as the start, got {batch.shape}')
    return np.repeat(batch, count, 0) if len(batch) < count else batch


def _check_moved(now: np.ndarray, before: np.ndarray) -> None:
    """Refuses pictures that the first step left as they were, bit for bit: their gradient is zero."""
    still = [i for i in range(len(now)) if np.array_equal(now[i], before[i])]
    if still:
        raise NothingActive(still)
