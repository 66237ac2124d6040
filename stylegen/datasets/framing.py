"""Converts a picture file of any kind and size to bytes of one size: decodes, cuts, resizes."""

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from stylegen.images.animated import count_frames
from stylegen.images.decoding import ORIENTATION, opened, to_upright
from stylegen.images.pixels import on_white, to_uint8
from stylegen.utils.errors import UserError, unknown
from stylegen.utils.files import quoted

_PADDING = 255  # white, as behind transparency
FIT = 'crop'  # the default
_REDUCING_GAP = 3.0  # Pillow may first shrink by box averages to this multiple of the target size


@dataclass(frozen=True)
class Decoded:
    """A decoded picture: uint8 HxW (grey) or HxWx3 in sRGB, upright.

    Attributes:
        pixels: The pixels of the first frame or page.
        alpha: Whether it had transparency.
        notes: Lines about what was not read exactly as stored, see `stylegen.images.decoding.Upright`.
        frames: The number of frames or pages.
    """

    pixels: np.ndarray
    alpha: bool = False
    notes: tuple[str, ...] = ()
    frames: int = 1


def decode(data: bytes, name: str | os.PathLike[str], least: tuple[int, int] | None = None) -> Decoded:
    """Decodes the bytes of a picture file. Transparency is laid on white; an animation gives its first frame.

    Args:
        data: JPEG, PNG, WebP, TIFF, GIF, BMP, PPM, JPEG 2000 or AVIF, in any colour mode.
        name: The name of the file, for messages.
        least: The (height, width) that is needed. A large JPEG may be decoded at a half, quarter or eighth of its size,
            but not smaller than this.

    Raises:
        UserError: The data are empty, no picture or damaged.
    """
    if not data:
        raise UserError(f'{quoted(name)} is empty (0 bytes); copy or download it again')
    with opened(data, name) as image:
        frames = count_frames(image)
        if _is_plain(image):
            if least:
                image.draft(None, (least[1], least[0]))
            return Decoded(np.asarray(image), frames=frames)
        pixels, alpha, notes = to_upright(image, quoted(name))
    pixels = to_uint8(pixels if alpha is None else on_white(pixels, alpha))
    return Decoded(pixels, alpha is not None, notes, frames)


def _is_plain(image: Image.Image) -> bool:
    """Returns whether Pillow's bytes can be used without a conversion through floats."""
    if image.mode not in ('L', 'RGB') or image.has_transparency_data or image.info.get('icc_profile'):
        return False
    with contextlib.suppress(Exception):  # ignore a damaged EXIF block
        return image.getexif().get(ORIENTATION, 1) == 1
    return True


def _crop(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Cuts the largest centred part with the aspect of `size`, and resizes it."""
    scale = min(image.height / size[0], image.width / size[1])
    height, width = (
        min(size[0] * scale, image.height),
        min(size[1] * scale, image.width),
    )  # rounding may exceed the picture
    left, top = (image.width - width) / 2, (image.height - height) / 2
    return _resized(image, size, (left, top, left + width, top + height))


def _pad(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Resizes the whole picture and puts it in the middle of white."""
    scale = min(size[0] / image.height, size[1] / image.width)
    inner = max(1, round(image.height * scale)), max(1, round(image.width * scale))
    canvas = Image.new(image.mode, size[::-1], (_PADDING,) * len(image.getbands()))
    canvas.paste(_resized(image, inner), ((size[1] - inner[1]) // 2, (size[0] - inner[0]) // 2))
    return canvas


def _resized(
    image: Image.Image, size: tuple[int, int], box: tuple[float, float, float, float] | None = None
) -> Image.Image:
    """Resizes: antialiased Lanczos if a side shrinks, bicubic otherwise, as in `pixels.resize`."""
    left, top, right, bottom = box or (0, 0, image.width, image.height)
    shrinks = size[0] < bottom - top or size[1] < right - left
    method = Image.Resampling.LANCZOS if shrinks else Image.Resampling.BICUBIC
    return image.resize(size[::-1], method, box, reducing_gap=_REDUCING_GAP if shrinks else None)


FITS: dict[str, Callable[[Image.Image, tuple[int, int]], Image.Image]] = {
    'crop': _crop,
    'pad': _pad,
    'stretch': _resized,
}


def fit_of(rule: str | None) -> str:
    """Returns the name in FITS with which a `Framing.rule` begins; the default where there is none."""
    name = (rule or FIT).partition(';')[0]
    return name if name in FITS else FIT


@dataclass(frozen=True)
class Framing:
    """How pictures are brought to one size and number of channels.

    Args:
        size: (height, width).
        channels: 1 (grey, by Rec. 601) or 3.
        fit: A name in FITS: 'crop' to the aspect, 'pad' with white, or 'stretch'.

    Raises:
        UserError: A side is below 1, or the channels or `fit` are not allowed.
    """

    size: tuple[int, int]
    channels: int
    fit: str = FIT

    def __post_init__(self) -> None:
        if min(self.size) < 1:
            raise UserError(f'sides are at least 1 pixel; got {self.size[0]} x {self.size[1]}')
        if self.channels not in (1, 3):
            raise UserError(f'pictures have 1 channel (grey) or 3 (colour); got {self.channels}')
        if self.fit not in FITS:
            raise unknown('way to fit a picture', self.fit, FITS)

    @property
    def least(self) -> tuple[int, int]:
        """The (height, width) at which a picture should be decoded, see `decode`."""
        return 2 * self.size[0], 2 * self.size[1]

    @property
    def rule(self) -> str:
        """The conversion in words, for a record."""
        return f'{self.fit}; antialiased Lanczos to shrink, bicubic to enlarge; transparency on white'

    def __call__(self, decoded: Decoded) -> np.ndarray:
        """Returns uint8 (height, width, channels)."""
        if decoded.pixels.shape == (*self.size, 3)[: 3 if self.channels == 3 else 2]:
            return decoded.pixels.reshape(*self.size, self.channels)
        image = Image.fromarray(decoded.pixels)
        image = image if len(image.getbands()) == self.channels else image.convert('L' if self.channels == 1 else 'RGB')
        if (image.height, image.width) != self.size:
            image = FITS[self.fit](image, self.size)
        return np.asarray(image).reshape(*self.size, self.channels)
