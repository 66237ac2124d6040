"""Losses and gradient of a picture of any size: at once or window by window, with the same result.

The statistics are summed over the windows first. Then each window is computed again, and backpropagates the change of
the sums that it causes. A window is a core, which the sums count, and a halo around it as wide as the receptive field
needs: every position in the core has the features that it has in the whole picture. The gradients of the halo are
*added* to the neighbours' and not dropped, so half the receptive field is enough. Dreams use
`stylegen.optimize.tiling` instead, which says why.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

from stylegen.losses.features import Features
from stylegen.losses.statistics import SummedLoss, values_of
from stylegen.optimize.loop import Objective, loss_scale
from stylegen.optimize.target_variables import TargetVariables, Window
from stylegen.utils.backend import keras, tf

Segments = Sequence[tuple[str, keras.Model]]  # see `FeatureExtractor.segments`


class _NetworkTerm(NamedTuple):
    """A term on the features of a network, and its index among all terms."""

    number: int
    name: str
    loss: SummedLoss


@dataclass(frozen=True, eq=False)
class WindowedObjective(Objective):
    """Terms on the features of a picture that may be cut into windows.

    A term whose loss is no `SummedLoss` on a layer of the network is computed from the pixels alone.

    Args:
        strides: {layer: pixels per position} of the extractor, each a divisor of the largest.
        variables: The targets. A term is multiplied by its weight and its factor there.
        halo: Pixels around a window's core, a multiple of the largest stride, see `receptive_field.radius`.
        cut: Whether to compute by windows.
    """

    strides: Mapping[str, int]
    variables: TargetVariables
    halo: int = 0
    cut: bool = False

    def by_windows(self, cut: bool) -> 'WindowedObjective':
        """Returns the same objective with or without windows."""
        return self if cut == self.cut else replace(self, cut=cut)

    @cached_property
    def _network_terms(self) -> list[_NetworkTerm]:
        """The terms on the network's features."""
        return [
            _NetworkTerm(i, term.name, term.loss)
            for i, term in enumerate(self.terms)
            if term.weight and isinstance(term.loss, SummedLoss) and term.loss.layer in self.strides
        ]

    def __call__(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the weighted loss of every term, by name."""
        totals = self.totals(image)
        if self.cut and any(term.loss.first_pass for term in self._network_terms):
            losses = self._windowed_gradient(image, totals)[0]
        else:
            losses = self._weighted(totals, image)
        return {term.name: losses[term.name] for term in self._network_terms} | self._pixel_losses(image)

    def value_and_gradient(self, image: tf.Tensor, key: tf.Tensor | None = None) -> tuple[dict, tf.Tensor]:
        """Returns the weighted losses and the gradient of their sum, shaped as `image`."""
        del key
        if self.cut:
            losses, gradient = self._windowed_gradient(image, self.totals(image))
        elif segments := getattr(self.extractor, 'segments', None):
            losses, gradient = self._segment_by_segment(image, segments)
        else:
            losses, gradient = self._single_tape_gradient(image)
        with tf.GradientTape() as tape:
            tape.watch(image)
            on_pixels = self._pixel_losses(image)
            total = tf.add_n([tf.constant(0.0), *on_pixels.values()])
        zero = tf.UnconnectedGradients.ZERO
        return losses | on_pixels, gradient + tape.gradient(total, image, unconnected_gradients=zero)

    def _factor(self, number: int) -> tf.Tensor:
        return self.terms[number].weight * self.variables.factors[number]

    def _weighted(self, totals, image):
        """Returns the weighted losses of the network terms in `totals`, by name, in the precision of the picture."""
        terms = [term for term in self._network_terms if term.name in totals]
        values = values_of([term.loss for term in terms], [totals[term.name] for term in terms])
        return {
            t.name: self._factor(t.number) * tf.cast(value, image.dtype) for t, value in zip(terms, values, strict=True)
        }

    def _losses_and_derivatives(self, totals, image):
        """Returns the weighted losses by name, and the derivative of their sum by each total, times `loss_scale`."""
        with tf.GradientTape() as tape:
            tape.watch(totals)
            losses = self._weighted(totals, image)
            total = loss_scale(image) * tf.add_n([tf.constant(0.0), *losses.values()])
        return losses, tape.gradient(total, totals, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    def _pixel_losses(self, image):
        deep = {t.number for t in self._network_terms}
        shallow = [(i, t) for i, t in enumerate(self.terms) if t.weight and i not in deep]
        return {t.name: self._factor(i) * t.loss({'input': image}) for i, t in shallow}

    def features_of(self, pixels: tf.Tensor, window: Window | None = None) -> Features:
        """Returns the features of a picture, or of the core of a window, together with their targets."""

        def part(layer, features, whole=False):
            features = tf.convert_to_tensor(features)
            return window.core_of(features, self.strides[layer], whole) if window else features

        see = getattr(self.extractor, 'native', self.extractor)  # avoids casts to float32
        seen = dict(see(pixels))
        for layer in self.strides:
            for key in {layer, ('stem', layer)} & seen.keys():
                seen[key] = part(layer, seen[key])
        return seen | self._targets(lambda layer, maps: part(layer, maps, True))

    def _windows(self, image):
        size = tf.shape(image)[1:3]
        return tf.reduce_prod(-(-size // self.variables.core)), lambda i: Window.at(
            i, self.variables.core, self.halo, size
        )

    def totals(self, image: tf.Tensor) -> dict[str, Any]:
        """Returns, by term, the sums over the whole picture that the loss needs; by windows the first pass, if any."""
        if not self.cut:
            return self.totals_of(self.features_of(image))
        count, window_at = self._windows(image)

        def gather(index, picture):
            window = window_at(index)
            features = self.features_of(window.cut(picture), window)
            return {t.name: (t.loss.first_pass or t.loss.sums)(features) for t in self._network_terms}

        traced = tf.function(gather, autograph=False).get_concrete_function(tf.constant(0), image)
        nothing = tf.nest.map_structure(lambda x: tf.zeros(x.shape, x.dtype), traced.structured_outputs)

        def step(index, totals):
            return index + 1, tf.nest.map_structure(tf.add, totals, traced(index, image))

        _, totals = tf.while_loop(
            lambda index, _: index < count, step, (tf.constant(0), nothing), parallel_iterations=1
        )
        return totals

    def _single_tape_gradient(self, image: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """Returns the weighted losses of the network terms and the gradient of their sum, with one tape."""
        with tf.GradientTape() as tape:
            tape.watch(image)
            totals = self.totals(image)
        losses, changes = self._losses_and_derivatives(totals, image)
        return losses, _backpropagate(tape, totals, image, changes) / loss_scale(image)

    def totals_of(self, features: Features) -> dict[str, Any]:
        """Returns the totals of a whole picture from its features."""
        return {term.name: term.loss.sums_of(features) for term in self._network_terms}

    def _segment_by_segment(self, image: tf.Tensor, segments: Segments) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """Returns the weighted losses of the network terms and the gradient of their sum.

        The gradient of a layer's own losses is computed when the gradient of the deeper ones arrives, so that it need
        not be stored. The first layer is the widest; it is computed again in the backward pass if it is a single
        convolution. Together this takes a third less memory than one tape over all.
        """
        before, way_back = image, []
        totals: dict[str, Any] = {}

        def segment(model, before, layer):
            """Returns a layer, its sums, and a function that backpropagates both gradients through the segment."""
            with tf.GradientTape() as tape:
                tape.watch(before)
                features = model(before, training=False) if model else tf.identity(before)
            with tf.GradientTape() as own:
                own.watch(features)
                sums = self._sums_on(layer, features)

            def back(deeper, changes):
                with tf.control_dependencies(deeper):
                    passed = _backpropagate(own, sums, features, {name: changes[name] for name in sums})
                return tape.gradient(features, before, tf.add_n([passed, *deeper]))

            return features, sums, back

        for number, (layer, model) in enumerate([('input', None), *segments]):
            features, sums, back = segment(model, before, layer)
            if number == 1 and _convolutions(model) == 1:

                def back(deeper, changes, again=(model, before, layer)):
                    with tf.control_dependencies(deeper):
                        return segment(*again)[2](deeper, changes)

            way_back.append(back)
            totals |= sums
            before = features
        losses, changes = self._losses_and_derivatives(totals, image)
        gradient: list[tf.Tensor] = []
        for back in reversed(way_back):
            gradient = [back(gradient, changes)]
        return losses, gradient[0] / loss_scale(image)

    def _sums_on(self, layer, features):
        """Returns the sums of the terms on one layer of a whole picture, by name."""
        seen = {layer: features} | self._targets(lambda layer, maps: tf.convert_to_tensor(maps))
        return {term.name: term.loss.sums_of(seen) for term in self._network_terms if term.loss.layer == layer}

    def _targets(self, part):
        """Returns the targets of features. `part` cuts their maps."""
        found = {('content', layer): part(layer, content) for layer, content in self.variables.content.items()}
        found |= {
            ('total_variance', n): tf.convert_to_tensor(value) for n, value in self.variables.total_variance.items()
        }
        return found | {('weights', layer): part(layer, maps) for layer, maps in self.variables.weights.items()}

    def _windowed_gradient(self, image, totals):
        """Returns the weighted losses by term, and the gradient of their sum with respect to the picture."""
        count, window_at = self._windows(image)
        two_pass_terms = {term.name: term for term in self._network_terms if term.loss.first_pass}
        sums = {name: of for name, of in totals.items() if name not in two_pass_terms}
        losses, changes = self._losses_and_derivatives(sums, image)
        scale = loss_scale(image)

        def window_loss(features):
            """Returns a window's share of the weighted losses; for terms with a first pass, also each loss by name."""
            total, new = tf.constant(0.0), {}
            for term in self._network_terms:
                if term.name in two_pass_terms:
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
                total, new = window_loss(self.features_of(pixels, window))
            here = slice(None), slice(window.begin[0], window.end[0]), slice(window.begin[1], window.end[1])
            added = self.variables.gradient[here] + tape.gradient(total, pixels) / scale
            self.variables.gradient[here].assign(added)
            return index + 1, tf.nest.map_structure(tf.add, found, new)

        self.variables.gradient.assign(tf.zeros_like(image))
        nothing = {name: tf.constant(0.0) for name in two_pass_terms}
        last, found = tf.while_loop(
            lambda index, _: index < count, step, (tf.constant(0), nothing), parallel_iterations=1
        )
        with tf.control_dependencies([last]):
            gradient = tf.ensure_shape(self.variables.gradient.read_value(), image.shape)
        return losses | found, gradient


def _backpropagate(tape: tf.GradientTape, sums: Any, source: tf.Tensor, changes: Any) -> tf.Tensor:
    """Returns the gradient with respect to `source`, given that with respect to the sums."""
    return tape.gradient(
        tf.nest.flatten(sums),
        source,
        output_gradients=tf.nest.flatten(changes),
        unconnected_gradients=tf.UnconnectedGradients.ZERO,
    )


def _convolutions(model: keras.Model) -> int:
    return sum(isinstance(layer, keras.layers.Conv2D) for layer in model.layers)
