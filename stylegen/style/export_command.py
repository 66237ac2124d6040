"""`python -m stylegen.style export`: writes a network that paints in one pass in a format of other programs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from absl.flags import FlagValues

from stylegen.runs import cli
from stylegen.runs.exporting import DEFAULT_FORMAT, SUFFIXES, FormatSettings, check_export, format_of
from stylegen.runs.inputs import Inputs, refuse_overwriting_inputs
from stylegen.runs.names import Output
from stylegen.style.apply_settings import model_file
from stylegen.style.one_pass import RESULT, OnePass
from stylegen.style.options import parse_style, paths_setting
from stylegen.style.painter import norms_of_texts
from stylegen.utils.console import Console
from stylegen.utils.files import digest_of
from stylegen.utils.settings import Settings, setting

NAME = 'one_pass'  # of an output that nobody named, without a style or with several


@dataclass(frozen=True, kw_only=True)
class ExportFiles(Settings):
    """What the command line of `export` reads and writes."""

    style: tuple[str, ...] = paths_setting(
        'the one style that it paints in: NAME or a painting, mixed as in apply; without it norms are a second input, '
        'and those of the named styles, without adapters, stand in the .json beside it',
        group='Network',
    )
    model: str | None = setting(
        None,
        f'{RESULT} of a training, or its folder; by default the one that comes with the package',
        group='Network',
        kind='path',
    )
    output: str | None = setting(
        None,
        f'file, or folder of a SavedModel; by default STYLE.keras, .tflite, .onnx or STYLE, or a free name like it; '
        f'{NAME} without a style',
        group='Result',
        kind='path',
    )


def define_flags() -> cli.Flags:
    """All flags of the command, in groups."""
    flags = cli.Flags('Writes a network that paints in one pass in a format of other programs.')
    flags.positional('output')
    for heading in ('Network', 'Result'):
        flags.group(heading)
    flags.settings(ExportFiles, FormatSettings)
    flags.messages()
    return flags


def work(flags: FlagValues) -> None:
    """Does what the flags say."""
    console = Console(flags.quiet)
    files, settings = cli.settings_of(ExportFiles, flags), cli.settings_of(FormatSettings, flags)
    form = settings.format or (format_of(files.output) if files.output else DEFAULT_FORMAT)
    settings = settings.replace(format=form)
    default = Path(default_name(files.style) + SUFFIXES[form])
    output = Output(Path(files.output)) if files.output else Output.free(default)
    check_export(output.path, form)
    path = model_file(files.model)
    one_pass, inputs = OnePass.open(path, precision='float32'), Inputs(say=console.say)
    norms = norms_of_texts(one_pass, files.style, inputs) if files.style else None
    refuse_overwriting_inputs(output.path, [*inputs.hashes, str(path)])
    described: dict[str, Any] = {'network': {'file': path.name, 'sha256': digest_of(path)}}
    if files.style:
        described |= {'style': ' + '.join(files.style), 'paintings': dict(inputs.hashes)}
    from stylegen.style.exporting import export_one_pass

    def write(path: Path, overwrite: bool) -> Any:
        return export_one_pass(one_pass, path, norms, overwrite=overwrite, described=described, settings=settings)

    made = output.save(write)
    size = sum(file['bytes'] for file in made.card['files'].values())
    console.say(
        f'its pictures differ from those of apply by {255 * made.difference:.2g} of 255 grey levels at most '
        f'({255 * made.tolerance:.2g} is allowed)',
        f'{size / 1e6:.1f} MB in {made.path}, its card in {made.path}.md and {made.path}.json',
    )


def default_name(styles: tuple[str, ...]) -> str:
    """The name, without a suffix, of an output that nobody named."""
    return Path(parse_style(styles[0])[0]).stem or NAME if len(styles) == 1 else NAME
