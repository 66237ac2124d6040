"""Inspects a set of pictures before anything is trained on it."""

import collections
import hashlib
import os
from dataclasses import dataclass

import numpy as np

from stylegen.datasets.framing import Decoded
from stylegen.datasets.readers import Progress, in_parallel, reason
from stylegen.datasets.sources import ALL, DRAWN
from stylegen.datasets.tables import open_source
from stylegen.utils.errors import UserError


@dataclass(frozen=True)
class Inspection:
    """The result of an inspection. Sizes are (height, width), names are relative to the source.

    Attributes:
        source: The source as given.
        split: The inspected part, or 'all'.
        files: The number of pictures, with unreadable ones.
        sizes: ((height, width), count), the most frequent first.
        smallest: The size of smallest area, or None if no picture can be read.
        largest: The size of largest area.
        corrupt: (name, reason) of those that cannot be read.
        grey: Names of those without colour, whatever their files declare.
        alpha: Names of those with transparency.
        flat: Names of those of a single colour.
        first_only: Names of animations and multi-page files, of which only the first picture is used.
        duplicates: Groups of names with equal pixels.
        classes: The number of pictures of each class; empty without classes.
    """

    source: str
    split: str
    files: int
    sizes: tuple[tuple[tuple[int, int], int], ...]
    smallest: tuple[int, int] | None
    largest: tuple[int, int] | None
    corrupt: tuple[tuple[str, str], ...]
    grey: tuple[str, ...]
    alpha: tuple[str, ...]
    flat: tuple[str, ...]
    duplicates: tuple[tuple[str, ...], ...]
    classes: dict[str, int]
    first_only: tuple[str, ...] = ()


@dataclass(frozen=True)
class _PictureFacts:
    """The facts about one picture."""

    size: tuple[int, int]
    grey: bool
    alpha: bool
    flat: bool
    digest: bytes
    frames: int

    @classmethod
    def of(cls, decoded: Decoded) -> '_PictureFacts':
        pixels = decoded.pixels if decoded.pixels.ndim == 3 else decoded.pixels[..., None]
        grey = bool((pixels == pixels[..., :1]).all())
        pixels = pixels[..., :1] if grey else pixels  # grey stored in three channels is the same picture
        flat = bool((pixels == pixels[:1, :1]).all())
        digest = hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).digest()
        return cls(pixels.shape[:2], grey, decoded.alpha, flat, digest, decoded.frames)


def inspect_images(
    source: str | os.PathLike[str], *, split: str | None = ALL, progress: Progress | None = None
) -> Inspection:
    """Reads every picture of a source at its own size, and describes the set. It changes no file.

    Args:
        source: As for `open_images`, but not the drawn set.
        split: The part to inspect; by default all.
        progress: Called with the number of pictures read and the number of all.

    Raises:
        UserError: The source or part does not exist, or has no picture files.

    Example:
        found = inspect_images('photos')
        print(found.files, found.corrupt)
    """
    if source == DRAWN:
        raise UserError(f'{DRAWN!r} is drawn, without end, and has no files to inspect; give a folder or a file')
    opened = open_source(source, split)
    names = opened.names
    found: dict[int, _PictureFacts] = {}
    failed: dict[int, str] = {}

    def examine(index: int) -> None:
        try:
            found[index] = _PictureFacts.of(opened.load(index)[0])
        except UserError as error:
            failed[index] = reason(error, names[index])

    in_parallel(examine, len(names), progress)
    facts = {names[index]: found[index] for index in sorted(found)}
    sizes = collections.Counter(fact.size for fact in facts.values())
    alike: dict[bytes, list[str]] = {}
    for name, fact in facts.items():
        alike.setdefault(fact.digest, []).append(name)
    counts = [] if opened.labels is None else np.bincount(opened.labels, minlength=len(opened.classes)).tolist()
    return Inspection(
        source=os.fspath(source),
        split=opened.split,
        files=len(names),
        sizes=tuple(sorted(sizes.items(), key=lambda item: (-item[1], item[0]))),
        smallest=min(sizes, key=_area, default=None),
        largest=max(sizes, key=_area, default=None),
        corrupt=tuple((names[index], failed[index]) for index in sorted(failed)),
        grey=tuple(name for name, fact in facts.items() if fact.grey),
        alpha=tuple(name for name, fact in facts.items() if fact.alpha),
        flat=tuple(name for name, fact in facts.items() if fact.flat),
        duplicates=tuple(tuple(group) for group in alike.values() if len(group) > 1),
        classes=dict(zip(opened.classes, counts, strict=True)),
        first_only=tuple(name for name, fact in facts.items() if fact.frames > 1),
    )


def _area(size: tuple[int, int]) -> tuple[int, tuple[int, int]]:
    return size[0] * size[1], size
