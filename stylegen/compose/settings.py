"""The settings of the composing functions: which elements a picture gives, and how the matrix T is found."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from stylegen.utils.errors import UserError
from stylegen.utils.settings import Settings, setting

ELEMENTS, FIT, MOSAIC, COLLAGE = 'Elements', 'How T is found', 'Mosaic', 'Collage'  # headings of `--help`
BASES = ('linear', 'affine', 'quadratic', 'cubic', 'quartic', 'root', 'pictures')
METHODS = ('least_squares', 'gradient_descent')
CONSTRAINTS = ('none', 'nonnegative', 'convex')
MOST_RADIUS = 256.0  # of a blur, in pixels


def read_texts(value: Any, name: str) -> tuple[str, ...]:
    """Several texts, or one.

    Raises:
        UserError: It is something else.
    """
    texts = (value,) if isinstance(value, str) else value
    if not isinstance(texts, (list, tuple)) or not all(isinstance(text, str) for text in texts):
        raise UserError(f'expected {name} as one or several texts, got {value!r}')
    return tuple(texts)


def read_radii(value: Any, name: str) -> tuple[float, ...]:
    """Several different radii in pixels, also from a text '2,8'.

    Raises:
        UserError: It has another form, or one is not above 0 and up to `MOST_RADIUS`.
    """
    parts = [part for part in value.split(',') if part.strip()] if isinstance(value, str) else value
    try:
        radii = tuple(float(part) for part in (parts if isinstance(parts, (list, tuple)) else [parts]))
    except (TypeError, ValueError):
        radii = (math.nan,)
    if not all(0 < radius <= MOST_RADIUS for radius in radii) or len(set(radii)) < len(radii):
        raise UserError(
            f'expected {name} as different pixels above 0 up to {MOST_RADIUS:g}, such as 2,8, got {value!r}'
        )
    return radii


def _format_radii(radii: tuple[float, ...]) -> str:
    return ','.join(f'{radius:g}' for radius in radii)


@dataclass(frozen=True, kw_only=True)
class FitSettings(Settings):
    """How T is found: the minimum of the mean of |T X - Y|^2 over the pixels + ridge * |T|^2.

    Attributes:
        method: 'least_squares' solves the normal equations in float64, with an active set where there is a constraint.
            'gradient_descent' takes preconditioned steps in TensorFlow; the two agree to 1e-4.
        constraint: 'nonnegative': no entry of T is below 0. 'convex': besides, each row has the sum 1.
    """

    method: str = setting('least_squares', 'how the minimum is found', group=FIT, choices=METHODS)
    ridge: float = setting(0.0, 'weight of |T|^2 beside the mean squared error', group=FIT, at_least=0)
    constraint: str = setting(
        'none', 'nonnegative: no weight below 0; convex: besides, the weights of a row have the sum 1', group=FIT,
        choices=CONSTRAINTS,
    )  # fmt: skip
    steps: int = setting(1500, 'of gradient descent', group=FIT, at_least=1, at_most=1_000_000)
    pixels: int = setting(
        1_000_000, 'at most so many pixels are compared, spread over the picture', group=FIT, at_least=16
    )


@dataclass(frozen=True, kw_only=True)
class ComposeSettings(FitSettings):
    """Which elements pictures give, and how T is found.

    Attributes:
        basis: What each picture gives: 'linear' r, g, b; 'affine' 1 too; 'quadratic', 'cubic' and 'quartic' all
            products of up to two, three or four channels; 'root' r, g, b and the square roots of products, which keep
            proportions to the exposure (Finlayson, Mackiewicz, Hurlbert 2015, "Color correction using root-polynomial
            regression"). 'pictures': each picture is one element, and T has one row: a blend.
        reach: Copies of the channels, shifted by up to so many pixels, are elements too. T is then a filter.
        blur: Blurred copies of the channels are elements too; standard deviations in pixels.
    """

    basis: str = setting('affine', 'elements of each picture', group=ELEMENTS, choices=BASES)
    reach: int = setting(
        0, 'copies shifted by up to so much are elements too', group=ELEMENTS, at_least=0, at_most=7, unit='pixels'
    )
    blur: tuple[float, ...] = setting(
        (), 'blurred copies are elements too: their radii, such as 2,8', group=ELEMENTS, unit='pixels',
        read=read_radii, write=_format_radii,
    )  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.basis == 'pictures' and (self.reach or self.blur):
            raise UserError('reach and blur are for the channels; with basis=pictures an element is a whole picture')


@dataclass(frozen=True, kw_only=True)
class BlendSettings(FitSettings):
    """How several pictures are blended."""

    constraint: str = setting(
        'convex', 'convex: weights from 0 with the sum 1; nonnegative: from 0; none: any', group=FIT,
        choices=CONSTRAINTS,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class GradeSettings(Settings):
    """How a colour grade is learned from a picture before and after.

    Attributes:
        ridge: The weight of a term that holds T to the best affine map, in all colours of the cube alike. It decides
            what becomes of colours that the pair does not show. 0: nothing does.
    """

    basis: str = setting(
        'cubic', 'elements of a colour', group=FIT, choices=tuple(basis for basis in BASES if basis != 'pictures')
    )
    ridge: float = setting(
        1e-3, 'how much colours that the pair does not show follow its best affine map', group=FIT, at_least=0
    )
    pixels: int = setting(400_000, 'at most so many pixels are compared', group=FIT, at_least=16)


@dataclass(frozen=True, kw_only=True)
class MosaicSettings(Settings):
    """How a picture is made of tiles.

    Attributes:
        most: None: twice what the number of blocks needs, and 4 at least.
        apart: Within a square of so many blocks around a block its tile is not used again.
        tint: 0 leaves the tiles as they are. 1 gives each the mean colour of its block.
        detail: A tile is compared with a block in detail x detail places.
    """

    columns: int = setting(100, 'blocks in a row', group=MOSAIC, at_least=1, at_most=2000)
    tile_size: int = setting(24, 'side of a tile in the result', group=MOSAIC, at_least=2, at_most=512, unit='pixels')
    most: int | None = setting(
        None, 'no tile is used more often; by default twice what the blocks need', group=MOSAIC, at_least=1
    )
    apart: int = setting(3, 'no tile is used again within so many blocks', group=MOSAIC, at_least=0, at_most=20)
    tint: float = setting(
        0.3, 'how much a tile takes the mean colour of its block: 0 to 1', group=MOSAIC, at_least=0, at_most=1
    )
    detail: int = setting(4, 'places a side in which tile and block are compared', group=MOSAIC, at_least=1, at_most=16)
    seed: int = setting(0, 'of what is random: the tiles that are cut, the order of swaps', group=MOSAIC, at_least=0)


@dataclass(frozen=True, kw_only=True)
class CollageSettings(Settings):
    """How parts are put into a scene.

    Attributes:
        gradients: 'part' keeps the gradients of the part (Perez, Gangnet, Blake 2003, "Poisson image editing", eq. 10),
            'mixed' at each place the stronger ones of the part and the scene (eq. 12), 'none' only lays the part over.
    """

    gradients: str = setting(
        'part', 'which gradients count within a mask; mixed: the stronger ones; none: pixels are laid over',
        group=COLLAGE, choices=('part', 'mixed', 'none'),
    )  # fmt: skip
