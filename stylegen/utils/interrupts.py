"""Ctrl-C that is not lost, and the end that a system asks for (SIGTERM), which is taken for one.

Python drops a KeyboardInterrupt that is raised while a destructor runs, and TensorFlow's functions have destructors:
one of about a hundred dreams that were stopped went on. Here it is remembered, and raised again at the next step.
"""

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

Handler = Callable[[int, FrameType | None], Any] | int | None
# what Python does with them
USUAL: dict[signal.Signals, Handler] = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
_asked = 0  # the signal that came


def _remember(number: int, frame: FrameType | None) -> None:
    global _asked
    _asked = number
    raise KeyboardInterrupt(number)


@contextlib.contextmanager
def remembered() -> Iterator[None]:
    """While the block runs the signals raise KeyboardInterrupt with their number, and `check` raises it again."""
    global _asked
    with contextlib.suppress(ValueError):  # not the main thread, where no signal arrives
        for number, usual in USUAL.items():
            if signal.getsignal(number) is usual:  # others, such as SIG_IGN of a job in the background, stay
                signal.signal(number, _remember)
    try:
        yield
    finally:
        _asked = 0
        for number, usual in USUAL.items():
            if signal.getsignal(number) is _remember:
                signal.signal(number, usual)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Holds the signals back until the block has ended: what is being saved is saved.

    Where the block fails the signal counts, and what failed is its cause.
    """
    held: list[int] = []
    try:
        with _handled(lambda number, frame: held.append(number)):
            yield
    except Exception as error:
        try:
            _let_go(held)
        except KeyboardInterrupt as stop:
            raise stop from error
        raise
    _let_go(held)


def _let_go(held: list[int]) -> None:
    """Sends the first of the signals that were held back on its way."""
    if held:
        signal.raise_signal(held[0])


def deadly() -> contextlib.AbstractContextManager[None]:
    """Within the block the signals end the process at once: Python would not hear of them while TensorFlow waits."""
    return _handled(signal.SIG_DFL)


@contextlib.contextmanager
def _handled(handler: Handler) -> Iterator[None]:
    """Within the block the signals come to another handler; those that are ignored stay so."""
    previous = {}
    with contextlib.suppress(ValueError):  # not the main thread
        for number in USUAL:
            if signal.getsignal(number) is not signal.SIG_IGN:
                previous[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        for number, before in previous.items():
            signal.signal(number, before)


def exit_code(interrupt: KeyboardInterrupt) -> int:
    """What a shell calls a process that ended so: 130 after Ctrl-C, 143 after SIGTERM."""
    return 128 + (interrupt.args[0] if interrupt.args else signal.SIGINT)


def check() -> None:
    """To be called at every step: raises KeyboardInterrupt where a signal came within a `remembered` block."""
    if _asked:
        raise KeyboardInterrupt(_asked)
