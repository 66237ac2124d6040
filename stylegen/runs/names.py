"""Names of results: one that was given is written over; any other is free, and settled when the result is written.

A name that is free when a run begins may be taken when it ends, by another run that began with it. So results under a
name that nobody gave are written with `overwrite=False`, and the next free name is tried where that fails.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

Written = TypeVar('Written')


def names_like(name: str | os.PathLike[str]) -> Iterator[Path]:
    """`name`, name-2, name-3 ... without end."""
    path = Path(name)
    return itertools.chain([path], (path.with_stem(f'{path.stem}-{count}') for count in itertools.count(2)))


def is_taken(path: Path, *suffixes: str) -> bool:
    """Whether a result at `path` would meet one that is there: the file, or what a run writes beside it on its way.

    That are the settings (`out.png.json`, `out.png.md`), the state (`out.png.state`), pictures on the way (`out-0040`,
    `out-preview`, `out-unfinished`), and files of the same stem with one of `suffixes`.
    """
    if os.path.lexists(path):
        return True
    ends = '|'.join(re.escape(suffix) for suffix in (path.suffix, *suffixes))
    own = re.compile(rf'{re.escape(path.stem)}(-\d{{4,}}|-preview|-unfinished)?({ends})(\.json|\.md|\.state)?')
    return path.parent.is_dir() and any(own.fullmatch(name) for name in os.listdir(path.parent))


def free_name(name: str | os.PathLike[str], *suffixes: str) -> Path:
    """The first of `names_like` that is not taken, see `is_taken`: a default never overwrites anything."""
    return next(path for path in names_like(name) if not is_taken(path, *suffixes))


@dataclass(frozen=True)
class Output:
    """Where a result goes.

    Attributes:
        path: As it is now. Of a default it may change until `save` has given the path that it is.
        overwrite: Whether a file at `path` is replaced: somebody gave this name. Otherwise nothing is.
        like: The default that `path` is a free name like, see `names_like`; or None.
        suffixes: Of the files that are written beside it, see `is_taken`.
    """

    path: Path
    overwrite: bool = True
    like: Path | None = None
    suffixes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, given: str | None, default: str, *suffixes: str, say: Callable[[str], None] = lambda text: None
    ) -> Output:
        """The output that a flag names, or a free name like the default.

        Args:
            given: The flag. A folder gets a free name like the default in it, a name without a suffix that of the
                default.
            default: The name where none was given.
            suffixes: Of the files that are written beside it.
            say: Is told in a line where a suffix was added.
        """
        if not given:
            return cls.free(Path(default), *suffixes)
        path = Path(given)
        if given.endswith(('/', os.sep)) or path.is_dir():
            return cls.free(path / default, *suffixes)
        if not path.suffix:
            path = path.with_name(path.name + Path(default).suffix)
            say(f'output   {given} has no suffix: the result goes to {path}')
        return cls(path)

    @classmethod
    def free(cls, like: Path, *suffixes: str) -> Output:
        """A free name like this one."""
        return cls(free_name(like, *suffixes), False, like, suffixes)

    def candidates(self) -> Iterator[Path]:
        """The free names that the result may get, the first choice first, without end."""
        if self.like is None:
            return (path for path in names_like(self.path) if not os.path.lexists(path))
        return (path for path in names_like(self.like) if not is_taken(path, *self.suffixes))

    def at(self, path: Path) -> Output:
        """The output once its name is settled, or that of a file beside it: another only where the file is there."""
        return replace(self, path=path, like=None)

    def settled(self) -> Output:
        """The output with the name that is free now, once something beside it is written under that name."""
        return self if self.like is None else self.at(next(self.candidates()))

    def save(self, write: Callable[[Path, bool], Written]) -> Written:
        """Writes the result.

        Args:
            write: Takes a path and whether to overwrite; raises FileExistsError where it must not, but would have to.

        Returns:
            What `write` does.
        """
        if self.overwrite:
            return write(self.path, True)
        names = self.candidates()
        while True:
            with contextlib.suppress(FileExistsError):
                return write(next(names), False)
