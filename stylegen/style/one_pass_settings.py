"""The settings that a one-pass network is trained with."""

from __future__ import annotations

from dataclasses import dataclass

from stylegen.runs.settings import MachineSettings
from stylegen.training.sharing import distribute_setting
from stylegen.utils.settings import setting

OF_ADAPTERS = {'steps': 400, 'image_size': 192, 'learning_rate': 9e-3}  # of `train --rank`, where not typed
JUDGES = ('small_vgg', 'vgg16', 'vgg19', 'mini')


@dataclass(frozen=True, kw_only=True)
class OnePassTrainSettings(MachineSettings):
    """How a one-pass network is trained.

    Attributes:
        precision: Of the network that judges, and on a GPU of the one that paints.
        distribute: 'mirrored' uses the devices of this machine. 'multi_worker' uses the processes of the cluster in
            TF_CONFIG; only the chief uses the workdir. Each device takes its share of a batch. The steps are the same
            but for rounding, so that a run may go on with other devices.
    """

    steps: int = setting(20000, 'steps in all', group='Training', at_least=0)
    batch_size: int = setting(4, 'photos of a step', group='Training', at_least=1)
    image_size: int = setting(256, 'side that photos are cut to', group='Training', at_least=32, unit='pixels')
    style_size: int = setting(
        256, 'longest side that paintings are looked at; larger gives larger strokes', group='Training', at_least=32,
        unit='pixels',
    )  # fmt: skip
    learning_rate: float = setting(1e-3, 'of Adam, at first; it falls in a cosine', group='Training', above=0)
    strength: float = setting(0.6, 'of the style: 0 all content, 1 all style', group='Training', at_least=0, at_most=1)
    judge: str = setting('small_vgg', 'the network whose features the losses compare', group='Training', choices=JUDGES)
    norms_only: bool = setting(
        False, 'train the norms of the styles alone; the network of --init stays as it is', group='Training'
    )
    rank: int = setting(
        0, 'train norms and changes of the kernels of this rank, such as 14, for each style; the network of --init and '
        'its styles stay as they are; then --steps is 400, --image_size 192 and --learning_rate 9e-3 by default',
        group='Training', at_least=0,
    )  # fmt: skip
    seed: int = setting(0, 'of everything random', group='Training', at_least=0)
    width: int = setting(80, 'channels at a quarter of the sides', group='Network', at_least=8)
    blocks: int = setting(2, 'residual blocks at a quarter of the sides', group='Network', at_least=1)
    deep: int = setting(
        5, 'residual blocks at an eighth of the sides, for large shapes; 0: none', group='Network', at_least=0
    )
    log_every: int = setting(50, 'steps from one row of log.csv to the next', group='What is kept', at_least=1)
    sample_every: int = setting(
        500, 'steps from one sheet of samples to the next; 0: none', group='What is kept', at_least=0
    )
    checkpoint_every: int = setting(500, 'steps from one checkpoint to the next', group='What is kept', at_least=1)
    keep: int = setting(2, 'how many of the last checkpoints', group='What is kept', at_least=1)
    tensorboard: bool = setting(False, 'write the log for TensorBoard too', group='What is kept')
    distribute: str = distribute_setting('Machine')
