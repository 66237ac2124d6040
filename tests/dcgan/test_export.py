"""An exported generator gives the checkpoint's pictures, to programs that know nothing of this package."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stylegen.dcgan import card, export, formats
from stylegen.dcgan.card import ExportSettings
from stylegen.dcgan.exporting import check_output
from stylegen.dcgan.history import data_of, metrics_of
from stylegen.dcgan.latent_vectors import latents
from stylegen.dcgan.load import Generator
from stylegen.dcgan.opening import SourceSettings
from stylegen.dcgan.plan import make_plan
from stylegen.dcgan.shipped import SHIPPED, load_packed, pack_generator
from stylegen.runs.exporting import SUFFIXES, format_of, greatest_difference
from stylegen.utils.errors import UserError
from stylegen.utils.files import DiskFull, digest_of
from tests.conftest import run, shaken

KINDS = {  # what is special about a generator -> options of `make_plan`
    'plain': {},
    'classes': {'classes': ('cat', 'dog|`x`', 'hat'), 'precision': 'mixed_bfloat16'},
    'resize': {'upsampling': 'resize'},
    'tutorial': {'preset': 'mnist28', 'size': (16, 20), 'channels': 1},
}


def untrained(folder, kind='plain', width=4):
    """A tiny generator with weights of no meaning, and a file that stands for its checkpoint."""
    plan = make_plan(**{'size': (16, 16), **KINDS[kind]}, g_width=width, d_width=4, latent_dim=5)
    model = shaken(plan.networks()[0])
    rng = np.random.default_rng(1)
    for variable in model.variables:
        if len(variable.shape) > 1:
            variable.assign(rng.normal(0, 0.3, variable.shape))
    path = folder / 'run' / 'checkpoints' / 'step-00000007.npz'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b'a checkpoint')
    return Generator(model, plan, 7, 'ema', path, {'data': 'abc', 'precision': plan.precision})


def pictures(generator, count=5):
    """What the generator draws in float32, in [0, 1], with the labels given in turn."""
    classes = generator.plan.classes
    exact = replace(generator, model=formats.in_float32(generator))
    labels = np.arange(count, dtype=np.int32) % len(classes) if classes else None
    return exact(latents(range(count), 5), labels)


def opened(path, generator, count=5):
    """What the exported file gives for the same."""
    open_it = formats.FORMATS[format_of(path)].open
    return open_it(path)(formats.given(generator.model, latents(range(count), 5), len(generator.plan.classes)))


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('name', ['made.keras', 'made', 'made.tflite'])
def test_the_pictures_are_those_of_the_checkpoint(tmp_path, kind, name):
    generator = untrained(tmp_path, kind)
    made = export(generator, tmp_path / name)
    expected = pictures(generator)
    assert expected.std() > 0.1, 'the pictures must have something to lose'
    assert np.allclose(opened(made.path, generator), expected, atol=1e-5)
    assert opened(made.path, generator, 1).shape == (1, *expected.shape[1:])  # any number of latents
    assert made.difference <= 1e-5 and made.card['parity']['difference'] == made.difference
    assert not list(tmp_path.glob('.*'))


def test_onnx_gives_the_pictures_of_the_checkpoint_with_their_labels(tmp_path):
    pytest.importorskip('tf2onnx')
    pytest.importorskip('onnxruntime')
    generator = untrained(tmp_path, 'classes')
    made = export(generator, tmp_path / 'made.onnx')
    assert np.allclose(opened(made.path, generator), pictures(generator), atol=1e-5)


@pytest.mark.parametrize('name', ['made.keras', 'made', 'made.tflite'])
def test_pixels_are_as_was_asked(tmp_path, name):
    generator = untrained(tmp_path)
    expected = pictures(generator)
    export(generator, tmp_path / name, pixels='uint8')
    found = opened(tmp_path / name, generator)
    assert found.dtype == np.uint8 and np.abs(found - np.round(expected * 255)).max() <= 1


def test_signed_pixels_are_the_networks_own(tmp_path):
    generator = untrained(tmp_path)
    export(generator, tmp_path / 'made.keras', pixels='signed')
    found = opened(tmp_path / 'made.keras', generator)
    assert found.min() < -0.1 and np.allclose(found, 2 * pictures(generator) - 1, atol=1e-5)


def test_half_precision_takes_half_the_space(tmp_path):
    generator = untrained(tmp_path, width=32)  # TensorFlow leaves small arrays as they are
    whole = export(generator, tmp_path / 'whole.tflite')
    half = export(generator, tmp_path / 'half.tflite', quantize='float16')
    size = {made.path.name: made.path.stat().st_size for made in (whole, half)}
    weights = 4 * whole.card['parameters']
    assert size['whole.tflite'] - size['half.tflite'] > 0.4 * weights
    assert whole.difference < 1e-5 < half.difference < half.tolerance


@pytest.mark.parametrize('name', ['made.keras', 'made', 'made.tflite'])
def test_what_differs_from_the_checkpoint_is_not_written(tmp_path, monkeypatch, name):
    generator = untrained(tmp_path)
    portable = formats.portable

    def other(network, pixels):
        copy = portable(network, pixels)
        kernel = copy.get_layer('image').kernel
        kernel.assign(kernel + 0.01)
        return copy

    monkeypatch.setattr(formats, 'portable', other)
    with pytest.raises(ArithmeticError, match='differs from the checkpoint'):
        export(generator, tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ['run']


def test_a_write_that_fails_leaves_the_earlier_file(tmp_path, monkeypatch):
    generator = untrained(tmp_path)
    path = tmp_path / 'made.keras'
    export(generator, path)
    before = path.read_bytes()

    def half(network, path, quantize):
        path.write_bytes(b'half')
        raise OSError(28, 'No space left on device')

    monkeypatch.setitem(formats.FORMATS, 'keras', formats.FORMATS['keras']._replace(write=half))
    with pytest.raises(DiskFull, match='nothing was lost'):
        export(generator, path)
    assert path.read_bytes() == before and not list(tmp_path.glob('.*'))


def test_differences_are_shares_of_the_range():
    assert greatest_difference(np.uint8([0, 255]), np.array([255.0, 255.0]), 255) == 1
    assert greatest_difference(np.zeros(3), np.zeros(4), 1) == np.inf
    assert not greatest_difference(np.array([np.nan]), np.zeros(1), 1) <= 1


def test_the_cards_code_runs_where_this_package_is_not(tmp_path):
    """One process opens all three, as their cards say; ours must not be found."""
    generator = untrained(tmp_path, 'classes')
    code = 'import sys; sys.modules["stylegen"] = None\n'
    for name in ('made.keras', 'made', 'made.tflite'):
        export(generator, tmp_path / name)
        text = (tmp_path / f'{name}.md').read_text()
        code += re.search(r'```python\n(.*?)```', text, re.S)[1] + '\nprint(images.shape, images.dtype)\n'
    child = subprocess.run([sys.executable, '-c', code], cwd=tmp_path, capture_output=True, text=True)
    assert child.stdout.split('\n')[-4:-1] == ['(16, 16, 16, 3) float32'] * 3, child.stderr[-2000:]


def test_a_keras_file_names_layers_of_keras_only(tmp_path):
    network = formats.portable(untrained(tmp_path, 'resize').model)
    for layer in network._flatten_layers():
        assert type(layer).__module__.startswith('keras.'), layer


def test_the_card_says_what_it_is(tmp_path):
    generator = untrained(tmp_path, 'classes')
    workdir = tmp_path / 'run'
    (workdir / 'settings.json').write_text(json.dumps({'data': {'sha256': 'abc', 'source': 'cats | dogs', 'count': 9}}))
    record = {
        'value': 12.5, 'floor': 1.25, 'ceiling': 300, 'better': 'lower', 'generated': 8, 'reference': 9,
        'split': 'train', 'generator': {'step': 7, 'weights': 'ema'},
    }  # fmt: skip
    other = record | {'value': 99.5, 'generator': {'step': 7, 'weights': 'live'}}
    results = [{'figures': {'fid_mini': each}} for each in (other, record)]
    (workdir / 'evaluation.json').write_text(json.dumps({'results': results}))
    known = {'data': data_of(workdir, 'abc'), 'metrics': metrics_of(workdir, 7, 'ema')}
    export(replace(generator, **known), tmp_path / 'made.keras')
    facts = json.loads((tmp_path / 'made.keras.json').read_text())
    assert facts['inputs']['latents']['shape'] == ['N', 5] and facts['inputs']['labels']['type'] == 'int32'
    assert facts['images'] == {'shape': ['N', 16, 16, 3], 'type': 'float32', 'values': 'from 0 to 1'}
    assert facts['checkpoint']['step'] == 7 and len(facts['checkpoint']['sha256']) == 64
    assert facts['figures']['fid_mini']['value'] == 12.5 and facts['data']['count'] == 9
    digest = digest_of(tmp_path / 'made.keras')
    assert facts['files'] == {'made.keras': {'bytes': (tmp_path / 'made.keras').stat().st_size, 'sha256': digest}}
    text = (tmp_path / 'made.keras.md').read_text()
    for said in ('9 pictures of `cats / dogs`', "`dog/'x'`", '| `fid_mini` | 12.5 | 1.25 | 300 | lower |', 'seed 7'):
        assert said in text
    assert '99.5' not in text


def test_a_card_says_where_nothing_is_known_of_the_run(tmp_path):
    made = export(untrained(tmp_path), tmp_path / 'made.keras')
    assert made.card['data'] == made.card['figures'] == {}
    text = (tmp_path / 'made.keras.md').read_text()
    assert 'No figures of it are known' in text and 'What it learned from is not known' in text
    assert 'None' not in text and '| Data |' not in text


def test_the_card_of_a_packed_generator_says_what_the_run_did(tmp_path, monkeypatch):
    data = {'source': 'cats.zip', 'count': 9, 'sha256': 'abc'}
    figure = {'value': 12.5, 'floor': 1.25, 'ceiling': 300, 'better': 'lower', 'generated': 8, 'reference': 9,
              'split': 'train'}  # fmt: skip
    monkeypatch.chdir(tmp_path)
    pack_generator(replace(untrained(tmp_path), data=data, metrics={'fid_mini': figure}), 'packed.npz')
    generator = load_packed('packed.npz')
    facts = card.card(
        generator, Path('packed.npz'), ExportSettings(format='keras'), seeds=1, difference=0.0,
        tolerance=0.0, parameters=1,
    )  # fmt: skip
    text = card.markdown(facts)
    assert facts['data'] == data and '9 pictures of `cats.zip`' in text and '| `fid_mini` | 12.5 | 1.25 |' in text


def test_the_cards_of_the_generators_that_ship_are_those_of_their_trainings():
    for name, count in (('cifar10', 50000), ('caltech64', 4603)):
        with np.load(SHIPPED[name]) as stored:
            facts = json.loads(str(stored['facts']))
        assert facts['data']['count'] == count and facts['data']['sha256'] == facts['settings']['data']
        figure, card_text = facts['figures']['fid_mini']['value'], SHIPPED[name].with_suffix('.md').read_text()
        assert f'| `fid_mini` | {figure:.3g} |' in card_text


def test_the_tables_have_the_same_names():
    assert SUFFIXES.keys() == formats.FORMATS.keys() == card.USE.keys()
    assert formats.PIXELS.keys() == card.PIXELS.keys()


@pytest.mark.parametrize(
    ('name', 'arguments', 'said'),
    [
        ('a.tflite', {'format': 'keras'}, '.keras'),
        ('a.keras', {'format': 'saved_model'}, 'no name for a SavedModel'),
        ('a.keras', {'format': 'coreml'}, 'unknown format'),
        ('a.keras', {'format': 'keras', 'pixels': 'rgb'}, 'unknown pixels'),
        ('a.keras', {'format': 'keras', 'quantize': 'float16'}, 'is for --format=tflite'),
        ('a.tflite', {'format': 'tflite', 'quantize': 'int8'}, "unknown quantize 'int8'"),
        ('full/file/a.keras', {'format': 'keras'}, 'is not a folder'),
        ('full/file/a', {'format': 'saved_model'}, 'is not a folder'),
        ('full', {'format': 'saved_model'}, 'exists already'),
    ],
)
def test_what_cannot_be_written_is_refused_at_once(tmp_path, name, arguments, said):
    (tmp_path / 'full').mkdir()
    (tmp_path / 'full' / 'file').touch()
    with pytest.raises(UserError, match=said):
        check_output(tmp_path / name, **arguments)


def test_a_name_of_another_format_is_no_folder(tmp_path):
    for name in ('gen.h5', 'gen.PB'):
        with pytest.raises(UserError, match='is no suffix of a format'):
            format_of(tmp_path / name)
        check_output(tmp_path / name, format='saved_model')  # where that was asked for it is
    assert [format_of(name) for name in ('a', 'a.Keras', 'a.tflite', 'a.ONNX')] == [
        'saved_model', 'keras', 'tflite', 'onnx',
    ]  # fmt: skip


def command(*args):
    return run('export', *args, program='dcgan')


def test_the_command_exports_what_it_opens(tmp_path, monkeypatch, capsys):
    from stylegen.dcgan import export_command

    generator, asked = untrained(tmp_path), []
    monkeypatch.setattr(export_command, 'open_generator', lambda *args, **told: asked.append((args, told)) or generator)
    monkeypatch.chdir(tmp_path)
    assert command('--workdir=run', '--checkpoint=7', '--which=ema') == 0
    assert asked == [(('run',), {'settings': SourceSettings(workdir='run', checkpoint='7', which='ema')})]
    said = capsys.readouterr().out
    assert 'latents float32 (N, 5) to images float32 (N, 16, 16, 3), from 0 to 1' in said
    assert 'differs from the checkpoint by' in said and 'generator.keras' in said
    assert command('--format=saved_model', '--quiet') == 0 and capsys.readouterr().out == ''
    assert Path('generator.keras.md').exists() and Path('generator/saved_model.pb').exists()
    assert command('--format=saved_model', '--output=generator') == 2
    assert 'exists already' in capsys.readouterr().err


def test_a_folder_without_a_run_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert command('--workdir=.') == 2
    error = capsys.readouterr().err
    assert 'keeps no checkpoint' in error and error.count('\n') == 1
    assert list(tmp_path.iterdir()) == []
