"""Prints the messages and the progress bar of a command. Functions that a notebook calls do not use it."""

import sys
from dataclasses import dataclass
from typing import TextIO

from stylegen.utils import interrupts

_bars: list['Progress'] = []  # on the screen now


def write_line(text: str, file: TextIO) -> None:
    """Prints a line. While a progress bar is shown, the line goes above the bar."""
    for bar in _bars:
        bar.hide()
    print(text, file=file, flush=bool(_bars))
    for bar in _bars:
        bar.show_again()


def close_bars() -> None:
    """Closes all bars that are still shown, and moves to the next line."""
    for bar in list(_bars):
        bar.close()


@dataclass(frozen=True)
class Console:
    """Prints messages to stdout, and warnings and a progress bar to stderr.

    Args:
        quiet: Prints only the warnings.
    """

    quiet: bool = False

    def say(self, *lines: str) -> None:
        """Prints lines about the work. A character that stdout cannot encode is shown as '?'."""
        if not self.quiet and lines:
            encoding = sys.stdout.encoding or 'utf-8'
            write_line('\n'.join(lines).encode(encoding, 'replace').decode(encoding), sys.stdout)

    def warn(self, text: str) -> None:
        """Prints a warning, even if quiet."""
        write_line(text, sys.stderr)

    def progress(self, total: float, initial: float = 0.0) -> 'Progress':
        """Returns a progress bar, see `Progress`."""
        return Progress(total, self.quiet, initial)


class Progress:
    """A progress bar on stderr with the loss and the remaining time.

    Args:
        total: The whole work, in any unit.
        quiet: Shows no bar.
        initial: Work that is done already, in the unit of `total`.
    """

    def __init__(self, total: float, quiet: bool = False, initial: float = 0.0):
        from tqdm import tqdm

        layout = '{desc} {percentage:3.0f}% |{bar:24}| {elapsed} + {remaining} left{postfix}'
        self._bar = tqdm(
            total=total, initial=initial, disable=quiet, bar_format=layout, file=sys.stderr, mininterval=0.2
        )
        self._hidden_at: float | None = None  # time of the last drawing that `hide` ended with a line break
        if not quiet:
            _bars.append(self)

    def to(self, done: float, where: str, **values: float) -> None:
        """Moves the bar to the work done so far, and shows the place and some numbers.

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed, but its exception was lost, see `interrupts`.
        """
        interrupts.check()
        self._bar.set_description_str(where, refresh=False)
        shown = ', '.join(f'{name} {value:.4g}' for name, value in values.items())
        self._bar.set_postfix_str(shown, refresh=False)
        self._bar.update(done - self._bar.n)

    def say(self, text: str) -> None:
        """Prints a line to stderr, above the bar."""
        write_line(text, sys.stderr)

    def hide(self) -> None:
        """Makes room for a line: it erases the bar in a terminal, and ends the bar's line in a file."""
        if self._bar.fp.isatty():
            self._bar.clear()
        elif self._hidden_at != self._bar.last_print_t:
            self._hidden_at = self._bar.last_print_t
            self._bar.fp.write('\n')
            self._bar.fp.flush()

    def show_again(self) -> None:
        """Draws the bar again below the line."""
        if self._bar.fp.isatty():
            self._bar.refresh()

    def close(self) -> None:
        """Leaves the bar where it is, and moves to the next line."""
        self._bar.close()
        if self in _bars:
            _bars.remove(self)
