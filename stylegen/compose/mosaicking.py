"""Mosaics: pictures made of pictures. T is sparse: each block of the target (a row) takes one tile (a column)."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stylegen.compose.assigning import Assignment, assign, comparable
from stylegen.compose.fitting import named
from stylegen.compose.settings import MosaicSettings
from stylegen.compose.tiles import Tiles, cut_tiles, open_tiles, part_features
from stylegen.images.conversion import PictureLike, as_picture
from stylegen.images.decoding import MAX_PIXELS
from stylegen.images.pixels import from_uint8, resize
from stylegen.utils.errors import UserError
from stylegen.utils.npz import write_state
from stylegen.utils.settings import takes


@dataclass(frozen=True)
class Mosaic:
    """A mosaic.

    Attributes:
        image: float32 (rows * tile_size, columns * tile_size, 3) in [0, 1].
        assignment: Which tile each block has.
        names: The names of the tiles.
        offsets: float32 (rows, columns, 3): the colour that was added to each tile; see `MosaicSettings.tint`.
        skipped: (name, reason) of the pictures that could not be read.
    """

    image: np.ndarray
    assignment: Assignment
    names: tuple[str, ...]
    offsets: np.ndarray
    skipped: tuple[tuple[str, str], ...]

    def save_matrix(self, path: str | os.PathLike[str], about: Mapping[str, Any], overwrite: bool = True) -> Path:
        """Writes the sparse T as an .npz: `row`, `column` and `value` of each entry that is not 0, and the names.

        A row is a block, 'row,column'; a column is a tile. `offset` holds the colours that were added.
        """
        grid = self.assignment.tiles
        known = {
            'format': 'stylegen.compose mosaic',
            'rows': [f'{row},{column}' for row, column in np.ndindex(*grid.shape)],
            'columns': list(self.names),
            'about': dict(about),
        }
        arrays = {
            'row': np.arange(grid.size),
            'column': grid.ravel(),
            'value': np.ones(grid.size, np.float32),
            'offset': self.offsets.reshape(-1, 3),
        }
        write_state(path, known, arrays, compressed=True, overwrite=overwrite)
        return Path(path)


@takes(MosaicSettings)
def mosaic(
    picture: PictureLike,
    tiles: str | os.PathLike[str] | Tiles | Mapping[str, PictureLike] | list[PictureLike],
    *,
    progress: Callable[[int, int], None] | None = None,
    settings: MosaicSettings,
) -> Mosaic:
    """Makes a picture of tiles.

    Args:
        picture: What is to be seen from afar.
        tiles: A folder, .zip, .tar or .npz of pictures; or several pictures, or {name: picture}, out of which tiles are
            cut; or `Tiles`, whose size counts.
        progress: Called with the number of pictures read and the number of all.
        {settings}

    Returns:
        The mosaic. It has as many rows of blocks as fit the aspect of the picture.

    Raises:
        UserError: The tiles cannot be read or are too few, or the mosaic would be above `images.MAX_PIXELS`.

    Example:
        images.save_image('mosaic.jpg', mosaic('photo.jpg', 'holiday.zip', columns=80).image)
    """
    target = as_picture(picture)
    grid = grid_of(target.shape, settings)
    detail = min(settings.detail, settings.tile_size)
    if isinstance(tiles, (Mapping, list, tuple)):
        pictures = {name: as_picture(one, f'picture {name}') for name, one in named(tiles, 'picture').items()}
        library = cut_tiles(pictures, settings.tile_size, detail, settings.seed)
    else:
        library = tiles if isinstance(tiles, Tiles) else open_tiles(tiles, settings.tile_size, detail, progress)
    blocks = block_features(target, grid, library.detail)
    found = assign(comparable(blocks), comparable(library.features), grid, settings.most, settings.apart, settings.seed)
    means = blocks[:, :-1].reshape(*grid, -1, 3).mean(2)
    own = library.features[:, :-1].reshape(len(library.names), -1, 3).mean(1)[found.tiles]
    offsets = (settings.tint * (means - own)).astype(np.float32)
    image = laid(found.tiles, offsets, library)
    return Mosaic(image, found, tuple(library.names), offsets, library.skipped)


def grid_of(shape: tuple[int, ...], settings: MosaicSettings) -> tuple[int, int]:
    """Returns the rows and columns of blocks for a picture (H, W, ...).

    Raises:
        UserError: The mosaic would be too large.
    """
    rows = max(1, round(settings.columns * shape[0] / shape[1]))
    if rows * settings.columns * settings.tile_size**2 > MAX_PIXELS:
        raise UserError(
            f'{settings.columns} x {rows} tiles of {settings.tile_size} pixels are above {MAX_PIXELS // 10**6} million '
            'pixels; give less --columns or --tile_size'
        )
    return rows, settings.columns


def block_features(target: np.ndarray, grid: tuple[int, int], detail: int) -> np.ndarray:
    """Returns the features of each block, as `tiles.tile_features` those of a tile, float32 (blocks, F)."""
    parts = grid[0] * detail, grid[1] * detail
    if target.shape[0] < parts[0] or target.shape[1] < parts[1]:
        means, variances = resize(target, parts).clip(0, 1), np.zeros(parts, np.float32)
    else:
        means, variances = part_features(target, parts)
    colours = means.reshape(grid[0], detail, grid[1], detail, 3).swapaxes(1, 2).reshape(grid[0] * grid[1], -1)
    rough = np.sqrt(variances.reshape(grid[0], detail, grid[1], detail).mean((1, 3))).reshape(-1, 1)
    return np.concatenate([colours, rough], 1).astype(np.float32)


def laid(chosen: np.ndarray, offsets: np.ndarray, tiles: Tiles) -> np.ndarray:
    """Lays the tiles with their offsets. Each tile that is used is loaded once."""
    (rows, columns), size = chosen.shape, tiles.size
    image = np.empty((rows, size, columns, size, 3), np.float32)
    flat = chosen.ravel()
    order = np.argsort(flat, kind='stable')
    for places in np.split(order, np.flatnonzero(np.diff(flat[order])) + 1):
        pixels = from_uint8(tiles.load(int(flat[places[0]])))
        for row, column in zip(*np.divmod(places, columns), strict=True):
            np.clip(pixels + offsets[row, column], 0, 1, out=image[row, :, column])
    return image.reshape(rows * size, columns * size, 3)
