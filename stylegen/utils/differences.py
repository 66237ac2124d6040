"""Describes in words how two sets of settings differ."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stylegen.utils.errors import UserError

_DIGEST = re.compile(r'[0-9a-f]{64}')  # SHA-256
_MISSING = object()


class OtherState(UserError):
    """The folder holds the state of a run with other settings."""


def refuse_other_settings(folder: Path, kept: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Refuses to continue a run with other settings.

    Raises:
        OtherState: The settings differ. The error names those that do.
    """
    if differences := differences_in_words(kept, given, 'then', 'now'):
        raise OtherState(f'{folder} keeps a run with another {differences}; give the same, or another --workdir')


def differences_in_words(first: Mapping[str, Any], second: Mapping[str, Any], one: str, other: str) -> str:
    """Returns the differences of two sets of settings in words; '' if there are none.

    Args:
        first: Settings by name; values may be mappings again.
        second: The settings to compare with.
        one: Whose values the first are, such as 'then'.
        other: Whose values the second are, such as 'now'.

    Example:
        differences_in_words({'steps': 10}, {'steps': 20}, 'then', 'now')  # 'steps (10 then, 20 now)'
    """
    old, new = _flat(first), _flat(second)
    names = sorted(name for name in {*old, *new} if old.get(name, _MISSING) != new.get(name, _MISSING))
    described = lambda name: _pair_in_words(old.get(name, 'nothing'), new.get(name, 'nothing'), one, other)
    return ', '.join(f'{name[-1]} ({described(name)})' for name in names)


@dataclass(frozen=True)
class DescribedValue:
    """A setting that is compared by its value and shown in words."""

    value: Any
    words: str = field(compare=False)

    def __str__(self) -> str:
        return self.words


def _pair_in_words(first: Any, second: Any, one: str, other: str) -> str:
    """Returns two different values in words. Two digests are not shown, because nobody can read them."""
    texts = [str(value) for value in (first, second)]
    if all(_DIGEST.fullmatch(text) for text in texts):
        return 'other content'
    if texts[0] == texts[1]:
        return f'{texts[0]} {one}, others {other}'
    return f'{texts[0]} {one}, {texts[1]} {other}'


def _flat(settings: Mapping[str, Any], *outer: str) -> dict[tuple[str, ...], Any]:
    """Flattens nested settings. A key is the path of names from the outermost to the innermost."""
    flat: dict[tuple[str, ...], Any] = {}
    for name, value in settings.items():
        flat |= _flat(value, *outer, name) if isinstance(value, dict) else {(*outer, name): value}
    return flat
