"""What two settings differ in, in words."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stylegen.utils.errors import UserError

_DIGEST = re.compile(r'[0-9a-f]{64}')  # SHA-256
_MISSING = object()


class OtherState(UserError):
    """A folder keeps a state that is none of this run's."""


def refuse_other(folder: Path, kept: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Refuses to go on with a run of other settings.

    Raises:
        OtherState: The settings differ; those that do are named.
    """
    if told := differing(kept, given, 'then', 'now'):
        raise OtherState(f'{folder} keeps a run with another {told}; give the same, or another --workdir')


def differing(first: Mapping[str, Any], second: Mapping[str, Any], one: str, other: str) -> str:
    """What two settings differ in, in words; '' for nothing. `one` and `other` say whose the values are."""
    old, new = _flat(first), _flat(second)
    names = sorted(name for name in {*old, *new} if old.get(name, _MISSING) != new.get(name, _MISSING))
    told = lambda name: _told(old.get(name, 'nothing'), new.get(name, 'nothing'), one, other)
    return ', '.join(f'{name[-1]} ({told(name)})' for name in names)


@dataclass(frozen=True)
class InWords:
    """A setting that is compared by its value and told in words."""

    value: Any
    words: str = field(compare=False)

    def __str__(self) -> str:
        return self.words


def _told(first: Any, second: Any, one: str, other: str) -> str:
    """Two values that differ; of two digests that they do, for nobody can read more out of them."""
    texts = [str(value) for value in (first, second)]
    if all(_DIGEST.fullmatch(text) for text in texts):
        return 'other content'
    if texts[0] == texts[1]:
        return f'{texts[0]} {one}, others {other}'
    return f'{texts[0]} {one}, {texts[1]} {other}'


def _flat(settings: Mapping[str, Any], *outer: str) -> dict[tuple[str, ...], Any]:
    """Settings within settings, brought to one level: by their names from the outermost to the one a user typed."""
    flat: dict[tuple[str, ...], Any] = {}
    for name, value in settings.items():
        flat |= _flat(value, *outer, name) if isinstance(value, dict) else {(*outer, name): value}
    return flat
