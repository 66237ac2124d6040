"""What the tests share: a tiny network with fixed random weights, pictures, and a way to run the command line."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

os.environ['STYLEGEN_OFFLINE'] = '1'


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
        from stylegen.backend import tf

        self.traces += 1
        first, second = tf.constant(self.first, image.dtype), tf.constant(self.second, image.dtype)
        a = tf.nn.softplus(tf.nn.conv2d(image - 0.5, first, 1, 'SAME'))
        b = tf.nn.softplus(tf.nn.conv2d(tf.nn.avg_pool2d(a, 2, 2, 'SAME'), second, 1, 'SAME'))
        return {'input': image, 'a': a, 'b': b}


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


def command(*args, cwd, timeout=240, env=None):
    """Runs `python -m stylegen.deepdream` with flags; its result has returncode, stdout and stderr."""
    return subprocess.run(
        [sys.executable, '-m', 'stylegen.deepdream', *args],
        cwd=cwd,
        env=os.environ | {'PYTHONPATH': str(Path(__file__).parents[1])} | (env or {}),
        capture_output=True,
        text=True,
        timeout=timeout,
    )
