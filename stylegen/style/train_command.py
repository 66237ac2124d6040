"""`python -m stylegen.style train`: trains a network that paints in one pass."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from absl.flags import FlagValues

from stylegen import images
from stylegen.runs import cli
from stylegen.runs.folders import expand_folders, unique_names
from stylegen.style.apply_settings import model_file
from stylegen.style.one_pass import RESULT, OnePass
from stylegen.style.one_pass_settings import OF_ADAPTERS, OnePassTrainSettings
from stylegen.style.one_pass_training import train_one_pass
from stylegen.style.options import paths_setting
from stylegen.training.distribution import WorkerLost, read_cluster, restart_process
from stylegen.utils.console import Console
from stylegen.utils.errors import UserError
from stylegen.utils.settings import Settings, setting

if TYPE_CHECKING:
    from stylegen.training.callbacks import Report

NEW, SHIPPED = 'new', 'one_pass'  # as --init


@dataclass(frozen=True, kw_only=True)
class TrainFiles(Settings):
    """What the command line of `train` reads and where it writes."""

    style: tuple[str, ...] = paths_setting('a painting, or a folder of them; several give a network of several styles')
    data: str | None = setting(
        None, 'photos to train on: a folder, .zip, .tar or .npz; or a name that dcgan train takes', group='Pictures',
        kind='path',
    )  # fmt: skip
    samples: tuple[str, ...] = paths_setting('photos that are painted on the way; the default comes with the package')
    workdir: str = setting('one_pass', 'folder of the run', group='What is kept', kind='path')
    init: str = setting(
        SHIPPED,
        f'network to begin with: {SHIPPED}, which comes along; {NEW}; or {RESULT} of a training or its folder',
        group='Training',
        kind='path',
    )


def define_flags() -> cli.Flags:
    """All flags of the command, in groups."""
    flags = cli.Flags('Trains a network that paints in one pass; the same command again goes on where it was left.')
    flags.positional('style')
    for heading in ('Pictures', 'Training', 'Network', 'What is kept', 'Machine'):
        flags.group(heading)
    flags.settings(TrainFiles, OnePassTrainSettings, without=('max_memory',))
    flags.messages()
    return flags


def work(flags: FlagValues) -> None:
    """Does what the flags say."""
    console = Console(flags.quiet)
    files, settings = cli.settings_of(TrainFiles, flags), cli.settings_of(OnePassTrainSettings, flags)
    if settings.rank:
        settings = settings.replace(**{name: value for name, value in OF_ADAPTERS.items() if not flags[name].present})
    if not files.style or not files.data:
        raise UserError('give --style, a painting or several, and --data, the photos to train on')
    paintings = expand_folders(files.style)
    names = unique_names([[path] for path in paintings])
    styles = {name: images.load_image(path) for name, path in zip(names, paintings, strict=True)}
    init = None if files.init == NEW else OnePass.open(model_file(None if files.init == SHIPPED else files.init))
    if init:
        idle = dict.fromkeys(('width', 'blocks', 'deep'), 'the network of --init has its own')
        cli.report_unused_flags({name: why for name, why in idle.items() if flags[name].present}, console.say)
    if settings.distribute == 'multi_worker':
        index, workers = read_cluster()
        console.say(f'worker {index} of {workers}; training begins when all are there')
    from stylegen.datasets.opening import open_images

    data = open_images(files.data, settings.image_size, warn=console.warn)
    for line in data.skipped_lines():
        console.warn(line)
    console.say(f'{data.count} photos from {files.data}, {settings.image_size} px; styles: {", ".join(styles)}')
    bar = None

    def report(now: Report) -> None:
        nonlocal bar
        bar = bar or console.progress(settings.steps, now.step)
        bar.to(now.step, f'step {now.step}', **now.values, **{'images/s': now.images_per_second})

    try:
        train_one_pass(
            data,
            styles,
            files.workdir,
            init=init,
            samples=[images.load_image(path) for path in files.samples],
            callback=report,
            settings=settings,
        )
    except WorkerLost as lost:
        restart_process(lost, console.warn)
    finally:
        if bar:
            bar.close()
    console.say(f'the network is in {Path(files.workdir) / RESULT}; paint with: apply PHOTO --model={files.workdir}')
