"""The command line of DeepDream: `python -m stylegen.deepdream`, or `stylegen-deepdream`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from absl.flags import FlagValues

from stylegen import images
from stylegen.deepdream.dreamer import BALANCES, COLORS
from stylegen.deepdream.dreaming import EMBEDDED, FIRST_CHOICE, dream
from stylegen.deepdream.explore import EXPLORE_SIZE, explore
from stylegen.deepdream.film import FILM_SIZE, dream_film, is_clip
from stylegen.deepdream.film import MANNER as FILM_MANNER
from stylegen.deepdream.folder import dream_folder
from stylegen.deepdream.footage import dream_footage
from stylegen.deepdream.job import Job, Session
from stylegen.deepdream.noise import DEFAULTS, dream_from_noise, noise_picture
from stylegen.deepdream.options import NOISE, check_flags, inputs_of, read_input, recorded, settings_of
from stylegen.deepdream.presets import PRESETS
from stylegen.deepdream.visualizing import PARAMETERIZATIONS, visualize
from stylegen.deepdream.zoom import RATE, zoom_frames
from stylegen.networks import listings
from stylegen.runs import cli, records
from stylegen.runs.inputs import DEFAULT_SIZE
from stylegen.runs.jobs import settled_memory
from stylegen.runs.names import Output
from stylegen.utils.choices import MEASURES, NORMS, SMOOTHINGS
from stylegen.utils.console import Console
from stylegen.utils.errors import UserError

DEFAULT_OUTPUT = 'deepdream.png'
TILE_SIZE = 512  # of a tile that repeats and is made from noise


def define_flags() -> cli.Flags:
    """All flags of the command, in groups."""
    summary = 'Lets a neural network dream on a picture: what it sees, it draws.'
    flags = cli.Flags(summary, dream, zoom_frames, dream_footage, visualize)
    flags.words('input', many=True)
    define_pictures(flags)
    flags.network()
    define_subject(flags)
    define_manner(flags)
    define_noise(flags)
    define_film(flags)
    flags.machine()
    flags.talk()
    return flags


def define_pictures(flags: cli.Flags) -> None:
    """Flags of what is read and written."""
    flags.group('Pictures')
    flags.paths(
        'input', "a picture, a folder, a clip, or 'noise'; several pictures give a result each; the default comes along"
    )
    flags.path(
        'output',
        f'PNG, JPEG, WebP or TIFF; GIF, WebP or MP4 of a film; of many results a folder; by default {DEFAULT_OUTPUT}, '
        'or a free name like it',
        default=None,
    )
    flags.integer(
        'size',
        f'longest side; by default its own, up to {DEFAULT_SIZE}; of a film {FILM_SIZE}, from noise {DEFAULTS["size"]} '
        f'(a tile {TILE_SIZE}), of each picture on a contact sheet {EXPLORE_SIZE}',
        default=None,
        lower_bound=1,
    )
    flags.path('mask', 'grey picture: white dreams, black stays as it is, bit for bit')
    flags.switch('sidecar', 'write the settings beside the result too, as JSON')
    flags.integer('depth', 'bits a channel of a PNG or TIFF: 8 or 16', default=8)
    flags.switch('overwrite', 'of many results: make those again that are there')
    flags.path('replay', 'a result: make it again; what is typed beside it wins', default=None)
    flags.integer('save_every', 'save the dream so far every so many steps', default=None, lower_bound=1)


def define_subject(flags: cli.Flags) -> None:
    """Flags of what is dreamt of."""
    flags.group('What to dream of')
    flags.choice('preset', 'settings by name; what is typed beside it wins', list(PRESETS), default=None)
    flags.string('classes', "CLASS:WEIGHT,... by name or number, or 'list': the picture becomes more like them")
    flags.paths('guide', 'a picture whose contents are looked for in yours; may be given several times')
    flags.string('guide_layers', 'LAYER:WEIGHT,... that are compared with the guide')
    flags.paths('region', 'MASK=LAYER:WEIGHT,...: layers that act where a grey picture is white; several times')
    flags.choice('balance', 'signal, gradient: make all layers contribute equally before their weights apply', BALANCES)
    flags.choice('measure', 'of activity; auto: mean_square of layers, mean of channels and classes', MEASURES)
    flags.string(
        'explore', "a contact sheet of what 'layers' do to the picture, or the channels of a layer", default=None
    )


def define_manner(flags: cli.Flags) -> None:
    """Flags of how it is dreamt."""
    flags.group('How to dream')
    flags.integer('octaves', 'sizes to work through; default by network', lower_bound=1)
    flags.number('octave_scale', 'ratio of one size to the next; default by network', upper_bound=100)
    flags.integer('steps', 'steps at each size', lower_bound=0)
    flags.number(
        'strength',
        'RMS change of a picture or frame, pixels being 0 to 1; steps adapt to reach it; default by network',
        upper_bound=1,
    )
    flags.number('step_size', 'fixed change per step, instead of --strength', lower_bound=0, upper_bound=1)
    flags.choice('norm', "how the gradient's size is measured for --step_size", NORMS)
    flags.choice('smoothing', 'of the gradient; default by network', SMOOTHINGS)
    flags.number('variation', 'smooths the picture (total variation): share of each step', lower_bound=0)
    flags.integer('jitter', 'random shift before each step, in pixels', lower_bound=0, upper_bound=10000)
    flags.choice('color', 'luminance keeps the colours, match their mean and spread', COLORS)
    flags.switch('wrap', 'make a tile that repeats without seams')
    flags.integer('seed', 'the same seed gives the same dream', lower_bound=0)


def define_noise(flags: cli.Flags) -> None:
    """Flags of pictures that are made from noise."""
    flags.group('From noise (--input=noise)')
    flags.choice('parameterization', 'what is optimised', PARAMETERIZATIONS)
    flags.integer('count', 'pictures, on one sheet', lower_bound=1, upper_bound=1000)
    flags.number('diversity', 'pushes the pictures apart; 1 to 3 is felt', lower_bound=0)


def define_film(flags: cli.Flags) -> None:
    """Flags of films."""
    flags.group('Film (--zoom, or a clip as --input)')
    flags.number('zoom', 'makes a film that zooms into its own dream: factor per second, such as 1.5', default=None)
    flags.number('rotation', 'of a zoom: degrees per second')
    flags.string('shift', 'of a zoom: X,Y in widths and heights per second', default='0,0')
    flags.number('seconds', 'length of a zoom', lower_bound=0)
    flags.number('fps', f'of a zoom: frames per second; --strength is of one at {RATE:g}', lower_bound=0)
    flags.number('blend', 'of a clip: share of the dream that is carried along by the optical flow')


def work(flags: FlagValues) -> None:
    """Does what the flags say."""
    console = Console(flags.quiet)
    typed = flags.network if flags['network'].present else None
    again, record = recorded(flags.replay, typed) if flags.replay else (None, None)
    settings = settings_of(flags, again)
    if record:
        records.check_files(record, settings, [name for name in flags if flags[name].present])
    if lines := listed(settings):
        return print('\n'.join(lines))
    mode = mode_of(settings, flags.output or flags.replay)
    if mode in ('zoom', 'clip'):
        settings = settings_of(flags, again, FILM_MANNER)
    check_flags(flags, mode, settings, console.say)
    settings['max_memory'] = settled_memory(settings['max_memory'], flags.workdir)
    if mode == 'explore':
        return explore(settings, record, flags, console)
    if mode in ('zoom', 'clip'):
        return dream_film(settings, record, flags, mode, console)
    if mode == 'folder':
        return dream_folder(settings, record, flags, console)
    output = Output.of(flags.output, DEFAULT_OUTPUT, say=console.say)
    images.check_writable(output.path, depth=flags.depth)
    if mode == 'noise':
        return dream_from_noise(settings, record, flags, output, console)
    if settings['input'] == NOISE:
        picture = noise_picture(settings['size'] or TILE_SIZE, settings['seed'])
    else:
        hint = '--output=NAME.gif makes a clip of all'
        picture = read_input(settings['input'], settings['size'], console.say, hint)
    session = Session.open(settings, record, console.say)
    console.say(*session.about())
    picture = session.fitted(picture)
    console.say(*session.outlook(picture))
    Job(session, picture, output, flags, console, workdir=flags.workdir).run()


def listed(settings: Mapping[str, Any]) -> list[str]:
    """What there is of what a setting asks to list; nothing where none does."""
    if settings['network'] == 'list':
        return listings.list_networks()
    if settings['layers'] == 'list':
        return listings.list_layers(listings.settled_network(settings['network'], FIRST_CHOICE, EMBEDDED[0]))
    if settings['classes'] == 'list':
        return listings.list_classes(listings.settled_network(settings['network'], FIRST_CHOICE))
    return []


def mode_of(settings: Mapping[str, Any], output: str | None = None) -> str:
    """What is to be made, a key of `options.IDLE`.

    Args:
        settings: By flag.
        output: Where to, or the result that is made again: an animated picture is a clip where this moves too.

    Raises:
        UserError: There are several inputs where one is needed.
    """
    source, zoom = settings['input'], settings['zoom'] is not None
    sources = inputs_of(settings)
    if len(sources) > 1:
        alone = [path for path in sources if path == NOISE or is_clip(path)]
        if alone or settings['explore'] or zoom:
            what = alone[0] if alone else '--explore' if settings['explore'] else '--zoom'
            raise UserError(f'{what} goes with one --input, not with {len(sources)}; give them one at a time')
    if settings['explore']:
        return 'explore'
    if is_clip(source, None if zoom else output):
        return 'clip'
    if zoom:
        return 'zoom'
    if len(sources) > 1 or (source and Path(source).is_dir()):
        return 'folder'
    if settings['wrap']:
        return 'wrap'
    return 'noise' if source == NOISE else 'picture'


def main(argv: Sequence[str] | None = None) -> int:
    """The console script."""
    return cli.run('stylegen-deepdream', define_flags, work, argv)


if __name__ == '__main__':
    cli.leave(main())
