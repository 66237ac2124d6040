"""What a command prints while it works; functions that a notebook calls are given none of it."""

import sys
from dataclasses import dataclass
from typing import TextIO

from stylegen.utils import interrupts

_bars: list['Progress'] = []  # that are on the screen


def write_line(text: str, file: TextIO) -> None:
    """Prints a line, which is one of its own also while a bar is shown."""
    for bar in _bars:
        bar.step_aside()
    print(text, file=file, flush=bool(_bars))
    for bar in _bars:
        bar.come_back()


def close_bars() -> None:
    """Leaves the bars that are still shown, and goes to the next line."""
    for bar in list(_bars):
        bar.close()


@dataclass(frozen=True)
class Console:
    """Lines on stdout, warnings and a bar on stderr.

    Args:
        quiet: Leaves out all but the warnings.
    """

    quiet: bool = False

    def say(self, *lines: str) -> None:
        """Lines about the work; what stdout cannot write, such as a name that is no text, is shown as '?'."""
        if not self.quiet and lines:
            encoding = sys.stdout.encoding or 'utf-8'
            write_line('\n'.join(lines).encode(encoding, 'replace').decode(encoding), sys.stdout)

    def warn(self, text: str) -> None:
        """A line about what is not as it should be."""
        write_line(text, sys.stderr)

    def progress(self, total: float, initial: float = 0.0) -> 'Progress':
        """A bar, see `Progress`."""
        return Progress(total, self.quiet, initial)


class Progress:
    """A bar on stderr with the loss and the time left; `total` and `initial` are in the unit that `to` is told."""

    def __init__(self, total: float, quiet: bool = False, initial: float = 0.0):
        from tqdm import tqdm

        layout = '{desc} {percentage:3.0f}% |{bar:24}| {elapsed} + {remaining} left{postfix}'
        self._bar = tqdm(
            total=total, initial=initial, disable=quiet, bar_format=layout, file=sys.stderr, mininterval=0.2
        )
        self._left: float | None = None  # when the bar was drawn last that it has left the line of
        if not quiet:
            _bars.append(self)

    def to(self, done: float, where: str, **values: float) -> None:
        """Work done so far, where that is, and numbers to show.

        Raises:
            KeyboardInterrupt: Ctrl-C came before, and was lost on its way.
        """
        interrupts.check()
        self._bar.set_description_str(where, refresh=False)
        shown = ', '.join(f'{name} {value:.4g}' for name, value in values.items())
        self._bar.set_postfix_str(shown, refresh=False)
        self._bar.update(done - self._bar.n)

    def say(self, text: str) -> None:
        """A line on stderr, above the bar."""
        write_line(text, sys.stderr)

    def step_aside(self) -> None:
        """Makes room for a line: a terminal has the bar erased, a file gets an end of its line."""
        if self._bar.fp.isatty():
            self._bar.clear()
        elif self._left != self._bar.last_print_t:
            self._left = self._bar.last_print_t
            self._bar.fp.write('\n')
            self._bar.fp.flush()

    def come_back(self) -> None:
        """Shows the bar again below the line."""
        if self._bar.fp.isatty():
            self._bar.refresh()

    def close(self) -> None:
        """Leaves the bar where it is and goes to the next line."""
        self._bar.close()
        if self in _bars:
            _bars.remove(self)
