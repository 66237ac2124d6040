"""The library of tiles of a mosaic: reads pictures from a folder or archive, or cuts tiles out of pictures."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from stylegen.datasets.framing import Framing
from stylegen.datasets.readers import in_parallel, reason
from stylegen.datasets.sources import ALL
from stylegen.datasets.tables import open_source
from stylegen.images.conversion import as_picture
from stylegen.images.pixels import from_uint8, resize, to_uint8
from stylegen.utils.errors import UserError

HELD = 256 << 20  # bytes of small pictures that are kept; of more tiles those that are used are read again
CUT = 1500  # tiles that are cut where there is no library
_LARGEST_CUT = 0.3  # side of a cut tile, as a share of the shorter side of its picture
_FLAT = 0.01  # standard deviation under which a cut is left out


@dataclass
class Tiles:
    """Tiles of one size, and what they are compared by.

    Attributes:
        names: The name of each tile.
        features: float32 (tiles, detail * detail * 3 + 1): the means of parts of each tile, RGB in [0, 1], and last the
            standard deviation within the parts.
        skipped: (name, reason) of the pictures that could not be read.
        load: Returns the pixels of a tile by its number, uint8 (size, size, 3).
        size, detail: As for `open_tiles`.
    """

    names: Sequence[str]
    features: np.ndarray
    skipped: tuple[tuple[str, str], ...]
    load: Callable[[int], np.ndarray]
    size: int
    detail: int


def part_features(pixels: np.ndarray, grid: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the means of parts of a picture, and how rough the parts are.

    Args:
        pixels: float32 (h, w, 3) in [0, 1].
        grid: (rows, columns) of parts, at most (h, w).

    Returns:
        The means, float32 (rows, columns, 3), and the variances within the parts (of the channels, averaged), float32
        (rows, columns).
    """
    edges = [np.linspace(0, side, count + 1).astype(int) for side, count in zip(pixels.shape, grid, strict=False)]
    counts = np.diff(edges[0])[:, None] * np.diff(edges[1])

    def means(values: np.ndarray) -> np.ndarray:
        return np.add.reduceat(np.add.reduceat(values, edges[0][:-1], 0), edges[1][:-1], 1) / counts[..., None]

    found = means(np.concatenate([pixels, np.square(pixels)], -1)).astype(np.float32)
    return found[..., :3], np.maximum(found[..., 3:] - np.square(found[..., :3]), 0).mean(-1)


def tile_features(pixels: np.ndarray, detail: int) -> np.ndarray:
    """Returns what a tile, uint8 (size, size, 3), is compared by: detail * detail colours, and its roughness."""
    means, variances = part_features(from_uint8(pixels), (detail, detail))
    return np.append(means.ravel(), np.sqrt(variances.mean()))


def open_tiles(
    source: str | os.PathLike[str],
    size: int,
    detail: int,
    progress: Callable[[int, int], None] | None = None,
    held: int = HELD,
) -> Tiles:
    """Opens a library of tiles. Every picture is decoded once, cut to a square and made small.

    Args:
        source: A folder, .zip, .tar or .npz of pictures, see `stylegen.datasets.open_images`.
        size: Side of a tile in pixels.
        detail: See `MosaicSettings`; at most `size`.
        progress: Called with the number of pictures read and the number of all.
        held: The most bytes of pixels that are kept. Of a larger library only the features are, and `load` reads.

    Raises:
        UserError: There is no such source, or none of its pictures can be read.
    """
    opened, framing = open_source(source, ALL), Framing((size, size), 3)
    count = len(opened.names)
    features = np.zeros((count, detail * detail * 3 + 1), np.float32)
    kept = np.zeros((count, size, size, 3), np.uint8) if count * size * size * 3 <= held else None
    failed: dict[int, str] = {}

    def read(index: int) -> None:
        try:
            pixels = framing(opened.load(index, framing.least)[0])
        except UserError as error:
            failed[index] = reason(error, opened.names[index])
            return
        features[index] = tile_features(pixels, detail)
        if kept is not None:
            kept[index] = pixels

    in_parallel(read, count, progress)
    good = np.array([index for index in range(count) if index not in failed], np.int64)
    skipped = tuple((opened.names[index], failed[index]) for index in sorted(failed))
    if not len(good):
        name, why = skipped[0]
        raise UserError(f'none of the {count} pictures of {source} can be read; the first, {name!r}, {why}')

    def load(number: int) -> np.ndarray:
        return kept[good[number]] if kept is not None else framing(opened.load(int(good[number]), framing.least)[0])

    return Tiles([opened.names[index] for index in good], features[good], skipped, load, size, detail)


def cut_tiles(pictures: dict[str, np.ndarray], size: int, detail: int, seed: int, count: int | None = None) -> Tiles:
    """Cuts tiles out of pictures, at random places and sizes, half of them mirrored.

    Args:
        pictures: float32 (H, W, 3) by name.
        size, detail: As for `open_tiles`.
        seed: The seed of the places and sizes.
        count: The number of tiles; by default `CUT`.
    """
    count = CUT if count is None else count
    rng = np.random.default_rng(seed)
    names: list[str] = []
    pixels = np.empty((count, size, size, 3), np.uint8)
    given = [(name, as_picture(picture)) for name, picture in pictures.items()]
    tries = 0
    while len(names) < count:
        name, picture = given[rng.integers(len(given))]
        short = min(picture.shape[:2])
        least = min(size, short)
        side = round(float(np.exp(rng.uniform(np.log(least), np.log(max(least, _LARGEST_CUT * short))))))
        top, left = (int(rng.integers(length - side + 1)) for length in picture.shape[:2])
        cut = picture[top : top + side, left : left + side, :]
        tries += 1
        if cut.std() < _FLAT and tries < 20 * count:
            continue
        cut = resize(cut[:, ::-1] if rng.random() < 0.5 else cut, (size, size)).clip(0, 1)
        pixels[len(names)] = to_uint8(cut)
        names.append(f'{name}[{top}:{top + side},{left}:{left + side}]')
    features = np.stack([tile_features(one, detail) for one in pixels])
    return Tiles(names, features, (), lambda number: pixels[number], size, detail)
