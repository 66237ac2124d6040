"""What a command line asks for: typed flags, a preset or a replayed record, and defaults, brought together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from absl.flags import FlagValues

from stylegen.deepdream.presets import PRESETS
from stylegen.images.io import Picture
from stylegen.runs import cli, layer_weights, records
from stylegen.runs.inputs import DEFAULT_PICTURE, DEFAULT_SIZE, read_picture
from stylegen.utils.errors import UserError

PROGRAM = 'stylegen.deepdream'  # as results call it
NOISE = 'noise'  # as --input
MANNER = (
    *('balance', 'measure', 'octaves', 'octave_scale', 'steps', 'strength', 'step_size', 'norm', 'smoothing'),
    *('variation', 'jitter', 'color', 'wrap', 'max_memory', 'jit'),
)  # the arguments of `dream` that are flags of the same name and value
SUBJECT = ('layers', 'classes', 'guide', 'guide_layers', 'region')
PICTURES = ('input', 'size', 'mask')
FROM_NOISE = ('parameterization', 'count', 'diversity')
FILM = ('zoom', 'rotation', 'shift', 'seconds', 'fps', 'blend')
NETWORK = ('network', 'weights', 'precision')
OF_A_PICTURE = ('mask', 'guide', 'region')  # flags that ask what is in it
OF_A_RUN = ('workdir', 'save_every')
NOT_OF_A_TILE = ('mask', 'region')
_UNUSED_FROM_NOISE = tuple(name for name in MANNER if name not in ('measure', 'steps', 'jit'))
_ONE = {'count': 'several pictures come of --input=noise only'}
SETTINGS = (*PICTURES, *NETWORK, *SUBJECT, *MANNER, *FROM_NOISE, *FILM, 'explore', 'seed')  # what a result carries


def settings_of(
    flags: FlagValues, recorded: Mapping[str, Any] | None = None, usual: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Flag values by name: what was typed, else recorded, else the preset's, else `usual`, else the default.

    Raises:
        UserError: --strength and --step_size were both typed, or --preset beside --replay.
    """
    if recorded is not None and flags.preset:
        raise UserError('--replay has the settings of its result already; leave out --preset')
    given = recorded if recorded is not None else {**(usual or {}), **(PRESETS[flags.preset] if flags.preset else {})}
    typed = {name for name in SETTINGS if flags[name].present}
    default = {name: flags[name].value for name in SETTINGS} | {'input': None}
    chosen = {name: flags[name].value if name in typed else given.get(name, default[name]) for name in SETTINGS}
    if {'strength', 'step_size'} <= typed:
        raise UserError('--strength steers the steps, --step_size fixes them; give one of the two')
    if 'strength' in typed:
        chosen['step_size'] = None
    if 'input' in typed:
        chosen['input'] = flags.input if len(flags.input) > 1 else flags.input[0]
    network = flags['network'].value
    other_network = 'network' in typed and network != given.get('network', network)
    if 'layers' not in typed and (other_network or typed & {'classes', 'guide', 'region'}):
        chosen['layers'] = None  # those of a preset are of its own network, and give way to another subject
    for name in ('weights', 'guide_layers'):
        if other_network and name not in typed:
            chosen[name] = None
    return chosen


IDLE = {  # mode -> flags that change nothing in it
    'noise': ('guide_layers', 'workdir', 'save_every', 'overwrite', *_UNUSED_FROM_NOISE, *FILM),
    'wrap': ('parameterization', 'diversity', *FILM, 'overwrite'),
    'explore': (*OF_A_PICTURE, 'guide_layers', *OF_A_RUN, *FROM_NOISE, *FILM, 'classes', 'wrap', 'overwrite'),
    'zoom': ('blend', 'save_every', 'overwrite', 'parameterization', 'diversity'),
    'clip': (*(set(FILM) - {'blend', 'zoom'}), 'save_every', 'overwrite', 'parameterization', 'diversity'),
    'folder': (*FILM, 'parameterization', 'diversity'),
    'picture': (*FILM, 'parameterization', 'diversity', 'overwrite'),
}
CONTRARY: dict[str, dict[str, str]] = {  # mode -> flag that asks for what cannot be made there, and why
    'noise': dict.fromkeys(OF_A_PICTURE, 'noise shows nothing that it could be about'),
    'wrap': dict.fromkeys(NOT_OF_A_TILE, 'a tile that repeats dreams everywhere') | _ONE,
    'explore': {'zoom': 'it is one picture'},
    'zoom': {'wrap': 'a film has no tile that repeats'} | _ONE,
    'clip': {'wrap': 'a film has no tile that repeats', 'zoom': 'a clip is not zoomed into'} | _ONE,
    'folder': _ONE,
    'picture': _ONE,
}
MADE = {  # mode -> what is made, in words
    'noise': 'a picture from noise',
    'wrap': 'a tile that repeats',
    'explore': 'a contact sheet',
    'zoom': 'a zoom',
    'clip': 'a clip that dreams',
    'folder': 'a folder of dreams',
    'picture': 'a picture',
}


def check_flags(flags: FlagValues, mode: str, settings: dict[str, Any], say: Callable[[str], None]) -> None:
    """Refuses flags that ask for something else than is made; `say` is told in a line of those that change nothing.

    Raises:
        UserError: With the first that is refused, and why.
    """
    contrary = CONTRARY[mode] | (CONTRARY['wrap'] if settings['wrap'] and mode == 'folder' else {})
    for name, why in contrary.items():
        if flags[name].present and (name != 'count' or flags.count > 1):
            raise UserError(f'--{name} does not go with {MADE[mode]}: {why}; leave it out')
    idle = {name for name in (*IDLE[mode], *_without_others(settings)) if flags[name].present}
    if not settings['guide']:
        settings['guide_layers'] = None
    cli.say_idle(dict.fromkeys(sorted(idle), f'what is made is {MADE[mode]}'), say)


def _without_others(settings: Mapping[str, Any]) -> list[str]:
    """Flags that say how something is done that was not asked for."""
    return [] if settings['guide'] else ['guide_layers']


def parse_region(text: str) -> tuple[str, dict[str, float]]:
    """The path of the mask and the layers in MASK=LAYER:WEIGHT,..."""
    path, equals, layers = text.rpartition('=')
    if not equals or not path:
        raise UserError(f'expected --region=MASK=LAYER:WEIGHT,..., got {text!r}')
    return path, layer_weights.parse_weights(layers, 'region')


def parsed(text: str | None, flag: str) -> dict[str, float] | None:
    """Weights by name, or None where the flag was not given."""
    return None if text is None else layer_weights.parse_weights(text, flag)


def recorded(path: str, network: str | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings and the record of a result that is to be made again, with its paths found again.

    Args:
        path: The result.
        network: The one that was typed, or None; a file that the result names must be.

    Raises:
        UserError: The file has no settings, or those of another program; its network is not to be opened.
    """
    files = ('input', 'mask', 'weights')
    settings, record, moved = records.recorded_settings(path, PROGRAM, network=network, files=files, lists=('guide',))
    masks = [text.rpartition('=') for text in settings.get('region', [])]
    settings['region'] = [f'{moved.get(mask, mask)}={layers}' for mask, _, layers in masks]
    return settings, record


def inputs_of(settings: Mapping[str, Any]) -> list[str]:
    """The paths of all inputs; none for the picture that comes along."""
    source = settings['input']
    return source if isinstance(source, list) else [source] if source else []


def read_input(source: str | Path | None, size: int | None, say: Callable[[str], None], hint: str = '') -> Picture:
    """The picture to dream on, or the one that comes along, see `stylegen.runs.inputs.read_picture`."""
    return read_picture(source, size, say, default=DEFAULT_PICTURE, default_size=DEFAULT_SIZE, hint=hint)
