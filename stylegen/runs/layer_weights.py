"""Weights by layer (or channel, neuron, class), in the forms that people write them in."""

import math
import numbers
import re
from collections.abc import Mapping
from typing import Any

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


def parse_weights(text: str, flag: str = 'layers') -> dict[str, float]:
    """Weights by name: 'block3_conv3:1,block4_conv2[3,7]:0.5'; a name without a weight has 1.

    Commas within brackets belong to the name.
    """
    weights: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in re.split(r',(?![^\[]*\])', text))):
        name, _, weight = part.partition(':')
        try:
            value = float(weight or 1)
        except ValueError:
            value = float('nan')
        if not name or not math.isfinite(value):
            raise UserError(f'expected NAME or NAME:WEIGHT, got {part!r} in --{flag}={text}')
        if name in weights:
            raise UserError(f'{name} is named twice in --{flag}={text}')
        weights[name] = value
    if not weights:
        raise UserError(f'expected --{flag}=NAME:WEIGHT,..., got none')
    return weights


def format_weights(weights: Mapping[str, float]) -> str:
    """What `parse_weights` reads, to the last bit."""
    return ','.join(f'{name}:{str(float(weight)).removesuffix(".0")}' for name, weight in weights.items())
