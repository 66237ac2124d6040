"""Train a DCGAN: from the beginning, or from where the workdir says that it was left."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylegen.dcgan.plan import make_plan
from stylegen.errors import UserError

if TYPE_CHECKING:
    from stylegen.data import ImageSet
    from stylegen.dcgan.run import Training
    from stylegen.training import Report

PROGRAM = 'stylegen.dcgan'


@dataclass(frozen=True)
class Every:
    """Steps from one log row, sheet of samples, checkpoint to the next; 0: never."""

    log: int
    sample: int
    checkpoint: int


def train(
    data: ImageSet,
    *,
    workdir: str | os.PathLike,
    preset: str = 'cifar32',
    steps: int = 20000,
    seed: int = 0,
    conditional: bool = False,
    log_every: int = 100,
    sample_every: int = 500,
    checkpoint_every: int = 1000,
    keep: int = 3,
    samples: int = 64,
    steps_per_execution: int = 1,
    jit: str = 'auto',
    precision: str = 'float32',
    deterministic: bool = False,
    tensorboard: bool = False,
    callback: Callable[[Report], None] | None = None,
    warn: Callable[[str], None] | None = None,
    **options: Any,
) -> Training:
    """Trains a DCGAN on images; where the workdir keeps an unfinished run of the same settings, that goes on.

    In float32 on a CPU, and with `deterministic` on, a run that was stopped at any moment and one that was not come to
    the same bits. The workdir has then: `settings.json`, `log.csv`, `events.jsonl`, `checkpoints/`, `samples/`,
    `training.gif`.

    Args:
        data: The images, see `stylegen.data.open_images`; their size and channels are those of the networks.
        workdir: Folder of the run.
        preset: One of `stylegen.dcgan.presets.PRESETS`.
        steps: Of the generator, in all.
        seed: Of everything random.
        conditional: Tell the networks the classes.
        log_every, sample_every, checkpoint_every: Steps from one log row, sheet of samples, checkpoint to the next.
        keep: How many of the last checkpoints to keep.
        samples: Images on a sheet.
        steps_per_execution: Steps of a compiled call.
        jit: Compile with XLA: 'auto', 'on', 'off'.
        precision: 'float32' or 'mixed_bfloat16'.
        deterministic: Let TensorFlow use operations only that give the same bits each time.
        tensorboard: Write the log for TensorBoard too.
        callback: Is told a `Report` with every log row.
        warn: Is told, in a line, what goes wrong and is mended.
        options: Others of `stylegen.dcgan.plan.OPTIONS`, in place of the preset's.

    Raises:
        UserError: The workdir keeps a run of other settings; there are no classes; options do not go together.
        ArithmeticError: Values that are not finite came again and again.
    """
    if conditional and not data.classes:
        raise UserError('--conditional needs images in class folders, or with labels; leave it out')
    from stylegen.backend import tf
    from stylegen.dcgan.run import Training

    if deterministic:
        tf.config.experimental.enable_op_determinism()
    plan = make_plan(
        preset, tuple(data.size), data.channels,
        classes=tuple(data.classes) if conditional else (), steps=steps, seed=seed, precision=precision, **options,
    )  # fmt: skip
    run = Training(
        data, plan, Path(workdir), keep=keep, samples=samples, tensorboard=tensorboard, callback=callback,
        warn=warn or (lambda line: None),
    )  # fmt: skip
    run.write_settings()
    if run.step == 0:
        run.save(0)
        run.sheet(0)
    elif run.step < steps:
        run.events.add('resumed', run.step)
    try:
        run.run(steps, Every(log_every, sample_every, checkpoint_every), steps_per_execution, jit)
    except KeyboardInterrupt:
        run.save(run.step)
        run.events.add('stopped', run.step)
        run.warn(f'stopped; step {run.step} is kept in {workdir}: the same command goes on')
        raise
    run.film()
    return run
