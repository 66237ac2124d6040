"""Tells whether a picture shows a face: a logistic regression on the deepest layer of `small_vgg`."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stylegen import images, networks
from stylegen.images import pixels
from stylegen.utils.npz import open_arrays

if TYPE_CHECKING:
    from stylegen.networks.extractor import FeatureExtractor

WEIGHTS = Path(__file__).parents[1] / 'weights' / 'faces.npz'
NETWORK, LAYER = 'small_vgg', 'block5_conv1'
SIDE = 192  # pixels of the longest side
HIGHEST = 0.02  # share of the positions whose mean is the third feature


def shows_face(picture: np.ndarray) -> bool:
    """Whether a picture shows a face of a fifth of its height or more.

    It finds nine of ten portraits that are painted or drawn, and takes two of a hundred other pictures for one; see
    `stylegen/weights/faces.md`.

    Args:
        picture: float32 (H, W, 3) in [0, 1].

    Example:
        shows_face(images.load_image('painting.jpg'))
    """
    small = images.resize(picture, pixels.fit(picture.shape, SIDE)).clip(0, 1).astype(np.float32)
    return _shows_face(small.tobytes(), small.shape)


@lru_cache(maxsize=32)  # a clip asks for each frame
def _shows_face(data: bytes, shape: tuple[int, int, int]) -> bool:
    found = features(np.frombuffer(data, np.float32).reshape(shape))
    with open_arrays(WEIGHTS) as arrays:
        return bool(found @ arrays['weights'] + arrays['bias'] > 0)


@lru_cache(maxsize=1)
def _extractor() -> FeatureExtractor:
    return networks.feature_extractor(NETWORK, layers=[LAYER])


def features(picture: np.ndarray) -> np.ndarray:
    """What the regression sees: of each channel its mean, its deviation and the mean of its highest values, float32."""
    extractor = _extractor()
    small = extractor.min_size
    shape = max(picture.shape[0], small), max(picture.shape[1], small)
    maps = np.asarray(extractor(images.resize(picture, shape)[None])[LAYER])[0]
    flat = np.sort(maps.reshape(-1, maps.shape[-1]), axis=0)
    highest = flat[-max(1, round(HIGHEST * len(flat))) :].mean(0)
    return np.concatenate([flat.mean(0), flat.std(0), highest])
