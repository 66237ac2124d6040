"""One process at a time in a folder, and one thread at a time at what keeps its picture in itself."""

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from stylegen.utils.errors import UserError

try:
    import fcntl
except ImportError:  # Windows, where two processes are not kept apart
    fcntl = None  # type: ignore[assignment]

LOCK = '.lock'


class Busy(UserError):
    """Another process is at work in the folder."""


class Turn:
    """A lock for what works at one picture at a time: while the block runs, other threads wait.

    Args:
        what: Its name, for the error.

    Raises:
        UserError: The thread has the lock already: it would wait for itself.
    """

    def __init__(self, what: str):
        self.what = what
        self._lock, self._holder = threading.Lock(), 0

    def __enter__(self) -> None:
        if self._holder == threading.get_ident():
            raise UserError(f'a callback of a {self.what} cannot give it another picture meanwhile; open a second one')
        self._lock.acquire()
        self._holder = threading.get_ident()

    def __exit__(self, *error: object) -> None:
        self._holder = 0
        self._lock.release()


@contextlib.contextmanager
def alone_in(folder: str | os.PathLike) -> Iterator[None]:
    """While the block runs no other process gets into such a block of the same folder.

    However a process ends, the system takes its lock away. File systems without locks keep nobody out.

    Args:
        folder: Made if missing.

    Raises:
        Busy: Another process is at work there.
        UserError: The folder cannot be written into.
    """
    path = Path(folder) / LOCK
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(path, 'a+')  # noqa: SIM115, it is the lock
    except OSError as error:
        raise UserError(f'cannot write into {folder} ({error.strerror}); give another --workdir') from None
    with file:
        try:
            if fcntl:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            other = file.read().strip() or 'unknown'
            raise Busy(
                f'another process ({other}) is at work in {folder}; wait for its end, or give another --workdir'
            ) from None
        except OSError:  # no locks here
            pass
        with contextlib.suppress(OSError):  # a full disk: whoever is kept out is not told by whom
            os.truncate(file.fileno(), 0)
            os.write(file.fileno(), f'{os.getpid()}\n'.encode())
        yield
