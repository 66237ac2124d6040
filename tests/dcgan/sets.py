"""Small sets of pictures to train on."""

import numpy as np
from PIL import Image

from stylegen.datasets.opening import open_images


def folder(path, count=24, size=16, classes=2):
    """A folder of class folders with smooth little pictures in them."""
    rng = np.random.default_rng(0)
    for index in range(count):
        place = path / f'class{index % classes}'
        place.mkdir(parents=True, exist_ok=True)
        coarse = rng.integers(0, 256, (2, 2, 3)).astype(np.uint8)
        Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC).save(place / f'{index:03d}.png')
    return path


def small_set(path, **kwargs):
    """The same, opened at 16 pixels."""
    return open_images(folder(path, **kwargs), (16, 16))


TINY = {'g_width': 4, 'd_width': 4, 'latent_dim': 8, 'batch_size': 4}


def state(checkpoint):
    """All arrays of a checkpoint but the settings, as bytes by name."""
    with np.load(checkpoint) as stored:
        return {name: stored[name].tobytes() for name in stored.files if name != 'settings'}
