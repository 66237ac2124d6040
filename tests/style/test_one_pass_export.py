"""An exported one-pass network gives the pictures of `OnePass`, to programs that know nothing of this package."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from stylegen import images
from stylegen.networks import formats
from stylegen.runs.exporting import SUFFIXES
from stylegen.style import exporting
from stylegen.style.exporting import export_one_pass
from stylegen.style.norms import noise_tile
from stylegen.style.one_pass import OnePass
from stylegen.style.portable import keras_network, portable
from tests.conftest import photo, run

NAMES = {'keras': 'made.keras', 'saved_model': 'made', 'tflite': 'made.tflite', 'onnx': 'made.onnx'}


@pytest.fixture(autouse=True)
def there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def needs(form):
    if form == 'onnx':
        pytest.importorskip('tf2onnx')
        pytest.importorskip('onnxruntime')


@pytest.mark.parametrize('form', NAMES)
@pytest.mark.parametrize('style', [None, 'ink'])
def test_the_pictures_are_those_of_one_pass_at_odd_sizes_too(painter, form, style):
    needs(form)
    made = export_one_pass(painter, NAMES[form], style)
    assert made.difference < 1e-5 and made.card['parity']['difference'] == made.difference
    opened = formats.FORMATS[form].open(made.path)
    picture = photo(48, 40, 1) if form == 'keras' else photo(45, 34, 1)
    given = {'photo': np.stack([picture, picture[::-1]])}
    if style is None:
        norms = [made.card['styles'][name]['norms'] for name in ('waves', 'ink')]
        given['norms'] = np.array(norms, np.float32)
    found = opened(given)
    assert found.shape == (2, *picture.shape)
    assert np.abs(found[0] - painter(picture, style or 'waves')).max() < 1e-4
    assert np.abs(found[1] - painter(picture[::-1], 'ink')).max() < 1e-4
    assert not list(Path().glob('.*'))


def test_in_onnx_each_style_and_a_mix_are_those_of_keras(painter):
    needs('onnx')
    opened = formats.FORMATS['onnx'].open(export_one_pass(painter, 'made.onnx').path)
    model, picture = keras_network(painter, None), photo(48, 40, 1)[None]
    pictures = []
    for style in ('waves', 'ink', [('waves', 2), ('ink', 1)]):
        norms = painter.norms_of(style)[None].astype(np.float32)
        pictures.append(opened({'photo': picture, 'norms': norms}))
        np.testing.assert_allclose(pictures[-1], model([picture, norms]).numpy(), atol=1e-4)
    apart = [np.abs(one - other).mean() for one, other in itertools.combinations(pictures, 2)]
    assert min(apart) > 0.005  # the control: norms count


@pytest.mark.parametrize('wrong', ['waves', 'ink', [('waves', 1), ('ink', 1)], None])
def test_every_style_and_the_mix_of_all_are_compared(painter, wrong):
    off = None if wrong is None else painter.norms_of(wrong)

    def run(given):
        norms, shift = given['norms'][0], 0
        if off is not None and np.allclose(norms, off):
            shift = 0.25
        return painter.paint(given['photo'][0], norms)[None] + shift

    found = exporting.difference_of(run, painter, None, 'onnx')
    assert found == pytest.approx(0 if wrong is None else 0.25, abs=1e-5)


def test_a_keras_file_names_layers_of_keras_only(painter):
    for norms in (None, painter.norms['ink']):
        for layer in keras_network(painter, norms)._flatten_layers():
            assert type(layer).__module__.startswith('keras.'), layer


def test_half_precision_takes_half_the_space_and_is_near(painter):
    made = export_one_pass(painter, 'half.tflite', 'ink', quantize='float16')
    weights = noise_tile().size + sum(array.size for array in painter.arrays.values() if array.ndim == 4)
    assert made.path.stat().st_size < 2.5 * weights + 80_000 and 1e-6 < made.difference < made.tolerance


def test_what_differs_is_not_written_and_what_fails_leaves_the_earlier_file(painter, monkeypatch):
    export_one_pass(painter, 'made.keras', 'ink')
    before = Path('made.keras').read_bytes()
    monkeypatch.setattr(exporting, 'difference_of', lambda *_: 0.1)
    with pytest.raises(ArithmeticError, match=r'grey levels, more than .* not written'):
        export_one_pass(painter, 'made.keras', 'waves')
    assert Path('made.keras').read_bytes() == before and not list(Path().glob('.*'))


@pytest.mark.parametrize('form', ['keras', 'tflite'])
def test_the_cards_code_paints_a_photo(painter, form):
    made = export_one_pass(painter, NAMES[form])
    images.save_image('photo.jpg', photo(30, 47))
    code = Path(f'{NAMES[form]}.md').read_text().split('```python\n')[1].split('```')[0]
    assert 'stylegen' not in code
    exec(code, {})
    expected = (24, 40) if form == 'keras' else (30, 47)
    assert images.load_image('painted.png').shape == (*expected, 3)
    assert json.loads(Path(f'{NAMES[form]}.json').read_text()) == made.card


def test_every_format_has_code():
    assert SUFFIXES.keys() == formats.FORMATS.keys() == exporting.USE.keys()


def test_the_mirrored_borders_are_those_of_one_pass(painter):
    call = portable(painter, painter.norms_of('ink')).call
    for size in ((1, 1), (5, 18), (33, 16)):
        picture = photo(*size)
        assert np.abs(call(picture[None])[0] - painter(picture, 'ink')).max() < 1e-5


def command(*args):
    return run('export', *args, program='style')


def test_the_command_writes_a_style_or_a_mix_and_says_how_near_it_is(painter, capsys):
    painter.save('net.npz')
    images.save_image('painting.png', photo(40, 40, 3))
    assert command('--model=net.npz', '--style=waves', '--format=keras') == 0
    said = capsys.readouterr().out
    assert 'grey levels at most' in said and 'waves.keras' in said
    assert command('--model=net.npz', '--style=ink:3', '--style=painting.png', 'mix.keras', '--quiet') == 0
    assert capsys.readouterr().out == ''
    facts = json.loads(Path('mix.keras.json').read_text())
    assert list(facts['paintings']) == ['painting.png'] and facts['style'] == 'ink:3 + painting.png'
    opened, picture, net = (
        formats.FORMATS['keras'].open(Path('mix.keras')),
        photo(32, 32),
        OnePass.open('net.npz', precision='float32'),
    )
    found = opened({'photo': picture[None]})[0]
    assert np.abs(found - net(picture, [('ink', 3), ('painting.png', 1)])).max() < 1e-4


def test_what_cannot_be_written_is_told_in_a_line(painter, monkeypatch, capsys):
    painter.save('net.npz')
    Path('full').mkdir()
    Path('full/file').touch()
    monkeypatch.setitem(exporting.check_export.__globals__['NEEDED'], 'onnx', ('no_such_package',))
    for wrong, told in (
        (['--output=a.pb'], 'no suffix of a format'),
        (['--output=full', '--format=saved_model'], 'exists already'),
        (['--output=a.onnx'], 'needs no_such_package: pip install -e ".[onnx]"'),
        (['--output=a.keras', '--style=wave'], 'did you mean waves'),
        (['--output=a.keras', '--quantize=float16'], 'is for --format=tflite'),
        (['--output=full/file/a.keras'], 'is not a folder'),
    ):
        assert command('--model=net.npz', *wrong) == 2
        error = capsys.readouterr().err
        assert told in error and error.count('\n') == 1
    assert sorted(path.name for path in Path().iterdir()) == ['full', 'net.npz']
