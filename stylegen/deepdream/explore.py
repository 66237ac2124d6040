"""A contact sheet of what the layers of a network, or the channels of one, do to a picture."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from stylegen import cli, images, networks, records
from stylegen.deepdream.job import Session
from stylegen.deepdream.options import DEFAULT_PICTURE, PROGRAM
from stylegen.deepdream.targets import parse_target
from stylegen.errors import UserError
from stylegen.inputs import refuse_inputs

EXPLORE_SIZE = 256  # longest side of each picture of the sheet, unless --size says otherwise
CHANNELS = 16  # of a layer, the strongest on this picture
DEFAULT_SHEET = 'explore.png'
EVERY_LAYER = 'layers'
_UNNAMED = re.compile(r'(conv2d|batch_normalization|activation|max_pooling2d|average_pooling2d|concatenate)(_\d+)?')


def layers_to_show(network: str) -> list[str]:
    """The layers of a network; of one with more than 40, those that somebody gave a name or that end a block."""
    names = [layer.name for layer in networks.layer_table(network) if layer.name != 'classes']
    if len(names) <= 40:
        return [name for name in names if not name.endswith('_pool')]
    named = [name for name in names if not _UNNAMED.fullmatch(name)]
    ends = [name for name in named if re.search(r'(mixed\d+|_out|_add|_identity)$', name)]
    return ends or named


def strongest_channels(extractor, layer: str, image: np.ndarray, count: int) -> list[int]:
    """The channels of a layer that are most active on a picture, in mean square, the strongest first."""
    activation = np.asarray(extractor(image[None])[layer])
    return [int(channel) for channel in np.argsort(-np.square(activation).mean((0, 1, 2)))[:count]]


def explore(settings: dict[str, Any], record: dict[str, Any] | None, flags, say) -> None:
    """Dreams on a small picture with each layer, or each of the strongest channels of one, and saves them all."""
    output = Path(flags.output) if flags.output else cli.free_name(DEFAULT_SHEET)
    images.check_writable(output)
    size, wanted = settings['size'] or EXPLORE_SIZE, settings['explore']
    picture = images.load_picture(settings['input'] or DEFAULT_PICTURE, size)
    refuse_inputs(output, [picture.path])
    quiet = lambda *_: None
    nothing = dict.fromkeys(('classes', 'guide_layers'), None) | {'guide': [], 'region': [], 'size': size}
    first = 'block1_conv1' if settings['network'] == 'mini' else None

    def opened(target: str | None, said=quiet, through=settings['network']) -> Session:
        return Session.open(settings | nothing | {'layers': target, 'network': through}, None, said)

    if wanted == EVERY_LAYER:
        network = opened(first, said=lambda text: say(text) if text.startswith('network') else None)
        targets = layers_to_show(network.settings['network'])
    else:
        layer = parse_target(wanted).layer
        if layer != wanted:
            raise UserError(f'expected --explore={EVERY_LAYER} or --explore=LAYER, got {wanted!r}')
        network = opened(layer, said=say)
        channels = strongest_channels(network.dreamer.extractor, layer, picture.pixels, CHANNELS)
        targets = [f'{layer}[{channel}]' for channel in channels]
    settings, source = settings | {'network': network.settings['network']}, network.dreamer.extractor.source
    through = settings['network'] if wanted == EVERY_LAYER else network.dreamer.extractor
    inputs = {picture.path: picture.sha256}
    if record:
        records.check_replay(record, inputs, source, cli.warn)
    shown, labels = [picture.pixels], ['the picture']
    progress, stopped = cli.Progress(len(targets), flags.quiet), False
    try:
        for number, target in enumerate(targets):
            progress.to(number, target)
            try:
                shown.append(opened(target, through=through).dreamer(picture.pixels, seed=settings['seed']))
                labels.append(f'--layers={target}')
            except (UserError, ArithmeticError) as error:
                progress.say(f'{target} is left out: {error}')
        progress.to(len(targets), 'done')
    except KeyboardInterrupt:
        stopped = True
        if len(shown) == 1:
            raise
    finally:
        progress.close()
    if len(shown) == 1:
        raise UserError(f'nothing could be shown of {settings["network"]} at this size; give a larger --size')
    run = records.record(PROGRAM, settings | {'size': size}, inputs, source)
    title = f'{settings["network"]} on {Path(picture.path).name}'
    sheet = images.contact_sheet(shown, labels, title=title)
    with cli.uninterrupted():
        path = cli.save_somewhere(lambda path: images.save_image(path, sheet, settings=run), output)
    say(f'result   {path}')
    if stopped:
        raise KeyboardInterrupt
