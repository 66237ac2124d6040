"""Ctrl-C that is not lost.

Python drops a KeyboardInterrupt that is raised while a destructor runs, and TensorFlow's functions have destructors: of
some hundred dreams that were stopped one went on. Here it is remembered, and raised again at the next step.
"""

import contextlib
import signal

_asked = False


def _remember(number, frame) -> None:
    global _asked
    _asked = True
    raise KeyboardInterrupt


@contextlib.contextmanager
def remembered():
    """While the block runs Ctrl-C raises KeyboardInterrupt as always, and `check` raises it again."""
    global _asked
    here = signal.getsignal(signal.SIGINT)
    with contextlib.suppress(ValueError):  # not the main thread, where no signal arrives
        if here is signal.default_int_handler:  # others, such as SIG_IGN of a job in the background, stay
            signal.signal(signal.SIGINT, _remember)
    try:
        yield
    finally:
        _asked = False
        if signal.getsignal(signal.SIGINT) is _remember:
            signal.signal(signal.SIGINT, here)


def check() -> None:
    """To be called at every step: raises KeyboardInterrupt where Ctrl-C came within a `remembered` block."""
    if _asked:
        raise KeyboardInterrupt
