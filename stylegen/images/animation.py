"""Writes animations: GIF, WebP and PNG (APNG) with Pillow, MP4 with ffmpeg."""

import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from stylegen.images.pixels import as_rgb, to_uint8
from stylegen.images.video import Clip, check_crf, ffmpeg_program, write_mp4
from stylegen.utils.errors import UserError
from stylegen.utils.files import atomic_write, check_target, settings_beside


def check_animation(path: str | os.PathLike[str], fps: float = 10) -> None:
    """Checks, before any work is done, that `save_animation` can write. It leaves no file behind.

    Raises:
        UserError: The suffix is not in ANIMATIONS, the folder cannot be created or written to, the path is a folder, an
            MP4 lacks imageio-ffmpeg, or `fps` is out of range.

    Example:
        check_animation('out.gif', fps=12)
    """
    path = Path(path).expanduser()
    check_target(path, ANIMATIONS)
    if not 0 < fps <= 1000:
        raise UserError(f'frames per second are above 0 and at most 1000; got {fps:g}')
    if path.suffix.lower() == '.mp4':
        ffmpeg_program()


def save_animation(
    path: str | os.PathLike[str],
    frames: Iterable[np.ndarray],
    fps: float = 10,
    loop: int = 0,
    *,
    crf: int = 18,
    sound: Clip | None = None,
    times: Sequence[float] | None = None,
    settings: Mapping[str, Any] | None = None,
    overwrite: bool = True,
) -> Path:
    """Writes an animation. It replaces an earlier file in one step; on failure the earlier file stays as it was.

    An MP4 is H.264 in yuv420p, which every player shows. An odd side is extended by a copy of its last row or column.

    Args:
        path: The target; its suffix, one of ANIMATIONS, chooses the format.
        frames: One or more of one size, HxWx3 (or grey) float in [0, 1]. MP4 takes them one by one; the others
            keep all of them in memory, as bytes.
        fps: Frames per second, at most 1000. GIF rounds the end times of frames to 1/100 s, WebP and APNG to 1/1000 s.
        loop: How many times a GIF, WebP or APNG is played; 0 is endless. MP4 ignores it.
        crf: x264's constant rate factor for MP4, from 1 (largest and best) to 51; about 6 more halve the file.
        sound: A clip whose sound the MP4 gets, as long as the frames last.
        times: Seconds at which each frame is shown, and the end, in place of `fps`: `times` of a clip. There may be
            fewer frames; further ones are shown as long as the last.
        settings: How the animation was made; written to `<path>.json`.
        overwrite: False never replaces a file, see `stylegen.utils.files.atomic_write`.

    Returns:
        The path.

    Raises:
        FileExistsError: The file exists and `overwrite` is False.
        UserError: `check_animation` refuses the path, or `crf` is out of range.
        ValueError: No frames, frames of different sizes or with values that are not finite, a negative `loop`, or
            `times` that do not rise.
        OSError: The disk is full or fails.

    Example:
        save_animation('out.gif', [first, second], fps=12)
    """
    path = Path(path).expanduser()
    check_animation(path, fps)
    check_crf(crf)
    if loop < 0:
        raise ValueError(f'a loop is 0 (for ever) or a number of times; got {loop}')
    if times is not None and not (len(times) > 1 and all(end > start for start, end in itertools.pairwise(times))):
        raise ValueError('times are two or more numbers of seconds, each larger than the one before')
    checked = _checked(frames)
    first = next(checked, None)
    if first is None:
        raise ValueError('an animation needs at least one frame; got none')
    with settings_beside(path, settings), atomic_write(path, overwrite) as temp:
        write, frames = ANIMATIONS[path.suffix.lower()], itertools.chain([first], checked)
        write(temp, frames, fps, loop=loop, crf=crf, sound=sound, times=times)
    return path


def _checked(frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yields the frames as bytes. Refuses a frame whose size differs from the first one's."""
    size = None
    for index, frame in enumerate(frames):
        pixels = to_uint8(as_rgb(frame))
        size = size or pixels.shape
        if pixels.shape != size:
            raise ValueError(f'frame {index} is {pixels.shape[:2]} and the first one {size[:2]}; one size is needed')
        yield pixels


def _save_gif(
    temp: Path, frames: Iterator[np.ndarray], fps: float, *, loop: int, times: Sequence[float] | None, **_: Any
) -> None:
    pictures = [Image.fromarray(frame).quantize(256) for frame in frames]
    times = _durations(len(pictures), fps, 10, times)
    repeated = {} if loop == 1 else {'loop': loop and loop - 1}  # a GIF without a number is played once
    pictures[0].save(temp, 'GIF', save_all=True, append_images=pictures[1:], duration=times, **repeated)


def _save_webp(
    temp: Path, frames: Iterator[np.ndarray], fps: float, *, loop: int, times: Sequence[float] | None, **_: Any
) -> None:
    pictures = [Image.fromarray(frame) for frame in frames]
    options = {'duration': _durations(len(pictures), fps, 1, times), 'loop': loop, 'quality': 90}
    pictures[0].save(temp, 'WEBP', save_all=True, append_images=pictures[1:], **options)


def _save_apng(
    temp: Path, frames: Iterator[np.ndarray], fps: float, *, loop: int, times: Sequence[float] | None, **_: Any
) -> None:
    pictures = [Image.fromarray(frame) for frame in frames]
    options = {'duration': _durations(len(pictures), fps, 1, times), 'loop': loop}
    pictures[0].save(temp, 'PNG', save_all=True, append_images=pictures[1:], **options)


def _durations(count: int, fps: float, unit: int, times: Sequence[float] | None = None) -> list[int]:
    """Returns the duration of each frame in milliseconds, as multiples of `unit`. Rounding errors do not add up."""
    seconds = [(index + 1) / fps for index in range(count)]
    if times:
        beyond = count + 1 - len(times)
        more = [times[-1] + number * (times[-1] - times[-2]) for number in range(1, beyond + 1)]
        seconds = [*times[1 : count + 1], *more]
    ends = [round(1000 / unit * end) for end in seconds]
    return [unit * max(1, end - start) for start, end in itertools.pairwise([0, *ends])]


def _save_mp4(
    temp: Path,
    frames: Iterator[np.ndarray],
    fps: float,
    *,
    crf: int,
    sound: Clip | None,
    times: Sequence[float] | None,
    **_: Any,
) -> None:
    write_mp4(temp, frames, fps, crf=crf, sound=sound, times=times)


ANIMATIONS: dict[str, Callable[..., None]] = {
    '.gif': _save_gif,
    '.webp': _save_webp,
    '.apng': _save_apng,
    '.mp4': _save_mp4,
}
