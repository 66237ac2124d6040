"""Notes to the user: Python warnings of a class of ours, which a command prints as plain lines.

    note('photo.png: its colour profile is not applied')

In Python the module `warnings` decides what happens to them. `warnings.simplefilter('ignore', stylegen.utils.Note)`
silences all.
"""

import sys
import warnings
from collections.abc import Callable


class Note(UserWarning):
    """A note about an input that was read, but not exactly as it is stored."""


def note(line: str) -> None:
    """Emits a note. The warning points to the first caller outside of this package."""
    level, frame = 1, sys._getframe()
    while frame.f_back and frame.f_globals.get('__name__', '').partition('.')[0] == __name__.partition('.')[0]:
        level, frame = level + 1, frame.f_back
    warnings.warn(line, Note, stacklevel=level)


def notes_to(say: Callable[[str], None]) -> None:
    """Passes each note once to `say`, until the surrounding `warnings.catch_warnings` ends."""
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
