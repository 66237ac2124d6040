"""Folders of pictures: what is in one, what the results are called in another, and how they are made in turn."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from stylegen import images
from stylegen.images.io import SUFFIXES
from stylegen.utils.console import Console
from stylegen.utils.errors import UserError
from stylegen.utils.files import sidecar

Session = TypeVar('Session')


def pictures_in(folder: Path) -> list[Path]:
    """The picture files of a folder, by their suffix, in the order that people count: 2 before 10.

    Raises:
        UserError: There are none.
    """

    def natural(path: Path) -> list[int | str]:
        return [int(part) if part.isdecimal() else part.casefold() for part in re.split(r'(\d+)', path.name)]

    files = [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file()]
    pictures = sorted((path for path in files if not path.name.startswith('.')), key=natural)
    if not pictures:
        raise UserError(f'there are no pictures in {folder} ({", ".join(SUFFIXES)})')
    return pictures


def pictures_of(paths: Sequence[str]) -> list[Path]:
    """The paths, with the pictures of a folder in its place."""
    groups = [pictures_in(Path(path)) if Path(path).is_dir() else [Path(path)] for path in paths]
    return [path for group in groups for path in group]


def result_names(pictures: Sequence[Path], folder: Path, depth: int = 8) -> list[Path]:
    """Where each result goes: by the picture's `unique_names`, as PNG where its format cannot hold so many bits."""
    kinds = {suffix for suffix, kind in images.FORMATS.items() if depth == 8 or kind.deep}
    suffixes = [path.suffix if path.suffix.lower() in kinds else '.png' for path in pictures]
    names = unique_names([[path] for path in pictures])
    return [folder / f'{name}{suffix}' for name, suffix in zip(names, suffixes, strict=True)]


def unique_names(groups: Sequence[Sequence[Path]]) -> list[str]:
    """A name for each group of files, none twice: their stems, or else with their suffixes and a number."""
    stems = ['+'.join(path.stem for path in group) for group in groups]
    count, names = Counter(stems), dict[str, None]()
    for stem, group in zip(stems, groups, strict=True):
        name = stem if count[stem] == 1 else '+'.join(path.name.replace('.', '_') for path in group)
        number, taken = 1, name
        while taken in names:
            number, taken = number + 1, f'{name}-{number + 1}'
        names[taken] = None
    return list(names)


def unfinished_of(output: Path) -> Path:
    """Where a picture that is stopped goes when what bears the output's name is taken for done."""
    return output.with_stem(f'{output.stem}-unfinished')


def remove_unfinished(path: Path) -> None:
    """Removes such a picture, and its record beside it, where they are there."""
    for one in (path, sidecar(path)):
        one.unlink(missing_ok=True)


def each(
    outputs: Sequence[Path],
    names: Sequence[str],
    begin: Callable[[], Session],
    make: Callable[[Session, int, Path], None],
    *,
    overwrite: bool,
    console: Console,
) -> None:
    """Makes every result that is not there yet; one that cannot be made is told and skipped.

    Args:
        outputs: Where the results go.
        names: What each is called.
        begin: Opens what makes them, when the first is to be made.
        make: Makes one, given what was opened, its number from 0 and where it goes when it is stopped before its end.
        overwrite: Makes those too that are there.
        console: Is told of each.

    Raises:
        UserError: At the end, where some could not be made; or whatever `begin` refuses.
    """
    session, failed = None, []
    for number, (output, name) in enumerate(zip(outputs, names, strict=True)):
        head = f'{number + 1}/{len(outputs)}'
        if output.exists() and not overwrite:
            console.say(f'{head}  {output} is there already; --overwrite makes it again')
            continue
        console.say(f'{head}  {name}')
        session = session or begin()
        unfinished = unfinished_of(output)
        try:
            make(session, number, unfinished)
            if unfinished not in outputs:
                remove_unfinished(unfinished)
        except (UserError, ArithmeticError) as error:
            failed.append(name)
            console.warn(f'{name} is skipped: {error}')
    if failed:
        raise UserError(f'{len(failed)} of {len(outputs)} results could not be made: {", ".join(failed[:10])}')


def check_folder(source: Path, target: Path) -> None:
    """Refuses a folder that the results of many pictures cannot go to. The first result makes it, if it is missing.

    Args:
        source: A folder of pictures, or one of them.
        target: The folder.

    Raises:
        UserError: The target is a file or has the name of one, or the folder of the pictures.
    """
    if target.exists() and not target.is_dir():
        raise UserError(f'{target} is a file; many results go to a folder: give its name as --output')
    if not target.exists() and target.suffix.lower() in SUFFIXES:
        raise UserError(f'{target} is the name of a picture, but there are many results; give a folder as --output')
    if target.exists() and source.is_dir() and target.samefile(source):
        raise UserError(f'{target} is the folder of the inputs; give another --output')
