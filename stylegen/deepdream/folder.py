"""Several pictures or a folder of them in, a folder of dreams out; what cannot be read is reported and skipped."""

from pathlib import Path
from typing import Any

from absl.flags import FlagValues

from stylegen import images
from stylegen.deepdream.job import Job, Session
from stylegen.deepdream.options import inputs_of, read_input
from stylegen.runs.folders import check_folder, each, pictures_of, result_names
from stylegen.runs.names import Output
from stylegen.utils.console import Console

DEFAULT_FOLDER = 'deepdream'


def dream_folder(settings: dict[str, Any], record: dict[str, Any] | None, flags: FlagValues, console: Console) -> None:
    """Dreams on several pictures, or on every picture of a folder.

    Raises:
        UserError: The folder has no pictures; or, at the end, some of them could not be done.
    """
    sources, target = inputs_of(settings), Path(flags.output or DEFAULT_FOLDER)
    pictures = pictures_of(sources)
    for source in sources:
        check_folder(Path(source), target)
    outputs = result_names(pictures, target, flags.depth)
    images.check_writable(outputs[0], depth=flags.depth)

    def begin() -> Session:
        session = Session.open(settings, record, console.say)
        console.say(*session.about())
        return session

    def make(session: Session, number: int, unfinished: Path) -> None:
        path, output = pictures[number], outputs[number]
        session.settings['input'] = str(path)
        workdir = Path(flags.workdir) / output.name if flags.workdir else None
        picture = session.fitted(read_input(path, settings['size'], console.say))
        console.say(*session.outlook(picture))
        target = Output(output, flags.overwrite)
        Job(session, picture, target, flags, console, workdir=workdir, unfinished=unfinished).run()

    each(outputs, [path.name for path in pictures], begin, make, overwrite=flags.overwrite, console=console)
