"""Train the one-pass network that ships: any painting, at one pass, judged by `small_vgg`.

Command:   python experiments/train_one_pass.py --data=DATA --workdir=WORK --minutes=120
Time:      as --minutes says; goes on from WORK when it was interrupted
Expected:  WORK/samples: held-out photographs in the manner of held-out paintings

The loss is that of the optimisation at --strength: the same terms, layers and weights. The style's share of it is
relative to how far the photograph itself is from the style.
"""

import csv
import itertools
import time
from pathlib import Path

import numpy as np
from absl import app, flags
from student_pictures import Pictures, crop

from stylegen import images
from stylegen.losses.moments import central_moments, moments
from stylegen.losses.wasserstein import distances_by_picture, wasserstein_target
from stylegen.networks import feature_extractor
from stylegen.style.presets import CONTENT_LAYERS, CONTENT_SCALE, STYLE_LAYERS, TV_WEIGHT
from stylegen.style.transform_network import norm_sizes, style_predictor, style_statistics, transform_network
from stylegen.utils.backend import keras, tf

NETWORK = 'small_vgg'
STYLES, CONTENTS = STYLE_LAYERS[NETWORK], CONTENT_LAYERS[NETWORK]
LEAST_AWAY = 0.02
SHEET = 5  # photographs and paintings on a sheet


class Judge:
    """Features of pictures, and the targets that they are compared with."""

    def __init__(self, precision):
        layers = [name for name in dict.fromkeys([*STYLES, *CONTENTS]) if name != 'input']
        self.extractor = feature_extractor(NETWORK, layers, precision=precision)
        self.sums = tf.function(self._sums, reduce_retracing=True)

    def _sums(self, pictures):
        features = self.extractor(pictures)
        found = {name: moments(features, name) for name in STYLES}
        return found, style_statistics(found)

    def style(self, picture):
        """Targets by layer, and the vector that the predictor sees, of one painting (H, W, 3), float32."""
        found, statistics = self.sums(picture[None])
        targets = {}
        for name, sums in found.items():
            target = {key: value.numpy() for key, value in wasserstein_target(sums).items()}
            width = target['factor'].shape[1]
            factor = np.zeros((1, width, width), np.float32)
            factor[:, :, : target['factor'].shape[2]] = target['factor']
            targets[name] = target | {'factor': factor}
        return targets, statistics.numpy()


class OnePass(keras.Model):
    """The network that paints and the one that tells it how, trained together."""

    def __init__(self, judge, width, blocks, statistics, precision, strength):
        super().__init__()
        self.judge, self.strength = judge, strength
        self.transform = transform_network(width, blocks, precision)
        self.predictor = style_predictor(statistics, 2 * sum(norm_sizes(width, blocks).values()))
        self.seconds = self.add_weight(name='seconds', shape=(), initializer='zeros', trainable=False)
        self.means = {name: keras.metrics.Mean(name) for name in ('loss', 'style', 'content', 'variation')}

    @property
    def metrics(self):
        return list(self.means.values())

    def call(self, inputs, training=False):
        photos, statistics = inputs
        return self.transform([photos, self.predictor(statistics)])

    def losses_of(self, pictures, photos, targets):
        features, known = self.judge.extractor(pictures), self.judge.extractor(photos)
        wanted = [targets[name] for name in STYLES]
        weights = tf.constant([*STYLES.values()]) / sum(STYLES.values())

        def distance(features):
            found = distances_by_picture(wanted, [central_moments(features, name) for name in STYLES])
            return tf.linalg.matvec(tf.stack([tf.cast(each, tf.float32) for each in found], -1), weights)

        away = tf.maximum(LEAST_AWAY, tf.stop_gradient(distance(known)))
        style = tf.reduce_mean(distance(features) / away)
        content = 0.0
        for name, weight in CONTENTS.items():
            before, after = (tf.cast(each[name], tf.float32) for each in (known, features))
            spread = tf.reduce_sum(tf.square(before - tf.reduce_mean(before, [1, 2], keepdims=True)), [1, 2, 3])
            share = tf.reduce_sum(tf.square(after - before), [1, 2, 3]) / (spread + 1e-6)
            content += weight * tf.reduce_mean(share)
        down, across = pictures[:, 1:] - pictures[:, :-1], pictures[:, :, 1:] - pictures[:, :, :-1]
        variation = tf.reduce_mean(tf.square(down)) + tf.reduce_mean(tf.square(across))
        return style, content, variation

    def train_step(self, data):
        photos, statistics, targets = data
        photos = tf.cast(photos, tf.float32) / 255
        with tf.GradientTape() as tape:
            pictures = self([photos, statistics], training=True)
            style, content, variation = self.losses_of(pictures, photos, targets)
            loss = self.strength * style + (1 - self.strength) * CONTENT_SCALE[NETWORK] * content
            loss += TV_WEIGHT[NETWORK] * variation
        variables = self.transform.trainable_variables + self.predictor.trainable_variables
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        values = {'loss': loss, 'style': style, 'content': content, 'variation': variation}
        for name, value in values.items():
            self.means[name].update_state(value)
        return {name: mean.result() for name, mean in self.means.items()}


class Styles:
    """Paintings, photographs among them, in other sizes and colours, with their targets; a pool that is renewed."""

    def __init__(self, pictures, judge, rng, pool, sides):
        self.pictures, self.judge, self.rng, self.pool, self.sides, self.kept = pictures, judge, rng, pool, sides, []

    def one(self, fresh):
        if len(self.kept) < self.pool:
            self.kept.append(self.judge.style(self.picture()))
            return self.kept[-1]
        index = self.rng.integers(self.pool)
        if fresh:
            self.kept[index] = self.judge.style(self.picture())
        return self.kept[index]

    def picture(self):
        rng = self.rng
        group = self.pictures.paintings if rng.random() < 0.85 else self.pictures.photos
        side = int(rng.choice(self.sides))
        picture = crop(rng, group[rng.integers(len(group))], side, native=0.3)
        if rng.random() < 0.35:  # channels change places, or a mirror in one
            picture = picture[..., rng.permutation(3)]
        if rng.random() < 0.15:
            picture = 1 - picture
        if rng.random() < 0.2:
            picture = np.clip((picture - 0.5) * rng.uniform(0.5, 1.6) + rng.uniform(0.3, 0.7), 0, 1)
        if rng.random() < 0.08:
            picture = np.broadcast_to(picture @ np.float32([0.299, 0.587, 0.114])[:, None], picture.shape)
        return np.ascontiguousarray(picture, np.float32)


class Batches(keras.utils.PyDataset):
    """Photographs, uint8, and a style for each."""

    def __init__(self, pictures, styles, rng, shapes, reuse, steps):
        super().__init__(workers=1, max_queue_size=6)
        self.pictures, self.styles, self.rng, self.steps = pictures, styles, rng, steps
        self.shapes, self.reuse = itertools.cycle(shapes), reuse

    def __len__(self):
        return self.steps

    def __getitem__(self, step):
        side, count = next(self.shapes)
        photos = np.stack([self.photo(side) for _ in range(count)])
        styles = [self.styles.one(self.rng.random() < 1 / self.reuse) for _ in range(count)]
        targets = {
            name: {key: np.concatenate([targets[name][key] for targets, _ in styles]) for key in styles[0][0][name]}
            for name in STYLES
        }
        return photos, np.concatenate([statistics for _, statistics in styles]), targets

    def photo(self, side):
        group = self.pictures.photos if self.rng.random() < 0.9 else self.pictures.paintings
        picture = crop(self.rng, group[self.rng.integers(len(group))], side, native=0.15)
        return (picture.clip(0, 1) * 255).astype(np.uint8)


class Clock(keras.callbacks.Callback):
    """The learning rate by the clock: constant, and a cosine over the last 40 percent of --minutes."""

    def __init__(self, peak, minutes, warmup=200):
        super().__init__()
        self.peak, self.minutes, self.warmup = peak, minutes, warmup

    def on_train_begin(self, logs=None):
        self.steps, self.last = 0, time.monotonic()

    def on_train_batch_begin(self, batch, logs=None):
        now = time.monotonic()
        self.model.seconds.assign_add(now - self.last)
        self.last, self.steps = now, self.steps + 1
        gone = min(1.0, float(self.model.seconds) / 60 / self.minutes)
        fall = max(0.0, (gone - 0.6) / 0.4)
        rate = self.peak * (0.02 + 0.98 * (1 + np.cos(np.pi * fall)) / 2) * min(1.0, self.steps / self.warmup)
        self.model.optimizer.learning_rate.assign(rate)
        if gone == 1.0:
            self.model.stop_training = True


class Sheets(keras.callbacks.Callback):
    """After each epoch: a row of losses, the weights, and held-out photographs in the manner of held-out paintings."""

    def __init__(self, model, pictures, judge, workdir, side):
        super().__init__()
        self.one_pass, self.workdir = model, workdir
        pick = lambda group, n: [
            crop(np.random.default_rng(k), group[k * 7 % len(group)], n, native=0) for k in range(SHEET)
        ]
        self.photos = np.stack(pick(pictures.held_out['photos'], side))
        self.paintings = pick(pictures.held_out['paintings'], 256)
        self.statistics = np.concatenate([judge.style(np.float32(p))[1] for p in self.paintings])

    def on_epoch_end(self, epoch, logs=None):
        minutes, step = float(self.one_pass.seconds) / 60, int(self.one_pass.optimizer.iterations)
        with open(self.workdir / 'losses.csv', 'a', newline='') as file:
            row = [f'{minutes:.1f}', step, *(f'{logs[n]:.4f}' for n in ('loss', 'style', 'content', 'variation'))]
            csv.writer(file).writerow(row)
            print(*row, flush=True)
        side = self.photos.shape[1]
        small = [np.asarray(images.resize(np.float32(p), (side, side))) for p in self.paintings]
        rows = [np.concatenate([np.ones((side, side, 3), np.float32), *small], 1)]
        for photo in self.photos:
            made = self.one_pass([np.repeat(photo[None], SHEET, 0), self.statistics]).numpy().clip(0, 1)
            rows.append(np.concatenate([photo, *made], 1))
        (self.workdir / 'samples').mkdir(exist_ok=True)
        images.save_image(self.workdir / 'samples' / f'{step:06d}.png', np.concatenate(rows, 0).clip(0, 1))
        self.one_pass.transform.save_weights(self.workdir / 'transform.weights.h5')
        self.one_pass.predictor.save_weights(self.workdir / 'predictor.weights.h5')


_DATA = flags.DEFINE_string('data', None, 'Folder with the archives, see student_pictures.py.', required=True)
_STYLES = flags.DEFINE_list('styles', [], 'Folders of more paintings to train on.')
_WORKDIR = flags.DEFINE_string('workdir', None, 'Where the run is kept.', required=True)
_MINUTES = flags.DEFINE_float('minutes', 120, 'By the clock, all starts together.')
_SHAPES = flags.DEFINE_list('shapes', ['256x4', '192x8', '320x3'], 'SIDExCOUNT, of which each batch has one.')
_RATE = flags.DEFINE_float('learning_rate', 1e-3, 'The peak.')
_WIDTH = flags.DEFINE_integer('width', 96, 'Channels at a quarter of the sides.')
_BLOCKS = flags.DEFINE_integer('blocks', 5, 'Residual blocks.')
_STRENGTH = flags.DEFINE_float('strength', 0.6, 'Of the style, as in the optimisation.')
_POOL = flags.DEFINE_integer('pool', 400, 'Styles kept.')
_REUSE = flags.DEFINE_integer('reuse', 6, 'How often each is used.')
_EPOCH = flags.DEFINE_integer('steps_per_epoch', 250, 'Steps from one sheet and backup to the next.')
_SEED = flags.DEFINE_integer('seed', 0, 'Of the weights.')
_PRECISION = flags.DEFINE_enum('precision', 'mixed_bfloat16', ['float32', 'mixed_bfloat16'], 'Of the judge.')
_PAINTER = flags.DEFINE_enum('painter', 'float32', ['float32', 'mixed_bfloat16'], 'Precision of the painting network.')


def main(argv):
    if len(argv) > 1:
        raise app.UsageError(f'Unexpected arguments: {argv[1:]}')
    workdir = Path(_WORKDIR.value)
    workdir.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(_SEED.value)
    pictures = Pictures(_DATA.value, _STYLES.value)
    judge = Judge(_PRECISION.value)
    shapes = [tuple(int(n) for n in shape.split('x')) for shape in _SHAPES.value]
    _, statistics = judge.style(np.float32(crop(np.random.default_rng(0), pictures.paintings[0], 128)))
    model = OnePass(judge, _WIDTH.value, _BLOCKS.value, statistics.shape[-1], _PAINTER.value, _STRENGTH.value)
    print('parameters', model.transform.count_params(), model.predictor.count_params(), flush=True)
    optimizer = keras.optimizers.Adam(_RATE.value, beta_2=0.99, global_clipnorm=1.0)
    model.compile(optimizer=optimizer, jit_compile=False)
    rng = np.random.default_rng([_SEED.value, time.time_ns()])
    styles = Styles(pictures, judge, rng, _POOL.value, [192, 256, 256, 320, 384])
    batches = Batches(pictures, styles, rng, shapes, _REUSE.value, _EPOCH.value)
    model([np.zeros((1, 64, 64, 3), np.float32), statistics])
    keep = keras.callbacks.BackupAndRestore(workdir / 'backup', delete_checkpoint=False)
    sheets = Sheets(model, pictures, judge, workdir, 256)
    model.fit(
        batches, epochs=10**6, shuffle=False, verbose=0, callbacks=[keep, Clock(_RATE.value, _MINUTES.value), sheets]
    )


if __name__ == '__main__':
    app.run(main)
