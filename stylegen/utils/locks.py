"""Locks: one process at a time in a folder, and one thread at a time at an object that holds one picture.

`filelock` 4.3.1 locks by `flock` too, but does not say which process holds the lock, needs Python 3.11, and on a file
system without locks raises an error (ENOLCK, ENOTSUP) or takes the mere presence of a file for a lock (ENOSYS).
"""

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from stylegen.utils.errors import UserError

try:
    import fcntl
except ImportError:  # Windows: the folder is not locked
    fcntl = None  # type: ignore[assignment]

LOCK = '.lock'


class Busy(UserError):
    """Another process works in the folder."""


class PictureLock:
    """A lock for an object that works at one picture at a time. Other threads wait while the block runs.

    Args:
        what: The name of the object, for the error.

    Raises:
        UserError: This thread holds the lock already and would wait for itself.
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
def folder_lock(folder: str | os.PathLike) -> Iterator[None]:
    """Locks a folder: while the block runs, no other process can lock it.

    The system releases the lock however the process ends. On a file system without locks nothing is locked.

    Args:
        folder: It is created if missing.

    Raises:
        Busy: Another process holds the lock.
        UserError: The folder cannot be written to.
    """
    path = Path(folder) / LOCK
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(path, 'a+')  # noqa: SIM115, open files hold the lock
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
        except OSError:  # the file system has no locks
            pass
        with contextlib.suppress(OSError):  # the disk is full: others do not learn the process number
            os.truncate(file.fileno(), 0)
            os.write(file.fileno(), f'{os.getpid()}\n'.encode())
        yield
