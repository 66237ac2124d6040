"""Keeps a command running if stdout or stderr has no reader: in a service, a windowed program or a closed pipe.

Such a line is dropped; a result is not lost for it.
"""

import contextlib
import errno
import io
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

_NO_READER = {errno.EPIPE, errno.EBADF, errno.EIO}  # a full disk is not among them and raises


class SafeStream(io.TextIOBase):
    """A text stream that drops its text once the underlying stream has no reader.

    Args:
        stream: The underlying stream, or None in a program without a console.
    """

    def __init__(self, stream: Any):
        self._stream = stream

    def write(self, text: str) -> int:
        """Writes the text, or drops it if there is no reader."""
        self._attempt(lambda stream: stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Writes the buffered text."""
        self._attempt(lambda stream: stream.flush())

    def isatty(self) -> bool:
        """Returns whether the stream is a terminal."""
        return bool(self._attempt(lambda stream: stream.isatty()))

    def fileno(self) -> int:
        """Returns the file descriptor.

        Raises:
            OSError: There is none.
        """
        if self._stream is None:
            raise io.UnsupportedOperation('fileno')
        return self._stream.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of the text."""
        return getattr(self._stream, 'encoding', None) or 'utf-8'

    def _attempt(self, work: Callable[[Any], Any]) -> Any:
        """Calls `work` on the stream. Returns None from the first failure on, when the stream has lost its reader."""
        if self._stream is None:
            return None
        try:
            return work(self._stream)
        except UnicodeError:
            raise
        except (OSError, ValueError) as error:  # ValueError if the stream is closed
            if isinstance(error, OSError) and error.errno not in _NO_READER:
                raise
            _discard(self._stream)
            self._stream = None
            return None


@contextlib.contextmanager
def safe_streams() -> Iterator[None]:
    """Within the block stdout and stderr are `SafeStream`s."""
    open_standard_files()
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = SafeStream(before[0]), SafeStream(before[1])
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # a full disk; the error was reported already
            flush()
        sys.stdout, sys.stderr = before


def flush() -> None:
    """Writes the buffered text of stdout and stderr, if they exist."""
    for stream in (sys.stdout, sys.stderr):
        SafeStream(stream).flush()


def open_standard_files() -> None:
    """Opens /dev/null as each of the file descriptors 0, 1 and 2 that is closed.

    Otherwise the next file to be opened, such as a picture, would get that number, and TensorFlow would write its
    messages into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)  # gets the lowest free number
            os.set_inheritable(opened, True)


def _discard(stream: Any) -> None:
    """Redirects a broken stream to /dev/null, so that Python does not report its buffered text at exit."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        number = stream.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        os.close(nowhere)
