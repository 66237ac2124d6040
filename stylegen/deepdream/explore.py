"""A contact sheet of what the layers of a network, or the channels of one layer, do to a picture."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stylegen import images, networks
from stylegen.deepdream.command_line import PROGRAM, CommandLine
from stylegen.deepdream.command_settings import EXPLORE_SIZE
from stylegen.deepdream.job import Session
from stylegen.deepdream.targets import parse_target
from stylegen.runs import records, saving
from stylegen.runs.inputs import DEFAULT_PICTURE, load_first_frame, refuse_overwriting_inputs
from stylegen.runs.names import Output
from stylegen.utils.console import Console
from stylegen.utils.errors import UserError

if TYPE_CHECKING:
    from stylegen.networks.extractor import FeatureExtractor

CHANNELS = 16  # how many of a layer's channels are shown: the strongest on the picture
DEFAULT_SHEET = 'explore.png'
EVERY_LAYER = 'layers'
_UNNAMED = re.compile(r'(conv2d|batch_normalization|activation|max_pooling2d|average_pooling2d|concatenate)(_\d+)?')


def layers_to_show(network: str) -> list[str]:
    """The layers of a network. Of more than 40, those that end a block, or else those with a name of their own."""
    names = [layer.name for layer in networks.layer_table(network) if layer.name != 'classes']
    if len(names) <= 40:
        return [name for name in names if not name.endswith('_pool')]
    named = [name for name in names if not _UNNAMED.fullmatch(name)]
    ends = [name for name in named if re.search(r'(mixed\d+|_out|_output|_add|_identity)$', name)]
    return ends or named


def strongest_channels(extractor: 'FeatureExtractor', layer: str, image: np.ndarray, count: int) -> list[int]:
    """The channels of a layer with the highest mean square on a picture, the highest first."""
    activation = np.asarray(extractor(image[None])[layer])
    return [int(channel) for channel in np.argsort(-np.square(activation).mean((0, 1, 2), dtype=np.float64))[:count]]


def explore(command: CommandLine, console: Console) -> None:
    """Dreams on a small picture with each layer, or with each of the strongest channels of one, and saves a sheet.

    On the command line: `python -m stylegen.deepdream --explore=layers --input=photo.jpg`.

    Raises:
        UserError: --explore has another form, or nothing can be shown.
        KeyboardInterrupt: Ctrl-C. The sheet of the dreams so far is saved.
    """
    result = command.result
    output = Output.from_flag(result.output, DEFAULT_SHEET, say=console.say)
    images.check_writable(output.path, depth=result.depth)
    beside = command.pictures.read_beside
    command = _without_subject(command)
    picture = load_first_frame(next(iter(command.pictures.input), DEFAULT_PICTURE), command.pictures.size, console.say)
    refuse_overwriting_inputs(output.path, [picture.path, *beside])
    session, targets, network = open_targets(command, picture.pixels)
    console.say(
        *(session.describe_subject() if command.pictures.explore != EVERY_LAYER else session.describe_subject()[:1])
    )
    opened = session.dreamer.settings
    known = {'network': opened.network, 'precision': opened.precision, 'max_memory': opened.max_memory}
    command = command.replace(dream=command.dream.replace(**known))
    inputs, source = {picture.path: picture.sha256}, session.dreamer.extractor.source
    if command.replayed:
        records.check_replay(command.replayed, inputs, source, console.warn)

    def dream_of(target: str) -> np.ndarray:
        settings = command.dream.replace(layers=target, network=network)
        return Session.open(command.replace(dream=settings)).dreamer(picture.pixels)

    dreams, stopped = dream_of_each(targets, dream_of, console)
    if not dreams:
        raise UserError(f'nothing could be shown of {opened.network} at this size; give a larger --size')
    title = f'{opened.network} on {Path(picture.path).name}'
    labels = ['the picture', *(f'--layers={target}' for target in dreams)]
    sheet = images.contact_sheet([picture.pixels, *dreams.values()], labels, title=title)
    record = records.record(PROGRAM, command.recorded(), inputs, source)
    path = saving.save_result(output, sheet, record, result)
    console.say(f'result   {path}')
    if stopped:
        raise KeyboardInterrupt


def _without_subject(command: CommandLine) -> CommandLine:
    """The command line with a size, and with nothing to dream of but layers."""
    pictures = command.pictures.replace(size=command.pictures.size or EXPLORE_SIZE, mask=None, guide=(), region=())
    dream = command.dream.replace(classes=None, guide_layers=None, wrap=False)
    return command.replace(pictures=pictures, dream=dream)


def open_targets(command: CommandLine, image: np.ndarray) -> tuple[Session, list[str], Any]:
    """A session with one of the layers, the layers or channels to show, and the network to dream through.

    Raises:
        UserError: --explore has another form, or names no layer.
    """
    explored = str(command.pictures.explore)
    with_layers = lambda layers: Session.open(command.replace(dream=command.dream.replace(layers=layers)))
    if explored == EVERY_LAYER:
        session = with_layers('block1_conv1' if command.dream.network == 'mini' else None)
        network = session.dreamer.settings.network
        return session, layers_to_show(network), network
    layer = parse_target(explored).layer
    if layer != explored:
        raise UserError(f'expected --explore={EVERY_LAYER} or --explore=LAYER, got {explored!r}')
    session = with_layers(layer)
    extractor = session.dreamer.extractor
    channels = strongest_channels(extractor, layer, image, CHANNELS)
    return session, [f'{layer}[{channel}]' for channel in channels], extractor


def dream_of_each(
    targets: list[str], dream_of: Callable[[str], np.ndarray], console: Console
) -> tuple[dict[str, np.ndarray], bool]:
    """The dreams by target, without targets that fail, and whether Ctrl-C came before the last one.

    Raises:
        KeyboardInterrupt: Ctrl-C came before the first was done.
    """
    dreams: dict[str, np.ndarray] = {}
    progress = console.progress(len(targets))
    try:
        for number, target in enumerate(targets):
            progress.to(number, target)
            try:
                dreams[target] = dream_of(target)
            except (UserError, ArithmeticError) as error:
                progress.say(f'{target} is left out: {error}')
        progress.to(len(targets), 'done')
    except KeyboardInterrupt:
        if not dreams:
            raise
        return dreams, True
    finally:
        progress.close()
    return dreams, False
