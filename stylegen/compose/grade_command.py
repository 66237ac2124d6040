"""`python -m stylegen.compose grade`: learns a colour grade from a pair, and gives it to photos and video editors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from absl.flags import FlagValues

from stylegen.compose.files import (
    LEFT_OUT,
    PICTURES,
    WRITTEN,
    MatrixFiles,
    Run,
    check_matrix_files,
    describe,
    make_each,
    needed,
)
from stylegen.compose.fitting import product
from stylegen.compose.grading import LARGEST_LUT, LUT_SIZE, check_colour_map, learn_grade, write_cube
from stylegen.compose.settings import FIT, GradeSettings, read_texts
from stylegen.compose.transformation import Transformation
from stylegen.runs import cli
from stylegen.runs.folders import expand_folders
from stylegen.runs.inputs import refuse_overwriting_inputs
from stylegen.runs.settings import ResultSettings
from stylegen.utils.console import Console
from stylegen.utils.errors import UserError
from stylegen.utils.files import check_target
from stylegen.utils.settings import setting

DEFAULT_OUTPUT, DEFAULT_FOLDER = 'graded.png', 'graded'


@dataclass(frozen=True, kw_only=True)
class GradeFiles(MatrixFiles):
    """What the command line of `grade` reads and where it writes."""

    input: tuple[str, ...] = setting(
        (), 'photos or folders that get the grade', group=PICTURES, kind='paths', read=read_texts, write=list
    )
    before: str | None = setting(None, 'a picture before the grade', group=PICTURES, kind='path')
    after: str | None = setting(None, 'the same picture after it', group=PICTURES, kind='path')
    look: str | None = setting(
        None, 'in their place: a grade that was learned before, as --matrix wrote it', group=PICTURES, kind='path'
    )
    cube: str | None = setting(None, 'the grade as a LUT for video editors: .cube', group=WRITTEN, kind='path')
    lut_size: int = setting(LUT_SIZE, 'colours a side of the LUT', group=WRITTEN, at_least=2, at_most=LARGEST_LUT)


def define_flags() -> cli.Flags:
    """All flags of the command, in groups."""
    flags = cli.Flags('Learns a colour grade from a picture before and after, and gives it to other photos.')
    flags.positional('input', many=True)
    for heading in (PICTURES, FIT, WRITTEN):
        flags.group(heading)
    flags.settings(GradeFiles, GradeSettings)
    flags.settings(ResultSettings, without=LEFT_OUT)
    flags.messages()
    return flags


def work(flags: FlagValues) -> None:
    """Does what the flags say."""
    console = Console(flags.quiet)
    files, settings = cli.settings_of(GradeFiles, flags), cli.settings_of(GradeSettings, flags)
    run = Run('stylegen.compose grade', console, cli.settings_of(ResultSettings, flags))
    if not (files.input or files.cube or files.matrix or files.plot):
        raise UserError('give photos, or --cube, --matrix or --plot for the grade itself')
    check_matrix_files(files)
    if files.cube:
        check_target(files.cube, ('.cube',))
    if files.plot:  # it is written before the photos are read
        refuse_overwriting_inputs(Path(files.plot), map(str, expand_folders(files.input)), 'plot')
        run.check(plot=files.plot, output=run.result.output)
    look, recorded = learned(run, files, settings), files.recorded() | settings.recorded()
    run.save_matrix(files, look, recorded)
    if files.cube:
        run.check(cube=files.cube)
        console.say(f'LUT      {write_cube(files.cube, look, files.lut_size)}')
    if files.input:
        make = lambda pixels: product(look.matrix, look.recipe, [pixels])
        make_each(run, files.input, DEFAULT_OUTPUT, make, folder=DEFAULT_FOLDER, settings=recorded)


def learned(run: Run, files: GradeFiles, settings: GradeSettings) -> Transformation:
    """The grade: read from a file, or learned from the pair.

    Raises:
        UserError: There is neither, or both.
    """
    if files.look:
        if files.before or files.after:
            raise UserError('--look is a grade already; give it, or --before and --after')
        look = Transformation.load(files.look)
        check_colour_map(look)
        run.know(files.look)
        return look
    needed((('before', files.before), ('after', files.after)), 'grade photos --before=before.jpg --after=after.jpg')
    look = learn_grade(run.read(files.before or ''), run.read(files.after or ''), settings=settings)
    run.console.say(describe(look))
    return look
