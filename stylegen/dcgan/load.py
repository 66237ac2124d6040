"""A trained generator, from the workdir of its run."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stylegen.checkpoints import LAST, Checkpoints
from stylegen.dcgan.plan import Plan
from stylegen.errors import UserError, unknown

if TYPE_CHECKING:
    import keras

WHICH = ('ema', 'live')


@dataclass(frozen=True)
class Generator:
    """A generator as it was at a step.

    Args:
        model: Latents (N, latent_dim), or [latents, int32 labels (N,)] if there are classes, to images in [-1, 1].
        plan: What it was trained as.
        step: Steps that it was trained for.
        which: 'ema' or 'live'.
        path: The checkpoint.
        settings: Of the run, as the checkpoint keeps them.
    """

    model: 'keras.Model'
    plan: Plan
    step: int
    which: str
    path: Path
    settings: dict[str, Any]

    @property
    def latent_dim(self) -> int:
        """Length of a latent vector."""
        return self.model.inputs[0].shape[-1]

    def __call__(self, latents: np.ndarray, labels: np.ndarray | None = None, batch_size: int = 64) -> np.ndarray:
        """Images float32 (N, H, W, C) in [0, 1] of latents float32 (N, latent_dim).

        Batch normalisation is by the moving statistics, so that an image does not depend on the others.

        Raises:
            UserError: Labels were given or are missing where there are none or some.
        """
        from stylegen.backend import tf

        classes = len(self.plan.classes)
        if (labels is None) == bool(classes):
            raise UserError('labels are needed' if classes else 'this generator knows no classes; leave out the labels')
        parts = []
        for start in range(0, len(latents), batch_size):
            given = tf.constant(latents[start : start + batch_size], tf.float32)
            if classes:
                given = [given, tf.constant(labels[start : start + batch_size], tf.int32)]
            parts.append(self.model(given, training=False).numpy())
        shape = (0, *self.plan.size, self.plan.channels)
        return np.clip((np.concatenate(parts) + 1) / 2, 0, 1) if parts else np.zeros(shape, np.float32)


def load_generator(workdir: str | os.PathLike, which: str | None = None, checkpoint: str | int = LAST) -> Generator:
    """The generator of a run.

    Args:
        workdir: Of the run.
        which: 'ema', the averaged weights, or 'live'; None: the averaged if there are any.
        checkpoint: 'last', 'best' or a step.

    Raises:
        UserError: There is no such checkpoint; averaged weights were asked for and there are none.
    """
    if which is not None and which not in WHICH:
        raise unknown('generator', which, WHICH)
    kept = Checkpoints(workdir)
    settings, arrays = kept.load(checkpoint)
    plan = Plan.of(settings)
    averaged = any(name.startswith('average/') for name in arrays)
    if which == 'ema' and not averaged:
        raise UserError(f'the run in {workdir} keeps no averaged weights (--ema=0); take the live generator')
    part = 'average' if averaged and which != 'live' else 'generator'
    model, _ = plan.networks()
    values = [array for name, array in sorted(arrays.items()) if name.startswith(f'{part}/')]
    for variable, value in zip(model.variables, values, strict=True):
        variable.assign(value)
    step = next(int(array) for name, array in arrays.items() if name.startswith('run/') and name.endswith('/steps'))
    return Generator(model, plan, step, 'ema' if part == 'average' else 'live', kept.path(checkpoint), settings)
