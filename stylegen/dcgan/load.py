"""Load a trained generator from the workdir of its run."""

import functools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stylegen.datasets.framing import fit_of
from stylegen.dcgan.history import data_of, metrics_of
from stylegen.dcgan.plan import Plan
from stylegen.training.checkpoints import LAST, Checkpoints
from stylegen.utils.errors import UserError
from stylegen.utils.settings import Settings, setting, takes

if TYPE_CHECKING:
    import keras

# Every call computes so many images. Batches of 3, 5 or 7 differ by up to 9e-7 from those of 8, 16 or 64, because
# oneDNN uses other kernels for them. This changes bytes of the pictures. 64 images take 35 ms in blocks, and 29 ms in
# one batch (cifar32, two cores).
BLOCK = 16
WHICH = ('ema', 'live')
BATCH_SIZE = 64  # images in memory at a time where many are drawn


@dataclass(frozen=True, kw_only=True)
class GeneratorSettings(Settings):
    """Which generator is opened: the run, the checkpoint and the weights."""

    workdir: str | None = setting(
        None, 'folder of a run; by default a generator of the package', group='Generator', kind='path'
    )
    checkpoint: str | int = setting(LAST, 'last, best or a step', group='Generator')
    which: str | None = setting(
        None,
        'averaged or live weights; by default averaged where there are any',
        group='Generator',
        choices=WHICH,
    )


@dataclass(frozen=True)
class Generator:
    """The generator of a checkpoint.

    Args:
        model: Latents (N, latent_dim), or [latents, int32 labels (N,)] if there are classes, to images in [-1, 1].
        plan: The plan of its run.
        step: The step of the checkpoint.
        which: 'ema' or 'live'.
        path: The checkpoint.
        settings: The settings of the run in the checkpoint.
        data: The manifest of its training data, or only the digest.
        metrics: The records of `evaluate` for it, by metric; {} where there are none.
    """

    model: 'keras.Model'
    plan: Plan
    step: int
    which: str
    path: Path
    settings: dict[str, Any]
    data: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)

    @property
    def latent_dim(self) -> int:
        """Length of a latent vector."""
        return self.model.inputs[0].shape[-1]

    @property
    def fit(self) -> str:
        """How its training pictures were brought to their size, one of `stylegen.datasets.FITS`."""
        return fit_of(self.settings.get('resize'))

    @functools.cached_property
    def network(self) -> 'keras.Model':
        """The network from the output of `given`, float32 (N, width), to images in [-1, 1]; it passes gradients."""
        if not self.plan.classes:
            return self.model
        from stylegen.utils.backend import keras

        return keras.Model(self.model.get_layer('given').output, self.model.output)

    def given(self, latents: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """Returns the input of the first layer: latents float32 (N, latent_dim), followed by the label vectors.

        Raises:
            UserError: A generator with classes has no labels, or one without classes has some.
        """
        classes = len(self.plan.classes)
        if (labels is None) == bool(classes):
            raise UserError('labels are needed' if classes else 'this generator has no classes; leave out the labels')
        latents = np.asarray(latents, np.float32)
        if not classes:
            return latents
        vectors = np.asarray(self.model.get_layer('label').embeddings, np.float32)
        return np.concatenate([latents, vectors[np.asarray(labels, np.int64)]], 1)

    def draw(self, given: np.ndarray) -> np.ndarray:
        """Draws images, float32 (N, H, W, C) in [0, 1], from the output of `given`, float32 (N, width).

        Batch normalisation is by the moving statistics, and `BLOCK` images are always computed together, so that an
        image does not depend on the others, nor on how many there are.
        """
        images = np.empty((len(given), *self.plan.size, self.plan.channels), np.float32)
        for start in range(0, len(given), BLOCK):
            part = given[start : start + BLOCK]
            block = np.zeros((BLOCK, given.shape[1]), np.float32)
            block[: len(part)] = part
            images[start : start + BLOCK] = self._compiled(block).numpy()[: len(part)]
        return np.clip((images + 1) / 2, 0, 1)

    def __call__(self, latents: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """Draws images, float32 (N, H, W, C) in [0, 1], from latents float32 (N, latent_dim); see `draw`."""
        return self.draw(self.given(latents, labels))

    @functools.cached_property
    def _compiled(self):
        from stylegen.utils.backend import tf

        network = self.network
        signature = [tf.TensorSpec([BLOCK, network.inputs[0].shape[-1]], tf.float32)]
        return tf.function(lambda given: network(given, training=False), input_signature=signature, autograph=False)


@takes(GeneratorSettings, 'workdir')
def load_generator(workdir: str | os.PathLike, *, settings: GeneratorSettings) -> Generator:
    """Loads the generator of a run.

    Args:
        workdir: Folder of the run.
        {settings}

    Raises:
        UserError: There is no such checkpoint, it is not one of a DCGAN, or it has no averaged weights.

    Example:
        generator = load_generator('run', checkpoint='best', which='live')
    """
    kept, checkpoint, which = Checkpoints(workdir), settings.checkpoint, settings.which
    if checkpoint == LAST:  # a run that goes on may write another one meanwhile
        checkpoint = max(kept.steps(), default=LAST)
    path = kept.path(checkpoint)
    record, arrays = kept.load(checkpoint)
    averaged = any(name.startswith('average/') for name in arrays)
    if which == 'ema' and not averaged:
        raise UserError(f'the run in {workdir} keeps no averaged weights (--ema=0); take the live generator')
    part, which = ('average', 'ema') if averaged and which != 'live' else ('generator', 'live')
    try:
        plan = Plan.of(record)
        model = plan.sampler()
        fill(model, [array for name, array in sorted(arrays.items()) if name.startswith(f'{part}/')])
        (steps,) = (array for name, array in arrays.items() if name.startswith('run/') and name.endswith('/steps'))
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f'{path} is no checkpoint of a DCGAN that this version can open; give the --workdir of another run'
        ) from error
    folder, step = Path(workdir), int(steps)
    data, metrics = data_of(folder, record.get('data')), metrics_of(folder, step, which)
    return Generator(model, plan, step, which, path, record, data, metrics)


def fill(model: 'keras.Model', values: Sequence[np.ndarray]) -> None:
    """Assigns values to the variables of a model in their order; raises ValueError for other numbers or shapes."""
    for variable, value in zip(model.variables, values, strict=True):
        variable.assign(value)
