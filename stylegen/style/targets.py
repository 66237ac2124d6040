"""The objective of a transfer, and its targets in variables: statistics of the styles, maps of the content."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from stylegen.losses import moments, statistics
from stylegen.losses.features import VARIATIONS
from stylegen.losses.histograms import HISTOGRAM_BINS
from stylegen.losses.statistics import STYLE_LOSSES, SummedLoss
from stylegen.losses.wasserstein import wasserstein_target
from stylegen.networks import receptive_field
from stylegen.networks.extractor import FeatureExtractor
from stylegen.optimize.loop import Term
from stylegen.optimize.target_variables import TargetVariables
from stylegen.optimize.windows import WindowedObjective
from stylegen.style.measuring import Measurer, Traces
from stylegen.style.plan import Costs
from stylegen.style.settings import StyleSettings
from stylegen.utils.backend import tf
from stylegen.utils.errors import UserError

PIXELS = 'input'  # as a layer: the picture itself, whose statistics are those of its colours
TOP = 6.0  # standard deviations above its mean up to which a channel's histogram goes


class TermKey(NamedTuple):
    """What a term of the objective compares: its kind ('style', 'content' or 'variation'), its layer, its region."""

    kind: str
    layer: str
    region: int


class Targets:
    """The objective of a transfer. Its targets are set for each size and picture, without another trace.

    Args:
        extractor: Gives the features.
        settings: Their layers, loss and form of total variation are used.
        regions: How many regions have styles of their own; 0: one style everywhere.

    Attributes:
        keys: What each term compares.
        areas: The share of the picture that each region has.
        shares_of_shapes: How much of the large shapes of each region's styles counts.
        shapes: {layer: (1, h, w, C)} of the content.
        halo: Pixels around a window's core; None: the network cannot work by windows.
    """

    def __init__(self, extractor: FeatureExtractor, settings: StyleSettings, regions: int):
        self.extractor, self.regions, self._losses = extractor, regions, settings.loss.split('+')
        self.style_layers, self.content_layers = dict(settings.style_layers), dict(settings.content_layers)
        self.strides, self.channels = ({**of, PIXELS: n} for of, n in ((extractor.strides, 1), (extractor.channels, 3)))
        self.halo = _halo(extractor, max(self.strides.values()))
        self.style_targets = {
            (layer, region): self._variables(self.channels[layer])
            for layer in self.style_layers
            for region in range(max(1, regions))
        }
        self.shares_of_shapes = [1.0] * max(1, regions)
        self.keys: list[TermKey] = []
        terms = self._terms(settings)
        self.variables = TargetVariables(self.channels, tuple(self.content_layers), len(terms), regions)
        self.objective = WindowedObjective(extractor, tuple(terms), self.strides, self.variables, self.halo or 0)
        self._cut = self.objective.by_windows(True)
        self._measurer = Measurer(
            extractor,
            tuple(self.style_layers),
            tuple(self.content_layers),
            self.strides,
            self.channels,
            halo=self.halo or 0,
            histograms='histogram' in self._losses,
        )
        self._traces = Traces()

    def _terms(self, settings: StyleSettings) -> list[Term]:
        """The terms of the objective; `keys` says what each compares."""
        terms = []
        for name in self._losses:
            label = 'style' if name == self._losses[0] else name
            for (layer, region), target in self.style_targets.items():
                where = f' region {region}' if self.regions else ''
                loss = STYLE_LOSSES[name](layer, target, region if self.regions else None)
                terms.append(Term(f'{label} {layer}{where}', 1.0, loss))
                self.keys.append(TermKey('style', layer, region))
        for layer in self.content_layers:
            terms.append(Term(f'content {layer}', 1.0, statistics.content_loss(layer)))
            self.keys.append(TermKey('content', layer, 0))
        terms.append(Term('variation', 1.0, VARIATIONS[settings.tv_form]()))
        self.keys.append(TermKey('variation', PIXELS, 0))
        return terms

    def _variables(self, channels: int) -> dict[str, tf.Variable]:
        """The statistics of a style at one layer."""
        sums: dict[str, tuple[int | None, ...]]
        sums = {'second_moment': (1, channels, channels), 'sum': (1, channels), 'weight': (1,)}
        others: dict[str, tuple[int | None, ...]] = {}
        if 'wasserstein' in self._losses:
            sums |= {'mean': (1, channels), 'trace': (1,), 'root_trace': (1,)}
            others |= {'factor': (1, channels, None)}
        if 'histogram' in self._losses:
            others |= {'top': (channels,), 'histogram': (channels, HISTOGRAM_BINS)}
        return {
            name: tf.Variable(tf.ones([n or 1 for n in shape], dtype), shape=shape, trainable=False)
            for dtype, shapes in ((tf.float64, sums), (tf.float32, others))
            for name, shape in shapes.items()
        }

    def costs(self, margin: int) -> Costs:
        """What the features cost in memory; `margin` is that of the picture, in pixels."""
        per_target_pixel = sum(4 * self.channels[layer] / self.strides[layer] ** 2 for layer in self.content_layers)
        if self.regions:
            per_target_pixel += 4 * self.regions * sum(1 / stride**2 for stride in self.strides.values())
        return Costs(
            per_pixel=self.extractor.bytes_per_pixel,
            per_target_pixel=per_target_pixel,
            halo=self.halo,
            stride=max(self.strides.values()),
            smallest=self.extractor.min_size,
            margin=margin,
        )

    def objective_for(self, core: int) -> WindowedObjective:
        """The objective, by windows of a core or whole (0)."""
        return self._cut if core else self.objective

    def set_content(self, content: np.ndarray, masks: Sequence[np.ndarray], core: int) -> None:
        """Sets the content.

        Args:
            content: (H, W, 3).
            masks: (H, W) for each region.
            core: Side of the core of the windows that the content is measured by; 0: it is measured whole.
        """
        self.variables.core.assign(core)
        image = tf.constant(content[None])
        totals, maps = self._measurer.measure(image, core)
        self._content_moments = self._measurer.by_layer(totals, 'moments')
        for layer, found in (self._measurer.content_maps(image, core) if core else maps).items():
            self.variables.content[layer].assign(found)
            variances = found.var((0, 1, 2), dtype=np.float64)
            self.variables.total_variance[layer].assign(variances.sum() * found[0, ..., 0].size)
        self.shapes = self.extractor.compute_output_shape(tuple(image.shape))
        for layer, weights in self.variables.weights.items():
            stacked = [_shrunk(mask, self.strides[layer], self.shapes[layer][1:3]) for mask in masks]
            weights.assign(np.stack(stacked, -1)[None])
        self.areas = [float(mask.mean()) for mask in masks] or [1.0]

    def set_styles(self, region: int, styles: Sequence[tuple[np.ndarray, int, float]]) -> None:
        """Sets the styles of a region.

        Args:
            region: Its number; 0 where there are no regions.
            styles: (picture (h, w, 3), core, share) each: the picture is measured by windows of that core, or whole
                (0). The pictures are mixed as if they hung side by side in their shares.
        """
        total = sum(share for *_, share in styles)
        pictures = [(tf.constant(picture[None]), core, share / total) for picture, core, share in styles]
        sums = self._measurer.blend(pictures, 'moments')
        for layer in self.style_layers:
            found, target = sums[layer], self.style_targets[layer, region]
            if 'factor' in target:
                found |= wasserstein_target(found)
            if 'top' in target:
                variances = tf.linalg.diag_part(moments.covariance(found))[0]
                top = moments.mean(found)[0] + TOP * tf.sqrt(tf.nn.relu(variances))
                found['top'] = tf.cast(top, tf.float32)
                self._measurer.tops[layer].assign(found['top'])
            for name, value in found.items():
                target[name].assign(value)
        if 'histogram' in self._losses:
            for layer, found in self._measurer.blend(pictures, 'histogram').items():
                self.style_targets[layer, region]['histogram'].assign(found)

    def style_gram(self, layer: str, region: int) -> np.ndarray:
        """The Gram matrix per position of a region's styles, (C, C)."""
        return moments.gram(self.style_targets[layer, region])[0].numpy()

    def style_distances(self, content: np.ndarray, core: int) -> list[float]:
        """The distance of the content that was set from the styles, by term, without factors; 0 for other terms."""
        terms = zip(self.keys, self.objective.terms, strict=True)
        losses: dict[int, Any] = {n: term.loss for n, (key, term) in enumerate(terms) if key.kind == 'style'}
        summed = [loss for loss in losses.values() if isinstance(loss, SummedLoss) and not loss.first_pass]
        if self.variables.weights or len(summed) < len(losses):  # the moments of the whole content are not enough
            relative = self.relative_losses(content, core)
            values = [relative[self.objective.terms[number].name] for number in losses]
        else:
            values = statistics.values_of(summed, [self._content_moments[loss.layer] for loss in summed])
        distances = [0.0] * len(self.keys)
        for number, value in zip(losses, values, strict=True):
            distances[number] = float(value)
        return distances

    def relative_losses(self, image: np.ndarray, core: int) -> dict[str, float]:
        """The losses of a picture (H, W, 3) by term, without factors; 0 where the target is met."""
        self.variables.factors.assign(tf.ones_like(self.variables.factors))
        losses = self._traces.of(f'losses {bool(core)}', self.objective_for(core).__call__)(tf.constant(image[None]))
        return {name: float(value) for name, value in losses.items()}


def _halo(extractor: FeatureExtractor, stride: int) -> int | None:
    """The radius of the receptive field, rounded up to a multiple of the stride; None: it is the whole picture."""
    try:
        return -(-receptive_field.radius(extractor) // stride) * stride
    except UserError:
        return None


def _shrunk(mask: np.ndarray, stride: int, shape: Sequence[int]) -> np.ndarray:
    """A mask at the positions of a map: the mean over each position's own block of pixels."""
    rows, columns = shape
    mask = np.pad(mask, [(0, max(0, n * stride - side)) for n, side in zip(shape, mask.shape, strict=True)], 'edge')
    blocks = mask[: rows * stride, : columns * stride].reshape(rows, stride, columns, stride)
    return blocks.mean((1, 3), dtype=np.float32)
