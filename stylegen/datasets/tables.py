"""Sets of pictures in one array: an .npz file, or a set that Keras downloads."""

import os
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from stylegen.datasets.sources import ALL, DRAWN, SPLITS, Array, Files, choose_split, open_files
from stylegen.images.pixels import to_uint8
from stylegen.images.ranges import IN_FILES, UNIT, range_of, scaled
from stylegen.networks.pretrained import keras_folder, offline_mode
from stylegen.utils.download import TIMEOUT
from stylegen.utils.errors import UserError
from stylegen.utils.files import quoted, reading
from stylegen.utils.notes import Note, note
from stylegen.utils.npz import open_arrays
from stylegen.utils.process_settings import ProcessSetting
from stylegen.utils.streams import SafeStream

_SOCKETS = ProcessSetting(socket.getdefaulttimeout, socket.setdefaulttimeout)
_STDOUT = ProcessSetting(lambda: sys.stdout, lambda stream: setattr(sys, 'stdout', stream))
_IMAGES = 'images'
_LABELS = 'labels'
_CHANNELS = (1, 3, 4)

_CIFAR10 = 'airplane automobile bird cat deer dog frog horse ship truck'
_CIFAR100 = (
    'apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle '
    'caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant '
    'flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man '
    'maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree '
    'plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper '
    'snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor train '
    'trout tulip turtle wardrobe whale willow_tree wolf woman worm'
)
_FASHION = 't-shirt trouser pullover dress coat sandal shirt sneaker bag ankle_boot'
NAMED: dict[str, tuple[str, tuple[str, ...]]] = {  # classes, and names in Keras's cache (they depend on its version)
    'cifar10': (_CIFAR10, ('cifar-10-batches-py', 'cifar-10-batches-py-target')),
    'cifar100': (_CIFAR100, ('cifar-100-python', 'cifar-100-python-target')),
    'mnist': ('0 1 2 3 4 5 6 7 8 9', ('mnist.npz',)),
    'fashion_mnist': (_FASHION, ('fashion-mnist',)),
}


class NotDownloaded(UserError):
    """The set is not on this machine and could not be downloaded."""


def open_source(source: str | os.PathLike[str], split: str | None = None) -> Files | Array:
    """Opens a set by its name in NAMED, or by the path of an .npz file, a folder or an archive.

    Raises:
        NotDownloaded: See `open_named`.
        UserError: The source or part does not exist, or it has no pictures.
    """
    if source in NAMED:
        return open_named(str(source), split)
    path = Path(source).expanduser()
    try:
        return open_npz(path, split) if path.suffix.lower() == '.npz' and not path.is_dir() else open_files(path, split)
    except UserError as error:
        if path.exists() or len(path.parts) > 1 or path.suffix:
            raise
        names = ', '.join([*NAMED, DRAWN])
        raise UserError(f'{quoted(source)} is neither the name of a set ({names}) nor a folder or file here') from error


def open_named(name: str, split: str | None = None) -> Array:
    """Opens a set of NAMED from Keras's cache (`$KERAS_HOME/datasets`, `~/.keras/datasets`), or downloads it there.

    Raises:
        NotDownloaded: It is not there, and there is no internet or STYLEGEN_OFFLINE is set.
        UserError: The part does not exist.
    """
    classes, kept = NAMED[name]
    split = choose_split(split, ('train', 'test'), name)
    cache = keras_folder() / 'datasets'
    if offline_mode() and not any((cache / place).exists() for place in kept):
        raise _unfetched(name, cache, 'STYLEGEN_OFFLINE is set, so it was not fetched')
    from stylegen.utils.backend import keras
    from stylegen.utils.keras_defaults import keras_defaults

    try:
        with keras_defaults(), _SOCKETS.at(TIMEOUT), _STDOUT.at(SafeStream(sys.stderr)):
            train, test = getattr(keras.datasets, name).load_data()
    except Exception as error:  # errors of urllib, tarfile and NumPy
        raise _unfetched(name, cache, ' '.join(str(error).split())[:200]) from error
    chosen = {'train': [train], 'test': [test], ALL: [train, test]}[split]
    pixels = _joined([images for images, _ in chosen])
    labels = _joined([np.ravel(labels) for _, labels in chosen]).astype(np.int32)
    return _array(pixels, labels, tuple(classes.split()), split, name)


def _unfetched(name: str, cache: Path, reason: str) -> NotDownloaded:
    return NotDownloaded(
        f'{name} is not in {cache} ({reason}); give a folder, .zip, .tar or .npz of pictures, or the set that is '
        f'drawn here: {DRAWN!r}'
    )


def open_npz(path: Path, split: str | None = None) -> Array:
    """Opens the pictures of an .npz file.

    They are the array `images` (or `x_train` and `x_test`, which are parts), or else the first array that can be
    pictures: (count, height, width, channels) or (count, channels, height, width) with 1, 3 or 4 channels, or otherwise
    (count, height, width); of uint8, or of numbers in a range that `images.ranges` knows. Classes are the numbers or
    texts in `labels` (or `y_train` and `y_test`), named by `classes` if it exists.

    Raises:
        MissingSplit: The part does not exist.
        UserError: The file cannot be read, has no such array, parts of different sizes, or labels of another length.
    """
    with reading(path) as file:
        try:
            with open_arrays(file) as stored:  # reads an array at access
                return _taken(stored, path, split)
        except (UserError, MemoryError, Note):
            raise
        except Exception as error:  # errors of zipfile and NumPy
            raise UserError(f'{quoted(path)} is no .npz file of plain arrays, or damaged ({error})') from None


def _taken(stored: Mapping[str, np.ndarray], path: Path, split: str | None) -> Array:
    parts = {part: (f'x_{part}', f'y_{part}') for part in SPLITS if f'x_{part}' in stored}
    split = choose_split(split, parts, quoted(path))
    if parts:
        keys = list(parts.values()) if split == ALL else [parts[split]]
        given = [(images, stored[images]) for images, _ in keys]
    else:
        given, keys = [_pictures(stored, path)], [(_IMAGES, _LABELS)]
    arrays = [_bytes(array, f'{quoted(path)}: {name}') for name, array in given]
    if len(shapes := {array.shape[1:] for array in arrays}) > 1:
        sizes = ' and '.join('x'.join(map(str, shape)) for shape in sorted(shapes))
        raise UserError(
            f'{quoted(path)} has pictures of {sizes} in its parts; take one part, or bring them to one size'
        )
    pixels = _joined(arrays)
    labels: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    if all(key in stored for _, key in keys):
        names = stored.get('classes')
        labels, classes = _classes(_joined([np.ravel(stored[key]) for _, key in keys]), names)
        if len(labels) != len(pixels):
            raise UserError(f'{quoted(path)} has {len(pixels)} pictures, but {len(labels)} labels; correct the file')
    return _array(pixels, labels, classes, split, quoted(path))


def _pictures(stored: Mapping[str, np.ndarray], path: Path) -> tuple[str, np.ndarray]:
    """Returns the array of the pictures, and its name."""
    if _IMAGES in stored:
        return _IMAGES, stored[_IMAGES]
    there, grey = [], None
    for name in stored:
        array = stored[name]
        if array.dtype.kind in 'uf':
            if array.ndim == 4 and {array.shape[1], array.shape[3]} & set(_CHANNELS):
                return name, array
            if array.ndim == 3 and grey is None:
                grey = name, array
        there.append(f'{name} {array.shape} {array.dtype}')
    if grey is None:
        raise UserError(
            f'{quoted(path)} has no pictures; expected an array {_IMAGES!r} (count, height, width, channels) of uint8 '
            f'or floats, found {", ".join(there) or "nothing"}'
        )
    return grey


def _joined(arrays: Sequence[np.ndarray]) -> np.ndarray:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _bytes(array: np.ndarray, name: str) -> np.ndarray:
    """Converts an array to uint8 (count, height, width, channels), see `open_npz`."""
    array = array[..., None] if array.ndim == 3 else array
    if array.ndim == 4 and array.shape[3] not in _CHANNELS and array.shape[1] in _CHANNELS:
        array = array.transpose(0, 2, 3, 1)
    if array.ndim != 4 or array.shape[3] not in _CHANNELS or 0 in array.shape:
        raise UserError(f'{name} has the shape {array.shape}; expected (count, height, width, 1, 3 or 4 channels)')
    if array.dtype == np.uint8:
        return array
    of = range_of(array, name, IN_FILES)
    if of != UNIT and array.dtype.kind == 'f':
        note(f'{name}: its values are read as {of}')
    return to_uint8(scaled(array, of))


def _classes(values: np.ndarray, names: np.ndarray | None) -> tuple[np.ndarray, tuple[str, ...]]:
    """Returns labels from 0, and the names of the classes."""
    if values.dtype.kind in 'iu' and values.size and values.min() >= 0:
        count = int(values.max()) + 1
        if names is not None and len(names) >= count:
            return values.astype(np.int32), tuple(str(name) for name in names)
        if count <= values.size:
            return values.astype(np.int32), tuple(str(number) for number in range(count))
    there, labels = np.unique(values, return_inverse=True)
    return labels.astype(np.int32), tuple(str(value) for value in there)


def _array(pixels: np.ndarray, labels: np.ndarray | None, classes: tuple[str, ...], split: str, name: str) -> Array:
    pixels = pixels[..., None] if pixels.ndim == 3 else pixels
    if not len(pixels):
        raise UserError(f'there are no pictures in {name}')
    return Array([f'{index:08d}' for index in range(len(pixels))], labels, classes, split, pixels)
