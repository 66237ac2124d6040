"""Opens sets of training pictures from Keras, a folder, an archive or an array, or drawn here, as batches of uint8.

    images = open_images('photos.zip', (64, 64))
    for pixels, labels in images.batches(64, seed=0): ...       # uint8 (64, 64, 64, 3), int32 (64,), without end

The batch of a step depends only on the seed and the step, so a resumed run needs nothing else.
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from numbers import Integral
from typing import Any

import numpy as np

from stylegen.datasets.framing import FIT, FITS, Framing
from stylegen.datasets.imageset import ImageSet
from stylegen.datasets.inspection import Inspection, inspect_images
from stylegen.datasets.readers import FromDisk, Progress, Reader, compact, from_memory, from_shapes, read_all
from stylegen.datasets.sources import ALL, DRAWN, SPLITS, MissingSplit, choose_split
from stylegen.datasets.synthetic import EPOCH, SHAPES, shape_labels
from stylegen.datasets.tables import NAMED, NotDownloaded, open_source
from stylegen.utils.errors import UserError
from stylegen.utils.memory import AUTO, parse_memory
from stylegen.utils.notes import note

__all__ = [
    'ALL',
    'DRAWN',
    'FITS',
    'NAMED',
    'SPLITS',
    'ImageSet',
    'Inspection',
    'MissingSplit',
    'NotDownloaded',
    'inspect_images',
    'open_images',
]

_MEMORY_SHARE = 0.5  # part of 'auto' in `utils.memory`; the training needs memory too
_STARTS = {'train': 0, 'test': 2**40}  # number of the first drawn picture; far apart, so that they never overlap


def open_images(
    source: str | os.PathLike[str],
    size: int | tuple[int, int],
    channels: int = 3,
    *,
    split: str | None = None,
    fit: str = FIT,
    labels: bool = True,
    memory_budget: str | float = AUTO,
    progress: Progress | None = None,
    warn: Callable[[str], None] | None = None,
) -> ImageSet:
    """Opens a set of pictures. It reads and decodes every picture once, and leaves out unreadable ones.

    Args:
        source: A name in NAMED; DRAWN, see `stylegen.datasets.synthetic`; or the path of a folder (with all its
            subfolders), a .zip or .tar (also .gz, .bz2, .xz) or an .npz. Folders train, val and test are parts. The
            folder of a picture is its class, if every picture is in one. See `sources.open_files`, `tables.open_npz`.
        size: (height, width) in pixels, or one number for both.
        channels: 3, or 1 for grey.
        split: The part to take, or 'all'; by default 'train' if it exists, otherwise all.
        fit: A name in FITS: 'crop' the middle to the aspect of `size`, 'pad' with white, or 'stretch'.
        labels: Whether to read classes.
        memory_budget: Bytes, or a text such as '4GB', that the pixels may take. A larger set is decoded again for each
            batch, which changes only the time. 'auto': a part of the free memory. The arrays of an .npz and of NAMED
            are always read whole.
        progress: Called with the number of pictures read and the number of all.
        warn: Called with a line, once for each picture that has become unreadable; the next one of the order replaces
            it. By default `stylegen.utils.note`.

    Returns:
        The set.

    Raises:
        NotDownloaded: A set of NAMED is not here and cannot be downloaded.
        MissingSplit: The source does not have the part.
        UserError: The source does not exist, none of its pictures can be read, or the size is not valid.

    Example:
        images = open_images('photos.zip', (64, 64))
        print(images.count, images.classes)
    """
    height, width = (size, size) if isinstance(size, int | Integral) else size
    framing = Framing((int(height), int(width)), channels, fit)
    if source == DRAWN:
        return _drawn(framing, split, labels)
    opened = open_source(source, split)
    shape = (len(opened.names), *framing.size, channels)
    fits = np.prod(shape, dtype=np.int64) <= _bytes_allowed(memory_budget)
    pixels = np.empty(shape, np.uint8) if fits else None
    digests, skipped, first_only = read_all(opened, framing, pixels, progress)
    known = {index: digest for index, digest in enumerate(digests) if digest}
    kept = list(known)
    if not kept:
        name, reason = skipped[0]
        raise UserError(f'none of the {len(skipped)} pictures of {source} can be read; the first, {name!r}, {reason}')
    numbers = opened.labels[kept] if labels and opened.labels is not None else None
    classes = () if numbers is None else opened.classes
    read: Reader = (
        FromDisk(opened, kept, framing, warn or note) if pixels is None else from_memory(compact(pixels, kept))
    )
    row_labels = [-1] * len(kept) if numbers is None else numbers.tolist()
    rows = [(opened.names[index], known[index], label) for index, label in zip(kept, row_labels, strict=True)]
    manifest = _manifest(source, opened.split, len(kept), _digest(rows), classes, framing) | {'skipped': len(skipped)}
    return ImageSet(
        len(kept),
        framing.size,
        channels,
        classes,
        numbers,
        opened.split,
        manifest,
        skipped,
        pixels is not None,
        read,
        first_only=first_only,
    )


def _drawn(framing: Framing, split: str | None, labels: bool) -> ImageSet:
    split = choose_split(split, _STARTS, DRAWN)
    start = _STARTS.get(split, 0)
    numbers, classes = (shape_labels(np.arange(EPOCH)), tuple(SHAPES)) if labels else (None, ())
    digest = hashlib.sha256(f'{DRAWN} {start}'.encode()).hexdigest()
    manifest = _manifest(DRAWN, split, EPOCH, digest, classes, framing) | {'skipped': 0}
    read = from_shapes(framing, start)
    return ImageSet(
        EPOCH, framing.size, framing.channels, classes, numbers, split, manifest, (), False, read, _fresh=True
    )


def _bytes_allowed(budget: str | float) -> float:
    return parse_memory(budget) * (_MEMORY_SHARE if budget == AUTO else 1)


def _digest(rows: list[tuple[str, bytes, int]]) -> str:
    hasher = hashlib.sha256()
    for name, digest, label in sorted(rows):
        hasher.update(
            f'{name}\0{digest.hex()}\0{label}\n'.encode('utf-8', 'surrogateescape')
        )  # a file name may be no valid text
    return hasher.hexdigest()


def _manifest(
    source: str | os.PathLike[str], split: str, count: int, digest: str, classes: Sequence[str], framing: Framing
) -> dict[str, Any]:
    return {
        'source': os.fspath(source),
        'split': split,
        'count': count,
        'sha256': digest,
        'classes': list(classes),
        'size': list(framing.size),
        'channels': framing.channels,
        'resize': framing.rule,
    }
