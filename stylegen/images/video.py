"""Video with ffmpeg, from the extra `[video]`: reads clips frame by frame, writes MP4, keeps sound."""

import contextlib
import errno
import itertools
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from stylegen.images.clip_alpha import OPAQUE, Layout, layout_of
from stylegen.images.endings import is_cut_short
from stylegen.utils.errors import UserError
from stylegen.utils.files import atomic_write, quoted, reading
from stylegen.utils.notes import note

COPIED = ('aac', 'mp3', 'ac3', 'eac3', 'alac')  # sound codecs that players expect in MP4; others are re-encoded as AAC
CUT = 'partial file|ended prematurely'  # says ffmpeg of a clip that ends early
DAMAGE = 'error while decoding|decoding error|damaged|corrupt|submitting packet'  # says ffmpeg of frames
TICKS = 90000  # a second, of an MP4 whose rate varies
NO_TIME = -1e9  # seconds; below are packets without a time
_SQUARE = ['-vf', 'scale=round(iw*sar):ih:flags=bicubic+accurate_rnd+full_chroma_int,setsar=1,setpts=PTS-STARTPTS']


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
        fps: Frames per second; of a clip of variable rate, on the whole.
        frames: Frames in the file.
        sound: The codec of its sound, or None.
        times: Seconds from the beginning at which each frame is shown, and the end; None: at a constant rate.
        loop: 0, endless, for a result that repeats (GIF, WebP, APNG).
        held: How many times the first frame is repeated, of a constant rate, because the sound begins before it.
        layout: How its pixels are read.
    """

    path: str
    width: int
    height: int
    fps: float
    frames: int
    sound: str | None
    times: tuple[float, ...] | None = None
    loop: int = 0
    held: int = 0
    layout: Layout = OPAQUE

    def read(self, first: int = 0) -> Iterator[np.ndarray]:
        """Yields the frames from number `first` on: float32 HxWx3 in [0, 1], with transparency on white.

        Raises:
            UserError: The clip cannot be decoded to its end.
        """
        size = self.height * self.width * self.layout.channels
        rate = ['-fps_mode', 'passthrough'] if self.times else ['-r', str(self.fps)]
        command = [*_quiet(), *self.layout.reading, *_input(self.path), '-map', '0:V:0', *_SQUARE, *rate]
        command += ['-s', f'{self.width}x{self.height}', '-pix_fmt', self.layout.name, '-f', 'rawvideo', '-']
        with tempfile.TemporaryFile() as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
            decoded: IO[bytes] = process.stdout  # type: ignore[assignment]  # because of PIPE
            try:
                index = 0
                while len(data := decoded.read(size)) == size:
                    for _ in range(1 if index else 1 + self.held):
                        if index >= first:
                            yield self.layout.frame(data, self.height, self.width)
                        index += 1
                if process.wait() or data:
                    raise _unreadable(self.path, _text(log))
                if re.search(DAMAGE, _text(log), re.I):
                    note(f'{quoted(self.path)} has frames that are damaged, or ends within one; look at the result')
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
    with reading(name) as file:
        cut = is_cut_short(file)
    first = _run(
        *_reader(name), '-map', '0:V:0', *_SQUARE, '-frames:v', '1', '-pix_fmt', 'yuv444p', '-f', 'yuv4mpegpipe', '-'
    )
    header = re.match(rb'YUV4MPEG2 W(\d+) H(\d+) F(\d+):(\d+)', first.stdout)
    if header is None:
        raise _unreadable(name, first.stderr.decode(errors='replace'))
    width, height, frames, seconds = map(int, header.groups())
    streams = ['-map', '0:V:0', '-map', '0:a:0?']
    count = _run(*_reader(name), *streams, '-c', 'copy', '-f', 'framecrc', '-')  # prints a line per packet
    log, listing = count.stderr.decode(errors='replace'), count.stdout.decode()
    if count.returncode or cut or re.search(CUT, log):
        raise _unreadable(name, log, cut)
    stamps = _stamps(listing)
    sound = _run(*_reader(name, 'info'), '-map', '0:a:0', '-frames:a', '1', '-c', 'copy', '-f', 'null', os.devnull)
    codec = re.search(rb'Output #0.*?Stream #0:0.*?: Audio: (\w+)', sound.stderr, re.S)
    times, fps = _times(stamps, frames / seconds), frames / seconds
    delay = max(0.0, stamps[0][0]) if codec else 0.0
    held = 0 if times else int(delay * fps + 1e-6)
    if times:
        times = (0.0, *(delay + time for time in times[1:]))
        fps = len(stamps) / times[-1]
    layout, count_shown = layout_of(sound.stderr.decode(errors='replace')), held + len(stamps)
    return Clip(name, width, height, fps, count_shown, codec and codec[1].decode(), times, held=held, layout=layout)


def _stamps(listing: str) -> list[tuple[float, float]]:
    """The seconds at which each packet of a listing is shown, in order, and for how long."""
    base = re.search(r'^#tb 0: (\d+)/(\d+)', listing, re.M)
    unit = int(base[1]) / int(base[2]) if base else 1.0
    packets = (line.split(',') for line in listing.splitlines() if line.startswith('0,'))
    return sorted((int(packet[2]) * unit, int(packet[3]) * unit) for packet in packets)


def _times(stamps: Sequence[tuple[float, float]], fps: float) -> tuple[float, ...] | None:
    """The times of a clip's frames, see `Clip`; None where they keep the rate to half a frame, or cannot be told."""
    times = [time - stamps[0][0] for time, _ in stamps]
    if len(times) < 2 or len({*times}) < len(times) or stamps[0][0] < NO_TIME:
        return None
    if all(abs(time - number / fps) < 0.5 / fps for number, time in enumerate(times)):
        return None
    return *times, times[-1] + (stamps[-1][1] or 1 / fps)


def write_mp4(
    path: str | os.PathLike[str],
    frames: Iterator[np.ndarray],
    fps: float,
    *,
    crf: int = 18,
    sound: Clip | None = None,
    times: Sequence[float] | None = None,
) -> None:
    """Writes frames, one by one, to an MP4: H.264, yuv420p, BT.709. `save_animation` checks the arguments.

    Args:
        path: The target; any suffix.
        frames: HxWx3 uint8, one or more of one size. An odd side is extended by a copy of its last row or column.
        fps: Frames per second.
        crf: x264's constant rate factor.
        sound: A clip whose sound is added, no longer than the frames. Codecs in COPIED are copied.
        times: Seconds at which each frame is shown, and the end, in place of `fps`.

    Raises:
        OSError: The disk is full, or ffmpeg fails. The error quotes ffmpeg's last message.
    """
    first = _even(next(frames))
    filters, rate = 'scale=out_color_matrix=bt709:out_range=tv', str(fps)
    if times:  # the last frame is shown as long as one of the rate
        filters, rate = f'{_timed(times)},{filters}', str(1 / (times[-1] - times[-2]))
    given = f'-f rawvideo -pix_fmt rgb24 -s {first.shape[1]}x{first.shape[0]} -r {rate} -i -'
    wanted = f'-pix_fmt yuv420p -c:v libx264 -crf {crf}'
    if times:
        wanted += f' -fps_mode passthrough -enc_time_base 1:{TICKS} -video_track_timescale {TICKS}'
    colours = '-colorspace bt709 -color_primaries bt709 -color_trc bt709 -color_range tv'
    count = 0
    with tempfile.TemporaryFile() as log, tempfile.NamedTemporaryFile('w', suffix='.txt') as graph:
        graph.write(filters)
        graph.flush()
        command = [*_quiet(), '-y', *given.split(), '-/filter:v', graph.name, *wanted.split(), *colours.split()]
        process = subprocess.Popen([*command, *_mp4(path)], stdin=subprocess.PIPE, stderr=log)
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
        _add_sound(Path(path), sound, times[min(count, len(times) - 1)] if times else count / fps)


def _timed(times: Sequence[float]) -> str:
    """The filter that gives frame N its time. Runs of frames at a constant distance are one part of its formula."""
    ticks = [round(time * TICKS) for time in times]
    runs: list[tuple[int, int, int]] = []  # first frame, its time, the distance
    for number, (tick, following) in enumerate(itertools.pairwise(ticks)):
        if not runs or tick != runs[-1][1] + (number - runs[-1][0]) * runs[-1][2]:
            runs.append((number, tick, following - tick))
    runs.append((len(ticks) - 1, ticks[-1], ticks[-1] - ticks[-2]))  # of frames beyond the times

    def formula(runs: Sequence[tuple[int, int, int]]) -> str:
        if len(runs) == 1:
            ((first, tick, step),) = runs
            return f'{tick}+{step}*(N-{first})'
        middle = len(runs) // 2
        return f'if(lt(N,{runs[middle][0]}),{formula(runs[:middle])},{formula(runs[middle:])})'

    return f"settb=1/{TICKS},setpts='{formula(runs)}'"


def _add_sound(path: Path, clip: Clip, seconds: float) -> None:
    codec = ['copy'] if clip.sound in COPIED else ['aac', '-b:a', '192k']
    with atomic_write(path) as beside:
        video = ['-i', f'file:{path}', '-t', str(seconds), *_input(clip.path), '-map', '0:v:0', '-map', '1:a:0']
        beginning = ['-map', '1:V:0', '-c', 'copy', '-f', 'null', os.devnull]  # else the sound of a .ts begins at 0
        muxed = _run(*_quiet(), '-y', *video, '-c:v', 'copy', '-c:a', *codec, *_mp4(beside), *beginning)
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


def _unreadable(path: str, log: str, cut: bool = False) -> UserError:
    if 'matches no streams' in log:
        return UserError(f'{quoted(path)} has no video in it; give a clip')
    if cut or re.search(f'{CUT}|moov atom not found', log):
        return UserError(f'{quoted(path)} is cut short or damaged; copy or download it again')
    reason = (log.strip().splitlines() or ['no frames'])[0]
    reason = re.sub(r'^\[.*?\] ', '', reason)[:200]
    return UserError(f'{quoted(path)} is not a clip that can be read ({reason}); convert it to MP4')


def _failed(log: str) -> OSError:
    if os.strerror(errno.ENOSPC) in log:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return OSError(f'ffmpeg could not write the MP4: {" ".join(log.split())[-300:]}')
