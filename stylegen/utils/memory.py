"""How much memory there is, how much may be taken, and how people write that."""

import math
import os
import re
import shutil
from pathlib import Path

from stylegen.utils.errors import UserError

AUTO = 'auto'
FREE_SHARE = 0.6  # of the free memory, that 'auto' takes at most
LEAST_MEMORY = 2**28  # that 'auto' gives, even where less is free
GROUPS = (  # folder, files with its limit, its use, and what of that is only kept to be read again: version 2, and 1
    (Path('/sys/fs/cgroup'), 'memory.max', 'memory.current', 'inactive_file'),
    (Path('/sys/fs/cgroup/memory'), 'memory.limit_in_bytes', 'memory.usage_in_bytes', 'total_inactive_file'),
)
MEMORY_UNITS = {'': 1, 'K': 2**10, 'M': 2**20, 'G': 2**30, 'T': 2**40}


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
        from stylegen.utils.backend import gpu_memory

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
