"""Train a DCGAN: from the beginning, or from where the workdir says that it was left."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylegen.dcgan.choices import ON_COLLAPSE
from stylegen.dcgan.plan import compared, make_plan
from stylegen.dcgan.presets import USUAL
from stylegen.training.distribution import DISTRIBUTIONS
from stylegen.utils.errors import UserError, unknown
from stylegen.utils.locks import alone_in
from stylegen.utils.process_settings import ProcessSetting

if TYPE_CHECKING:
    from stylegen.datasets.imageset import ImageSet
    from stylegen.dcgan.run import Training
    from stylegen.training.callbacks import Report
from stylegen.dcgan.care import Care


@functools.cache
def _determinism() -> ProcessSetting:
    """Of TensorFlow's operations; its public functions can switch it on only."""
    from tensorflow.python.framework import config

    switch = {True: config.enable_op_determinism, False: config.disable_op_determinism}
    return ProcessSetting(config.is_op_determinism_enabled, lambda on: switch[on]())


def train(
    data: ImageSet,
    *,
    workdir: str | os.PathLike,
    preset: str = USUAL,
    steps: int = 20000,
    seed: int = 0,
    conditional: bool = False,
    log_every: int = 100,
    sample_every: int = 500,
    checkpoint_every: int = 1000,
    collapse_every: int = 500,
    on_collapse: str = 'warn',
    evaluate_every: int = 5000,
    pictures: int = 2000,
    keep: int = 3,
    samples: int = 64,
    steps_per_execution: int = 1,
    jit: str = 'auto',
    precision: str = 'float32',
    distribute: str = 'none',
    deterministic: bool = False,
    tensorboard: bool = False,
    callback: Callable[[Report], None] | None = None,
    warn: Callable[[str], None] | None = None,
    **options: Any,
) -> Training:
    """Trains a DCGAN on images; where the workdir keeps an unfinished run of the same settings, that goes on.

    In float32 on a CPU, and with `deterministic` on, a run that was stopped at any moment and one that was not come to
    the same bits. The workdir has then: `settings.json`, `log.csv`, `quality.csv`, `events.jsonl`, `checkpoints/`,
    `samples/`, `training.gif`.

    Args:
        data: The images, see `stylegen.datasets.open_images`; their size and channels are those of the networks.
        workdir: Folder of the run.
        preset: One of `stylegen.dcgan.presets.PRESETS`.
        steps: Generator steps in all.
        seed: Of everything random.
        conditional: Tell the networks the classes.
        log_every, sample_every, checkpoint_every: Steps from one log row, sheet of samples, checkpoint to the next.
        collapse_every: Steps from one look at the diversity of the generator's pictures to the next; 0: none.
        on_collapse: What to do where the generator has collapsed or the discriminator has won: 'warn', 'stop', or
            'rollback' to a checkpoint from before, with half the learning rate.
        evaluate_every: Steps from one measurement of `fid_mini` to the next; the best is kept. 0: none.
        pictures: Generated ones, and real ones, that `fid_mini` is measured on.
        keep: How many of the last checkpoints to keep.
        samples: Images on a sheet.
        steps_per_execution: Steps of a compiled call.
        jit: Compile with XLA: 'auto', 'on', 'off'.
        precision: 'float32', 'mixed_bfloat16', or 'auto': the faster one here.
        distribute: Over what, one of `stylegen.training.distribution.DISTRIBUTIONS`: 'none', 'mirrored' over the
            devices of this machine, 'multi_worker' over the processes of TF_CONFIG's cluster, of which only the chief
            uses the workdir. Each device takes its share of a batch; steps come to the same but for rounding (and
            dropout), so that a run may go on with other devices.
        deterministic: Let TensorFlow use operations only that give the same bits each time; in the whole process, as
            long as this works.
        tensorboard: Write the log for TensorBoard too.
        callback: Is told a `Report` with every log row.
        warn: Is told, in a line, what goes wrong and is mended.
        options: `latent_dim`, `g_width`, `d_width`, `upsampling`, `d_norm` (see `stylegen.dcgan.models`), `batch_size`,
            and the arguments of `stylegen.dcgan.gan.DCGAN` but `decay_steps`; None is the preset's.

    Raises:
        UserError: The workdir keeps a run of other settings, or another process is at work in it; there are no classes;
            options do not go together; `distribute` finds no devices or cluster.
        ArithmeticError: Values that are not finite came again and again.
        WorkerLost: Another process of the cluster has gone.
    """
    if on_collapse not in ON_COLLAPSE:
        raise unknown('on_collapse', on_collapse, ON_COLLAPSE)
    if distribute not in DISTRIBUTIONS:
        raise unknown('distribute', distribute, DISTRIBUTIONS)
    if conditional and not data.classes:
        raise UserError('--conditional needs images in class folders, or with labels; leave it out')
    from stylegen.dcgan.run import Training, identity
    from stylegen.utils.backend import fast_precision

    devices = DISTRIBUTIONS[distribute]()
    precision = fast_precision() if precision == 'auto' else precision
    plan = make_plan(
        preset, data.size, data.channels,
        classes=tuple(data.classes) if conditional else (), steps=steps, seed=seed, precision=precision, **options,
    )  # fmt: skip
    care = Care(
        log_every, sample_every, checkpoint_every, collapse_every, on_collapse, evaluate_every, pictures, keep, samples,
        tensorboard,
    )  # fmt: skip
    devices.check(plan.batch_size, jit, steps_per_execution)
    exact = _determinism().at(True) if deterministic else contextlib.nullcontext()
    with alone_in(workdir) if devices.chief else contextlib.nullcontext(), devices.together(), exact:
        same = {'count of pictures': data.count, 'steps': steps, 'per_call': steps_per_execution, **asdict(care)}
        devices.agree(compared(identity(data, plan)) | same)
        run = Training(data, plan, Path(workdir), care, callback, warn or (lambda line: None), devices)
        run.write_settings()
        if run.step == 0:
            run.save(0)
            run.sheet(0)
        elif run.step < steps:
            run.events.add('resumed', run.step)
        try:
            run.run(steps, steps_per_execution, jit)
        except KeyboardInterrupt:
            if int(run.gan.bad[0]) < 0:
                run.save(run.step)
            run.events.add('stopped', run.step)
            if devices.chief:
                run.warn(f'stopped; step {run.step} is kept in {workdir}: the same command goes on')
            raise
        run.film()
        devices.told('done')  # nobody leaves before the chief has written everything
    return run
