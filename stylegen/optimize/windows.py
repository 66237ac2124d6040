"""Losses and gradient of a picture of any size: at once, or window by window, which gives the same numbers.

Statistics are summed over the windows first; then each window, seen again, passes back what its own share of the sums
changes. A window is a core, which the sums count, and a halo around it, as wide as the network looks: every position
in the core has the features that it has in the whole picture. Since the halo's part of each window's gradient is
*added* to its neighbours' (and not thrown away), it need reach only as far as half the receptive field.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

from stylegen.losses.features import Features
from stylegen.losses.statistics import SummedLoss, values_of
from stylegen.optimize.loop import Objective, loss_scale
from stylegen.optimize.scene import Scene, Window
from stylegen.utils.backend import keras, tf

Links = Sequence[tuple[str, keras.Model]]  # see `FeatureExtractor.links`


class _DeepTerm(NamedTuple):
    """A term on the features of a network, and its number among all terms."""

    number: int
    name: str
    loss: SummedLoss


@dataclass(frozen=True, eq=False)
class WindowedObjective(Objective):
    """Terms on the features of a picture that may be cut into windows.

    A term whose loss is no `SummedLoss` on a layer of the network is taken for one on the pixels alone.

    Args:
        strides: {layer: pixels to a position} of the extractor, each a divisor of the largest.
        scene: What the picture is compared with. Terms count as much as their weight times their factor in it.
        halo: Pixels around a window's core, a multiple of the largest stride, see `receptive_field.radius`.
        cut: Go by windows.
    """

    strides: Mapping[str, int]
    scene: Scene
    halo: int = 0
    cut: bool = False

    def cutting(self, cut: bool) -> 'WindowedObjective':
        """The same objective, by windows or not."""
        return self if cut == self.cut else replace(self, cut=cut)

    @cached_property
    def _deep(self) -> list[_DeepTerm]:
        """The terms on the network's features."""
        return [
            _DeepTerm(i, term.name, term.loss)
            for i, term in enumerate(self.terms)
            if term.weight and isinstance(term.loss, SummedLoss) and term.loss.layer in self.strides
        ]

    def __call__(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
        """The weighted loss of every term, by name."""
        totals = self.totals(image)
        if self.cut and any(term.loss.survey for term in self._deep):
            losses = self._passed_back(image, totals)[0]
        else:
            losses = self._weighted(totals, image)
        return {term.name: losses[term.name] for term in self._deep} | self._of_pixels(image)

    def value_and_gradient(self, image: tf.Tensor, key: tf.Tensor | None = None) -> tuple[dict, tf.Tensor]:
        """Weighted losses and the gradient of their sum, shaped as `image`."""
        del key
        if self.cut:
            losses, gradient = self._passed_back(image, self.totals(image))
        elif links := getattr(self.extractor, 'links', None):
            losses, gradient = self._link_by_link(image, links)
        else:
            losses, gradient = self._at_once(image)
        with tf.GradientTape() as tape:
            tape.watch(image)
            on_pixels = self._of_pixels(image)
            total = tf.add_n([tf.constant(0.0), *on_pixels.values()])
        zero = tf.UnconnectedGradients.ZERO
        return losses | on_pixels, gradient + tape.gradient(total, image, unconnected_gradients=zero)

    def _factor(self, number: int) -> tf.Tensor:
        return self.terms[number].weight * self.scene.factors[number]

    def _weighted(self, totals, image):
        """The weighted losses of the deep terms that there are totals of, by name, in the precision of the picture."""
        terms = [term for term in self._deep if term.name in totals]
        values = values_of([term.loss for term in terms], [totals[term.name] for term in terms])
        return {
            t.name: self._factor(t.number) * tf.cast(value, image.dtype) for t, value in zip(terms, values, strict=True)
        }

    def _judged(self, totals, image):
        """The weighted losses of totals, by name, and how their sum changes with each total, times `loss_scale`."""
        with tf.GradientTape() as tape:
            tape.watch(totals)
            losses = self._weighted(totals, image)
            total = loss_scale(image) * tf.add_n([tf.constant(0.0), *losses.values()])
        return losses, tape.gradient(total, totals, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    def _of_pixels(self, image):
        deep = {t.number for t in self._deep}
        shallow = [(i, t) for i, t in enumerate(self.terms) if t.weight and i not in deep]
        return {t.name: self._factor(i) * t.loss({'input': image}) for i, t in shallow}

    def seen(self, pixels: tf.Tensor, window: Window | None = None) -> Features:
        """The features of a picture, or of the core of a window, and what they are compared with."""

        def part(layer, features, whole=False):
            features = tf.convert_to_tensor(features)
            return window.core_of(features, self.strides[layer], whole) if window else features

        see = getattr(self.extractor, 'native', self.extractor)  # no map is cast to float32 that need not be
        seen = dict(see(pixels))
        for layer in self.strides:
            for key in {layer, ('stem', layer)} & seen.keys():
                seen[key] = part(layer, seen[key])
        return seen | self._compared(lambda layer, maps: part(layer, maps, True))

    def _windows(self, image):
        size = tf.shape(image)[1:3]
        return tf.reduce_prod(-(-size // self.scene.core)), lambda i: Window.at(i, self.scene.core, self.halo, size)

    def totals(self, image: tf.Tensor) -> dict[str, Any]:
        """By term, the sums over the whole picture that the loss is a function of; by windows the survey, if any."""
        if not self.cut:
            return self.totals_of(self.seen(image))
        count, window_at = self._windows(image)

        def gather(index, picture):
            window = window_at(index)
            features = self.seen(window.cut(picture), window)
            return {t.name: (t.loss.survey or t.loss.sums)(features) for t in self._deep}

        traced = tf.function(gather, autograph=False).get_concrete_function(tf.constant(0), image)
        nothing = tf.nest.map_structure(lambda x: tf.zeros(x.shape, x.dtype), traced.structured_outputs)

        def step(index, totals):
            return index + 1, tf.nest.map_structure(tf.add, totals, traced(index, image))

        _, totals = tf.while_loop(
            lambda index, _: index < count, step, (tf.constant(0), nothing), parallel_iterations=1
        )
        return totals

    def _at_once(self, image: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """Weighted losses of the terms on the network, and the gradient of their sum, by one tape over all."""
        with tf.GradientTape() as tape:
            tape.watch(image)
            totals = self.totals(image)
        losses, changes = self._judged(totals, image)
        return losses, _back(tape, totals, image, changes) / loss_scale(image)

    def totals_of(self, features: Features) -> dict[str, Any]:
        """The same of a whole picture whose features are there."""
        return {term.name: term.loss.of(features) for term in self._deep}

    def _link_by_link(self, image: tf.Tensor, links: Links) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """Weighted losses of the terms on the network, and the gradient of their sum.

        What a tap's own losses pass back waits until that of the deeper ones has come, so that it need not be kept
        meanwhile; and the first tap, which is the widest, is had anew on the way back if one convolution gives it.
        Together that takes a third less memory than one tape over all.
        """
        before, way_back = image, []
        totals: dict[str, Any] = {}

        def link(model, before, layer):
            """A tap, the sums over it, and what passes a gradient of the tap and that of the sums back through it."""
            with tf.GradientTape() as tape:
                tape.watch(before)
                features = model(before, training=False) if model else tf.identity(before)
            with tf.GradientTape() as own:
                own.watch(features)
                sums = self._sums_on(layer, features)

            def back(deeper, changes):
                with tf.control_dependencies(deeper):
                    passed = _back(own, sums, features, {name: changes[name] for name in sums})
                return tape.gradient(features, before, tf.add_n([passed, *deeper]))

            return features, sums, back

        for number, (layer, model) in enumerate([('input', None), *links]):
            features, sums, back = link(model, before, layer)
            if number == 1 and _convolutions(model) == 1:

                def back(deeper, changes, again=(model, before, layer)):
                    with tf.control_dependencies(deeper):
                        return link(*again)[2](deeper, changes)

            way_back.append(back)
            totals |= sums
            before = features
        losses, changes = self._judged(totals, image)
        gradient: list[tf.Tensor] = []
        for back in reversed(way_back):
            gradient = [back(gradient, changes)]
        return losses, gradient[0] / loss_scale(image)

    def _sums_on(self, layer, features):
        """The sums of the terms on one layer of a whole picture, by name."""
        seen = {layer: features} | self._compared(lambda layer, maps: tf.convert_to_tensor(maps))
        return {term.name: term.loss.of(seen) for term in self._deep if term.loss.layer == layer}

    def _compared(self, part):
        """What features are compared with, the maps among it as `part` gives them."""
        found = {('content', layer): part(layer, content) for layer, content in self.scene.content.items()}
        found |= {('total_variance', n): tf.convert_to_tensor(value) for n, value in self.scene.total_variance.items()}
        return found | {('weights', layer): part(layer, maps) for layer, maps in self.scene.weights.items()}

    def _passed_back(self, image, totals):
        """The weighted losses by term, and the gradient of their sum with respect to the picture."""
        count, window_at = self._windows(image)
        surveyed = {term.name: term for term in self._deep if term.loss.survey}
        sums = {name: of for name, of in totals.items() if name not in surveyed}
        losses, changes = self._judged(sums, image)
        scale = loss_scale(image)

        def share(features):
            """A window's share of the weighted losses; for terms with a survey, also each loss by name."""
            total, new = tf.constant(0.0), {}
            for term in self._deep:
                if term.name in surveyed:
                    value = term.loss.value(term.loss.sums(features, totals[term.name]))
                    new[term.name] = self._factor(term.number) * tf.cast(value, image.dtype)
                    total += scale * new[term.name]
                else:
                    parts = tf.nest.map_structure(
                        lambda c, s: tf.reduce_sum(c * s), changes[term.name], term.loss.sums(features)
                    )
                    total += tf.cast(tf.add_n(tf.nest.flatten(parts)), total.dtype)
            return total, new

        def step(index, found):
            window = window_at(index)
            pixels = window.cut(image)
            with tf.GradientTape() as tape:
                tape.watch(pixels)
                total, new = share(self.seen(pixels, window))
            here = slice(None), slice(window.begin[0], window.end[0]), slice(window.begin[1], window.end[1])
            added = self.scene.gradient[here] + tape.gradient(total, pixels) / scale
            self.scene.gradient[here].assign(added)
            return index + 1, tf.nest.map_structure(tf.add, found, new)

        self.scene.gradient.assign(tf.zeros_like(image))
        nothing = {name: tf.constant(0.0) for name in surveyed}
        last, found = tf.while_loop(
            lambda index, _: index < count, step, (tf.constant(0), nothing), parallel_iterations=1
        )
        with tf.control_dependencies([last]):
            gradient = tf.ensure_shape(self.scene.gradient.read_value(), image.shape)
        return losses | found, gradient


def _back(tape: tf.GradientTape, sums: Any, source: tf.Tensor, changes: Any) -> tf.Tensor:
    """The gradient of a source of `sums`, for which that of the sums is known."""
    return tape.gradient(
        tf.nest.flatten(sums),
        source,
        output_gradients=tf.nest.flatten(changes),
        unconnected_gradients=tf.UnconnectedGradients.ZERO,
    )


def _convolutions(model: keras.Model) -> int:
    return sum(isinstance(layer, keras.layers.Conv2D) for layer in model.layers)
