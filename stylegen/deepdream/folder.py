"""A folder of pictures in, a folder of dreams out; what cannot be read is reported and skipped."""

from pathlib import Path
from typing import Any

from absl.flags import FlagValues

from stylegen import images
from stylegen.console import Console
from stylegen.deepdream.job import Job, Session
from stylegen.deepdream.options import read_input
from stylegen.folders import each, pictures_in, prepare_folder, result_names

DEFAULT_FOLDER = 'deepdream'


def dream_folder(settings: dict[str, Any], record: dict[str, Any] | None, flags: FlagValues, console: Console) -> None:
    """Dreams on every picture of a folder.

    Raises:
        UserError: The folder has no pictures; or, at the end, some of them could not be done.
    """
    folder, target = Path(settings['input']), Path(flags.output or DEFAULT_FOLDER)
    pictures = pictures_in(folder)
    prepare_folder(folder, target)
    outputs = result_names(pictures, target, flags.depth)
    images.check_writable(outputs[0], depth=flags.depth)

    def begin() -> Session:
        session = Session.open(settings, record)
        console.say(*session.about())
        return session

    def make(session: Session, number: int, unfinished: Path) -> None:
        path, output = pictures[number], outputs[number]
        session.settings['input'] = str(path)
        workdir = Path(flags.workdir) / output.name if flags.workdir else None
        picture = session.fitted(read_input(path, settings['size'], console.say))
        console.say(*session.outlook(picture))
        Job(session, picture, output, flags, console, workdir=workdir, unfinished=unfinished).run()

    each(outputs, [path.name for path in pictures], begin, make, overwrite=flags.overwrite, console=console)
