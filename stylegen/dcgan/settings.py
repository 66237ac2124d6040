"""The settings of a training run. A field states the default, the bounds or choices and the help of a setting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stylegen.dcgan.presets import PRESETS, USUAL
from stylegen.training.sharing import distribute_setting
from stylegen.utils.choices import JIT
from stylegen.utils.errors import unknown
from stylegen.utils.settings import Settings, setting

PROGRAM = 'stylegen.dcgan'  # the name of the program in the records of results
DEFAULT_WORKDIR = 'dcgan'
NO_AUGMENTATION = 'none'
AUGMENTATIONS = ('color', 'translation', 'cutout')
HEADINGS = IMAGES, NETWORKS, TRAINING, KEPT, ALARMS, MACHINE = (
    'Images', 'Networks', 'Training', 'What is kept', 'Alarms and quality', 'Machine'
)  # fmt: skip


def parse_policy(policy: str) -> tuple[str, ...]:
    """Returns the operations in 'color,translation,cutout'; 'none' and '' have no operation.

    Raises:
        UserError: An operation is unknown.
    """
    names = tuple(part.strip() for part in policy.split(',') if part.strip())
    if names == (NO_AUGMENTATION,):
        return ()
    for name in names:
        if name not in AUGMENTATIONS:
            raise unknown('augmentation', name, [*AUGMENTATIONS, NO_AUGMENTATION])
    return names


def _policy(policy: str, name: str) -> str:
    parse_policy(policy)
    return policy


def _of_preset(help: str, group: str, **limits: Any) -> Any:
    """Returns a field with the default None, which stands for the value of the preset."""
    return setting(None, help, group=group, **limits)


@dataclass(frozen=True, kw_only=True)
class TrainSettings(Settings):
    """The settings of `stylegen.dcgan.train`. A field that is None by default has the value of the preset.

    Attributes:
        conditional: The labels of the images are an input of both networks, see `stylegen.dcgan.models`.
        ema: The share is smaller at the first steps, (1 + t) / (10 + t) at step t.
        updates: 'alternating' is what the authors of the paper do; 'simultaneous' is what TensorFlow's tutorial does.
        on_collapse: 'rollback' goes back to a checkpoint from before the alarm, with half the learning rate.
        distribute: 'mirrored' uses the devices of this machine. 'multi_worker' uses the processes of the cluster in
            TF_CONFIG; only the chief uses the workdir. Each device takes its share of a batch. The steps are the same
            but for rounding and dropout, so that a run may go on with other devices.
        precision: float32 by default, because only float32 resumes to the same bits, and because the quality of the
            presets was measured with it.
        deterministic: Holds for the whole process while `train` works.
    """

    conditional: bool = setting(False, 'give the classes to the networks', group=IMAGES)
    flip: bool | None = _of_preset('mirror half of the images', IMAGES)
    held_out: int | None = setting(
        None,
        'pictures kept out of the training, to tell when the discriminator knows the others by heart; by default 1 in '
        '20 with --preset=few64, else 0',
        group=IMAGES,
        at_least=0,
    )
    preset: str = setting(USUAL, 'published networks and settings', group=NETWORKS, choices=PRESETS)
    latent_dim: int | None = _of_preset(
        "length of a latent vector; this and what follows is by default the preset's", NETWORKS, at_least=1
    )
    g_width: int | None = _of_preset("channels of the generator's finest level", NETWORKS, at_least=1)
    d_width: int | None = _of_preset("channels of the discriminator's finest level", NETWORKS, at_least=1)
    d_norm: str | None = _of_preset(
        "the discriminator's normalisation", NETWORKS, choices=('batch', 'spectral', 'none')
    )
    batch_std: bool | None = _of_preset(
        'show the discriminator how much the images of a class differ in a batch, against pictures that are all alike',
        NETWORKS,
    )
    upsampling: str | None = _of_preset(
        'how the generator doubles the sides', NETWORKS, choices=('transposed', 'resize')
    )
    steps: int = setting(20000, 'generator steps in all', group=TRAINING, at_least=0)
    batch_size: int | None = _of_preset('images of one step', TRAINING, at_least=1)
    loss: str | None = _of_preset(
        'what the networks minimise', TRAINING, choices=('non_saturating', 'hinge', 'least_squares', 'wasserstein_gp')
    )
    label_smoothing: float | None = _of_preset('1 minus the target of real images', TRAINING, at_least=0, below=1)
    r1: float | None = _of_preset("weight of the discriminator's squared gradient at real images", TRAINING, at_least=0)
    gradient_penalty: float | None = _of_preset('weight of the penalty of --loss=wasserstein_gp', TRAINING, at_least=0)
    penalty_every: int | None = _of_preset('steps between gradient penalties', TRAINING, at_least=1)
    augment: str | None = _of_preset(
        f'augmentation of the images for the discriminator: some of {",".join(AUGMENTATIONS)}, or {NO_AUGMENTATION}',
        TRAINING,
        read=_policy,
    )
    augment_target: float | None = _of_preset(
        'augment by a probability that keeps the mean sign of the logits of real images here, such as 0.6; 0: always '
        'augment',
        TRAINING,
        at_least=0,
        below=1,
    )
    ema: float | None = _of_preset(
        'share of the averaged generator that stays at each step; 0: no average', TRAINING, at_least=0, at_most=1
    )
    updates: str | None = _of_preset(
        'alternating: the generator learns from the discriminator after its step; simultaneous: from the one before '
        'it, cheaper',
        TRAINING,
        choices=('alternating', 'simultaneous'),
    )
    d_steps: int | None = _of_preset('discriminator steps for each generator step', TRAINING, at_least=1)
    learning_rate: float | None = _of_preset('learning rate of Adam', TRAINING, at_least=0)
    d_learning_rate: float | None = _of_preset(
        'learning rate of the discriminator, if it is another', TRAINING, at_least=0
    )
    beta_1: float | None = _of_preset("decay of Adam's first moment, below 1", TRAINING, at_least=0, below=1)
    beta_2: float | None = _of_preset("decay of Adam's second moment, below 1", TRAINING, at_least=0, below=1)
    decay: str | None = _of_preset('how the learning rate falls', TRAINING, choices=('none', 'linear'))
    seed: int = setting(0, 'seed of all random numbers', group=TRAINING, at_least=0)
    checkpoint_every: int = setting(1000, 'steps between checkpoints', group=KEPT, at_least=1)
    keep: int = setting(3, 'number of last checkpoints that are kept', group=KEPT, at_least=1)
    sample_every: int = setting(500, 'steps between sheets of samples; 0: none', group=KEPT, at_least=0)
    samples: int = setting(64, 'images on a sheet', group=KEPT, at_least=1)
    log_every: int = setting(100, 'steps between rows of log.csv', group=KEPT, at_least=1)
    tensorboard: bool = setting(False, 'write the log for TensorBoard too', group=KEPT)
    collapse_every: int = setting(
        500, 'steps between checks of the diversity of pictures; 0: none', group=ALARMS, at_least=0
    )
    on_collapse: str = setting(
        'warn',
        'reaction to a collapsed generator or a discriminator that has won',
        group=ALARMS,
        choices=('warn', 'stop', 'rollback'),
    )
    evaluate_every: int = setting(
        5000,
        'steps between measurements of fid_mini; the best checkpoint is kept; 0: none',
        group=ALARMS,
        at_least=0,
    )
    pictures: int = setting(
        2000, 'generated pictures, and real pictures, that fid_mini compares', group=ALARMS, at_least=2
    )
    distribute: str = distribute_setting(MACHINE)
    jit: str = setting('auto', 'compile with XLA; auto: on a GPU', group=MACHINE, choices=JIT)
    precision: str = setting(
        'float32',
        'number format of the networks; auto: the faster one',
        group=MACHINE,
        choices=('float32', 'mixed_bfloat16', 'auto'),
    )
    steps_per_execution: int = setting(1, 'steps in one compiled call', group=MACHINE, at_least=1)
    deterministic: bool = setting(False, 'use only operations that give the same bits each time', group=MACHINE)


OF_PRESET = tuple(name for name, default in TrainSettings.defaults().items() if default is None and name != 'held_out')


@dataclass(frozen=True, kw_only=True)
class MemorySettings(Settings):
    """The memory of a command that holds a set of images."""

    max_memory: str | float = setting(
        'auto', 'memory for the images, such as 4GB; a larger set is read again for each batch', group=MACHINE
    )


def choices_of(name: str) -> tuple[str, ...]:
    """Returns the choices of a setting of a training."""
    return TrainSettings.abouts()[name].choices or ()
