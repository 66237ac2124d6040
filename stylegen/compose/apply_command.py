"""`python -m stylegen.compose apply`: makes pictures by a T that was learned."""

from __future__ import annotations

from dataclasses import dataclass

from absl.flags import FlagValues

from stylegen import images
from stylegen.cluster.making import make_all
from stylegen.cluster.settings import ClusterSettings
from stylegen.compose.cluster_job import ApplyJob
from stylegen.compose.files import LEFT_OUT, PICTURES, Run, make_each, named_paths, needed
from stylegen.compose.fitting import apply, product
from stylegen.compose.settings import read_texts
from stylegen.compose.transformation import Transformation
from stylegen.runs import cli
from stylegen.runs.names import Output
from stylegen.runs.settings import ResultSettings
from stylegen.utils.console import Console
from stylegen.utils.errors import UserError
from stylegen.utils.settings import Settings, setting

DEFAULT_OUTPUT, DEFAULT_FOLDER = 'composed.png', 'composed'


@dataclass(frozen=True, kw_only=True)
class ApplyFiles(Settings):
    """What the command line of `apply` reads."""

    elements: tuple[str, ...] = setting(
        (), 'pictures for T, in the order that it was learned in; for a T of one picture: photos and folders',
        kind='paths', group=PICTURES, read=read_texts, write=list,
    )  # fmt: skip
    matrix: str | None = setting(None, 'T: a file that fit, grade or blend wrote', group=PICTURES, kind='path')
    mask: tuple[str, ...] = setting(
        (), 'the masks of T, in their order', group=PICTURES, kind='paths', read=read_texts, write=list
    )


def define_flags() -> cli.Flags:
    """All flags of the command, in groups."""
    flags = cli.Flags('Makes pictures of other elements by a T that was learned.')
    flags.positional('elements', many=True)
    flags.group(PICTURES)
    flags.settings(ApplyFiles)
    flags.settings(ResultSettings, without=LEFT_OUT)
    flags.settings(ClusterSettings)
    flags.messages()
    return flags


def work(flags: FlagValues) -> None:
    """Does what the flags say."""
    console = Console(flags.quiet)
    files, result = cli.settings_of(ApplyFiles, flags), cli.settings_of(ResultSettings, flags)
    needed((('elements', files.elements), ('matrix', files.matrix)), 'apply photo.jpg --matrix=T.json')
    found = Transformation.load(files.matrix or '')
    run = Run('stylegen.compose apply', console, result)
    run.know(files.matrix or '')
    recorded = files.recorded()
    single = len(found.recipe.pictures) == 1 and not found.recipe.masks and not files.mask
    cluster = ClusterSettings.read(flags, *files.elements, result.output)
    if cluster.cluster:
        if not single:
            raise UserError('--cluster makes pictures by a T of one picture without masks; leave it out')
        images.check_writable(DEFAULT_OUTPUT, depth=result.depth)
        job = ApplyJob(run.program, found, dict(run.inputs.hashes), recorded, result)
        folder = result.output or DEFAULT_FOLDER
        return make_all(job, files.elements, folder, cluster, overwrite=result.overwrite, console=console)
    if single:
        make = lambda pixels: product(found.matrix, found.recipe, [pixels])
        return make_each(run, files.elements, DEFAULT_OUTPUT, make, folder=DEFAULT_FOLDER, settings=recorded)
    output = Output.from_flag(result.output, DEFAULT_OUTPUT, say=console.say)
    images.check_writable(output.path, depth=result.depth)
    pictures = [run.inputs.load(path) for path in files.elements]
    elements = dict(zip(named_paths(files.elements), (one.pixels for one in pictures), strict=True))
    made = apply(found, elements, masks=run.read_named(files.mask))
    run.save(output, made, recorded, pictures[0].alpha)
