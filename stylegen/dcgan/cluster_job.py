"""Draws many pictures on a cluster. The inputs are seeds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stylegen import images
from stylegen.cluster.job import Input, Job, Make, Task
from stylegen.cluster.making import make_all
from stylegen.cluster.settings import ClusterSettings
from stylegen.dcgan.load import BATCH_SIZE, Generator
from stylegen.dcgan.opening import SourceSettings, open_generator, record_of
from stylegen.dcgan.sampling import SampleSettings, enlarged, record_of_seed, sample, stem_of
from stylegen.dcgan.settings import PROGRAM
from stylegen.utils.console import Console
from stylegen.utils.errors import UserError


@dataclass(frozen=True)
class SampleJob(Job):
    """Draws a picture for each seed.

    Attributes:
        source: The generator.
        sampling: How pictures are drawn.
        digest: The sha256 of the generator.
        batch: How many pictures a worker draws together; they do not depend on it.
    """

    source: SourceSettings
    sampling: SampleSettings
    digest: str
    batch: int = BATCH_SIZE
    reads: bool = False

    @property
    def settings(self) -> Mapping[str, Any]:
        """What decides the pictures."""
        scale = self.sampling.scale
        return {'program': f'{PROGRAM} sample', 'generator': self.digest, 'which': self.source.which, 'scale': scale}

    def inputs(self, sources: Iterable[str]) -> Iterator[Input]:
        """Yields the inputs of texts of `text_of`."""
        return (Input(place, '', text, stem_of(seed_of(text)[0])) for place, text in enumerate(sources))

    def open(self, memory: int) -> Make:
        """Opens the generator."""
        generator = open_generator(self.source.workdir, settings=self.source)
        record = record_of('sample', self.sampling.recorded(), generator)
        drawn: dict[str, np.ndarray] = {}

        def make(task: Task) -> None:
            if task.name not in drawn:
                drawn.clear()
                drawn.update(zip(task.together, pictures_of(generator, task.together), strict=True))
            picture = enlarged(drawn[task.name][None], self.sampling.scale)[0]
            images.save_image(task.output, picture, settings=record_of_seed(record, *seed_of(task.name)))

        return make


def text_of(seed: int, label: int | None) -> str:
    """What the manifest calls the picture of a seed, and of a class where there is one."""
    return f'seed={seed}' if label is None else f'seed={seed},class={label}'


def seed_of(text: str) -> tuple[int, int | None]:
    """The seed and the class of a text of `text_of`."""
    numbers = [int(part.partition('=')[2]) for part in text.split(',')]
    return numbers[0], numbers[1] if len(numbers) > 1 else None


def pictures_of(generator: Generator, texts: Sequence[str]) -> list[np.ndarray]:
    """The pictures of texts of `text_of`, drawn together, float32 (H, W, C) in [0, 1]."""
    seeds = [seed_of(text) for text in texts]
    labels = np.array([label for _, label in seeds], np.int32) if generator.plan.classes else None
    return [*next(sample(generator, [seed for seed, _ in seeds], labels, batch_size=len(seeds)))]


def sample_on_cluster(
    job: SampleJob, seeds: Sequence[int], labels: np.ndarray | None, folder: str, cluster: ClusterSettings,
    console: Console, *, overwrite: bool,
) -> None:  # fmt: skip
    """Draws the pictures of seeds that are not there yet.

    Raises:
        UserError: A seed is there twice.
    """
    if len(set(seeds)) < len(seeds):
        raise UserError('--seeds names a seed twice, and a folder has one picture of each; name it once')
    texts = (text_of(seed, None if labels is None else int(labels[place])) for place, seed in enumerate(seeds))
    make_all(job, texts, folder, cluster, overwrite=overwrite, console=console)
