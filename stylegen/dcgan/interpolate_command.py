"""`python -m stylegen.dcgan interpolate`: its flags and its work."""

from dataclasses import dataclass

from absl.flags import FlagValues

from stylegen import images
from stylegen.dcgan.interpolating import InterpolateSettings, interpolate, save_walk
from stylegen.dcgan.opening import LabelSettings, SourceSettings, labels_of, open_generator, parse_seeds, record_of
from stylegen.images.animation import ANIMATIONS
from stylegen.runs import cli
from stylegen.runs.names import Output
from stylegen.utils.console import Console
from stylegen.utils.errors import UserError
from stylegen.utils.files import check_target
from stylegen.utils.settings import setting

DEFAULT_OUTPUT = 'interpolation.png'


@dataclass(frozen=True, kw_only=True)
class InterpolateFiles(LabelSettings):
    """The seeds, their classes, and the output file."""

    seeds: str = setting('0-3', 'two or more, such as 3,17,42 or 0-5', group='Path')
    output: str | None = setting(
        None,
        f'GIF, WebP or MP4 to see it move, a picture for a sheet; by default {DEFAULT_OUTPUT} or a free name like it',
        group='Output',
        kind='path',
    )


def define_flags() -> cli.Flags:
    """Returns the flags of the command, in groups."""
    flags = cli.Flags('Draws pictures along a path from seed to seed, as a sheet or an animation.')
    flags.settings(SourceSettings, InterpolateFiles, InterpolateSettings)
    flags.messages()
    return flags


def work(flags: FlagValues) -> None:
    """Runs the command with parsed flags."""
    console = Console(flags.quiet)
    source = cli.settings_of(SourceSettings, flags)
    files = cli.settings_of(InterpolateFiles, flags)
    settings = cli.settings_of(InterpolateSettings, flags)
    seeds = parse_seeds(files.seeds)
    if len(seeds) < 2:
        raise UserError(f'--seeds takes two seeds or more, such as 3,17,42; got {files.seeds!r}')
    output = Output.from_flag(files.output, DEFAULT_OUTPUT, say=console.say)
    moving = output.path.suffix.lower() in ANIMATIONS
    check_target(output.path, dict.fromkeys([*ANIMATIONS, *images.FORMATS]))
    if moving:
        images.check_animation(output.path)
    elif flags['fps'].present:
        cli.report_unused_flags({'fps': 'a sheet does not move'}, console.say)
    generator = open_generator(source.workdir, settings=source)
    labels = labels_of(generator, seeds, files.classes)
    frames = interpolate(generator, seeds, labels, settings=settings)
    recorded = {'seeds': files.seeds, 'classes': files.classes, **settings.recorded()}
    if not moving:
        del recorded['fps']
    record = record_of('interpolate', recorded, generator)
    path = output.save(save_walk, frames, record=record, settings=settings)
    console.say(f'{len(frames)} pictures through {len(seeds)} seeds: {path}')
