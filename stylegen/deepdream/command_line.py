"""What a command line asks for: the records of its settings, and what is to be made of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from absl.flags import FlagValues

from stylegen.deepdream.command_settings import DreamResultSettings, FilmSettings, PictureSettings
from stylegen.deepdream.presets import FRAME_DEFAULTS, PRESETS
from stylegen.deepdream.settings import DreamSettings, NoiseSettings
from stylegen.runs import cli, records
from stylegen.runs.films import is_clip
from stylegen.utils.errors import UserError

PROGRAM = 'stylegen.deepdream'  # its name in the record of a result
NOISE = 'noise'  # as --input
MODES = {  # mode -> what is made, in words
    'noise': 'a picture from noise',
    'wrap': 'a tile that repeats',
    'explore': 'a contact sheet',
    'zoom': 'a zoom',
    'clip': 'a clip that dreams',
    'folder': 'a folder of dreams',
    'picture': 'a picture',
}
_READ_FROM_NOISE = ('network', 'weights', 'precision', 'layers', 'classes', 'measure', 'steps', 'seed', 'jit')
_DREAM_ONLY = tuple(name for name in DreamSettings.defaults() if name not in _READ_FROM_NOISE)
_FILM = tuple(FilmSettings.defaults())
UNUSED = {  # mode -> flags that change nothing in it; `wrap` from noise is the mode 'wrap'
    'noise': (*_DREAM_ONLY, *_FILM, 'workdir', 'save_every', 'overwrite'),
    'wrap': (*_FILM, 'parameterization', 'diversity', 'overwrite'),
    'explore': (
        *('mask', 'guide', 'guide_layers', 'region', 'classes', 'wrap', 'parameterization', 'count', 'diversity'),
        *(*_FILM, 'workdir', 'save_every', 'overwrite'),
    ),
    'zoom': ('blend', 'save_every', 'overwrite', 'parameterization', 'diversity'),
    'clip': ('rotation', 'shift', 'seconds', 'fps', 'save_every', 'overwrite', 'parameterization', 'diversity'),
    'folder': (*_FILM, 'parameterization', 'diversity'),
    'picture': (*_FILM, 'parameterization', 'diversity', 'overwrite'),
}
_ONE = {'count': 'several pictures come of --input=noise only'}
CONTRADICTIONS: dict[str, dict[str, str]] = {  # mode -> flag that asks for what cannot be made in it -> why
    'noise': dict.fromkeys(('mask', 'guide', 'region'), 'noise shows nothing that it could be about'),
    'wrap': dict.fromkeys(('mask', 'region'), 'a tile that repeats dreams everywhere') | _ONE,
    'explore': {'zoom': 'it is one picture'},
    'zoom': {'wrap': 'a film has no tile that repeats'} | _ONE,
    'clip': {'wrap': 'a film has no tile that repeats', 'zoom': 'a clip is not zoomed into'} | _ONE,
    'folder': _ONE,
    'picture': _ONE,
}


@dataclass(frozen=True)
class CommandLine:
    """What a command line asks for.

    Attributes:
        mode: What is to be made, a key of `MODES`.
        pictures: The pictures that are read.
        dream: How they are dreamt on.
        noise: How pictures are made from noise.
        film: The film that is made.
        result: How the result is written.
        typed: The names of the flags that were typed.
        replayed: The record of the result that is made again, or None.
    """

    mode: str
    pictures: PictureSettings
    dream: DreamSettings
    noise: NoiseSettings
    film: FilmSettings
    result: DreamResultSettings
    typed: frozenset[str]
    replayed: Mapping[str, Any] | None

    @classmethod
    def read(cls, flags: FlagValues) -> CommandLine:
        """The command line of parsed flags, and of the result that they name with --replay.

        Raises:
            UserError: Flags that contradict each other; a result that cannot be made again.
        """
        if not flags.replay:
            return cls.of(flags)
        recorded, replayed = read_result(flags.replay, flags.network if flags['network'].present else None)
        command = cls.of(flags, recorded, replayed)
        records.check_files(replayed, command.recorded(), command.typed)
        return command

    @classmethod
    def of(
        cls,
        flags: FlagValues,
        recorded: Mapping[str, Any] | None = None,
        replayed: Mapping[str, Any] | None = None,
    ) -> CommandLine:
        """What was typed, else what a result recorded, else what a preset says, else the defaults.

        Args:
            flags: The parsed flags.
            recorded: Settings by flag, of the result that is made again.
            replayed: The whole record of that result.

        Raises:
            UserError: --strength beside --step_size, --preset beside --replay, or inputs that exclude each other.
        """
        given = _untyped_settings(flags, recorded)
        pictures = cli.settings_of(PictureSettings, flags, given)
        dream = cli.settings_of(DreamSettings, flags, given)
        film = cli.settings_of(FilmSettings, flags, given)
        result = cli.settings_of(DreamResultSettings, flags)
        mode = mode_of(pictures, dream, film, result)
        if mode in ('zoom', 'clip'):
            dream = cli.settings_of(DreamSettings, flags, FRAME_DEFAULTS, given)
        if not pictures.guide:
            dream = dream.replace(guide_layers=None)
        of_result = {name: value for name, value in (recorded or {}).items() if value is not None}
        noise = cli.settings_of(NoiseSettings, flags, of_result)
        return cls(mode, pictures, dream, noise, film, result, typed_flags(flags), replayed)

    def replace(self, **records: Any) -> CommandLine:
        """The same with other records."""
        return dataclasses.replace(self, **records)

    def of_many(self) -> CommandLine:
        """The same for a cluster, which makes many pictures, even if it is given one.

        Raises:
            UserError: What is asked for is not one result for each picture.
        """
        if self.mode not in ('folder', 'picture', 'wrap') or NOISE in self.pictures.input:
            raise UserError(f'--cluster dreams on pictures, and this is {MODES[self.mode]}; leave it out')
        return self.replace(mode='folder')

    def recorded(self) -> dict[str, Any]:
        """The settings by flag, as a result carries them."""
        settings: list[Any] = [self.noise, self.film, self.pictures, self.dream]
        if self.mode == 'noise':
            settings.append(self.noise)  # it has another size and number of steps than a dream
        values = {name: value for record in settings for name, value in record.recorded().items()}
        del values['preset']  # its settings are there
        return values


def typed_flags(flags: FlagValues) -> frozenset[str]:
    """The names of the flags that were typed."""
    return frozenset(name for name in flags if flags[name].present)


def _untyped_settings(flags: FlagValues, recorded: Mapping[str, Any] | None) -> dict[str, Any]:
    """Settings by flag of the result that is made again, or of the preset, without those that typed flags replace."""
    if recorded is not None and flags.preset:
        raise UserError('--replay has the settings of its result already; leave out --preset')
    typed = typed_flags(flags)
    if {'strength', 'step_size'} <= typed:
        raise UserError('--strength steers the steps, --step_size fixes them; give one of the two')
    given = dict(PRESETS.get(flags.preset, {}) if recorded is None else recorded)
    replaced = {'step_size'} if 'strength' in typed else set()
    if 'network' in typed and flags.network != given.get('network', flags.network):
        replaced |= {'layers', 'weights', 'guide_layers'}  # they belong to the other network
    if typed & {'classes', 'guide', 'region'}:
        replaced.add('layers')
    return {name: value for name, value in given.items() if name not in replaced}


def read_result(path: str, network: str | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings and the record of a result that is to be made again. Paths that moved with the result are corrected.

    Args:
        path: The result.
        network: The network that was typed, or None. It must be typed where the result was made with a network from a
            file.

    Raises:
        UserError: The file has no settings, or those of another program. Its network must not be opened.
    """
    files = ('input', 'mask', 'weights')
    settings, record, moved = records.recorded_settings(path, PROGRAM, network=network, files=files, lists=('guide',))
    regions = [text.rpartition('=') for text in settings.get('region', [])]
    settings['region'] = [f'{moved.get(mask, mask)}={layers}' for mask, _, layers in regions]
    return settings, record


def mode_of(pictures: PictureSettings, dream: DreamSettings, film: FilmSettings, result: DreamResultSettings) -> str:
    """What is to be made, a key of `MODES`.

    Raises:
        UserError: There are several inputs where one is needed.
    """
    zoom, output = film.zoom is not None, result.output or result.replay
    several = len(pictures.input) > 1
    if several:
        alone = [path for path in pictures.input if path == NOISE or is_clip(path)]
        if alone or pictures.explore or zoom:
            what = alone[0] if alone else '--explore' if pictures.explore else '--zoom'
            raise UserError(f'{what} goes with one --input, not with {len(pictures.input)}; give them one at a time')
    source = pictures.input[0] if len(pictures.input) == 1 else None
    if pictures.explore:
        return 'explore'
    if source and is_clip(source, None if zoom else output):
        return 'clip'
    if zoom:
        return 'zoom'
    if several or (source and Path(source).is_dir()):
        return 'folder'
    if dream.wrap:
        return 'wrap'
    return 'noise' if source == NOISE else 'picture'


def check_flags(command: CommandLine, say: Callable[[str], None]) -> None:
    """Refuses flags that ask for something else than what is made. `say` gets one line about flags that change nothing.

    Raises:
        UserError: With the first flag that is refused, and why.
    """
    contradictions = CONTRADICTIONS[command.mode]
    if command.dream.wrap and command.mode == 'folder':
        contradictions = contradictions | CONTRADICTIONS['wrap']
    for name, why in contradictions.items():
        if name in command.typed and (name != 'count' or command.noise.count > 1):
            raise UserError(f'--{name} does not go with {MODES[command.mode]}: {why}; leave it out')
    unused = {*UNUSED[command.mode], *(() if command.pictures.guide else ('guide_layers',))} & command.typed
    cli.report_unused_flags(dict.fromkeys(sorted(unused), f'what is made is {MODES[command.mode]}'), say)
