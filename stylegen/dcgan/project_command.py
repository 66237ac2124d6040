"""`python -m stylegen.dcgan project`: its flags, and what it does with them."""

from pathlib import Path
from typing import Any

import numpy as np
from absl.flags import FlagValues

from stylegen import images
from stylegen.dcgan.opening import generator_flags, open_generator, record_of
from stylegen.dcgan.projecting import framed, framed_hole, project
from stylegen.dcgan.sampling import NPZ
from stylegen.runs import cli
from stylegen.runs.inputs import Inputs, read_mask, refuse_inputs
from stylegen.runs.names import Output
from stylegen.utils.console import Console
from stylegen.utils.errors import UserError
from stylegen.utils.files import check_target
from stylegen.utils.npz import write_state

DEFAULT_OUTPUT = 'projection.png'
OPTIONS = ('steps', 'restarts', 'learning_rate', 'perceptual', 'prior', 'seed')


def define_flags() -> cli.Flags:
    """All flags of the command, in groups."""
    flags = cli.Flags('Finds the vector of a picture, or completes a picture.', project)
    flags.words('image')
    generator_flags(flags, labels=False)
    flags.group('Picture')
    flags.path('image', "to look for; cut and resized to the generator's size", default=None)
    flags.path('mask', 'a picture that is white where --image is to be filled', default=None)
    flags.string('labels', 'classes by name or number that are tried, in turn; by default all', default=None)
    flags.group('Search')
    flags.integer('steps', 'of Adam', lower_bound=1)
    flags.integer('restarts', 'vectors to begin with; the best counts', lower_bound=1, upper_bound=4096)
    flags.number('learning_rate', 'of Adam', lower_bound=0)
    flags.number('perceptual', 'weight of the features of mini, beside the pixels', lower_bound=0)
    flags.number('prior', 'weight of the length of the vector', lower_bound=0)
    flags.integer('seed', 'of the vectors to begin with', lower_bound=0)
    flags.group('Output')
    flags.path('output', f'a picture, by default {DEFAULT_OUTPUT} or a free name like it; the vector goes to an .npz '
               'of its name', default=None)  # fmt: skip
    flags.talk()
    return flags


def work(flags: FlagValues) -> None:
    """Does what the flags say."""
    console = Console(flags.quiet)
    if flags.image is None:
        raise UserError('give the picture to look for: --image=photo.png')
    output = Output.of(flags.output, DEFAULT_OUTPUT, NPZ, say=console.say)
    images.check_writable(output.path)
    check_target(output.path.with_suffix(NPZ), [NPZ])
    inputs = Inputs(say=console.say)
    refuse_inputs(output.path, [path for path in (flags.image, flags.mask) if path])
    picture = inputs.load(flags.image)
    mask = read_mask(inputs, flags.mask, picture.pixels.shape[:2]) if flags.mask else None
    generator = open_generator(flags.workdir, checkpoint=flags.checkpoint, which=flags.which)
    target = framed(picture, generator)
    hole = None if mask is None else framed_hole(mask, generator)
    options: dict[str, Any] = {name: flags[name].value for name in OPTIONS}
    bar = console.progress(flags.steps)
    try:
        found = project(
            generator, target, hole, flags.labels, callback=lambda now: bar.to(
                now.step, f'step {now.step}', loss=float(now.losses.min())
            ), **options,
        )  # fmt: skip
    finally:
        bar.close()
    settings = {'image': flags.image, 'mask': flags.mask, 'labels': flags.labels, **options}
    record = record_of('project', settings, generator, inputs.hashes)
    kept = {'latents': found.latents, 'losses': found.losses, 'images': images.to_uint8(found.found)}
    if found.label is not None:
        kept['label'] = np.array(found.label)
    cells, said = [target, found.found], ['target', 'found']
    if hole is not None and found.completed is not None:
        cells = [target, np.where(hole[..., None], 1, target), found.found, found.completed]
        said = ['whole', 'given', 'found', 'completed']
    sheet = images.contact_sheet(cells, said, len(cells))

    def write(path: Path, overwrite: bool) -> Path:
        arrays = path.with_suffix(NPZ)
        write_state(arrays, record, kept, compressed=True, overwrite=overwrite)
        try:
            return images.save_image(path, sheet, settings=record, overwrite=overwrite)
        except FileExistsError:  # only where nothing is overwritten: the vector is ours
            arrays.unlink()
            raise

    path = output.save(write)
    losses = f'loss {found.losses.min():.4g} (restarts up to {found.losses.max():.4g})'
    console.say(f'{losses}: {path}, vector in {path.with_suffix(NPZ)}')
