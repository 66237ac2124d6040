"""`python -m stylegen.compose mosaic`: makes a picture of pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from absl.flags import FlagValues

from stylegen import images
from stylegen.compose.files import LEFT_OUT, PICTURES, WRITTEN, Run
from stylegen.compose.mosaicking import Mosaic, grid_of, mosaic
from stylegen.compose.settings import MOSAIC, MosaicSettings
from stylegen.runs import cli
from stylegen.runs.inputs import DEFAULT_PICTURE
from stylegen.runs.inputs import PICTURES as PACKAGE_PICTURES
from stylegen.runs.names import Output
from stylegen.runs.settings import ResultSettings
from stylegen.utils.console import Console
from stylegen.utils.files import check_target
from stylegen.utils.settings import Settings, setting

DEFAULT_OUTPUT = 'mosaic.png'
_NAMED = 5  # pictures that could not be read, whose names are printed


@dataclass(frozen=True, kw_only=True)
class MosaicFiles(Settings):
    """What the command line of `mosaic` reads."""

    input: str | None = setting(
        None, 'the picture that is seen from afar; the default comes with the package', group=PICTURES, kind='path'
    )
    tiles: str | None = setting(
        None, 'folder, .zip, .tar or .npz of pictures; by default tiles are cut out of the pictures of the package',
        group=PICTURES, kind='path',
    )  # fmt: skip
    matrix: str | None = setting(
        None, 'T: which block has which tile, as a sparse matrix: .npz', group=WRITTEN, kind='path'
    )


def define_flags() -> cli.Flags:
    """All flags of the command, in groups."""
    flags = cli.Flags('Makes a picture of pictures.')
    flags.positional('input', 'tiles')
    for heading in (PICTURES, MOSAIC, WRITTEN):
        flags.group(heading)
    flags.settings(MosaicFiles, MosaicSettings)
    flags.settings(ResultSettings, without=(*LEFT_OUT, 'overwrite'))
    flags.messages()
    return flags


def work(flags: FlagValues) -> None:
    """Does what the flags say."""
    console = Console(flags.quiet)
    files, settings = cli.settings_of(MosaicFiles, flags), cli.settings_of(MosaicSettings, flags)
    make_mosaic(files, settings, cli.settings_of(ResultSettings, flags), console)


def make_mosaic(
    files: MosaicFiles,
    settings: MosaicSettings,
    result: ResultSettings,
    console: Console,
    default: str = DEFAULT_OUTPUT,
) -> None:
    """Makes a mosaic of files and saves it."""
    run = Run('stylegen.compose mosaic', console, result)
    output = Output.from_flag(result.output, default, say=console.say)
    images.check_writable(output.path, depth=result.depth)
    if files.matrix:
        check_target(files.matrix, ('.npz',))
    target = run.read(files.input or DEFAULT_PICTURE)
    rows, columns = grid_of(target.shape, settings)
    images.check_writable(output.path, (rows * settings.tile_size, columns * settings.tile_size), result.depth)
    recorded = files.recorded() | settings.recorded()
    if files.tiles:
        run.know(files.tiles)
        bar = console.progress(1.0)
        try:
            report = lambda done, count: bar.to(done / count, f'tiles {done}/{count}')
            found = mosaic(target, files.tiles, progress=report, settings=settings)
        finally:
            bar.close()
    else:
        found = mosaic(
            target, {path.stem: run.read(path) for path in sorted(PACKAGE_PICTURES.glob('*.jpg'))}, settings=settings
        )
    console.say(*describe_mosaic(found, settings))
    run.save(output, found.image, recorded)
    if files.matrix:
        run.check(matrix=files.matrix)
        console.say(f'T        {found.save_matrix(files.matrix, run.record(recorded))}')


def describe_mosaic(found: Mosaic, settings: MosaicSettings) -> list[str]:
    """Lines about a mosaic."""
    chosen = found.assignment
    counts = np.bincount(chosen.tiles.ravel())
    rows, columns = chosen.tiles.shape
    lines = [
        f'mosaic   {columns} x {rows} blocks, {np.count_nonzero(counts)} of {len(found.names)} tiles, each at most '
        f'{counts.max()} times'
    ]
    if chosen.apart < settings.apart:
        lines.append(
            f'there are too few tiles to keep equal ones {settings.apart} blocks apart; it is {chosen.apart} here'
        )
    if chosen.near:
        lines.append(f'{chosen.near} blocks have a tile that stands near them again; --most above {chosen.most} helps')
    if found.skipped:
        names = ', '.join(name for name, _ in found.skipped[:_NAMED])
        more = f' and {len(found.skipped) - _NAMED} more' if len(found.skipped) > _NAMED else ''
        lines.append(f'not read: {names}{more}; the first {found.skipped[0][1]}')
    return lines
