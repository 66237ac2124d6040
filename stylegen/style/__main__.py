"""The command line of style transfer: `python -m stylegen.style`, or `stylegen-style`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from absl.flags import FlagValues

from stylegen import images
from stylegen.networks import listings
from stylegen.runs import cli, records
from stylegen.runs.folders import remove_unfinished, unfinished_of
from stylegen.runs.inputs import DEFAULT_SIZE
from stylegen.runs.names import Output
from stylegen.style.coloring import COLORS, MAPS, TIMES
from stylegen.style.folder import DEFAULT_FOLDER, is_many, style_folder
from stylegen.style.job import Job, Pictures, Session, state_folder
from stylegen.style.options import NONE, as_typed, check_flags, format_steps, recorded, settings_of
from stylegen.style.published import PUBLISHED
from stylegen.style.run import PATIENCE_STEPS
from stylegen.style.setup import LOSSES, OPTIMIZERS
from stylegen.style.transferring import EMBEDDED, FIRST_CHOICE, transfer
from stylegen.utils.choices import POOLINGS
from stylegen.utils.console import Console
from stylegen.utils.errors import UserError
from stylegen.utils.signatures import defaults_of

DEFAULT_OUTPUT = 'style.png'
LIST = 'list'


def define_flags() -> cli.Flags:
    """All flags of the command, in groups."""
    flags = cli.Flags('Paints the content of one picture in the style of others.', transfer)
    flags.words('content', 'style')
    _picture_flags(flags)
    _network_flags(flags)
    _style_flags(flags)
    _way_flags(flags)
    _color_flags(flags)
    flags.machine()
    flags.switch('resume', 'go on from the state in --workdir, or else in OUTPUT.state; and keep it there')
    flags.talk()
    return flags


def _picture_flags(flags: cli.Flags) -> None:
    flags.group('Pictures')
    flags.paths('content', 'a picture or a folder; several give a result each; the default comes with the package')
    flags.paths(
        'style',
        'PICTURE or PICTURE:SHARE; several are blended in their shares; a folder gives a result for each picture in '
        'it; the default comes with the package',
    )
    flags.path(
        'output',
        f'PNG, JPEG, WebP or TIFF, by default {DEFAULT_OUTPUT} or a free name like it; of many results a folder, by '
        f'default {DEFAULT_FOLDER}, for CONTENT__STYLE.png',
        default=None,
    )
    flags.integer(
        'size', f"longest side; by default the content's own, up to {DEFAULT_SIZE}", default=None, lower_bound=1
    )
    flags.paths(
        'region', f'MASK=STYLE, or MASK={NONE}: a style of its own where a grey picture is white; several times'
    )
    flags.path('mask', 'grey picture: white is painted, black stays as it is, bit for bit')
    flags.switch('preview', 'save the result of the first size as soon as it is there, as OUTPUT-preview')
    flags.path('film', 'GIF, WebP or MP4 of how the picture comes about', default=None)
    flags.switch('sidecar', 'write the settings beside the result too, as JSON')
    flags.integer('depth', 'bits a channel of a PNG or TIFF: 8 or 16', default=8)
    flags.switch('overwrite', 'of many results: make those again that are there')
    flags.switch('skip_existing', 'do nothing where the output is there, as it is with many results')
    flags.path('replay', 'a result: make it again; what is typed beside it wins', default=None)
    flags.integer('save_every', 'save the picture so far every so many steps', default=None, lower_bound=1)


def _network_flags(flags: cli.Flags) -> None:
    flags.network(layers=f"'{LIST}' prints the network's layers, for --style_layers and --content_layers")
    flags.string('style_layers', 'LAYER:WEIGHT,... whose statistics define the style; default by network')
    flags.string('content_layers', 'LAYER:WEIGHT,... whose maps define the content; default by network')
    flags.choice('pooling', 'of the network', POOLINGS)


def _style_flags(flags: cli.Flags) -> None:
    flags.group('How much style')
    flags.number('strength', 'of the style: 0 all content, 1 all style', lower_bound=0, upper_bound=1)
    flags.choice('loss', 'distance of the styles', LOSSES)
    flags.choice(
        'like',
        f"settings and formula of a published program; '{LIST}' prints them; what is typed beside it wins",
        (*PUBLISHED, LIST),
    )
    for one, other in (('content', 'style'), ('style', 'content')):
        text = f'weight of the {one} loss, instead of --strength; 1 if only --{other}_weight is given'
        flags.number(f'{one}_weight', text, lower_bound=0)
    flags.number(
        'tv_weight', 'weight of total variation, which smooths; default by network', default=None, lower_bound=0
    )
    flags.number(
        'style_scale', "longest side of the style picture as a multiple of the result's; larger gives larger strokes"
    )
    flags.integer('style_size', 'longest side of the style in pixels; wins over --style_scale', lower_bound=1)


def _way_flags(flags: cli.Flags) -> None:
    flags.group('How to get there')
    flags.path(
        'init',
        'what to begin with: content, noise, style (noise in its colours), mean (the mean colour of photographs) or a '
        'picture',
    )
    flags.choice('optimizer', 'how the picture is changed', OPTIMIZERS)
    flags.number('learning_rate', 'step size of adam and descent; pixels run from 0 to 1', lower_bound=0)
    usual = format_steps(defaults_of(transfer)['iterations'])
    flags.string('iterations', 'steps at each size: N, or N,N,... whose last value repeats', default=usual)
    flags.integer(
        'patience',
        'move to the next size when the loss has not fallen by 1 % within this many steps (checked every '
        f'{PATIENCE_STEPS})',
        lower_bound=1,
    )
    flags.number('scale', 'ratio of one size to the next', upper_bound=100)
    flags.integer('coarsest', "the first size's longest side is at least this", lower_bound=1)
    flags.integer('seed', 'of noise: the same seed gives the same picture', lower_bound=0)


def _color_flags(flags: cli.Flags) -> None:
    flags.group('Colour')
    flags.choice(
        'color',
        "style: the style's colours; luminance: the content's, pixel by pixel; linear, histogram: the content's "
        'palette',
        COLORS,
    )
    flags.choice('color_time', 'before: recolour the style picture; after: recolour the result', TIMES)
    flags.choice('color_map', 'which linear map, for --color=linear', MAPS)


def work(flags: FlagValues) -> None:
    """Does what the flags say."""
    console = Console(flags.quiet)
    if flags.like == LIST:
        return print('\n'.join(list_published()))
    typed = flags.network if flags['network'].present else None
    again, record = recorded(flags.replay, typed) if flags.replay else (None, None)
    settings = settings_of(flags, again)
    if record:
        records.check_files(record, settings, [name for name in flags if flags[name].present])
    if LIST in (settings['network'], flags.layers, settings['style_layers'], settings['content_layers']):
        return print('\n'.join(listed(settings)))
    if flags.layers:
        raise UserError(f'--layers={LIST} lists layers; choose them with --style_layers and --content_layers')
    many = is_many(settings)
    check_flags(flags, settings, many, console.say)
    if many:
        return style_folder(settings, record, flags, console)
    if flags.resume and not (flags.output or flags.workdir):
        raise UserError('--resume needs the --output of the run that is to go on, or its --workdir')
    target = Output.of(flags.output, DEFAULT_OUTPUT, say=console.say)
    if flags.skip_existing:
        target = replace(target, overwrite=False)  # nor what another run makes meanwhile
    images.check_writable(target.path, depth=flags.depth)
    if flags.film:
        images.check_animation(flags.film)
    if flags.film and Path(flags.film).resolve() == target.path.resolve():
        raise UserError(f'{target.path} cannot be both the picture and the film; give another --film')
    if flags.skip_existing and target.path.exists():
        return console.say(f'{target.path} is there already')
    pictures = Pictures.read(settings, console.say)
    workdir = flags.workdir or (state_folder(target.path) if flags.resume else None)
    session = Session.open(settings, record, workdir)
    console.say(*session.about(), *session.outlook(session.settings, pictures))
    unfinished = unfinished_of(target.path) if flags.skip_existing else None
    job = Job(session, session.settings, pictures, target, flags, console, workdir=workdir, unfinished=unfinished)
    job.run()
    if unfinished:
        remove_unfinished(unfinished)
    console.say('', *job.terms())


def listed(settings: Mapping[str, Any]) -> list[str]:
    """What there is of what the flags ask to list."""
    if settings['network'] == LIST:
        return listings.list_networks()
    return listings.list_layers(listings.settled_network(settings['network'], FIRST_CHOICE, EMBEDDED[0]))


def list_published() -> list[str]:
    """The published programs and their settings, as flags where there is one."""
    lines = []
    for name, published in PUBLISHED.items():
        typed, rest = as_typed(published.settings)
        lines.append(f'--like={name}')
        lines += [f'    --{flag}={value}' for flag, value in typed.items()]
        lines += [f'    {argument}={value} (no flag)' for argument, value in rest.items()]
    return lines


def main(argv: Sequence[str] | None = None) -> int:
    """The console script."""
    return cli.run('stylegen-style', define_flags, work, argv)


if __name__ == '__main__':
    cli.leave(main())
