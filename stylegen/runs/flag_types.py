"""Types of flags: paths with `~`, numbers such as 1e3, and errors that say what to type instead of 0,5 or 50%."""

import contextlib
import os
import re

from absl import flags


class Path(flags.ArgumentParser):
    """A path. Its `~` becomes the home folder, which shells do not do after a `=`."""

    def parse(self, argument: str) -> str:
        """Returns the path.

        Raises:
            ValueError: The text is empty.
        """
        if not argument:
            raise ValueError('it is empty; give a path or leave the flag out')
        return expand_home(argument)


class Integer(flags.IntegerParser):
    """A whole number, such as 1000 or 1e3."""

    def convert(self, argument: str | int) -> int:
        """Returns the number.

        Raises:
            ValueError: The text is not a whole number.
        """
        try:
            return int(argument)
        except ValueError:
            text = str(argument).strip()
        if re.fullmatch(r'\d{1,3}(,\d{3})+', text):
            raise ValueError(f'thousands are typed without a comma, here {text.replace(",", "")}')
        with contextlib.suppress(ValueError):
            if float(text).is_integer():
                return int(float(text))
        raise ValueError(f'expected a whole number, got {text!r}')


class Number(flags.FloatParser):
    """A number with a decimal point."""

    def convert(self, argument: str | float) -> float:
        """Returns the number.

        Raises:
            ValueError: The text is not a number.
        """
        try:
            return float(argument)
        except ValueError:
            text = str(argument).strip()
        plain = text.removesuffix('%').replace(',', '.')
        try:
            value = float(plain)
        except ValueError:
            raise ValueError(f'expected a number, got {text!r}') from None
        if text.endswith('%'):
            raise ValueError(f'a share is typed as a number, here {value / 100:g}')
        raise ValueError(f'decimals are typed with a point, here {plain}')


def expand_home(text: str) -> str:
    """Returns a text with `~` replaced by the home folder, at its start and after each `=`, as in MASK=~/STYLE."""
    return '='.join(os.path.expanduser(part) for part in text.split('='))
