"""The package as a whole: what importing it costs, what it names, what README says."""

import configparser
import hashlib
import importlib
import inspect
import os
import pkgutil
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import stylegen
from stylegen import images
from stylegen.__main__ import main as programs
from stylegen.networks import catalog
from tests.caffemodels import of_model, write_caffemodel
from tests.conftest import SLOW, photo, run, slow

ROOT = Path(__file__).parents[1]


def test_importing_it_imports_nothing_heavy():
    code = 'import sys, stylegen; print({"numpy", "PIL", "tensorflow", "keras"} & set(sys.modules))'
    assert subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True).stdout == 'set()\n'


def test_public_names_are_there():
    assert all(getattr(stylegen, name) for name in stylegen.__all__)
    assert not hasattr(stylegen, 'nothing_of_this_name')


@pytest.mark.parametrize('name', ['dream', 'transfer', 'train', 'sample', 'optimize_image', 'feature_extractor'])
def test_the_functions_of_the_package_are_functions(name):
    assert inspect.isfunction(getattr(stylegen, name)) and name in dir(stylegen)


def packages():
    found = pkgutil.walk_packages(stylegen.__path__, 'stylegen.')
    return ['stylegen', *(module.name for module in found if module.ispkg)]


@pytest.mark.parametrize('name', packages())
def test_no_name_is_at_once_a_module_and_something_else(name):
    package = importlib.import_module(name)
    modules = [module.name for module in pkgutil.iter_modules(package.__path__)]
    given = {module: getattr(package, module) for module in modules if hasattr(package, module)}
    assert [module for module, value in given.items() if not inspect.ismodule(value)] == []


def test_the_package_lists_its_programs_and_runs_the_one_that_is_named(capsys):
    assert programs(['stylegen']) == 0
    listed = capsys.readouterr().out
    found = {path.parent.name for path in (ROOT / 'stylegen').glob('*/__main__.py')}
    assert set(re.findall(r'python -m stylegen\.(\w+)', listed)) == found
    assert programs(['stylegen', 'compose', '--help']) == 0
    assert capsys.readouterr().out.startswith('usage: stylegen-compose')
    assert programs(['stylegen', '--version']) == 0
    assert capsys.readouterr().out == f'{stylegen.__version__}\n'
    for wrong in (['dreem'], ['--quiet', 'style']):
        assert programs(['stylegen', *wrong]) == 2
        assert capsys.readouterr().err.startswith('stylegen: ')


def test_all_files_name_one_version():
    told = re.search(r'^## ([^,]+)', (ROOT / 'CHANGELOG.md').read_text(), re.M).group(1)
    cited = re.search(r'^version: (\S+)', (ROOT / 'CITATION.cff').read_text(), re.M).group(1)
    assert stylegen.__version__ == told == cited
    assert f'stylegen-{told}-py3' in (ROOT / 'experiments' / 'space' / 'requirements.txt').read_text()


@pytest.mark.slow
def test_a_wheel_of_the_tree_runs_elsewhere(tmp_path):
    tree, place = tmp_path / 'tree', tmp_path / 'place'
    shutil.copytree(ROOT / 'stylegen', tree / 'stylegen')
    for name in ('setup.cfg', 'pyproject.toml', 'README.md', 'LICENSE'):
        shutil.copy(ROOT / name, tree)
    build = [sys.executable, '-m', 'build', '--wheel', '--no-isolation', '--outdir', tmp_path, tree]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob('stylegen-*.whl')
    install = [sys.executable, '-m', 'pip', 'install', '--quiet', '--no-deps', '--target', place, wheel]
    subprocess.run(install, check=True, capture_output=True)
    where = {'cwd': tmp_path, 'env': os.environ | {'PYTHONPATH': str(place)}, 'check': True}
    for program, flags, made in (
        ('deepdream', ['--size=64', '--steps=2'], 'deepdream.png'),
        ('style', ['--size=64', '--iterations=2'], 'style.png'),
        ('dcgan', ['sample', '--seeds=0-3'], 'samples.png'),
        ('compose', ['mosaic', '--columns=6', '--tile_size=8'], 'mosaic.png'),
    ):
        subprocess.run([sys.executable, '-m', f'stylegen.{program}', *flags, '--quiet'], **where)
        assert images.load_image(tmp_path / made).std() > 0.01
    asked = subprocess.run(
        [sys.executable, '-c', 'import stylegen; print(stylegen.__file__)'], capture_output=True, **where
    )
    assert Path(asked.stdout.decode().strip()).is_relative_to(place)


def test_the_tests_that_are_listed_as_slow_are_there():
    for name in SLOW:
        path, _, function = name.partition('[')[0].partition('::')
        assert f'def {function}(' in (ROOT / path).read_text(), name


IMPORTED_AS = {
    'absl-py': 'absl',
    'imageio-ffmpeg': 'imageio_ffmpeg',
    'opencv-python-headless': 'cv2',
    'pillow': 'PIL',
    'protobuf': 'google.protobuf',
}


def test_every_package_that_is_required_is_used():
    parser = configparser.ConfigParser()
    parser.read(ROOT / 'setup.cfg')
    lines = parser['options']['install_requires'] + parser['options.extras_require']['video']
    names = re.findall(r'^([\w-]+)>=', lines, re.M)
    assert len(names) > 8
    source = '\n'.join(path.read_text() for path in (ROOT / 'stylegen').rglob('*.py'))
    for name in names:
        package = IMPORTED_AS.get(name, name)
        assert re.search(rf'^ *(?:import|from) {package}\b', source, re.M), name


README = (ROOT / 'README.md').read_text()
COMMANDS = re.findall(r'^    (?:.*&& )?python -m stylegen\.(\w+)(.*)$', README, re.M)
QUICK_TRAINING = "preset='paper64', steps=1, g_width=4, d_width=4, batch_size=4, samples=4, evaluate_every=0"
ELSEWHERE = '--distribute=multi_worker'  # needs two processes: tests/dcgan/test_distributed.py
SERVES = 'studio'  # until Ctrl-C: tests/studio
GALLERY = re.findall(r'`(--[a-z]+=[^`]*)`', README[README.index('### Gallery') : README.index('## Style')])
SHOWN = ['block1_conv1', 'block5_conv1']  # on a sheet of layers
QUICK = {
    'deepdream': ['--size=64', '--steps=2'],
    'style': ['--size=64', '--iterations=3'],
    'style apply': ['--size=32'],
    'style export': [],
    'style train': ['--steps=1', '--image_size=32', '--style_size=32', '--batch_size=1', '--norms_only'],
    'compose mosaic': ['--columns=6', '--tile_size=8'],
    'compose': [],
    'sample': [],
    'train': ['--steps=2', '--image_size=16', '--g_width=4', '--d_width=4', '--batch_size=4', '--samples=4',
              '--evaluate_every=0', '--collapse_every=0'],
}  # fmt: skip


@pytest.fixture(scope='module')
def networks(tmp_path_factory):
    """A folder with random weights of VGG16, also as Keras keeps what it has downloaded, and of two other networks."""
    from stylegen.networks.googlenet import build_googlenet
    from stylegen.utils.backend import keras

    folder = tmp_path_factory.mktemp('networks')
    keras.applications.VGG16(weights=None, include_top=False).save_weights(folder / 'mine.weights.h5')
    (folder / 'models').mkdir()
    cached = folder / 'models' / 'vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5'
    cached.symlink_to(folder / 'mine.weights.h5')
    row = catalog.NETWORKS['vgg16']
    notop, top = row.files
    notop = replace(notop, digest=hashlib.sha256(cached.read_bytes()).hexdigest())
    inputs = keras.Input((None, None, 3))
    outputs = keras.layers.Conv2D(4, 3, padding='same', name='conv3')(inputs)
    keras.Model(inputs, outputs).save(folder / 'mine.keras')
    write_caffemodel(folder / 'bvlc_googlenet.caffemodel', of_model(build_googlenet()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(catalog.NETWORKS, 'vgg16', replace(row, files=(notop, top)))
        yield folder


def test_readme_has_commands_of_each_program():
    assert {program for program, _ in COMMANDS} == {'compose', 'deepdream', 'style', 'dcgan', SERVES}
    assert len(COMMANDS) >= 13 and len(GALLERY) >= 12


@pytest.mark.parametrize(
    ('program', 'flags'),
    [slow(*one) if '--cluster' in one[1] else one for one in COMMANDS if ELSEWHERE not in one[1] and one[0] != SERVES],
)
def test_a_command_of_readme_runs(tmp_path, monkeypatch, networks, program, flags):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('STYLEGEN_OFFLINE', '1')
    monkeypatch.setenv('KERAS_HOME', str(networks))
    monkeypatch.setattr('stylegen.deepdream.explore.layers_to_show', lambda network: SHOWN)
    for name in ('mine.weights.h5', 'mine.keras', 'bvlc_googlenet.caffemodel'):
        (tmp_path / name).symlink_to(networks / name)
    (tmp_path / 'photos').mkdir()
    (tmp_path / 'shot').mkdir()
    for seed, name in enumerate(
        ('photo', 'painting', 'meadow', 'sky', 'flowers', 'graded', *(f'photos/{n}' for n in range(6)))
    ):
        images.save_image(f'{name}.jpg', photo(48, 64, seed))
    for number in range(3):
        images.save_image(f'shot/frame_{number:04d}.png', photo(48, 64, 1))
    images.save_animation('clip.mp4', [photo(48, 64, seed) for seed in (1, 1, 2)], 12)
    images.save_image('mask.png', np.tile(np.linspace(0, 1, 64, dtype=np.float32), (48, 1)))
    if program == 'compose':
        run('fit', 'photo.jpg', '--target=graded.jpg', '--quiet', program=program)
    before = set(tmp_path.rglob('*'))
    args = shlex.split(flags)
    command = f'{program} {args[0]}' if args else program
    quick = QUICK[next(name for name in (command, program, *args[:1]) if name in QUICK)]
    if any(arg.startswith('--zoom') for arg in args):
        quick = [*quick, '--seconds=0.5', '--fps=4']
    assert run(*args, *quick, program=program) == 0
    made = sorted(set(tmp_path.rglob('*')) - before)
    assert made, 'something was made'
    for path in made:
        if path.suffix in ('.png', '.jpg'):
            looks_made(path, [*args, *quick])


def looks_made(path, args):
    """Whether a picture that a command made is as large as it was asked for, is not flat, and is none of the inputs."""
    picture = images.load_image(path)
    assert picture.std() > 0.01, f'{path.name} is flat'
    size = dict(flag.split('=', 1) for flag in args if '=' in flag).get('--size')
    if path.stem in ('dream', 'deepdream', 'painted', 'style') and not any('--count' in flag for flag in args):
        assert max(picture.shape) == int(size)
    inputs = [images.load_image(name) for name in ('photo.jpg', 'painting.jpg', 'meadow.jpg', 'sky.jpg')]
    assert not any(picture.shape == other.shape and np.abs(picture - other).max() < 2 / 255 for other in inputs)


@pytest.mark.parametrize('flags', GALLERY)
def test_a_command_of_the_gallery_runs(tmp_path, monkeypatch, flags):
    monkeypatch.chdir(ROOT)  # they name pictures of the repository
    monkeypatch.setattr('stylegen.deepdream.explore.layers_to_show', lambda network: SHOWN)
    quick = ['--size=64', *([] if '--explore' in flags else ['--steps=1'])]
    if '--zoom' in flags:
        quick += ['--seconds=0.5', '--fps=4']
    suffix = 'webp' if '--zoom' in flags else 'png'
    assert run('--network=mini', *shlex.split(flags), *quick, f'--output={tmp_path}/made.{suffix}') == 0
    picture = images.load_image(tmp_path / f'made.{suffix}')
    assert max(picture.shape) >= 64 and picture.std() > 0.01


def test_the_python_of_readme_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images.save_image('photo.jpg', photo(48, 64))
    images.save_image('painting.jpg', photo(64, 64, seed=1))
    images.save_image('graded.jpg', photo(48, 64) ** 0.8)
    blocks = re.findall(r'```python\n(.*?)```', README, re.S)
    assert len(blocks) == 5
    (tmp_path / 'photos').mkdir()
    for number in range(4):
        images.save_image(f'photos/{number}.jpg', photo(64, 64, number))
    quick = {'size=800': 'size=64', 'steps=50': 'steps=2', "preset='paper64'": QUICK_TRAINING, 'range(64)': 'range(4)'}
    names = {}
    for block in blocks:
        for written, run_here in quick.items():
            block = block.replace(written, run_here)
        exec(block, names)
    assert images.load_image('dream.png').shape == (48, 64, 3)
    assert images.load_image('painted.png').shape == images.load_image('at_once.png').shape == (48, 64, 3)
    assert set(names['features']) == {'block2_conv2', 'block4_conv2', 'input'}
    assert np.asarray(names['pictures']).shape == (4, 64, 64, 3)
    assert np.asarray(names['image']).shape == (1, 48, 64, 3)


def test_pictures_of_readme_are_there():
    names = re.findall(r'\]\(((?:assets|stylegen)/[^)]+)\)', README)
    assert len(names) >= 6 and all((ROOT / name).is_file() for name in names)
