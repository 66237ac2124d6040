"""What is typed after a flag: paths with `~`, numbers as 1e3, and what to type instead of 0,5 or 50%."""

import contextlib
import os
import re

from absl import flags


class Path(flags.ArgumentParser):
    """A path as a shell would have given it: after `=` a shell leaves `~` alone."""

    def parse(self, argument: str) -> str:
        """The path."""
        if not argument:
            raise ValueError('it is empty; give a path, or leave the flag out')
        return expanded(argument)


class Integer(flags.IntegerParser):
    """A whole number, also as 1e3."""

    def convert(self, argument: str | int) -> int:
        """The number."""
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
        """The number."""
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


def expanded(text: str) -> str:
    """A path with the home folder for `~`; also where the path stands behind a `=`, as in MASK=STYLE."""
    return '='.join(os.path.expanduser(part) for part in text.split('='))
