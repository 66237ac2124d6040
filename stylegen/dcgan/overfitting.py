"""Tells whether the discriminator knows its pictures by heart, by pictures that it was not trained on."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stylegen.dcgan.alarms import Alarm
from stylegen.dcgan.history import OVERFITTING
from stylegen.dcgan.monitor import Problem
from stylegen.training.callbacks import Log

if TYPE_CHECKING:
    from stylegen.datasets.imageset import ImageSet
    from stylegen.dcgan.gan import DCGAN

COLUMNS = ('d_train', 'd_held_out', 'd_generated', 'overfitting')
COMPARED = 64  # pictures of each kind; fewer where fewer are held out
# Karras et al. 2020 steer towards 0.6 of their other figure, r_t; that this bound fits r_v here is not measured yet.
OVERFITTED, PATIENCE, GRACE = 0.6, 3, 500


class OverfittingMonitor:
    """Compares the discriminator's logits of pictures that it is trained on, of held-out and of generated ones.

    Its figure is r_v of Karras et al. 2020 (equation 1): how far held-out pictures are, for the discriminator, on the
    way from those of the training to generated ones. It is near 0 where the discriminator has learnt what pictures look
    like, and near 1 where it has learnt the pictures by heart. The pictures are not augmented here.

    Args:
        train: The pictures of the training.
        held_out: Pictures of the same kind.
        workdir: Folder of the run, where `overfitting.csv` gets a row for each check.
        step: The step from which the run continues.
    """

    def __init__(self, train: 'ImageSet', held_out: 'ImageSet', workdir: Path, step: int):
        self.sets = [first_pictures(images, COMPARED) for images in (train, held_out)]
        self.alarm = Alarm(1 - OVERFITTED, PATIENCE, GRACE)
        self.log = Log(workdir, COLUMNS, step, name=OVERFITTING)

    def check(self, step: int, gan: 'DCGAN', generated: np.ndarray) -> Problem | None:
        """Writes a row of `COLUMNS`, and returns a problem where the figure was too high at several checks in a row.

        Args:
            step: The number of steps done.
            gan: The model whose discriminator is checked.
            generated: Pictures, float32 (N, H, W, C) in [0, 1]; their labels are 0, 1, 2, ... in turn.
        """
        labels = (np.arange(len(generated)) % max(1, gan.classes)).astype(np.int32)
        train, held_out = (mean_logit(gan, *each) for each in self.sets)
        fake = mean_logit(gan, generated * 255, labels)
        figure = (train - held_out) / (train - fake) if train > fake else 0.0
        self.log.add(step, dict(zip(COLUMNS, (train, held_out, fake, figure), strict=True)))
        if not self.alarm(step, 1 - figure):
            return None
        text = (
            f'the discriminator knows its pictures by heart at step {step} (overfitting {figure:.2f}; 0: new pictures '
            'are as real to it as those of the training, 1: as generated ones); give --preset=few64, or --augment='
            'color,translation,cutout, or more pictures, or take --checkpoint=best'
        )
        return Problem('discriminator overfits', text, self.alarm.last_good_step)

    def back_to(self, step: int) -> None:
        """Removes what is known of later steps."""
        self.log.remove_after(step)
        self.alarm.reset()


def first_pictures(images: 'ImageSet', count: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns up to `count` random pictures, uint8 (N, H, W, C), and their labels, int32 (N,)."""
    pixels, labels = next(iter(images.batches(min(count, images.count), seed=0)))
    return pixels.numpy(), labels.numpy()


def mean_logit(gan: 'DCGAN', pictures: np.ndarray, labels: np.ndarray) -> float:
    """Returns the mean logit of pictures (N, H, W, C) from 0 to 255, by the moving statistics."""
    images = pictures.astype(np.float32) / 127.5 - 1
    given = [images, labels] if len(gan.discriminator.inputs) > 1 else images
    return float(np.mean(gan.discriminator(given, training=False).numpy()))
