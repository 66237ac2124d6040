"""Ends the process cleanly while TensorFlow's threads still ask Python for batches.

When the interpreter shuts down, a thread that enters Python never returns, and TensorFlow waits for it for ever: every
process that ended right after a batch of drawn pictures hung. The number of prefetched batches is limited. So at exit
it is enough to answer the remaining calls at once, and to wait until they stop.
"""

import atexit
import contextlib
import threading
import time
from collections.abc import Iterator

_QUIET = 0.1  # seconds without a call after which no more calls are expected

_lock = threading.Lock()
_running_calls = 0
_last_end = 0.0
_exiting = False


@contextlib.contextmanager
def tracked_call() -> Iterator[bool]:
    """Tracks a TensorFlow thread while it runs Python. Yields whether its result will still be used."""
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
