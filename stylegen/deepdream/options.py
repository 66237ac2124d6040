"""What a command line asks for: typed flags, a preset or a replayed record, and defaults, brought together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from absl.flags import FlagValues

from stylegen import cli, records
from stylegen.deepdream.presets import PRESETS
from stylegen.errors import UserError
from stylegen.images import Picture
from stylegen.inputs import DEFAULT_PICTURE, DEFAULT_SIZE, read_picture

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
    chosen = {name: flags[name].value if name in typed else given.get(name, flags[name].value) for name in SETTINGS}
    if {'strength', 'step_size'} <= typed:
        raise UserError('--strength steers the steps, --step_size fixes them; give one of the two')
    if 'strength' in typed:
        chosen['step_size'] = None
    network = flags['network'].value
    other_network = 'network' in typed and network != given.get('network', network)
    if 'layers' not in typed and (other_network or typed & {'classes', 'guide', 'region'}):
        chosen['layers'] = None  # those of a preset are of its own network, and give way to another subject
    for name in ('weights', 'guide_layers'):
        if other_network and name not in typed:
            chosen[name] = None
    return chosen


OF_A_PICTURE = ('mask', 'guide', 'guide_layers', 'region')  # flags that ask what is in it
OF_A_RUN = ('workdir', 'save_every')
NOT_OF_A_TILE = ('mask', 'region')
IDLE = {  # mode -> flags that do nothing in it
    'noise': (*OF_A_PICTURE, *OF_A_RUN, *(set(MANNER) - {'measure', 'steps', 'jit'}), *FILM, 'overwrite'),
    'wrap': (*NOT_OF_A_TILE, *FROM_NOISE, *FILM, 'overwrite'),
    'explore': (*OF_A_PICTURE, *OF_A_RUN, *FROM_NOISE, *FILM, 'classes', 'wrap', 'overwrite'),
    'zoom': ('blend', 'save_every', 'wrap', 'overwrite', *FROM_NOISE),
    'clip': (*(set(FILM) - {'blend'}), 'save_every', 'wrap', 'overwrite', *FROM_NOISE),
    'folder': (*FILM, *FROM_NOISE),
    'picture': (*FILM, *FROM_NOISE, 'overwrite'),
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


def refuse_idle(flags: FlagValues, mode: str, wrap: bool = False) -> None:
    """Refuses flags that were typed and would do nothing; `wrap` says whether pictures become tiles that repeat.

    Raises:
        UserError: With the first of them.
    """
    for name in sorted({*IDLE[mode], *(NOT_OF_A_TILE if wrap else ())}):
        if flags[name].present:
            made = MADE['wrap' if wrap and name in NOT_OF_A_TILE else mode]
            raise UserError(f'--{name} does nothing here (what is made is {made}); leave it out')


def parse_region(text: str) -> tuple[str, dict[str, float]]:
    """The path of the mask and the layers in MASK=LAYER:WEIGHT,..."""
    path, equals, layers = text.rpartition('=')
    if not equals or not path:
        raise UserError(f'expected --region=MASK=LAYER:WEIGHT,..., got {text!r}')
    return path, cli.parse_weights(layers, 'region')


def parsed(text: str | None, flag: str) -> dict[str, float] | None:
    """Weights by name, or None where the flag was not given."""
    return None if text is None else cli.parse_weights(text, flag)


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


def read_input(source: str | Path | None, size: int | None, say: Callable[[str], None]) -> Picture:
    """The picture to dream on, or the one that comes along, see `stylegen.inputs.read_picture`."""
    return read_picture(source, size, say, default=DEFAULT_PICTURE, default_size=DEFAULT_SIZE)
