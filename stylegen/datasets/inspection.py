"""What is in a set of pictures, before anything is trained on it."""

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
    """What was found; sizes are (height, width), names are relative to the source.

    Attributes:
        source: As it was given.
        split: The part that was looked at, or 'all'.
        files: How many pictures there are, the unreadable ones too.
        sizes: ((height, width), how many), the most frequent first.
        smallest: The size of least area, or None where nothing can be read.
        largest: The size of greatest area.
        corrupt: (name, reason) of those that cannot be read.
        grey: Names of those without colour, whatever their file says.
        alpha: Names of those with transparency.
        flat: Names of those of one single colour.
        first_only: Names of animations and files of several pages, of each of which the first one is used.
        duplicates: Groups of names whose pixels are equal.
        classes: How many pictures each class has; empty without classes.
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
    """What is told of one picture."""

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
        pixels = pixels[..., :1] if grey else pixels  # grey that is kept as three channels is the same picture
        flat = bool((pixels == pixels[:1, :1]).all())
        digest = hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).digest()
        return cls(pixels.shape[:2], grey, decoded.alpha, flat, digest, decoded.frames)


def inspect_images(
    source: str | os.PathLike[str], *, split: str | None = ALL, progress: Progress | None = None
) -> Inspection:
    """Reads every picture of a source, at its own size, and tells what they are; none is changed.

    Args:
        source: As for `open_images`, but for the set that is drawn.
        split: The part to fact at; by default all of them.
        progress: Is told how many of how many pictures have been read.

    Raises:
        UserError: There is no such source or part, or it has no picture files.
    """
    if source == DRAWN:
        raise UserError(f'{DRAWN!r} is drawn, without end and without fault; give a folder or a file to inspect')
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
