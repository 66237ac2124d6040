"""A folder of pictures in, a folder of dreams out; what cannot be read is reported and skipped."""

from pathlib import Path
from typing import Any

from absl.flags import FlagValues

from stylegen import images
from stylegen.console import Console
from stylegen.deepdream.job import Job, Session
from stylegen.deepdream.options import read_input
from stylegen.errors import UserError
from stylegen.folders import pictures_in, prepare_folder, result_names

DEFAULT_FOLDER = 'deepdream'


def dream_folder(settings: dict[str, Any], record: dict[str, Any] | None, flags: FlagValues, console: Console) -> None:
    """Dreams on every picture of a folder.

    Raises:
        UserError: The folder has no pictures; or, at the end, some of them could not be done.
    """
    folder, target = Path(settings['input']), Path(flags.output or DEFAULT_FOLDER)
    pictures = pictures_in(folder)
    prepare_folder(folder, target)
    outputs = result_names(pictures, target)
    images.check_writable(outputs[0])
    session, failed = None, []
    for number, (path, output) in enumerate(zip(pictures, outputs, strict=True), 1):
        if output.exists() and not flags.overwrite:
            console.say(f'{number}/{len(pictures)}  {output} is there already; --overwrite makes it again')
            continue
        console.say(f'{number}/{len(pictures)}  {path.name}')
        if session is None:
            session = Session.open(settings, record)
            console.say(*session.about())
        session.settings['input'] = str(path)
        unfinished = output.with_stem(f'{output.stem}-unfinished')  # what bears the output's name is done
        workdir = Path(flags.workdir) / output.name if flags.workdir else None
        try:
            picture = session.fitted(read_input(path, settings['size'], console.say))
            console.say(*session.outlook(picture))
            Job(session, picture, output, flags, console, workdir=workdir, unfinished=unfinished).run()
            if unfinished not in outputs:
                unfinished.unlink(missing_ok=True)
        except (UserError, ArithmeticError) as error:
            failed.append(path.name)
            console.warn(f'{path.name} is skipped: {error}')
    if failed:
        raise UserError(f'{len(failed)} of {len(pictures)} pictures could not be done: {", ".join(failed[:10])}')
