"""Open a generator, parse seeds and classes, and make the record of a result, for the commands that draw pictures."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stylegen.dcgan import shipped
from stylegen.dcgan.load import Generator, GeneratorSettings, load_generator
from stylegen.dcgan.settings import PROGRAM
from stylegen.networks.pretrained import WeightsSource
from stylegen.runs import records
from stylegen.training.checkpoints import BEST, LAST
from stylegen.utils.errors import UserError, unknown
from stylegen.utils.files import digest_of
from stylegen.utils.settings import Settings, setting, takes

MOST_SEEDS = 10_000_000


@dataclass(frozen=True, kw_only=True)
class SourceSettings(GeneratorSettings):
    """Where a generator comes from: a run, or the package."""

    embedded: str = setting(
        shipped.EMBEDDED[0],
        'generator of the package, where there is no --workdir',
        group='Generator',
        choices=shipped.EMBEDDED,
    )


@dataclass(frozen=True, kw_only=True)
class LabelSettings(Settings):
    """The classes of the pictures of a conditional generator."""

    classes: str | None = setting(
        None,
        "classes by name or number: one, or one for each seed, in turn; by default the seed modulo the classes' number",
        group='Generator',
        formerly='labels',
    )


@takes(SourceSettings, 'workdir')
def open_generator(workdir: str | os.PathLike | None = None, *, settings: SourceSettings) -> Generator:
    """Opens the generator of a run, see `load_generator`; without a workdir one of the package.

    Args:
        workdir: Folder of a run, or None.
        {settings}

    Raises:
        UserError: There is no such checkpoint.

    Example:
        generator = open_generator()  # of the package: pictures of 64 x 64, by class
        generator = open_generator(embedded='cifar10')  # 32 x 32
        generator = open_generator('run', checkpoint='best')
    """
    if workdir is not None:
        if not Path(workdir).is_dir():
            raise UserError(f'there is no folder {workdir}; give the --workdir of a run')
        return load_generator(workdir, settings=settings)
    packed = shipped.load_packed(shipped.SHIPPED[settings.embedded])
    if str(settings.checkpoint) not in (LAST, BEST, str(packed.step)) or settings.which not in (None, packed.which):
        there = f'the {packed.which} weights of step {packed.step}'
        raise UserError(f'{settings.embedded} of the package has {there} only; for others give the --workdir of a run')
    return packed


def parse_seeds(text: str, flag: str = 'seeds') -> list[int]:
    """Parses seeds such as 0-99,105 and returns them in this order.

    Raises:
        UserError: The text has another form, or names too many seeds.
    """
    seeds: list[int] = []
    for part in text.split(','):
        match = re.fullmatch(r'\s*([0-9]{1,18})(?:-([0-9]{1,18}))?\s*', part)
        first, last = (int(end or match[1]) for end in match.groups()) if match else (1, 0)
        if first > last:
            raise UserError(f'expected --{flag}=0-99,105 with whole numbers from 0, got {text!r}')
        if last - first + 1 + len(seeds) > MOST_SEEDS:
            raise UserError(f'--{flag}={text} are more than {MOST_SEEDS:,} pictures; give less at a time')
        seeds += range(first, last + 1)
    return seeds


def labels_of(generator: Generator, seeds: Sequence[int], labels: str | np.ndarray | None = None) -> np.ndarray | None:
    """Returns the classes of seeds, int32 (len(seeds),); None for a generator without classes.

    Args:
        generator: The generator that has the classes.
        seeds: One for each picture.
        labels: Names or numbers with commas, or an array of numbers, taken in turn; None: a seed's class is the seed
            modulo their number, so that a seed is one picture.

    Raises:
        UserError: There are no classes, or not these.
    """
    classes = generator.plan.classes
    if not classes:
        if labels is not None:
            raise UserError('this generator was trained without classes; leave out --classes')
        return None
    if labels is None:
        return np.array([seed % len(classes) for seed in seeds], np.int32)
    if not isinstance(labels, str):
        numbers = np.ravel(labels)
        if not numbers.size or numbers.dtype.kind not in 'iu' or numbers.min() < 0 or numbers.max() >= len(classes):
            raise UserError(f'expected numbers of classes from 0 to {len(classes) - 1}, got {numbers.tolist()[:10]}')
        return np.resize(numbers, len(seeds)).astype(np.int32)
    found = []
    for name in (part.strip() for part in labels.split(',')):
        if name not in classes and not (name.isdecimal() and int(name) < len(classes)):
            raise unknown('class', name, classes)
        found.append(classes.index(name) if name in classes else int(name))
    return np.resize(np.array(found, np.int32), len(seeds))


def record_of(
    command: str, settings: Mapping[str, Any], generator: Generator, inputs: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Returns the record that is written into a result.

    Args:
        command: The name of the command.
        settings: The settings of the command.
        generator: From `open_generator`.
        inputs: sha256 by path.
    """
    origin = 'embedded' if generator.path in shipped.SHIPPED.values() else 'file'
    weights = WeightsSource(generator.path, digest_of(generator.path), origin)
    facts = {'step': generator.step, 'which': generator.which, 'batch_norm': 'moving'}
    return records.record(PROGRAM, {'command': command, **settings}, inputs or {}, weights) | {'generator': facts}
