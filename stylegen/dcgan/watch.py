"""Looking after a run: has the discriminator won, has the generator collapsed, is it better than ever before?

What is looked at are features of the embedded network `mini`, of generated pictures and of real ones.
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
# The loss of all but wasserstein_gp is never below 0, and near it only where every image is told apart.
WON, WON_PATIENCE = 0.02, 10


@dataclass(frozen=True)
class Trouble:
    """What is wrong: the event's name, a line, and the step to which all was well."""

    event: str
    text: str
    fine: int


class Judge:
    """Real pictures that generated ones are held against, and the alarms.

    Args:
        data: Where the real ones are from.
        count: How many of them, at most.
        loss: Of the run: alarms about the discriminator need one that cannot be below 0.
    """

    def __init__(self, data: 'ImageSet', count: int, loss: str):
        self.data, self.count, self.loss = data, min(count, data.count), loss
        self.won = Alarm(WON, WON_PATIENCE)
        self.collapsed = Alarm(COLLAPSED, COLLAPSE_PATIENCE, COLLAPSE_GRACE)

    @cached_property
    def embedding(self) -> Embedding:
        """The map from pictures to features."""
        return open_embedding(FEATURES)

    @cached_property
    def real(self) -> np.ndarray:
        """Features of the real pictures."""
        return self.features(self.data.take(self.count))

    def features(self, pictures: np.ndarray) -> np.ndarray:
        """Vectors (N, D) of pictures, float32 in [0, 1] or uint8."""
        pictures = pictures if pictures.dtype == np.uint8 else to_uint8(pictures)
        return embed(pictures, [self.embedding]).vectors[FEATURES]

    def discriminator(self, step: int, d_loss: float) -> Trouble | None:
        """Looks at the mean loss since the last look."""
        if self.loss == 'wasserstein_gp' or not self.won(step, d_loss):
            return None
        text = f'the discriminator has won: its loss is {d_loss:.3g} at step {step}'
        return Trouble('discriminator won', text, self.won.fine)

    def generator(self, step: int, pictures: np.ndarray) -> tuple[float, Trouble | None]:
        """The diversity of pictures over that of as many real ones, and what is wrong with it."""
        features = self.features(pictures)
        among = diversity(self.real[: max(2, len(pictures))])
        share = diversity(features) / among if among else 1.0  # data of one picture cannot collapse
        if not self.collapsed(step, share):
            return share, None
        text = f"the generator has collapsed: its pictures have {share:.0%} of the data's diversity at step {step}"
        return share, Trouble('generator collapsed', text, self.collapsed.fine)

    def distance(self, pictures: np.ndarray) -> float:
        """`fid_mini`: the Frechet distance to the real pictures. It depends on how many pictures there are."""
        return frechet_distance(Moments.of(self.features(pictures)), Moments.of(self.real)).value

    def quiet(self) -> None:
        """Alarms begin anew."""
        self.won.quiet()
        self.collapsed.quiet()
