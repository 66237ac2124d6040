"""Defaults are stated once, in the signature of the function that does the work; here they are read from there."""

import inspect
from collections.abc import Callable
from typing import Any


def defaults_of(function: Callable) -> dict[str, Any]:
    """The default of every argument that has one, by name."""
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}
