"""Read the files of a workdir, without TensorFlow; the run may go on meanwhile."""

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from stylegen.training.checkpoints import BEST, Checkpoints
from stylegen.training.logs import EVENTS, LOG, read_events, read_log
from stylegen.utils.errors import UserError

# names in a workdir, besides the checkpoints, the log and the events
SETTINGS, QUALITY, SAMPLES, FILM = 'settings.json', 'quality.csv', 'samples', 'training.gif'
OVERFITTING, NEIGHBOURS = 'overfitting.csv', 'evaluation.png'
EVALUATION, EVALUATIONS = 'evaluation.json', 'evaluation*.json'
COMPARABLE = 'figures compare with each other only, not with published ones on other features'
NO_PROBLEM = ('resumed', 'stopped')  # events that report no problem

Curve = list[tuple[float, float]]


@dataclass(frozen=True)
class History:
    """The contents of a workdir.

    Args:
        workdir: The folder of the run.
        record: `settings.json`; {} where it cannot be read.
        log, quality, overfitting: Rows of `log.csv`, `quality.csv` and `overfitting.csv`.
        events: Lines of `events.jsonl`.
        sheets: Sheets of samples by step.
        results: Results of all evaluations: 'step' and 'figures', see `stylegen.metrics.evaluation`.
    """

    workdir: Path
    record: Mapping[str, Any]
    log: list[dict[str, str]]
    quality: list[dict[str, str]]
    events: list[dict[str, Any]]
    sheets: dict[int, Path]
    results: list[dict[str, Any]]
    overfitting: list[dict[str, str]] = field(default_factory=list)

    @property
    def settings(self) -> Mapping[str, Any]:
        """The settings of the run."""
        return self.part('settings')

    @property
    def training(self) -> Mapping[str, Any]:
        """The arguments of `DCGAN`, see `stylegen.dcgan.plan.Plan`."""
        return dict(self.settings.get('training') or {})

    def part(self, name: str) -> dict[str, Any]:
        """Returns a part of `record`; {} where it is missing."""
        found = self.record.get(name)
        return dict(found) if isinstance(found, Mapping) else {}

    @cached_property
    def checkpoints(self) -> list[Path]:
        """The paths of the checkpoints; the best one is the last."""
        kept = Checkpoints(self.workdir)
        best = [kept.path_of(BEST)] if kept.path_of(BEST).exists() else []
        return [*map(kept.path_of, kept.steps()), *best]

    @property
    def step(self) -> int:
        """The last step in the log, the sheets or the checkpoints."""
        kept = Checkpoints(self.workdir).steps()
        return max([0, *self.sheets, *kept, *(int(row['step']) for row in self.log)])

    @property
    def images_per_step(self) -> int:
        """The number of real images of a step."""
        return int(self.settings.get('batch_size', 0)) * int(self.training.get('d_steps', 1))

    @property
    def seconds(self) -> float:
        """The training time in seconds, from the logged speeds; pauses do not count."""
        total, before = 0.0, 0.0
        for step, speed in self.curve('images_per_second'):
            total += (step - before) * self.images_per_step / speed if speed > 0 else 0
            before = step
        return total

    def curve(self, column: str, rows: list[dict[str, str]] | None = None) -> Curve:
        """Returns a column of the log, or of other rows, by step; NaN stands for text that is no number."""
        rows = self.log if rows is None else rows
        return [(float(row['step']), as_number(row[column])) for row in rows if column in row]

    @property
    def problems(self) -> list[dict[str, Any]]:
        """The events that report a problem."""
        return [event for event in self.events if event.get('event') not in NO_PROBLEM]

    def metrics(self) -> dict[str, dict[str, dict[int, Mapping[str, Any]]]]:
        """Returns the records of all evaluations, by metric, weights of the generator and step."""
        found: dict[str, dict[str, dict[int, Mapping[str, Any]]]] = {}
        for result in self.results:
            for name, record in result['figures'].items():
                if isinstance(record, Mapping) and math.isfinite(as_number(record.get('value'))):
                    generator = record.get('generator')
                    weights = generator.get('weights', '') if isinstance(generator, Mapping) else ''
                    found.setdefault(name, {}).setdefault(str(weights), {})[result['step']] = record
        return found


def read_history(workdir: str | os.PathLike) -> History:
    """Reads the history of a run from its workdir.

    Raises:
        UserError: The folder has no run.

    Example:
        run = read_history('run')
        print(run.step, run.curve('d_loss')[-1])
    """
    folder = Path(workdir)
    record, log = read_json(folder / SETTINGS), read_log(folder / LOG)
    if not record and not log:
        raise UserError(f'{folder} has neither {SETTINGS} nor {LOG}; give the --workdir of a run')
    sheets = {
        int(path.stem.removeprefix('step-')): path
        for path in sorted((folder / SAMPLES).glob('step-*.png'))
        if path.stem.removeprefix('step-').isdecimal()
    }
    results = []
    for path in sorted(folder.glob(EVALUATIONS)):
        for result in read_json(path).get('results') or []:
            if (
                isinstance(result, dict)
                and isinstance(result.get('figures'), dict)
                and isinstance(result.get('step'), int)
            ):
                results.append(result)
    quality = read_log(folder / QUALITY)
    events, overfitting = read_events(folder / EVENTS), read_log(folder / OVERFITTING)
    return History(folder, record, log, quality, events, sheets, results, overfitting)


def read_json(path: Path) -> dict[str, Any]:
    """Returns the object in a JSON file; {} where it cannot be read."""
    try:
        found = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def data_of(workdir: Path, digest: str | None) -> dict[str, Any]:
    """Returns the manifest of the training data of a run; only the digest where another or no manifest is there."""
    manifest = read_json(workdir / SETTINGS).get('data')
    return manifest if isinstance(manifest, dict) and manifest.get('sha256') == digest else {'sha256': digest}


def metrics_of(workdir: Path, step: int, weights: str) -> dict[str, Any]:
    """Returns the records that `evaluate` wrote for a generator, by metric; {} where there are none."""
    ours = {'step': step, 'weights': weights}
    for result in read_json(workdir / EVALUATION).get('results') or []:
        try:
            if result['figures'] and all(
                ours.items() <= record['generator'].items() for record in result['figures'].values()
            ):
                return result['figures']
        except (AttributeError, KeyError, TypeError):  # another program wrote it
            continue
    return {}


def as_number(text: Any) -> float:
    """Converts to float; returns NaN where that is impossible."""
    try:
        return float(text)
    except (TypeError, ValueError):
        return math.nan
