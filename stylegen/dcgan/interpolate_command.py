"""`python -m stylegen.dcgan interpolate`: its flags, and what it does with them."""

from typing import Any

from absl.flags import FlagValues

from stylegen import images
from stylegen.dcgan.interpolating import PATHS, interpolate, save_walk
from stylegen.dcgan.opening import generator_flags, labels_of, open_generator, parse_seeds, record_of
from stylegen.images.animation import ANIMATIONS
from stylegen.runs import cli
from stylegen.runs.names import Output
from stylegen.utils.console import Console
from stylegen.utils.errors import UserError
from stylegen.utils.files import check_target

DEFAULT_OUTPUT = 'interpolation.png'
SETTINGS = ('seeds', 'labels', 'steps', 'path', 'loop', 'scale')


def define_flags() -> cli.Flags:
    """All flags of the command, in groups."""
    flags = cli.Flags('Draws the way from picture to picture, as a sheet or an animation.', interpolate, save_walk)
    generator_flags(flags)
    flags.group('Path')
    flags.string('seeds', 'two or more, such as 3,17,42 or 0-5', default='0-3')
    flags.integer('steps', 'from one seed to the next', lower_bound=1)
    flags.choice('path', 'along great circles (White 2016) or straight lines', PATHS)
    flags.switch('loop', 'go back to the first seed')
    flags.group('Output')
    flags.path(
        'output',
        f'GIF, WebP or MP4 to see it move, a picture for a sheet; by default {DEFAULT_OUTPUT} or a free name like it',
        default=None,
    )
    flags.number('fps', 'frames a second of an animation', lower_bound=0.1, upper_bound=100)
    flags.integer('scale', 'pixels a side that a pixel is drawn with', lower_bound=1, upper_bound=64)
    flags.talk()
    return flags


def work(flags: FlagValues) -> None:
    """Does what the flags say."""
    console = Console(flags.quiet)
    seeds = parse_seeds(flags.seeds)
    if len(seeds) < 2:
        raise UserError(f'--seeds takes two seeds or more, such as 3,17,42; got {flags.seeds!r}')
    output = Output.of(flags.output, DEFAULT_OUTPUT, say=console.say)
    moving = output.path.suffix.lower() in ANIMATIONS
    check_target(output.path, dict.fromkeys([*ANIMATIONS, *images.FORMATS]))
    if moving:
        images.check_animation(output.path)
    elif flags['fps'].present:
        cli.say_idle({'fps': 'a sheet does not move'}, console.say)
    generator = open_generator(flags.workdir, checkpoint=flags.checkpoint, which=flags.which)
    labels = labels_of(generator, seeds, flags.labels)
    frames = interpolate(generator, seeds, labels, steps=flags.steps, path=flags.path, loop=flags.loop)
    settings = {name: flags[name].value for name in (*SETTINGS, *['fps'] * moving)}
    record = record_of('interpolate', settings, generator)
    how: dict[str, Any] = {'fps': flags.fps, 'scale': flags.scale, 'settings': record}
    path = output.save(
        lambda path, overwrite: save_walk(path, frames, flags.steps, flags.loop, overwrite=overwrite, **how)
    )
    console.say(f'{len(frames)} pictures through {len(seeds)} seeds: {path}')
