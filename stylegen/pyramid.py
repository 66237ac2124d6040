"""The sizes to work through, and how large a tile may be: arithmetic only, nothing here computes a pixel."""

import math
import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from stylegen.errors import UserError

AUTO = 'auto'
FREE_SHARE = 0.6  # of the free memory, that 'auto' takes at most
LEAST_MEMORY = 2**28  # that 'auto' gives, even where less is free
GROUPS = (  # folder, files with its limit, its use, and what of that is only kept to be read again: version 2, and 1
    (Path('/sys/fs/cgroup'), 'memory.max', 'memory.current', 'inactive_file'),
    (Path('/sys/fs/cgroup/memory'), 'memory.limit_in_bytes', 'memory.usage_in_bytes', 'total_inactive_file'),
)
MEMORY_UNITS = {'': 1, 'K': 2**10, 'M': 2**20, 'G': 2**30, 'T': 2**40}


def octave_sizes(shape: tuple[int, int], octaves: int, scale: float, smallest: int = 1) -> list[tuple[int, int]]:
    """Sizes (h, w) from the smallest octave to `shape` itself, each `scale` times the one before.

    Every size is rounded once, from `shape`. Octaves whose shorter side would fall under `smallest` are left out, but
    never the last one.
    """
    if octaves < 1:
        raise UserError(f'expected at least one octave, got {octaves}')
    if scale <= 1:
        raise UserError(f'expected an octave scale above 1, got {scale}')
    height, width = shape
    scales = [scale**k for k in range(octaves)]
    sizes = [(max(1, round(height / each)), max(1, round(width / each))) for each in scales]
    kept = [size for size in sizes[1:] if min(size) >= smallest]
    return [*reversed(kept), sizes[0]]


def tile_side(bytes_per_pixel: float, memory: float, stride: int, smallest: int) -> int:
    """The longest side of a square tile that fits in `memory` bytes: a multiple of `stride`, not under `smallest`.

    Raises:
        UserError: Where even the smallest tile does not fit.
    """
    side = int((memory / bytes_per_pixel) ** 0.5) // stride * stride
    least = -(-2 * smallest // stride) * stride  # near-equal tiles may be half as long as the longest one
    if side < least:
        needed = least * least * bytes_per_pixel
        raise UserError(
            f'{format_memory(memory)} is too little for this network: its smallest tile, {least} x {least}, needs '
            f'{format_memory(needed)}; raise --max_memory'
        )
    return side


def parse_memory(text: str | float) -> int:
    """Bytes in a text such as 4GB, 500M or 1.5 GiB; units are powers of 1024. A number is bytes already.

    'auto' is up to `FREE_SHARE` of what is free now: a power of two, so that the same command, given again, takes the
    same although somewhat more or less is free. See `settled_memory` for a run that can be made again.
    """
    if not isinstance(text, str):
        return int(text)
    if text == AUTO:
        return 2 ** int(math.log2(max(FREE_SHARE * free_memory(), LEAST_MEMORY)))
    match = re.fullmatch(r'\s*(\d+(?:\.\d+)?)\s*([KMGT]?)I?B?\s*', text.upper())
    if not match or float(match[1]) == 0:
        raise UserError(f'expected a size of memory such as 4GB or 500MB, got {text!r}')
    return int(float(match[1]) * MEMORY_UNITS[match[2]])


def settled_memory(text: str) -> str:
    """The text itself, or for 'auto' the number that it stands for now, to be recorded: 8192MB."""
    return f'{parse_memory(text) >> 20}MB' if text == AUTO else text


def format_memory(size: float) -> str:
    """A size in bytes as people say it: 1.5 GB."""
    for unit in ('B', 'KB', 'MB', 'GB'):
        if size < 999.5:
            return f'{size:.3g} {unit}'
        size /= 1024
    return f'{size:.3g} TB'


def shortage(needed: float) -> list[str]:
    """A line for whoever needs more memory than is free; none for others."""
    free = free_memory()
    return [f'         only {format_memory(free)} is free: give less in --max_memory'] if needed > free else []


def free_memory() -> int:
    """Bytes that a network may take: of main memory, and where TensorFlow sees a GPU, of the GPU's if that is less."""
    free = available_memory()
    if shutil.which('nvidia-smi'):  # so that nobody else waits for TensorFlow
        from stylegen.backend import gpu_memory

        free = min(free, gpu_memory() or free)
    return free


def available_memory() -> int:
    """Bytes of main memory that are free or can be freed, within the limit of the container."""
    return min([_main_memory(), *(left for group in GROUPS if (left := _left_to(*group)) is not None)])


def _left_to(folder: Path, limit: str, use: str, spare: str) -> int | None:
    """Bytes that are left to a control group; None where it has no limit, or there are no such groups."""
    try:
        allowed, used = (int((folder / name).read_text()) for name in (limit, use))
        fields = dict(line.split() for line in (folder / 'memory.stat').read_text().splitlines())
        return max(0, allowed - used + int(fields.get(spare, 0)))
    except (OSError, ValueError):  # no file, or 'max'
        return None


def _main_memory() -> int:
    """Bytes that are free or can be freed; where the system does not tell, 4 GB."""
    try:
        with open('/proc/meminfo') as lines:
            fields = dict(line.split(':') for line in lines)
        return int(fields['MemAvailable'].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        pass
    try:
        return os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') // 2
    except (AttributeError, OSError, ValueError):
        return 4 * 2**30


def total_pixels(sizes: Iterable[tuple[int, int]]) -> int:
    """Pixels of all sizes together."""
    return sum(h * w for h, w in sizes)
