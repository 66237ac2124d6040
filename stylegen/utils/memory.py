"""How much memory is free, how much a command may take, and how people write sizes."""

import math
import os
import re
import shutil
from pathlib import Path

from stylegen.utils.errors import UserError

AUTO = 'auto'
FREE_SHARE = 0.6  # the part of the free memory that 'auto' takes at most
LEAST_MEMORY = 2**28  # bytes that 'auto' gives at least
GROUPS = (  # folder; files with limit and use; the field of reclaimable cache. Versions 2 and 1
    (Path('/sys/fs/cgroup'), 'memory.max', 'memory.current', 'inactive_file'),
    (Path('/sys/fs/cgroup/memory'), 'memory.limit_in_bytes', 'memory.usage_in_bytes', 'total_inactive_file'),
)
MEMORY_UNITS = {'': 1, 'K': 2**10, 'M': 2**20, 'G': 2**30, 'T': 2**40}


def parse_memory(text: str | float) -> int:
    """Returns the bytes of a text such as 4GB, 500M or 1.5 GiB; units are powers of 1024. A number is bytes already.

    'auto' takes at most `FREE_SHARE` of the free memory, rounded down to a power of two, so that a repeated command
    usually gets the same size. `resolve_memory` gives a text to record.

    Raises:
        UserError: The text is no size.

    Example:
        parse_memory('500MB')  # 524288000
    """
    if not isinstance(text, str):
        return int(text)
    if text == AUTO:
        return 2 ** int(math.log2(max(FREE_SHARE * free_memory(), LEAST_MEMORY)))
    match = re.fullmatch(r'\s*(\d+(?:\.\d+)?)\s*([KMGT]?)I?B?\s*', text.upper())
    if not match or float(match[1]) == 0:
        raise UserError(f'expected a size of memory such as 4GB or 500MB, got {text!r}')
    return int(float(match[1]) * MEMORY_UNITS[match[2]])


def resolve_memory(text: str) -> str:
    """Returns the text itself, or for 'auto' the size that it means now, such as 8192MB, to record it."""
    return f'{parse_memory(text) >> 20}MB' if text == AUTO else text


def format_memory(size: float) -> str:
    """Returns a size in bytes as people write it: 1.5 GB."""
    for unit in ('B', 'KB', 'MB', 'GB'):
        if size < 999.5:
            return f'{size:.3g} {unit}'
        size /= 1024
    return f'{size:.3g} TB'


def memory_advice(needed: float) -> list[str]:
    """Returns a line of advice if more memory is needed than free; else an empty list."""
    free = free_memory()
    return [f'         only {format_memory(free)} is free: give less in --max_memory'] if needed > free else []


def free_memory() -> int:
    """Returns the bytes that a network may take: free main memory, or free GPU memory if that is less."""
    free = available_memory()
    if shutil.which('nvidia-smi'):  # without it TensorFlow is not imported
        from stylegen.utils.backend import gpu_memory

        of_gpu = gpu_memory()
        free = free if of_gpu is None else min(free, of_gpu)
    return free


def available_memory() -> int:
    """Returns the bytes of main memory that are free or can be freed, within the limit of the container."""
    return min([_main_memory(), *(left for group in GROUPS if (left := _cgroup_memory(*group)) is not None)])


def _cgroup_memory(folder: Path, limit: str, use: str, spare: str) -> int | None:
    """Returns the bytes that a control group may still take; None if there is no group or no limit."""
    try:
        allowed, used = (int((folder / name).read_text()) for name in (limit, use))
        fields = dict(line.split() for line in (folder / 'memory.stat').read_text().splitlines())
        return max(0, allowed - used + int(fields.get(spare, 0)))
    except (OSError, ValueError):  # there is no such file, or the limit is 'max'
        return None


def _main_memory() -> int:
    """Returns the bytes that are free or can be freed; 4 GB if the system does not tell."""
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
