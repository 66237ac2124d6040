"""How a program makes its pictures on a cluster."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from stylegen.cluster import stores
from stylegen.utils.files import digest_of


class Input(NamedTuple):
    """An input of a run.

    Attributes:
        place: The position of its source among all sources.
        key: The inputs of one source are sorted by it.
        address: The path or address; of an input that is no file, what the job calls it.
        stem: What results are named after.
    """

    place: int
    key: str
    address: str
    stem: str


@dataclass(frozen=True)
class Task:
    """One result that a worker makes.

    Attributes:
        file: The file of the input on this machine.
        name: How the record calls the input.
        output: The file of the result. What is written beside it is kept beside the result.
        number: Which of the results of the input it is, see `Job.endings`.
        together: The names of all inputs that the worker got at once, in order.
    """

    file: Path
    name: str
    output: Path
    number: int = 0
    together: tuple[str, ...] = ()


Make = Callable[[Task], None]


class Job(ABC):
    """How a program makes pictures. It travels to the workers, so it holds settings and no network.

    Attributes:
        batch: How many results a worker is given at once.
        reads: Whether inputs are files. Others, such as seeds, are texts that the job alone understands.
    """

    batch: int = 1
    reads: bool = True

    @property
    @abstractmethod
    def settings(self) -> Mapping[str, Any]:
        """What decides the pictures, JSON; its hash stands in the manifest."""

    @abstractmethod
    def open(self, memory: int) -> Make:
        """Opens the network, and returns what makes a result.

        Args:
            memory: In bytes, that a worker may take where the settings say 'auto'. It is the same for all workers.
        """

    def inputs(self, sources: Iterable[str]) -> Iterator[Input]:
        """Yields the inputs: by default the pictures of files and folders, each folder in natural order."""
        return (
            Input(place, stores.natural_key(stores.name_of(address)), address, Path(stores.name_of(address)).stem)
            for place, source in enumerate(sources)
            for address in stores.pictures_of(source)
        )

    def endings(self, name: str) -> Sequence[str]:
        """What the results of an input of this name are called behind its stem; by default one, which is a PNG."""
        return ('.png',)


def digests(paths: Iterable[str | Path | None]) -> dict[str, str]:
    """The sha256 of those of the paths that are files, for `Job.settings`."""
    return {str(path): digest_of(Path(path)) for path in paths if path is not None and Path(path).is_file()}
