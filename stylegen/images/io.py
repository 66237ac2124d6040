"""Reads every common kind of picture as float32 RGB HWC in [0, 1], and writes pictures without losing files.

It also manages colour: it converts what it reads to sRGB, and marks what it writes as sRGB.
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

from stylegen.images.decoding import MAX_PIXELS, decode_bytes, opened, srgb_profile
from stylegen.images.pixels import as_rgb, fit, from_uint8, on_white, quantize, resize
from stylegen.images.sixteen_bit import png_bytes, tiff_bytes
from stylegen.utils.errors import UserError
from stylegen.utils.files import as_json, atomic_write, check_target, quoted, read_bytes, settings_beside
from stylegen.utils.files import sidecar as sidecar_path

_KEY = 'stylegen'
_DESCRIPTION = 0x010E  # the EXIF and TIFF tag ImageDescription


@dataclass(frozen=True)
class Format:
    """What a file format can store.

    Attributes:
        name: Pillow's name.
        alpha: Whether it stores transparency.
        deep: Whether it stores 16 bits a channel.
        profile: Whether it stores a colour profile.
        text: The most characters of settings.
        longest: The longest side, in pixels.
    """

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
        alpha: HxW float32 in [0, 1], or None if the file has no transparency.
        path: The path as given.
        sha256: Of the file's bytes, in hexadecimal.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None
    path: str
    sha256: str


def load_picture(path: str | os.PathLike[str], size: int | None = None) -> Picture:
    """Reads a picture: JPEG, PNG, WebP, TIFF, GIF, BMP (and PPM, JPEG 2000, AVIF), in any colour mode.

    EXIF orientation is applied. An ICC profile is converted to sRGB (relative colorimetric, black point compensation, 8
    bits); an sRGB profile changes nothing. Alpha is stored apart, and the colours under it stay. Of an animation or a
    file of several pages the first picture is read.

    16-bit grey keeps its full precision, and its profile is not applied. 16-bit colour keeps it if OpenCV is installed
    and no profile changes the colours; otherwise it is read at 8 bits. For grey in floats see `ranges`; NaN is black.
    Grey in 32-bit integers is taken as [0, 255] or [0, 65535], the smaller range that holds all values, or else
    stretched from its lowest to its highest value.

    A `stylegen.utils.Note` says what was not read exactly as stored: a damaged or unsuitable profile, a range of values
    other than [0, 1], 16 bits read as 8.

    Args:
        path: A file.
        size: The longest side, in pixels; smaller pictures are enlarged. By default the picture keeps its size.

    Raises:
        UserError: The file is missing, empty, unreadable, no picture, damaged or above MAX_PIXELS; its floats are in no
            known range; `size` is below 1.

    Example:
        picture = load_picture('photo.jpg', size=512)
        picture.pixels.shape  # (384, 512, 3)
    """
    if size is not None and size < 1:
        raise UserError(f'the size of a picture is at least 1 pixel; got {size}')

    def check(image: Image.Image) -> None:
        if size is not None and math.prod(fit((image.height, image.width), size)) > MAX_PIXELS:
            raise UserError(f'{quoted(path)} at size {size} is above {MAX_PIXELS // 10**6} million pixels; use less')

    data = read_bytes(path)
    pixels, alpha, _ = decode_bytes(data, path, check)
    if size is not None:
        shape = fit(pixels.shape, size)
        pixels = np.clip(resize(pixels, shape), 0, 1)
        alpha = None if alpha is None else np.clip(resize(alpha, shape), 0, 1)
    return Picture(pixels, alpha, os.fspath(path), hashlib.sha256(data).hexdigest())


def load_image(path: str | os.PathLike[str], size: int | None = None) -> np.ndarray:
    """Reads the pixels of a picture as float32 (height, width, 3) in [0, 1]. See `load_picture`.

    Args:
        path: A file.
        size: The longest side, in pixels. By default the picture keeps its size.

    Raises:
        UserError: As for `load_picture`.

    Example:
        photo = load_image('photo.jpg', size=512)
    """
    return load_picture(path, size).pixels


def check_writable(path: str | os.PathLike[str], shape: tuple[int, ...] | None = None, depth: int = 8) -> None:
    """Checks, before any work is done, that `save_image` can write. It leaves no file behind.

    Args:
        path: The target.
        shape: The picture's (height, width, ...), if known.
        depth: Bits a channel.

    Raises:
        UserError: The suffix is not in FORMATS, the folder cannot be created or written to, the path is a folder, or
            the format cannot store so many pixels a side or bits a channel.

    Example:
        check_writable('out.png', (3000, 4000), depth=16)
    """
    path = Path(path).expanduser()
    check_target(path, FORMATS)
    kind = FORMATS[path.suffix.lower()]
    if shape and max(shape[:2]) > kind.longest:
        raise UserError(f'{quoted(path)}: {kind.name} holds at most {kind.longest} pixels a side; save as PNG')
    if depth not in (8, 16) or (depth == 16 and not kind.deep):
        deep = ', '.join(suffix for suffix, other in FORMATS.items() if other.deep)
        raise UserError(f'{quoted(path)}: {depth} bits a channel are not possible; use 8, or 16 for {deep}')


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
    """Writes a picture. It replaces an earlier file in one step; on failure the earlier file stays as it was.

    Args:
        path: The target; its suffix, one of FORMATS, chooses the format.
        image: HxWx3 (or HxW, HxWx1: grey) float in [0, 1], sRGB. It is clipped and rounded.
        alpha: HxW float in [0, 1]. JPEG, BMP and GIF lack it: transparent parts are white in them.
        quality: 1 to 100, for JPEG and WebP. At 100 WebP is lossless.
        depth: Bits a channel: 8, or for PNG and TIFF 16.
        settings: How the picture was made; values that JSON lacks become text. PNG, TIFF, WebP and JPEG (up to 65,000
            characters) store it inside.
        sidecar: Also writes the settings to `<path>.json`. This is always done if the format cannot store them.
        overwrite: False never replaces a file, see `stylegen.utils.files.atomic_write`.

    Returns:
        The path.

    Raises:
        FileExistsError: The file exists and `overwrite` is False.
        UserError: `check_writable` refuses the path, or `quality` is out of range.
        ValueError: The array is no image, or has values that are not finite.
        OSError: The disk is full or fails.

    Example:
        save_image('out.png', image, settings={'steps': 100})
    """
    path = Path(path).expanduser()
    check_writable(path, np.shape(image), depth)
    kind = FORMATS[path.suffix.lower()]
    if not 1 <= quality <= 100:
        raise UserError(f'{quoted(path)}: quality is from 1 to 100; got {quality}')
    pixels = quantize(as_rgb(image), depth)
    if alpha is not None:
        alpha = np.asarray(alpha)
        if alpha.shape != pixels.shape[:2]:
            raise ValueError(f'alpha {alpha.shape} and image {pixels.shape} are of different sizes')
        opacity = quantize(alpha, depth)
        if kind.alpha:
            pixels = np.dstack([pixels, opacity])
        else:
            pixels = quantize(on_white(np.clip(as_rgb(image), 0, 1), from_uint8(opacity)))
    settings = None if settings is None else as_json(settings)
    data = (_encode_deep if depth == 16 else _encode)(kind, pixels, settings, quality)
    beside = sidecar or len(_text(settings)) > kind.text
    with settings_beside(path, settings if beside else None), atomic_write(path, overwrite) as temp:
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
    """Returns the settings as the text that a file stores."""
    return json.dumps({_KEY: settings})


def _encode_deep(kind: Format, pixels: np.ndarray, settings: dict | None, quality: int) -> bytes:
    if kind.name == 'PNG':
        return png_bytes(pixels, srgb_profile(), {} if settings is None else {_KEY: json.dumps(settings)})
    return tiff_bytes(pixels, srgb_profile(), '' if settings is None else _text(settings))


def read_settings(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads the settings of a picture or animation from the file itself, or else from its sidecar.

    Raises:
        UserError: The file cannot be read, or has no settings in it or beside it.

    Example:
        read_settings('out.png')['steps']
    """
    path = Path(path).expanduser()
    found = _embedded(read_bytes(path), path)
    if found is None and os.path.isfile(sidecar_path(path)):
        found = _parsed(read_bytes(sidecar_path(path)))
    if found is None:
        raise UserError(f'{quoted(path)} has no settings in it, nor in a file {quoted(sidecar_path(path))} beside it')
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
