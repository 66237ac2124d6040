"""A worker: a process of Ray that opens its network once, and makes one picture after the other."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stylegen.cluster import stores
from stylegen.cluster.job import Job, Make, Task
from stylegen.utils.errors import UserError, one_line
from stylegen.utils.files import DiskFull, digest_of


@dataclass(frozen=True)
class Item:
    """One result that is to be made.

    Attributes:
        input: The path or address of the input; of an input that is no file, what the job calls it.
        output: The path or address of the result.
        number: Which of the results of the input it is, see `Job.endings`.
    """

    input: str
    output: str
    number: int = 0


@dataclass(frozen=True)
class Made:
    """The outcome of one item, as a worker reports it.

    Attributes:
        sha256: The hash of the input; '' if it is no file.
        seconds: The time that the item took.
        files: The bytes of what was written, by name, where only the driver reaches the store; the result last.
        failed: Why there is no result; '' where there is one.
        retry: Whether another try may succeed.
        fatal: Whether all other items will fail too, as on a full disk.
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
        job: Makes the pictures.
        threads: The number of threads that TensorFlow and NumPy use.
        memory: The bytes that the job may take.
        folder: The working folder of the driver, in which relative paths begin.
    """

    def __init__(self, job: Job, threads: int, memory: int, folder: str):
        for name in ('TF_NUM_INTRAOP_THREADS', 'OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS'):
            os.environ[name] = str(threads)  # read when TensorFlow is imported, which is later
        os.environ['TF_NUM_INTEROP_THREADS'] = '1'
        with contextlib.suppress(OSError):
            os.chdir(folder)
        self.job, self.memory = job, memory
        self.make: Make | None = None

    def open(self) -> str:
        """Opens the network. Returns the user's mistake if that fails, else ''."""
        try:
            self.make = self.make or self.job.open(self.memory)
        except UserError as error:
            return str(error)
        return ''

    def work(self, items: Sequence[tuple[Item, bytes | None]]) -> list[Made]:
        """Makes the results of items.

        Args:
            items: Each with the bytes of its input, where only the driver reaches its store.
        """
        together = tuple(item.input for item, _ in items)
        return [self._outcome(item, data, together) for item, data in items]

    def _outcome(self, item: Item, data: bytes | None, together: tuple[str, ...]) -> Made:
        began = time.monotonic()
        try:
            with tempfile.TemporaryDirectory(prefix='stylegen-') as scratch:
                made = self._made(item, data, together, Path(scratch))
        except (UserError, MemoryError) as error:
            return Made(failed=one_line(error))
        except DiskFull as error:
            return Made(failed=one_line(error), fatal=True)
        except Exception as error:  # a store that does not answer, or a fault of ours
            return Made(failed=one_line(error), retry=isinstance(error, OSError))
        return Made(made.sha256, time.monotonic() - began, made.files, made.failed)

    def _made(self, item: Item, data: bytes | None, together: tuple[str, ...], scratch: Path) -> Made:
        if self.make is None:
            raise RuntimeError('the worker is not open')
        (scratch / 'in').mkdir()
        (scratch / 'out').mkdir()
        file, digest = self._input(item, data, scratch / 'in')
        output, failed = scratch / 'out' / stores.name_of(item.output), ''
        folder = item.output.removesuffix(output.name)
        try:
            self.make(Task(file, item.input, output, item.number, together))
        except ArithmeticError as error:  # its message names the last good picture, which is kept too
            failed = one_line(error).replace(f'{output.parent}{os.sep}', folder)
        results = sorted(filter(Path.is_file, output.parent.iterdir()), key=lambda path: path == output)
        if stores.driver_only(item.output):
            return Made(digest, files={path.name: path.read_bytes() for path in results}, failed=failed)
        for path in results:
            stores.put(path, folder + path.name)
        return Made(digest, failed=failed)

    def _input(self, item: Item, data: bytes | None, folder: Path) -> tuple[Path, str]:
        """The file of an input here, and its hash."""
        if not self.job.reads:
            return Path(item.input), ''
        if data is None:
            file = stores.fetch(item.input, folder)
        else:
            file = folder / stores.name_of(item.input)
            file.write_bytes(data)
        return file, digest_of(file)
