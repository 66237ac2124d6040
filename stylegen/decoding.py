"""From the bytes of a picture file to upright sRGB pixels, whatever the file's colour mode."""

import contextlib
import functools
import io
import os
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageCms, UnidentifiedImageError

from stylegen.errors import UserError
from stylegen.files import shown
from stylegen.pixels import from_uint8
from stylegen.process_settings import ProcessSetting

MAX_PIXELS = 250_000_000
ORIENTATION = 0x0112  # the EXIF tag
_READ = ('JPEG', 'PNG', 'WEBP', 'TIFF', 'GIF', 'BMP', 'DIB', 'PPM', 'JPEG2000', 'AVIF')  # none that runs a program

_PILLOWS_LIMIT = ProcessSetting(
    lambda: Image.MAX_IMAGE_PIXELS, lambda limit: setattr(Image, 'MAX_IMAGE_PIXELS', limit)
)  # of pixels; set aside, since ours is checked


@contextlib.contextmanager
def opened(data: bytes, path: str | os.PathLike[str]) -> Iterator[Image.Image]:
    """The picture in `data`, its header read; whatever goes wrong with it in the block is the user's to mend."""
    Image.init()
    with _PILLOWS_LIMIT.at(None):
        try:
            with Image.open(io.BytesIO(data), formats=[name for name in _READ if name in Image.OPEN]) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise UserError(
                        f'{shown(path)} has {image.width} x {image.height} pixels, above the limit of '
                        f'{MAX_PIXELS // 10**6} million; make it smaller first'
                    )
                yield image
        except UnidentifiedImageError:
            raise UserError(f'{shown(path)} is not a picture that can be read; convert it to PNG or JPEG') from None
        except (UserError, MemoryError):
            raise
        except Exception as error:  # Pillow's decoders raise nearly anything
            reason = ' '.join(str(error).split()) or type(error).__name__
            raise UserError(f'{shown(path)} is damaged or cut short ({reason}); copy or download it again') from error


def arrays(image: Image.Image) -> tuple[np.ndarray, np.ndarray | None]:
    """Pixels and alpha, upright."""
    image.load()
    alpha = None
    if image.mode in ('I', 'F') or image.mode.startswith('I;16'):
        grey = _unit_range(np.asarray(image), image.mode)
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
        pixels = from_uint8(np.asarray(_to_srgb(base, image.info.get('icc_profile'))))
    orientation = 1
    with contextlib.suppress(Exception):  # a broken EXIF block does not spoil the picture
        orientation = image.getexif().get(ORIENTATION, 1)
    return _upright(pixels, orientation), None if alpha is None else _upright(alpha, orientation)


def _unit_range(values: np.ndarray, mode: str) -> np.ndarray:
    if mode.startswith('I;16'):
        return values.astype(np.float32) / np.float32(65535)
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    tops = [top for top in ((1, 255, 65535) if mode == 'F' else (255, 65535)) if low >= 0 and high <= top]
    low, high = (0.0, tops[0]) if tops else (low, high)
    scaled = (values.astype(np.float64) - low) / max(high - low, 1e-30)
    return np.clip(np.nan_to_num(scaled, posinf=1, neginf=0), 0, 1).astype(np.float32)


def _upright(array: np.ndarray, orientation: int) -> np.ndarray:
    """Undo EXIF orientation 1 to 8; odd ones from a broken file are left."""
    if orientation in (5, 6, 7, 8):
        array = array.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return np.ascontiguousarray(array)


@functools.cache
def srgb_profile() -> bytes:
    """An sRGB profile, with a fixed date so that the same picture is always the same file."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()
    return profile[:24] + bytes([7, 208, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0]) + profile[36:]


def _to_srgb(image: Image.Image, icc: bytes | None) -> Image.Image:
    """An L, RGB, CMYK or LAB image as RGB in sRGB, by its profile if that is sound."""
    with contextlib.suppress(ImageCms.PyCMSError, OSError, ValueError, TypeError):
        if image.mode == 'LAB':
            source, mode = ImageCms.ImageCmsProfile(ImageCms.createProfile('LAB')), 'LAB'
        else:
            source = ImageCms.ImageCmsProfile(io.BytesIO(icc or b''))
            mode = {'RGB': 'RGB', 'GRAY': 'L', 'CMYK': 'CMYK'}[source.profile.xcolor_space.strip()]
        if mode == image.mode or (mode, image.mode) == ('RGB', 'L'):
            transform = ImageCms.buildTransform(
                source,
                ImageCms.ImageCmsProfile(io.BytesIO(srgb_profile())),
                mode,
                'RGB',
                ImageCms.Intent.RELATIVE_COLORIMETRIC,
                ImageCms.Flags.BLACKPOINTCOMPENSATION,
            )
            if mode in ('CMYK', 'LAB') or not _is_identity(transform, mode):
                return transform.apply(image.convert(mode))
    return image.convert('RGB')


def _is_identity(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Whether a transform moves no colour by more than two levels of 255: an sRGB profile, by whatever maker."""
    levels = np.linspace(0, 255, 9).round().astype(np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(27, 27, 3)
    probe = Image.fromarray(cube).convert(mode)
    moved = np.asarray(transform.apply(probe), int) - np.asarray(probe.convert('RGB'), int)
    return bool(np.abs(moved).max() <= 2)
