"""Arithmetic on pixels: bytes and floats, sizes, resampling. Images are float32 RGB HWC in [0, 1]."""

import math

import numpy as np
from PIL import Image

_REACH = 4  # pixels, of the coarser of two images, that a resampling looks to each side; Lanczos needs 3
_FADED = 0.25  # of each side of a tile that repeats


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


def on_white(pixels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Floats HxWxC in [0, 1] where `alpha`, HxW in [0, 1], covers, and white elsewhere."""
    return pixels * alpha[..., None] + (1 - alpha[..., None])


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


def resize(image: np.ndarray, shape: tuple[int, int], wrap: bool = False) -> np.ndarray:
    """Resample an image to (height, width), in floats.

    Antialiased Lanczos where a side shrinks, bicubic where none does. The map is linear: nothing is clipped, so that
    differences of images, which may be negative, can pass through it; a picture may overshoot [0, 1] a little.

    Args:
        image: HxW or HxWxC, any range, any number of channels.
        shape: (height, width) wanted, each at least 1.
        wrap: the image is a tile that repeats: beyond a border lies what is at the opposite one.

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
    top, left = (_REACH * max(1, math.ceil(old / new)) for old, new in zip(image.shape[:2], shape, strict=True))
    box = (left, top, left + image.shape[1], top + image.shape[0]) if wrap else None
    result = np.empty((height, width, *image.shape[2:]), np.float32)
    for channel in np.ndindex(image.shape[2:]):
        here = (slice(None), slice(None), *channel)
        plane = np.ascontiguousarray(image[here])
        if wrap:
            plane = np.pad(plane, ((top, top), (left, left)), 'wrap')
        result[here] = np.asarray(Image.fromarray(plane).resize((width, height), method, box))
    return result


def seamless(image: np.ndarray) -> np.ndarray:
    """The picture as a tile that repeats: opposite edges are laid over one another and faded into each other.

    The result is smaller, by a quarter of each side, which is faded. In the fade, differences from the mean keep their
    size: weights are roots, so that texture does not wash out.

    Args:
        image: HxWx3.

    Returns:
        float32, of about three quarters of the height and the width.
    """
    mean = image.mean((0, 1), dtype=np.float64).astype(np.float32)  # a sum of float32 loses digits
    out = image - mean
    for axis in (0, 1):
        out = np.moveaxis(out, axis, 0)
        band = max(1, round(len(out) * _FADED))
        fade = ((np.arange(band, dtype=np.float32) + 0.5) / band).reshape(-1, 1, 1)
        joined = np.sqrt(fade) * out[:band] + np.sqrt(1 - fade) * out[-band:]
        out = np.moveaxis(np.concatenate([joined, out[band:-band]]), 0, axis)
    return np.clip(out + mean, 0, 1).astype(np.float32)


def sample(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Values of an image between its pixels: bicubic, the image mirrored beyond its borders.

    Keys 1981, "Cubic convolution interpolation for digital image processing", with a = -1/2: exact at whole positions
    and on straight ramps. (Pillow's `transform` takes a = -1, which turns ramps into stairs, frame after frame.) Like
    `resize` it is linear and clips nothing.

    Args:
        image: float32 HxWxC.
        x: hxw positions, in pixels from the middle of the leftmost column; any number, also outside.
        y: the same, from the middle of the topmost row.

    Returns:
        float32 hxwxC.
    """
    bands = range(0, len(x), max(1, 2**16 // x.shape[1]))  # so that a band's taps stay in the processor's cache
    return np.concatenate([_sample(image, x[a : a + bands.step], y[a : a + bands.step]) for a in bands])


def _sample(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    height, width, channels = image.shape
    pixels = image.reshape(-1, channels)
    result = np.zeros((*x.shape, channels), np.float32)
    across = _taps(x, width)
    for row, weight_down in _taps(y, height):
        for column, weight in across:
            result += (weight_down * weight)[..., None] * pixels.take(row * width + column, axis=0)
    return result


def _taps(position: np.ndarray, length: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """The four pixels about each position, mirrored into the image, and their weights."""
    first = np.floor(position)
    t = (position - first).astype(np.float32)
    weights = ((2 - t) * t - 1) * t, (3 * t - 5) * t * t + 2, ((4 - 3 * t) * t + 1) * t, (t - 1) * t * t
    indices = (np.mod(first.astype(int) + tap, 2 * length) for tap in (-1, 0, 1, 2))
    return [(np.minimum(i, 2 * length - 1 - i), w / 2) for i, w in zip(indices, weights, strict=True)]
