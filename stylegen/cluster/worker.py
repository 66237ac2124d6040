"""A worker: a process of Ray that opens its network once, and makes one picture after the other."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from stylegen.cluster import stores
from stylegen.utils.errors import UserError, one_line
from stylegen.utils.files import DiskFull

Make = Callable[[Path, str, Path], None]


class Job(Protocol):
    """How a program makes pictures. It travels to the workers, so it holds settings and no network.

    Attributes:
        settings: What decides the pictures, JSON; its hash stands in the manifest.
    """

    @property
    def settings(self) -> Mapping[str, Any]:
        """What decides the pictures, JSON."""

    def suffix(self, name: str) -> str:
        """The suffix of the result of an input of this name."""

    def open(self, share: float) -> Make:
        """Opens the network, and returns what makes a picture.

        Args:
            share: Of the machine and its memory, that this worker may take.

        Returns:
            Takes the file of an input, its name for the record and the file of the result, and writes the latter.
        """


@dataclass(frozen=True)
class Item:
    """An input and its result, by paths or addresses."""

    input: str
    output: str


@dataclass(frozen=True)
class Made:
    """What a worker tells of one item.

    Attributes:
        sha256: Of the input.
        seconds: That it took.
        files: The bytes of the result by suffix, where only the driver reaches the store.
        failed: Why there is no result; '' where there is one.
        retry: Whether another try may go well.
        fatal: Whether nothing else will go well, as on a full disk.
    """

    sha256: str = ''
    seconds: float = 0.0
    files: Mapping[str, bytes] = field(default_factory=dict)
    failed: str = ''
    retry: bool = False
    fatal: bool = False


class Worker:
    """Makes pictures in a process of its own.

    Args:
        job: How.
        threads: That TensorFlow and NumPy may use.
        folder: Of the driver: plain paths are seen from it.
    """

    def __init__(self, job: Job, threads: int, folder: str):
        for name in ('TF_NUM_INTRAOP_THREADS', 'OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS'):
            os.environ[name] = str(threads)  # read when TensorFlow is imported, which is later
        os.environ['TF_NUM_INTEROP_THREADS'] = '1'
        with contextlib.suppress(OSError):
            os.chdir(folder)
        self.job, self.share = job, min(1.0, threads / (os.cpu_count() or 1))
        self.make: Make | None = None

    def open(self) -> str:
        """Opens the network. Returns what the user has to mend, or ''."""
        try:
            self.make = self.make or self.job.open(self.share)
        except UserError as error:
            return str(error)
        return ''

    def work(self, item: Item, data: bytes | None) -> Made:
        """Makes the result of an item.

        Args:
            item: Which.
            data: The bytes of the input, where only the driver reaches its store.
        """
        began = time.monotonic()
        try:
            with tempfile.TemporaryDirectory(prefix='stylegen-') as scratch:
                digest, files = self._made(item, data, Path(scratch))
        except (UserError, ArithmeticError, MemoryError) as error:
            return Made(failed=one_line(error))
        except DiskFull as error:
            return Made(failed=one_line(error), fatal=True)
        except Exception as error:  # a store that does not answer, or a fault of ours
            return Made(failed=one_line(error), retry=isinstance(error, OSError))
        return Made(digest, time.monotonic() - began, files)

    def _made(self, item: Item, data: bytes | None, scratch: Path) -> tuple[str, dict[str, bytes]]:
        if self.make is None:
            raise RuntimeError('the worker is not open')
        (scratch / 'in').mkdir()
        (scratch / 'out').mkdir()
        if data is None:
            file = stores.fetch(item.input, scratch / 'in')
        else:
            file = scratch / 'in' / stores.name_of(item.input)
            file.write_bytes(data)
        output = scratch / 'out' / stores.name_of(item.output)
        self.make(file, item.input, output)
        results = sorted(output.parent.iterdir(), key=lambda path: path == output)  # the picture last
        with file.open('rb') as opened:
            digest = hashlib.sha256(opened.read()).hexdigest()
        if stores.of_driver(item.output):
            return digest, {path.name.removeprefix(output.name): path.read_bytes() for path in results}
        for path in results:
            stores.put(path, item.output + path.name.removeprefix(output.name))
        return digest, {}
