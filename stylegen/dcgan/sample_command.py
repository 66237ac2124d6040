"""`python -m stylegen.dcgan sample`: its flags and its work."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from absl.flags import FlagValues

from stylegen import images
from stylegen.cluster.settings import ClusterSettings
from stylegen.datasets.opening import open_images
from stylegen.dcgan.cluster_job import SampleJob, sample_on_cluster
from stylegen.dcgan.load import BATCH_SIZE, Generator
from stylegen.dcgan.neighbours import nearest, sheet
from stylegen.dcgan.opening import SourceSettings, labels_of, open_generator, parse_seeds, record_of
from stylegen.dcgan.sampling import FORMS, NPZ, SampleSettings, check_output, form_of, sample
from stylegen.dcgan.training_command import first_only
from stylegen.images.sheets import grid_shape
from stylegen.runs import cli
from stylegen.runs.names import Output
from stylegen.utils.console import Console
from stylegen.utils.errors import UserError
from stylegen.utils.files import digest_of
from stylegen.utils.settings import Settings, setting

DEFAULT_OUTPUT = {'grid': 'samples.png', 'files': 'samples', 'npz': 'samples.npz'}
MOST_ROWS = 200  # of a sheet of neighbours; each picture has a row
MOST_PIXELS = 1 << 27  # of a grid; the array takes 1.6 GB
IDLE = {  # flag -> forms that it is for; none of them is for --neighbours
    'columns': ('grid',), 'scale': ('grid', 'files'), 'overwrite': ('files',), 'batch_size': tuple(FORMS),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class SampleFiles(Settings):
    """The output, and the pictures that are drawn beside the generated ones."""

    batch_size: int = setting(
        BATCH_SIZE, 'pictures in memory at a time; the pictures do not depend on it', group='Pictures', at_least=1
    )
    output: str | None = setting(
        None,
        f'a picture for a grid, a folder for a PNG each, or .npz; by default {DEFAULT_OUTPUT["grid"]} or a free name '
        'like it',
        group='Pictures',
        kind='path',
    )
    format: str | None = setting(
        None, 'format of the output; by default its name decides', group='Pictures', choices=FORMS
    )
    neighbours: str | None = setting(
        None,
        'images, as for --data of train: draw the nearest of these beside each picture',
        group='Pictures',
        kind='path',
    )
    overwrite: bool = setting(False, 'replace pictures in a folder', group='Pictures')


def define_flags() -> cli.Flags:
    """Returns the flags of the command, in groups."""
    flags = cli.Flags('Draws pictures: each depends on the generator and its seed alone.')
    flags.settings(SourceSettings, SampleSettings, SampleFiles, ClusterSettings)
    flags.messages()
    return flags


def work(flags: FlagValues) -> None:
    """Runs the command with parsed flags."""
    console = Console(flags.quiet)
    source = cli.settings_of(SourceSettings, flags)
    settings = cli.settings_of(SampleSettings, flags)
    files = cli.settings_of(SampleFiles, flags)
    cluster = ClusterSettings.read(flags, files.output)
    seeds = parse_seeds(settings.seeds)
    usual = 'files' if cluster.cluster else 'grid'
    form = form_of(files.output or DEFAULT_OUTPUT[files.format or usual], files.format)
    if cluster.cluster and (form != 'files' or files.neighbours):
        raise UserError('--cluster draws a file for each seed; give a folder as --output, or leave it out')
    if files.output:
        output = Output(Path(files.output), files.overwrite if form == 'files' else True)
    else:
        output = Output.free(Path(DEFAULT_OUTPUT[form]))
    what = 'with --neighbours' if files.neighbours else f'with --format={form}'
    idle = {name: what for name, forms in IDLE.items() if form not in forms or files.neighbours}
    cli.report_unused_flags({name: why for name, why in idle.items() if flags[name].present}, console.say)
    if files.neighbours and (form != 'grid' or len(seeds) > MOST_ROWS):
        raise UserError(f'--neighbours makes a sheet of up to {MOST_ROWS} --seeds; give a picture as --output')
    generator = open_generator(source.workdir, settings=source)
    labels = labels_of(generator, seeds, settings.classes)
    if cluster.cluster:
        job = SampleJob(source, settings, digest_of(generator.path), files.batch_size)
        folder = files.output or DEFAULT_OUTPUT[form]
        return sample_on_cluster(job, seeds, labels, folder, cluster, console, overwrite=files.overwrite)
    if form == 'grid' and not files.neighbours:
        check_grid(len(seeds), generator, settings, output)
    check_output(output.path, form, seeds, files.overwrite)
    if files.neighbours:
        drawn = np.concatenate(list(sample(generator, seeds, labels)))
        draw_neighbours(output, drawn, seeds, generator, files.neighbours, settings.recorded(), console)
        return
    bar = console.progress(len(seeds))
    try:
        batches = sample(
            generator,
            seeds,
            labels,
            batch_size=files.batch_size,
            progress=lambda done: bar.to(done, f'{done} pictures'),
        )
        record = record_of('sample', settings.recorded(), generator)
        path = FORMS[form](output, batches, seeds, record, labels, settings)
    finally:
        bar.close()
    console.say(f'{len(seeds)} pictures of the {generator.which} generator of step {generator.step}: {path}')


def check_grid(count: int, generator: Generator, settings: SampleSettings, output: Output) -> None:
    """Refuses a grid that is too large or cannot be written.

    Raises:
        UserError: It is too large, or its folder cannot be written.
    """
    height, width = (side * settings.scale for side in generator.plan.size)
    shape = grid_shape(count, (height, width), settings.columns, 2 * settings.scale)
    if shape[0] * shape[1] > MOST_PIXELS:
        raise UserError(
            f'{count:,} pictures of {height} x {width} are too many for one grid; give less --seeds, or a folder or '
            f'{NPZ} as --output'
        )
    images.check_writable(output.path, shape)


def draw_neighbours(
    output: Output,
    pictures: np.ndarray,
    seeds: Sequence[int],
    generator: Generator,
    source: str,
    settings: dict[str, Any],
    console: Console,
) -> None:
    """Writes the sheet of pictures with their nearest neighbours in a set."""
    plan, fit = generator.plan, generator.fit
    data = open_images(source, plan.size, plan.channels, fit=fit, labels=False, warn=console.warn)
    console.say(*first_only(data))
    bar = console.progress(data.count)
    try:
        found = nearest(images.to_uint8(pictures), data, progress=lambda done: bar.to(done, f'{done} compared'))
    finally:
        bar.close()
    record = record_of('sample', settings | {'neighbours': source}, generator) | {'data': data.manifest}
    names = [f'seed {seed}' for seed in seeds]
    made = sheet(pictures, names, found)
    path = output.save(images.save_image, made, settings=record)
    console.say(f'{len(seeds)} pictures and the nearest of {data.count} from {source}: {path}')
