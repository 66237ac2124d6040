"""The command line of style transfer: `python -m stylegen.style`, or `stylegen-style`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from absl.flags import FlagValues

from stylegen import cli, images, listings
from stylegen.console import Console
from stylegen.errors import UserError
from stylegen.networks import POOLINGS
from stylegen.signatures import defaults_of
from stylegen.style.coloring import COLORS, MAPS, TIMES
from stylegen.style.folder import DEFAULT_FOLDER, is_many, style_folder
from stylegen.style.job import Job, Pictures, Session, state_folder, unfinished_of
from stylegen.style.options import DEFAULT_SIZE, NONE, format_steps, recorded, refuse_idle, settings_of
from stylegen.style.stylizer import LOSSES, OPTIMIZERS
from stylegen.style.transfer import FIRST_CHOICE, transfer

DEFAULT_OUTPUT = 'style.png'
LIST = 'list'


def define_flags() -> cli.Flags:
    """All flags of the command, in groups."""
    usual = defaults_of(transfer)
    flags = cli.Flags('Paints the content of one picture in the style of others.', transfer)
    flags.group('Pictures')
    flags.strings('content', 'a picture or a folder; several give a result each; the default comes with the package')
    flags.strings(
        'style',
        'PICTURE or PICTURE:SHARE; several are blended in their shares; a folder gives a result for each picture in '
        'it; the default comes with the package',
    )
    flags.string(
        'output',
        f'PNG, JPEG, WebP or TIFF, by default {DEFAULT_OUTPUT} or a free name like it; of many results a folder, by '
        f'default {DEFAULT_FOLDER}, for CONTENT__STYLE.png',
        default=None,
    )
    flags.integer(
        'size', f"longest side; by default the content's own, up to {DEFAULT_SIZE}", default=None, lower_bound=1
    )
    flags.strings(
        'region', f'MASK=STYLE, or MASK={NONE}: a style of its own where a grey picture is white; several times'
    )
    flags.string('mask', 'grey picture: white is painted, black stays as it is, bit for bit')
    flags.switch('preview', 'save the result of the first size as soon as it is there, as OUTPUT-preview')
    flags.string('film', 'GIF, WebP or MP4 of how the picture comes about', default=None)
    flags.switch('sidecar', 'write the settings beside the result too, as JSON')
    flags.switch('overwrite', 'of many results: make those again that are there')
    flags.switch('skip_existing', 'do nothing where the output is there, as it is with many results')
    flags.string('replay', 'a result: make it again; what is typed beside it wins', default=None)
    flags.integer('save_every', 'save the picture so far every so many steps', default=None, lower_bound=1)
    flags.network(layers="'list' to see what the network has, for the two below")
    flags.string('style_layers', 'LAYER:WEIGHT,... whose statistics make the style; by network')
    flags.string('content_layers', 'LAYER:WEIGHT,... whose maps make the content; by network')
    flags.choice('pooling', 'of the network', POOLINGS)
    flags.group('How much style')
    flags.number('strength', 'of the style: 0 all content, 1 all style', lower_bound=0, upper_bound=1)
    flags.choice('loss', 'distance of the styles', LOSSES)
    flags.string('like', "settings and formula of a published program, or 'list'; what is typed beside it wins")
    flags.number('content_weight', 'weight of the content instead of a strength; 1 if only the other', lower_bound=0)
    flags.number('style_weight', 'weight of the style instead of a strength; 1 if only the other', lower_bound=0)
    flags.number('tv_weight', 'weight of total variation, which smooths', default=usual['variation'], lower_bound=0)
    flags.number('style_scale', "longest side of the style beside the content's: larger gives larger strokes")
    flags.integer('style_size', 'longest side of the style in pixels; wins over --style_scale', lower_bound=1)
    flags.group('How to get there')
    flags.string(
        'init',
        'what to begin with: content, noise, style (noise in its colours), mean (the mean colour of photographs) or a '
        'picture',
    )
    flags.choice('optimizer', 'how the picture is changed', OPTIMIZERS)
    flags.number('learning_rate', 'of adam and descent, of 1', lower_bound=0)
    flags.string(
        'iterations', 'steps at each size: N, or N,N,... whose last goes on', default=format_steps(usual['iterations'])
    )
    flags.integer('patience', 'leave a size when its loss has flattened for so many steps', lower_bound=1)
    flags.number('scale', 'ratio of one size to the next', upper_bound=100)
    flags.integer('coarsest', 'least longest side of the first size', lower_bound=1)
    flags.integer('seed', 'of noise: the same seed gives the same picture', lower_bound=0)
    flags.group('Colour')
    flags.choice('color', "whose: the style's, or the content's by pixel (luminance) or as a whole", COLORS)
    flags.choice('color_time', "when: the style gets the content's before, or the result after", TIMES)
    flags.choice('color_map', 'which linear map, for --color=linear', MAPS)
    flags.machine()
    flags.switch('resume', 'go on from the state in --workdir, or else in OUTPUT.state; and keep it there')
    flags.talk()
    return flags


def work(flags: FlagValues) -> None:
    """Does what the flags say."""
    console = Console(flags.quiet)
    if flags.like == LIST:
        return print('\n'.join(list_published()))
    again, record = recorded(flags.replay) if flags.replay else (None, None)
    settings = settings_of(flags, again)
    if LIST in (settings['network'], flags.layers, settings['style_layers'], settings['content_layers']):
        return print('\n'.join(listed(settings)))
    if flags.layers:
        raise UserError(f'--layers={LIST} lists layers; choose them with --style_layers and --content_layers')
    many = is_many(settings)
    refuse_idle(flags, settings, many)
    if many:
        return style_folder(settings, record, flags, console)
    if flags.resume and not (flags.output or flags.workdir):
        raise UserError('--resume needs the --output of the run that is to go on, or its --workdir')
    images.check_writable(flags.output or DEFAULT_OUTPUT)
    if flags.film:
        images.check_animation(flags.film)
    output = Path(flags.output) if flags.output else cli.free_name(DEFAULT_OUTPUT)
    if flags.film and Path(flags.film).resolve() == output.resolve():
        raise UserError(f'{output} cannot be both the picture and the film; give another --film')
    if flags.skip_existing and output.exists():
        return console.say(f'{output} is there already')
    pictures = Pictures.read(settings, console.say)
    workdir = flags.workdir or (state_folder(output) if flags.resume else None)
    session = Session.open(settings, record, workdir)
    console.say(*session.about(), *session.outlook(session.settings, pictures))
    unfinished = unfinished_of(output) if flags.skip_existing else None
    job = Job(session, session.settings, pictures, output, flags, console, workdir=workdir, unfinished=unfinished)
    if not (flags.output or workdir):
        job.again += f' and --output={output}'
    job.run()
    if unfinished:
        unfinished.unlink(missing_ok=True)
    console.say('', *job.terms())


def listed(settings: Mapping[str, Any]) -> list[str]:
    """What there is of what the flags ask to list."""
    if settings['network'] == LIST:
        return listings.list_networks()
    return listings.list_layers(listings.settled_network(settings['network'], FIRST_CHOICE))


def list_published() -> list[str]:
    """The published programs and their settings."""
    from stylegen.style.published import PUBLISHED

    lines = []
    for name, published in PUBLISHED.items():
        lines.append(f'--like={name}')
        lines += [f'    {argument} = {value}' for argument, value in published.settings.items()]
    return lines


def main(argv: Sequence[str] | None = None) -> int:
    """The console script."""
    return cli.run('stylegen-style', define_flags, work, argv)


if __name__ == '__main__':
    cli.leave(main())
