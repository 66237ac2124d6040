"""Weights by layer, channel, neuron or class: read from a dictionary, a list or a text, and written as a text."""

import math
import numbers
import re
from collections.abc import Mapping
from typing import Any

from stylegen.utils.errors import UserError

WeightsLike = Any  # {'a': 1.0}, ['a', 'b'], 'a:1,b:0.5', None


def as_weights(given: WeightsLike, name: str) -> dict[str, float] | None:
    """Returns weights by name.

    Args:
        given: {'a': 1.0}; a list of names, whose weights are 1; a list of (name, weight); a text as on the command
            line, such as 'a:1,b:0.5'; or None, which stays None.
        name: The name of the argument or flag, for errors.

    Raises:
        UserError: The weights have another form, one is not finite, or a name occurs twice.

    Example:
        as_weights(['conv1', ('conv2', 0.5)], 'layers')  # {'conv1': 1.0, 'conv2': 0.5}
    """
    if given is None:
        return None
    if isinstance(given, str):
        return parse_weights(given, name)
    if isinstance(given, Mapping):
        pairs = list(given.items())
    elif isinstance(given, (list, tuple, set, frozenset)):
        pairs = [tuple(item) if isinstance(item, (list, tuple)) and len(item) == 2 else (item, 1.0) for item in given]
    else:
        raise _form_error(given, name)
    for key, weight in pairs:
        if not isinstance(key, (str, int)) or not isinstance(weight, numbers.Real):
            raise _form_error(given, name)
        if not math.isfinite(weight):
            raise UserError(f'expected finite weights of {name}, got {key}:{weight:g}')
    keys = [str(key) for key, _ in pairs]
    if twice := sorted({key for key in keys if keys.count(key) > 1}):
        raise UserError(f'{twice[0]} is named twice in {name}')
    return {str(key): float(weight) for key, weight in pairs}


def _form_error(given: Any, name: str) -> UserError:
    text = repr(given)
    return UserError(
        f"expected {name} as {{'name': weight}}, ['name', ...] or 'name:weight,...', "
        f'got {text if len(text) < 100 else type(given).__name__}'
    )


def parse_weights(text: str, flag: str = 'layers') -> dict[str, float]:
    """Reads weights from a text, such as 'block3_conv3:1,block4_conv2[3,7]:0.5'.

    A name without a weight gets the weight 1. Commas in brackets belong to the name.

    Args:
        text: The text.
        flag: The name of the flag, for errors.

    Raises:
        UserError: A part is not NAME or NAME:WEIGHT, a name occurs twice, or there are no names.
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
    """Writes weights as a text from which `parse_weights` reads exactly the same numbers."""
    return ','.join(f'{name}:{str(float(weight)).removesuffix(".0")}' for name, weight in weights.items())
