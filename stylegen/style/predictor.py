"""What the network that predicts norms sees of a painting; by NumPy where TensorFlow is not imported yet."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from stylegen import images
from stylegen.networks.embedded import read_network
from stylegen.networks.small_vgg import SMALL_VGG_BLOCKS, SMALL_VGG_WEIGHTS
from stylegen.style.numpy_pass import numpy_statistics

STYLE_SIZE = 320  # pixels: the longest side that a painting is looked at, as in training
NUMPY_NETWORK = 'small_vgg'  # the network that `numpy_statistics` computes


@dataclass(frozen=True, eq=False)
class StyleEncoder:
    """Computes the `style_statistics` of paintings by a network.

    Args:
        network: Its name.
        layers: Whose statistics are taken.
        precision: As `networks.feature_extractor` takes it.
    """

    network: str
    layers: tuple[str, ...]
    precision: str

    def statistics(self, painting: np.ndarray, by_numpy: bool) -> np.ndarray:
        """The `style_statistics` of a painting, (statistics,).

        Args:
            painting: float32 (H, W, 3) in [0, 1], of any size.
            by_numpy: Without TensorFlow, if the network is `NUMPY_NETWORK`.
        """
        by_numpy = by_numpy and self.network == NUMPY_NETWORK
        least = self._least_side if by_numpy else self._extractor.min_size
        height, width = images.fit(painting.shape, min(STYLE_SIZE, max(painting.shape[:2])))
        small = images.resize(painting, (max(least, height), max(least, width))).clip(0, 1)
        if by_numpy:
            read = read_network(SMALL_VGG_WEIGHTS, NUMPY_NETWORK)
            arrays = {name: array.astype(np.float32) for name, array in read.items()}
            return numpy_statistics(arrays, SMALL_VGG_BLOCKS, self.layers, small)
        from stylegen.style.transform_network import style_statistics
        from stylegen.utils.backend import tf

        features = self._extractor(tf.constant(small[None]))
        maps = (tf.cast(features[name], tf.float32) for name in self.layers)
        return style_statistics(tf.nn.moments(each, [1, 2]) for each in maps).numpy()[0]

    @property
    def _least_side(self) -> int:
        """The least side of a painting that reaches the deepest layer of `NUMPY_NETWORK`; a block halves a map."""
        blocks = [int(layer.partition('_')[0].removeprefix('block')) for layer in self.layers if layer != 'input']
        return 2 ** (max(blocks, default=1) - 1)

    @functools.cached_property
    def _extractor(self) -> Any:
        from stylegen.networks import feature_extractor

        layers = [name for name in self.layers if name != 'input']
        return feature_extractor(self.network, layers, precision=self.precision)
