"""Weights files of the networks that ship with the package: an `.npz` of float16 arrays, its SHA-256 beside it."""

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stylegen.utils.errors import UserError
from stylegen.utils.npz import open_arrays, save_arrays
from stylegen.utils.zips import TooLarge

if TYPE_CHECKING:
    import keras


def save_network(path: str | Path, arrays: Mapping[str, np.ndarray], others: Mapping[str, np.ndarray]) -> str:
    """Write a weights file and, beside it, its digest; the same arrays give the same bytes.

    Args:
        path: the `.npz`; the digest goes to the same name with `.sha256`.
        arrays: '<layer>/kernel' and '<layer>/bias' of every layer with weights; stored as float16.
        others: what else the file holds, as it is.

    Returns:
        The SHA-256 of the file, 64 hexadecimal digits.

    Raises:
        ValueError: an array holds what float16 cannot (NaN, infinity, beyond 65504).
    """
    halves = {}
    for name, array in sorted(arrays.items()):
        with np.errstate(over='ignore'):
            halves[name] = np.ascontiguousarray(array, np.float16)
        if not np.isfinite(halves[name]).all():
            raise ValueError(f'{name} does not fit float16: its values must be finite and within 65504')
    return save_arrays(path, halves | dict(others))


def load_network(model: 'keras.Model', path: str | Path, name: str) -> None:
    """Fill a model from a file of `save_network`.

    Args:
        model: its layers are named as in the file.
        path: the `.npz`.
        name: of the network, in errors.

    Raises:
        UserError: the file cannot be read, or a layer is missing or of another shape.
    """
    arrays = read_network(path, name)
    for layer in (layer for layer in model.layers if layer.weights):
        names = [f'{layer.name}/{weight.name}' for weight in layer.weights]
        expected = [tuple(weight.shape) for weight in layer.weights]
        shapes = [arrays[each].shape if each in arrays else None for each in names]
        if layer.name == 'predictions' and shapes == [None, None]:
            raise UserError(
                f'{path}: there is no classifier in it (predictions), which the layer classes of {name} needs'
            )
        if shapes != expected:
            raise UserError(f'{path}: not the weights of {name}: {layer.name} takes {expected}, the file has {shapes}')
        layer.set_weights([arrays[each].astype(np.float32) for each in names])


def read_network(path: str | Path, name: str) -> dict[str, np.ndarray]:
    """The arrays of a file of `save_network`.

    Raises:
        UserError: the file cannot be read; the network is named.
    """
    try:
        with open_arrays(path) as archive:
            return dict(archive)
    except TooLarge:
        raise
    except (OSError, ValueError, EOFError, AttributeError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f'{path}: not a weights file of {name} (.npz), or damaged') from error
