"""The package as a whole: what importing it costs, what it names, what README says."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import stylegen
from stylegen import images
from tests.conftest import photo, run

ROOT = Path(__file__).parents[1]


def test_importing_it_imports_nothing_heavy():
    code = 'import sys, stylegen; print({"numpy", "PIL", "tensorflow", "keras"} & set(sys.modules))'
    assert subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True).stdout == 'set()\n'


def test_public_names_are_there():
    assert all(getattr(stylegen, name) for name in stylegen.__all__)
    assert not hasattr(stylegen, 'nothing_of_this_name')


COMMANDS = re.findall(r'^    (?:.*&& )?python -m stylegen\.(\w+)(.*)$', (ROOT / 'README.md').read_text(), re.M)
ELSEWHERE = '--distribute=multi_worker'  # needs two processes: tests/dcgan/test_distributed.py
QUICK = {
    'deepdream': ['--size=64', '--steps=2'],
    'style': ['--size=64', '--iterations=3'],
    'sample': [],
    'train': ['--steps=2', '--image_size=16', '--g_width=4', '--d_width=4', '--batch_size=4', '--samples=4',
              '--evaluate_every=0', '--collapse_every=0'],
}  # fmt: skip


def test_readme_has_commands_of_each_program():
    assert {program for program, _ in COMMANDS} == {'deepdream', 'style', 'dcgan'} and len(COMMANDS) >= 10


@pytest.mark.parametrize(('program', 'flags'), [one for one in COMMANDS if ELSEWHERE not in one[1]])
def test_a_command_of_readme_runs(tmp_path, monkeypatch, program, flags):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('STYLEGEN_OFFLINE', '1')
    (tmp_path / 'photos').mkdir()
    for seed, name in enumerate(('photo', 'painting', 'meadow', 'sky', 'flowers', *(f'photos/{n}' for n in range(6)))):
        images.save_image(f'{name}.jpg', photo(48, 64, seed))
    before = set(tmp_path.iterdir())
    args = shlex.split(flags)
    quick = QUICK[program if program in QUICK else args[0]]
    if any(arg.startswith('--zoom') for arg in args):
        quick = [*quick, '--seconds=0.5', '--fps=4']
    assert run(*args, *quick, program=program) == 0
    assert set(tmp_path.iterdir()) > before, 'something was made'


def test_the_python_of_readme_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images.save_image('photo.jpg', photo(48, 64))
    images.save_image('painting.jpg', photo(64, 64, seed=1))
    blocks = re.findall(r'```python\n(.*?)```', (ROOT / 'README.md').read_text(), re.S)
    assert len(blocks) == 4
    names = {}
    for block in blocks:
        exec(block.replace('size=800', 'size=64').replace('steps=50', 'steps=2'), names)
    assert images.load_image('dream.png').shape == (48, 64, 3)
    assert images.load_image('painted.png').shape == (48, 64, 3)
    assert set(names['features']) == {'block2_conv2', 'block4_conv2', 'input'}
    assert np.asarray(names['image']).shape == (1, 48, 64, 3)


def test_pictures_of_readme_are_there():
    names = re.findall(r'\]\(((?:assets|stylegen)/[^)]+)\)', (ROOT / 'README.md').read_text())
    assert len(names) >= 6 and all((ROOT / name).is_file() for name in names)
