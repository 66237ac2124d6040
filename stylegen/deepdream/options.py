"""What a command line asks for: typed flags, a preset or a replayed record, and defaults, brought together."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from stylegen import cli, images
from stylegen.deepdream.presets import PRESETS
from stylegen.errors import UserError

PROGRAM = 'stylegen.deepdream'  # as results call it
NOISE = 'noise'  # as --input
DEFAULT_PICTURE = Path(__file__).parents[1] / 'pictures' / 'raccoon.jpg'
DEFAULT_SIZE = 1024  # a larger picture is worked on at this longest side unless --size says otherwise
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
    flags, recorded: Mapping[str, Any] | None = None, usual: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Flag values by name: what was typed, else recorded, else the preset's, else `usual`, else the default.

    Raises:
        UserError: --strength and --step_size were both typed, or --preset beside --replay.
    """
    if recorded is not None and flags.preset:
        raise UserError('--replay has the settings of its result already; leave out --preset')
    given = recorded if recorded is not None else (usual or {}) | (PRESETS[flags.preset] if flags.preset else {})
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
IDLE = {  # mode -> flags that do nothing in it
    'noise': (*OF_A_PICTURE, *OF_A_RUN, *(set(MANNER) - {'measure', 'steps', 'jit'}), *FILM, 'overwrite'),
    'wrap': ('mask', 'region', *FROM_NOISE, *FILM, 'overwrite'),
    'explore': (*OF_A_PICTURE, *OF_A_RUN, *FROM_NOISE, *FILM, 'classes', 'wrap', 'overwrite'),
    'zoom': ('blend', 'save_every', 'wrap', 'overwrite', *FROM_NOISE),
    'clip': (*(set(FILM) - {'blend'}), 'save_every', 'wrap', 'overwrite', *FROM_NOISE),
    'folder': (*FILM, *FROM_NOISE),
    'picture': (*FILM, *FROM_NOISE, 'overwrite'),
}


def refuse_idle(flags, mode: str) -> None:
    """Refuses flags that were typed and would do nothing.

    Raises:
        UserError: With the first of them.
    """
    for name in sorted(IDLE[mode]):
        if flags[name].present:
            raise UserError(f'--{name} does nothing here (what is made is a {mode}); leave it out')


@dataclass
class Inputs:
    """The pictures of a run beside the one that is dreamt on, as they were read, and sha256 by path."""

    guides: list[np.ndarray] = field(default_factory=list)
    hashes: dict[str, str] = field(default_factory=dict)

    def load(self, path: str, size: int | None = None) -> images.Picture:
        picture = images.load_picture(path, size)
        self.hashes[path] = picture.sha256
        return picture


def refuse_inputs(output: Path, inputs: Iterable[str]) -> None:
    """Refuses to write over a file that is read.

    Raises:
        UserError: The output is one of the inputs.
    """
    if output.exists() and any(Path(path).exists() and output.samefile(path) for path in inputs):
        raise UserError(f'{output} is an input; give another --output')


def read_mask(inputs: Inputs, path: str, shape: tuple[int, int]) -> np.ndarray:
    """A mask as float32 (H, W) in [0, 1] at the picture's size."""
    picture = inputs.load(path)
    height, width = picture.pixels.shape[:2]
    off = abs(width * shape[0] - height * shape[1])  # 0 where the shapes are alike
    if off > max(0.02 * height * shape[1], max(width, height)):  # by more than a side's rounding, too
        raise UserError(f'the mask {path} is {width} x {height}, the picture {shape[1]} x {shape[0]}: of another shape')
    mask = images.resize(picture.pixels.mean(-1), shape).clip(0, 1)
    return np.where(mask < 1 / 255, 0, mask).astype(np.float32)


def parse_region(text: str) -> tuple[str, dict[str, float]]:
    """The path of the mask and the layers in MASK=LAYER:WEIGHT,..."""
    path, equals, layers = text.rpartition('=')
    if not equals or not path:
        raise UserError(f'expected --region=MASK=LAYER:WEIGHT,..., got {text!r}')
    return path, cli.parse_weights(layers, 'region')


def parsed(text: str | None, flag: str) -> dict[str, float] | None:
    """Weights by name, or None where the flag was not given."""
    return None if text is None else cli.parse_weights(text, flag)


def read_picture(source: str | Path | None, size: int | None, say) -> images.Picture:
    """The picture, or the one that comes along, at the size asked for, or at its own up to DEFAULT_SIZE."""
    source = DEFAULT_PICTURE if source is None else source
    picture = images.load_picture(source, size)
    longest = max(picture.pixels.shape)
    if size is None and longest > DEFAULT_SIZE:
        say(f'{Path(source).name} is {longest} pixels long; --size={longest} dreams at its full size')
        picture = images.load_picture(source, DEFAULT_SIZE)
    return picture


def recorded_settings(path: str, program: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings that a result was made with, its paths found again, and its whole record.

    A path that is not there is looked for beside the result.

    Raises:
        UserError: The file has no settings, or those of another program.
    """
    record = images.read_settings(path)
    if record.get('program') != program:
        raise UserError(f'{path} was made by {record.get("program", "another program")}, not by {program}')
    settings = dict(record['settings'])

    def found(name: str) -> str:
        """The path of the file that was read: as it is, or beside the result."""
        places = [place for place in (Path(name), Path(path).parent / Path(name).name) if place.is_file()]
        same = [place for place in places if digest_of(place) == record['inputs'].get(name)]
        return str([*same, *places, name][0])

    hashes = {found(name): digest for name, digest in record['inputs'].items()}
    for name in ('input', 'mask', 'weights'):
        if isinstance(settings.get(name), str):
            settings[name] = found(settings[name])
    settings['guide'] = [found(name) for name in settings.get('guide', [])]
    regions = [text.rpartition('=') for text in settings.get('region', [])]
    settings['region'] = [f'{found(mask)}={layers}' for mask, _, layers in regions]
    return settings, record | {'inputs': hashes}


def digest_of(path: Path) -> str:
    """sha256 of a file, in hexadecimal."""
    hasher = hashlib.sha256()
    with path.open('rb') as file:
        while chunk := file.read(1 << 20):
            hasher.update(chunk)
    return hasher.hexdigest()


def check_replay(record: Mapping[str, Any], inputs: Mapping[str, str], weights) -> None:
    """Refuses inputs that are not those of the record; of other weights or packages it warns.

    Raises:
        UserError: With the input that differs.
    """
    from stylegen.records import versions

    for path, digest in inputs.items():
        if record['inputs'].get(path, digest) != digest:
            raise UserError(f'{path} is not the file that the result was made from: its content has changed')
    if record['weights']['sha256'] != weights.sha256:
        print('the weights are not those that the result was made with; the picture will differ', file=sys.stderr)
    others = [f'{name} {old}' for name, old in record['packages'].items() if versions().get(name) != old]
    if others:
        print(f'the result was made with {", ".join(others)}; the picture may differ in its last bits', file=sys.stderr)
