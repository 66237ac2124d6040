"""Measures pictures through the network, by windows or whole: statistics of the style, maps of the content."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from stylegen.losses import moments
from stylegen.losses.histograms import histogram
from stylegen.losses.statistics import SummedLoss
from stylegen.networks.extractor import FeatureExtractor
from stylegen.optimize.loop import Term
from stylegen.optimize.target_variables import TargetVariables, Window
from stylegen.optimize.windows import WindowedObjective
from stylegen.utils.backend import tf


class Traces:
    """Functions of one picture (1, H, W, 3) of any size, each traced when it is first asked for."""

    def __init__(self) -> None:
        self._functions: dict[str, Callable[..., Any]] = {}

    def of(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The traced function of this name; `function` is traced when the name is new."""
        if name not in self._functions:
            picture = tf.TensorSpec([1, None, None, 3])
            self._functions[name] = tf.function(function, autograph=False).get_concrete_function(picture)
        return self._functions[name]


class Measurer:
    """Measures pictures through a network.

    Args:
        extractor: Gives the features.
        style_layers: Layers whose moments are measured.
        content_layers: Layers whose maps are measured.
        strides, channels: Of every layer.
        halo: Pixels around a window's core.
        histograms: Whether histograms are measured too.

    Attributes:
        tops: {layer: (C,)}, the upper end of each channel's histogram; `Targets` sets it.
    """

    def __init__(
        self,
        extractor: FeatureExtractor,
        style_layers: Sequence[str],
        content_layers: Sequence[str],
        strides: Mapping[str, int],
        channels: Mapping[str, int],
        *,
        halo: int,
        histograms: bool,
    ):
        self.extractor, self.strides, self.halo = extractor, strides, halo
        self.style_layers, self.content_layers = style_layers, content_layers
        self.tops = {layer: tf.Variable(tf.ones([channels[layer]]), trainable=False) for layer in style_layers}
        terms = [self._moments_term(layer) for layer in style_layers]
        if histograms:
            terms += [self._histogram_term(layer) for layer in style_layers]
        variables = TargetVariables(channels, (), len(terms))
        self.objective = WindowedObjective(extractor, tuple(terms), strides, variables, halo)
        self._traces = Traces()

    @staticmethod
    def _moments_term(layer: str) -> Term:
        return _sums_alone(f'moments {layer}', layer, lambda features: moments.moments(features, layer))

    def _histogram_term(self, layer: str) -> Term:
        top = self.tops[layer]
        return _sums_alone(f'histogram {layer}', layer, lambda features: histogram(features, layer, top))

    def measure(self, picture: tf.Tensor, core: int) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """The statistics of a picture by term, and of one that is measured whole its content maps by layer.

        Args:
            picture: (1, H, W, 3).
            core: Side of the windows' core; 0: the picture is measured whole.
        """

        def whole(picture):
            features = self.objective.features_of(picture)
            maps = {layer: tf.cast(features[layer], tf.float32) for layer in self.content_layers}
            return self.objective.totals_of(features), maps

        def by_windows(picture):
            return self.objective.by_windows(True).totals(picture), {}

        self.objective.variables.core.assign(core)
        function = self._traces.of(*(('windows', by_windows) if core else ('whole', whole)))
        totals, maps = function(picture)
        return totals, {layer: found.numpy() for layer, found in maps.items()}

    def content_maps(self, picture: tf.Tensor, core: int) -> dict[str, np.ndarray]:
        """The maps of the content's layers (1, h, w, C), put together from windows of a core."""
        size = tf.shape(picture)[1:3]
        shapes = self.extractor.compute_output_shape(tuple(picture.shape))
        maps = {layer: np.empty(shapes[layer], np.float32) for layer in self.content_layers}
        for index in range(int(np.prod(-(-size.numpy() // core)))):
            window = Window.at(tf.constant(index), tf.constant(core), self.halo, size)
            features = self._traces.of('features', self.extractor.__call__)(window.cut(picture))
            for layer, whole in maps.items():
                stride = self.strides[layer]
                part = window.core_of(features[layer], stride, whole=False).numpy()
                y, x = window.core.numpy() // stride
                whole[:, y : y + part.shape[1], x : x + part.shape[2]] = part
        return maps

    def by_layer(self, totals: Mapping[str, Any], kind: str) -> dict[str, Any]:
        """The 'moments' or the 'histogram' of each layer of style, out of what `measure` gave."""
        return {layer: totals[f'{kind} {layer}'] for layer in self.style_layers}

    def blend(self, pictures: Sequence[tuple[tf.Tensor, int, float]], kind: str) -> dict[str, Any]:
        """The statistics of several pictures by layer: for one position of each, added up by the pictures' shares.

        Args:
            pictures: (picture, core, share) each, see `measure`.
            kind: 'moments' or 'histogram'.
        """
        blended: dict[str, Any] = {}
        for picture, core, share in pictures:
            totals, _ = self.measure(picture, core)
            positions = self.by_layer(totals, 'moments')
            for layer, found in self.by_layer(totals, kind).items():
                weight = share / positions[layer]['weight'][0]
                one = tf.nest.map_structure(lambda x, weight=weight: x * tf.cast(weight, x.dtype), found)
                blended[layer] = tf.nest.map_structure(tf.add, blended[layer], one) if layer in blended else one
        return blended


def _sums_alone(name: str, layer: str, sums: Callable[..., Any]) -> Term:
    """A term that is asked for its sums and never for its loss."""
    return Term(name, 1.0, SummedLoss(layer, sums, None, lambda found: tf.constant(0.0)))
