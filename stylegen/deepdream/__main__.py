"""The command line of DeepDream: `python -m stylegen.deepdream`, or `stylegen-deepdream`."""

import sys
import time
from pathlib import Path

from stylegen import cli, images, networks, pyramid, records
from stylegen.deepdream.dream import COLORS, NORMS, DreamStep, Start, choose_layers, dream, plan
from stylegen.deepdream.presets import PRESETS
from stylegen.errors import UserError
from stylegen.workdir import Workdir

DEFAULT_PICTURE = Path(__file__).parents[1] / 'pictures' / 'raccoon.jpg'
DEFAULT_SIZE = 1024  # a larger picture is worked on at this longest side unless --size says otherwise
SAVE_SECONDS = 10  # between states kept in --workdir
TUNING = ('octaves', 'octave_scale', 'steps', 'step_size', 'norm', 'jitter', 'color', 'seed')


def define_flags() -> cli.Flags:
    """All flags of the command, in groups."""
    flags = cli.Flags('Lets a neural network dream on a picture: what it sees, it draws.', dream)
    flags.group('Pictures')
    flags.string('input', 'the picture; the default comes with the package', default=None)
    flags.string('output', 'PNG, JPEG, WebP or TIFF; the default is a free name, deepdream.png', default=None)
    flags.integer(
        'size', f'longest side; by default the picture as it is, up to {DEFAULT_SIZE}', default=None, lower_bound=1
    )
    flags.string('mask', 'grey picture: white dreams, black stays as it is, bit for bit')
    flags.switch('sidecar', 'write the settings beside the result too, as JSON')
    flags.network()
    flags.group('Dream')
    flags.choice('preset', 'settings by name; what is typed beside it wins', list(PRESETS), default=None)
    flags.integer('octaves', 'sizes to work through', lower_bound=1)
    flags.number('octave_scale', 'ratio of one size to the next')
    flags.integer('steps', 'steps at each size', lower_bound=0)
    flags.number('step_size', 'change a step, in units of the full pixel range', lower_bound=0)
    flags.choice('norm', 'of the gradient, that step_size is measured in', NORMS)
    flags.integer('jitter', 'pixels by which the picture is shifted at random before each step', lower_bound=0)
    flags.choice('color', 'luminance keeps the colours of the picture', COLORS)
    flags.integer('seed', 'the same seed gives the same dream', lower_bound=0)
    flags.machine()
    flags.talk()
    return flags


def settings_of(flags) -> dict:
    """Keyword arguments of `dream` from what was typed, the preset, and the defaults, in this order."""
    preset = PRESETS[flags.preset] if flags.preset else {}
    chosen = {}
    for name in (*TUNING, 'network', 'layers'):
        chosen[name] = preset[name] if name in preset and not flags[name].present else flags[name].value
    if isinstance(chosen['layers'], str):
        chosen['layers'] = cli.parse_layers(chosen['layers'])
    if flags.preset and flags['network'].present and not flags['layers'].present:
        chosen['layers'] = None  # a preset's layers are of its own network
    if flags.max_memory:
        chosen['max_memory'] = pyramid.parse_memory(flags.max_memory)
    return chosen | {'weights': flags.weights, 'jit': flags.jit, 'precision': flags.precision}


def list_networks() -> None:
    """Prints the networks that there are."""
    for name, network in networks.NETWORKS.items():
        print(f'{name:<16} {network.description}')


def list_layers(network: str) -> None:
    """Prints the layers of a network with their strides and channels."""
    print(f'{"layer":<40} stride  channels')
    for layer in networks.layer_table(network):
        print(f'{layer.name:<40} {layer.stride:>6}  {layer.channels:>8}')


def read_mask(path: str | None, shape: tuple[int, int]):
    """The mask as float32 (H, W) in [0, 1], brought to the picture's size."""
    if path is None:
        return None
    mask = images.load_image(path)
    return images.resize(mask.mean(-1), shape).clip(0, 1)


def work(flags) -> None:
    """Dreams as the flags say."""
    say = (lambda *_: None) if flags.quiet else print
    settings = settings_of(flags)
    if settings['network'] == 'list':
        return list_networks()
    if flags.layers == 'list':
        name = 'inception_v3' if settings['network'] == 'auto' else settings['network']
        return list_layers(name)

    output = Path(flags.output) if flags.output else cli.free_name('deepdream.png')
    images.check_writable(output)
    source = Path(flags.input or DEFAULT_PICTURE)
    picture = images.load_picture(source, flags.size)
    height, width = picture.pixels.shape[:2]
    if flags.size is None and max(height, width) > DEFAULT_SIZE:
        say(
            f'{source.name} is {width} x {height}; dreaming at {DEFAULT_SIZE}, --size={max(height, width)} keeps it all'
        )
        picture = images.load_picture(source, DEFAULT_SIZE)
    if output.exists() and output.samefile(source):
        raise UserError(f'{output} is the input itself; give another --output')
    shape = picture.pixels.shape[:2]
    mask = read_mask(flags.mask, shape)

    name, note = networks.choose_network(settings['network'], 'inception_v3', settings['weights'])
    layers = choose_layers(name, settings['layers'])
    extractor = networks.feature_extractor(
        name, tuple(layers), weights=settings['weights'], precision=settings['precision']
    )
    settings |= {'network': name, 'layers': layers}
    made = plan(extractor, shape, settings['octaves'], settings['octave_scale'], settings.get('max_memory'))
    say(f'picture  {source} ({width} x {height}), dreaming at {shape[1]} x {shape[0]}')
    say(f'network  {note}')
    say(f'layers   {", ".join(f"{layer}:{weight:g}" for layer, weight in layers.items())}')
    say(f'sizes    {", ".join(f"{w} x {h}" for h, w in made.sizes)}, {settings["steps"]} steps each')
    tiles = f'tiles of {made.tile} or less, ' if made.tile else ''
    say(f'memory   {tiles}about {pyramid.format_memory(made.memory)}')

    run = records.record('stylegen.deepdream', settings, {str(source): picture.sha256}, extractor.source)
    run['settings'] |= {'size': max(shape), 'mask': flags.mask}
    kept = Workdir(flags.workdir, run) if flags.workdir else None
    state = kept.load() if kept else None
    start = Start(int(state['octave']), int(state['step']), state['image']) if state else None
    if start:
        say(f'resuming from {flags.workdir}: octave {start.octave + 1}, step {start.step}')

    def save(pixels) -> Path:
        def write(path):
            return images.save_image(path, pixels, alpha=picture.alpha, settings=run, sidecar=flags.sidecar)

        return cli.save_somewhere(write, output)

    latest: list[DreamStep] = []

    def keep() -> None:
        if kept and latest:
            kept.save(octave=latest[0].octave, step=latest[0].step, image=latest[0].image)

    began = saved = time.monotonic()
    progress = cli.Progress(1.0, flags.quiet)

    def follow(step: DreamStep) -> None:
        nonlocal saved
        latest[:] = [step]
        where = f'octave {step.octave + 1}/{step.octaves} step {step.step}/{step.steps}'
        progress.to(step.work / step.all_work, where, loss=sum(step.losses.values()))
        if time.monotonic() - saved > SAVE_SECONDS:
            keep()
            saved = time.monotonic()

    from stylegen.optimize import NonFiniteLoss

    options = settings | {'network': extractor, 'mask': mask, 'start': start, 'callback': follow}
    options.pop('weights')
    try:
        result = dream(picture.pixels, **options)
    except KeyboardInterrupt:
        progress.close()
        if latest:
            keep()
            say(f'stopped; the dream so far is in {save(latest[0].picture())}')
        raise
    except NonFiniteLoss as error:
        progress.close()
        path = save(error.picture)
        raise ArithmeticError(f'{error}; the last good picture is in {path}; try --precision=float32') from None
    progress.close()
    path = save(result)
    if kept:
        kept.clear()
    say(f'result   {path} ({time.monotonic() - began:.1f} s)')


def main(argv=None) -> int:
    """The console script."""
    return cli.run('stylegen-deepdream', define_flags, work, argv)


if __name__ == '__main__':
    sys.exit(main())
