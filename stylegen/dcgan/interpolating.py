"""From seed to seed: pictures along a path through the latent vectors."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stylegen import images
from stylegen.dcgan.latent_vectors import latents
from stylegen.dcgan.load import Generator
from stylegen.dcgan.sampling import enlarged
from stylegen.images.animation import ANIMATIONS
from stylegen.utils.errors import UserError, unknown


def spherical(a: np.ndarray, b: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Vectors (len(shares), dim) from `a` to `b` along a great circle; their lengths go evenly from one to the other.

    White 2016, "Sampling Generative Networks": straight lines between Gaussian vectors pass through
    lengths that none of them has. There the formula is put on the vectors as they are; here on their directions, and
    the length is interpolated by itself, which is the same for vectors of one length and never leaves the range of the
    two. Where the directions are the same, or opposite, there is no great circle, and the path is straight.
    """
    lengths = np.linalg.norm(a), np.linalg.norm(b)
    t = shares[:, None]
    if not min(lengths):
        return linear(a, b, shares)
    angle = np.arccos(np.clip(a @ b / (lengths[0] * lengths[1]), -1, 1))
    if np.sin(angle) < 1e-4:
        return linear(a, b, shares)
    towards = (np.sin((1 - t) * angle) * a / lengths[0] + np.sin(t * angle) * b / lengths[1]) / np.sin(angle)
    return towards * ((1 - t) * lengths[0] + t * lengths[1])


def linear(a: np.ndarray, b: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Vectors (len(shares), dim) on the straight line from `a` to `b`."""
    return a + shares[:, None] * (b - a)


PATHS = {'spherical': spherical, 'linear': linear}


def walk(points: np.ndarray, steps: int = 8, path: str = 'spherical', loop: bool = False) -> np.ndarray:
    """A path through points, float32: `steps` vectors from each point to before the next, and the last point.

    Args:
        points: float32 (N, dim), which are on the path to the last bit.
        steps: From one point to the next.
        path: One of `PATHS`.
        loop: Goes on from the last point to before the first, instead of ending there.

    Raises:
        UserError: There is no such path; too few points or steps.
    """
    if path not in PATHS:
        raise unknown('path', path, PATHS)
    if len(points) < 2:
        raise UserError('a path needs two --seeds or more')
    if steps < 1:
        raise UserError(f'--steps is 1 at least, not {steps}')
    shares = np.arange(steps) / steps
    wide = points.astype(np.float64)
    ends = np.concatenate([wide[1:], wide[:1]]) if loop else wide[1:]
    legs = []
    for index, end in enumerate(ends):
        leg = PATHS[path](wide[index], end, shares).astype(np.float32)
        leg[0] = points[index]
        legs.append(leg)
    return np.concatenate(legs if loop else [*legs, points[-1:]])


def interpolate(
    generator: Generator,
    seeds: Sequence[int],
    labels: np.ndarray | None = None,
    *,
    steps: int = 8,
    path: str = 'spherical',
    loop: bool = False,
) -> np.ndarray:
    """Pictures along a path through the vectors of seeds, float32 (N, H, W, C) in [0, 1]; those of the seeds are exact.

    The learned vectors of classes go in a straight line.

    Args:
        generator: From `open_generator` or `load_generator`.
        seeds: Two or more, see `latents`.
        labels: int32 (len(seeds),), their classes, where the generator has some.
        steps, path, loop: See `walk`.

    Raises:
        UserError: What `walk` refuses; labels were given or are missing where there are none or some.
    """
    given = generator.given(latents(seeds, generator.latent_dim), labels)
    dim = generator.latent_dim
    parts = [walk(given[:, :dim], steps, path, loop), walk(given[:, dim:], steps, 'linear', loop)]
    return generator.draw(np.concatenate(parts, 1))


def save_walk(
    output: Path,
    pictures: np.ndarray,
    steps: int,
    loop: bool = False,
    *,
    fps: float = 12.0,
    scale: int = 4,
    settings: Mapping[str, Any] | None = None,
    overwrite: bool = True,
) -> Path:
    """Writes the pictures of a path: as an animation, or on a sheet, as the name says.

    Args:
        output: The file.
        pictures: From `interpolate`, with the same `steps` and `loop`.
        steps, loop: See `walk`.
        fps: Frames a second of an animation.
        scale: Pixels a side that a pixel is drawn with.
        settings: The record that it carries.
        overwrite: False never replaces a file, see `stylegen.utils.files.replacing`.

    Returns:
        The path.
    """
    if output.suffix.lower() in ANIMATIONS:
        return images.save_animation(output, enlarged(pictures, scale), fps, settings=settings, overwrite=overwrite)
    sheet = images.grid(enlarged(rows(pictures, steps, loop), scale), steps + 1, 2 * scale)
    return images.save_image(output, sheet, settings=settings, overwrite=overwrite)


def rows(pictures: np.ndarray, steps: int, loop: bool = False) -> np.ndarray:
    """The pictures of a path for a sheet with `steps + 1` columns: a row from each seed to the next, both included."""
    closed = np.concatenate([pictures, pictures[:1]]) if loop else pictures
    return np.concatenate([closed[start : start + steps + 1] for start in range(0, len(closed) - 1, steps)])
