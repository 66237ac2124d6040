"""A folder of pictures in, a folder of dreams out; what cannot be read is reported and skipped."""

import re
import sys
from pathlib import Path
from typing import Any

from stylegen import images
from stylegen.deepdream.job import Job, Session
from stylegen.errors import UserError

SUFFIXES = (*images.FORMATS, '.ppm', '.jp2', '.avif', '.jfif')
DEFAULT_FOLDER = 'deepdream'


def pictures_in(folder: Path) -> list[Path]:
    """The picture files of a folder, by their suffix, in the order that people count: 2 before 10."""

    def natural(path: Path):
        return [int(part) if part.isdigit() else part.casefold() for part in re.split(r'(\d+)', path.name)]

    files = [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file()]
    return sorted((path for path in files if not path.name.startswith('.')), key=natural)


def result_names(pictures: list[Path], folder: Path) -> list[Path]:
    """Where each result goes: the picture's own name, as PNG where its format cannot be written.

    Two pictures that differ in their suffix only keep it within the name.
    """
    stems = [path.stem for path in pictures]
    names = []
    for path in pictures:
        suffix = path.suffix if path.suffix.lower() in images.FORMATS else '.png'
        stem = path.name.replace('.', '_') if stems.count(path.stem) > 1 else path.stem
        names.append(folder / f'{stem}{suffix}')
    return names


def dream_folder(settings: dict[str, Any], record: dict[str, Any] | None, flags, say) -> None:
    """Dreams on every picture of a folder.

    Raises:
        UserError: The folder has no pictures; or, at the end, some of them could not be done.
    """
    folder, target = Path(settings['input']), Path(flags.output or DEFAULT_FOLDER)
    if target.exists() and not target.is_dir():
        raise UserError(f'{target} is a file; pictures of a folder go to a folder: give its name as --output')
    if target.exists() and target.samefile(folder):
        raise UserError(f'{target} is the folder of the inputs; give another --output')
    pictures = pictures_in(folder)
    if not pictures:
        raise UserError(f'there are no pictures in {folder} ({", ".join(SUFFIXES)})')
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f'cannot make the folder {target} ({error.strerror}); give another --output') from None
    outputs = result_names(pictures, target)
    images.check_writable(outputs[0])
    session, failed = None, []
    for number, (path, output) in enumerate(zip(pictures, outputs, strict=True), 1):
        if output.exists() and not flags.overwrite:
            say(f'{number}/{len(pictures)}  {output} is there already; --overwrite makes it again')
            continue
        say(f'{number}/{len(pictures)}  {path.name}')
        session = session or Session.open(settings, record, say)
        session.settings['input'] = str(path)
        unfinished = output.with_stem(f'{output.stem}-unfinished')  # what bears the output's name is done
        workdir = Path(flags.workdir) / output.name if flags.workdir else None
        try:
            picture = session.read(path, say)
            session.announce(picture, say)
            Job(session, picture, output, flags, say, workdir=workdir, unfinished=unfinished).dream()
            if unfinished not in outputs:
                unfinished.unlink(missing_ok=True)
        except (UserError, ArithmeticError) as error:
            failed.append(path.name)
            print(f'{path.name} is skipped: {error}', file=sys.stderr)
    if failed:
        raise UserError(f'{len(failed)} of {len(pictures)} pictures could not be done: {", ".join(failed[:10])}')
