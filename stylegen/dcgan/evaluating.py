"""Measure the pictures of a generator against its training data."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stylegen.datasets.framing import fit_of
from stylegen.datasets.imageset import ImageSet
from stylegen.datasets.opening import open_images
from stylegen.datasets.sources import ALL, MissingSplit
from stylegen.dcgan.history import COMPARABLE, SETTINGS
from stylegen.dcgan.latent_vectors import latents
from stylegen.dcgan.load import BATCH_SIZE
from stylegen.images.pixels import to_uint8
from stylegen.metrics.embeddings import Embedding
from stylegen.metrics.evaluation import FEATURES, Evaluator, Progress
from stylegen.utils.errors import UserError
from stylegen.utils.settings import Settings, setting, takes

if TYPE_CHECKING:
    from stylegen.dcgan.load import Generator

OTHERS = ('test', 'val')  # parts that a generator is not trained on, by preference
_COLUMNS = ('value', 'floor', 'ceiling')


@dataclass(frozen=True, kw_only=True)
class EvaluateSettings(Settings):
    """The numbers and the seeds of the pictures that are compared.

    Attributes:
        repeats: Each set has seeds of its own. The value is the mean over the sets, 'error' its standard error, and
            'values' has each one. What another training would give differs by more than that.
        batch_size: The metrics do not depend on it.
    """

    count: int = setting(
        10_000, 'real pictures, and generated pictures; the metrics depend on it', group='How', at_least=4
    )
    first_seed: int = setting(0, 'first seed of the generated pictures', group='How', at_least=0)
    repeats: int = setting(
        1, 'sets of generated pictures, for a standard error of each metric', group='How', at_least=1
    )
    seed: int = setting(0, 'seed of the choice of real pictures, of noise and of subsets', group='How', at_least=0)
    batch_size: int = setting(BATCH_SIZE, 'pictures that are generated together', group='How', at_least=1)


def held_out(data: ImageSet, **options: Any) -> ImageSet | None:
    """Opens the test or validation part of the same source, at the same size; returns None where there is none.

    Args:
        data: The part that was trained on; a source that was used as a whole has no other part.
        options: Other arguments of `open_images`, the same as for `data`.

    Raises:
        UserError: No picture of that part can be read.
    """
    if data.split == ALL:
        return None
    for split in OTHERS:
        if split != data.split:
            try:
                source, fit = data.manifest['source'], fit_of(data.manifest['resize'])
                return open_images(source, data.size, data.channels, split=split, fit=fit, labels=False, **options)
            except MissingSplit:
                continue
    return None


@takes(EvaluateSettings, 'first_seed', 'repeats', 'batch_size')
def evaluator_of(
    data: ImageSet,
    other: ImageSet | None = None,
    *,
    features: Sequence[str | Embedding] = FEATURES,
    progress: Progress | None = None,
    settings: EvaluateSettings,
) -> Evaluator:
    """Returns an evaluator that compares generated pictures with `count` pictures of the data, or with all of them.

    The floor comes from as many of `other`; without it, from pictures of the data that are not among the reference; and
    where the data has too few for both, from its two halves.

    Args:
        data: The training data of the generator.
        other: Other data, see `held_out`.
        features: Keys of `embeddings.EMBEDDINGS`, or embeddings that are open.
        progress: Receives the name of the set and the number of embedded pictures.
        {settings}
    """
    count, seed = settings.count, settings.seed
    options: dict[str, Any] = {'split': data.split, 'seed': seed, 'progress': progress}
    if other is not None:
        options |= {'other': other.take(min(count, other.count), seed), 'other_split': other.split}
    elif data.count >= 2 * count:
        both = data.take(2 * count, seed)
        options |= {'other': both[count:], 'other_split': f'others of {data.split}'}
        return Evaluator(both[:count], features, **options)
    return Evaluator(data.take(min(count, data.count), seed), features, **options)


def drawn(
    generator: 'Generator',
    count: int,
    first_seed: int = 0,
    labels: np.ndarray | None = None,
    batch_size: int = BATCH_SIZE,
) -> Iterator[np.ndarray]:
    """Yields generated pictures in uint8 batches, one for each seed from `first_seed` on; the last may be smaller.

    Args:
        generator: From `load_generator`.
        count: The number of all pictures.
        first_seed: See `latents`.
        labels: int32 (count,), their classes, where the generator has some.
        batch_size: Size of the batches; the pictures do not depend on it.
    """
    for start in range(0, count, batch_size):
        stop = min(start + batch_size, count)
        given = latents(range(first_seed + start, first_seed + stop), generator.latent_dim)
        yield to_uint8(generator(given, None if labels is None else labels[start:stop]))


def labels_like(data: ImageSet, classes: Sequence[str], count: int, seed: int = 0) -> np.ndarray | None:
    """Draws classes for generated pictures, int32 (count,), with the frequencies of the data; None for no classes.

    Raises:
        UserError: The data has other classes.
    """
    if not classes:
        return None
    if tuple(classes) != data.classes or data.labels is None:
        known = ', '.join(data.classes[:5]) or 'none'
        raise UserError(
            f'the generator knows the classes {", ".join(classes[:5])} ..., the data has {known}; give the data that '
            'it was trained on'
        )
    return np.random.default_rng([seed, 4]).choice(data.labels, count)


@takes(EvaluateSettings, 'seed')
def evaluate(
    generator: 'Generator',
    evaluator: Evaluator,
    *,
    labels: np.ndarray | None = None,
    settings: EvaluateSettings,
) -> dict[str, dict[str, Any]]:
    """Measures a generator and returns a record for each metric, see `Evaluator.__call__`.

    Args:
        generator: From `load_generator`.
        evaluator: The evaluator of its training data, see `evaluator_of`; several generators can share it.
        labels: As for `drawn`, or None.
        {settings}

    Returns:
        The records by the name of the metric; 'value', 'floor', 'ceiling' and the generator are in each.

    Raises:
        UserError: Too few pictures, or those of the generator are of another size.

    Example:
        data = training_data('run')
        records = evaluate(load_generator('run'), evaluator_of(data), count=1000)
        print(records['fid_mini']['value'])
    """
    count, first_seed, repeats = settings.count, settings.first_seed, settings.repeats
    firsts = range(first_seed, first_seed + repeats * count, count)
    sets = [evaluator(drawn(generator, count, first, labels, settings.batch_size)) for first in firsts]
    about = {
        'checkpoint': generator.path.name,
        'step': generator.step,
        'weights': generator.which,
        'batch_norm': 'moving',
        'first_seed': first_seed,
    }
    records = {}
    for name, record in sets[0].items():
        values = [each[name]['value'] for each in sets]
        if repeats > 1:
            error = float(np.std(values, ddof=1) / repeats**0.5)
            record = record | {'value': float(np.mean(values)), 'error': error, 'values': values}
        records[name] = record | {'generator': about}
    return records


def training_data(workdir: str | os.PathLike, source: str | None = None, **options: Any) -> ImageSet:
    """Opens the data of a run again, and brings its pictures to their size as the run did.

    Args:
        workdir: Folder of the run.
        source: Its present place, or other data; None: the source of the run.
        options: Other arguments of `open_images`.

    Raises:
        UserError: The folder has no run, or there is no such data.
    """
    path = Path(workdir) / SETTINGS
    try:
        manifest = json.loads(path.read_text(encoding='utf-8'))['data']
        size, channels, split = manifest['size'], manifest['channels'], manifest['split']
        source, split = (source, None) if source else (manifest['source'], split)
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f'{path} cannot be read; give the --workdir of a run') from None
    fit, kept_out = fit_of(manifest.get('resize')), manifest.get('held_out')
    images = open_images(source, tuple(size), channels, split=split, fit=fit, **options)
    return images.without(kept_out)[0] if kept_out else images


def table(records: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Formats the records of an `Evaluator` as lines: each metric with floor and ceiling, and how they were made."""
    rows = [('', *_COLUMNS, 'better')]
    for name, record in records.items():
        value, floor, ceiling = (f'{record[column]:.4g}' for column in _COLUMNS)
        error = '' if record['error'] is None else f' ± {record["error"]:.1g}'
        rows.append((name, value + error, floor, ceiling, record['better']))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ['  '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    first = next(iter(records.values()))
    sizes = {name: (record['generated'], record['reference']) for name, record in records.items()}
    usual = first['generated'], first['reference']
    if of := first.get('generator'):
        sets = f', means of {len(first["values"])} sets of pictures' if 'values' in first else ''
        lines += ['', f'{of["weights"]} generator of step {of["step"]}{sets}']
    lines += ['', f'{usual[0]} generated pictures against {usual[1]} of {first["split"]}, seed {first["seed"]}']
    lines += [f'{name} on {ours} against {theirs}' for name, (ours, theirs) in sizes.items() if (ours, theirs) != usual]
    lines += [f'floor: {first["floor_of"]}', f'ceiling: {first["ceiling_of"]}']
    for facts, resize in dict.fromkeys(
        ((r['features']['name'], r['features']['layer'], r['features']['dimensions']), r['resize'])
        for r in records.values()
    ):
        lines.append('{}: {}, {} dimensions; '.format(*facts) + resize)
    lines += [f'{name}: {record["note"]}' for name, record in records.items() if record['note']]
    return [*lines, f'these {COMPARABLE}']
