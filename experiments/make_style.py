"""Paint the style picture of the package: brush strokes of three widths that follow whirls.

Command:   python experiments/make_style.py --output=stylegen/pictures/whirls.jpg
Time:      about 3 s
Expected:  a JPEG of 512 x 512 pixels and 90 kB; the same --seed gives the same picture

No other picture goes into it, so it may ship with the package.
"""

from dataclasses import dataclass

import numpy as np
from absl import app, flags
from PIL import Image, ImageDraw

_OUTPUT = flags.DEFINE_string('output', None, 'File for the JPEG.', required=True)
_SEED = flags.DEFINE_integer('seed', 0, 'Seed of the random strokes.')
_QUALITY = flags.DEFINE_integer('quality', 80, 'Quality of the JPEG, up to 95.')

SIZE = 512
ZOOM = 3  # the canvas is painted this many times larger and then reduced, which smooths the bristles
# From cool and dark over light to warm: night, ultramarine, cobalt, teal, mint, cream, amber, orange, crimson.
PALETTE = np.array(
    [(10, 12, 34), (22, 36, 112), (26, 84, 168), (24, 136, 152), (142, 200, 176), (250, 234, 196), (248, 184, 62),
     (234, 106, 38), (170, 34, 56)], float
)  # fmt: skip
WHIRLS = (  # (x, y, radius, turn) of each whirl, in widths of the picture; the sign of `turn` is its direction
    (0.30, 0.33, 0.22, 1.0),
    (0.74, 0.24, 0.15, -1.0),
    (0.62, 0.70, 0.24, -1.0),
    (0.14, 0.80, 0.15, 1.0),
    (0.93, 0.55, 0.12, 1.0),
)


@dataclass(frozen=True)
class Layer:
    """Strokes of one brush: their number, their width and length in pixels, and the spread of their colour."""

    count: int
    width: float
    length: float
    stray: float


LAYERS = (Layer(700, 26, 150, 0.35), Layer(1100, 13, 120, 0.6), Layer(1100, 6, 80, 0.9))


def direction(x: float, y: float) -> tuple[float, float]:
    """Returns the unit vector along which a stroke leaves a point: along a slow wave, and around the near whirls."""
    across, down = 1.0, 0.35 * np.sin(5 * x + 2 * y)
    for centre_x, centre_y, reach, turn in WHIRLS:
        dx, dy = x - centre_x, y - centre_y
        distance = np.hypot(dx, dy) + 1e-6
        pull = 3.5 * np.exp(-((distance / reach) ** 2))
        across += pull * turn * (-dy - 0.25 * dx) / distance
        down += pull * turn * (dx - 0.25 * dy) / distance
    length = np.hypot(across, down) + 1e-9
    return across / length, down / length


def tone(x: float, y: float) -> float:
    """Returns the position in the palette, from 0 to 1, at a point: rings around the whirls, dark between them."""
    value = 0.15 + 0.25 * np.sin(7 * y - 3 * x + 1.5 * np.sin(4 * x))
    for centre_x, centre_y, reach, _ in WHIRLS:
        distance = np.hypot(x - centre_x, y - centre_y) / reach
        value += np.exp(-((distance / 0.9) ** 2)) * (0.56 + 0.30 * np.cos(6.5 * distance))
    return float(np.clip(value, 0, 1))


def paint(place: float, rng) -> np.ndarray:
    """Returns a palette colour near a position from 0 to 1. Colours are not mixed, since mixtures look muddy."""
    return PALETTE[int(np.clip(round(place * (len(PALETTE) - 1) + rng.uniform(-0.5, 0.5)), 0, len(PALETTE) - 1))]


def path(x: float, y: float, length: float) -> np.ndarray:
    """Returns the points of a stroke through a point of the picture, (n, 2), in pixels of the canvas."""
    halves = []
    for step in (-3.0 / SIZE, 3.0 / SIZE):
        points, here = [], (x, y)
        for _ in range(max(2, int(length / 6))):
            points.append(here)
            across, down = direction(*here)
            here = here[0] + across * step, here[1] + down * step
        halves.append(points)
    return np.array(halves[0][:0:-1] + halves[1]) * SIZE * ZOOM


def stroke(draw: ImageDraw.ImageDraw, points: np.ndarray, width: float, color: np.ndarray, rng) -> None:
    """Draws one stroke: bristles side by side, each with its own shade, lit from one side, with ragged ends."""
    tangent = np.gradient(points, axis=0)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], 1) / (np.linalg.norm(tangent, axis=1, keepdims=True) + 1e-9)
    belly = np.sin(np.linspace(0.04, 0.97, len(points)) * np.pi)[:, None] ** 0.8  # strokes are thin at both ends
    bristles = max(4, int(width * ZOOM / 3))
    shades = np.convolve(rng.normal(0, 1, bristles + 4), np.ones(3) / 3, 'same')[2:-2]
    for place, shade in zip(np.linspace(-0.5, 0.5, bristles), shades, strict=True):
        first, last = rng.integers(0, max(2, len(points) // 4), 2)
        line = (points + normal * belly * place * width * ZOOM)[first : len(points) - last]
        if len(line) < 2:
            continue
        lit = color * (1 + 0.13 * shade + 0.30 * place) + 10 * shade
        draw.line([tuple(point) for point in line], tuple(np.clip(lit, 0, 255).astype(int)), 4, 'curve')


def picture(seed: int) -> Image.Image:
    """Returns the whole picture."""
    rng = np.random.default_rng(seed)
    canvas = Image.new('RGB', (SIZE * ZOOM, SIZE * ZOOM), tuple(PALETTE[0].astype(int)))
    draw = ImageDraw.Draw(canvas)
    for layer in LAYERS:
        for _ in range(layer.count):
            x, y = rng.uniform(-0.1, 1.1, 2)
            strays = rng.normal(0, 0.13 * layer.stray)
            length, width = layer.length * rng.uniform(0.5, 1.3), layer.width * rng.uniform(0.6, 1.25)
            points = path(x, y, length)
            stroke(draw, points, width, paint(tone(x, y) + strays, rng), rng)
    return canvas.resize((SIZE, SIZE), Image.Resampling.LANCZOS)


def main(argv):
    del argv
    picture(_SEED.value).save(_OUTPUT.value, quality=_QUALITY.value, optimize=True)


if __name__ == '__main__':
    app.run(main)
