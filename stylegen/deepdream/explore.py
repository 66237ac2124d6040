"""A contact sheet of what the layers of a network, or the channels of one, do to a picture."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from absl.flags import FlagValues

from stylegen import images, networks
from stylegen.deepdream.job import Session
from stylegen.deepdream.options import PROGRAM
from stylegen.deepdream.targets import parse_target
from stylegen.runs import records, saving
from stylegen.runs.inputs import DEFAULT_PICTURE, load_first, refuse_inputs
from stylegen.runs.names import Output
from stylegen.utils import interrupts
from stylegen.utils.console import Console
from stylegen.utils.errors import UserError

if TYPE_CHECKING:
    from stylegen.networks.extractor import FeatureExtractor

EXPLORE_SIZE = 256  # longest side of each picture of the sheet, unless --size says otherwise
CHANNELS = 16  # of a layer, the strongest on this picture
DEFAULT_SHEET = 'explore.png'
EVERY_LAYER = 'layers'
LAYERS_ALONE: dict[str, Any] = {
    'classes': None,
    'guide': [],
    'guide_layers': None,
    'region': [],
    'mask': None,
    'wrap': False,
}  # settings of what is shown
_UNNAMED = re.compile(r'(conv2d|batch_normalization|activation|max_pooling2d|average_pooling2d|concatenate)(_\d+)?')


def layers_to_show(network: str) -> list[str]:
    """The layers of a network; of one with more than 40, those that somebody gave a name or that end a block."""
    names = [layer.name for layer in networks.layer_table(network) if layer.name != 'classes']
    if len(names) <= 40:
        return [name for name in names if not name.endswith('_pool')]
    named = [name for name in names if not _UNNAMED.fullmatch(name)]
    ends = [name for name in named if re.search(r'(mixed\d+|_out|_output|_add|_identity)$', name)]
    return ends or named


def strongest_channels(extractor: 'FeatureExtractor', layer: str, image: np.ndarray, count: int) -> list[int]:
    """The channels of a layer that are most active on a picture, in mean square, the strongest first."""
    activation = np.asarray(extractor(image[None])[layer])
    return [int(channel) for channel in np.argsort(-np.square(activation).mean((0, 1, 2), dtype=np.float64))[:count]]


def explore(settings: dict[str, Any], record: dict[str, Any] | None, flags: FlagValues, console: Console) -> None:
    """Dreams on a small picture with each layer, or each of the strongest channels of one, and saves them all."""
    output = Output.of(flags.output, DEFAULT_SHEET, say=console.say)
    images.check_writable(output.path, depth=flags.depth)
    settings = settings | LAYERS_ALONE | {'size': settings['size'] or EXPLORE_SIZE}
    picture = load_first(settings['input'] or DEFAULT_PICTURE, settings['size'], console.say)
    refuse_inputs(output.path, [picture.path])
    session, targets, through = open_targets(settings, picture.pixels)
    console.say(*(session.about() if settings['explore'] != EVERY_LAYER else session.about()[:1]))
    settings = settings | {'network': session.settings['network']}
    inputs, source = {picture.path: picture.sha256}, session.dreamer.extractor.source
    if record:
        records.check_replay(record, inputs, source, console.warn)

    def dreamt(target: str) -> np.ndarray:
        one = Session.open(settings | {'layers': target, 'network': through})
        return one.dreamer(picture.pixels, seed=settings['seed'])

    made, stopped = dream_of_each(targets, dreamt, console)
    if not made:
        raise UserError(f'nothing could be shown of {settings["network"]} at this size; give a larger --size')
    title = f'{settings["network"]} on {Path(picture.path).name}'
    labels = ['the picture', *(f'--layers={target}' for target in made)]
    sheet = images.contact_sheet([picture.pixels, *made.values()], labels, title=title)
    run = records.record(PROGRAM, settings, inputs, source)
    with interrupts.uninterrupted():
        write = lambda path, overwrite: images.save_image(
            path, sheet, depth=flags.depth, settings=run, sidecar=flags.sidecar, overwrite=overwrite
        )
        path = saving.save_somewhere(write, output)
    console.say(f'result   {path}')
    if stopped:
        raise KeyboardInterrupt


def open_targets(settings: dict[str, Any], image: np.ndarray) -> tuple[Session, list[str], Any]:
    """The network, opened with one of its layers; what is to be shown of it; and the network to dream through.

    Raises:
        UserError: --explore has another form, or names no layer.
    """
    wanted = settings['explore']
    if wanted == EVERY_LAYER:
        first = 'block1_conv1' if settings['network'] == 'mini' else None
        session = Session.open(settings | {'layers': first})
        network = session.settings['network']
        return session, layers_to_show(network), network
    layer = parse_target(wanted).layer
    if layer != wanted:
        raise UserError(f'expected --explore={EVERY_LAYER} or --explore=LAYER, got {wanted!r}')
    session = Session.open(settings | {'layers': layer})
    extractor = session.dreamer.extractor
    channels = strongest_channels(extractor, layer, image, CHANNELS)
    return session, [f'{layer}[{channel}]' for channel in channels], extractor


def dream_of_each(
    targets: list[str], dreamt: Callable[[str], np.ndarray], console: Console
) -> tuple[dict[str, np.ndarray], bool]:
    """The dream of each target that can be dreamt of, and whether Ctrl-C came before the last.

    Raises:
        KeyboardInterrupt: Ctrl-C came before the first was done.
    """
    made: dict[str, np.ndarray] = {}
    progress = console.progress(len(targets))
    try:
        for number, target in enumerate(targets):
            progress.to(number, target)
            try:
                made[target] = dreamt(target)
            except (UserError, ArithmeticError) as error:
                progress.say(f'{target} is left out: {error}')
        progress.to(len(targets), 'done')
    except KeyboardInterrupt:
        if not made:
            raise
        return made, True
    finally:
        progress.close()
    return made, False
