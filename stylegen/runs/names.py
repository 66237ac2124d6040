"""Names of results. A file is overwritten only if the user gave its name; a default name is numbered until it is free.

A default name that is free at the start of a run may be taken at its end, by another run. So a result with a default
name is written with `overwrite=False`; if the file exists by then, the next free name is tried.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

Written = TypeVar('Written')


def numbered_names(name: str | os.PathLike[str]) -> Iterator[Path]:
    """Yields `name`, name-2, name-3 and so on, without end."""
    path = Path(name)
    return itertools.chain([path], (path.with_stem(f'{path.stem}-{count}') for count in itertools.count(2)))


def is_taken(path: Path, *suffixes: str) -> bool:
    """Returns whether a run already used this name: whether the file or another file of such a run exists.

    Other files of a run are the settings (`out.png.json`, `out.png.md`), the state (`out.png.state`), intermediate
    pictures (`out-0040`, `out-preview`, `out-unfinished`), and files with the same stem and one of `suffixes`.
    """
    if os.path.lexists(path):
        return True
    ends = '|'.join(re.escape(suffix) for suffix in (path.suffix, *suffixes))
    own = re.compile(rf'{re.escape(path.stem)}(-\d{{4,}}|-preview|-unfinished)?({ends})(\.json|\.md|\.state)?')
    return path.parent.is_dir() and any(own.fullmatch(name) for name in os.listdir(path.parent))


def free_name(name: str | os.PathLike[str], *suffixes: str) -> Path:
    """Returns the first of `numbered_names` that is not taken, see `is_taken`."""
    return next(path for path in numbered_names(name) if not is_taken(path, *suffixes))


@dataclass(frozen=True)
class Output:
    """The path of a result, and whether it may still change.

    Attributes:
        path: The path. If the user gave no name, `save` may write to a later name, since this one can be taken by then.
        overwrite: Whether an existing file is replaced. True if the user gave the name.
        default_name: The default name from which `path` was made, see `numbered_names`; None if there was none.
        suffixes: Suffixes of files that are written beside the result, see `is_taken`.
    """

    path: Path
    overwrite: bool = True
    default_name: Path | None = None
    suffixes: tuple[str, ...] = ()

    @classmethod
    def from_flag(
        cls, given: str | None, default: str, *suffixes: str, say: Callable[[str], None] = lambda text: None
    ) -> Output:
        """Returns the output that the user named, or one with a free default name.

        Args:
            given: The value of --output. A folder gets a file with a free default name; a name without a suffix gets
                the suffix of the default.
            default: The default name.
            suffixes: Suffixes of files that are written beside the result.
            say: Prints a line if a suffix was added.
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
    def free(cls, default_name: Path, *suffixes: str) -> Output:
        """Returns an output with a free name: `default_name`, or with a number if that is taken."""
        return cls(free_name(default_name, *suffixes), False, default_name, suffixes)

    def free_paths(self) -> Iterator[Path]:
        """Yields the free paths that the result may get, best first, without end."""
        if self.default_name is None:
            return (path for path in numbered_names(self.path) if not os.path.lexists(path))
        return (path for path in numbered_names(self.default_name) if not is_taken(path, *self.suffixes))

    def with_path(self, path: Path) -> Output:
        """Returns the output with this path. `save` writes to another one only if the file must not be overwritten."""
        return replace(self, path=path, default_name=None)

    def with_fixed_name(self) -> Output:
        """Returns the output with the name that is free now, for use before another file with this name is written."""
        return self if self.default_name is None else self.with_path(next(self.free_paths()))

    def save(self, write: Callable[..., Written], *arguments: Any, **options: Any) -> Written:
        """Writes the result to the path, or to the next free path.

        Args:
            write: Writes the file: `write(path, *arguments, overwrite=True or False, **options)`. It raises
                FileExistsError if it must not overwrite and the file exists.

        Returns:
            The value that `write` returns.

        Example:
            path = output.save(images.save_image, pixels, settings=record)
        """
        if self.overwrite:
            return write(self.path, *arguments, overwrite=True, **options)
        paths = self.free_paths()
        while True:
            with contextlib.suppress(FileExistsError):
                return write(next(paths), *arguments, overwrite=False, **options)
