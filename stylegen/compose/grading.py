"""Colour grades: learned from a picture before and after, applied to others, written as a LUT for video editors."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from stylegen.compose.fitting import of_size, product
from stylegen.compose.recipe import Recipe, sampling_step
from stylegen.compose.settings import GradeSettings
from stylegen.compose.solving import Moments, least_squares, mean_moments, rank_of
from stylegen.compose.transformation import Transformation
from stylegen.images.conversion import PictureLike, as_picture
from stylegen.utils.errors import UserError
from stylegen.utils.files import atomic_write, check_target
from stylegen.utils.settings import takes

LUT_SIZE = 33  # colours a side, as video editors write it
LARGEST_LUT = 129
_BINS = 16  # a side, of the histogram that the weights come from
_GRID = 9  # colours a side that the ridge holds
_ROUNDS = 8  # of the fit with pixels that are cut off
_HOLD = 1e-6  # of T to the identity: it decides only what nothing else does
_CLIPPED = 0.5 / 255  # so near to 0 or 1 a channel may have been cut off


@takes(GradeSettings)
def learn_grade(before: PictureLike, after: PictureLike, *, settings: GradeSettings) -> Transformation:
    """Learns a colour grade: T that maps the elements of each colour before to the colour after.

    Colours count by the square root of their frequency, so that a large sky does not decide alone. Where `after` is cut
    off at black or white, a result beyond it is no error. Colours that the pair does not show follow the best affine
    map, see `GradeSettings.ridge`; without it a polynomial bends away from them.

    Args:
        before, after: The same picture, of one aspect. `after` is resized to `before`.
        {settings}

    Returns:
        T of one picture, for `apply`, `grade` and `write_cube`. `about` has its rank and its error.

    Raises:
        UserError: They are no pictures, or of another aspect.

    Example:
        look = learn_grade('before.jpg', 'after.jpg')
        write_cube('look.cube', look)
    """
    first = as_picture(before, 'picture before')
    second = of_size(as_picture(after, 'picture after'), first.shape[:2], 'the picture after')
    step = sampling_step(first.shape, settings.pixels)
    colours = first.reshape(-1, 3)[::step].astype(np.float64)
    wanted = second.reshape(-1, 3)[::step].T.astype(np.float64)
    recipe = Recipe(('photo',), settings.basis)
    x, weights = elements_of(colours, recipe), _weights(colours)
    cut = [wanted >= 1 - _CLIPPED, wanted <= _CLIPPED]
    held = _held_to_affine(recipe, x, wanted, weights * ~(cut[0] | cut[1]))
    matrix = _one_sided(x, wanted, weights, cut, held, settings.ridge)
    short = np.where(cut[0], np.maximum(wanted, matrix @ x), np.where(cut[1], np.minimum(wanted, matrix @ x), wanted))
    error = float(np.sqrt(np.mean(weights * np.square(short - matrix @ x)) / weights.mean()))
    rank = rank_of(mean_moments([(x, wanted)]).xx)
    return Transformation(matrix, recipe, {'settings': settings.recorded(), 'rank': rank, 'error': error})


def elements_of(colours: np.ndarray, recipe: Recipe) -> np.ndarray:
    """Returns the elements of colours (N, 3), float64 (elements, N)."""
    return np.concatenate([x for _, x in recipe.bands([colours[:, None]], dtype=np.float64)], axis=1)


def _weights(colours: np.ndarray) -> np.ndarray:
    """Returns the weight of each colour: one divided by the root of how many are in its bin of the histogram."""
    places = np.minimum((colours * _BINS).astype(np.int64), _BINS - 1) @ np.array([_BINS**2, _BINS, 1])
    return 1 / np.sqrt(np.bincount(places, minlength=_BINS**3)[places])


def colour_grid(size: int) -> np.ndarray:
    """Returns size^3 colours of the cube, float64 (N, 3); red changes fastest, as in a `.cube`."""
    levels = np.linspace(0, 1, size)
    blue, green, red = np.meshgrid(levels, levels, levels, indexing='ij')
    return np.stack([red, green, blue], axis=-1).reshape(-1, 3)


def _one_sided(
    x: np.ndarray,
    wanted: np.ndarray,
    weights: np.ndarray,
    cut: list[np.ndarray],
    held: Moments,
    ridge: float,
) -> np.ndarray:
    """Returns T for targets of which some are cut off: beyond those a result is no error.

    Newton's method on the one-sided squares: a pixel that is cut off counts while T X falls short of it. At first none
    does.

    Args:
        x, wanted, weights: (K, N), (3, N), (N,).
        cut: Where `wanted` is cut off at white and at black, (3, N) each.
        held: The moments that hold T, see `_held_to_affine`.
        ridge: The weight of these moments.
    """
    identity = np.eye(3, len(x))  # in every basis r, g and b come first
    counts = ~(cut[0] | cut[1])
    matrix = identity
    for _ in range(_ROUNDS):
        rows = []
        groups = [slice(None)] if counts.all() else [slice(row, row + 1) for row in range(3)]
        for one in groups:  # channels that count alike are solved together
            seen = np.maximum(weights * counts[one][0], 1e-9 * weights)
            parts = [(1.0, mean_moments([(x, wanted[one] - x[:3][one], seen)]))]
            parts += [(ridge, Moments(held.xx, held.yx[one], held.yy[one]))]
            moments = _sum(parts)
            hold = _HOLD * float(np.trace(moments.xx)) / len(x) if ridge else 0.0
            rows.append(least_squares(moments, hold).matrix)
        matrix = identity + np.concatenate(rows)
        made = matrix @ x
        following = ~((cut[0] & (made >= wanted)) | (cut[1] & (made <= wanted)))
        if (following == counts).all():
            break
        counts = following
    return matrix


def _held_to_affine(recipe: Recipe, x: np.ndarray, wanted: np.ndarray, weights: np.ndarray) -> Moments:
    """The moments of a grid of colours against what the best affine map makes of them; `weights` are (3, N)."""
    straight = np.concatenate([x[:3], np.ones((1, x.shape[1]))])
    change = np.zeros((3, 4))
    for row in range(3):
        moments = mean_moments([(straight, wanted[row : row + 1] - x[row : row + 1], weights[row] + 1e-9)])
        change[row] = least_squares(moments, 1e-3 * float(np.trace(moments.xx)) / 4).matrix[0]
    grid = colour_grid(_GRID)
    goal = grid.T + change[:, :3] @ grid.T + change[:, 3:]
    return mean_moments([(elements_of(grid, recipe), goal - grid.T)])


def _sum(parts: list[tuple[float, Moments]]) -> Moments:
    """The weighted sum of moments."""
    return Moments(*(sum(weight * getattr(one, name) for weight, one in parts) for name in ('xx', 'yx', 'yy')))


@takes(GradeSettings)
def grade(photo: PictureLike, before: PictureLike, after: PictureLike, *, settings: GradeSettings) -> np.ndarray:
    """Gives a photo the colour grade that lies between two pictures, see `learn_grade`.

    Args:
        photo: Any picture.
        before, after: The pair that shows the grade.
        {settings}

    Returns:
        float32 (H, W, 3) in [0, 1].

    Example:
        graded = grade('photo.jpg', before='before.jpg', after='after.jpg')
    """
    look = learn_grade(before, after, settings=settings)
    return product(look.matrix, look.recipe, [as_picture(photo)])


def check_colour_map(look: Transformation) -> None:
    """Refuses a T whose result at a pixel depends on more than the colour there.

    Raises:
        UserError: It has several pictures, neighbours, blurred copies or masks.
    """
    recipe = look.recipe
    if len(recipe.pictures) > 1 or recipe.reach or recipe.blur or recipe.masks or recipe.basis == 'pictures':
        raise UserError('this T is no map of colours (it takes several pictures, neighbours or masks); `apply` uses it')


def lookup_table(look: Transformation, size: int = LUT_SIZE) -> np.ndarray:
    """Returns what T makes of a grid of colours, float32 (blue, green, red, 3). It is not clipped.

    Raises:
        UserError: T is no map of colours, or `size` is not from 2 to `LARGEST_LUT`.
    """
    check_colour_map(look)
    if not 2 <= size <= LARGEST_LUT:
        raise UserError(f'a LUT has from 2 to {LARGEST_LUT} colours a side, got {size}')
    values = look.matrix @ elements_of(colour_grid(size), look.recipe)
    return values.T.reshape(size, size, size, 3).astype(np.float32)


def write_cube(
    path: str | os.PathLike[str], look: Transformation, size: int = LUT_SIZE, overwrite: bool = True
) -> Path:
    """Writes a grade as a 3D LUT that video editors read (Adobe, "Cube LUT specification 1.0").

    Colours are sRGB in [0, 1], as pictures store them. Values are not clipped: between two colours of the table the
    editor interpolates and clips then, which comes to what `apply` does.

    Args:
        path: Of suffix .cube.
        look: A map of colours.
        size: Colours a side: 17, 33 and 65 are usual.
        overwrite: False never replaces a file.

    Raises:
        UserError: As for `lookup_table`, or the file cannot be written.
    """
    check_target(path, ('.cube',))
    values = lookup_table(look, size).reshape(-1, 3)
    title = ''.join(letter for letter in Path(path).stem if letter.isascii() and letter.isprintable() and letter != '"')
    lines = [f'TITLE "{title or "grade"}"', f'LUT_3D_SIZE {size}', 'DOMAIN_MIN 0 0 0', 'DOMAIN_MAX 1 1 1']
    lines += [f'{red:.7f} {green:.7f} {blue:.7f}' for red, green, blue in values.tolist()]
    with atomic_write(path, overwrite) as beside:
        beside.write_text('\n'.join(lines) + '\n', encoding='ascii')
    return Path(path)
