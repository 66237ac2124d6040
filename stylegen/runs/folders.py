"""Folders of pictures: find the inputs, name the results, and make one result after the other."""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from stylegen import images
from stylegen.images.io import SUFFIXES
from stylegen.utils.console import Console
from stylegen.utils.errors import UserError
from stylegen.utils.files import sidecar

Session = TypeVar('Session')


def pictures_in(folder: Path) -> list[Path]:
    """Lists the picture files of a folder in natural order: picture 2 comes before picture 10.

    Raises:
        UserError: The folder has no pictures.
    """

    def natural(path: Path) -> list[int | str]:
        return [int(part) if part.isdecimal() else part.casefold() for part in re.split(r'(\d+)', path.name)]

    readable = lambda path: path.is_file() or (path.is_symlink() and not path.exists())  # a dead link is told of
    files = [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and readable(path)]
    pictures = sorted((path for path in files if not path.name.startswith('.')), key=natural)
    if not pictures:
        raise UserError(f'there are no pictures in {folder} ({", ".join(SUFFIXES)})')
    return pictures


def expand_folders(paths: Sequence[str]) -> list[Path]:
    """Returns the paths; each folder is replaced by the pictures in it."""
    groups = [pictures_in(Path(path)) if Path(path).is_dir() else [Path(path)] for path in paths]
    return [path for group in groups for path in group]


def result_paths(pictures: Sequence[Path], folder: Path, depth: int = 8) -> list[Path]:
    """Returns a path in `folder` for the result of each picture.

    The name comes from `unique_names`, the suffix from `result_suffix`.
    """
    names = unique_names([[path] for path in pictures])
    return [folder / f'{name}{result_suffix(path, depth)}' for name, path in zip(names, pictures, strict=True)]


def result_suffix(picture: str | os.PathLike[str], depth: int = 8) -> str:
    """Returns the suffix of a picture; .png if that format cannot be written with `depth` bits per channel."""
    suffix = Path(picture).suffix
    kind = images.FORMATS.get(suffix.lower())
    return suffix if kind and (depth == 8 or kind.deep) else '.png'


def unique_names(groups: Sequence[Sequence[Path]]) -> list[str]:
    """Returns a different name for each group of files.

    It is the stems of the files, as in 'a+b'. If two groups have the same stems, their suffixes are added, as in
    'a_jpg+b_png'; if that is taken too, a number.
    """
    stems = ['+'.join(path.stem for path in group) for group in groups]
    count, names = Counter(stems), dict[str, None]()
    for stem, group in zip(stems, groups, strict=True):
        name = stem if count[stem] == 1 else '+'.join(path.name.replace('.', '_') for path in group)
        number, taken = 1, name
        while taken in names:
            number, taken = number + 1, f'{name}-{number + 1}'
        names[taken] = None
    return list(names)


def unfinished_path(output: Path) -> Path:
    """Returns the path for an unfinished picture. It is not the output's, since a file there counts as finished."""
    return output.with_stem(f'{output.stem}-unfinished')


def remove_unfinished(path: Path) -> None:
    """Removes an unfinished picture and its sidecar, if they exist."""
    for file in (path, sidecar(path)):
        file.unlink(missing_ok=True)


def make_results(
    outputs: Sequence[Path],
    names: Sequence[str],
    open_session: Callable[[], Session],
    make: Callable[[Session, int, Path], None],
    *,
    overwrite: bool,
    console: Console,
) -> None:
    """Makes the results that do not exist yet. If one fails, prints why and goes on with the next.

    Args:
        outputs: The paths of the results.
        names: The name of each result, for messages.
        open_session: Opens the session, such as a network with its settings, before the first result is made.
        make: Makes one result, given the session, the result's index and the path for it if it is stopped.
        overwrite: Whether to make results again that exist.
        console: Prints a line for each result.

    Raises:
        UserError: Some results could not be made; this is raised after the last one. Or `open_session` failed.
    """
    session, failed = None, []
    for number, (output, name) in enumerate(zip(outputs, names, strict=True)):
        head = f'{number + 1}/{len(outputs)}'
        if output.exists() and not overwrite:
            console.say(f'{head}  {output} exists already; --overwrite makes it again')
            continue
        console.say(f'{head}  {name}')
        session = session or open_session()
        unfinished = unfinished_path(output)
        try:
            make(session, number, unfinished)
            if unfinished not in outputs:
                remove_unfinished(unfinished)
        except (UserError, ArithmeticError) as error:
            failed.append(name)
            console.warn(f'{name} is skipped: {error}')
    if failed:
        raise UserError(f'{len(failed)} of {len(outputs)} results could not be made: {", ".join(failed[:10])}')


def refuse_inputs_as_results(outputs: Iterable[Path], inputs: Iterable[str | Path]) -> None:
    """Refuses results that are inputs, also through a link: they would count as made, or be lost before they are read.

    Raises:
        UserError: A result is one of the inputs.
    """
    read = {os.path.realpath(path) for path in inputs}
    if output := next((output for output in outputs if os.path.realpath(output) in read), None):
        raise UserError(f'{output} is an input; give another --output')


def check_output_folder(source: Path, target: Path) -> None:
    """Refuses an output folder that cannot hold the results of many pictures. It may be missing: it is made later.

    Args:
        source: The folder of the input pictures, or one of these pictures.
        target: The output folder.

    Raises:
        UserError: The target is a file, has the name of a picture, or is the folder of the inputs.
    """
    if target.exists() and not target.is_dir():
        raise UserError(f'{target} is a file; many results go to a folder: give its name as --output')
    if not target.exists() and target.suffix.lower() in SUFFIXES:
        raise UserError(f'{target} is the name of a picture, but there are many results; give a folder as --output')
    if target.exists() and source.is_dir() and target.samefile(source):
        raise UserError(f'{target} is the folder of the inputs; give another --output')
