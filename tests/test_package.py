"""The package as a whole: what importing it costs, what it names, what README says."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np

import stylegen
from stylegen import images
from tests.conftest import photo

ROOT = Path(__file__).parents[1]


def test_importing_it_imports_nothing_heavy():
    code = 'import sys, stylegen; print({"numpy", "PIL", "tensorflow", "keras"} & set(sys.modules))'
    assert subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True).stdout == 'set()\n'


def test_public_names_are_there():
    assert all(getattr(stylegen, name) for name in stylegen.__all__)
    assert not hasattr(stylegen, 'nothing_of_this_name')


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
