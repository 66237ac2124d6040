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

_lock = threading.Lock()
_running_calls = 0
_last_end = 0.0
_exiting = False


@contextlib.contextmanager
def tracked_call() -> Iterator[bool]:
    """To be held while a thread of TensorFlow is within Python; gives whether the answer will still be used."""
    global _running_calls, _last_end
    with _lock:
        _running_calls += 1
    try:
        yield not _exiting
    finally:
        with _lock:
            _running_calls -= 1
            _last_end = time.monotonic()


@atexit.register
def _wait_for_calls() -> None:
    global _exiting
    _exiting = True
    while _running_calls or time.monotonic() - _last_end < _QUIET:
        time.sleep(_QUIET / 10)
