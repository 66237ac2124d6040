"""What a function would read if it were traced now. A compiled function is out of date once that has changed."""

import dataclasses
import functools
import hashlib
import types
from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import numpy as np

LIBRARIES = ('tensorflow', 'keras', 'numpy', 'builtins')  # what they define does not change between two traces
_PLAIN = (type(None), bool, int, str, bytes)


def fingerprint(value: Any) -> Hashable:
    """Something that is equal for two values if a trace would read the same from both.

    Numbers, texts and arrays count by their contents, and so do containers, dataclasses and other objects of Python.
    A function counts by its code and by what the code refers to: variables of the functions around it, defaults,
    globals. So two calls of `adam(0.01)` give rules of one fingerprint, and a loss whose target was changed in place
    has another one than before. Modules, classes, tensors, variables and networks count as themselves: a graph reads
    a variable each time it runs.
    """
    return _Walk().of(value)


class _Same:
    """Equal to itself alone; it keeps the value, so that no other gets its address."""

    def __init__(self, value: Any):
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


class _Walk:
    """One way through a value and all that it refers to; what was met before is told by its number."""

    def __init__(self) -> None:
        self.met: dict[int, tuple[int, Any]] = {}  # by address: its number, and the value, to keep the address taken

    def of(self, value: Any) -> Hashable:
        if isinstance(value, _Same):
            return value
        if isinstance(value, _PLAIN):
            return type(value), value
        if isinstance(value, float | complex):
            return type(value), repr(value)  # NaN too is equal to itself
        if isinstance(value, np.ndarray | np.generic) and not value.dtype.hasobject:
            content = np.ascontiguousarray(value).reshape(-1).view(np.uint8)
            return value.dtype.name, value.shape, hashlib.blake2b(content.data).digest()
        if id(value) in self.met:
            return self.met[id(value)][0]
        self.met[id(value)] = len(self.met), value
        parts = list(self._parts(value))
        if not parts:
            return _Same(value)
        return type(value), *(self.of(part) for part in parts)

    def _parts(self, value: Any) -> Iterator[Any]:
        """What a value is made of; nothing for one that counts as itself."""
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
        elif dataclasses.is_dataclass(value):  # what it was made of, and not what it has worked out meanwhile
            yield from (getattr(value, field.name) for field in dataclasses.fields(value) if field.init)
        elif hasattr(value, '__dict__'):
            yield from (type(value), *vars(value), *vars(value).values())


def _of_library(module: str | None) -> bool:
    return (module or 'builtins').partition('.')[0] in LIBRARIES


def _is_of_library(value: Any) -> bool:
    return any(_of_library(kind.__module__) for kind in type(value).__mro__[:-1])


def _of_function(function: types.FunctionType) -> Iterator[Any]:
    """What the code of a function refers to."""
    yield _Same(function.__globals__)
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
    except ValueError:  # the function around it has not come to that line
        return None


def _names(code: types.CodeType) -> set[str]:
    """The names that a function and those within it look up outside of themselves."""
    return set(code.co_names).union(*(_names(part) for part in code.co_consts if isinstance(part, types.CodeType)))
