"""Animations: GIF and WebP by Pillow, MP4 by ffmpeg."""

import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from stylegen.images.pixels import as_rgb, to_uint8
from stylegen.images.video import Clip, check_crf, ffmpeg_program, write_mp4
from stylegen.utils.errors import UserError
from stylegen.utils.files import check_target, replacing, settings_beside


def check_animation(path: str | os.PathLike[str], fps: float = 10) -> None:
    """Refuse now, before the hours of work, what `save_animation` would refuse; nothing is left behind.

    Raises:
        UserError: the suffix is not among ANIMATIONS, the folder cannot be made or written into, the path is a
            folder, it is an MP4 and imageio-ffmpeg is not installed, or there are too many frames per second, or none.
    """
    check_target(path, ANIMATIONS)
    if not 0 < fps <= 1000:
        raise UserError(f'frames per second are above 0 and at most 1000; got {fps:g}')
    if Path(path).suffix.lower() == '.mp4':
        ffmpeg_program()


def save_animation(
    path: str | os.PathLike[str],
    frames: Iterable[np.ndarray],
    fps: float = 10,
    loop: int = 0,
    *,
    crf: int = 18,
    sound: Clip | None = None,
    settings: Mapping[str, Any] | None = None,
    overwrite: bool = True,
) -> Path:
    """Write an animation; an earlier file at `path` is replaced in one step, or stays whole if anything fails.

    Args:
        path: where to; its suffix, one of ANIMATIONS, names the format.
        frames: one or more, all of one size, HxWx3 (or grey) float in [0, 1]. MP4 takes them one by one and holds none;
            GIF and WebP hold all of them, as bytes.
        fps: frames per second, at most 1000; GIF rounds the times at which frames end to 1/100 s, WebP to 1/1000 s.
        loop: how many times GIF and WebP are played; 0 is for ever. MP4 has no such thing.
        crf: x264's constant rate factor for MP4, from 1 (largest and best) to 51; some 6 more halve the file.
        sound: a clip whose sound MP4 keeps, as far as the frames last.
        settings: how it was made; written to `<path>.json`.
        overwrite: False never replaces a file, see `stylegen.utils.files.replacing`.

    MP4 is H.264 in yuv420p, which every player shows; an odd side gains one row or column, a copy of the last.

    Returns:
        The path.

    Raises:
        FileExistsError: the path is there and is not to be overwritten.
        UserError: what `check_animation` refuses; a crf out of range.
        ValueError: no frames, of different sizes, or with values that are not finite; a negative loop.
        OSError: the disk is full, or fails.
    """
    path = Path(path)
    check_animation(path, fps)
    check_crf(crf)
    if loop < 0:
        raise ValueError(f'a loop is 0 (for ever) or a number of times; got {loop}')
    same = _checked(frames)
    first = next(same, None)
    if first is None:
        raise ValueError('an animation needs at least one frame; got none')
    with settings_beside(path, settings), replacing(path, overwrite) as temp:
        ANIMATIONS[path.suffix.lower()](temp, itertools.chain([first], same), fps, loop=loop, crf=crf, sound=sound)
    return path


def _checked(frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """The frames as bytes, each refused unless it is as large as the first."""
    size = None
    for index, frame in enumerate(frames):
        pixels = to_uint8(as_rgb(frame))
        size = size or pixels.shape
        if pixels.shape != size:
            raise ValueError(f'frame {index} is {pixels.shape[:2]} and the first one {size[:2]}; one size is needed')
        yield pixels


def _save_gif(temp: Path, frames: Iterator[np.ndarray], fps: float, *, loop: int, **_: Any) -> None:
    pictures = [Image.fromarray(frame).quantize(256) for frame in frames]
    times = _durations(len(pictures), fps, 10)
    pictures[0].save(temp, 'GIF', save_all=True, append_images=pictures[1:], duration=times, loop=loop)


def _save_webp(temp: Path, frames: Iterator[np.ndarray], fps: float, *, loop: int, **_: Any) -> None:
    pictures = [Image.fromarray(frame) for frame in frames]
    options = {'duration': _durations(len(pictures), fps, 1), 'loop': loop, 'quality': 90}
    pictures[0].save(temp, 'WEBP', save_all=True, append_images=pictures[1:], **options)


def _durations(count: int, fps: float, unit: int) -> list[int]:
    """How long each frame is shown, in milliseconds: multiples of `unit`, whose rounding does not add up."""
    ends = [round(1000 / unit * (index + 1) / fps) for index in range(count)]
    return [unit * max(1, end - start) for start, end in itertools.pairwise([0, *ends])]


def _save_mp4(temp: Path, frames: Iterator[np.ndarray], fps: float, *, crf: int, sound: Clip | None, **_: Any) -> None:
    write_mp4(temp, frames, fps, crf=crf, sound=sound)


ANIMATIONS: dict[str, Callable[..., None]] = {'.gif': _save_gif, '.webp': _save_webp, '.mp4': _save_mp4}
