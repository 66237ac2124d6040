"""An endless set of drawn pictures: one coloured shape each, on a smooth gradient, with soft edges.

Picture i depends on i alone; its size only changes the resolution.
"""

import math
from collections.abc import Callable

import numpy as np

from stylegen.images.color import LUMA

EPOCH = 2**16  # pictures of an epoch; the next epoch has others
_NUMBERS = 16  # random numbers per picture
_EDGE = 0.5  # width of the soft edge on each side of an outline, in pixels

Field = Callable[[np.ndarray, np.ndarray], np.ndarray]


def _disc(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.hypot(x, y) - 1


def _ring(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.abs(np.hypot(x, y) - 0.75) - 0.25


def _crescent(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.maximum(np.hypot(x, y) - 1, 0.85 - np.hypot(x - 0.55, y))


def _cross(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    x, y = np.abs(x), np.abs(y)
    return np.maximum(np.minimum(x, y) - 0.3, np.maximum(x, y) - 0.95)


def _star(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Five points. Each half of a point is a straight edge from a tip (radius 1) to a notch (radius 0.42)."""
    sector = 2 * math.pi / 5
    angle, radius = np.abs(np.mod(np.arctan2(y, x), sector) - sector / 2), np.hypot(x, y)
    tip, notch = np.array([1.0, 0.0]), 0.42 * np.array([math.cos(sector / 2), math.sin(sector / 2)])
    across = np.array([notch[1] - tip[1], tip[0] - notch[0]])
    across /= np.hypot(*across)
    return (radius * np.cos(angle) - tip[0]) * across[0] + (radius * np.sin(angle) - tip[1]) * across[1]


def _polygon(corners: int) -> Field:
    """A regular polygon with its corners at radius 1."""
    sector = 2 * math.pi / corners

    def field(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        angle = np.mod(np.arctan2(y, x), sector) - sector / 2
        return np.hypot(x, y) * np.cos(angle) - math.cos(sector / 2)

    return field


# Signed distances of the shapes: negative inside, 0 on the outline (within radius 1), with slope 1 across it.
SHAPES: dict[str, Field] = {
    'disc': _disc,
    'ring': _ring,
    'crescent': _crescent,
    'triangle': _polygon(3),
    'square': _polygon(4),
    'hexagon': _polygon(6),
    'cross': _cross,
    'star': _star,
}


def shape_labels(indices: np.ndarray) -> np.ndarray:
    """Returns the index in SHAPES of each picture's shape, int32. The shapes take turns."""
    return (np.asarray(indices, np.int64) % len(SHAPES)).astype(np.int32)


def draw_shapes(indices: np.ndarray, size: tuple[int, int], channels: int = 3) -> np.ndarray:
    """Draws pictures by their numbers: a whole shape at any place, of any colour, size and rotation.

    The shape is dark on light or light on dark, so that it is always visible.

    Args:
        indices: int (n,), not negative.
        size: (height, width) in pixels.
        channels: 3, or 1 for grey.

    Returns:
        uint8 (n, height, width, channels).

    Example:
        pictures = draw_shapes(np.arange(16), (64, 64))
    """
    indices = np.asarray(indices, np.int64)
    u = _uniform(indices)[..., None, None]
    height, width = size
    shorter = min(size) / 2  # pixels per unit
    y = ((np.arange(height) + 0.5 - height / 2) / shorter).astype(np.float32)[:, None]
    x = ((np.arange(width) + 0.5 - width / 2) / shorter).astype(np.float32)[None, :]
    radius = 0.3 + 0.4 * u[0]
    left = (2 * u[1] - 1) * (width / min(size) - radius)
    top = (2 * u[2] - 1) * (height / min(size) - radius)
    cos, sin = np.cos(2 * np.pi * u[3]), np.sin(2 * np.pi * u[3])
    across, down = ((x - left) * cos + (y - top) * sin) / radius, ((y - top) * cos - (x - left) * sin) / radius
    distance, labels = np.empty((len(indices), *size), np.float32), shape_labels(indices)
    for number, field in enumerate(SHAPES.values()):
        here = labels == number
        distance[here] = field(across[here], down[here])
    cover = np.clip(0.5 - distance * radius * shorter / (2 * _EDGE), 0, 1)
    slope = np.clip(0.5 + (x * np.cos(2 * np.pi * u[4]) + y * np.sin(2 * np.pi * u[4])) / 2.5, 0, 1)
    lighter = lambda yes, no: np.where(
        u[5] < 0.5, np.float32(yes), np.float32(no)
    )  # whether the shape is lighter than its ground
    first = _color(u[6], lighter(0.7, 0.4) * u[7], lighter(0.1, 0.75) + 0.25 * u[8])
    second = _color(u[9], lighter(0.7, 0.4) * u[10], lighter(0.1, 0.75) + 0.25 * u[11])
    shape = _color(u[12], lighter(0.5, 0.9) * np.sqrt(u[13]), lighter(0.75, 0.1) + 0.25 * u[14])
    planes = [(a + (b - a) * slope) * (1 - cover) + c * cover for a, b, c in zip(first, second, shape, strict=True)]
    pixels = np.stack(planes, -1)
    pixels = pixels if channels == 3 else (pixels @ LUMA)[..., None]
    return np.rint(pixels * 255).astype(np.uint8)


def _uniform(indices: np.ndarray) -> np.ndarray:
    """Returns random numbers in [0, 1) for each index, multiples of 2^-24, float32 (_NUMBERS, n).

    SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators", figure 17).
    """
    lanes = np.arange(1, _NUMBERS + 1, dtype=np.uint64)[:, None]
    z = (indices.astype(np.uint64) * np.uint64(_NUMBERS) + lanes) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((z ^ (z >> np.uint64(31))) >> np.uint64(40)).astype(np.float32) * np.float32(2**-24)


def _color(hue: np.ndarray, saturation: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, ...]:
    """Converts hue, saturation and value, all in [0, 1], to red, green and blue."""

    def channel(n: int) -> np.ndarray:
        k = (n + 6 * hue) % 6
        return value * (1 - saturation * np.clip(np.minimum(k, 4 - k), 0, 1))

    return channel(5), channel(3), channel(1)
