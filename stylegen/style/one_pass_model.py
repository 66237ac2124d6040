"""The model that `fit` trains: a network that paints in one pass, with norms and adapters of its styles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from stylegen.style.adapters import Adapter, adapted, change, factor_shapes
from stylegen.style.judge import Judge, StyleTargets
from stylegen.style.norms import NOISE_SIDE, NetworkShape
from stylegen.style.transform_network import shift_noise, transform_network
from stylegen.training.replicas import mean_over_replicas
from stylegen.utils.backend import keras, tf

METRICS = ('loss', 'style', 'content', 'variation', 'shading')


class OnePassModel(keras.Model):
    """A network that paints, and a row of norms for each of its styles.

    Args:
        judge: Gives the losses.
        styles: For each style its targets.
        shape: Of `transform_network`.
        precision: Of the network that paints, a dtype policy.
        strength: Of the style in the loss, 0 to 1.
        norms_only: Only the norms are trained, and the adapters; the network stays as it is.
        rank: Of the adapters, see `stylegen.style.adapters`; 0: there are none.
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
        rank: int = 0,
    ):
        super().__init__(name='one_pass')
        self.judge, self.strength, self.norms_only, self.seed = judge, strength, norms_only, seed
        self.rank = rank
        self.grid = shape.grid
        self.transform = transform_network(shape, precision, seed)
        size = len(styles), shape.norms
        self.norms = self.add_weight(name='norms', shape=size, initializer='zeros', dtype='float32')
        self.factors = self._factors(shape, len(styles)) if rank else []
        same = {'initializer': 'zeros', 'trainable': False, 'aggregation': 'only_first_replica'}
        self.steps = self.add_weight(name='steps', shape=(), dtype='int64', **same)
        self.sums = self.add_weight(name='sums', shape=(len(METRICS) + 1,), dtype='float32', **same)
        self.built = True
        stacked = lambda layer, name: tf.constant(np.concatenate([style[layer][name] for style in styles]))
        self.targets = {layer: {name: stacked(layer, name) for name in styles[0][layer]} for layer in judge.layers}

    def call(self, inputs: Sequence[Any], training: bool = False) -> tf.Tensor:
        """The pictures of [photos (N, H, W, 3) in [0, 1], norms (N, norms)], of any sides."""
        return self._whole(inputs, lambda given: self.transform(given, training=training))

    def _whole(self, inputs: Sequence[Any], paint: Callable[[list], tf.Tensor]) -> tf.Tensor:
        """What `paint` makes of photos that are mirrored to sides that the network takes, cut to their sides."""
        photos, norms = inputs
        height, width = tf.unstack(tf.shape(photos)[1:3])
        missing = [[0, -side % self.grid] for side in (height, width)]
        photos = tf.pad(photos, [[0, 0], *missing, [0, 0]], 'SYMMETRIC')
        return paint([photos, norms])[:, :height, :width]

    def _factors(self, shape: NetworkShape, styles: int) -> list[tuple]:
        """For each kernel its factors, (styles, h C, rank) and (styles, rank, w K), whose product is 0."""
        known, made = {variable.path: variable for variable in self.transform.trainable_variables}, []
        for name in adapted(shape):
            sizes = factor_shapes(known[name].shape, self.rank)
            drawn = keras.initializers.RandomNormal(stddev=sizes[0][0] ** -0.5, seed=self.seed)
            label = name.replace('/', '_')
            left, right = (
                self.add_weight(name=f'{label}_{part}', shape=(styles, *size), initializer=how, dtype='float32')
                for part, size, how in zip(('left', 'right'), sizes, (drawn, 'zeros'), strict=True)
            )
            made.append((known[name].path, left, right))
        return made

    def adapter(self, style: int) -> Adapter:
        """What a style has learned, as it is kept."""
        pairs = [(left.value.numpy()[style], right.value.numpy()[style]) for _, left, right in self.factors]
        return Adapter.of(self.norms.value.numpy()[style], pairs)

    def paint(self, photos: tf.Tensor, chosen: tf.Tensor, training: bool = False) -> tf.Tensor:
        """The pictures of photos in the styles of these numbers, (N,). With adapters all are the first one's."""
        inputs = [photos, tf.gather(tf.convert_to_tensor(self.norms), chosen)]
        if not self.rank:
            return self(inputs, training=training)
        weights = {variable.path: tf.convert_to_tensor(variable) for variable in self.transform.trainable_variables}
        for path, *pair in self.factors:
            left, right = (tf.gather(tf.convert_to_tensor(each), chosen[0]) for each in pair)
            weights[path] += change(left, right, weights[path].shape, keras.ops)
        return self._whole(
            inputs, lambda given: self.transform.stateless_call([*weights.values()], [], given, training=training)[0]
        )

    @property
    def trained(self) -> list:
        """The variables that a step changes."""
        own = [self.norms, *(each for _, *pair in self.factors for each in pair)]
        return own if self.norms_only else [*self.transform.trainable_variables, *own]

    def parts(self) -> dict[str, list]:
        """All that a checkpoint keeps."""
        return {
            'transform': self.transform.variables,
            'norms': [self.norms],
            'adapters': [each for _, *pair in self.factors for each in pair],
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
        if self.rank:  # a kernel is changed for one style at a time
            chosen = tf.fill(tf.shape(chosen), self._drawn_style())
        targets = tf.nest.map_structure(lambda table: tf.gather(table, chosen), self.targets)
        shift_noise(self.transform, tf.unstack(self._drawn_shift()))
        with tf.GradientTape() as tape:
            pictures = self.paint(photos, chosen, training=True)
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

    def _drawn_style(self) -> tf.Tensor:
        """The style of this step."""
        return tf.random.stateless_uniform([], self._key(self.seed + 1), 0, self.norms.shape[0], tf.int32)

    def _key(self, seed: int) -> tf.Tensor:
        """The seed of random numbers of this step."""
        return tf.stack([tf.constant(seed, tf.int64), tf.convert_to_tensor(self.steps)])
