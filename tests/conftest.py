"""What the tests share: small networks with random weights, pictures, and the command lines in this process."""

import importlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

os.environ['STYLEGEN_OFFLINE'] = '1'
signal.signal(signal.SIGINT, signal.default_int_handler)  # where the tests run in the background it is ignored
ROOT = Path(__file__).parents[1]


SLOW = frozenset((ROOT / 'tests/slow.txt').read_text().splitlines())


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Marks the tests of slow.txt: those that took five seconds of CPU or more, see CONTRIBUTING.md."""
    for item in items:
        if item.nodeid in SLOW:
            item.add_marker(pytest.mark.slow)


class TinyNetwork:
    """Two convolutions with a pooling between them, in the precision of the picture; stands in for an extractor."""

    network = 'tiny'
    strides = {'a': 1, 'b': 2}  # noqa: RUF012
    channels = {'a': 8, 'b': 8}  # noqa: RUF012
    min_size = 4
    reach = 8  # a gradient of 'b' is felt no farther than this many pixels
    bytes_per_pixel = 400.0

    def __init__(self, seed=0):
        rng = np.random.default_rng(seed)
        self.first = rng.normal(0, 0.4, (3, 3, 3, 8))
        self.second = rng.normal(0, 0.2, (3, 3, 8, 8))
        self.traces = 0

    def __call__(self, image):
        from stylegen.utils.backend import tf

        self.traces += 1
        first, second = tf.constant(self.first, image.dtype), tf.constant(self.second, image.dtype)
        a = tf.nn.softplus(tf.nn.conv2d(image - 0.5, first, 1, 'SAME'))
        b = tf.nn.softplus(tf.nn.conv2d(tf.nn.avg_pool2d(a, 2, 2, 'SAME'), second, 1, 'SAME'))
        return {'input': image, 'a': a, 'b': b}


def slow(*values):
    """A case of a parametrised test that is as long as the others and of the same kind: CI leaves it out."""
    return pytest.param(*values, marks=pytest.mark.slow)


@pytest.fixture
def tiny():
    """A fresh tiny network, so that its traces can be counted."""
    return TinyNetwork()


def photo(height, width, seed=0):
    """A smooth random picture, float32 (height, width, 3), away from 0 and 1."""
    from PIL import Image

    rng = np.random.default_rng(seed)
    coarse = rng.integers(60, 196, (max(2, height // 8), max(2, width // 8), 3)).astype(np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC), np.float32) / 255


def run(*args, program='deepdream'):
    """What a person types after the name of a program; its exit code."""
    return importlib.import_module(f'stylegen.{program}.__main__').main([f'stylegen-{program}', *args])


def process(*args, program='deepdream', before=''):
    """The same in a process of its own, which may be stopped and killed; `before` is a statement to run first."""
    code = f'import sys; {before}\nfrom stylegen.{program}.__main__ import main\nsys.exit(main(sys.argv))'
    start = ['-c', code] if before else ['-m', f'stylegen.{program}']
    return subprocess.Popen(
        [sys.executable, *start, *args],
        env=os.environ | {'PYTHONPATH': str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def wait_for(condition, seconds=90):
    """Until a condition holds; a test that waits in vain fails."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail('waited in vain')
        time.sleep(0.05)


def shaken(model, seed=0):
    """The model, with biases and statistics that are not zeros and ones, but keep activations in range."""
    rng = np.random.default_rng(seed)
    for variable in model.variables:
        if 'float' in str(variable.dtype) and len(variable.shape) == 1:
            variable.assign(variable + 0.1 * rng.random(variable.shape))
    return model


@pytest.fixture
def random_mini(monkeypatch, tmp_path):
    """A random `mini` that tells cats, dogs and hats apart, in the place of the embedded one; its arrays."""
    from stylegen.networks import mini

    model = mini.build_mini(3)
    weights = [(layer, weight) for layer in model.layers for weight in layer.weights]
    arrays = {f'{layer.name}/{weight.name}': np.asarray(weight) for layer, weight in weights}
    monkeypatch.setattr(mini, 'MINI_WEIGHTS', tmp_path / 'mini.npz')
    mini.save_mini(tmp_path / 'mini.npz', arrays, ['cat', 'dog', 'hat'])
    return {name: array.astype(np.float16).astype(np.float32) for name, array in arrays.items()}
