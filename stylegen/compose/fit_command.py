"""`python -m stylegen.compose fit`: learns T from elements and a target."""

from __future__ import annotations

from dataclasses import dataclass

from absl.flags import FlagValues

from stylegen import images
from stylegen.compose import plotting, transformation
from stylegen.compose.files import LEFT_OUT, PICTURES, WRITTEN, MatrixFiles, Run, describe, needed, with_record
from stylegen.compose.fitting import apply, fit
from stylegen.compose.settings import ELEMENTS, FIT, ComposeSettings, read_texts
from stylegen.runs import cli
from stylegen.runs.names import Output
from stylegen.runs.settings import ResultSettings
from stylegen.utils.console import Console
from stylegen.utils.files import check_target
from stylegen.utils.settings import Settings, setting

DEFAULT_OUTPUT = 'T.json'


@dataclass(frozen=True, kw_only=True)
class FitFiles(Settings):
    """What the command line of `fit` reads and where it writes."""

    elements: tuple[str, ...] = setting(
        (), 'pictures that give the elements', group=PICTURES, kind='paths', read=read_texts, write=list
    )
    target: str | None = setting(None, 'the picture that T X is to be', group=PICTURES, kind='path')
    mask: tuple[str, ...] = setting(
        (), 'grey picture: where it is white a T of its own counts; several times', group=PICTURES, kind='paths',
        read=read_texts, write=list,
    )  # fmt: skip
    output: str | None = setting(None, f'file for T: .json or .npz [{DEFAULT_OUTPUT}]', group=PICTURES, kind='path')
    picture: str | None = setting(None, 'T X, the picture nearest to the target', group=WRITTEN, kind='path')
    plot: str | None = setting(
        None, 'T as a heat map, with the loss curve of gradient descent: .png, .svg or .pdf', group=WRITTEN, kind='path'
    )


def define_flags() -> cli.Flags:
    """All flags of the command, in groups."""
    flags = cli.Flags('Learns the matrix T that makes a target of elements: T X is nearest to it.')
    flags.positional('elements', many=True)
    for heading in (PICTURES, ELEMENTS, FIT, WRITTEN):
        flags.group(heading)
    flags.settings(FitFiles, ComposeSettings)
    flags.settings(ResultSettings, without=(*LEFT_OUT, 'overwrite'))
    flags.messages()
    return flags


def work(flags: FlagValues) -> None:
    """Does what the flags say."""
    console = Console(flags.quiet)
    files, settings = cli.settings_of(FitFiles, flags), cli.settings_of(ComposeSettings, flags)
    needed((('elements', files.elements), ('target', files.target)), 'fit before.jpg --target=after.jpg')
    output = Output.from_flag(files.output, DEFAULT_OUTPUT, say=console.say)
    check_target(output.path, transformation.SUFFIXES)
    result = cli.settings_of(ResultSettings, flags)
    if files.picture:
        images.check_writable(files.picture, depth=result.depth)
    if files.plot:
        check_target(files.plot, plotting.SUFFIXES)
    run = Run('stylegen.compose fit', console, result)
    elements, masks, target = run.read_named(files.elements), run.read_named(files.mask), run.read(files.target or '')
    run.check(output=output.path, picture=files.picture, plot=files.plot)
    bar = console.progress(settings.steps) if settings.method == 'gradient_descent' else None
    try:
        report = bar and (lambda step, loss: bar.to(step, f'step {step}', loss=loss))
        found = fit(elements, target, masks=masks, callback=report, settings=settings)
    finally:
        if bar:
            bar.close()
    recorded = files.recorded() | settings.recorded()
    console.say(describe(found))
    path = output.save(with_record(found, run.record(recorded)).save)
    console.say(f'result   {path}')
    if files.picture:
        run.save(Output.from_flag(files.picture, 'T.png'), apply(found, elements, masks=masks), recorded)
    run.save_matrix(MatrixFiles(plot=files.plot), found, recorded)
