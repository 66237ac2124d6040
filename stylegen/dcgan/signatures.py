"""Reads defaults from the signature of the function that does the work, so that they are stated once."""

import inspect
from collections.abc import Callable
from typing import Any


def defaults_of(function: Callable) -> dict[str, Any]:
    """Returns the default of every argument that has one, by name."""
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}
