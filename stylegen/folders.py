"""Folders of pictures: what is in one, and what the results are called in another."""

import re
from pathlib import Path

from stylegen import images
from stylegen.errors import UserError
from stylegen.files import make_folder

SUFFIXES = (*images.FORMATS, '.ppm', '.jp2', '.avif', '.jfif')


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


def prepare_folder(source: Path, target: Path) -> None:
    """Makes the folder that the results of many pictures go to, where it is not there yet.

    Args:
        source: A folder of pictures, or one of them.
        target: The folder to make.

    Raises:
        UserError: The target is a file or has the name of one, or the folder of the pictures, or cannot be made.
    """
    if target.exists() and not target.is_dir():
        raise UserError(f'{target} is a file; many results go to a folder: give its name as --output')
    if not target.exists() and target.suffix.lower() in SUFFIXES:
        raise UserError(f'{target} is the name of a picture, but there are many results; give a folder as --output')
    if target.exists() and source.is_dir() and target.samefile(source):
        raise UserError(f'{target} is the folder of the inputs; give another --output')
    make_folder(target, 'output')
