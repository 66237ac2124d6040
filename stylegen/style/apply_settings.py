"""What the command line of `apply` takes, and what a result of it records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from absl.flags import FlagValues

from stylegen.networks.registry import PRECISIONS
from stylegen.runs import cli, records
from stylegen.runs.films import is_clip, is_sequence
from stylegen.runs.settings import MemorySettings, ResultSettings
from stylegen.style.one_pass import ONE_PASS_WEIGHTS, RESULT
from stylegen.style.options import NONE, find_moved, paths_setting
from stylegen.style.pass_settings import FootageSettings
from stylegen.utils.errors import UserError
from stylegen.utils.files import refuse_special_file
from stylegen.utils.settings import setting

PROGRAM = 'stylegen.style apply'  # as results call it


@dataclass(frozen=True, kw_only=True)
class ApplySettings(FootageSettings, MemorySettings):
    """What the command line of `apply` takes beside where results go."""

    input: tuple[str, ...] = paths_setting(
        'photos or folders of them, a clip, or a folder of its frames; the default comes with the package'
    )
    style: tuple[str, ...] = paths_setting(
        f'NAME of a style, or a painting; NAME:SHARE or PICTURE:SHARE, several times, mixes them; {NONE}: only regions '
        'are painted'
    )
    frames: bool = setting(
        False,
        'the pictures of a folder are the frames of a clip; the result is a folder of frames, or the film that '
        '--output names',
        group='Pictures',
    )
    fps: float = setting(
        25.0, 'of a film of the frames in a folder', group='Pictures', above=0, at_most=1000, unit='frames a second'
    )
    list: bool = setting(
        False,
        'print the names of the styles; with --output=FILE make a sheet of all on the photos',
        group='Pictures',
    )
    size: int | None = setting(None, 'longest side; by default its own', group='Pictures', at_least=1, unit='pixels')
    region: tuple[str, ...] = paths_setting(
        f'MASK=STYLE, or MASK={NONE}: a style of its own where a grey picture is white; several times'
    )
    mask: str | None = setting(
        None, 'grey picture: white is painted, black stays as it is, bit for bit', group='Pictures', kind='path'
    )
    model: str | None = setting(
        None,
        f'{RESULT} of a training, or its folder; by default the one that comes with the package',
        group='How',
        kind='path',
    )
    precision: str = setting(
        'auto', 'of the network where TensorFlow paints; NumPy paints in float32', group='Machine', choices=PRECISIONS
    )

    @property
    def model_file(self) -> Path:
        """The file of the network."""
        return model_file(self.model)


def model_file(model: str | None) -> Path:
    """Returns the file of a network: the file itself, `RESULT` in a folder, or for None the network that ships.

    Raises:
        UserError: It is a pipe or a device, see `refuse_special_file`.
    """
    path = ONE_PASS_WEIGHTS if model is None else Path(model)
    path = path / RESULT if path.is_dir() else path
    if path.exists():
        refuse_special_file(path)
    return path


@dataclass(frozen=True, kw_only=True)
class ApplyResultSettings(ResultSettings):
    """How the command line writes results."""

    output: str | None = setting(
        None,
        'PNG, JPEG, WebP or TIFF; GIF, WebP, APNG or MP4 of a clip; a folder for several results',
        group='Pictures',
        kind='path',
    )


@dataclass(frozen=True)
class Command:
    """What a command line asks for.

    Attributes:
        settings: What is painted, and how.
        result: How results are written.
        typed: Names of the flags that were typed.
        replayed: The record of the result that is made again, or None.
    """

    settings: ApplySettings
    result: ApplyResultSettings
    typed: frozenset[str]
    replayed: Mapping[str, Any] | None

    @classmethod
    def read(cls, flags: FlagValues) -> Command:
        """The command of flags: what was typed wins over the settings of the result that --replay names.

        Raises:
            UserError: A value that cannot be, or a result that cannot be made again.
        """
        result = cli.settings_of(ApplyResultSettings, flags)
        typed = frozenset(name for name in flags if flags[name].present)
        if result.replay is None:
            return cls(cli.settings_of(ApplySettings, flags), result, typed, None)
        recorded, record, moved = records.recorded_settings(
            result.replay, PROGRAM, files=('mask', 'model'), lists=('input',)
        )
        find_moved(recorded, moved)
        settings = cli.settings_of(ApplySettings, flags, recorded).replace(list=False)
        weights = None if settings.model is None else str(settings.model_file)
        mine = typed | {'weights'} if 'model' in typed else typed
        records.check_files(record, settings.recorded() | {'weights': weights}, mine)
        return cls(settings, result, typed, record)

    @property
    def clip(self) -> str | None:
        """The input that is a clip; None where pictures are painted.

        Raises:
            UserError: There are other inputs beside it.
        """
        inputs, output = self.settings.input, self.result.output or self.result.replay
        alone, frames = output if len(inputs) == 1 else None, self.settings.frames
        clips = [path for path in inputs if is_clip(path, alone) or is_sequence(path, alone, frames)]
        if clips and len(inputs) > 1:
            raise UserError(f'{clips[0]} goes with one input, not with {len(inputs)}; give them one at a time')
        return clips[0] if clips else None

    @property
    def films(self) -> bool:
        """Whether the result of a clip is a film, and not a folder of frames."""
        output, clip = self.result.output or self.result.replay, self.clip
        is_folder = clip is not None and Path(clip).is_dir()
        return not is_folder or is_sequence(clip or '', output, False)

    def report_unused(self, say: Callable[[str], None]) -> None:
        """Tells in a line which of the flags that were typed change nothing."""
        idle = dict.fromkeys(('blend', 'workdir', 'frames', 'fps'), 'what is painted is no clip')
        if clip := self.clip:
            idle = dict.fromkeys(('depth', 'overwrite'), 'what is painted is a clip')
            if not Path(clip).is_dir():
                idle |= dict.fromkeys(('frames', 'fps'), 'what is painted is no folder')
            elif not self.films:
                idle = {'depth': 'what is painted is a clip', 'fps': 'the result is no film'}
        cli.report_unused_flags({name: why for name, why in idle.items() if name in self.typed}, say)
