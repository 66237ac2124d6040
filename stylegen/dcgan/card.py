"""The card of an exported generator, as JSON and as Markdown: its source, its inputs and outputs, its metrics."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylegen.dcgan.history import COMPARABLE
from stylegen.runs.exporting import FormatSettings, files_of
from stylegen.runs.records import versions
from stylegen.utils.files import digest_of
from stylegen.utils.settings import setting
from stylegen.utils.version import __version__

if TYPE_CHECKING:
    from stylegen.dcgan.load import Generator

MADE_BY = 'stylegen.dcgan export'
PIXELS = {  # setting `pixels` -> type and range of the values
    'unit': ('float32', 'from 0 to 1'),
    'signed': ('float32', 'from -1 to 1'),
    'uint8': ('uint8', 'from 0 to 255'),
}
_START = 'import numpy as np\n'
_LATENTS = '\nlatents = np.random.default_rng(0).standard_normal((16, {dim}), np.float32)\n'
_LABELS = 'labels = np.arange(16, dtype=np.int32) % {classes}\n'
USE = {  # format -> lines before the latents, and the call with labels or without
    'keras': (
        'import keras\n\nmodel = keras.models.load_model({name!r}, compile=False)',
        'images = model.predict([latents, labels])',
        'images = model.predict(latents)',
    ),
    'saved_model': (
        'import tensorflow as tf\n\nmodel = tf.saved_model.load({name!r})',
        "images = model.serve(latents, labels)['images'].numpy()",
        "images = model.serve(latents)['images'].numpy()",
    ),
    'tflite': (
        'import tensorflow as tf\n\nrun = tf.lite.Interpreter({name!r}).get_signature_runner()',
        "images = run(latents=latents, labels=labels)['images']",
        "images = run(latents=latents)['images']",
    ),
    'onnx': (
        'import onnxruntime\n\nsession = onnxruntime.InferenceSession({name!r})',
        "(images,) = session.run(None, {'latents': latents, 'labels': labels})",
        "(images,) = session.run(None, {'latents': latents})",
    ),
}


@dataclass(frozen=True, kw_only=True)
class ExportSettings(FormatSettings):
    """The format of an exported generator.

    Attributes:
        pixels: 'unit' is what this package and most others take; 'signed' is what the network was trained with.
    """

    pixels: str = setting(
        'unit',
        f'values of the images; {"; ".join(f"{name}: {kind} {values}" for name, (kind, values) in PIXELS.items())}',
        group='Result',
        choices=PIXELS,
    )


def card(
    generator: 'Generator',
    path: Path,
    settings: ExportSettings,
    *,
    seeds: int,
    difference: float,
    tolerance: float,
    parameters: int,
) -> dict[str, Any]:
    """Returns the card of the file or folder `path`, for JSON."""
    plan = generator.plan
    kind, values = PIXELS[settings.pixels]
    inputs = {'latents': {'shape': ['N', generator.latent_dim], 'type': 'float32', 'values': 'standard normal'}}
    if plan.classes:
        inputs['labels'] = {'shape': ['N'], 'type': 'int32', 'values': f'from 0 to {len(plan.classes) - 1}'}
    return {
        'program': MADE_BY,
        'version': __version__,
        'packages': versions(),
        'name': path.name,
        'format': settings.format,
        'quantize': settings.quantize,
        'files': files_of(path),
        'parameters': parameters,
        'inputs': inputs,
        'images': {'shape': ['N', *plan.size, plan.channels], 'type': kind, 'values': values},
        'classes': list(plan.classes),
        'checkpoint': {
            'file': generator.path.name,
            'sha256': digest_of(generator.path),
            'step': generator.step,
            'weights': generator.which,
        },
        'parity': {'seeds': seeds, 'difference': difference, 'tolerance': tolerance},
        'training': generator.settings,
        'data': dict(generator.data),
        'figures': dict(generator.metrics),
    }


def use(facts: Mapping[str, Any]) -> str:
    """Returns Python code that opens the exported generator and draws 16 images."""
    before, labelled, plain = USE[facts['format']]
    dim, classes = facts['inputs']['latents']['shape'][1], len(facts['classes'])
    labels = _LABELS.format(classes=classes) if classes else ''
    return (
        _START
        + before.format(name=facts['name'])
        + _LATENTS.format(dim=dim)
        + labels
        + (labelled if classes else plain)
    )


def markdown(facts: Mapping[str, Any]) -> str:
    """Returns the card as Markdown."""
    images, made = facts['images'], facts['checkpoint']
    digest = facts['data'].get('sha256')
    learned, data = 'What it learned from is not known here.', f'sha256 {digest}' if digest else ''
    if 'source' in facts['data']:
        source = _code(facts['data']['source'])
        learned = f'It learned from {facts["data"]["count"]} pictures of {source} and makes no other kind.'
        data = f'{source}, {data}'
    size = sum(file['bytes'] for file in facts['files'].values())
    parity = facts['parity']
    lines = [
        f'# {_code(facts["name"])}',
        '',
        f'The generator of a DCGAN: latent vectors to pictures of {"x".join(map(str, images["shape"][1:]))}. {learned}',
        '',
        '```python',
        use(facts),
        '```',
        '',
        '| | |',
        '|---|---|',
    ]
    inputs = [f'{name} {given["type"]} ({_shape(given)}), {given["values"]}' for name, given in facts['inputs'].items()]
    rows = {
        'Format': facts['format'] + ('' if facts['quantize'] == 'none' else f', weights in {facts["quantize"]}'),
        'In': '; '.join(inputs),
        'Out': f'images {images["type"]} ({_shape(images)}), {images["values"]}',
        'Classes': ', '.join(map(_code, facts['classes'])),
        'Size': f'{facts["parameters"]:,} numbers, {size:,} bytes',
        'Made of': f'{_code(made["file"])}, {made["weights"]} weights of step {made["step"]}, sha256 {made["sha256"]}',
        'Parity': f'at most {parity["difference"]:.2g} of the range of pixels off the checkpoint in float32, on '
        f'{parity["seeds"]} seeds; {parity["tolerance"]:.2g} is allowed',
        'Trained in': facts['training'].get('precision', ''),
        'Data': data,
        'Packages': ', '.join(f'{name} {version}' for name, version in facts['packages'].items()),
    }
    lines += [f'| {name} | {value} |' for name, value in rows.items() if value]
    lines += ['', 'The latent vector of seed 7, as `stylegen-dcgan sample --seeds=7` draws it:', '', '```python']
    dim = facts['inputs']['latents']['shape'][1]
    lines += [f'np.random.Generator(np.random.Philox(key=7)).standard_normal({dim}, np.float32)', '```', '']
    if facts['figures']:
        lines += ['| figure | value | floor | ceiling | better |', '|---|---|---|---|---|']
        columns = ('value', 'floor', 'ceiling')
        for name, record in facts['figures'].items():
            numbers = ' | '.join(f'{record[column]:.4g}' for column in columns)
            lines.append(f'| {_code(name)} | {numbers} | {record["better"]} |')
        first = next(iter(facts['figures'].values()))
        sets = f'{first["generated"]} generated pictures against {first["reference"]} of {_code(first["split"])}'
        lines += ['', f'{sets}. These {COMPARABLE}.']
    else:
        lines += ['No figures of it are known here (`stylegen-dcgan evaluate` measures a run).']
    return '\n'.join(lines) + '\n'


def _shape(given: Mapping[str, Any]) -> str:
    return ', '.join(map(str, given['shape']))


def _code(text: str) -> str:
    """Returns a name as inline code that is safe in a Markdown table."""
    return '`' + ' '.join(str(text).replace('`', "'").replace('|', '/').split()) + '`'
