"""`python -m stylegen.dcgan project`: its flags and its work."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from absl.flags import FlagValues

from stylegen import images
from stylegen.dcgan.opening import SourceSettings, open_generator, record_of
from stylegen.dcgan.projecting import ProjectSettings, framed, framed_hole, project
from stylegen.dcgan.sampling import NPZ
from stylegen.runs import cli
from stylegen.runs.inputs import Inputs, read_mask, refuse_overwriting_inputs
from stylegen.runs.names import Output
from stylegen.utils.console import Console
from stylegen.utils.errors import UserError
from stylegen.utils.files import check_target
from stylegen.utils.npz import write_state
from stylegen.utils.settings import Settings, setting

DEFAULT_OUTPUT = 'projection.png'


@dataclass(frozen=True, kw_only=True)
class ProjectFiles(Settings):
    """The picture, its mask and classes, and the output file."""

    image: str | None = setting(
        None,
        'picture to find; it is cropped or stretched to the size of the generator, as the training pictures were',
        group='Picture',
        kind='path',
    )
    mask: str | None = setting(
        None, 'a picture that is white where --image is to be filled', group='Picture', kind='path'
    )
    classes: str | None = setting(
        None, 'classes to try, by name or number; by default all', group='Picture', formerly='labels'
    )
    output: str | None = setting(
        None,
        f'a picture, by default {DEFAULT_OUTPUT} or a free name like it; the vector goes to an .npz of its name',
        group='Output',
        kind='path',
    )


def define_flags() -> cli.Flags:
    """Returns the flags of the command, in groups."""
    flags = cli.Flags('Finds the latent vector of a picture, or completes a picture.')
    flags.positional('image')
    for heading in ('Generator', 'Picture', 'Search', 'Output'):
        flags.group(heading)
    flags.settings(SourceSettings, ProjectFiles, ProjectSettings)
    flags.messages()
    return flags


def work(flags: FlagValues) -> None:
    """Runs the command with parsed flags."""
    console = Console(flags.quiet)
    source = cli.settings_of(SourceSettings, flags)
    files = cli.settings_of(ProjectFiles, flags)
    settings = cli.settings_of(ProjectSettings, flags)
    if files.image is None:
        raise UserError('give the picture to find: --image=photo.png')
    output = Output.from_flag(files.output, DEFAULT_OUTPUT, NPZ, say=console.say)
    images.check_writable(output.path)
    check_target(output.path.with_suffix(NPZ), [NPZ])
    inputs = Inputs(say=console.say)
    refuse_overwriting_inputs(output.path, [path for path in (files.image, files.mask) if path])
    picture = inputs.load(files.image)
    mask = read_mask(inputs, files.mask, picture.pixels.shape[:2]) if files.mask else None
    generator = open_generator(source.workdir, settings=source)
    target = framed(picture, generator)
    hole = None if mask is None else framed_hole(mask, generator)
    bar = console.progress(settings.steps)
    try:
        found = project(
            generator, target, hole, files.classes, callback=lambda now: bar.to(
                now.step, f'step {now.step}', loss=float(now.losses.min())
            ), settings=settings,
        )  # fmt: skip
    finally:
        bar.close()
    recorded = {'image': files.image, 'mask': files.mask, 'classes': files.classes, **settings.recorded()}
    record = record_of('project', recorded, generator, inputs.hashes)
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
        except FileExistsError:  # without `overwrite`; the array file is ours
            arrays.unlink()
            raise

    path = output.save(write)
    losses = f'loss {found.losses.min():.4g} (restarts up to {found.losses.max():.4g})'
    console.say(f'{losses}: {path}, vector in {path.with_suffix(NPZ)}')
