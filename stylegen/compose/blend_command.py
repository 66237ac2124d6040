"""`python -m stylegen.compose blend`: blends pictures into the one nearest to a target."""

from __future__ import annotations

from dataclasses import dataclass

from absl.flags import FlagValues

from stylegen import images
from stylegen.compose.blending import blend
from stylegen.compose.files import (
    LEFT_OUT,
    PICTURES,
    WRITTEN,
    MatrixFiles,
    Run,
    check_matrix_files,
    describe,
    needed,
)
from stylegen.compose.settings import FIT, BlendSettings, read_texts
from stylegen.runs import cli
from stylegen.runs.folders import expand_folders
from stylegen.runs.names import Output
from stylegen.runs.settings import ResultSettings
from stylegen.utils.console import Console
from stylegen.utils.settings import setting

DEFAULT_OUTPUT = 'blend.png'
_SHOWN = 12  # weights that are printed


@dataclass(frozen=True, kw_only=True)
class BlendFiles(MatrixFiles):
    """What the command line of `blend` reads."""

    pictures: tuple[str, ...] = setting(
        (), 'pictures or folders of them', group=PICTURES, kind='paths', read=read_texts, write=list
    )
    target: str | None = setting(None, 'a picture or a sketch to come near to', group=PICTURES, kind='path')
    mask: tuple[str, ...] = setting(
        (), 'grey picture: where it is white the weights are its own; several times', group=PICTURES, kind='paths',
        read=read_texts, write=list,
    )  # fmt: skip


def define_flags() -> cli.Flags:
    """All flags of the command, in groups."""
    flags = cli.Flags('Blends pictures into the one nearest to a target, and prints their weights.')
    flags.positional('pictures', many=True)
    for heading in (PICTURES, FIT, WRITTEN):
        flags.group(heading)
    flags.settings(BlendFiles, BlendSettings)
    flags.settings(ResultSettings, without=(*LEFT_OUT, 'overwrite'))
    flags.messages()
    return flags


def work(flags: FlagValues) -> None:
    """Does what the flags say."""
    console = Console(flags.quiet)
    files, settings = cli.settings_of(BlendFiles, flags), cli.settings_of(BlendSettings, flags)
    result = cli.settings_of(ResultSettings, flags)
    needed((('pictures', files.pictures), ('target', files.target)), 'blend a.jpg b.jpg --target=sketch.jpg')
    output = Output.from_flag(result.output, DEFAULT_OUTPUT, say=console.say)
    images.check_writable(output.path, depth=result.depth)
    check_matrix_files(files)
    run = Run('stylegen.compose blend', console, result)
    pictures = run.read_named([str(path) for path in expand_folders(files.pictures)])
    target, masks = run.read(files.target or ''), run.read_named(files.mask)
    run.check(output=output.path, matrix=files.matrix, plot=files.plot)
    found = blend(pictures, target, masks=masks, settings=settings)
    console.say(describe(found.transformation))
    weights = sorted(found.weights.items(), key=lambda one: -abs(one[1]))
    console.say(*(f'{weight:8.3f}  {name}' for name, weight in weights[:_SHOWN]))
    if len(weights) > _SHOWN:
        console.say(f'          and {len(weights) - _SHOWN} more; --matrix=T.json writes all')
    recorded = files.recorded() | settings.recorded()
    run.save(output, found.image, recorded)
    run.save_matrix(files, found.transformation, recorded)
