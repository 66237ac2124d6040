"""Feature visualisation: pictures from noise that show what a layer, a channel, a neuron or a class responds to.

Olah, Mordvintsev, Schubert (2017), "Feature Visualization", Distill. Importing this module does not import TensorFlow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stylegen.deepdream.settings import VisualizeSettings
from stylegen.images.conversion import PictureLike, as_batch
from stylegen.utils.errors import UserError
from stylegen.utils.settings import takes

if TYPE_CHECKING:
    from stylegen.deepdream.terms import MaskedExtractor
    from stylegen.networks.extractor import FeatureExtractor
    from stylegen.optimize.loop import Term


@dataclass(frozen=True)
class VisualizeStep:
    """What a callback gets.

    Attributes:
        step, steps: How many steps are done, and how many there are.
        losses: The weighted losses before the last step, by term.
        pictures: Gives the pictures after the step, float32 (count, H, W, 3) in [0, 1].
    """

    step: int
    steps: int
    losses: Mapping[str, float]
    pictures: Callable[[], np.ndarray]


class NothingActive(UserError):
    """The gradient of some pictures is zero at the start.

    Args:
        numbers: The numbers of the pictures.

    Attributes:
        fact: The error's text without the advice.
    """

    def __init__(self, numbers: Sequence[int]):
        self.fact = f'nothing that was asked for is active at the start (pictures {", ".join(map(str, numbers))})'
        super().__init__(
            f'{self.fact}; give an extractor that reads layers before their activation '
            f'(feature_extractor(..., pre_activation=True)), or try another seed'
        )


@takes(VisualizeSettings)
def visualize(
    extractor: FeatureExtractor | MaskedExtractor,
    terms: Sequence[Term],
    *,
    start: PictureLike | None = None,
    callback: Callable[[VisualizeStep], None] | None = None,
    settings: VisualizeSettings,
) -> np.ndarray:
    """Makes pictures that lower the terms, from noise, by Adam on their parameters.

    A channel has no gradient where the noise does not excite it and a ReLU follows. Its picture would stay noise. In
    mini's block5_conv2 this is so for every fifth channel and for two of three neurons. Terms on channels and neurons
    must therefore read a layer before its activation, `feature_extractor(..., pre_activation=True)`. Louder noise
    excites only some of them. Terms on whole layers read it after the activation. Otherwise the dream is also of what
    the ReLU removes.

    Example:
        from stylegen.losses import dream_loss
        from stylegen.networks import feature_extractor
        from stylegen.optimize import Term

        extractor = feature_extractor('mini', ('block3_conv2',), pre_activation=True)
        terms = [Term('channel 20', 1.0, dream_loss('block3_conv2', 'mean', (20,)))]
        pictures = visualize(extractor, terms, size=128, count=2)

    Args:
        extractor: Pictures (N, H, W, 3) in [0, 1] to features, see `stylegen.networks.feature_extractor`.
        terms: What to minimise. A loss that is a mean over the batch serves every picture of it.
        start: The picture to start from instead of noise, or (count, H, W, 3). Its size replaces `size`.
        callback: Called with a `VisualizeStep` about twice a second.
        {settings}

    `stylegen.deepdream.VisualizeSettings` says more about the settings. The same seed gives the same pictures on the
    same machine.

    Returns:
        float32 (count, H, W, 3) in [0, 1].

    Raises:
        UserError: A setting that cannot be, with what can.
        NothingActive: A picture has no gradient at the start.
        stylegen.optimize.NonFiniteLoss: A loss overflowed. Its `picture` is the last good batch.
    """
    from stylegen.optimize.loop import NonFiniteLoss, Step, optimize_image
    from stylegen.optimize.parameterization import Fourier, ParameterizedObjective, Pixels
    from stylegen.optimize.random_transforms import random_views
    from stylegen.optimize.updates import adam

    start = None if start is None else _batch(start, settings.count)
    height, width = _sides(settings.size if start is None else start.shape[1:3], extractor.min_size)
    jitter = round(min(height, width) / 16) if settings.jitter is None else settings.jitter
    fourier = settings.parameterization == 'fourier'
    coordinates = Fourier(height, width, settings.decay) if fourier else Pixels(height, width)
    views = lambda pictures, key: random_views(pictures, key, jitter, settings.scale, settings.rotation)
    terms = _with_diversity(terms, extractor, settings.diversity)
    objective = ParameterizedObjective(extractor, terms, coordinates.image, views)
    noise = lambda: coordinates.noise(settings.count, settings.seed, settings.contrast)
    first = noise() if start is None else coordinates.parameters(start)

    def report(step: Step) -> None:
        if step.step == 1:
            _check_moved(step.image.numpy(), first.numpy())
        if callback:
            pictures = lambda: coordinates.image(step.image).numpy()
            callback(VisualizeStep(step.step, step.steps, dict(step.losses), pictures))

    number = int(np.random.SeedSequence(settings.seed).generate_state(1)[0] >> 1)  # any seed as an int32
    try:
        parameters = optimize_image(
            first,
            objective,
            adam(settings.learning_rate),
            settings.steps,
            report,
            seed=number,
            bounds=None,
            jit=settings.jit,
        )
    except NonFiniteLoss as error:
        error.picture = coordinates.image(error.image).numpy()
        raise
    return coordinates.image(parameters).numpy()


def _with_diversity(
    terms: Sequence[Term], extractor: FeatureExtractor | MaskedExtractor, diversity: float
) -> tuple[Term, ...]:
    """The terms, and for a diversity above 0 one for each layer that makes the pictures differ.

    Raises:
        UserError: No term has a weight.
    """
    from stylegen.losses.statistics import diversity_loss
    from stylegen.optimize.loop import Term

    layers = list(extractor.strides) if diversity else []
    weight = diversity / max(len(layers), 1)
    terms = (*terms, *(Term(f'diversity {name}', weight, diversity_loss(name)) for name in layers))
    if not any(term.weight for term in terms):
        raise UserError('there is nothing to visualise: no term has a weight')
    return terms


def _sides(size: int | tuple[int, ...], smallest: int) -> tuple[int, int]:
    """(height, width).

    Raises:
        UserError: The network needs larger pictures.
    """
    height, width = (size, size) if isinstance(size, int) else size
    if min(height, width) < smallest:
        raise UserError(f'pictures of {width} x {height} are too small: at least {smallest} pixels a side')
    return height, width


def _batch(start: PictureLike, count: int) -> np.ndarray:
    """(count, H, W, 3) of one picture, or of a batch of them.

    Raises:
        UserError: It is neither.
    """
    batch = as_batch(start, 'start')
    if len(batch) not in (1, count):
        raise UserError(f'expected one picture, or {count} in a batch, as the start, got {batch.shape}')
    return np.repeat(batch, count, 0) if len(batch) < count else batch


def _check_moved(now: np.ndarray, before: np.ndarray) -> None:
    """Refuses pictures that the first step did not change at all: their gradient is zero.

    Raises:
        NothingActive: With their numbers.
    """
    unchanged = [i for i in range(len(now)) if np.array_equal(now[i], before[i])]
    if unchanged:
        raise NothingActive(unchanged)
