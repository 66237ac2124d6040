"""A clean end of the process, while TensorFlow's threads still ask Python for the next batches.

Once the interpreter goes down, a thread that wants to enter Python never comes back, and TensorFlow waits for it for
ever: every process that ended right after a batch of drawn pictures hung. What is prepared ahead is bounded, so that it
is enough to answer at once and to wait until nobody asks any more.
"""

import atexit
import contextlib
import threading
import time
from collections.abc import Iterator

_QUIET = 0.1  # seconds without a question, after which nothing more is asked for

_changing = threading.Lock()
_inside = 0
_last = 0.0
_leaving = False


@contextlib.contextmanager
def answering() -> Iterator[bool]:
    """To be held while a thread of TensorFlow is within Python; gives whether the answer will still be used."""
    global _inside, _last
    with _changing:
        _inside += 1
    try:
        yield not _leaving
    finally:
        with _changing:
            _inside -= 1
            _last = time.monotonic()


@atexit.register
def _wait() -> None:
    global _leaving
    _leaving = True
    while _inside or time.monotonic() - _last < _QUIET:
        time.sleep(_QUIET / 10)
