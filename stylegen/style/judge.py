"""What a one-pass network is trained to make small: the losses of the optimisation, and those of plain areas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stylegen.images.color import LUMA
from stylegen.losses.features import total_variation_loss
from stylegen.losses.moments import central_moments, covariance, mean, moments
from stylegen.losses.wasserstein import distances_by_picture, wasserstein_target
from stylegen.style.presets import CONTENT_LAYERS, CONTENT_SCALE, STYLE_LAYERS, TV_WEIGHT
from stylegen.style.transform_network import style_statistics
from stylegen.style.weighting import LEAST_DISTANCE
from stylegen.utils.backend import tf

if TYPE_CHECKING:
    from stylegen.networks.extractor import FeatureExtractor

SHADING = 0.4  # weight of `shading_loss`, and of what `patches_loss` adds to it
PATCHES = 0.5  # weight of `patches_loss` beside `shading_loss`
REGULAR = 0.25  # weight of `regularity_loss` beside `shading_loss`
WINDOW = 96, 48  # pixels: side and distance of the squares whose spectra `regularity_loss` looks at
LONGEST_WAVE = 24  # pixels: longer waves belong to the things in a picture, not to its texture
# What of these losses costs nothing. Pictures by the optimisation have 0.16, 0.23 and 0.38 in the mean.
FREE = {'shading': 0.06, 'patches': 0.12, 'detail': 0.4}
DETAIL = 0.5  # weight of `detail_loss` beside `shading_loss`
FINE, DETAILED = 9, (32, 16)  # pixels: side of the blur that detail is told from, side and distance of the squares
IRREGULAR = 4.5  # what `spectrum_concentration` gives for pictures that the optimisation makes, about
GRAIN = 0.01  # deviation of the noise that is counted in, so that a plain square has a flat spectrum
PATCH = 32, 16  # pixels: side and distance of the squares whose mean colours `patches_loss` compares
COARSE = 16, 8  # pixels: side and distance of the squares whose mean luma `shading_loss` compares
StyleTargets = Mapping[str, Mapping[str, np.ndarray]]  # by layer, what `wasserstein_target` gives


@dataclass(frozen=True, eq=False)
class Judge:
    """The losses of pictures beside their photos and styles: what `style` minimises, picture by picture.

    Attributes:
        extractor: Gives the features.
        name: Of the network, whose layers and weights are those of `stylegen.style.presets`.
    """

    extractor: FeatureExtractor
    name: str

    @classmethod
    def open(cls, name: str, precision: str, weights: str | None = None) -> Judge:
        """Opens a network that has layers of its own for style; its weights may come from a file."""
        from stylegen.networks import feature_extractor

        layers = [layer for layer in dict.fromkeys([*STYLE_LAYERS[name], *CONTENT_LAYERS[name]]) if layer != 'input']
        return cls(feature_extractor(name, layers, weights=weights, precision=precision), name)

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers whose statistics are the style."""
        return tuple(STYLE_LAYERS[self.name])

    def style_of(self, painting: np.ndarray) -> tuple[StyleTargets, np.ndarray]:
        """The targets of a painting, (H, W, 3), and its `style_statistics`.

        Returns:
            By layer, arrays of one row each, their factors filled up with zeros to (1, C, C); and (statistics,).
        """
        features = self.extractor(tf.constant(painting[None]))
        found = {layer: moments(features, layer) for layer in self.layers}
        targets = {}
        for layer, sums in found.items():
            target = {name: value.numpy() for name, value in wasserstein_target(sums).items()}
            missing = target['factor'].shape[1] - target['factor'].shape[2]
            targets[layer] = target | {'factor': np.pad(target['factor'], [(0, 0), (0, 0), (0, missing)])}
        spread = ((mean(sums), tf.linalg.diag_part(covariance(sums))) for sums in found.values())
        return targets, style_statistics(spread).numpy()[0]

    def losses(
        self, pictures: tf.Tensor, photos: tf.Tensor, targets: Mapping[str, Mapping[str, tf.Tensor]]
    ) -> dict[str, tf.Tensor]:
        """The means over a batch of the losses of style, content, total variation and shading, without their weights.

        The style's loss of a picture is relative to its photo's: 1 is where the optimisation would begin.

        Args:
            pictures, photos: (N, H, W, 3) in [0, 1].
            targets: By layer, as of `style_of`, of N rows.
        """
        features, known = self.extractor(pictures), self.extractor(photos)
        away = tf.maximum(LEAST_DISTANCE, tf.stop_gradient(self._style(known, targets)))
        return {
            'style': tf.reduce_mean(self._style(features, targets) / away),
            'content': self._content(features, known),
            'variation': total_variation_loss()({'input': pictures}),
            'shading': _beyond('shading', shading_loss(pictures, photos))
            + PATCHES * _beyond('patches', patches_loss(pictures, photos))
            + DETAIL * _beyond('detail', detail_loss(pictures, photos))
            + REGULAR * regularity_loss(pictures, photos),
        }

    def _style(self, features, targets):
        """The weighted mean over the layers of the relative Wasserstein distances, (N,)."""
        weights = np.array([*STYLE_LAYERS[self.name].values()], np.float32)
        sums = [central_moments(features, layer) for layer in self.layers]
        found = distances_by_picture([targets[layer] for layer in self.layers], sums)
        stacked = tf.stack([tf.cast(each, tf.float32) for each in found], -1)
        return tf.linalg.matvec(stacked, tf.constant(weights / weights.sum()))

    def _content(self, features, known):
        """|F - P|^2 / |P - mean P|^2 as `stylegen.losses.content_loss` has it, the mean over layers and pictures."""
        weights, total = CONTENT_LAYERS[self.name], 0.0
        for layer, weight in weights.items():
            after, before = (tf.cast(each[layer], tf.float32) for each in (features, known))
            spread = before - tf.reduce_mean(before, [1, 2], keepdims=True)
            squares = (tf.reduce_sum(tf.square(x), [1, 2, 3]) for x in (after - before, spread))
            total += weight * tf.reduce_mean(tf.math.divide_no_nan(*squares))
        return total / sum(weights.values())

    def total(self, losses: Mapping[str, tf.Tensor], strength: float) -> tf.Tensor:
        """The weighted sum of `losses`: that of the optimisation at a strength, and shading."""
        content = (1 - strength) * CONTENT_SCALE[self.name] * losses['content']
        smoothness = TV_WEIGHT[self.name] * losses['variation']
        return strength * losses['style'] + content + smoothness + SHADING * losses['shading']


def _beyond(name: str, losses: tf.Tensor) -> tf.Tensor:
    """The mean of what losses, one for each picture, have beyond what is `FREE`."""
    return tf.reduce_mean(tf.nn.relu(losses - FREE[name]))


def shading_loss(pictures: tf.Tensor, photos: tf.Tensor) -> tf.Tensor:
    """1 minus the correlation of the blurred lumas of pictures and photos, (N,).

    Without it a bright spot in a plain area is the cheapest way to a painting's highlights: the features of the content
    hardly see one that is smooth.

    Args:
        pictures, photos: (N, H, W, 3) in [0, 1].
    """
    size, stride = COARSE
    coarse = []
    for each in (pictures, photos):
        blurred = tf.nn.avg_pool2d(tf.tensordot(each, tf.constant(LUMA), 1)[..., None], size, stride, 'VALID')
        coarse.append(blurred - tf.reduce_mean(blurred, [1, 2, 3], keepdims=True))
    one, other = coarse
    return 1 - _correlation(one, other, 1e-7)


def detail_loss(pictures: tf.Tensor, photos: tf.Tensor) -> tf.Tensor:
    """1 minus the correlation of where pictures and photos have fine detail, (N,).

    Without it a network fills the plain areas of a photo with the densest strokes of a painting. The detail of a square
    is the log of the mean square of its luma, less the blurred luma. Pictures by the optimisation have 0.2 to 0.6.

    Args:
        pictures, photos: (N, H, W, 3) in [0, 1].
    """
    found = []
    for each in (pictures, photos):
        luma = tf.tensordot(each, tf.constant(LUMA), 1)[..., None]
        squares = tf.square(luma - tf.nn.avg_pool2d(luma, FINE, 1, 'SAME'))
        detail = tf.math.log(tf.nn.avg_pool2d(squares, *DETAILED, 'VALID') + 4 * GRAIN**2)
        found.append(detail - tf.reduce_mean(detail, [1, 2, 3], keepdims=True))
    one, other = found
    return 1 - _correlation(one, other, 1e-3)


def _correlation(one: tf.Tensor, other: tf.Tensor, least: float) -> tf.Tensor:
    """The correlations of maps (N, H, W, 1) without their means; `least` is added to the product of variances."""
    product, *squares = (tf.reduce_mean(a * b, [1, 2, 3]) for a, b in ((one, other), (one, one), (other, other)))
    return product * tf.math.rsqrt(squares[0] * squares[1] + least)


def patches_loss(pictures: tf.Tensor, photos: tf.Tensor) -> tf.Tensor:
    """The share of the variance of the blurred colours of pictures that no map of the photos' colours explains.

    The map is the best one that is linear in red, green, blue and the square of the luma, of each picture its own. So
    any palette will do, but a plain sky is not half orange and half blue. From 0 to 1, (N,).

    Args:
        pictures, photos: (N, H, W, 3) in [0, 1].
    """
    blurred = [tf.nn.avg_pool2d(each, *PATCH, 'VALID') for each in (pictures, photos)]
    rows = [tf.reshape(each, [tf.shape(each)[0], -1, 3]) for each in blurred]
    rows[1] = tf.concat([rows[1], tf.tensordot(rows[1], tf.constant(LUMA), 1)[..., None] ** 2], -1)
    colors, known = (each - tf.reduce_mean(each, 1, keepdims=True) for each in rows)
    count = tf.cast(tf.shape(known)[1], tf.float32)
    covariance = tf.matmul(known, known, transpose_a=True) / count + 1e-4 * tf.eye(4)
    shared = tf.matmul(known, colors, transpose_a=True) / count
    explained = tf.matmul(known, tf.linalg.cholesky_solve(tf.linalg.cholesky(covariance), shared))
    left, whole = (tf.reduce_mean(tf.reduce_sum(tf.square(each), -1), -1) for each in (colors - explained, colors))
    return left / (whole + 1e-3)


def regularity_loss(pictures: tf.Tensor, photos: tf.Tensor) -> tf.Tensor:
    """How far the texture of pictures repeats itself where their photos do not.

    A network that sees the same plain sky everywhere tends to paint one mark over and over, in rows. The features of
    the style do not see further than a few marks. The spectrum does: rows are few, strong waves. For squares of a
    picture, which overlap, the loss is the mean of log(c / c0), or 0 where that is negative: c is the picture's
    `spectrum_concentration`, c0 the photo's, but IRREGULAR at least. The method is our own.

    Args:
        pictures, photos: (N, H, W, 3) in [0, 1].
    """
    allowed = tf.maximum(spectrum_concentration(photos), IRREGULAR)
    found = spectrum_concentration(tf.ensure_shape(pictures, photos.shape))
    return tf.reduce_mean(tf.nn.relu(tf.math.log(found / allowed)))


def spectrum_concentration(pictures: tf.Tensor) -> tf.Tensor:
    """The concentration, n sum(p^2) / sum(p)^2, of the powers p of the n short waves in each square of pictures.

    The powers are those of the slope, so that long waves do not outweigh the rest: 2 for white noise, 2 to 3 for the
    texture of most paintings, 4 to 5 for pictures by optimisation, more for a texture that repeats itself and for
    straight edges.

    Args:
        pictures: (N, H, W, 3) in [0, 1].

    Returns:
        (N, rows, columns), of the squares.
    """
    height, width = (  # known numbers where they can be, which XLA asks for
        tf.minimum(WINDOW[0], tf.shape(pictures)[axis]) if side is None else min(WINDOW[0], side)
        for axis, side in enumerate(pictures.shape[1:3], 1)
    )
    squares = tf.signal.frame(pictures, height, WINDOW[1], axis=1)
    squares = tf.signal.frame(squares, width, WINDOW[1], axis=3)
    squares = tf.transpose(squares, [0, 1, 3, 5, 2, 4])
    squares -= tf.reduce_mean(squares, [-2, -1], keepdims=True)
    window = tf.signal.hann_window(height)[:, None] * tf.signal.hann_window(width)
    powers = tf.reduce_sum(tf.square(tf.abs(tf.signal.rfft2d(squares * window))), 3)
    down = tf.minimum(tf.range(height), height - tf.range(height)) / height
    across = tf.range(width // 2 + 1) / width
    frequency = tf.cast(tf.norm(tf.stack(tf.meshgrid(down, across, indexing='ij')), axis=0), tf.float32)
    short = tf.cast(frequency > 1 / LONGEST_WAVE, tf.float32)
    powers = short * frequency**2 * (powers + 3 * GRAIN**2 * tf.reduce_sum(window**2))
    squared, summed = (tf.reduce_sum(each, [-2, -1]) for each in (powers**2, powers))
    return tf.reduce_sum(short) * squared / summed**2
