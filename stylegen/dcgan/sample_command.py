"""`python -m stylegen.dcgan sample`: its flags, and what it does with them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl.flags import FlagValues

from stylegen import images
from stylegen.datasets.opening import open_images
from stylegen.dcgan.load import Generator
from stylegen.dcgan.neighbours import nearest, sheet
from stylegen.dcgan.opening import generator_flags, labels_of, open_generator, parse_seeds, record_of
from stylegen.dcgan.sampling import FORMS, NPZ, check_output, form_of, sample, save_grid
from stylegen.dcgan.training_command import first_only
from stylegen.images.sheets import grid_shape
from stylegen.runs import cli
from stylegen.runs.names import Output
from stylegen.utils.console import Console
from stylegen.utils.errors import UserError

DEFAULT_OUTPUT = {'grid': 'samples.png', 'files': 'samples', 'npz': 'samples.npz'}
DEFAULT_SEEDS = '0-63'
MOST_ROWS = 200  # of a sheet of neighbours
MOST_PIXELS = 1 << 27  # of a grid, whose numbers take 1.6 GB
IDLE = {  # flag -> forms that it is for; none of them is for --neighbours
    'columns': ('grid',), 'scale': ('grid', 'files'), 'overwrite': ('files',), 'batch_size': tuple(FORMS),
}  # fmt: skip


def define_flags() -> cli.Flags:
    """All flags of the command, in groups."""
    flags = cli.Flags('Draws pictures: each depends on the generator and its seed alone.', sample, save_grid)
    generator_flags(flags)
    flags.group('Pictures')
    flags.string('seeds', 'numbers and ranges with commas, such as 0-99,105', default=DEFAULT_SEEDS)
    flags.integer('batch_size', 'pictures that are held at a time; changes none of them', lower_bound=1)
    default = DEFAULT_OUTPUT['grid']
    text = f'a picture for a grid, a folder for a PNG each, or .npz; by default {default} or a free name like it'
    flags.path('output', text, default=None)
    flags.choice('format', 'of the output; by default what its name says', FORMS, default=None)
    flags.integer('columns', 'of the grid; by default as square as can be', lower_bound=1)
    flags.integer('scale', 'pixels a side that a pixel is drawn with', lower_bound=1, upper_bound=64)
    flags.path(
        'neighbours', 'images, as for --data of train: draw beside each picture the nearest of these', default=None
    )
    flags.switch('overwrite', 'of a folder: replace pictures that are there')
    flags.talk()
    return flags


def work(flags: FlagValues) -> None:
    """Does what the flags say."""
    console = Console(flags.quiet)
    seeds = parse_seeds(flags.seeds)
    form = form_of(flags.output or DEFAULT_OUTPUT[flags.format or 'grid'], flags.format)
    if flags.output:
        output = Output(Path(flags.output), flags.overwrite if form == 'files' else True)
    else:
        output = Output.free(Path(DEFAULT_OUTPUT[form]))
    what = 'with --neighbours' if flags.neighbours else f'with --format={form}'
    idle = {name: what for name, forms in IDLE.items() if form not in forms or flags.neighbours}
    cli.say_idle({name: why for name, why in idle.items() if flags[name].present}, console.say)
    if flags.neighbours and (form != 'grid' or len(seeds) > MOST_ROWS):
        raise UserError(f'--neighbours makes a sheet of up to {MOST_ROWS} --seeds; give a picture as --output')
    generator = open_generator(flags.workdir, checkpoint=flags.checkpoint, which=flags.which)
    labels = labels_of(generator, seeds, flags.labels)
    height, width = (side * flags.scale for side in generator.plan.size)
    if form == 'grid' and not flags.neighbours:
        shape = grid_shape(len(seeds), (height, width), flags.columns, 2 * flags.scale)
        if shape[0] * shape[1] > MOST_PIXELS:
            raise UserError(
                f'{len(seeds):,} pictures of {height} x {width} are too many for one grid; give less --seeds, or a '
                f'folder or {NPZ} as --output'
            )
        images.check_writable(output.path, shape)
    check_output(output.path, form, seeds, flags.overwrite)
    settings = {name: flags[name].value for name in ('seeds', 'labels', 'columns', 'scale')}
    if flags.neighbours:
        drawn = np.concatenate(list(sample(generator, seeds, labels)))
        draw_neighbours(output, drawn, seeds, generator, flags.neighbours, settings, console)
        return
    bar = console.progress(len(seeds))
    try:
        batches = sample(
            generator,
            seeds,
            labels,
            batch_size=flags.batch_size,
            progress=lambda done: bar.to(done, f'{done} pictures'),
        )
        record = record_of('sample', settings, generator)
        path = FORMS[form](output, batches, seeds, record, labels, columns=flags.columns, scale=flags.scale)
    finally:
        bar.close()
    console.say(f'{len(seeds)} pictures of the {generator.which} generator of step {generator.step}: {path}')


def draw_neighbours(
    output: Output,
    pictures: np.ndarray,
    seeds: Sequence[int],
    generator: Generator,
    source: str,
    settings: dict[str, Any],
    console: Console,
) -> None:
    """Writes the sheet of pictures and what is nearest to them in a set."""
    data = open_images(source, generator.plan.size, generator.plan.channels, labels=False, warn=console.warn)
    console.say(*first_only(data))
    bar = console.progress(data.count)
    try:
        found = nearest(images.to_uint8(pictures), data, progress=lambda done: bar.to(done, f'{done} looked at'))
    finally:
        bar.close()
    record = record_of('sample', settings | {'neighbours': source}, generator) | {'data': data.manifest}
    names = [f'seed {seed}' for seed in seeds]
    made = sheet(pictures, names, found)
    path = output.save(lambda path, overwrite: images.save_image(path, made, settings=record, overwrite=overwrite))
    console.say(f'{len(seeds)} pictures and the nearest of {data.count} from {source}: {path}')
