"""Weights files of the embedded networks: an `.npz` of float16 arrays, with its SHA-256 beside it."""

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


def weight_arrays(model: 'keras.Model') -> dict[str, np.ndarray]:
    """Returns the weights of a model by '<layer>/<weight>', such as 'block1_conv1/kernel'."""
    return {f'{layer.name}/{weight.name}': weight.value.numpy() for layer in model.layers for weight in layer.weights}


def save_network(path: str | Path, arrays: Mapping[str, np.ndarray], others: Mapping[str, np.ndarray]) -> str:
    """Writes a weights file, and its digest beside it. Equal arrays give equal bytes.

    Args:
        path: The `.npz`; the digest goes to the same name with `.sha256`.
        arrays: '<layer>/kernel' and '<layer>/bias' of every layer with weights; stored as float16.
        others: Other arrays of the file, stored unchanged.

    Returns:
        The SHA-256 of the file, 64 hexadecimal digits.

    Raises:
        ValueError: An array has values that float16 cannot store (NaN, infinity, beyond 65504).
    """
    return save_arrays(path, as_float16(dict(sorted(arrays.items()))) | dict(others))


def as_float16(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns arrays in half the space of float32.

    Raises:
        ValueError: An array has values that float16 cannot store (NaN, infinity, beyond 65504).
    """
    halves = {}
    for name, array in arrays.items():
        with np.errstate(over='ignore'):
            halves[name] = np.ascontiguousarray(array, np.float16)
        if not np.isfinite(halves[name]).all():
            raise ValueError(f'{name} does not fit float16: its values must be finite and within 65504')
    return halves


def load_network(model: 'keras.Model', path: str | Path, name: str) -> None:
    """Loads a file of `save_network` into a model.

    Args:
        model: Its layers are named as in the file.
        path: The `.npz`.
        name: The name of the network, for errors.

    Raises:
        UserError: The file cannot be read, or a layer is missing or of another shape.
    """
    arrays = read_network(path, name)
    for layer in (layer for layer in model.layers if layer.weights):
        names = [f'{layer.name}/{weight.name}' for weight in layer.weights]
        expected = [tuple(weight.shape) for weight in layer.weights]
        shapes = [arrays[each].shape if each in arrays else None for each in names]
        if layer.name == 'predictions' and shapes == [None, None]:
            raise UserError(f'{path}: it has no classifier (predictions), which the layer classes of {name} needs')
        if shapes != expected:
            raise UserError(f'{path}: not the weights of {name}: {layer.name} takes {expected}, the file has {shapes}')
        layer.set_weights([arrays[each].astype(np.float32) for each in names])


def read_network(path: str | Path, name: str) -> dict[str, np.ndarray]:
    """Returns the arrays of a file of `save_network`.

    Raises:
        UserError: The file cannot be read. The error names the network.
    """
    try:
        with open_arrays(path) as archive:
            return dict(archive)
    except TooLarge:
        raise
    except (OSError, ValueError, EOFError, AttributeError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f'{path}: not a weights file of {name} (.npz), or damaged') from error
