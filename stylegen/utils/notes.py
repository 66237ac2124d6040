"""How a function says a line: as a Python warning of a class of ours, which a command prints as a plain line.

    note('photo.png: its colour profile is not applied')

In Python `warnings` decides what becomes of it; `warnings.simplefilter('ignore', stylegen.utils.Note)` silences all.
"""

import sys
import warnings
from collections.abc import Callable


class Note(UserWarning):
    """A line about an input that was taken, but not quite as it stood."""


def note(line: str) -> None:
    """Says a line; the warning points to the first caller outside of this package."""
    level, frame = 1, sys._getframe()
    while frame.f_back and frame.f_globals.get('__name__', '').partition('.')[0] == __name__.partition('.')[0]:
        level, frame = level + 1, frame.f_back
    warnings.warn(line, Note, stacklevel=level)


def notes_to(say: Callable[[str], None]) -> None:
    """Gives each note to `say` once, as a plain line, until the `warnings.catch_warnings` around this ends."""
    said: set[str] = set()
    usual = warnings.showwarning

    def show(message, category, *args, **kwargs):
        if not issubclass(category, Note):
            usual(message, category, *args, **kwargs)
        elif str(message) not in said:
            said.add(str(message))
            say(str(message))

    warnings.simplefilter('always', Note)
    warnings.showwarning = show
