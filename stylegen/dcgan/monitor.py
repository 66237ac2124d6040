"""Monitor a run: detect a collapsed generator or a discriminator that has won, and measure the quality.

It compares features of the embedded network `mini` of generated and real pictures.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from stylegen.dcgan.alarms import Alarm
from stylegen.images.pixels import to_uint8
from stylegen.metrics.distances import Moments, diversity, frechet_distance
from stylegen.metrics.embeddings import Embedding, embed, open_embedding

if TYPE_CHECKING:
    from stylegen.datasets.imageset import ImageSet

FEATURES = 'mini'
# A run of cifar32 on CIFAR-10 had 0.70 to 0.80 of its diversity at steps 2000 to 8000; untrained it has 0.001.
COLLAPSED, COLLAPSE_PATIENCE, COLLAPSE_GRACE = 0.25, 2, 500
# The loss of all but wasserstein_gp is never below 0, and near 0 only where the discriminator separates all images.
WON, WON_PATIENCE = 0.02, 10


@dataclass(frozen=True)
class Problem:
    """A problem of a run: the name of its event, a line of text, and the last step without it."""

    event: str
    text: str
    last_good_step: int


class QualityMonitor:
    """Compares generated pictures with real ones, and raises alarms.

    Args:
        data: The set of the real pictures.
        count: Greatest number of real pictures.
        loss: The loss of the run. There is no alarm about the discriminator with wasserstein_gp, which can be below 0.
    """

    def __init__(self, data: 'ImageSet', count: int, loss: str):
        self.data, self.count, self.loss = data, min(count, data.count), loss
        self.discriminator_alarm = Alarm(WON, WON_PATIENCE)
        self.generator_alarm = Alarm(COLLAPSED, COLLAPSE_PATIENCE, COLLAPSE_GRACE)

    @cached_property
    def embedding(self) -> Embedding:
        """The network that computes the features."""
        return open_embedding(FEATURES)

    @cached_property
    def real(self) -> np.ndarray:
        """The features of the real pictures."""
        return self.features(self.data.take(self.count))

    def features(self, pictures: np.ndarray) -> np.ndarray:
        """Returns features (N, D) of pictures, float32 in [0, 1] or uint8."""
        pictures = pictures if pictures.dtype == np.uint8 else to_uint8(pictures)
        return embed(pictures, [self.embedding]).vectors[FEATURES]

    def check_discriminator(self, step: int, d_loss: float) -> Problem | None:
        """Checks the mean loss since the last check; returns a problem where the discriminator has won."""
        if self.loss == 'wasserstein_gp' or not self.discriminator_alarm(step, d_loss):
            return None
        text = f'the discriminator has won: its loss is {d_loss:.3g} at step {step}'
        return Problem('discriminator won', text, self.discriminator_alarm.last_good_step)

    def check_generator(self, step: int, pictures: np.ndarray) -> tuple[float, Problem | None]:
        """Returns the diversity of pictures divided by that of as many real ones, and a problem where it is too low."""
        features = self.features(pictures)
        among = diversity(self.real[: max(2, len(pictures))])
        share = diversity(features) / among if among else 1.0  # data of one picture has no diversity
        if not self.generator_alarm(step, share):
            return share, None
        text = f"the generator has collapsed: its pictures have {share:.0%} of the data's diversity at step {step}"
        return share, Problem('generator collapsed', text, self.generator_alarm.last_good_step)

    def distance(self, pictures: np.ndarray) -> float:
        """Returns `fid_mini`, the Frechet distance to the real pictures; it depends on their number."""
        return frechet_distance(Moments.of(self.features(pictures)), Moments.of(self.real)).value

    def reset(self) -> None:
        """Resets both alarms."""
        self.discriminator_alarm.reset()
        self.generator_alarm.reset()
