"""stdout and stderr where there are none: of a windowed program, of a service, closed, or a pipe that nobody reads.

A line that nobody can read is dropped: it is no reason to lose a picture.
"""

import contextlib
import errno
import io
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

_GONE = {errno.EPIPE, errno.EBADF, errno.EIO}  # nobody reads any more; a full disk is another thing, and is told


class Lasting(io.TextIOBase):
    """A text stream that can be written to whatever becomes of the one behind it.

    Args:
        stream: The one behind it; None: there is none, as in a program without a console.
    """

    def __init__(self, stream: Any):
        self._stream = stream

    def write(self, text: str) -> int:
        """Writes the text, or drops it where nobody can read it."""
        self._tried(lambda stream: stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Sends on what is held back."""
        self._tried(lambda stream: stream.flush())

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return bool(self._tried(lambda stream: stream.isatty()))

    def fileno(self) -> int:
        """The number of the file.

        Raises:
            OSError: There is none.
        """
        if self._stream is None:
            raise io.UnsupportedOperation('fileno')
        return self._stream.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Of what is written."""
        return getattr(self._stream, 'encoding', None) or 'utf-8'

    def _tried(self, work: Callable[[Any], Any]) -> Any:
        """What `work` makes of the stream; None from the moment on that nobody reads it."""
        if self._stream is None:
            return None
        try:
            return work(self._stream)
        except UnicodeError:
            raise
        except (OSError, ValueError) as error:  # ValueError: the stream is closed
            if isinstance(error, OSError) and error.errno not in _GONE:
                raise
            _discard(self._stream)
            self._stream = None
            return None


@contextlib.contextmanager
def lasting() -> Iterator[None]:
    """Within the block stdout and stderr are `Lasting`."""
    reserve()
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = Lasting(before[0]), Lasting(before[1])
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # a full disk, which has been told
            flush()
        sys.stdout, sys.stderr = before


def flush() -> None:
    """Sends on what stdout and stderr hold back, where they are there."""
    for stream in (sys.stdout, sys.stderr):
        Lasting(stream).flush()


def reserve() -> None:
    """Opens /dev/null as each of the files 0, 1 and 2 that is closed.

    Else the next file that is opened, such as a picture, would have that number, and TensorFlow's messages, which go to
    file 2, would be written into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
            os.set_inheritable(opened, True)


def _discard(stream: Any) -> None:
    """Lets what a broken stream still holds back go nowhere; Python would complain of it at the end of the process."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        number = stream.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        os.close(nowhere)
