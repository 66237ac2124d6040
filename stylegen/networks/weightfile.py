"""Loads a Keras weights file of any format into a model. Importing this imports Keras."""

import io
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from stylegen.networks.graph import snake_case
from stylegen.utils.backend import keras
from stylegen.utils.errors import UserError
from stylegen.utils.zips import unpack

# (the layer's name in the file, its arrays on the disk)
Entry = tuple[str, list[h5py.Dataset]]


def load_weights(model: keras.Model, path: str | Path, network: str) -> None:
    """Loads a file into a model. A classifier in the file that the model lacks is ignored.

    The content decides the format, not the name: HDF5 of Keras 1 and 2 (weights or a whole model), `.weights.h5` of
    Keras 3, and `.keras`. Layers are matched by name if the file has all names, otherwise by order, as Keras does.

    Args:
        model: A functional model. The file must have all its layers with the same shapes.
        path: The file.
        network: The name of the network, for errors.

    Raises:
        UserError: The file is no weights file, damaged, or of another network. The error names the first layer that
            differs.
    """
    try:
        with _opened(path) as file:
            pairs, spare = _pairs(model, file)
            for layer, (_, arrays) in _checked_pairs(pairs, spare, path, network):
                for variable, array in zip(_variables(layer), arrays, strict=True):
                    variable.assign(np.asarray(array))
                if hasattr(layer, 'finalize_state'):
                    layer.finalize_state()
    except UserError:
        raise
    except (
        OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError, zipfile.BadZipFile, zlib.error
    ) as error:  # fmt: skip
        reason = ' '.join(str(error).split()) or type(error).__name__
        raise UserError(
            f'{path}: not a weights file of Keras (.h5, .weights.h5, .keras), or damaged: {reason}'
        ) from error


def is_keras_file(path: str | Path) -> bool:
    """Returns whether the first bytes of a file are those of HDF5 or zip, the formats that Keras writes."""
    return zipfile.is_zipfile(path) or h5py.is_hdf5(path)


def _opened(path: str | Path) -> h5py.File:
    if not zipfile.is_zipfile(path):
        return h5py.File(path, 'r')
    with zipfile.ZipFile(path) as archive:
        return h5py.File(io.BytesIO(unpack(archive, 'model.weights.h5', str(path))), 'r')


def _pairs(model: keras.Model, file: h5py.File) -> tuple[list[tuple[keras.Layer, Entry | None]], list[Entry]]:
    """Returns each layer that has weights with its entry, and the entries that remain."""
    group = file.get('model_weights', file)
    if 'layer_names' in group.attrs or 'layer_names0' in group.attrs:
        layers = [layer for layer in model.layers if layer.weights]
        entries = [(name, arrays) for name, arrays in _keras2_entries(group) if arrays]
        taken: list[Entry | None] = [*entries[: len(layers)], *[None] * (len(layers) - len(entries))]
        spare = entries[len(layers) :]
        named = dict(entries)
        if all(layer.name in named or _in_classifier(layer) for layer in layers):
            own = [(layer.name, named.pop(layer.name)) if layer.name in named else None for layer in layers]
            others = iter(named.items())  # some files name the classifier differently
            taken, spare = [entry or next(others, None) for entry in own], list(others)
        return list(zip(layers, taken, strict=True)), spare
    by_key = dict(_keras3_entries(file))
    if not by_key:
        raise KeyError('there are no layers in it')
    pairs: list[tuple[keras.Layer, Entry | None]] = []
    for key, layer in _keras3_keys(model):
        arrays = by_key.pop(key, None)
        pairs.append((layer, None if arrays is None else (key, arrays)))
    return pairs, list(by_key.items())


def _checked_pairs(
    pairs: list[tuple[keras.Layer, Entry | None]], spare: list[Entry], path: str | Path, network: str
) -> list[tuple[keras.Layer, Entry]]:
    """Returns the pairs if all of them match and no relevant entry remains.

    Raises:
        UserError: A layer differs.
    """
    complaint, whole = f'{path}: not the weights of {network}', []
    for layer, entry in pairs:
        expected = [tuple(variable.shape) for variable in _variables(layer)]
        if entry is None and _in_classifier(layer):
            raise UserError(
                f'{path}: it has no classifier (layer {layer.name}), which the layer classes of {network} '
                'needs; take the file with the top'
            )
        if entry is None:
            raise UserError(f'{complaint}: layer {layer.name} takes {_text(expected)}, the file has no such layer')
        found = [array.shape for array in entry[1]]
        if found != expected:
            called = '' if entry[0] == layer.name else f' in its {entry[0]}'
            raise UserError(
                f'{complaint}: layer {layer.name} takes {_text(expected)}, the file has {_text(found)}{called}'
            )
        whole.append((layer, entry))
    for name, arrays in spare:
        if any(len(array.shape) > 2 for array in arrays):  # a classifier has only matrices and vectors
            raise UserError(f'{complaint}: the file has one more layer, {name} of {_text([a.shape for a in arrays])}')
    return whole


def _in_classifier(layer: keras.Layer) -> bool:
    """Returns whether a layer outputs vectors and not maps."""
    return len(layer.output.shape) == 2


def _text(shapes: list[tuple]) -> str:
    return ' and '.join('x'.join(map(str, shape)) or 'a scalar' for shape in shapes) or 'nothing'


def _variables(layer: keras.Layer) -> list:
    return layer.trainable_weights + layer.non_trainable_weights


def _keras2_entries(group: h5py.Group) -> Iterator[Entry]:
    for name in _names(group, 'layer_names'):
        yield name, [group[name][weight] for weight in _names(group[name], 'weight_names')]


def _names(group: h5py.Group, attribute: str) -> list[str]:
    """Returns a list of names. A long one is split into `attribute`0, `attribute`1, ..."""
    if attribute in group.attrs:
        values = list(group.attrs[attribute])
    else:
        parts = [key for key in group.attrs if key.startswith(attribute)]
        parts.sort(key=lambda key: int(key.removeprefix(attribute)))
        values = [value for key in parts for value in group.attrs[key]]
    return [value.decode() if isinstance(value, bytes) else value for value in values]


def _keras3_entries(group: h5py.Group, path: str = '') -> Iterator[Entry]:
    """Yields the layers. The file stores them as layers/<class>_<number>; nested models are inside of theirs."""
    for name, child in group.get('layers', {}).items():
        variables = child.get('vars', {})
        if variables:
            yield f'{path}{name}', [variables[key] for key in sorted(variables, key=int)]
        yield from _keras3_entries(child, f'{path}{name}/')


def _keras3_keys(model: keras.Model, path: str = '') -> Iterator[tuple[str, keras.Layer]]:
    counts: dict[str, int] = {}
    for layer in model.layers:
        kind = snake_case(type(layer).__name__)
        number = counts[kind] = counts.get(kind, -1) + 1
        key = f'{path}{kind}_{number}' if number else f'{path}{kind}'
        if isinstance(layer, keras.Model):
            yield from _keras3_keys(layer, f'{key}/')
        elif layer.weights:
            yield key, layer
