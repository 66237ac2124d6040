"""Decodes the bytes of a picture file of any colour mode to upright sRGB pixels."""

import contextlib
import functools
import io
import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageCms, UnidentifiedImageError

from stylegen.images.pixels import from_uint8
from stylegen.images.png_chunks import SIGNATURE, essential_chunks
from stylegen.images.ranges import BYTES, DEEP, IN_FILES, UNIT, Range, range_of, scaled
from stylegen.images.sixteen_bit import is_colour, read_at_16_bits
from stylegen.utils.errors import UserError
from stylegen.utils.files import quoted
from stylegen.utils.notes import note
from stylegen.utils.process_settings import ProcessSetting

MAX_PIXELS = 250_000_000
ORIENTATION = 0x0112  # the EXIF tag
TURNED = (5, 6, 7, 8)  # values of it by which width and height change places
_READ = (
    'JPEG',
    'PNG',
    'WEBP',
    'TIFF',
    'GIF',
    'BMP',
    'DIB',
    'PPM',
    'JPEG2000',
    'AVIF',
)  # no format whose decoder runs a program

_NOTES = 'stylegen notes'  # a key of `Image.info`
_PILLOWS_LIMIT = ProcessSetting(
    lambda: Image.MAX_IMAGE_PIXELS, lambda limit: setattr(Image, 'MAX_IMAGE_PIXELS', limit)
)  # Pillow's own limit of pixels; it is off while ours is checked


class Upright(NamedTuple):
    """A decoded picture, upright.

    Attributes:
        pixels: HxWx3 float32 in [0, 1], sRGB.
        alpha: HxW float32 in [0, 1], or None if there is no transparency.
        notes: Lines about what was not read exactly as stored. They say "it" for the picture.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None
    notes: tuple[str, ...]


@contextlib.contextmanager
def opened(data: bytes, path: str | os.PathLike[str]) -> Iterator[Image.Image]:
    """Opens the picture in `data` with Pillow and reads its header.

    Raises:
        UserError: It cannot be opened, or something fails inside the block.
    """
    Image.init()
    notes: tuple[str, ...] = ()
    if data.startswith(SIGNATURE):
        data, notes = essential_chunks(data)
    with _PILLOWS_LIMIT.at(None):
        try:
            with Image.open(io.BytesIO(data), formats=[name for name in _READ if name in Image.OPEN]) as image:
                _check_size(image, quoted(path))
                image.info[_NOTES] = notes
                yield image
        except UnidentifiedImageError:
            raise UserError(f'{quoted(path)} is not a picture that can be read; convert it to PNG or JPEG') from None
        except (UserError, MemoryError):
            raise
        except Exception as error:  # Pillow's decoders raise nearly anything
            raise UserError(
                f'{quoted(path)} is damaged or cut short ({_reason(error)}); copy or download it again'
            ) from error


def from_pillow(image: Image.Image, name: str) -> Upright:
    """Converts a picture that Pillow opened or created; `name` is how an error calls it.

    Raises:
        UserError: It has more than MAX_PIXELS, or its pixels cannot be read.
    """
    with _PILLOWS_LIMIT.at(None):
        _check_size(image, name)
        try:
            return to_upright(image, name)
        except (UserError, MemoryError):
            raise
        except Exception as error:
            raise UserError(f'Pillow cannot read the pixels of {name} ({_reason(error)}); open it again') from error


def _check_size(image: Image.Image, name: str) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise UserError(
            f'{name} has {image.width} x {image.height} pixels, above the limit of '
            f'{MAX_PIXELS // 10**6} million; make it smaller first'
        )


def _reason(error: Exception) -> str:
    return ' '.join(str(error).split()) or type(error).__name__


def decode_bytes(
    data: bytes, path: str | os.PathLike[str], check: Callable[[Image.Image], None] = lambda image: None
) -> Upright:
    """Decodes the bytes of a file and emits its notes. Calls `check` before it reads the pixels.

    Raises:
        UserError: As for `opened`.
    """
    with opened(data, path) as image:
        check(image)
        upright = to_upright(image, quoted(path))
        deep = is_colour(data, image)
    if deep:
        pixels, alpha, line = read_at_16_bits(data, upright.pixels, upright.alpha)
        upright = Upright(pixels, alpha, (*upright.notes, *filter(None, [line])))
    for line in upright.notes:
        note(f'{quoted(path)}: {line}')
    return upright


def to_upright(image: Image.Image, name: str) -> Upright:
    """Converts an open picture of Pillow's; `name` is how an error calls it."""
    image.load()
    notes = list(image.info.get(_NOTES, ()))
    alpha = None
    icc = image.info.get('icc_profile')
    if image.mode in ('I', 'F') or image.mode.startswith('I;16'):
        grey, grey_notes = _grey(np.asarray(image), name)
        notes += grey_notes + (['its colour profile is not applied (it has more than 8 bits)'] if icc else [])
        pixels = np.repeat(grey[..., None], 3, axis=2)
    else:
        base = image
        if image.has_transparency_data:
            base = image.convert('RGBA')
            alpha = from_uint8(np.asarray(base.getchannel('A')))
        if image.mode in ('1', 'L', 'LA'):
            base = image.convert('L')
        elif image.mode not in ('RGB', 'CMYK', 'LAB'):
            base = base.convert('RGB')
        converted, fault = _to_srgb(base, icc)
        notes += [f'its colour profile is not applied ({fault})'] if fault else []
        pixels = from_uint8(np.asarray(converted))
    orientation = _orientation(image)
    return Upright(_upright(pixels, orientation), None if alpha is None else _upright(alpha, orientation), tuple(notes))


def _grey(values: np.ndarray, name: str) -> tuple[np.ndarray, list[str]]:
    """Returns 16- or 32-bit grey as float32 in [0, 1], and notes about how it was read."""
    if values.dtype.itemsize == 2:
        return scaled(values, DEEP), []
    notes, finite = [], values[np.isfinite(values)]
    if values.dtype.kind == 'f':
        of = range_of(finite, name, IN_FILES) if finite.size else UNIT
    else:
        low, high = float(values.min()), float(values.max())
        known = (range_ for range_ in (BYTES, DEEP) if low >= 0 and high <= range_.high)
        of = next(known, Range(low, max(high, low + 1)))
    if of != UNIT:
        notes.append(f'its values are read as {of}')
    if finite.size < values.size:
        values = np.nan_to_num(values, nan=of.low, posinf=of.high, neginf=of.low)
        notes.append('some of its values are NaN or infinite, and read as black or white')
    return scaled(values.astype(np.float64) - of.low, Range(0, of.high - of.low)), notes


def upright_size(image: Image.Image) -> tuple[int, int]:
    """The width and height of an open picture of Pillow's, as `to_upright` turns it."""
    if image.format == 'TIFF' and _orientation(image) in TURNED:
        image.load()  # Pillow turns it, and forgets the orientation
    turned = _orientation(image) in TURNED
    return (image.height, image.width) if turned else (image.width, image.height)


def _orientation(image: Image.Image) -> int:
    with contextlib.suppress(Exception):  # ignore a damaged EXIF block
        return image.getexif().get(ORIENTATION, 1)
    return 1


def _upright(array: np.ndarray, orientation: int) -> np.ndarray:
    """Undoes EXIF orientation 1 to 8. Invalid orientations are ignored.

    Pillow's `exif_transpose` turns Pillow's images only. A picture of 16 bits a channel is an array here.
    """
    if orientation in TURNED:
        array = array.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return np.ascontiguousarray(array)


@functools.cache
def srgb_profile() -> bytes:
    """Returns an sRGB profile. Its date is fixed, so that equal pictures give equal files."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()
    return profile[:24] + bytes([7, 208, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0]) + profile[36:]


def _to_srgb(image: Image.Image, icc: bytes | None) -> tuple[Image.Image, str]:
    """Converts an L, RGB, CMYK or LAB image to sRGB by its profile.

    Returns:
        The image, and why its profile was not applied; '' if it was.
    """
    if image.mode == 'LAB':
        icc = ImageCms.ImageCmsProfile(ImageCms.createProfile('LAB')).tobytes()
    if not icc:
        return image.convert('RGB'), ''
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        space = source.profile.xcolor_space.strip()
        mode = {'RGB': 'RGB', 'GRAY': 'L', 'CMYK': 'CMYK', 'Lab': 'LAB'}.get(space, '')
        if mode != image.mode and (mode, image.mode) != ('RGB', 'L'):
            return image.convert('RGB'), f'it is for {space}, the picture is {image.mode}'
        transform = ImageCms.buildTransform(
            source,
            ImageCms.ImageCmsProfile(io.BytesIO(srgb_profile())),
            mode,
            'RGB',
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        if mode in ('CMYK', 'LAB') or not _is_identity(transform, mode):
            return transform.apply(image.convert(mode)), ''
    except MemoryError:
        raise
    except Exception:  # any error of lcms
        return image.convert('RGB'), 'it is damaged'
    return image.convert('RGB'), ''


def _is_identity(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Returns whether a transform changes every colour by at most 2 of 255 levels, as any maker's sRGB profile does."""
    levels = np.linspace(0, 255, 9).round().astype(np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(27, 27, 3)
    probe = Image.fromarray(cube).convert(mode)
    moved = np.asarray(transform.apply(probe), int) - np.asarray(probe.convert('RGB'), int)
    return bool(np.abs(moved).max() <= 2)
