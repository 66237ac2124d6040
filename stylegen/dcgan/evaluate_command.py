"""`python -m stylegen.dcgan evaluate`: its flags, and what it does with them."""

import json
from pathlib import Path
from typing import Any

from absl.flags import FlagValues

from stylegen.dcgan.choices import PROGRAM
from stylegen.dcgan.evaluating import evaluate, evaluator_of, held_out, labels_like, table, training_data
from stylegen.dcgan.history import EVALUATION
from stylegen.dcgan.load import WHICH, load_generator
from stylegen.dcgan.training_command import DEFAULT_WORKDIR, first_only
from stylegen.metrics.embeddings import EMBEDDINGS, Embedding, embeddings_here, open_embedding
from stylegen.runs import cli
from stylegen.runs.names import Output
from stylegen.runs.records import versions
from stylegen.training.checkpoints import LAST, Checkpoints
from stylegen.utils.console import Console, Progress
from stylegen.utils.files import check_target, replacing

ALL = 'all'
INCEPTION = 'inception_keras'


def define_flags() -> cli.Flags:
    """All flags of the command, in groups."""
    flags = cli.Flags('Measures the pictures of a run against those it learned from.', evaluate, evaluator_of)
    flags.group('What')
    flags.path('workdir', 'of the run', default=DEFAULT_WORKDIR)
    flags.string('checkpoint', f"last, best, a step, several with commas, or '{ALL}' that are kept", default=LAST)
    flags.choice('which', 'averaged or live weights; by default averaged where there are any', WHICH, default=None)
    flags.path('data', 'where the images of the run are now; by default where they were', default=None)
    flags.integer('count', 'pictures of each kind, real and generated; figures depend on it', lower_bound=4)
    flags.group('How')
    flags.string('features', f'some of {",".join(EMBEDDINGS)}; by default those whose weights are here', default=None)
    flags.path('inception', f'weights for {INCEPTION}: .h5, .weights.h5 or .keras', default=None)
    flags.integer('first_seed', 'of the generated pictures', lower_bound=0)
    flags.integer('repeats', 'sets of generated pictures, for an error of every figure', lower_bound=1)
    flags.integer('seed', 'of the choice of real pictures, of noise and of subsets', lower_bound=0)
    flags.integer('batch_size', 'pictures that are generated together', lower_bound=1)
    flags.string('max_memory', 'memory for the images, such as 4GB; more are read anew for each batch', default='auto')
    flags.path('output', f'JSON with all figures, by default {EVALUATION} in the workdir', default=None)
    flags.talk()
    return flags


def checkpoints_of(workdir: str, text: str) -> list[str]:
    """The checkpoints that a flag names, in its order.

    Raises:
        UserError: There is none of them.
    """
    kept = Checkpoints(workdir)
    names = [str(step) for step in kept.steps()] if text == ALL else [name.strip() for name in text.split(',')]
    for name in names or [LAST]:
        kept.path(name)
    return names


def open_features(text: str | None, inception: str | None) -> list[Embedding]:
    """The embeddings that the flags name."""
    names = [name.strip() for name in text.split(',')] if text else list(embeddings_here())
    if inception and not text and INCEPTION not in names:
        names.append(INCEPTION)
    return [open_embedding(name, inception if name == INCEPTION else None) for name in dict.fromkeys(names)]


def work(flags: FlagValues) -> None:
    """Does what the flags say."""
    console = Console(flags.quiet)
    chosen = checkpoints_of(flags.workdir, flags.checkpoint)
    output = Output.of(flags.output or str(Path(flags.workdir) / EVALUATION), EVALUATION, say=console.say).path
    check_target(output, ['.json'])
    features = open_features(flags.features, flags.inception)
    if flags.inception and INCEPTION not in [one.name for one in features]:
        cli.say_idle({'inception': f'--features={flags.features} has no {INCEPTION}'}, console.say)
    options: dict[str, Any] = {'memory_budget': flags.max_memory, 'warn': console.warn}
    data = training_data(flags.workdir, flags.data, **options)
    console.say(*first_only(data))
    generators = (load_generator(flags.workdir, checkpoint=name, which=flags.which) for name in chosen)
    bars = _Bars(console, {'generated': flags.count}, min(flags.count, data.count))
    evaluator, results = None, []
    for generator in generators:
        if generator.settings.get('data') != data.manifest['sha256']:
            console.warn(f'{data.manifest["source"]} has other pictures than the generator was trained on')
        evaluator = evaluator or evaluator_of(
            data, held_out(data, **options), count=flags.count, features=features, seed=flags.seed, progress=bars
        )
        figures = evaluate(
            generator,
            evaluator,
            count=flags.count,
            labels=labels_like(data, generator.plan.classes, flags.count, flags.seed),
            first_seed=flags.first_seed,
            repeats=flags.repeats,
            batch_size=flags.batch_size,
        )
        bars.close()
        results.append({'step': generator.step, 'checkpoint': generator.path.name, 'figures': figures})
        console.say(*table(figures), '')
    with replacing(output) as beside:
        told = {'program': PROGRAM, 'packages': versions(), 'data': data.manifest, 'results': results}
        beside.write_text(json.dumps(told, indent=2) + '\n', encoding='utf-8')
    console.say(f'all figures are in {output}')


class _Bars:
    """A bar for each set of pictures that is embedded."""

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
