"""Learns T from elements and a target, and applies it to elements: I_new = T X."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from stylegen.compose.recipe import Elements, Recipe, sampling_step
from stylegen.compose.settings import ComposeSettings, FitSettings
from stylegen.compose.solving import Moments, Solution, least_squares, mean_moments
from stylegen.compose.transformation import Transformation
from stylegen.images.conversion import PictureLike, as_mask, as_picture
from stylegen.images.pixels import resize
from stylegen.utils.errors import UserError
from stylegen.utils.notes import note
from stylegen.utils.settings import takes

Named = Mapping[str, PictureLike] | Sequence[PictureLike] | PictureLike
_LETTERS = 'abcdefghijklmnopqrstuvwxyz'
_ASPECT = 0.02  # by what part aspects may differ
_SMALL = 250_000  # multiplications of a product that OpenBLAS does in the thread that asks for it


@takes(ComposeSettings)
def fit(
    elements: Named,
    target: PictureLike,
    *,
    masks: Named = (),
    callback: Callable[[int, float], None] | None = None,
    settings: ComposeSettings,
) -> Transformation:
    """Learns T = argmin |T X - Y|^2 + ridge * |T|^2, where X stacks the elements and Y is the target.

    Args:
        elements: A picture, several, or {name: picture}. What is not of the target's size is resized, if it has its
            aspect.
        target: Y, a picture.
        masks: A mask, several, or {name: mask}, white where a T of its own counts. Where they overlap they share; where
            all are black one more T counts, named 'rest'.
        callback: For gradient descent: called with a step and the loss after it.
        {settings}

    Returns:
        The matrix with its names. `about` has its rank, its error (root mean square, in pixel units), and of gradient
        descent the losses.

    Raises:
        UserError: A picture is none, or has another aspect.

    Example:
        look = fit('before.jpg', 'after.jpg', basis='cubic')
        look.save('look.json')
    """
    pictures, wanted = named(elements), as_picture(target, 'target')
    layers = shares_of_masks(named_masks(masks), wanted.shape[:2])
    fitted = [of_size(as_picture(one, f'element {name}'), wanted.shape[:2], name) for name, one in pictures.items()]
    recipe = Recipe.of(settings, list(pictures), list(layers))
    moments = moments_of(recipe, fitted, list(layers.values()), wanted, settings.pixels)
    found = solve(moments, settings, max(1, len(layers)), callback)
    about = {'settings': settings.recorded(), 'rank': found.rank, 'error': found.error, 'losses': list(found.losses)}
    if found.rank < len(recipe.columns):
        note(
            f'only {found.rank} of the {len(recipe.columns)} elements are linearly independent: many T fit equally '
            'well' + ('' if settings.ridge or settings.constraint != 'none' else ', and the smallest of them is taken')
        )
    return Transformation(found.matrix, recipe, about)


def solve(
    moments: Moments, settings: FitSettings, groups: int = 1, callback: Callable[[int, float], None] | None = None
) -> Solution:
    """Finds T by the method that the settings name; for `groups` see `least_squares`."""
    if settings.method == 'least_squares':
        return least_squares(moments, settings.ridge, settings.constraint, groups)
    from stylegen.compose.descending import descend

    return descend(moments, settings.ridge, settings.constraint, groups, settings.steps, callback)


def moments_of(
    recipe: Recipe, pictures: Sequence[np.ndarray], masks: Sequence[np.ndarray], target: np.ndarray, pixels: int
) -> Moments:
    """The moments of the elements and the target, of so many pixels at most."""
    step = sampling_step(target.shape, pixels)

    def pairs():
        width = target.shape[1]
        for band, x in recipe.bands(pictures, masks, np.float64, step):
            y = target[band].reshape(-1, 3)[-band.start * width % step :: step]
            yield x, y.reshape(1, -1) if recipe.basis == 'pictures' else y.T

    return mean_moments(pairs())


def apply(transformation: Transformation | str | os.PathLike[str], elements: Named, *, masks: Named = ()) -> np.ndarray:
    """Returns T X, clipped to [0, 1]: the picture that a learned T makes of other elements.

    It works band by band, with float32 products, on all processors.

    Args:
        transformation: What `fit` returned, or its file.
        elements: As many pictures as T was learned from, in their order, or by their names. What is not of the size of
            the first is resized, if it has its aspect.
        masks: The masks that T was learned with, in their order or by name; 'rest' is made.

    Returns:
        float32 (H, W, 3) in [0, 1], of the size of the first element.

    Raises:
        UserError: Pictures or masks are missing, too many, or of another aspect.

    Example:
        images.save_image('graded.png', apply('look.json', 'photo.jpg'))
    """
    if not isinstance(transformation, Transformation):
        transformation = Transformation.load(transformation)
    recipe = transformation.recipe
    pictures = [as_picture(one, 'element') for one in _in_order(named(elements), recipe.pictures, 'picture')]
    shape = pictures[0].shape[:2]
    pictures = [of_size(one, shape, name) for one, name in zip(pictures, recipe.pictures, strict=True)]
    layers = []
    if recipe.masks:
        in_order = _in_order(named_masks(masks), [name for name in recipe.masks if name != 'rest'], 'mask')
        shares = shares_of_masks(dict(zip(recipe.masks, in_order, strict=False)), shape)
        layers = [shares.get(name, np.zeros(shape, np.float32)) for name in recipe.masks]
    return product(transformation.matrix, recipe, pictures, layers)


def product(
    matrix: np.ndarray, recipe: Recipe, pictures: Sequence[np.ndarray], masks: Sequence[np.ndarray] = ()
) -> np.ndarray:
    """Returns T X, clipped to [0, 1], float32 (H, W, 3)."""
    matrix = matrix.astype(np.float32)
    out = np.empty_like(pictures[0])
    elements = Elements(recipe, pictures, masks)
    piece = max(1, _SMALL // matrix.size)

    def work(band: slice) -> None:
        x = elements(band)
        values = np.empty((len(matrix), x.shape[1]), np.float32)
        for start in range(0, x.shape[1], piece):
            part = slice(start, start + piece)
            np.matmul(matrix, x[:, part], out=values[:, part])
        rows = values.reshape(-1, 3) if recipe.basis == 'pictures' else values.T
        np.clip(rows, 0, 1, out=out[band].reshape(-1, 3))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(work, elements.bands):
            pass
    return out


def named(pictures: Named, what: str = 'element') -> dict[str, Any]:
    """Returns pictures by name. Without names they are called a, b, c and so on.

    Raises:
        UserError: There is none.
    """
    if isinstance(pictures, Mapping):
        found = {str(name): picture for name, picture in pictures.items()}
    else:
        several = isinstance(pictures, (list, tuple)) and not (len(pictures) and _is_numbers(pictures[0]))
        listed = list(pictures) if several else [pictures]
        found = {_letters(number): picture for number, picture in enumerate(listed)}
    if not found:
        raise UserError(f'give at least one {what}')
    return found


def named_masks(masks: Named) -> dict[str, Any]:
    """Returns masks by name, as `named` names pictures; {} if there are none."""
    none = isinstance(masks, (Mapping, list, tuple)) and not masks
    return {} if none else named(masks, 'mask')


def _is_numbers(value: Any) -> bool:
    """Whether a list is a row of a picture that is written as lists of numbers."""
    return isinstance(value, (list, tuple))


def _letters(number: int) -> str:
    return _LETTERS[number] if number < len(_LETTERS) else f'e{number}'


def _in_order(given: Mapping[str, Any], names: Sequence[str], what: str) -> list[Any]:
    """The pictures or masks in the order of T's names."""
    if len(given) != len(names):
        raise UserError(f'T was learned from {len(names)} {what}s ({", ".join(names)}), got {len(given)}; give as many')
    return [given[name] for name in names] if set(given) == set(names) else list(given.values())


def of_size(picture: np.ndarray, shape: tuple[int, int], name: str) -> np.ndarray:
    """Returns a picture in the size `shape`, resized if it has its aspect.

    Raises:
        UserError: It has another aspect.
    """
    height, width = picture.shape[:2]
    off = abs(width * shape[0] - height * shape[1])
    if off > max(_ASPECT * height * shape[1], max(width, height)):
        raise UserError(
            f'{name} is {width} x {height}, the other picture {shape[1]} x {shape[0]}: of another shape; cut it first'
        )
    return resize(picture, shape).clip(0, 1)


def shares_of_masks(masks: Mapping[str, PictureLike], shape: tuple[int, int]) -> dict[str, np.ndarray]:
    """Returns the share of each mask at every pixel, float32 (H, W). Shares have the sum 1; 'rest' has what is left.

    Without masks there are no shares.

    Raises:
        UserError: A mask is none, has another aspect, or the name 'rest'.
    """
    if not masks:
        return {}
    if 'rest' in masks:
        raise UserError("a mask may not be called 'rest', which is where all are black; give it another name")
    layers = {name: as_mask(mask, f'mask {name}', shape) for name, mask in masks.items()}
    total = np.sum(list(layers.values()), axis=0, dtype=np.float32)
    layers = {name: layer / np.maximum(total, 1) for name, layer in layers.items()}
    rest = np.maximum(1 - total, 0)
    return layers | ({'rest': rest} if rest.max() > 1e-6 else {})
