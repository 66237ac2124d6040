"""`python -m stylegen.dcgan evaluate`: its flags and its work."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from absl.flags import FlagValues

from stylegen.datasets.imageset import ImageSet
from stylegen.dcgan.by_class import class_figures, class_table
from stylegen.dcgan.evaluating import (
    EvaluateSettings,
    evaluate,
    evaluator_of,
    held_out,
    labels_like,
    table,
    training_data,
)
from stylegen.dcgan.history import EVALUATION
from stylegen.dcgan.load import Generator, GeneratorSettings, load_generator
from stylegen.dcgan.neighbours import nearest, sheet
from stylegen.dcgan.sampling import sample
from stylegen.dcgan.settings import DEFAULT_WORKDIR, PROGRAM, MemorySettings
from stylegen.dcgan.training_command import first_only
from stylegen.images import save_image, to_uint8
from stylegen.metrics.embeddings import EMBEDDINGS, Embedding, embeddings_here, open_embedding
from stylegen.runs import cli
from stylegen.runs.names import Output
from stylegen.runs.records import versions
from stylegen.training.checkpoints import LAST, Checkpoints
from stylegen.utils.console import Console, Progress
from stylegen.utils.files import atomic_write, check_target
from stylegen.utils.settings import setting

ALL = 'all'
SHOWN, NEAREST, MOST_COMPARED = 12, 5, 20_000  # pictures on the sheet, their neighbours, and how many are looked at
INCEPTION = 'inception_keras'


@dataclass(frozen=True, kw_only=True)
class EvaluateFiles(GeneratorSettings):
    """The run, the features, and the output file."""

    workdir: str = setting(DEFAULT_WORKDIR, 'folder of the run', group='Generator', kind='path')
    checkpoint: str = setting(LAST, f"last, best, a step, several with commas, or '{ALL}' of them", group='Generator')
    data: str | None = setting(
        None, 'where the images of the run are now; by default where they were', group='Generator', kind='path'
    )
    features: str | None = setting(
        None, f'some of {",".join(EMBEDDINGS)}; by default those whose weights are installed', group='How'
    )
    inception: str | None = setting(
        None, f'weights for {INCEPTION}: .h5, .weights.h5 or .keras', group='How', kind='path'
    )
    output: str | None = setting(
        None,
        f'JSON with all metrics, by default {EVALUATION} in the workdir; a PNG of its name shows pictures and the '
        'nearest real ones',
        group='Result',
        kind='path',
    )


def define_flags() -> cli.Flags:
    """Returns the flags of the command, in groups."""
    flags = cli.Flags('Compares the pictures of a run with its training data.')
    flags.settings(EvaluateFiles, EvaluateSettings, MemorySettings)
    flags.messages()
    return flags


def checkpoints_of(workdir: str, text: str) -> list[str]:
    """Returns the checkpoints that a flag names, in the same order.

    Raises:
        UserError: One of them does not exist.
    """
    kept = Checkpoints(workdir)
    names = [str(step) for step in kept.steps()] if text == ALL else [name.strip() for name in text.split(',')]
    for name in names or [LAST]:
        kept.path(name)
    return names


def open_features(text: str | None, inception: str | None) -> list[Embedding]:
    """Opens the embeddings that the flags name."""
    names = [name.strip() for name in text.split(',')] if text else list(embeddings_here())
    if inception and not text and INCEPTION not in names:
        names.append(INCEPTION)
    return [open_embedding(name, inception if name == INCEPTION else None) for name in dict.fromkeys(names)]


def work(flags: FlagValues) -> None:
    """Runs the command with parsed flags."""
    console = Console(flags.quiet)
    files = cli.settings_of(EvaluateFiles, flags)
    settings = cli.settings_of(EvaluateSettings, flags)
    memory = cli.settings_of(MemorySettings, flags)
    chosen = checkpoints_of(files.workdir, files.checkpoint)
    output = Output.from_flag(files.output or str(Path(files.workdir) / EVALUATION), EVALUATION, say=console.say).path
    check_target(output, ['.json'])
    features = open_features(files.features, files.inception)
    if files.inception and INCEPTION not in [one.name for one in features]:
        cli.report_unused_flags({'inception': f'--features={files.features} has no {INCEPTION}'}, console.say)
    options: dict[str, Any] = {'memory_budget': memory.max_memory, 'warn': console.warn}
    data = training_data(files.workdir, files.data, **options)
    console.say(*first_only(data))
    generators = (load_generator(files.workdir, checkpoint=name, settings=files) for name in chosen)
    bars = _Bars(console, {'generated': settings.count}, min(settings.count, data.count))
    evaluator, results = None, []
    for generator in generators:
        if generator.settings.get('data') != data.manifest['sha256']:
            console.warn(f'{data.manifest["source"]} has other pictures than the generator was trained on')
        evaluator = evaluator or evaluator_of(
            data, held_out(data, **options), features=features, progress=bars, settings=settings
        )
        labels = labels_like(data, generator.plan.classes, settings.count, settings.seed)
        figures = evaluate(generator, evaluator, labels=labels, settings=settings)
        bars.close()
        results.append({'step': generator.step, 'checkpoint': generator.path.name, 'figures': figures})
        console.say(*table(figures), '')
        if generator.plan.classes:
            results[-1]['classes'] = class_figures(generator, data, first_seed=settings.first_seed)
            console.say(*class_table(results[-1]['classes']), '')
    with atomic_write(output) as beside:
        record = {'program': PROGRAM, 'packages': versions(), 'data': data.manifest, 'results': results}
        beside.write_text(json.dumps(record, indent=2) + '\n', encoding='utf-8')
    beside = draw_neighbours(generator, data, settings.first_seed, output.with_suffix('.png'))
    console.say(
        f'all metrics are in {output}; {beside} has pictures of step {generator.step} and the nearest real ones'
    )


def draw_neighbours(generator: Generator, data: ImageSet, first_seed: int, output: Path) -> Path:
    """Writes a sheet of generated pictures, each with the nearest of the data, and returns its path."""
    some = data if data.count <= MOST_COMPARED else data.some(MOST_COMPARED)
    seeds = range(first_seed, first_seed + SHOWN)
    pictures = np.concatenate(list(sample(generator, seeds)))
    found = nearest(to_uint8(pictures), some, count=min(NEAREST, some.count))
    return save_image(output, sheet(pictures, [f'seed {seed}' for seed in seeds], found))


class _Bars:
    """A progress bar for each set of pictures that is embedded."""

    def __init__(self, console: Console, totals: dict[str, int], usual: int):
        self.console, self.totals, self.usual = console, totals, usual
        self.bar: Progress | None = None
        self.what, self.done = '', 0

    def __call__(self, what: str, done: int) -> None:
        if self.bar is None or what != self.what or done < self.done:
            self.close()
            self.bar = self.console.progress(self.totals.get(what, self.usual))
        self.what, self.done = what, done
        self.bar.to(done, what)

    def close(self) -> None:
        if self.bar:
            self.bar.close()
        self.bar = None
