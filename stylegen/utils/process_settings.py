"""Changes a setting of the whole process for a while, also from several threads."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any


class ProcessSetting:
    """A setting of the whole process that has another value while blocks run.

    Several threads may run blocks at the same time. The first block to begin changes the setting, and the last one to
    end restores it, also if a block fails. A thread that saved and restored the setting alone could restore the value
    of another thread.

    Args:
        read: Returns the value.
        write: Sets it.
    """

    def __init__(self, read: Callable[[], Any], write: Callable[[Any], Any]):
        self._read, self._write = read, write
        self._changing = threading.Lock()
        self._blocks = 0
        self._before: Any = None

    @contextlib.contextmanager
    def at(self, value: Any) -> Iterator[None]:
        """Within the block the setting has this value, or the value of an earlier block that still runs."""
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
