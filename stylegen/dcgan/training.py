"""Train a DCGAN from the start, or continue the run of a workdir."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from stylegen.dcgan.plan import compared, make_plan
from stylegen.dcgan.presets import PRESETS
from stylegen.dcgan.settings import OF_PRESET, TrainSettings
from stylegen.training.distribution import DISTRIBUTIONS
from stylegen.utils.errors import UserError
from stylegen.utils.locks import folder_lock
from stylegen.utils.process_settings import ProcessSetting
from stylegen.utils.settings import takes

if TYPE_CHECKING:
    from stylegen.datasets.imageset import ImageSet
    from stylegen.dcgan.run import Training
    from stylegen.training.callbacks import Report


@functools.cache
def _determinism() -> ProcessSetting:
    """Returns the switch for deterministic operations; the public functions of TensorFlow can only turn them on."""
    from tensorflow.python.framework import config

    switch = {True: config.enable_op_determinism, False: config.disable_op_determinism}
    return ProcessSetting(config.is_op_determinism_enabled, lambda on: switch[on]())


@takes(TrainSettings)
def train(
    data: ImageSet,
    *,
    workdir: str | os.PathLike,
    callback: Callable[[Report], None] | None = None,
    warn: Callable[[str], None] | None = None,
    settings: TrainSettings,
) -> Training:
    """Trains a DCGAN on images. A workdir with an unfinished run of the same settings continues this run.

    In float32 on a CPU, and with `deterministic` on, a run that was stopped at any moment and one that was not come to
    the same bits. The workdir has then: `settings.json`, `log.csv`, `quality.csv`, `events.jsonl`, `checkpoints/`,
    `samples/`, `training.gif`.

    Args:
        data: The images, see `stylegen.datasets.open_images`; their size and channels are those of the networks.
        workdir: Folder of the run.
        {settings}
        callback: Receives a `Report` with every log row.
        warn: Receives a line for each problem that the run recovers from.

    Raises:
        UserError: The workdir has a run of other settings, or another process uses it; the data has no classes; two
            settings exclude each other; `distribute` finds no devices or cluster.
        ArithmeticError: Values were not finite again after the learning rate was halved three times.
        WorkerLost: Another process of the cluster has gone.

    Example:
        data = open_images('photos/', (64, 64))
        train(data, workdir='run', preset='paper64', steps=5000)
    """
    if settings.conditional and not data.classes:
        raise UserError('--conditional needs images in class folders, or with labels; leave it out')
    from stylegen.dcgan.run import Training, identity
    from stylegen.utils.backend import fast_precision

    devices = DISTRIBUTIONS[settings.distribute]()
    if settings.precision == 'auto':
        settings = settings.replace(precision=fast_precision())
    plan = make_plan(
        data.size, data.channels, classes=tuple(data.classes) if settings.conditional else (), settings=settings
    )
    data, kept_out = split(data, settings)
    devices.check(plan.batch_size, settings.jit, settings.steps_per_execution)
    exact = _determinism().at(True) if settings.deterministic else contextlib.nullcontext()
    with folder_lock(workdir) if devices.chief else contextlib.nullcontext(), devices.report_lost_workers(), exact:
        same = {name: value for name, value in settings.recorded().items() if name not in (*OF_PRESET, 'jit')}
        devices.check_same_settings(compared(identity(data, plan)) | same | {'count of pictures': data.count})
        run = Training(data, plan, Path(workdir), settings, callback, warn or (lambda line: None), devices, kept_out)
        run.write_settings()
        _begin(run)
        _run_or_keep_step(run)
        run.film()
        devices.broadcast('done')  # all processes wait until the chief has written everything
    return run


def split(data: ImageSet, settings: TrainSettings) -> tuple[ImageSet, ImageSet | None]:
    """Returns the pictures to train on, and those that are kept out of the training; None for none.

    Raises:
        UserError: So many cannot be kept out.
    """
    count = settings.held_out
    if count is None:
        count = int(data.count * PRESETS[settings.preset].held_out)
    return data.without(count) if count else (data, None)


def _begin(run: Training) -> None:
    """Saves the first checkpoint and grid of a new run, or records that a run goes on."""
    if run.step == 0:
        run.save(0)
        run.sheet(0)
    elif run.step < run.settings.steps:
        run.events.add('resumed', run.step)


def _run_or_keep_step(run: Training) -> None:
    """Trains until all steps are done. After an interruption it saves a checkpoint, if all values are finite.

    Raises:
        KeyboardInterrupt: The run was interrupted.
    """
    try:
        run.run()
    except KeyboardInterrupt:
        if int(run.gan.bad[0]) < 0:
            run.save(run.step)
        run.events.add('stopped', run.step)
        if run.devices.chief:
            run.warn(f'stopped; step {run.step} is kept in {run.workdir}: the same command goes on')
        raise
