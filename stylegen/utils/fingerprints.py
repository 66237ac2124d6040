"""Fingerprints of what a function reads while TensorFlow traces it. A compiled function is outdated if they change."""

import dataclasses
import functools
import hashlib
import types
from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import numpy as np

LIBRARIES = ('tensorflow', 'keras', 'numpy', 'builtins')  # what they define stays the same between two traces
_PLAIN = (type(None), bool, int, str, bytes)


def fingerprint(value: Any) -> Hashable:
    """Returns a hashable value that is equal for two values if a trace would read the same from both.

    Numbers, texts, arrays, containers, dataclasses and other Python objects are compared by their contents. A function
    is compared by its code and by everything that the code refers to: variables of enclosing functions, defaults and
    globals. So two calls of `adam(0.01)` give equal fingerprints, and a loss whose target was changed in place gives
    another one. Modules, classes, tensors, variables and networks are compared by identity, because a graph reads a
    variable each time it runs.
    """
    return _Fingerprinter().of(value)


class _ByIdentity:
    """Equals only itself. It keeps a reference, so that no other object gets the same address."""

    def __init__(self, value: Any):
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByIdentity) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


class _Fingerprinter:
    """Visits a value and all that it refers to. An object that was visited before is represented by its number."""

    def __init__(self) -> None:
        self.visited: dict[int, tuple[int, Any]] = {}  # address -> (number, value)

    def of(self, value: Any) -> Hashable:
        if isinstance(value, _ByIdentity):
            return value
        if isinstance(value, _PLAIN):
            return type(value), value
        if isinstance(value, float | complex):
            return type(value), repr(value)  # so that NaN equals NaN
        if isinstance(value, np.ndarray | np.generic) and not value.dtype.hasobject:
            content = np.ascontiguousarray(value).reshape(-1).view(np.uint8)
            return value.dtype.name, value.shape, hashlib.blake2b(content.data).digest()
        if id(value) in self.visited:
            return self.visited[id(value)][0]
        self.visited[id(value)] = len(self.visited), value
        parts = list(self._parts(value))
        if not parts:
            return _ByIdentity(value)
        return type(value), *(self.of(part) for part in parts)

    def _parts(self, value: Any) -> Iterator[Any]:
        """Yields the parts of a value; nothing for a value that is compared by identity."""
        if isinstance(value, types.MethodType):
            yield from (value.__func__, value.__self__)
        elif isinstance(value, types.FunctionType):
            if not _of_library(value.__module__):
                yield from _of_function(value)
        elif isinstance(value, functools.partial):
            yield from (value.func, value.args, value.keywords)
        elif isinstance(value, Mapping):
            yield from (len(value), *value.keys(), *value.values())
        elif isinstance(value, list | tuple | set | frozenset):
            yield from (len(value), *(sorted(value, key=repr) if isinstance(value, set | frozenset) else value))
        elif isinstance(value, type | types.ModuleType | types.CodeType) or _is_of_library(value):
            return
        elif dataclasses.is_dataclass(value):  # its arguments, not its cached results
            yield from (getattr(value, field.name) for field in dataclasses.fields(value) if field.init)
        elif hasattr(value, '__dict__'):
            yield from (type(value), *vars(value), *vars(value).values())


def _of_library(module: str | None) -> bool:
    return (module or 'builtins').partition('.')[0] in LIBRARIES


def _is_of_library(value: Any) -> bool:
    return any(_of_library(kind.__module__) for kind in type(value).__mro__[:-1])


def _of_function(function: types.FunctionType) -> Iterator[Any]:
    """Yields what the code of a function refers to."""
    yield _ByIdentity(function.__globals__)
    yield from (function.__code__, function.__defaults__, function.__kwdefaults__)
    for cell in function.__closure__ or ():
        yield _content(cell)
    for name in sorted(_names(function.__code__)):
        if name in function.__globals__:
            yield name
            yield function.__globals__[name]


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # the enclosing function has not assigned it yet
        return None


def _names(code: types.CodeType) -> set[str]:
    """Returns the global names that a function and its inner functions use."""
    return set(code.co_names).union(*(_names(part) for part in code.co_consts if isinstance(part, types.CodeType)))
