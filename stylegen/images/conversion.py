"""Converts pictures of any usual form to float32 (H, W, 3) in [0, 1]. The Python functions do this with their input.

A picture may be a path (`~` is expanded), a PIL picture, or an array, tensor or list of lists of numbers. Its shape is
(H, W, 3), grey (H, W) or (H, W, 1), or with alpha (H, W, 4) or (H, W, 2); a leading axis of length 1 is allowed. The
orientation and colour profile of files and PIL pictures are applied, as `images.load_image` does. Alpha is dropped, and
the colours under it stay, as in `load_image`. `stylegen.images.ranges` says how numbers are scaled.
"""

import numbers
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from stylegen.images import decoding
from stylegen.images.pixels import resize
from stylegen.images.ranges import range_of, scaled
from stylegen.utils.errors import UserError
from stylegen.utils.files import read_bytes
from stylegen.utils.notes import note

PictureLike = Any  # a path, a PIL picture, an array, a tensor, lists of lists of numbers
StylesLike = Any  # a picture, a list of pictures, [(picture, share), ...], {path: share}

_EXPECTED = 'expected a picture: a path, a PIL picture, or numbers of shape (height, width, 3)'
_ASPECT_TOLERANCE = 0.02  # by what part of a side the aspect of a mask may differ


def as_picture(image: PictureLike, name: str = 'picture') -> np.ndarray:
    """Converts one picture to contiguous float32 (H, W, 3) in [0, 1]. Such an array is returned unchanged.

    Args:
        image: Any form above.
        name: How an error calls it.

    Raises:
        UserError: It is no picture, or has another shape or range. The error says what was found and what to do.

    Example:
        pixels = as_picture('photo.jpg')
    """
    return _rgb(_numbers(image, name), f'the {name}')


def as_batch(images: PictureLike, name: str = 'picture') -> np.ndarray:
    """Converts pictures of one size to float32 (N, H, W, 3) in [0, 1].

    Args:
        images: (N, H, W, channels), or one picture in any form above.
        name: How an error calls them.

    Raises:
        UserError: As for `as_picture`.

    Example:
        as_batch('photo.jpg').shape  # (1, 48, 64, 3)
    """
    array = _numbers(images, name)
    if array.ndim == 4 and len(array) > 1:
        return np.stack([_rgb(array[i : i + 1], f'the {name}') for i in range(len(array))])
    return _rgb(array, f'the {name}')[None]


def as_mask(mask: PictureLike, name: str, shape: tuple[int, int]) -> np.ndarray:
    """Converts a mask to float32 (H, W) in [0, 1] of the size `shape`. Colours are averaged.

    Besides the forms above, booleans and whole numbers 0 and 1 of any type are allowed. A mask with the aspect of
    `shape` is resized to it.

    Raises:
        UserError: It is no mask, or has another aspect.

    Example:
        mask = as_mask('mask.png', 'mask', photo.shape[:2])
    """
    array = _numbers(mask, name)
    if array.dtype.kind in 'iu' and array.size and array.min() >= 0 and array.max() <= 1:
        array = array.astype(bool)
    array = _single_picture(array, f'the {name}')
    channels = {2: 1, 4: 3}.get(array.shape[2], array.shape[2])
    values = _in_unit_range(array, f'the {name}')[..., :channels]
    mask = values[..., 0] if channels == 1 else values.mean(-1)
    return np.ascontiguousarray(mask) if mask.shape == shape else fitted_mask(mask, name, shape)


def fitted_mask(mask: np.ndarray, name: str, shape: tuple[int, int]) -> np.ndarray:
    """Resizes a mask, float32 (h, w) in [0, 1], to `shape`. Values below 1/255 become 0.

    Raises:
        UserError: It has another aspect.
    """
    height, width = mask.shape
    off = abs(width * shape[0] - height * shape[1])  # 0 where the aspects are equal
    if off > max(_ASPECT_TOLERANCE * height * shape[1], max(width, height)):  # and by more than the rounding of a side
        raise UserError(f'the {name} is {width} x {height}, the picture {shape[1]} x {shape[0]}: of another shape')
    mask = resize(mask, shape).clip(0, 1)  # no change if it has that size
    return np.where(mask < 1 / 255, 0, mask).astype(np.float32)


def as_pictures(images: Any, name: str) -> list[np.ndarray]:
    """Converts several pictures, each of its own size: one alone, a list, or (N, H, W, 3)."""
    return [as_picture(image, name) for image in _as_list(images, name)]


def as_shares(styles: StylesLike, name: str = 'style') -> list[tuple[np.ndarray, float]]:
    """Converts pictures with shares: one picture, a list, [(picture, share), ...] or {path: share}.

    Returns:
        Pairs of a picture and its share; 1.0 if no share is given.

    Raises:
        UserError: The input has none of these forms.
    """
    if isinstance(styles, Mapping):
        pairs = list(styles.items())
    elif is_pair(styles):
        pairs = [tuple(styles)]
    else:
        pairs = [tuple(one) if is_pair(one) else (one, 1.0) for one in _as_list(styles, name)]
    for _, share in pairs:
        if not isinstance(share, numbers.Real):
            raise UserError(f'the share of a {name} is a number; got {share!r}')
    return [(as_picture(picture, name), share) for picture, share in pairs]


def _as_list(images: Any, name: str) -> list[Any]:
    """Returns the input as a list of single pictures or pairs."""
    if isinstance(images, (str, os.PathLike, Image.Image)) or _is_nested_list(images):
        return [images]
    if isinstance(images, (list, tuple)):
        return list(images)
    array = _array(images, name)
    return list(array) if array.ndim == 4 else [array]


def is_pair(value: Any) -> bool:
    """Returns whether the value is a picture with a share, (picture, 0.5)."""
    return isinstance(value, (list, tuple)) and len(value) == 2 and _is_number(value[1]) and not _is_number(value[0])


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _is_nested_list(value: Any) -> bool:
    """Returns whether the value is a list of lists of numbers."""
    depth = 0
    while isinstance(value, (list, tuple)) and len(value):
        value, depth = value[0], depth + 1
    return depth > 1 and isinstance(value, numbers.Real)


def _numbers(image: Any, name: str) -> np.ndarray:
    """Returns the numbers of a picture: float32 for a file or a PIL picture, unchanged for other forms."""
    if isinstance(image, (str, os.PathLike)):
        return decoding.decode_bytes(read_bytes(image), image).pixels
    if isinstance(image, Image.Image):
        upright = decoding.from_pillow(image, f'the {name}')
        for line in upright.notes:
            note(f'the {name}: {line}')
        return upright.pixels
    return _array(image, name)


def _array(value: Any, name: str) -> np.ndarray:
    try:
        array = np.asarray(value)
    except Exception as error:  # ragged lists, symbolic tensors, tensors on another device
        reason = ' '.join(str(error).split())[:200]
        raise UserError(f'the {name} cannot be read as numbers ({reason}); {_EXPECTED}') from None
    if array.dtype.name == 'bfloat16':
        return array.astype(np.float32)
    if array.dtype.kind in 'OSUV':
        raise UserError(f'the {name} is a {type(value).__name__}; {_EXPECTED}')
    return array


def _single_picture(array: np.ndarray, name: str) -> np.ndarray:
    """Returns one picture of any usual shape as (H, W, channels)."""
    if 0 in array.shape:
        raise UserError(f'{name} is empty: its shape is {array.shape}')
    if array.ndim == 4 and len(array) > 1:
        raise UserError(f'{name} is a batch of {len(array)} pictures, {array.shape}; give one of them')
    one = array[0] if array.ndim == 4 else array
    if one.ndim == 3 and one.shape[0] == 1 and one.shape[2] > 4:
        one = one[0]  # one grey picture in a batch
    if one.ndim == 2:
        one = one[..., None]
    if one.ndim == 3 and one.shape[2] in (1, 2, 3, 4):
        return one
    if one.ndim == 3 and one.shape[0] in (3, 4):
        axis = array.ndim - 3
        raise UserError(
            f'the channels of {name} come first, {array.shape}; move that axis to the end: np.moveaxis(x, {axis}, -1)'
        )
    raise UserError(f'the shape of {name} is {array.shape}; expected (height, width, 3)')


def _in_unit_range(array: np.ndarray, name: str) -> np.ndarray:
    return scaled(array, range_of(array, name))


def _rgb(array: np.ndarray, name: str) -> np.ndarray:
    values = _in_unit_range(_single_picture(array, name), name)
    if values.shape[2] < 3:
        return np.repeat(values[..., :1], 3, axis=2)
    return np.ascontiguousarray(values if values.shape[2] == 3 else values[..., :3])
