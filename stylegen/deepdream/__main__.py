"""The command line of DeepDream: `python -m stylegen.deepdream`, or `stylegen-deepdream`."""

import sys
import time
from pathlib import Path

import numpy as np

from stylegen import cli, images, networks, pretrained, pyramid, records
from stylegen.deepdream.dream import COLORS, FIRST_CHOICE, NORMS, DreamStep, Start, choose_layers, dream, plan
from stylegen.deepdream.presets import PRESETS
from stylegen.errors import UserError
from stylegen.workdir import Workdir

DEFAULT_PICTURE = Path(__file__).parents[1] / 'pictures' / 'raccoon.jpg'
DEFAULT_OUTPUT = 'deepdream.png'
DEFAULT_SIZE = 1024  # a larger picture is worked on at this longest side unless --size says otherwise
SAVE_SECONDS = 10  # between states kept in --workdir
TUNING = ('octaves', 'octave_scale', 'steps', 'step_size', 'norm', 'jitter', 'color', 'seed')


def define_flags() -> cli.Flags:
    """All flags of the command, in groups."""
    flags = cli.Flags('Lets a neural network dream on a picture: what it sees, it draws.', dream)
    flags.group('Pictures')
    flags.string('input', 'the picture; the default comes with the package', default=None)
    flags.string(
        'output', f'PNG, JPEG, WebP or TIFF; by default {DEFAULT_OUTPUT}, or a free name like it', default=None
    )
    flags.integer('size', f'longest side; by default its own, up to {DEFAULT_SIZE}', default=None, lower_bound=1)
    flags.string('mask', 'grey picture: white dreams, black stays as it is, bit for bit')
    flags.switch('sidecar', 'write the settings beside the result too, as JSON')
    flags.network()
    flags.group('Dream')
    flags.choice('preset', 'settings by name; what is typed beside it wins', list(PRESETS), default=None)
    flags.integer('octaves', 'sizes to work through', lower_bound=1)
    flags.number('octave_scale', 'ratio of one size to the next', upper_bound=100)
    flags.integer('steps', 'steps at each size', lower_bound=0)
    flags.number('step_size', 'change a step, in units of the full pixel range', lower_bound=0, upper_bound=1)
    flags.choice('norm', 'of the gradient, that step_size is measured in', NORMS)
    flags.integer('jitter', 'random shift before each step, in pixels', lower_bound=0, upper_bound=10000)
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
    elif preset and chosen['network'] != preset['network']:
        chosen['layers'] = None  # a preset's layers are of its own network
    return chosen | {name: flags[name].value for name in ('max_memory', 'weights', 'jit', 'precision')}


def list_networks() -> None:
    """Prints the networks that there are: what they are, what has to be downloaded, the smallest picture."""
    for name, network in networks.NETWORKS.items():
        size = f'{network.megabytes} MB' if network.megabytes else 'embedded'
        print(f'{name:<16} {size:>8}  from {network.min_size:>2} px  {network.description}')


def list_layers(network: str) -> None:
    """Prints the layers of a network, or of what auto takes on this machine, with their strides and channels."""
    if network == pretrained.AUTO:
        try:
            pretrained.find_weights(FIRST_CHOICE, offline=True)
            network = FIRST_CHOICE
        except UserError:
            network = 'mini'
    print(f'{f"layers of {network}":<40} stride  channels')
    for layer in networks.layer_table(network):
        print(f'{layer.name:<40} {layer.stride:>6}  {layer.channels:>8}')


def read_picture(flags, say) -> images.Picture:
    """The picture at the size that is asked for, or at its own up to DEFAULT_SIZE."""
    source = DEFAULT_PICTURE if flags.input is None else flags.input
    picture = images.load_picture(source, flags.size)
    longest = max(picture.pixels.shape)
    if flags.size is None and longest > DEFAULT_SIZE:
        say(f'{Path(source).name} is {longest} pixels long; --size={longest} dreams at its full size')
        picture = images.load_picture(source, DEFAULT_SIZE)
    return picture


def read_mask(path: str | None, shape: tuple[int, int]) -> tuple[np.ndarray | None, dict[str, str]]:
    """The mask as float32 (H, W) in [0, 1] at the picture's size, and its sha256 by path."""
    if path is None:
        return None, {}
    picture = images.load_picture(path)
    height, width = picture.pixels.shape[:2]
    if abs(width / height * shape[0] / shape[1] - 1) > 0.02:
        raise UserError(f'the mask {path} is {width} x {height}, the picture {shape[1]} x {shape[0]}: of another shape')
    mask = images.resize(picture.pixels.mean(-1), shape).clip(0, 1)
    return np.where(mask < 1 / 255, 0, mask).astype(np.float32), {path: picture.sha256}


def work(flags) -> None:
    """Dreams as the flags say."""
    say = (lambda *_: None) if flags.quiet else print
    settings = settings_of(flags)
    if settings['network'] == 'list':
        return list_networks()
    if flags.layers == 'list':
        return list_layers(settings['network'])

    images.check_writable(flags.output or DEFAULT_OUTPUT)
    picture = read_picture(flags, say)
    shape = picture.pixels.shape[:2]
    mask, mask_hash = read_mask(flags.mask, shape)
    for path in (picture.path, flags.mask):
        if flags.output and path and Path(flags.output).exists() and Path(flags.output).samefile(path):
            raise UserError(f'{flags.output} is an input; give another --output')

    extractor, note = networks.open_network(
        settings['network'],
        FIRST_CHOICE,
        lambda name: choose_layers(name, settings['layers']),
        weights=settings['weights'],
        precision=settings['precision'],
    )
    layers = choose_layers(extractor.network, settings['layers'])
    made = plan(extractor, shape, settings['octaves'], settings['octave_scale'], settings['max_memory'])
    say(f'picture  {picture.path}, {shape[1]} x {shape[0]}')
    say(f'network  {note}')
    say(f'layers   {", ".join(f"{layer}:{weight:g}" for layer, weight in layers.items())}')
    say(f'sizes    {", ".join(f"{w} x {h}" for h, w in made.sizes)}; {settings["steps"]} steps each')
    tiles = f', in tiles of up to {made.tile} pixels' if made.tile else ''
    say(f'memory   about {pyramid.format_memory(made.memory)} beside what TensorFlow takes to start{tiles}')
    if made.memory > pyramid.available_memory():
        say(f'         only {pyramid.format_memory(pyramid.available_memory())} is free: give less in --max_memory')

    settings |= {'network': extractor.network, 'layers': layers}
    inputs = {picture.path: picture.sha256} | mask_hash
    run = records.record('stylegen.deepdream', settings | {'size': max(shape)}, inputs, extractor.source)
    options = {name: value for name, value in settings.items() if name not in ('weights', 'precision')}
    Job(flags, picture, run, say).dream(**options | {'network': extractor, 'mask': mask})


class Job:
    """One dream that is shown, kept in its workdir and saved, whatever happens on the way."""

    def __init__(self, flags, picture: images.Picture, run: dict, say):
        self.flags, self.picture, self.run, self.say = flags, picture, run, say
        self.workdir = Workdir(flags.workdir, run) if flags.workdir else None
        self.latest: DreamStep | None = None
        self.kept = time.monotonic()
        self.progress: cli.Progress | None = None

    def dream(self, **options) -> None:
        """Runs to the end and saves; when it is stopped or fails, saves the dream so far."""
        from stylegen.optimize import NonFiniteLoss

        start = self._start()
        began = time.monotonic()
        try:
            result = dream(self.picture.pixels, **options, start=start, callback=self._follow)
        except NonFiniteLoss as error:
            path = self._save(error.picture)
            raise ArithmeticError(f'{error}; the last good picture is in {path}; try --precision=float32') from None
        except BaseException:
            if self.latest:
                path = self._save(self.latest.picture())
                self._keep()
                self.say(f'stopped; the dream so far is in {path}')
            raise
        finally:
            if self.progress:
                self.progress.close()
        path = self._save(result)
        if self.workdir:
            self.workdir.clear()
        self.say(f'result   {path} ({time.monotonic() - began:.1f} s)')

    def _start(self) -> Start | None:
        state = self.workdir.load() if self.workdir else None
        if state is None:
            return None
        start = Start(int(state['octave']), int(state['step']), state['image'])
        self.say(f'going on from {self.flags.workdir}: octave {start.octave + 1}, step {start.step}')
        return start

    def _follow(self, step: DreamStep) -> None:
        if self.progress is None:
            done = step.work if step.octave or step.step > 1 else 0
            self.progress = cli.Progress(step.all_work, self.flags.quiet, initial=done)
        self.latest = step
        where = f'octave {step.octave + 1}/{step.octaves} step {step.step}/{step.steps}'
        self.progress.to(step.work, where, loss=sum(step.losses.values()))
        if time.monotonic() - self.kept > SAVE_SECONDS:
            self._keep()

    def _keep(self) -> None:
        self.kept = time.monotonic()
        if self.workdir is None or self.latest is None:
            return
        try:
            with cli.uninterrupted():
                self.workdir.save(octave=self.latest.octave, step=self.latest.step, image=self.latest.image)
        except (OSError, UserError) as error:  # the dream itself goes on
            print(f'the state could not be kept: {error}', file=sys.stderr)

    def _save(self, pixels: np.ndarray) -> Path:
        def write(path: Path) -> Path:
            return images.save_image(
                path, pixels, alpha=self.picture.alpha, settings=self.run, sidecar=self.flags.sidecar
            )

        output = Path(self.flags.output) if self.flags.output else cli.free_name(DEFAULT_OUTPUT)
        with cli.uninterrupted():
            return cli.save_somewhere(write, output)


def main(argv=None) -> int:
    """The console script."""
    return cli.run('stylegen-deepdream', define_flags, work, argv)


if __name__ == '__main__':
    sys.exit(main())
