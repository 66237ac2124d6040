"""Several pictures, or a folder of them, each of which is dreamt on. Pictures that cannot be read are skipped."""

from pathlib import Path

from stylegen import images
from stylegen.deepdream.command_line import CommandLine
from stylegen.deepdream.job import Job, Session
from stylegen.runs.folders import (
    check_output_folder,
    expand_folders,
    make_results,
    refuse_inputs_as_results,
    result_paths,
)
from stylegen.runs.inputs import DEFAULT_PICTURE, DEFAULT_SIZE, read_picture
from stylegen.runs.names import Output
from stylegen.utils.console import Console

DEFAULT_FOLDER = 'deepdream'


def dream_folder(command: CommandLine, console: Console) -> None:
    """Dreams on several pictures, or on every picture of a folder.

    Raises:
        UserError: The folder has no pictures, or, at the end, some pictures were skipped.
    """
    sources, result = command.pictures.input, command.result
    target = Path(result.output or DEFAULT_FOLDER)
    pictures = expand_folders(sources)
    for source in sources:
        check_output_folder(Path(source), target)
    outputs = result_paths(pictures, target, result.depth)
    refuse_inputs_as_results(outputs, [*pictures, *command.pictures.read_beside])
    images.check_writable(outputs[0], depth=result.depth)

    def begin() -> Session:
        session = Session.open(command, console.say)
        console.say(*session.describe_subject())
        return session

    def make(session: Session, number: int, unfinished: Path) -> None:
        target = Output(outputs[number], result.overwrite)
        dream_file(session, pictures[number], target, console, unfinished)

    make_results(outputs, [path.name for path in pictures], begin, make, overwrite=result.overwrite, console=console)


def dream_file(
    session: Session, path: Path, target: Output, console: Console, unfinished: Path, name: str | None = None
) -> None:
    """Dreams on one of many pictures.

    Args:
        session: The open dreamer.
        path: The file.
        target: The result.
        console: Prints messages and the progress bar.
        unfinished: Where the picture so far goes when the work stops.
        name: What the record calls the file, if not by its path.
    """
    size, result = session.command.pictures.size, session.command.result
    one = session.command.replace(pictures=session.command.pictures.replace(input=name or str(path)))
    session = Session(one, session.dreamer, session.inputs)
    workdir = Path(result.workdir) / target.path.name if result.workdir else None
    picture = session.prepare(
        read_picture(path, size, console.say, default=DEFAULT_PICTURE, default_size=DEFAULT_SIZE, name=name)
    )
    console.say(*session.describe_plan(picture))
    Job(session, picture, target, console, workdir=workdir, unfinished=unfinished).run()
