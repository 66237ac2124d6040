"""Video with ffmpeg, from the extra `[video]`: reads clips frame by frame, writes MP4, keeps sound."""

import contextlib
import errno
import itertools
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from stylegen.images.pixels import from_uint8
from stylegen.utils.errors import UserError
from stylegen.utils.files import atomic_write, quoted, reading

COPIED = ('aac', 'mp3', 'ac3', 'eac3', 'alac')  # sound codecs that players expect in MP4; others are re-encoded as AAC
_SQUARE = ['-vf', 'scale=round(iw*sar):ih:flags=bicubic+accurate_rnd+full_chroma_int,setsar=1']


def ffmpeg_program() -> str:
    """Returns the path of ffmpeg, from imageio-ffmpeg.

    Raises:
        UserError: imageio-ffmpeg is not installed.
    """
    try:
        import imageio_ffmpeg

        return imageio_ffmpeg.get_ffmpeg_exe()
    except (ImportError, RuntimeError):
        raise UserError('MP4 needs imageio-ffmpeg; pip install "stylegen[video]" (GIF and WebP do without)') from None


def check_crf(crf: int) -> None:
    """Refuses a constant rate factor that x264 lacks for yuv420p, or that players do not show (0: lossless).

    Raises:
        UserError: It is out of range.
    """
    if not 1 <= crf <= 51:
        raise UserError(f'the crf of an MP4 is from 1 (best) to 51 (smallest); got {crf}')


@dataclass(frozen=True)
class Clip:
    """A clip that can be read.

    Attributes:
        path: The path as given.
        width: In square pixels, upright, as players show it.
        height: In square pixels, upright.
        fps: Frames per second. It is constant: a clip of variable rate is read with frames repeated or left out.
        frames: Frames in the file. If its rate varies, about as many are read.
        sound: The codec of its sound, or None.
    """

    path: str
    width: int
    height: int
    fps: float
    frames: int
    sound: str | None

    def read(self, first: int = 0) -> Iterator[np.ndarray]:
        """Yields the frames from number `first` on: float32 HxWx3 in [0, 1].

        Raises:
            UserError: The clip cannot be decoded to its end.
        """
        size = self.height * self.width * 3
        command = [*_reader(self.path), '-map', '0:V:0', *_SQUARE, '-r', str(self.fps)]
        command += ['-s', f'{self.width}x{self.height}', '-pix_fmt', 'rgb24', '-f', 'rawvideo', '-']
        with tempfile.TemporaryFile() as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
            decoded: IO[bytes] = process.stdout  # type: ignore[assignment]  # because of PIPE
            try:
                for index in itertools.count():
                    data = decoded.read(size)
                    if len(data) < size:
                        break
                    if index >= first:
                        yield from_uint8(np.frombuffer(data, np.uint8).reshape(self.height, self.width, 3))
                if process.wait() or data:
                    raise _unreadable(self.path, _text(log))
            finally:
                process.kill()
                decoded.close()
                process.wait()


def open_clip(path: str | os.PathLike[str]) -> Clip:
    """Opens a clip of any kind that ffmpeg reads (MP4, MOV, MKV, WebM, AVI, GIF), and decodes one frame as a check.

    The clip is rotated as its metadata say. Only the file itself is opened, even if it refers to others.

    Raises:
        UserError: The file cannot be read, holds no video, is damaged or truncated, or imageio-ffmpeg is not installed.

    Example:
        clip = open_clip('film.mp4')
        for frame in clip.read():
            ...
    """
    name = os.fspath(path)
    with reading(name):
        pass
    first = _run(
        *_reader(name), '-map', '0:V:0', *_SQUARE, '-frames:v', '1', '-pix_fmt', 'yuv444p', '-f', 'yuv4mpegpipe', '-'
    )
    header = re.match(rb'YUV4MPEG2 W(\d+) H(\d+) F(\d+):(\d+)', first.stdout)
    if header is None:
        raise _unreadable(name, first.stderr.decode(errors='replace'))
    width, height, frames, seconds = map(int, header.groups())
    count = _run(*_reader(name), '-map', '0:V:0', '-c', 'copy', '-f', 'framecrc', '-')  # prints a line per packet
    log = count.stderr.decode(errors='replace')
    if count.returncode or re.search('partial file|ended prematurely', log):
        raise _unreadable(name, log)
    packets = sum(not line.startswith(b'#') for line in count.stdout.splitlines())
    sound = _run(*_reader(name, 'info'), '-map', '0:a:0', '-frames:a', '1', '-c', 'copy', '-f', 'null', os.devnull)
    codec = re.search(rb'Output #0.*?Stream #0:0.*?: Audio: (\w+)', sound.stderr, re.S)
    return Clip(name, width, height, frames / seconds, packets, codec and codec[1].decode())


def write_mp4(
    path: str | os.PathLike[str], frames: Iterator[np.ndarray], fps: float, *, crf: int = 18, sound: Clip | None = None
) -> None:
    """Writes frames, one by one, to an MP4: H.264, yuv420p, BT.709. `save_animation` checks the arguments.

    Args:
        path: The target; any suffix.
        frames: HxWx3 uint8, one or more of one size. An odd side is extended by a copy of its last row or column.
        fps: Frames per second.
        crf: x264's constant rate factor.
        sound: A clip whose sound is added, no longer than the frames. Codecs in COPIED are copied.

    Raises:
        OSError: The disk is full, or ffmpeg fails. The error quotes ffmpeg's last message.
    """
    first = _even(next(frames))
    given = f'-f rawvideo -pix_fmt rgb24 -s {first.shape[1]}x{first.shape[0]} -r {fps} -i -'
    wanted = f'-vf scale=out_color_matrix=bt709:out_range=tv -pix_fmt yuv420p -c:v libx264 -crf {crf}'
    colours = '-colorspace bt709 -color_primaries bt709 -color_trc bt709 -color_range tv'
    command = [*_quiet(), '-y', *given.split(), *wanted.split(), *colours.split(), *_mp4(path)]
    count = 0
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=log)
        encoder: IO[bytes] = process.stdin  # type: ignore[assignment]  # because of PIPE
        try:
            with contextlib.suppress(BrokenPipeError), encoder:  # if ffmpeg stops, its log says why
                for frame in itertools.chain([first], map(_even, frames)):
                    encoder.write(frame.tobytes())
                    count += 1
            if process.wait():
                raise _failed(_text(log))
        finally:
            process.kill()
            process.wait()
    if sound is not None and sound.sound is not None:
        _add_sound(Path(path), sound, count / fps)


def _add_sound(path: Path, clip: Clip, seconds: float) -> None:
    codec = ['copy'] if clip.sound in COPIED else ['aac', '-b:a', '192k']
    with atomic_write(path) as beside:
        video = ['-i', f'file:{path}', '-t', str(seconds), *_input(clip.path), '-map', '0:v:0', '-map', '1:a:0']
        muxed = _run(*_quiet(), '-y', *video, '-c:v', 'copy', '-c:a', *codec, *_mp4(beside))
        if muxed.returncode:
            raise _failed(muxed.stderr.decode(errors='replace'))


def _quiet(level: str = 'error') -> list[str]:
    return [ffmpeg_program(), '-hide_banner', '-v', level, '-nostdin']


def _reader(path: str, level: str = 'error') -> list[str]:
    return [*_quiet(level), *_input(path)]


def _input(path: str) -> list[str]:
    """Returns ffmpeg's arguments for an input clip. ffmpeg opens no other file that the clip refers to."""
    return ['-protocol_whitelist', 'file', '-i', f'file:{path}']


def _mp4(path: str | os.PathLike[str]) -> list[str]:
    return ['-movflags', '+faststart', '-f', 'mp4', f'file:{os.fspath(path)}']


def _run(*command: str) -> subprocess.CompletedProcess:
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)


def _text(log: IO[bytes]) -> str:
    log.seek(0)
    return log.read().decode(errors='replace')


def _even(frame: np.ndarray) -> np.ndarray:
    height, width = frame.shape[:2]
    return np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode='edge')


def _unreadable(path: str, log: str) -> UserError:
    if 'matches no streams' in log:
        return UserError(f'{quoted(path)} has no video in it; give a clip')
    if re.search('partial file|ended prematurely|moov atom not found', log):
        return UserError(f'{quoted(path)} is cut short or damaged; copy or download it again')
    reason = (log.strip().splitlines() or ['no frames'])[0]
    reason = re.sub(r'^\[.*?\] ', '', reason)[:200]
    return UserError(f'{quoted(path)} is not a clip that can be read ({reason}); convert it to MP4')


def _failed(log: str) -> OSError:
    if os.strerror(errno.ENOSPC) in log:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return OSError(f'ffmpeg could not write the MP4: {" ".join(log.split())[-300:]}')
