"""Export a network that paints in one pass to formats of other programs, compared with it, with a card."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stylegen import images
from stylegen.runs.exporting import (
    TOLERANCES,
    FormatSettings,
    check_export,
    files_of,
    format_of,
    greatest_difference,
    made_beside,
)
from stylegen.runs.inputs import DEFAULT_PICTURE
from stylegen.runs.records import versions
from stylegen.style.one_pass import OnePass
from stylegen.style.pass_runner import LEAST
from stylegen.utils.files import atomic_write, settings_beside
from stylegen.utils.settings import takes
from stylegen.utils.version import __version__

COMPARED = ((96, 128), (61, 83), (7, 5))  # height and width of the photos that are painted by both; the first fits GRID
GRID = 8  # what is told of .keras files: their sides are multiples of it; of some networks 4 would do
USE = {  # format -> code before the photo, and the call
    'keras': (
        'import keras\n\nmodel = keras.models.load_model({name!r}, compile=False)',
        'model.predict([photo, norms])',
        'model.predict(photo)',
    ),
    'saved_model': (
        'import tensorflow as tf\n\nmodel = tf.saved_model.load({name!r})',
        "model.serve(photo, norms)['painted'].numpy()",
        "model.serve(photo)['painted'].numpy()",
    ),
    'tflite': (
        'import tensorflow as tf\n\nrun = tf.lite.Interpreter({name!r}).get_signature_runner()',
        "run(photo=photo, norms=norms)['painted']",
        "run(photo=photo)['painted']",
    ),
    'onnx': (
        'import onnxruntime\n\nsession = onnxruntime.InferenceSession({name!r})',
        "session.run(None, {'photo': photo, 'norms': norms})[0]",
        "session.run(None, {'photo': photo})[0]",
    ),
}


@dataclass(frozen=True)
class Exported:
    """The result of `export_one_pass`.

    Args:
        path: The file or, of a SavedModel, the folder.
        card: What is known of it; it is beside it as `PATH.json`, and in words as `PATH.md`.
        difference, tolerance: The greatest difference of a pixel's value from `OnePass`, and the greatest that is
            allowed; 1 is from black to white.
    """

    path: Path
    card: dict[str, Any]
    difference: float
    tolerance: float


@takes(FormatSettings)
def export_one_pass(
    one_pass: OnePass,
    output: str | os.PathLike[str],
    style: Any = None,
    *,
    overwrite: bool = True,
    described: Mapping[str, Any] | None = None,
    settings: FormatSettings,
) -> Exported:
    """Writes a network that paints in one pass, opens what was written, and compares its pictures with `OnePass`.

    What is written is opened without this package: .keras files have layers and operations of Keras only. It takes
    float32 photos (N, H, W, 3) in [0, 1] and gives pictures alike. SavedModel, TFLite and ONNX take any size; .keras
    files take sides that are multiples of 8, from 16.

    Args:
        one_pass: The network.
        output: The file, or for a SavedModel the folder, which must not be there yet.
        style: The one style that it paints in, as for a call of `OnePass`. Without one, norms are the second input,
            (N, norms), and those of the named styles, for the network without adapters, stand in the card.
        {settings}
        overwrite: False never replaces a file.
        described: What the card says of the network and the style.

    Raises:
        FileExistsError: The output is there and is not to be overwritten.
        UserError: The output cannot be of the format, the format needs a package, or there is no such style.
        ArithmeticError: A pixel differs by more than `TOLERANCES`; nothing is written.

    Example:
        made = export_one_pass(OnePass.open(), 'starry_night.tflite', 'starry_night', quantize='float16')
        print(made.difference)
    """
    form = settings.format or format_of(output)
    settings = settings.replace(format=form)
    check_export(output, form)
    one_pass = dataclasses.replace(one_pass, precision='float32')  # as what is written
    norms = None if style is None else one_pass.norms_of(style)
    from stylegen.networks.formats import FORMATS
    from stylegen.style.portable import portable

    path, kind, tolerance = Path(output), FORMATS[form], TOLERANCES[settings.quantize]
    with made_beside(path, overwrite) as beside:
        kind.write(portable(one_pass, norms), beside, settings.quantize)
        difference = difference_of(kind.open(beside), one_pass, norms, form)
        if not difference <= tolerance:
            raise ArithmeticError(
                f'the pictures of the {form} differ by {255 * difference:.2g} grey levels, more than '
                f'{255 * tolerance:.2g}: not written'
            )
        about = card(one_pass, beside, settings, norms is None, difference, described or {})
    with settings_beside(path, about), atomic_write(f'{path}.md') as text:
        text.write_text(markdown(about), encoding='utf-8')
    return Exported(path, about, difference, tolerance)


def difference_of(run: Any, one_pass: OnePass, norms: np.ndarray | None, form: str) -> float:
    """Returns the greatest difference of a pixel's value, over photos of the sizes of `COMPARED` and all styles.

    Args:
        run: What was written, opened: from inputs by name to pictures.
        one_pass: The network.
        norms: Of the style; None: they are an input, and each style and an even mix of all are compared.
        form: The format. Those of Keras take the first size only.
    """
    photo = images.load_image(DEFAULT_PICTURE)
    styles = [norms] if norms is not None else [one_pass.plain_norms_of(name) for name in one_pass.styles]
    mixed = [np.mean(styles, 0)] if len(styles) > 1 else []
    photos = [images.resize(photo, size).clip(0, 1).astype(np.float32) for size in sizes_of(form)]
    differences = []
    for small, chosen in itertools.product(photos, [*styles, *mixed]):
        given = {'photo': small[None]} | ({'norms': chosen[None]} if norms is None else {})
        differences.append(greatest_difference(np.asarray(run(given))[0], one_pass.paint(small, chosen), 1))
    return max(differences)


def sizes_of(form: str) -> tuple[tuple[int, int], ...]:
    """The sizes of the photos that a format is compared on."""
    return COMPARED[:1] if form == 'keras' else COMPARED


def card(
    one_pass: OnePass,
    path: Path,
    settings: FormatSettings,
    open_styles: bool,
    difference: float,
    described: Mapping[str, Any],
) -> dict[str, Any]:
    """Returns the card of the file or folder `path`, for JSON."""
    sides = f'sides that are multiples of {GRID}, from {LEAST}' if settings.format == 'keras' else 'any size'
    inputs = {'photo': {'shape': ['N', 'H', 'W', 3], 'type': 'float32', 'values': f'RGB from 0 to 1; {sides}'}}
    facts: dict[str, Any] = {
        'program': 'stylegen.style export',
        'version': __version__,
        'packages': versions(),
        'name': path.name,
        'format': settings.format,
        'quantize': settings.quantize,
        'files': files_of(path),
        'inputs': inputs,
        'painted': {'shape': ['N', 'H', 'W', 3], 'type': 'float32', 'values': 'RGB from 0 to 1'},
        'parity': {
            'sizes': [list(size) for size in sizes_of(settings.format or '')],
            'difference': difference,
            'tolerance': TOLERANCES[settings.quantize],
        },
        **described,
    }
    if open_styles:
        rows = {name: one_pass.plain_norms_of(name) for name in one_pass.styles}
        inputs['norms'] = {
            'shape': ['N', len(next(iter(rows.values())))],
            'type': 'float32',
            'values': 'of a style, see styles; mix them freely',
        }
        facts['styles'] = {
            name: {**one_pass.about.get(name, {}), 'norms': [round(float(value), 6) for value in norms]}
            for name, norms in rows.items()
        }
    return facts


def use(facts: Mapping[str, Any]) -> str:
    """Returns Python code that opens the exported network and paints a photo."""
    before, with_norms, plain = USE[facts['format']]
    lines = ['import json' if 'styles' in facts else '', 'import numpy as np', 'from PIL import Image']
    lines += [before.format(name=facts['name']), "photo = Image.open('photo.jpg').convert('RGB')"]
    if facts['format'] == 'keras':
        lines.append(f'photo = photo.resize([max({LEAST}, side // {GRID} * {GRID}) for side in photo.size])')
    lines.append('photo = np.asarray(photo, np.float32)[None] / 255')
    if 'styles' in facts:
        name = next(iter(facts['styles']))
        lines.append(f"styles = json.load(open({facts['name'] + '.json'!r}, encoding='utf-8'))['styles']")
        lines.append(f"norms = np.array([styles[{name!r}]['norms']], np.float32)")
    lines.append(f'painted = {with_norms if "styles" in facts else plain}')
    lines.append("Image.fromarray(np.uint8(painted[0] * 255 + 0.5)).save('painted.png')")
    return '\n'.join(filter(None, lines))


def markdown(facts: Mapping[str, Any]) -> str:
    """Returns the card as Markdown."""
    parity = facts['parity']
    size = sum(file['bytes'] for file in facts['files'].values())
    rows = {
        'Format': facts['format'] + ('' if facts['quantize'] == 'none' else f', weights in {facts["quantize"]}'),
        'In': '; '.join(_told(name, given) for name, given in facts['inputs'].items()),
        'Out': _told('painted', facts['painted']),
        'Style': _code(facts.get('style', '')),
        'Styles': ', '.join(_code(name) for name in facts.get('styles', ())),
        'Size': f'{size:,} bytes',
        'Made of': _code(json.dumps(facts['network'])) if 'network' in facts else '',
        'Parity': f'at most {255 * parity["difference"]:.2g} of 255 grey levels off stylegen, on photos of '
        f'{", ".join(f"{height} x {width}" for height, width in parity["sizes"])}{_styles_told(facts)}; '
        f'{255 * parity["tolerance"]:.2g} is allowed',
        'Packages': ', '.join(f'{name} {version}' for name, version in facts['packages'].items()),
    }
    lines = [f'# {_code(facts["name"])}', '', 'A network that paints a photo in one pass.', '', '```python']
    lines += [use(facts), '```', '', '| | |', '|---|---|']
    lines += [f'| {name} | {value} |' for name, value in rows.items() if value.strip('` ')]
    return '\n'.join(lines) + '\n'


def _styles_told(facts: Mapping[str, Any]) -> str:
    count = len(facts.get('styles', ()))
    return f', in each of {count} styles and an even mix of them' if count > 1 else ''


def _told(name: str, given: Mapping[str, Any]) -> str:
    return f'{name} {given["type"]} ({", ".join(map(str, given["shape"]))}), {given["values"]}'


def _code(text: str) -> str:
    """Returns a text as inline code that is safe in a Markdown table."""
    return '`' + ' '.join(str(text).replace('`', "'").replace('|', '/').split()) + '`'
