"""Keeps Ctrl-C and SIGTERM from being lost.

Python drops a KeyboardInterrupt that is raised while a destructor runs, and TensorFlow's functions have destructors:
about one of a hundred dreams went on after Ctrl-C. This module remembers the signal and raises it again at the next
step.
"""

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

Handler = Callable[[int, FrameType | None], Any] | int | None
# Python's own handlers
DEFAULT_HANDLERS: dict[signal.Signals, Handler] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
}
_pending = 0  # the number of the signal that arrived; 0 for none


def _on_signal(number: int, frame: FrameType | None) -> None:
    global _pending
    _pending = number
    raise KeyboardInterrupt(number)


@contextlib.contextmanager
def remember_signals() -> Iterator[None]:
    """Within the block the signals raise KeyboardInterrupt with their number, and `check` raises it again."""
    global _pending
    with contextlib.suppress(ValueError):  # only the main thread receives signals
        for number, default in DEFAULT_HANDLERS.items():
            if signal.getsignal(number) is default:  # keep others, such as SIG_IGN of a background job
                signal.signal(number, _on_signal)
    try:
        yield
    finally:
        _pending = 0
        for number, default in DEFAULT_HANDLERS.items():
            if signal.getsignal(number) is _on_signal:
                signal.signal(number, default)


@contextlib.contextmanager
def delay_signals() -> Iterator[None]:
    """Delays the signals until the block ends, so that a file is saved completely.

    If the block fails, the signal is raised with that failure as its cause.
    """
    held: list[int] = []
    try:
        with _handled(lambda number, frame: held.append(number)):
            yield
    except Exception as error:
        try:
            _raise_first(held)
        except KeyboardInterrupt as stop:
            raise stop from error
        raise
    _raise_first(held)


def _raise_first(held: list[int]) -> None:
    """Sends the first delayed signal again."""
    if held:
        signal.raise_signal(held[0])


def ending_the_process() -> contextlib.AbstractContextManager[None]:
    """Within the block the signals end the process at once. Python cannot handle them while TensorFlow waits."""
    return _handled(signal.SIG_DFL)


@contextlib.contextmanager
def _handled(handler: Handler) -> Iterator[None]:
    """Within the block another handler receives the signals. Ignored signals stay ignored."""
    previous = {}
    with contextlib.suppress(ValueError):  # not the main thread
        for number in DEFAULT_HANDLERS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                previous[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        for number, before in previous.items():
            signal.signal(number, before)


def exit_code(interrupt: KeyboardInterrupt) -> int:
    """Returns the exit code of a shell for a process that a signal ended: 130 after Ctrl-C, 143 after SIGTERM."""
    return 128 + (interrupt.args[0] if interrupt.args else signal.SIGINT)


def check() -> None:
    """Raises KeyboardInterrupt if a signal arrived within a `remember_signals` block. Call it at every step."""
    if _pending:
        raise KeyboardInterrupt(_pending)
