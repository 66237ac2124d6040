"""Makes a result of every input that has none: what is done is skipped, and what cannot be made is named at the end."""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stylegen.cluster import stores
from stylegen.cluster.engine import Workers, connected
from stylegen.cluster.job import Job
from stylegen.cluster.manifest import NAME, Manifest, hash_of, lines_of
from stylegen.cluster.names import Names
from stylegen.cluster.settings import ClusterSettings
from stylegen.cluster.worker import Item, Made
from stylegen.runs.folders import check_output_folder
from stylegen.utils.console import Console
from stylegen.utils.errors import UserError
from stylegen.utils.files import make_folder
from stylegen.utils.locks import folder_lock

_NAMED = 10  # failures in the last message


def make_all(
    job: Job, sources: Iterable[str], folder: str, settings: ClusterSettings, *, overwrite: bool, console: Console,
    announce: bool = True, others: Iterable[str | None] = (),
) -> None:  # fmt: skip
    """Makes the results of every input on a cluster.

    Whenever it is killed, the same call goes on: a result is whole or is not there, and one that is there is skipped.

    Args:
        job: Makes the pictures.
        sources: Paths and addresses, or what `job.inputs` takes.
        folder: The path or address of the folder of results.
        settings: The cluster and its workers.
        overwrite: Whether to make results again that exist; not those that the same call made before it was killed.
        console: Prints messages and the progress bar.
        announce: Whether to print at the end where the results are.
        others: Further files that the job reads, such as styles and masks. No result may be one of them; None is none.

    Raises:
        UserError: Some results could not be made; or a result or the folder is an input, or there is no cluster.
    """
    if job.reads:
        sources = [*sources]
        _check(sources, folder)
    with contextlib.ExitStack() as stack:
        if not stores.is_address(folder):
            make_folder(folder, 'output')
            stack.enter_context(folder_lock(folder))
        names = stack.enter_context(contextlib.closing(Names()))
        digest = hash_of(job.settings)
        several = len(job.endings(''))
        total = names.add_inputs(job.inputs(sources)) * several
        names.add_existing(stores.file_names(folder))
        if job.reads:
            names.refuse_inputs(folder, job.endings, filter(None, others))
        names.add_manifest(lines_of(folder), digest)
        manifest = stack.enter_context(contextlib.closing(Manifest(folder)))
        stack.callback(stores.remove_parts, folder)
        tally = Tally(manifest, digest, total, console, by_output=several > 1)
        left = tally.left(names.items(folder, job.endings), overwrite)
        if first := next(left, None):  # else Ray need not start
            ray = stack.enter_context(connected(str(settings.cluster)))
            workers = stack.enter_context(contextlib.closing(Workers(ray, job, settings)))
            console.say(f'cluster  {workers.count} workers with {workers.threads} threads each, {total} pictures')
            progress = console.progress(total)
            stack.callback(progress.close)
            tally.began = time.monotonic()
            for item, made in workers.make(itertools.chain([first], left)):
                tally.add(item, made)
                progress.to(*tally.progress)
        manifest.add(ended=time.time(), settings=digest)
    if announce:
        console.say(f'result   {folder}: {tally.made} made, {tally.skipped} were there; {NAME} lists them')
    if tally.failed:
        raise UserError(f'{tally.failed} of {total} results could not be made: {", ".join(tally.named)}')


@dataclass
class Tally:
    """Counts the items that were made, skipped and failed, and lists them in the manifest.

    Attributes:
        by_output: Whether messages name results instead of inputs.
    """

    manifest: Manifest
    digest: str
    total: int
    console: Console
    by_output: bool = False
    made: int = 0
    skipped: int = 0
    failed: int = 0
    named: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def left(self, items: Iterator[tuple[Item, bool, bool]], overwrite: bool) -> Iterator[Item]:
        """Yields the items that are still to be made."""
        for item, there, fresh in items:
            if there and (fresh or not overwrite):
                self.skipped += 1
            else:
                yield item

    def add(self, item: Item, made: Made) -> None:
        """Counts the outcome of an item, and writes its line."""
        for name, data in made.files.items():
            stores.write(item.output.removesuffix(stores.name_of(item.output)) + name, data)
        line: dict[str, Any] = {'input': item.input, 'settings': self.digest}
        if made.failed:
            self.failed += 1
            name = item.output if self.by_output else item.input
            self.named = [*self.named, stores.name_of(name)][:_NAMED]
            self.console.warn(f'{name} is skipped: {made.failed}')
            self.manifest.add(**line, failed=made.failed)
        else:
            self.made += 1
            self.manifest.add(**line, sha256=made.sha256, output=item.output, seconds=round(made.seconds, 4))

    @property
    def progress(self) -> tuple[int, str]:
        """The number of items that are done, failed or skipped, and a line about them."""
        done = self.made + self.failed
        speed = done / max(1e-9, time.monotonic() - self.began)
        failures = f', {self.failed} failed' if self.failed else ''
        return done + self.skipped, f'{done + self.skipped}/{self.total}, {speed:.3g} pictures/s{failures}'


def _check(sources: Sequence[str], folder: str) -> None:
    """Refuses a folder of results that holds the inputs."""
    for source in sources:
        if stores.is_address(folder):
            if source.rstrip('/') == folder.rstrip('/'):
                raise UserError(f'{folder} is the folder of the inputs; give another --output')
        else:
            place = Path(os.devnull) if stores.is_address(source) else Path(source)
            check_output_folder(place, Path(folder))
