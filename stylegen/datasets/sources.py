"""Sources of pictures: files, whose folders may give parts (train, test) and classes, or one array."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from stylegen.datasets.archives import Read, listing
from stylegen.datasets.framing import Decoded, decode
from stylegen.images.pixels import from_uint8, on_white, to_uint8
from stylegen.utils.errors import UserError

ALL = 'all'
DRAWN = 'shapes'  # the set that is drawn, see `stylegen.datasets.synthetic`
SPLITS = {'train': ('train', 'training'), 'val': ('val', 'valid', 'validation'), 'test': ('test', 'testing')}
_SPLIT_OF = {folder: split for split, folders in SPLITS.items() for folder in folders}


@dataclass(frozen=True)
class Files:
    """Pictures in files.

    Attributes:
        names: Sorted, relative to the source.
        labels: int32, one for each, or None.
        classes: The names of the labels.
        split: The part: a name in SPLITS, or ALL.
        read: Returns the bytes of a name.
    """

    names: Sequence[str]
    labels: np.ndarray | None
    classes: tuple[str, ...]
    split: str
    read: Read

    def load(self, index: int, least: tuple[int, int] | None = None) -> tuple[Decoded, bytes]:
        """Returns a picture, see `decode`, and the SHA-256 of its file.

        Raises:
            UserError: It cannot be read.
        """
        data = self.read(self.names[index])
        return decode(data, self.names[index], least), hashlib.sha256(data).digest()


@dataclass(frozen=True)
class Array:
    """Pictures in one array, uint8 (count, height, width, 1, 3 or 4 channels). For the other attributes see `Files`."""

    names: Sequence[str]
    labels: np.ndarray | None
    classes: tuple[str, ...]
    split: str
    pixels: np.ndarray

    def load(self, index: int, least: tuple[int, int] | None = None) -> tuple[Decoded, bytes]:
        """Returns a picture, and the SHA-256 of its bytes and shape."""
        pixels = np.ascontiguousarray(self.pixels[index])
        digest = hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).digest()
        if pixels.shape[2] == 4:
            scaled = from_uint8(pixels)
            return Decoded(to_uint8(on_white(scaled[..., :3], scaled[..., 3])), True), digest
        return Decoded(pixels[..., 0] if pixels.shape[2] == 1 else pixels), digest


def open_files(path: Path, split: str | None = None) -> Files:
    """Opens the pictures in a folder or an archive, with the parts and classes that its folders give.

    If every top folder (or every folder in a single top folder) has a name in SPLITS, these are parts. If every chosen
    picture is in a folder (below its part), that folder is its class. Classes have the same numbers in all parts.

    Args:
        path: See `archives.listing`.
        split: The part to take, or ALL; by default 'train' if it exists, otherwise ALL.

    Raises:
        UserError: There are no pictures, or no such part.
    """
    names, read = listing(path)
    parts = _parts(names)
    everything = {name: inner for part in parts.values() for name, inner in part.items()} or {n: n for n in names}
    split = choose_split(split, parts, path)
    taken = everything if split == ALL else parts[split]
    labels = None
    classes: tuple[str, ...] = ()
    if all('/' in inner for inner in taken.values()):
        classes = tuple(sorted({PurePosixPath(name).parent.name for name, inner in everything.items() if '/' in inner}))
        numbers = {name: number for number, name in enumerate(classes)}
        labels = np.array([numbers[PurePosixPath(name).parent.name] for name in sorted(taken)], np.int32)
    return Files(sorted(taken), labels, classes, split, read)


class MissingSplit(UserError):
    """The source does not have the requested part."""


def choose_split(split: str | None, parts: Collection[str], source: object) -> str:
    """Returns the requested part; for None 'train' if it exists, otherwise ALL.

    Raises:
        MissingSplit: The part does not exist.
    """
    if split is None:
        return 'train' if 'train' in parts else ALL
    if split != ALL and split not in parts:
        there = ', '.join([*parts, ALL]) if parts else f'no parts, only {ALL!r}'
        raise MissingSplit(f'{source} has no part {split!r}; it has {there}')
    return split


def _parts(names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Returns, for each part, its pictures and their names within it; empty if the folders are no parts."""
    paths = {name: PurePosixPath(name).parts for name in names}
    single = len({path[0] for path in paths.values()}) == 1
    for depth in (0, 1) if single else (0,):
        if all(len(path) > depth + 1 and path[depth].lower() in _SPLIT_OF for path in paths.values()):
            parts: dict[str, dict[str, str]] = {}
            for name, path in paths.items():
                parts.setdefault(_SPLIT_OF[path[depth].lower()], {})[name] = '/'.join(path[depth + 1 :])
            return parts
    return {}
