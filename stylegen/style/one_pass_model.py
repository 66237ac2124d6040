"""The model that `fit` trains: a network that paints in one pass, judged by the losses of the optimisation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from stylegen.images.color import LUMA
from stylegen.losses.features import total_variation_loss
from stylegen.losses.moments import central_moments, moments
from stylegen.losses.wasserstein import distances_by_picture, wasserstein_target
from stylegen.style.norms import NOISE_SIDE, NetworkShape
from stylegen.style.presets import CONTENT_LAYERS, CONTENT_SCALE, STYLE_LAYERS, TV_WEIGHT
from stylegen.style.transform_network import shift_noise, style_statistics, transform_network
from stylegen.style.weighting import LEAST_DISTANCE
from stylegen.training.replicas import mean_over_replicas
from stylegen.utils.backend import keras, tf

if TYPE_CHECKING:
    from stylegen.networks.extractor import FeatureExtractor

SHADING = 0.4  # weight of `shading_loss`, and of what `patches_loss` adds to it
PATCHES = 0.5  # weight of `patches_loss` beside `shading_loss`
PATCH = 32, 16  # pixels: side and distance of the squares whose mean colours `patches_loss` compares
COARSE = 16, 8  # pixels: side and distance of the squares whose mean luma `shading_loss` compares
METRICS = ('loss', 'style', 'content', 'variation', 'shading')
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
        return targets, style_statistics(found).numpy()[0]

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
            'shading': shading_loss(pictures, photos) + PATCHES * patches_loss(pictures, photos),
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


def shading_loss(pictures: tf.Tensor, photos: tf.Tensor) -> tf.Tensor:
    """1 minus the correlation of the blurred lumas of pictures and photos, the mean over a batch.

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
    product, *squares = (tf.reduce_mean(a * b, [1, 2, 3]) for a, b in ((one, other), (one, one), (other, other)))
    return tf.reduce_mean(1 - product * tf.math.rsqrt(squares[0] * squares[1] + 1e-7))


def patches_loss(pictures: tf.Tensor, photos: tf.Tensor) -> tf.Tensor:
    """The share of the variance of the blurred colours of pictures that no map of the photos' colours explains.

    The map is the best one that is linear in red, green, blue and the square of the luma, of each picture its own. So
    any palette will do, but a plain sky is not half orange and half blue. The mean over a batch, from 0 to 1.

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
    return tf.reduce_mean(left / (whole + 1e-3))


class OnePassModel(keras.Model):
    """A network that paints, and a row of norms for each of its styles.

    Args:
        judge: Gives the losses.
        styles: For each style its targets.
        shape: Of `transform_network`.
        precision: Of the network that paints, a dtype policy.
        strength: Of the style in the loss, 0 to 1.
        norms_only: Only the norms are trained, the network stays as it is.
        seed: Of the choice of styles and of mirrored photos.
    """

    def __init__(
        self,
        judge: Judge,
        styles: Sequence[StyleTargets],
        *,
        shape: NetworkShape,
        precision: str,
        strength: float,
        norms_only: bool,
        seed: int,
    ):
        super().__init__(name='one_pass')
        self.judge, self.strength, self.norms_only, self.seed = judge, strength, norms_only, seed
        self.grid = shape.grid
        self.transform = transform_network(shape, precision, seed)
        size = len(styles), shape.norms
        self.norms = self.add_weight(name='norms', shape=size, initializer='zeros', dtype='float32')
        same = {'initializer': 'zeros', 'trainable': False, 'aggregation': 'only_first_replica'}
        self.steps = self.add_weight(name='steps', shape=(), dtype='int64', **same)
        self.sums = self.add_weight(name='sums', shape=(len(METRICS) + 1,), dtype='float32', **same)
        self.built = True
        stacked = lambda layer, name: tf.constant(np.concatenate([style[layer][name] for style in styles]))
        self.targets = {layer: {name: stacked(layer, name) for name in styles[0][layer]} for layer in judge.layers}

    def call(self, inputs: Sequence[Any], training: bool = False) -> tf.Tensor:
        """The pictures of [photos (N, H, W, 3) in [0, 1], norms (N, norms)], of any sides."""
        photos, norms = inputs
        height, width = tf.unstack(tf.shape(photos)[1:3])
        missing = [[0, -side % self.grid] for side in (height, width)]
        photos = tf.pad(photos, [[0, 0], *missing, [0, 0]], 'SYMMETRIC')
        return self.transform([photos, norms], training=training)[:, :height, :width]

    @property
    def trained(self) -> list:
        """The variables that a step changes."""
        return [self.norms] if self.norms_only else [*self.transform.trainable_variables, self.norms]

    def parts(self) -> dict[str, list]:
        """All that a checkpoint keeps."""
        return {
            'transform': self.transform.variables,
            'norms': [self.norms],
            'optimizer': self.optimizer.variables,
            'counts': [self.steps, self.sums],
        }

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        """Does nothing: all is built. Keras would average the bytes of a batch over the replicas here."""

    def means(self) -> dict[str, float]:
        """The means of the losses since this was last asked."""
        *sums, count = self.sums.numpy()
        self.sums.assign(tf.zeros_like(self.sums))
        return {name: float(total) / max(count, 1.0) for name, total in zip(METRICS, sums, strict=True)}

    def train_step(self, data: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        """One step on photos, uint8 (N, H, W, 3), each in a style that the seed and the step choose.

        Under `tf.distribute` these are a replica's share of the batch; the step is that of the whole batch.
        """
        photos = tf.cast(data[0], tf.float32) / 255
        drawn = self._drawn(tf.shape(photos)[0])
        photos = tf.where(drawn[0][:, None, None, None] < 0.5, photos[:, :, ::-1], photos)
        count = self.norms.shape[0]
        chosen = tf.minimum(tf.cast(drawn[1] * count, tf.int32), count - 1)
        targets = tf.nest.map_structure(lambda table: tf.gather(table, chosen), self.targets)
        shift_noise(self.transform, tf.unstack(self._drawn_shift()))
        with tf.GradientTape() as tape:
            pictures = self([photos, tf.gather(tf.convert_to_tensor(self.norms), chosen)], training=True)
            losses = self.judge.losses(pictures, photos, targets)
            loss = self.judge.total(losses, self.strength)
        shift_noise(self.transform, (0, 0))
        gradients = tape.gradient(loss, self.trained)
        gradients = mean_over_replicas([tf.convert_to_tensor(gradient) for gradient in gradients])
        self.optimizer.apply_gradients(list(zip(gradients, self.trained, strict=True)))
        values = mean_over_replicas(tf.stack([loss, *losses.values()]))
        self.steps.assign_add(1)
        self.sums.assign_add(tf.concat([values, [1.0]], 0))
        return {'loss': values[:1]}  # a vector: Keras averages it over workers, and cannot average scalars

    def _drawn(self, count: tf.Tensor) -> tf.Tensor:
        """Random numbers for each photo of this replica's share, (2, count): its columns of those of the batch."""
        replicas = tf.distribute.get_replica_context()
        drawn = tf.random.stateless_uniform([2, count * replicas.num_replicas_in_sync], self._key(self.seed))
        return drawn[:, replicas.replica_id_in_sync_group * count :][:, :count]

    def _drawn_shift(self) -> tf.Tensor:
        """Where the noise of this step begins in its tile, two integers."""
        return tf.random.stateless_uniform([2], self._key(~self.seed), 0, NOISE_SIDE, tf.int32)

    def _key(self, seed: int) -> tf.Tensor:
        """The seed of random numbers of this step."""
        return tf.stack([tf.constant(seed, tf.int64), tf.convert_to_tensor(self.steps)])
