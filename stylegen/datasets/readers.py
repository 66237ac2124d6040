"""Reads the pixels of pictures by number: from an array in memory, from files, or by drawing."""

import os
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from stylegen.datasets import synthetic
from stylegen.datasets.framing import Framing
from stylegen.datasets.sources import Array, Files
from stylegen.utils.errors import UserError
from stylegen.utils.files import quoted
from stylegen.utils.notes import note

Progress = Callable[[int, int], None]  # (pictures done, all pictures)
Fetched = tuple[np.ndarray, list[int]]  # uint8 (n, height, width, channels), and the rows that could not be read
Reader = Callable[[np.ndarray], Fetched]
_LINES = 10  # at most so many lines of notes
_CHUNK = 64  # pictures that a thread takes at a time


def in_parallel(work: Callable[[int], None], count: int, progress: Progress | None = None) -> None:
    """Calls `work` with 0 to count - 1 on all processors. The first error stops the rest and is raised."""

    def several(start: int) -> None:
        for index in range(start, min(start + _CHUNK, count)):
            work(index)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            jobs = [(pool.submit(several, start), start) for start in range(0, count, _CHUNK)]
            for job, start in jobs:
                job.result()
                if progress:
                    progress(min(start + _CHUNK, count), count)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def reason(error: UserError, name: str) -> str:
    """Returns why a picture cannot be read, without its name."""
    return str(error).removeprefix(quoted(name)).lstrip(': ')


def read_all(
    source: Files | Array, framing: Framing, pixels: np.ndarray | None, progress: Progress | None = None
) -> tuple[list[bytes | None], tuple[tuple[str, str], ...], tuple[str, ...]]:
    """Reads every picture of a source once. A note about several pictures is emitted as one line.

    Args:
        source: The source.
        framing: The target size.
        pixels: uint8 (count, height, width, channels) to fill, except for unreadable pictures; or None.
        progress: Called from time to time.

    Returns:
        The SHA-256 of each picture, or None if it cannot be read; (name, reason) of the unreadable ones; and the names
        of those of which only the first of several frames or pages was read.
    """
    digests: list[bytes | None] = [None] * len(source.names)
    failed: dict[int, str] = {}
    noted: dict[str, list[str]] = defaultdict(list)
    several: set[int] = set()

    def read(index: int) -> None:
        try:
            decoded, digest = source.load(index, framing.least)
            if decoded.frames > 1:
                several.add(index)
            if pixels is not None:
                pixels[index] = framing(decoded)
            digests[index] = digest
            for line in decoded.notes:
                noted[line].append(source.names[index])
        except UserError as error:
            failed[index] = reason(error, source.names[index])

    in_parallel(read, len(source.names), progress)
    for line, names in sorted(noted.items())[:_LINES]:
        more = f' and {len(names) - 1} more' if len(names) > 1 else ''
        note(f'{quoted(min(names))}{more}: {line}')
    skipped = tuple((source.names[index], failed[index]) for index in sorted(failed))
    return digests, skipped, tuple(source.names[index] for index in sorted(several))


def compact(array: np.ndarray, kept: Sequence[int]) -> np.ndarray:
    """Moves the rows in `kept`, in rising order, to the front and returns them. It overwrites the array."""
    if len(kept) < len(array):
        for row, index in enumerate(kept):
            array[row] = array[index]
    return array[: len(kept)]


def from_memory(pixels: np.ndarray) -> Reader:
    """Returns a reader of the rows of an array."""
    return lambda indices: (np.take(pixels, indices, axis=0), [])


def from_shapes(framing: Framing, start: int) -> Reader:
    """Returns a reader of pictures of `stylegen.datasets.synthetic`, from number `start` on."""
    return lambda indices: (synthetic.draw_shapes(indices + start, framing.size, framing.channels), [])


class FromDisk:
    """A reader of files that decodes them at each access. It warns once of each file that has become unreadable.

    Args:
        source: The source.
        kept: The numbers of the readable pictures within the source.
        framing: The target size.
        warn: Called with a line.
    """

    def __init__(self, source: Files | Array, kept: Sequence[int], framing: Framing, warn: Callable[[str], None]):
        self.source, self.kept, self.framing, self.warn = source, np.asarray(kept), framing, warn
        self.warned: set[str] = set()
        self.lock = threading.Lock()
        self.pool = ThreadPoolExecutor(os.cpu_count(), 'stylegen-decode')

    def __call__(self, indices: np.ndarray) -> Fetched:
        """Returns the pixels, and the rows that could not be read."""
        pixels = np.zeros((len(indices), *self.framing.size, self.framing.channels), np.uint8)

        def read(row: int) -> bool:
            index = self.kept[indices[row]]
            try:
                pixels[row] = self.framing(self.source.load(index, self.framing.least)[0])
            except UserError as error:
                self._warn_once(self.source.names[index], error)
                return False
            return True

        done = list(self.pool.map(read, range(len(indices))))
        return pixels, [row for row, read in enumerate(done) if not read]

    def _warn_once(self, name: str, error: UserError) -> None:
        with self.lock:
            first = name not in self.warned
            self.warned.add(name)
        if first:
            self.warn(f'{quoted(name)} {reason(error, name)}; another picture takes its place')
