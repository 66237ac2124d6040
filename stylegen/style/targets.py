"""What a transfer aims at: statistics of the styles and maps of the content, in variables, and the objective."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from stylegen.losses import moments, statistics
from stylegen.losses.features import VARIATIONS
from stylegen.losses.histograms import HISTOGRAM_BINS, histogram
from stylegen.losses.statistics import STYLE_LOSSES, SummedLoss
from stylegen.losses.wasserstein import for_wasserstein
from stylegen.networks import receptive_field
from stylegen.networks.extractor import FeatureExtractor
from stylegen.optimize.loop import Term
from stylegen.optimize.scene import Scene, Window
from stylegen.optimize.windows import WindowedObjective
from stylegen.style.published import PUBLISHED
from stylegen.utils.backend import tf
from stylegen.utils.errors import UserError

PIXELS = 'input'  # as a layer: the picture itself, whose statistics are those of its colours
LEAST_AWAY = 0.02  # a content that is as near as this to the style is taken to be this far from it
TOP = 6.0  # standard deviations above its mean up to which a channel's histogram goes


class Targets:
    """The objective of a transfer, whose targets are set anew for each size and picture without another trace.

    Args:
        extractor: Gives the features.
        style_layers, content_layers: Weights by layer.
        loss: Keys of `STYLE_LOSSES`, joined by '+'.
        regions: How many regions have styles of their own; 0: one style everywhere.
        variation: A key of `VARIATIONS`, the form of total variation.

    Attributes:
        halo: Pixels around a window's core; None for a network that cannot work by windows.
    """

    def __init__(
        self,
        extractor: FeatureExtractor,
        style_layers: Mapping[str, float],
        content_layers: Mapping[str, float],
        *,
        loss: str,
        regions: int,
        variation: str,
    ):
        self.extractor, self.losses_by_name = extractor, loss.split('+')
        self.style_layers, self.content_layers = dict(style_layers), dict(content_layers)
        self.strides, self.channels = ({**of, PIXELS: n} for of, n in ((extractor.strides, 1), (extractor.channels, 3)))
        self.halo = _halo(extractor, max(self.strides.values()))
        self.wanted = {
            (layer, region): self._variables(self.channels[layer])
            for layer in style_layers
            for region in range(max(1, regions))
        }
        terms: list[Term] = []
        self.of_term: list[tuple[str, str, int]] = []  # (kind, layer, region) of each term; 0 where there are none
        for name in self.losses_by_name:
            for (layer, region), target in self.wanted.items():
                where = f' region {region}' if regions else ''
                loss_of = STYLE_LOSSES[name](layer, target, region if regions else None)
                label = 'style' if name == self.losses_by_name[0] else name
                terms.append(Term(f'{label} {layer}{where}', 1.0, loss_of))
                self.of_term.append(('style', layer, region))
        for layer in content_layers:
            terms.append(Term(f'content {layer}', 1.0, statistics.content_loss(layer)))
            self.of_term.append(('content', layer, 0))
        terms.append(Term('variation', 1.0, VARIATIONS[variation]()))
        self.of_term.append(('variation', PIXELS, 0))
        self.scene = Scene(self.channels, tuple(content_layers), len(terms), regions)
        self.objective = WindowedObjective(extractor, tuple(terms), self.strides, self.scene, self.halo or 0)
        self._cut = self.objective.cutting(True)
        self._surveys = self._survey_objective()
        self._traces: dict[str, Callable[..., Any]] = {}

    def _traced(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """A function of a picture of any size, traced when it is first asked for."""
        if name not in self._traces:
            picture = tf.TensorSpec([1, None, None, 3])
            self._traces[name] = tf.function(function, autograph=False).get_concrete_function(picture)
        return self._traces[name]

    def objective_for(self, core: int) -> WindowedObjective:
        """The objective, by windows of a core or whole (0)."""
        return self._cut if core else self.objective

    def _variables(self, depth: int) -> dict[str, tf.Variable]:
        sums: dict[str, tuple[int | None, ...]]
        sums = {'second_moment': (1, depth, depth), 'sum': (1, depth), 'weight': (1,)}
        others: dict[str, tuple[int | None, ...]] = {}
        if 'wasserstein' in self.losses_by_name:
            sums |= {'mean': (1, depth), 'trace': (1,), 'own': (1,)}
            others |= {'factor': (1, depth, None)}
        if 'histogram' in self.losses_by_name:
            others |= {'top': (depth,), 'histogram': (depth, HISTOGRAM_BINS)}
        return {
            name: tf.Variable(tf.ones([n or 1 for n in shape], dtype), shape=shape, trainable=False)
            for dtype, shapes in ((tf.float64, sums), (tf.float32, others))
            for name, shape in shapes.items()
        }

    def _survey_objective(self) -> WindowedObjective:
        """An objective whose totals are the moments, or histograms, of a style's picture."""
        self._tops = {n: tf.Variable(tf.ones([self.channels[n]]), trainable=False) for n in self.style_layers}

        none = lambda sums: tf.constant(0.0)  # the sums alone are asked for, not a loss

        def moments_of(layer):
            return SummedLoss(layer, lambda features: moments.moments(features, layer), None, none)

        def histogram_of(layer):
            top = self._tops[layer]
            return SummedLoss(layer, lambda features: histogram(features, layer, top), None, none)

        terms = [Term(f'moments {layer}', 1.0, moments_of(layer)) for layer in self.style_layers]
        if 'histogram' in self.losses_by_name:
            terms += [Term(f'histogram {layer}', 1.0, histogram_of(layer)) for layer in self.style_layers]
        scene = Scene(self.channels, (), len(terms))
        return WindowedObjective(self.extractor, tuple(terms), self.strides, scene, self.halo or 0)

    def set_content(self, content: np.ndarray, masks: Sequence[np.ndarray], core: int) -> None:
        """Takes the maps of a content, (H, W, 3), and a mask (H, W) for each region, by windows of `core` or whole."""
        self.scene.core.assign(core)
        image = tf.constant(content[None])
        totals, maps = self._surveyed(image, core)
        self.content = self._by_layer(totals, 'moments')
        for layer, found in (self._maps(image) if core else maps).items():
            self.scene.content[layer].assign(found)
            variances = found.var((0, 1, 2), dtype=np.float64)
            self.scene.total_variance[layer].assign(variances.sum() * found[0, ..., 0].size)
        self.shapes = self.extractor.compute_output_shape(tuple(image.shape))
        for layer, weights in self.scene.weights.items():
            stacked = [_shrunk(mask, self.strides[layer], self.shapes[layer][1:3]) for mask in masks]
            weights.assign(np.stack(stacked, -1)[None])
        self.areas = [float(mask.mean()) for mask in masks] or [1.0]

    def _surveyed(self, picture: tf.Tensor, core: int) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """The totals of `_surveys` of a picture, by windows of a core or whole; of a whole one its content maps too."""

        def whole(picture):
            seen = self._surveys.seen(picture)
            return self._surveys.totals_of(seen), {n: tf.cast(seen[n], tf.float32) for n in self.content_layers}

        def cut(picture):
            return self._surveys.cutting(True).totals(picture), {}

        self._surveys.scene.core.assign(core)
        totals, maps = self._traced(f'survey {core > 0}', cut if core else whole)(picture)
        return totals, {layer: found.numpy() for layer, found in maps.items()}

    def _by_layer(self, totals: Mapping[str, Any], what: str) -> dict[str, Any]:
        return {layer: totals[f'{what} {layer}'] for layer in self.style_layers}

    def _maps(self, image: tf.Tensor) -> dict[str, np.ndarray]:
        """The maps of the content's layers, put together from windows."""
        size = tf.shape(image)[1:3]
        shapes = self.extractor.compute_output_shape(tuple(image.shape))
        maps = {layer: np.empty(shapes[layer], np.float32) for layer in self.content_layers}
        core = self.scene.core.read_value()
        for index in range(int(np.prod(-(-size.numpy() // core.numpy())))):
            window = Window.at(tf.constant(index), core, self.objective.halo, size)
            features = self._traced('features', self.extractor.__call__)(window.cut(image))
            for layer, whole in maps.items():
                stride = self.strides[layer]
                part = window.core_of(features[layer], stride, whole=False).numpy()
                y, x = window.core.numpy() // stride
                whole[:, y : y + part.shape[1], x : x + part.shape[2]] = part
        return maps

    def set_styles(self, region: int, styles: Sequence[tuple[np.ndarray, int, float]]) -> None:
        """Takes the styles of a region: pictures (h, w, 3), each with the windows' core that it is seen by (0: whole).

        The last of each three is its share: as if they hung side by side in these.
        """
        total = sum(share for *_, share in styles)
        pictures = [(tf.constant(x[None]), core, share / total) for x, core, share in styles]
        sums = self._blended(pictures, 'moments')
        for layer in self.style_layers:
            found, wanted = sums[layer], self.wanted[layer, region]
            if 'factor' in wanted:
                found |= for_wasserstein(found)
            if 'top' in wanted:
                variances = tf.linalg.diag_part(moments.covariance(found))[0]
                top = moments.mean(found)[0] + TOP * tf.sqrt(tf.nn.relu(variances))
                found['top'] = tf.cast(top, tf.float32)
                self._tops[layer].assign(found['top'])
            for name, value in found.items():
                wanted[name].assign(value)
        if 'histogram' in self.losses_by_name:
            for layer, found in self._blended(pictures, 'histogram').items():
                self.wanted[layer, region]['histogram'].assign(found)

    def _blended(self, pictures: Sequence[tuple[tf.Tensor, int, float]], what: str) -> dict[str, Any]:
        """The sums of several pictures by layer, each for one position, weighted by their shares."""
        blended: dict[str, Any] = {}
        for picture, core, share in pictures:
            totals, _ = self._surveyed(picture, core)
            positions = self._by_layer(totals, 'moments')
            for layer, found in self._by_layer(totals, what).items():
                weight = share / positions[layer]['weight'][0]
                one = tf.nest.map_structure(lambda x, weight=weight: x * tf.cast(weight, x.dtype), found)
                blended[layer] = tf.nest.map_structure(tf.add, blended[layer], one) if layer in blended else one
        return blended

    def _styles_of(self, content: np.ndarray, core: int) -> list[float]:
        """How far the content that was set is from the styles: every term without its factor, 0 for no style's."""
        terms = zip(self.of_term, self.objective.terms, strict=True)
        losses = {n: term.loss for n, ((kind, *_), term) in enumerate(terms) if kind == 'style'}
        summed = [loss for loss in losses.values() if isinstance(loss, SummedLoss) and not loss.survey]
        if self.scene.weights or len(summed) < len(losses):  # what was found of the content is not enough
            relative = self.relative(content, core)
            values = [relative[self.objective.terms[number].name] for number in losses]
        else:
            values = statistics.values_of(summed, [self.content[loss.layer] for loss in summed])
        raw = [0.0] * len(self.of_term)
        for number, value in zip(losses, values, strict=True):
            raw[number] = float(value)
        return raw

    def relative(self, image: np.ndarray, core: int) -> dict[str, float]:
        """Every term of a picture without its factor: 0 where the target is met."""
        self.scene.factors.assign(tf.ones_like(self.scene.factors))
        losses = self._traced(f'losses {bool(core)}', self.objective_for(core).__call__)(tf.constant(image[None]))
        return {name: float(value) for name, value in losses.items()}

    def set_strength(
        self, content: np.ndarray, core: int, strength: float, content_scale: float, variation: float
    ) -> np.ndarray:
        """Balances style and content by `strength`, 0 to 1, so that it looks the same at every size and picture.

        The style's loss counts in units of the content picture's own: 1 is where the transfer begins from. The
        content's is relative already. Returns the factors of the terms.
        """
        raw = self._styles_of(content, core)
        numbered = list(enumerate(self.of_term))
        weights = [
            self.style_layers[layer] * self.areas[region] if kind == 'style' else 0.0
            for _, (kind, layer, region) in numbered
        ]
        away = max(LEAST_AWAY, np.dot(weights, raw) / max(sum(weights), 1e-9))
        content_total = sum(self.content_layers.values()) or 1.0
        factors = np.zeros(len(raw), np.float32)
        for number, (kind, layer, _) in numbered:
            if kind == 'style':
                factors[number] = strength * weights[number] / (sum(weights) or 1.0) / away
            elif kind == 'content':
                factors[number] = (1 - strength) * content_scale * self.content_layers[layer] / content_total
            else:
                factors[number] = variation
        return self._set(factors)

    def set_weights(self, content_weight: float, style_weight: float, variation: float) -> np.ndarray:
        """Weighs the relative losses as they are. Returns the factors of the terms."""
        shares = {'style': sum(self.style_layers.values()), 'content': sum(self.content_layers.values())}
        factors = [
            style_weight * self.style_layers[layer] * self.areas[region] / shares[kind]
            if kind == 'style'
            else content_weight * self.content_layers[layer] / shares[kind]
            if kind == 'content'
            else variation
            for kind, layer, region in self.of_term
        ]
        return self._set(np.asarray(factors, np.float32))

    def set_published(self, name: str, shape: tuple[int, int]) -> np.ndarray:
        """Weighs the losses so that they are those of a published program, for a picture of (height, width)."""
        formula = PUBLISHED[name].formula
        factors = []
        for kind, layer, region in self.of_term:
            if kind == 'variation':
                factors.append(formula.variation(shape))
                continue
            _, height, width, channels = self.shapes[layer]
            if kind == 'style':
                unit = formula.unit(moments.gram(self.wanted[layer, region])[0].numpy())
                weight = self.style_layers[layer] * self.areas[region]
                factors.append(formula.style(unit, channels, height * width, shape) * weight)
            else:
                variance = float(self.scene.total_variance[layer])
                factors.append(formula.content(variance, channels, height * width) * self.content_layers[layer])
        return self._set(np.asarray(factors, np.float32))

    def _set(self, factors: np.ndarray) -> np.ndarray:
        self.scene.factors.assign(factors)
        return factors


def _halo(extractor: FeatureExtractor, stride: int) -> int | None:
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
