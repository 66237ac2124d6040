"""Interpolate: draw pictures along a path through the latent vectors of seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stylegen import images
from stylegen.dcgan.latent_vectors import latents
from stylegen.dcgan.load import Generator
from stylegen.dcgan.opening import labels_of
from stylegen.dcgan.sampling import enlarged
from stylegen.images.animation import ANIMATIONS
from stylegen.utils.errors import UserError
from stylegen.utils.settings import Settings, setting, takes


def spherical(a: np.ndarray, b: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Returns vectors (len(shares), dim) from `a` to `b` along a great circle; their lengths change linearly.

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
    """Returns vectors (len(shares), dim) on the straight line from `a` to `b`."""
    return a + shares[:, None] * (b - a)


PATHS = {'spherical': spherical, 'linear': linear}


@dataclass(frozen=True, kw_only=True)
class InterpolateSettings(Settings):
    """The path from seed to seed, and the size and speed of its pictures."""

    steps: int = setting(8, 'steps from one seed to the next', group='Path', at_least=1)
    path: str = setting('spherical', 'along great circles (White 2016) or straight lines', group='Path', choices=PATHS)
    loop: bool = setting(False, 'go back to the first seed', group='Path')
    scale: int = setting(4, 'factor by which pictures are enlarged', group='Output', at_least=1, at_most=64)
    fps: float = setting(12.0, 'frames a second of an animation', group='Output', at_least=0.1, at_most=100)


@takes(InterpolateSettings, 'scale', 'fps')
def walk(points: np.ndarray, *, settings: InterpolateSettings) -> np.ndarray:
    """Returns a path through points, float32: `steps` vectors from each point to before the next, and the last point.

    Args:
        points: float32 (N, dim), which are on the path to the last bit.
        {settings}

    Raises:
        UserError: There is no such path; too few points or steps.
    """
    if len(points) < 2:
        raise UserError('a path needs two --seeds or more')
    shares = np.arange(settings.steps) / settings.steps
    wide = points.astype(np.float64)
    ends = np.concatenate([wide[1:], wide[:1]]) if settings.loop else wide[1:]
    legs = []
    for index, end in enumerate(ends):
        leg = PATHS[settings.path](wide[index], end, shares).astype(np.float32)
        leg[0] = points[index]
        legs.append(leg)
    return np.concatenate(legs if settings.loop else [*legs, points[-1:]])


@takes(InterpolateSettings, 'scale', 'fps')
def interpolate(
    generator: Generator,
    seeds: Sequence[int],
    labels: np.ndarray | None = None,
    *,
    settings: InterpolateSettings,
) -> np.ndarray:
    """Draws pictures along a path through the latent vectors of seeds, float32 (N, H, W, C) in [0, 1].

    The pictures of the seeds themselves are exact. The label vectors change linearly.

    Args:
        generator: From `open_generator` or `load_generator`.
        seeds: Two or more, see `latents`.
        labels: int32 (len(seeds),), their classes, where the generator has some; None: each in turn.
        {settings}

    Raises:
        UserError: There are less than two seeds; a generator without classes has labels.

    Example:
        frames = interpolate(open_generator(), [3, 17, 42], steps=8, loop=True)
    """
    labels = labels_of(generator, seeds) if labels is None else labels
    given = generator.given(latents(seeds, generator.latent_dim), labels)
    dim = generator.latent_dim
    parts = [walk(given[:, :dim], settings=settings), walk(given[:, dim:], path='linear', settings=settings)]
    return generator.draw(np.concatenate(parts, 1))


@takes(InterpolateSettings, 'path')
def save_walk(
    output: Path,
    pictures: np.ndarray,
    *,
    record: Mapping[str, Any] | None = None,
    overwrite: bool = True,
    settings: InterpolateSettings,
) -> Path:
    """Writes the pictures of a path as an animation or as a sheet; the suffix decides.

    Args:
        output: The file.
        pictures: From `interpolate`, with the same `steps` and `loop`.
        record: The record that it carries.
        overwrite: False never replaces a file, see `stylegen.utils.files.atomic_write`.
        {settings}

    Returns:
        The path.
    """
    if output.suffix.lower() in ANIMATIONS:
        frames = enlarged(pictures, settings.scale)
        return images.save_animation(output, frames, settings.fps, settings=record, overwrite=overwrite)
    cells = enlarged(rows(pictures, settings.steps, settings.loop), settings.scale)
    sheet = images.grid(cells, settings.steps + 1, 2 * settings.scale)
    return images.save_image(output, sheet, settings=record, overwrite=overwrite)


def rows(pictures: np.ndarray, steps: int, loop: bool = False) -> np.ndarray:
    """Returns the pictures in the order of a sheet with `steps + 1` columns: a row from each seed to the next."""
    closed = np.concatenate([pictures, pictures[:1]]) if loop else pictures
    return np.concatenate([closed[start : start + steps + 1] for start in range(0, len(closed) - 1, steps)])
