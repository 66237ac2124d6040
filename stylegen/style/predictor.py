"""What the network that predicts norms sees of a painting; by NumPy where TensorFlow is not imported yet."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from stylegen import images
from stylegen.networks.embedded import read_network
from stylegen.networks.small_vgg import SMALL_VGG_BLOCKS, SMALL_VGG_WEIGHTS
from stylegen.style.light import light_statistics

STYLE_SIZE = 320  # pixels: the longest side that a painting is looked at, as in training
LIGHT = 'small_vgg'  # the network that `light_statistics` computes


@dataclass(frozen=True, eq=False)
class Look:
    """Looks at paintings through a network.

    Args:
        network: Its name.
        layers: Whose statistics are taken.
    """

    network: str
    layers: tuple[str, ...]

    def statistics(self, painting: np.ndarray, light: bool) -> np.ndarray:
        """The `style_statistics` of a painting, (statistics,).

        Args:
            painting: float32 (H, W, 3) in [0, 1], of any size.
            light: By NumPy, where the network allows it.
        """
        light = light and self.network == LIGHT
        least = self._least_side if light else self._extractor.min_size
        height, width = images.fit(painting.shape, min(STYLE_SIZE, max(painting.shape[:2])))
        small = images.resize(painting, (max(least, height), max(least, width))).clip(0, 1)
        if light:
            read = read_network(SMALL_VGG_WEIGHTS, LIGHT)
            arrays = {name: array.astype(np.float32) for name, array in read.items()}
            return light_statistics(arrays, SMALL_VGG_BLOCKS, self.layers, small)
        from stylegen.losses.moments import moments
        from stylegen.style.transform_network import style_statistics
        from stylegen.utils.backend import tf

        features = self._extractor(tf.constant(small[None]))
        return style_statistics({name: moments(features, name) for name in self.layers}).numpy()[0]

    @property
    def _least_side(self) -> int:
        """The least side of a painting that reaches the deepest layer of `LIGHT`; a block halves a map."""
        blocks = [int(layer.partition('_')[0].removeprefix('block')) for layer in self.layers if layer != 'input']
        return 2 ** (max(blocks, default=1) - 1)

    @functools.cached_property
    def _extractor(self) -> Any:
        from stylegen.networks import feature_extractor

        return feature_extractor(self.network, [name for name in self.layers if name != 'input'])
