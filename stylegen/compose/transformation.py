"""The matrix T with the names of its rows and columns, and its file: JSON, or NPZ."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from stylegen.compose.recipe import Recipe
from stylegen.compose.settings import BASES, read_radii
from stylegen.utils.errors import UserError
from stylegen.utils.files import as_json, atomic_write, check_target, quoted, reading
from stylegen.utils.npz import read_state, write_state

FORMAT = 'stylegen.compose T'
SUFFIXES = ('.json', '.npz')
LARGEST = 64 << 20  # bytes of a file
_MOST_NAMES = 100_000


@dataclass(frozen=True)
class Transformation:
    """I_new = T X: a matrix, and what the rows of X are.

    Attributes:
        matrix: T, float64 (rows, columns).
        recipe: Makes X; names rows and columns.
        about: How T was found: settings, rank, error, hashes of inputs; JSON.

    Raises:
        UserError: The matrix has another shape than the names say, or values that are not finite.
    """

    matrix: np.ndarray
    recipe: Recipe
    about: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        wanted = len(self.rows), len(self.columns)
        if self.matrix.shape != wanted:
            raise UserError(
                f'T is of shape {self.matrix.shape}, but its names are of {wanted[0]} rows and {wanted[1]} columns'
            )
        if not np.isfinite(self.matrix).all():
            raise UserError('T has values that are not finite (NaN or infinite)')

    @property
    def rows(self) -> tuple[str, ...]:
        """The names of the rows: channels of the result."""
        return self.recipe.rows

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns: elements."""
        return self.recipe.columns

    def named(self) -> dict[str, dict[str, float]]:
        """T as {row: {column: value}}."""
        return {
            row: dict(zip(self.columns, values, strict=True))
            for row, values in zip(self.rows, self.matrix.tolist(), strict=True)
        }

    def save(self, path: str | os.PathLike[str], overwrite: bool = True) -> Path:
        """Writes the matrix, its names and how it was found, as JSON or NPZ by the suffix. Returns the path.

        Raises:
            UserError: The suffix is another, or the file cannot be written.
        """
        check_target(path, SUFFIXES)
        recipe = self.recipe
        known = {
            'format': FORMAT,
            'rows': list(self.rows),
            'columns': list(self.columns),
            'elements': {
                'pictures': list(recipe.pictures), 'basis': recipe.basis, 'reach': recipe.reach,
                'blur': list(recipe.blur), 'masks': list(recipe.masks),
            },
            'about': as_json(self.about),
        }  # fmt: skip
        if Path(path).suffix.lower() == '.npz':
            write_state(path, known, {'matrix': self.matrix}, overwrite=overwrite)
        else:
            text = json.dumps(known | {'matrix': self.matrix.tolist()}, indent=1)
            with atomic_write(path, overwrite) as beside:
                beside.write_text(text + '\n', encoding='utf-8')
        return Path(path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Transformation:
        """Reads what `save` wrote.

        Raises:
            UserError: The file cannot be read, is none of ours, or does not agree with itself.
        """
        path = Path(path).expanduser()
        with reading(path) as file:
            if os.fstat(file.fileno()).st_size > LARGEST:
                raise UserError(f'{quoted(path)} is larger than {LARGEST >> 20} MB; a T is small')
        try:
            if path.suffix.lower() == '.npz':
                known, arrays = read_state(path)
                matrix = arrays['matrix']
            else:
                known = json.loads(path.read_text(encoding='utf-8'))
                matrix = np.array(known['matrix'])
            if known['format'] != FORMAT or matrix.dtype.kind not in 'iuf' or matrix.ndim != 2:
                raise ValueError('it has another format')
            recipe = _read_recipe(known['elements'])
            found = cls(matrix.astype(np.float64), recipe, dict(known.get('about', {})))
            if (list(found.rows), list(found.columns)) != (known['rows'], known['columns']):
                raise ValueError('its names are not those of its elements')
        except (UserError, MemoryError) as error:
            raise UserError(f'{quoted(path)}: {str(error) or "it does not fit in memory"}') from None
        except Exception as error:  # errors of json, zipfile and NumPy, and of anything in the place of anything
            reason = ' '.join(str(error).split())[:120] or type(error).__name__
            raise UserError(
                f'{quoted(path)} is no T that `fit`, `grade` or `blend` wrote, or is damaged ({reason})'
            ) from None
        return found


def _read_recipe(stored: Mapping[str, Any]) -> Recipe:
    """Returns the recipe in a file, checked.

    Raises:
        ValueError, KeyError, TypeError: Something is missing or not what it should be.
    """
    pictures, masks = stored['pictures'], stored['masks']
    names = [*pictures, *masks]
    if not pictures or len(names) > _MOST_NAMES or not all(isinstance(name, str) for name in names):
        raise ValueError('its pictures have no names')
    reach = stored['reach']
    if stored['basis'] not in BASES or type(reach) is not int or not 0 <= reach <= 7:
        raise ValueError('its elements are not known')
    return Recipe(tuple(pictures), stored['basis'], reach, read_radii(stored['blur'], 'blur'), tuple(masks))
