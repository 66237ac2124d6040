"""`python -m stylegen.dcgan export`: its flags and its work."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from absl.flags import FlagValues

from stylegen.dcgan.card import ExportSettings
from stylegen.dcgan.exporting import check_output, export
from stylegen.dcgan.opening import SourceSettings, open_generator
from stylegen.runs import cli
from stylegen.runs.exporting import DEFAULT_FORMAT, SUFFIXES, format_of
from stylegen.runs.names import Output
from stylegen.utils.console import Console
from stylegen.utils.settings import Settings, setting

NAME = 'generator'  # name of the output where none was given


@dataclass(frozen=True, kw_only=True)
class ExportFiles(Settings):
    """The output file or folder."""

    output: str | None = setting(
        None,
        f'file, or folder of a SavedModel; by default {NAME}.keras, .tflite, .onnx or {NAME}, or a free name like it',
        group='Result',
        kind='path',
    )


def define_flags() -> cli.Flags:
    """Returns the flags of the command, in groups."""
    flags = cli.Flags('Writes a generator in a format of other programs.')
    flags.settings(SourceSettings, ExportFiles, ExportSettings)
    flags.messages()
    return flags


def work(flags: FlagValues) -> None:
    """Runs the command with parsed flags."""
    console = Console(flags.quiet)
    source = cli.settings_of(SourceSettings, flags)
    files = cli.settings_of(ExportFiles, flags)
    settings = cli.settings_of(ExportSettings, flags)
    form = settings.format or (format_of(files.output) if files.output else DEFAULT_FORMAT)
    settings = settings.replace(format=form)
    output = Output(Path(files.output)) if files.output else Output.free(Path(NAME + SUFFIXES[form]))
    check_output(output.path, settings=settings)
    generator = open_generator(source.workdir, settings=source)
    made = output.save(lambda path, overwrite: export(generator, path, overwrite=overwrite, settings=settings))
    facts = made.card
    inputs = ', '.join(f'{name} {each["type"]} {_shape(each)}' for name, each in facts['inputs'].items())
    images = facts['images']
    size = sum(file['bytes'] for file in facts['files'].values())
    console.say(
        f'{generator.which} generator of step {generator.step}: {inputs} to images {images["type"]} {_shape(images)}, '
        f'{images["values"]}',
        f'on {facts["parity"]["seeds"]} seeds it differs from the checkpoint by {made.difference:.2g} of the range of '
        f'pixels at most ({made.tolerance:.2g} is allowed)',
        f'{size / 1e6:.1f} MB in {made.path}, its card in {made.path}.md and {made.path}.json',
    )


def _shape(given: Mapping[str, Any]) -> str:
    return f'({", ".join(map(str, given["shape"]))})'
