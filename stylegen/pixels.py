"""Arithmetic on pixels: bytes and floats, sizes, resampling. Images are float32 RGB HWC in [0, 1]."""

import numpy as np
from PIL import Image


def as_rgb(image: np.ndarray) -> np.ndarray:
    """One image as float32 HxWx3; HxW and HxWx1 are taken as grey.

    Raises:
        ValueError: for another shape, an empty image, or integers (whose range is not [0, 1]).
    """
    image = np.asarray(image)
    if image.dtype.kind not in 'fb':
        raise ValueError(f'expected floats in [0, 1], got {image.dtype}; use from_uint8 for bytes')
    if image.ndim == 2:
        image = image[..., None]
    if image.ndim != 3 or image.shape[2] not in (1, 3) or 0 in image.shape:
        raise ValueError(f'expected one image of shape (height, width, 3), got {image.shape}')
    return np.broadcast_to(image, (*image.shape[:2], 3)).astype(np.float32, copy=False)


def quantize(image: np.ndarray, depth: int = 8) -> np.ndarray:
    """Floats in [0, 1], of any shape, to whole numbers of `depth` bits (8 or 16): clipped, then rounded.

    Raises:
        ValueError: where values are not finite, or not floats.
    """
    image = np.asarray(image)
    if image.dtype.kind not in 'fb':
        raise ValueError(f'expected floats in [0, 1], got {image.dtype}')
    bad = image.size - np.count_nonzero(np.isfinite(image))
    if bad:
        raise ValueError(f'{bad} of {image.size} values are not finite (NaN or infinite)')
    top = np.float32(2**depth - 1)
    return np.rint(np.clip(image.astype(np.float32, copy=False), 0, 1) * top).astype(f'uint{depth}')


def to_uint8(image: np.ndarray) -> np.ndarray:
    """Floats in [0, 1] to bytes, clipped and rounded; ValueError where values are not finite."""
    return quantize(image, 8)


def from_uint8(array: np.ndarray) -> np.ndarray:
    """Bytes to float32 in [0, 1]; `to_uint8` gives back the same bytes."""
    return np.asarray(array, np.float32) / np.float32(255)


def fit(shape: tuple[int, ...], size: int) -> tuple[int, int]:
    """The (height, width) whose longest side is `size`, with the aspect of `shape` (height, width, ...).

    Each side is rounded once and is at least 1. ValueError for a size or side below 1.
    """
    height, width = shape[:2]
    if min(height, width, size) < 1:
        raise ValueError(f'sizes are at least 1; got {height} x {width} to fit into {size}')
    longest = max(height, width)
    return max(1, round(height * size / longest)), max(1, round(width * size / longest))


def resize(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Resample an image to (height, width), in floats.

    Antialiased Lanczos where a side shrinks, bicubic where none does. The map is linear: nothing is clipped, so that
    differences of images, which may be negative, can pass through it; a picture may overshoot [0, 1] a little.

    Args:
        image: HxW or HxWxC, any range, any number of channels.
        shape: (height, width) wanted, each at least 1.

    Returns:
        float32 of the new size; `image` itself where it has that size already.

    Raises:
        ValueError: for a side below 1, or an array that is not an image.
    """
    image = np.asarray(image)
    height, width = (int(side) for side in shape)
    if min(height, width) < 1:
        raise ValueError(f'sizes are at least 1; got {height} x {width}')
    if image.ndim not in (2, 3) or 0 in image.shape:
        raise ValueError(f'expected an image of shape (height, width[, channels]), got {image.shape}')
    image = image.astype(np.float32, copy=False)
    if image.shape[:2] == (height, width):
        return image
    shrinks = height < image.shape[0] or width < image.shape[1]
    method = Image.Resampling.LANCZOS if shrinks else Image.Resampling.BICUBIC
    result = np.empty((height, width, *image.shape[2:]), np.float32)
    for channel in np.ndindex(image.shape[2:]):
        plane = Image.fromarray(np.ascontiguousarray(image[(..., *channel)]))
        result[(..., *channel)] = np.asarray(plane.resize((width, height), method))
    return result
