"""Weights by layer (or channel, neuron, class), in the forms that people write them in."""

import numbers
from collections.abc import Mapping
from typing import Any

from stylegen.runs.cli import parse_weights
from stylegen.utils.errors import UserError

WeightsLike = Any  # {'a': 1.0}, ['a', 'b'], 'a:1,b:0.5', None


def as_weights(given: WeightsLike, name: str) -> dict[str, float] | None:
    """Weights by name.

    Args:
        given: {'a': 1.0}; a list of names, which have 1 each, or of (name, weight); a text as on the command line,
            'a:1,b:0.5'; None stays None.
        name: What they are called in an error, the argument's and the flag's name.

    Raises:
        UserError: It is none of these.
    """
    if given is None:
        return None
    if isinstance(given, str):
        return parse_weights(given, name)
    if isinstance(given, Mapping):
        pairs = list(given.items())
    elif isinstance(given, (list, tuple, set, frozenset)):
        pairs = [tuple(one) if isinstance(one, (list, tuple)) and len(one) == 2 else (one, 1.0) for one in given]
    else:
        raise _wrong(given, name)
    for one, weight in pairs:
        if not isinstance(one, (str, int)) or not isinstance(weight, numbers.Real):
            raise _wrong(given, name)
    names = [str(one) for one, _ in pairs]
    if twice := sorted({one for one in names if names.count(one) > 1}):
        raise UserError(f'{twice[0]} is named twice in {name}')
    return {str(one): float(weight) for one, weight in pairs}


def _wrong(given: Any, name: str) -> UserError:
    text = repr(given)
    return UserError(
        f"expected {name} as {{'name': weight}}, ['name', ...] or 'name:weight,...', "
        f'got {text if len(text) < 100 else type(given).__name__}'
    )
