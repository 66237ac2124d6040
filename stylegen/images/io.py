"""Pictures in and out: every common kind read as float32 RGB HWC in [0, 1], and written so that no file is lost.

Colour management is here too: what is read is converted to sRGB, and what is written says that it is sRGB.
"""

import contextlib
import hashlib
import io
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from stylegen.images.decoding import MAX_PIXELS, decoded, opened, srgb_profile
from stylegen.images.pixels import as_rgb, fit, quantize, resize
from stylegen.images.sixteen_bit import png_bytes, tiff_bytes
from stylegen.utils.errors import UserError
from stylegen.utils.files import check_target, plain, read_bytes, replacing, settings_beside, shown
from stylegen.utils.files import sidecar as sidecar_path

_KEY = 'stylegen'
_DESCRIPTION = 0x010E  # the EXIF and TIFF tag ImageDescription


@dataclass(frozen=True)
class Format:
    """What a file format can hold: `longest` is its greatest side, `text` its greatest settings, in characters."""

    name: str
    alpha: bool = False
    deep: bool = False
    profile: bool = True
    text: int = 0
    longest: int = 2**31 - 1


_JPEG = Format('JPEG', text=65_000, longest=65_500)
_TIFF = Format('TIFF', alpha=True, deep=True, text=2**30)
FORMATS = {
    '.png': Format('PNG', alpha=True, deep=True, text=2**30),
    '.jpg': _JPEG,
    '.jpeg': _JPEG,
    '.webp': Format('WEBP', alpha=True, text=2**30, longest=16_383),
    '.tif': _TIFF,
    '.tiff': _TIFF,
    '.bmp': Format('BMP', profile=False),
    '.gif': Format('GIF', profile=False, longest=65_535),
}
SUFFIXES = (*FORMATS, '.ppm', '.pgm', '.pbm', '.pnm', '.jp2', '.avif', '.jfif')  # of files that can be read


@dataclass(frozen=True)
class Picture:
    """A picture that was read.

    Attributes:
        pixels: HxWx3 float32 in [0, 1], sRGB, upright.
        alpha: HxW float32 in [0, 1], where the file has transparency.
        path: as it was given.
        sha256: of the file's bytes, in hexadecimal.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None
    path: str
    sha256: str


def load_picture(path: str | os.PathLike[str], size: int | None = None) -> Picture:
    """Read a picture: JPEG, PNG, WebP, TIFF, GIF, BMP (and PPM, JPEG 2000, AVIF), in any colour mode.

    EXIF orientation is applied. An ICC profile is converted to sRGB (relative colorimetric, black point compensation,
    8 bits); a profile that is sRGB already changes nothing. Alpha is kept aside, and the colours under it stay as they
    are. Of an animation or a file of many pages the first picture is read.

    16-bit grey keeps its full precision (and then its profile is not applied). 16-bit colour does where OpenCV is there
    and no profile changes the colours; otherwise it is read at 8 bits. For grey in floats see `ranges`; NaN is black.
    Grey in 32-bit integers is taken to be in [0, 255] or [0, 65535], whichever holds all its values, or else stretched
    from its least to its greatest value.

    A `stylegen.utils.Note` says what was not taken quite as it stood: a profile that is damaged or of another kind of
    picture, a range of values other than [0, 1], 16 bits that were read as 8.

    Args:
        path: a file.
        size: the longest side wanted, in pixels; smaller pictures are enlarged. Default: as it is.

    Raises:
        UserError: the file is missing, empty, unreadable, no picture, damaged or above MAX_PIXELS; its floats are in
            no range that is known; a size below 1.
    """
    if size is not None and size < 1:
        raise UserError(f'the size of a picture is at least 1 pixel; got {size}')

    def check(image: Image.Image) -> None:
        if size is not None and math.prod(fit((image.height, image.width), size)) > MAX_PIXELS:
            raise UserError(f'{shown(path)} at size {size} is above {MAX_PIXELS // 10**6} million pixels; use less')

    data = read_bytes(path)
    pixels, alpha, _ = decoded(data, path, check)
    if size is not None:
        shape = fit(pixels.shape, size)
        pixels = np.clip(resize(pixels, shape), 0, 1)
        alpha = None if alpha is None else np.clip(resize(alpha, shape), 0, 1)
    return Picture(pixels, alpha, os.fspath(path), hashlib.sha256(data).hexdigest())


def load_image(path: str | os.PathLike[str], size: int | None = None) -> np.ndarray:
    """The pixels of `load_picture`: HxWx3 float32 in [0, 1]."""
    return load_picture(path, size).pixels


def check_writable(path: str | os.PathLike[str], shape: tuple[int, ...] | None = None, depth: int = 8) -> None:
    """Refuse now, before the hours of work, what `save_image` would refuse; nothing is left behind.

    Args:
        path: where a picture is to go.
        shape: its (height, width, ...), where that is known.
        depth: bits a channel.

    Raises:
        UserError: the suffix is not among FORMATS, the folder cannot be made or written into, the path is a folder, or
            the picture has more pixels a side, or bits a channel, than the format holds.
    """
    check_target(path, FORMATS)
    kind = FORMATS[Path(path).suffix.lower()]
    if shape and max(shape[:2]) > kind.longest:
        raise UserError(f'{shown(path)}: {kind.name} holds at most {kind.longest} pixels a side; save as PNG')
    if depth not in (8, 16) or (depth == 16 and not kind.deep):
        deep = ', '.join(suffix for suffix, other in FORMATS.items() if other.deep)
        raise UserError(f'{shown(path)}: {depth} bits a channel; there are 8, and 16 for {deep}')


def save_image(
    path: str | os.PathLike[str],
    image: np.ndarray,
    *,
    alpha: np.ndarray | None = None,
    quality: int = 95,
    depth: int = 8,
    settings: Mapping[str, Any] | None = None,
    sidecar: bool = False,
    overwrite: bool = True,
) -> Path:
    """Write a picture; an earlier file at `path` is replaced in one step, or stays whole if anything fails.

    Args:
        path: where to; its suffix, one of FORMATS, names the format.
        image: HxWx3 (or HxW, HxWx1: grey) float in [0, 1], sRGB; clipped and rounded.
        alpha: HxW float in [0, 1]; JPEG, BMP and GIF drop it.
        quality: 1 to 100, for JPEG and WebP; at 100 WebP is lossless.
        depth: bits a channel: 8, or for PNG and TIFF 16.
        settings: how the picture was made; what JSON lacks becomes text. PNG, TIFF, WebP and JPEG (up to 65,000
            characters) carry it within.
        sidecar: write the settings to `<path>.json` too, as is done anyway where the file cannot carry them.
        overwrite: False never replaces a file, see `stylegen.utils.files.replacing`.

    Returns:
        The path.

    Raises:
        FileExistsError: the path is there and is not to be overwritten.
        UserError: what `check_writable` refuses; a quality that there is not.
        ValueError: an array that is no image, or has values that are not finite.
        OSError: the disk is full, or fails.
    """
    path = Path(path).expanduser()
    check_writable(path, np.shape(image), depth)
    kind = FORMATS[path.suffix.lower()]
    if not 1 <= quality <= 100:
        raise UserError(f'{shown(path)}: quality is from 1 to 100; got {quality}')
    pixels = quantize(as_rgb(image), depth)
    if alpha is not None and kind.alpha:
        alpha = np.asarray(alpha)
        if alpha.shape != pixels.shape[:2]:
            raise ValueError(f'alpha {alpha.shape} and image {pixels.shape} are of different sizes')
        pixels = np.dstack([pixels, quantize(alpha, depth)])
    settings = None if settings is None else plain(settings)
    data = (_encode_deep if depth == 16 else _encode)(kind, pixels, settings, quality)
    beside = sidecar or len(_text(settings)) > kind.text
    with settings_beside(path, settings if beside else None), replacing(path, overwrite) as temp:
        temp.write_bytes(data)
    return path


def _encode(kind: Format, pixels: np.ndarray, settings: dict | None, quality: int) -> bytes:
    options: dict[str, Any] = {'icc_profile': srgb_profile()} if kind.profile else {}
    if kind.name == 'PNG':
        options['pnginfo'] = info = PngInfo()
        if settings is not None:
            info.add_itxt(_KEY, json.dumps(settings))
    elif settings is not None and len(text := _text(settings)) <= kind.text:
        options['exif'] = exif = Image.Exif()
        exif[_DESCRIPTION] = text
    if kind.name == 'JPEG':
        options |= {'quality': quality, 'subsampling': 0 if quality >= 90 else 2}
    elif kind.name == 'WEBP':
        options |= {'quality': quality, 'lossless': quality == 100, 'exact': True}
    elif kind.name == 'TIFF':
        options['compression'] = 'tiff_adobe_deflate'
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind.name, **options)
    return buffer.getvalue()


def _text(settings: dict | None) -> str:
    """Settings as a file carries them, under a name of ours."""
    return json.dumps({_KEY: settings})


def _encode_deep(kind: Format, pixels: np.ndarray, settings: dict | None, quality: int) -> bytes:
    if kind.name == 'PNG':
        return png_bytes(pixels, srgb_profile(), {} if settings is None else {_KEY: json.dumps(settings)})
    return tiff_bytes(pixels, srgb_profile(), '' if settings is None else _text(settings))


def read_settings(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The settings that a picture or animation was made with: from the file itself, or else its sidecar.

    Raises:
        UserError: the file cannot be read, or there are no settings in it or beside it.
    """
    found = _embedded(read_bytes(path), path)
    if found is None and os.path.isfile(sidecar_path(path)):
        found = _parsed(read_bytes(sidecar_path(path)))
    if found is None:
        raise UserError(f'{shown(path)} has no settings in it, nor in a file {shown(sidecar_path(path))} beside it')
    return found


def _embedded(data: bytes, path: str | os.PathLike[str]) -> dict[str, Any] | None:
    with contextlib.suppress(UserError), opened(data, path) as image:
        if _KEY in image.info:
            return _parsed(image.info[_KEY])
        outer = _parsed(image.getexif().get(_DESCRIPTION)) or {}
        return outer[_KEY] if isinstance(outer.get(_KEY), dict) else None
    return None


def _parsed(text: Any) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except (TypeError, ValueError):
        return None
    return value if isinstance(value, dict) else None
