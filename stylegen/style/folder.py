"""Paints every content in every style, into a folder. A file that cannot be read is reported and skipped."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stylegen import images
from stylegen.runs.folders import (
    check_output_folder,
    expand_folders,
    make_results,
    refuse_inputs_as_results,
    unique_names,
)
from stylegen.runs.names import Output
from stylegen.style.command import Command
from stylegen.style.job import Job, state_folder
from stylegen.style.options import (
    DEFAULT_CONTENT,
    DEFAULT_FOLDER,
    DEFAULT_STYLE,
    PictureSettings,
    StyleResultSettings,
    parse_style,
    read_beside,
)
from stylegen.style.pictures import Pictures
from stylegen.style.session import Session
from stylegen.utils.console import Console
from stylegen.utils.errors import UserError


def pairs_of(sources: PictureSettings, target: Path) -> list[tuple[PictureSettings, Path]]:
    """The results to make, each as (its pictures, its output).

    Several files of style are blended. Each picture of a folder of styles gives a result of its own.

    Raises:
        UserError: A folder has no pictures, or is given together with files of style.
    """
    contents = [[str(path)] for path in expand_folders(sources.content)] or [[]]
    return [
        (sources.replace(content=content, style=style), target / f'{name}{ending}')
        for name, content in zip(_names(contents, DEFAULT_CONTENT), contents, strict=True)
        for ending, style in styles_of(sources).items()
    ]


def styles_of(sources: PictureSettings) -> dict[str, list[str]]:
    """The styles of each result of a content, by what the result is called behind the name of the content.

    Raises:
        UserError: A folder has no pictures, or is given together with files of style.
    """
    styles = [list(sources.style)]
    folders = [path for path in sources.style if Path(path).is_dir()]
    if folders:
        if len(folders) < len(sources.style):
            raise UserError(f'{folders[0]} is a folder, each picture of which is a style; leave out the other --style')
        styles = [[str(path)] for path in expand_folders(folders)]
    return {f'__{name}.png': style for name, style in zip(_names(styles, DEFAULT_STYLE), styles, strict=True)}


def _names(groups: Sequence[Sequence[str]], default: Path) -> list[str]:
    """A name for each group of pictures, none twice."""
    return unique_names([[Path(parse_style(text)[0]) for text in group] or [default] for group in groups])


def paint_folder(command: Command, console: Console) -> None:
    """Paints every result that is not there yet.

    Raises:
        UserError: There are no pictures; or, at the end, some results could not be made.
    """
    results = command.results
    target = Path(results.output or DEFAULT_FOLDER)
    pairs = pairs_of(command.sources, target)
    for source in (*command.sources.content, *(parse_style(text)[0] for text in command.sources.style)):
        check_output_folder(Path(source), target)
    outputs = [output for _, output in pairs]
    texts = {text for sources, _ in pairs for text in (*sources.content, *sources.style)}
    init = [command.style.init_picture] if command.style.init_picture else []
    refuse_inputs_as_results(outputs, [*(parse_style(text)[0] for text in texts), *read_beside(command.sources), *init])
    images.check_writable(outputs[0], depth=results.depth)

    def begin() -> Session:
        session = Session.open(command, results.workdir or (target if results.resume else None))
        console.say(*session.describe())
        return session

    def make(session: Session, number: int, unfinished: Path) -> None:
        sources, output = pairs[number]
        workdir = workdir_of(output, results)
        goal = Output(output, results.overwrite)
        paint_pair(session, command, sources, goal, console, workdir=workdir, unfinished=unfinished)

    make_results(
        outputs, [output.name for output in outputs], begin, make, overwrite=results.overwrite, console=console
    )


def workdir_of(output: Path, results: StyleResultSettings) -> Path | None:
    """Where the state of one of many results is kept; None where it is not."""
    if results.workdir:
        return Path(results.workdir) / output.name
    return state_folder(output) if results.resume else None


def paint_pair(
    session: Session,
    command: Command,
    sources: PictureSettings,
    goal: Output,
    console: Console,
    *,
    workdir: Path | None,
    unfinished: Path,
    file: Path | None = None,
) -> None:
    """Paints one of many results.

    Args:
        session: Of all of them.
        command: Of all of them.
        sources: The pictures of this one.
        goal: The result.
        console: Prints.
        workdir: Where the state is kept, or None.
        unfinished: Where the picture so far goes when the work stops.
        file: Where the content lies, if not at its path.
    """
    pictures = Pictures.read(sources, command.style.init_picture, console.say, file)
    console.say(*session.describe_result(sources, pictures))
    job = Job(session, sources, pictures, goal, command.results, console, workdir=workdir, unfinished=unfinished)
    job.run()
    console.say(*job.terms())
