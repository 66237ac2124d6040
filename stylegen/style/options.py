"""What a command line asks for: typed flags, a published program or a replayed record, and defaults, in one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from absl.flags import FlagValues

from stylegen.runs import cli, layer_weights, records
from stylegen.runs.inputs import DEFAULT_PICTURE, PICTURES
from stylegen.style.setup import INITS
from stylegen.style.transferring import published_settings
from stylegen.utils.errors import UserError, unknown

PROGRAM = 'stylegen.style'  # as results call it
NONE = 'none'  # as a style: none
DEFAULT_CONTENT, DEFAULT_STYLE = DEFAULT_PICTURE, PICTURES / 'whirls.jpg'
OF_THE_PICTURES = ('content', 'style', 'region', 'mask', 'size', 'init', 'seed')
ARGUMENTS = {  # flag -> the argument of `transfer` that it is, in another form for some
    **{name: name for name in ('network', 'weights', 'precision', 'pooling', 'style_layers', 'content_layers', 'like')},
    **{name: name for name in ('loss', 'strength', 'content_weight', 'style_weight', 'optimizer', 'learning_rate')},
    **{name: name for name in ('iterations', 'patience', 'scale', 'coarsest', 'style_scale', 'style_size')},
    **{name: name for name in ('color', 'color_time', 'color_map', 'max_memory', 'jit')},
    'tv_weight': 'variation',
}
SETTINGS = (*OF_THE_PICTURES, *ARGUMENTS)  # what a result carries
WEIGHTS = ('content_weight', 'style_weight')


def format_steps(iterations: int | Sequence[int]) -> str:
    """What `parse_steps` reads."""
    return ','.join(str(steps) for steps in ([iterations] if isinstance(iterations, int) else iterations))


def parse_steps(text: str) -> tuple[int, ...]:
    """Steps of each size, 150,120,100: the last number goes on."""
    try:
        steps = tuple(int(part) for part in text.split(','))
    except ValueError:
        steps = (-1,)
    if min(steps) < 0:
        raise UserError(f'expected --iterations=N or N,N,... with whole numbers from 0, got {text!r}')
    return steps


def parse_style(text: str) -> tuple[str, float]:
    """The path and the share in PATH or PATH:SHARE. What follows a colon and is no number belongs to the path."""
    path, colon, share = text.rpartition(':')
    try:
        value = float(share) if colon and not Path(text).exists() else None
    except ValueError:
        value = None
    if value is None:
        return text, 1.0
    if not path or not 0 <= value < math.inf:
        raise UserError(f'expected --style=PATH or PATH:SHARE with a share from 0, got {text!r}')
    return path, value


def parse_styles(texts: Sequence[str]) -> list[tuple[str, float]]:
    """The styles that are blended with their shares; of 'none' none. Without a text, the one that comes along."""
    if NONE in texts and len(texts) > 1:
        raise UserError(f'{NONE} stands alone: the place has no style, or those that are named')
    return [] if list(texts) == [NONE] else [parse_style(text) for text in texts or [str(DEFAULT_STYLE)]]


def parse_regions(texts: Sequence[str]) -> dict[str, list[str]]:
    """By mask, what `parse_styles` reads, of MASK=STYLE; a mask that comes again has several styles."""
    regions: dict[str, list[str]] = {}
    for text in texts:
        mask, equals, style = text.partition('=')
        if not (mask and equals and style):
            raise UserError(f'expected --region=MASK=STYLE or MASK={NONE}, got {text!r}')
        regions.setdefault(mask, []).append(style)
    return regions


def init_file(init: str) -> str | None:
    """The path of the picture to begin with, or None where --init is a name."""
    if init in INITS:
        return None
    if not Path(init).suffix and not Path(init).exists():
        raise unknown('init', init, (*INITS, 'FILE'))
    return init


def as_typed(arguments: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arguments of `transfer` by flag, with the flags' values; and those that have no flag."""
    flags = {name: flag for flag, name in (ARGUMENTS | {'init': 'init'}).items()}
    typed, rest = {}, {}
    for name, value in arguments.items():
        if name not in flags:
            rest[name] = value
        elif name == 'iterations':
            typed[flags[name]] = format_steps(value)
        else:
            typed[flags[name]] = layer_weights.format_weights(value) if isinstance(value, Mapping) else value
    return typed, rest


def settings_of(flags: FlagValues, recorded: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Flag values by name: what was typed, else recorded, else the published program's, else the default.

    Raises:
        UserError: --strength was typed beside a weight, or --like beside --replay; there is no such program.
    """
    if recorded is not None and flags.like:
        raise UserError('--replay has the settings of its result already; leave out --like')
    typed = {name for name in SETTINGS if flags[name].present}
    given = dict(recorded) if recorded is not None else as_typed(published_settings(flags.like))[0]
    chosen = {name: flags[name].value if name in typed else given.get(name, flags[name].value) for name in SETTINGS}
    weighed = typed.intersection(WEIGHTS)
    if 'strength' in typed and weighed:
        raise UserError(f'--strength balances content and style, --{min(weighed)} weighs them; give one of the two')
    if 'strength' in typed:
        chosen |= dict.fromkeys(WEIGHTS)
    if recorded is not None and 'network' in typed and chosen['network'] != recorded['network']:
        chosen |= {name: None for name in ('weights', 'style_layers', 'content_layers') if name not in typed}
    return chosen


def manner(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `stylegen.style.open_stylizer` in the settings."""
    values = {name: settings[flag] for flag, name in ARGUMENTS.items()}
    for name in ('style_layers', 'content_layers'):
        values[name] = None if values[name] is None else layer_weights.parse_weights(values[name], name)
    values['iterations'] = parse_steps(values['iterations'])
    values['init'] = 'content' if init_file(settings['init']) else settings['init']
    values['regions'] = len(parse_regions(settings['region']))
    return values


def check_flags(flags: FlagValues, settings: Mapping[str, Any], many: bool, say: Callable[[str], None]) -> None:
    """Refuses flags that contradict what is made; `say` is told in a line of those that change nothing.

    Raises:
        UserError: With the first that is refused, and why.
    """
    for name, why in _contrary(flags, settings, many).items():
        if flags[name].present:
            raise UserError(f'--{name} cannot count: {why}; leave it out')
    idle = _idle(flags, settings, many)
    cli.say_idle({name: why for name, why in idle.items() if flags[name].present}, say)


def _contrary(flags: FlagValues, settings: Mapping[str, Any], many: bool) -> dict[str, str]:
    """What each flag that asks for something else than is made is refused for."""
    like = settings['like']
    contrary: dict[str, str] = {}
    if like:
        contrary |= dict.fromkeys(('strength', *WEIGHTS, 'tv_weight'), f'--like={like} has its own weights')
        contrary['loss'] = f'--like={like} has its own loss'
    if many:
        contrary['film'] = 'there is more than one result'
        if flags.overwrite:
            contrary['skip_existing'] = '--overwrite makes again what is there'
    return contrary


def _idle(flags: FlagValues, settings: Mapping[str, Any], many: bool) -> dict[str, str]:
    """Why each flag that changes nothing changes nothing."""
    color, init = settings['color'], settings['init']
    idle: dict[str, str] = {}
    if settings['optimizer'] == 'lbfgs':
        idle['learning_rate'] = 'lbfgs finds the length of its steps'
    if color == 'style':
        idle |= dict.fromkeys(('color_time', 'color_map'), "the colours are the style's")
    elif color != 'linear':
        idle['color_map'] = f'--color={color} takes no linear map'
    if init == 'content' or init_file(init):
        idle['seed'] = f'nothing is drawn at random with --init={init}'
    if not many:
        idle['overwrite'] = 'a single --output is replaced' if flags.output else 'the result takes a free name'
        if not flags.output:
            idle['skip_existing'] = 'the result takes a free name'
    return idle


def recorded(path: str, network: str | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings and the record of a result that is to be made again, with its paths found again.

    Args:
        path: The result.
        network: The one that was typed, or None; a file that the result names must be.

    Raises:
        UserError: The file has no settings, or those of another program; its network is not to be opened.
    """
    settings, record, moved = records.recorded_settings(
        path, PROGRAM, network=network, files=('mask', 'weights'), lists=('content',)
    )

    def again(style: str) -> str:
        old, _ = parse_style(style)
        return moved.get(old, old) + style[len(old) :]

    settings['style'] = [again(style) for style in settings['style']]
    regions = parse_regions(settings['region'])
    settings['region'] = [f'{moved.get(mask, mask)}={again(s)}' for mask, styles in regions.items() for s in styles]
    settings['init'] = moved.get(settings['init'], settings['init'])
    return settings, record
