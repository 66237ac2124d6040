"""Settings of the whole process that are changed for a while, by any number of threads, and put back."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any


class ProcessSetting:
    """A setting of the whole process that has another value while blocks run.

    Threads may run blocks at the same time. The first to begin changes the setting, and the last to end puts it back,
    also where a block fails. A thread that saved and restored it by itself might put back what another one had set.

    Args:
        read: Gives the value.
        write: Sets it.
    """

    def __init__(self, read: Callable[[], Any], write: Callable[[Any], Any]):
        self._read, self._write = read, write
        self._changing = threading.Lock()
        self._blocks = 0
        self._before: Any = None

    @contextlib.contextmanager
    def at(self, value: Any) -> Iterator[None]:
        """Within the block the setting has this value, or that of a block which began earlier and still runs."""
        with self._changing:
            if not self._blocks:
                self._before = self._read()
                self._write(value)
            self._blocks += 1
        try:
            yield
        finally:
            with self._changing:
                self._blocks -= 1
                if not self._blocks:
                    self._write(self._before)
