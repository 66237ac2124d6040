"""Write an HTML page about a run: pictures, curves, metrics, settings, data, machine."""

import io
import math
import os
import platform
import statistics
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stylegen.dcgan.charts import line_chart, number
from stylegen.dcgan.history import COMPARABLE, FILM, NEIGHBOURS, History, as_number, read_history
from stylegen.dcgan.pages import duration, flat, heading, page, pairs, paragraph, picture, sections, table, tiles
from stylegen.dcgan.presets import PRESETS
from stylegen.images.decoding import opened
from stylegen.utils.files import atomic_write
from stylegen.utils.version import __version__

CLASS_COLUMNS = ('count', 'precision', 'recall', 'density', 'coverage')
SHEETS = 12  # sheets of samples in the page, from the first to the last
SHEET_BYTES, SHEET_SIDE = 1 << 20, 1000  # larger sheets are reduced
FILM_BYTES = 8 << 20  # the page has no larger film
EVEN = {  # loss -> the losses of both networks where the discriminator cannot tell the images apart
    'non_saturating': {'D even, log 4': math.log(4), 'G even, log 2': math.log(2)},
    'hinge': {'D even': 2.0},
    'least_squares': {'D even': 0.25, 'G even': 0.125},
}


def report(workdir: str | os.PathLike) -> str:
    """Returns the page as HTML. The run may be unfinished; the page leaves out the parts that are missing.

    Args:
        workdir: The folder of the run.

    Raises:
        UserError: The folder has no run.

    Example:
        html = report('run')
    """
    run = read_history(workdir)
    name = run.workdir.resolve().name
    body = sections({
        'Samples': _samples(run),
        'Quality': _quality(run),
        'Classes': _classes(run),
        'Nearest pictures of the data': _neighbours(run),
        'Curves': _curves(run),
        'Events': _events(run),
        'Settings': pairs(flat(run.settings, skip=('classes', 'data', 'resize'))),
        'Data': _data(run),
        'Environment': _environment(run),
        'Checkpoints': _checkpoints(run),
    })  # fmt: skip
    written = time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())
    foot = paragraph(f'Written by stylegen {__version__} on {written} from {run.workdir.resolve()}')
    return page(f'{name}: DCGAN report', f'{_head(run, name)}\n{body}\n<footer>{foot}</footer>')


def save_report(workdir: str | os.PathLike, output: str | os.PathLike, overwrite: bool = True) -> Path:
    """Writes the page of `report` to a file; with `overwrite` it replaces an earlier one, see `atomic_write`."""
    text = report(workdir)
    with atomic_write(output, overwrite) as beside:
        beside.write_bytes(text.encode('utf-8', 'replace'))  # names of files may have bytes that are no text
    return Path(output)


def _head(run: History, name: str) -> str:
    facts = {'Step': f'{run.step:,}'}
    if run.images_per_step:
        facts['Images seen'] = f'{run.step * run.images_per_step:,}'
    speeds = [speed for _, speed in run.curve('images_per_second') if math.isfinite(speed)]
    if speeds:
        facts |= {'Training time': duration(run.seconds), 'Images a second': number(statistics.median(speeds))}
    for column, best in _bests(run).items():
        facts[f'Best {column}'] = f'{number(best[1])} at {best[0]:,.0f}'
    facts['Alarms'] = str(len(run.problems))
    return f'{heading(name)}{paragraph(_summary(run), "soft")}{tiles(facts)}'


def _summary(run: History) -> str:
    preset, size = run.settings.get('preset'), run.settings.get('size')
    parts = [f'{preset}: {PRESETS[preset].source}' if preset in PRESETS else str(preset or 'a DCGAN')]
    if size:
        parts.append('x'.join(map(str, [*size, run.settings.get('channels', '')])).strip('x') + ' pixels')
    for part, count in run.part('parameters').items():
        parts.append(f'{part} {number(as_number(count))} parameters')
    return '; '.join(parts)


def _bests(run: History) -> dict[str, tuple[float, float]]:
    """Returns the step and the value of the least distance during the training, by column."""
    columns = dict.fromkeys(name for row in run.quality for name in row if name not in ('step', 'best'))
    curves = {name: [p for p in run.curve(name, run.quality) if math.isfinite(p[1])] for name in columns}
    return {name: min(points, key=lambda point: point[1]) for name, points in curves.items() if points}


def _samples(run: History) -> str:
    if not run.sheets:
        return ''
    weights = 'averaged' if run.training.get('ema', True) else 'live'  # earlier versions did not record the default
    parts = [paragraph(f'The same latent vectors each time, by the {weights} generator.', 'soft')]
    steps = list(run.sheets)
    chosen = [steps[i] for i in sorted({round(i) for i in np.linspace(0, len(steps) - 1, SHEETS)})]
    last = _shown(run.sheets[steps[-1]], f'step {steps[-1]:,}, the last sheet', large=True)
    row = [_shown(run.sheets[step], f'step {step:,}') for step in chosen[:-1]]
    parts += [last, f'<div class="pictures">{"".join(row)}</div>' if any(row) else '']
    film = run.workdir / FILM
    if film.is_file():
        if film.stat().st_size <= FILM_BYTES:
            parts.append(_shown(film, 'the whole training', large=True))
        else:
            parts.append(paragraph(f'{FILM} ({_size(film)}) is too large for this page; it is in the workdir.', 'soft'))
    return '\n'.join(parts)


def _shown(path: Path, caption: str, large: bool = False) -> str:
    """Embeds a picture of the workdir, reduced where it is large; a note replaces one that cannot be read."""
    try:
        data = path.read_bytes()
        with opened(data, path) as image:
            image.load()
            kind = str(image.format).lower()
            if kind != 'gif' and len(data) > SHEET_BYTES:
                image.thumbnail((SHEET_SIDE, SHEET_SIDE))
                stream = io.BytesIO()
                image.convert('RGB').save(stream, 'JPEG', quality=90)
                data, kind = stream.getvalue(), 'jpeg'
    except Exception:  # a damaged file can raise any error in Pillow
        return paragraph(f'{path.name} cannot be read.', 'bad')
    return picture(data, kind, caption, large)


def _quality(run: History) -> str:
    charts = []
    for column in dict.fromkeys(name for row in run.quality for name in row if name not in ('step', 'best')):
        charts.append(line_chart({column: run.curve(column, run.quality)}, title=f'{column} while training'))
    rows, notes = [], []
    for name, by_weights in run.metrics().items():
        for weights, by_step in by_weights.items():
            for step, record in sorted(by_step.items()):
                error = as_number(record.get('error'))
                value = number(record['value']) + (f' ± {error:.1g}' if math.isfinite(error) else '')
                edges = (number(as_number(record.get(edge))) for edge in ('floor', 'ceiling'))
                rows.append((name, weights, f'{step:,}', value, *edges, record.get('better', '')))
                notes.append(_made_of(record))
        if any(len(by_step) > 1 for by_step in by_weights.values()):
            charts.append(_by_step(name, by_weights))
    columns = ('figure', 'weights', 'step', 'value', 'floor', 'ceiling', 'better')
    text = [_row(charts), table(columns, rows, ('step', 'value', 'floor', 'ceiling'))]
    text += [paragraph(note, 'soft') for note in dict.fromkeys(filter(None, notes))]
    if rows or run.quality:
        text.append(paragraph(f'These {COMPARABLE}.', 'soft'))
    else:
        text.append(paragraph('Not measured yet: stylegen-dcgan evaluate does it, and train --evaluate_every.', 'soft'))
    return '\n'.join(filter(None, text))


def _classes(run: History) -> str:
    """Shows the figures of each class of the last evaluation that has some, see `stylegen.dcgan.by_class`."""
    found = [result['classes'] for result in run.results if isinstance(result.get('classes'), Mapping)]
    if not found:
        return ''
    rows = [
        (name, *(number(as_number(values.get(column))) if column in values else '' for column in CLASS_COLUMNS))
        for name, values in found[-1].items()
        if isinstance(values, Mapping)
    ]
    note = 'Of each class by itself: precision, how near its pictures are to real ones; coverage, how many it reaches.'
    return table(('class', *CLASS_COLUMNS), rows, CLASS_COLUMNS) + paragraph(note, 'soft')


def _neighbours(run: History) -> str:
    path = run.workdir / NEIGHBOURS
    if not path.is_file():
        return ''
    note = 'A row each: a generated picture, then the nearest of the data, by the features of `mini`.'
    return _shown(path, 'generated, and nearest', large=True) + paragraph(note, 'soft')


def _by_step(name: str, by_weights: Mapping[str, Mapping[int, Mapping[str, Any]]]) -> str:
    curves = {
        weights: [(step, record['value']) for step, record in sorted(by_step.items())]
        for weights, by_step in by_weights.items()
    }
    any_record = next(iter(next(iter(by_weights.values())).values()))
    levels = {edge: as_number(any_record.get(edge)) for edge in ('floor', 'ceiling')}
    return line_chart(curves, title=name, levels={edge: y for edge, y in levels.items() if math.isfinite(y)})


def _made_of(record: Mapping[str, Any]) -> str:
    """Describes the pictures behind a metric, its floor and its ceiling."""
    if not {'generated', 'reference', 'floor_of', 'ceiling_of'} <= set(record):
        return ''
    return (
        f'{record["generated"]} generated pictures against {record["reference"]} of {record.get("split", "the data")}; '
        f'floor: {record["floor_of"]}; ceiling: {record["ceiling_of"]}'
    )


def _curves(run: History) -> str:
    if not run.log:
        return paragraph('Nothing is logged yet.', 'soft')
    smoothed = run.training.get('label_smoothing')
    even = EVEN.get(run.training.get('loss', ''), {}) if not smoothed else {}
    marks = {as_number(event.get('step')): str(event.get('event')) for event in run.problems}
    marks = {step: what for step, what in marks.items() if math.isfinite(step)}

    def chart(title: str, names: Mapping[str, str], **options: Any) -> str:
        curves = {shown: run.curve(column) for column, shown in names.items()}
        return line_chart(curves, title=title, marks=marks, **options)

    share = {'levels': {'even': 0.5}, 'span': (0, 1)} if run.training.get('loss') == 'non_saturating' else {}
    charts = [
        chart('Losses', {'d_loss': 'discriminator', 'g_loss': 'generator'}, levels=even),
        chart('D(x) and D(G(z))', {'d_real': 'real', 'd_fake': 'generated'}, **share),
        chart('Length of the gradients', {'d_gradient': 'discriminator', 'g_gradient': 'generator'}),
        _overfitting(run),
        chart('Images a second', {'images_per_second': 'images a second'}, span=(0, 0)),
        chart('Learning rate', {'learning_rate': 'learning rate'}, span=(0, 0)),
    ]
    note = 'Each point is a mean since the one before. Upright lines are alarms.' if marks else ''
    return _row(charts) + (paragraph(note, 'soft') if note else '')


def _overfitting(run: History) -> str:
    columns = {'d_train': 'of the training', 'd_held_out': 'held out', 'd_generated': 'generated'}
    curves = {shown: run.curve(column, run.overfitting) for column, shown in columns.items()}
    return line_chart(curves, title='Mean logits of pictures') if run.overfitting else ''


def _events(run: History) -> str:
    rows = []
    for event in run.events:
        rest = {name: value for name, value in event.items() if name not in ('step', 'event', 'time', 'text')}
        details = '; '.join(f'{name}: {value}' for name, value in rest.items())
        text = '; '.join(filter(None, (str(event.get('text', '')), details)))
        rows.append((event.get('step', ''), event.get('event', ''), text, event.get('time', '')))
    return table(('step', 'event', 'what', 'time'), rows) or paragraph('Nothing out of the way happened.', 'soft')


def _data(run: History) -> str:
    manifest = run.part('data')
    names = manifest.pop('classes', None) or []
    facts = flat(manifest)
    if names:
        facts['classes'] = f'{len(names)}: {", ".join(map(str, names))}'
    facts['input of the networks'] = 'classes' if run.settings.get('classes') else 'no classes'
    return pairs(facts) if manifest else ''


def _environment(run: History) -> str:
    machine = run.part('machine')
    facts = {'stylegen': run.record.get('version', 'not recorded'), **run.part('packages')}
    facts['precision'] = run.settings.get('precision', 'not recorded')
    facts |= flat(machine) if machine else {'machine': 'not recorded'}
    here = f'Python {platform.python_version()}, {platform.platform()}'
    return pairs({**facts, 'this page was written on': here})


def _checkpoints(run: History) -> str:
    rows = []
    for path in run.checkpoints:
        try:
            found = path.stat()
        except OSError:  # the run goes on and has removed it
            continue
        when = time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime(found.st_mtime))
        rows.append((path.name, f'{found.st_size / 1e6:.1f} MB', when))
    return table(('file', 'size', 'written'), rows, ('size',))


def _row(charts: Iterable[str]) -> str:
    drawn = ''.join(charts)
    return f'<div class="charts">{drawn}</div>' if drawn else ''


def _size(path: Path) -> str:
    return f'{path.stat().st_size / 1e6:.1f} MB'
