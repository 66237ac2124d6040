"""Converts, resizes and samples pixels. Images are float32 RGB HWC in [0, 1]."""

import math

import numpy as np
from PIL import Image

_FILTER_RADIUS = 4  # radius of the filter in pixels of the coarser image; Lanczos needs 3
_FADE_SHARE = 0.25  # the part of each side that `seamless` fades


def as_rgb(image: np.ndarray) -> np.ndarray:
    """Returns one image as float32 HxWx3. HxW and HxWx1 are grey.

    Raises:
        ValueError: Another shape, an empty image, or integers (whose range is not [0, 1]).
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
    """Lays floats HxWxC in [0, 1] on white; `alpha`, HxW in [0, 1], says how opaque they are."""
    return pixels * alpha[..., None] + (1 - alpha[..., None])


def quantize(image: np.ndarray, depth: int = 8) -> np.ndarray:
    """Converts floats in [0, 1], of any shape, to whole numbers of `depth` bits (8 or 16): clips, then rounds.

    Raises:
        ValueError: Values are not finite, or not floats.
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
    """Converts floats in [0, 1] to bytes, clipped and rounded.

    Raises:
        ValueError: Values are not finite, or not floats.

    Example:
        to_uint8(np.array([0.0, 0.5, 2.0])).tolist()  # [0, 128, 255]
    """
    return quantize(image, 8)


def from_uint8(array: np.ndarray) -> np.ndarray:
    """Converts bytes to float32 in [0, 1]. `to_uint8` gives the same bytes back.

    Example:
        from_uint8([0, 51, 255]).tolist() == [0, np.float32(0.2), 1]  # True
    """
    return np.asarray(array, np.float32) / np.float32(255)


def fit(shape: tuple[int, ...], size: int) -> tuple[int, int]:
    """Returns the (height, width) with longest side `size` and the aspect of `shape` (height, width, ...).

    Each side is rounded once and is at least 1.

    Raises:
        ValueError: `size` or a side is below 1.

    Example:
        fit((600, 800, 3), 400)  # (300, 400)
    """
    height, width = shape[:2]
    if min(height, width, size) < 1:
        raise ValueError(f'sizes are at least 1; got {height} x {width} to fit into {size}')
    longest = max(height, width)
    return max(1, round(height * size / longest)), max(1, round(width * size / longest))


def resize(image: np.ndarray, shape: tuple[int, int], wrap: bool = False) -> np.ndarray:
    """Resamples an image to (height, width).

    It uses antialiased Lanczos if a side shrinks, and bicubic otherwise. The map is linear and clips nothing, so that
    differences of images, which may be negative, can be resized. A picture may overshoot [0, 1] a little.

    Args:
        image: HxW or HxWxC, any range, any number of channels.
        shape: The wanted (height, width), each at least 1.
        wrap: The image is a repeating tile: beyond a border comes the opposite side.

    Returns:
        float32 of the new size; `image` itself if it has that size.

    Raises:
        ValueError: A side is below 1, or the array is no image.

    Example:
        small = resize(photo, (240, 320))
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
    top, left = (_FILTER_RADIUS * max(1, math.ceil(old / new)) for old, new in zip(image.shape[:2], shape, strict=True))
    box = (left, top, left + image.shape[1], top + image.shape[0]) if wrap else None
    result = np.empty((height, width, *image.shape[2:]), np.float32)
    for channel in np.ndindex(image.shape[2:]):
        here = (slice(None), slice(None), *channel)
        plane = np.ascontiguousarray(image[here])
        if wrap:
            plane = np.pad(plane, ((top, top), (left, left)), 'wrap')
        result[here] = np.asarray(Image.fromarray(plane).resize((width, height), method, box))
    return result


def crop_to_aspect(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Returns the largest part around the middle of an image that has the aspect of (height, width).

    Args:
        image: HxW or HxWxC.
        shape: The (height, width) whose aspect is wanted, each at least 1.

    Returns:
        A view of the image, at least 1 x 1. Its aspect is that of `shape` up to the rounding of its sides.

    Example:
        crop_to_aspect(np.zeros((40, 100, 3)), (80, 80)).shape  # (40, 40, 3)
    """
    height, width = image.shape[:2]
    scale = min(height / shape[0], width / shape[1])
    sides = [max(1, min(side, round(other * scale))) for side, other in zip((height, width), shape, strict=True)]
    top, left = (height - sides[0]) // 2, (width - sides[1]) // 2
    return image[top : top + sides[0], left : left + sides[1]]


def seamless(image: np.ndarray) -> np.ndarray:
    """Makes a picture a repeating tile: opposite edges are laid over one another and faded into each other.

    The result is a quarter smaller in height and width, the faded part. The fade keeps the size of differences from the
    mean, because its weights are square roots: texture does not wash out.

    Args:
        image: HxWx3.

    Returns:
        float32, of about three quarters of the height and the width.

    Example:
        tile = seamless(photo)
        save_image('wall.png', np.tile(tile, (2, 2, 1)))
    """
    mean = image.mean((0, 1), dtype=np.float64).astype(np.float32)  # float32 sums lose digits
    out = image - mean
    for axis in (0, 1):
        out = np.moveaxis(out, axis, 0)
        band = max(1, round(len(out) * _FADE_SHARE))
        fade = ((np.arange(band, dtype=np.float32) + 0.5) / band).reshape(-1, 1, 1)
        joined = np.sqrt(fade) * out[:band] + np.sqrt(1 - fade) * out[-band:]
        out = np.moveaxis(np.concatenate([joined, out[band:-band]]), 0, axis)
    return np.clip(out + mean, 0, 1).astype(np.float32)


def sample(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Returns values of an image between its pixels: bicubic, with the image mirrored beyond its borders.

    Keys 1981, "Cubic convolution interpolation for digital image processing", with a = -1/2: exact at whole positions
    and on straight ramps. (Pillow's `transform` uses a = -1, which turns ramps into stairs, frame after frame.) Like
    `resize` it is linear and clips nothing.

    Args:
        image: float32 HxWxC.
        x: hxw positions, in pixels from the middle of the leftmost column; any number, also outside.
        y: hxw positions from the middle of the topmost row.

    Returns:
        float32 hxwxC.
    """
    bands = range(0, len(x), max(1, 2**16 // x.shape[1]))  # a band fits into the processor's cache
    return np.concatenate([_sample(image, x[a : a + bands.step], y[a : a + bands.step]) for a in bands])


def _sample(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    height, width, channels = image.shape
    pixels = image.reshape(-1, channels)
    result = np.zeros((*x.shape, channels), np.float32)
    across = _interpolation_weights(x, width)
    for row, weight_down in _interpolation_weights(y, height):
        for column, weight in across:
            result += (weight_down * weight)[..., None] * pixels.take(row * width + column, axis=0)
    return result


def _interpolation_weights(position: np.ndarray, length: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Returns the four pixels around each position, mirrored into the image, and their weights."""
    first = np.floor(position)
    t = (position - first).astype(np.float32)
    weights = ((2 - t) * t - 1) * t, (3 * t - 5) * t * t + 2, ((4 - 3 * t) * t + 1) * t, (t - 1) * t * t
    indices = (np.mod(first.astype(int) + tap, 2 * length) for tap in (-1, 0, 1, 2))
    return [(np.minimum(i, 2 * length - 1 - i), w / 2) for i, w in zip(indices, weights, strict=True)]
