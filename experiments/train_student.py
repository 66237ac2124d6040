"""Train `small_vgg`, the network for style and dreams that ships with stylegen: a student of VGG-16.

Command:   python experiments/train_student.py --data=DATA --teacher=vgg16_notop.h5 --workdir=WORK --minutes=120
Time:      as --minutes says; goes on from WORK when it was interrupted
Expected:  the errors in stylegen/weights/small_vgg.md, to within a few percent, from the start that it names (it
           depends on how many steps fit in)

To make the result the one that ships, add --output=stylegen/weights/small_vgg.npz. To train on from what ships, add
--init=small_vgg. Beside it may run

    python experiments/underway.py --data=DATA --network=WORK/student.keras --output=UNDERWAY

which makes pictures on their way to a style by the student as it is; --underway=UNDERWAY trains on them (Ross et al.
2011, DAgger: what the student comes across is shown to the teacher).

The student's target at a layer are the first principal components of VGG-16's, after its ReLU: centred, orthonormal,
divided by the square root of the layer's total variance. Gram matrices, covariances and Wasserstein distances of these
are nearly those of the layer. The loss is the sum over layers of |student - target| / |target|.

The teacher takes as long as an update of the student. So each batch that it has seen is used --reuse times, at random
from a pool of --pool batches. The learning rate falls in a cosine over --minutes by the clock, because a machine that
is shared makes no promise of steps.
"""

import csv
import itertools
import json
import time
from pathlib import Path

import numpy as np
from absl import app, flags
from clock import Clock
from student_pictures import Pictures

from stylegen.networks import feature_extractor
from stylegen.networks.small_vgg import (
    SMALL_VGG_COMPONENTS,
    SMALL_VGG_WEIGHTS,
    build_small_vgg,
    load_small_vgg,
    save_small_vgg,
)
from stylegen.utils.backend import keras, tf

MOMENT_BATCHES, FIT_BATCHES = 60, 40
MEASURED_SIDE, MEASURED_COUNT = 224, 16


class Teacher:
    """VGG-16's principal components by layer, of pictures.

    Args:
        weights: VGG-16's, any file that `feature_extractor` takes.
        precision: of its convolutions.
        path: where mean and components are kept; made of `batches` when it is not there.
        batches: gives pictures, float32 (n, side, side, 3).
    """

    def __init__(self, weights, precision, path, batches):
        self.extractor = feature_extractor('vgg16', [*SMALL_VGG_COMPONENTS], weights=weights, precision=precision)
        if not path.exists():
            np.savez(path, **self.components(batches))
        stored = np.load(path)
        self.maps = {
            n: (tf.constant(stored[f'{n}/mean']), tf.constant(stored[f'{n}/map'])) for n in SMALL_VGG_COMPONENTS
        }
        self.shares = {name: float(stored[f'{name}/share']) for name in SMALL_VGG_COMPONENTS}
        self.targets = tf.function(self._targets, reduce_retracing=True)

    def components(self, batches):
        sums = {}
        for _ in range(MOMENT_BATCHES):
            for name, value in self.extractor(next(batches)).items():
                if name != 'input':
                    flat = tf.reshape(value, (-1, value.shape[-1]))
                    count, total, square = sums.get(name, (0, 0, 0))
                    square = square + tf.matmul(flat, flat, transpose_a=True).numpy().astype(np.float64)
                    sums[name] = count + len(flat), total + tf.reduce_sum(flat, 0).numpy().astype(np.float64), square
        arrays = {}
        for name, (count, total, square) in sums.items():
            mean = total / count
            values, vectors = np.linalg.eigh(square / count - np.outer(mean, mean))
            kept = SMALL_VGG_COMPONENTS[name]
            arrays[f'{name}/mean'] = mean.astype(np.float32)
            arrays[f'{name}/map'] = (vectors[:, ::-1][:, :kept] / np.sqrt(values.sum())).astype(np.float32)
            arrays[f'{name}/share'] = values[::-1][:kept].sum() / values.sum()
        return arrays

    def _targets(self, images):
        features = self.extractor(images)
        return tuple(tf.tensordot(features[n] - mean, by, 1) for n, (mean, by) in self.maps.items())


def errors(outputs, targets):
    """|student - target|^2 and |target|^2 by layer, (layers, 2)."""
    pairs = [(tf.cast(o, tf.float32), tf.cast(t, tf.float32)) for o, t in zip(outputs, targets, strict=True)]
    return tf.stack([(tf.reduce_sum(tf.square(o - t)), tf.reduce_sum(tf.square(t))) for o, t in pairs])


class Student(keras.Model):
    """Trains `network` on pictures and the teacher's components of them; `seconds` is the time spent on it so far."""

    def __init__(self, network):
        super().__init__()
        self.network = network
        self.seconds = self.add_weight(name='seconds', shape=(), initializer='zeros', trainable=False)
        self.loss_tracker = keras.metrics.Mean('loss')

    def call(self, images, training=False):
        return self.network(images, training=training)

    @property
    def metrics(self):
        return [self.loss_tracker]

    def train_step(self, data):
        images, targets = data
        with tf.GradientTape() as tape:
            found = errors(self.network(images, training=True), targets)
            loss = tf.reduce_sum(tf.sqrt(found[:, 0] / found[:, 1] + 1e-6))
        variables = self.network.trainable_variables
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        self.loss_tracker.update_state(loss)
        return {'loss': self.loss_tracker.result()}


class Batches(keras.utils.PyDataset):
    """Pictures and targets in float16, the teacher's work done in a thread beside the student's.

    Each batch is given about `reuse` times, from a pool. Sizes follow each other in the order of `crops`.
    """

    def __init__(self, pictures, teacher, crops, seed, pool, reuse, steps):
        super().__init__(workers=1, max_queue_size=4)
        self.pictures, self.teacher, self.crops = pictures, teacher, itertools.cycle(crops)
        self.rng, self.pool, self.reuse, self.steps, self.kept = np.random.default_rng(seed), pool, reuse, steps, []

    def __len__(self):
        return self.steps

    def __getitem__(self, step):
        if len(self.kept) < self.pool:
            self.kept.append(self.fresh())
            return self.kept[-1]
        index = self.rng.integers(self.pool)
        if self.rng.random() < 1 / self.reuse:
            self.kept[index] = self.fresh()
        return self.kept[index]

    def fresh(self):
        side, count = next(self.crops)
        images = self.pictures.batch(self.rng, count, side).astype(np.float16)
        targets = self.teacher.targets(images.astype(np.float32))
        return images, tuple(target.numpy().astype(np.float16) for target in targets)


def cosine(gone):
    """The share of the learning rate: a cosine over the time."""
    return 0.01 + 0.99 * (1 + np.cos(np.pi * gone)) / 2


class Measure(keras.callbacks.Callback):
    """After each epoch: the errors by layer on held-out pictures into `errors.csv`, and the network as it is."""

    def __init__(self, network, pictures, teacher, workdir):
        super().__init__()
        self.network, self.pictures, self.workdir = network, pictures, workdir
        self.sets = {}
        for name in pictures.held_out:
            images = pictures.measured(name, MEASURED_SIDE, MEASURED_COUNT)
            self.sets[name] = [(x, teacher.targets(x)) for x in np.array_split(images, 4)]
        self.errors = tf.function(lambda x, targets: errors(network(x, training=False), targets), reduce_retracing=True)

    def measure(self):
        """{set: error by layer}."""
        found = {n: sum(self.errors(tf.constant(x), t).numpy() for x, t in parts) for n, parts in self.sets.items()}
        return {name: sums[:, 0] / sums[:, 1] for name, sums in found.items()}

    def on_epoch_end(self, epoch, logs=None):
        minutes, step = float(self.model.seconds) / 60, int(self.model.optimizer.iterations)
        with open(self.workdir / 'errors.csv', 'a', newline='') as file:
            for name, by_layer in self.measure().items():
                row = [f'{minutes:.1f}', step, f'{logs["loss"]:.4f}', name, *(f'{e:.4f}' for e in by_layer)]
                csv.writer(file).writerow(row)
                print(*row, flush=True)
        save_keras(self.network, self.workdir / 'student.keras')
        self.pictures.refresh()


def halves(network):
    """Its weights as they are stored, in float16."""
    return [weight.astype(np.float16) for weight in network.get_weights()]


def save_keras(network, path):
    """A `.keras` file for `--network=FILE`, in float32 with the values of float16."""
    copy = build_small_vgg()
    copy.set_weights(halves(network))
    beside = path.with_name('beside.keras')
    copy.save(beside)
    beside.replace(path)


def opened(init):
    """The student to start from: the one that ships, or a file."""
    if init != 'small_vgg':
        return keras.models.load_model(init, compile=False)
    network = build_small_vgg()
    load_small_vgg(network, SMALL_VGG_WEIGHTS)
    return network


def start_from(network, other, teacher, batches):
    """Takes the trunk of another student, of the same depth and no more width, and fits the layers on it.

    A channel too many gets random weights, and the next layer does not look at it yet. The 1 x 1 convolutions are
    fitted by least squares, so that the other's components need not be these.
    """
    trunk = [layer for layer in network.layers if layer.name.startswith('trunk_')]
    found = [layer for layer in other.layers if getattr(layer, 'kernel_size', None) == (3, 3)]
    before = 3
    for layer, known in zip(trunk, found, strict=True):
        kernel, bias = layer.get_weights()
        old_kernel, old_bias = known.get_weights()
        kernel[:, :, before:] = 0
        kernel[:, :, : old_kernel.shape[2], : old_kernel.shape[3]] = old_kernel
        bias[: len(old_bias)] = old_bias
        layer.set_weights([kernel, bias])
        before = len(old_bias)
    fit_components(network, teacher, batches)


def fit_components(network, teacher, batches):
    """Sets the 1 x 1 convolutions by least squares, with a ridge of a thousandth."""
    layers = [network.get_layer(name) for name in SMALL_VGG_COMPONENTS]
    maps = tf.function(keras.Model(network.input, [layer.input for layer in layers]), reduce_retracing=True)
    sums = [(0.0, 0.0)] * len(layers)
    for _ in range(FIT_BATCHES):
        images = next(batches)
        for i, (x, y) in enumerate(zip(maps(images), teacher.targets(images), strict=True)):
            x, y = (tf.reshape(tf.cast(v, tf.float32), (-1, v.shape[-1])).numpy() for v in (x, y))
            x = np.concatenate([x, np.ones_like(x[:, :1])], 1)
            sums[i] = sums[i][0] + (x.T @ x).astype(np.float64), sums[i][1] + (x.T @ y).astype(np.float64)
    for layer, (square, product) in zip(layers, sums, strict=True):
        ridge = 1e-3 * np.trace(square) / len(square) * np.eye(len(square))
        solution = np.linalg.solve(square + ridge, product)
        layer.set_weights([solution[None, None, :-1], solution[-1]])


def train(network, pictures, teacher, workdir, crops, minutes, learning_rate, seed, pool, reuse, steps_per_epoch):
    """Trains for `minutes` in all; goes on from `workdir` where it stopped."""
    model = Student(network)
    model.build((None, None, None, 3))
    optimizer = keras.optimizers.AdamW(learning_rate, beta_2=0.99, weight_decay=1e-4, global_clipnorm=1.0)
    model.compile(optimizer=optimizer, jit_compile=False)
    draw = [seed, time.time_ns()]  # other pictures after each start
    batches = Batches(pictures, teacher, crops, draw, pool, reuse, steps_per_epoch)
    measure = Measure(network, pictures, teacher, workdir)
    keep = keras.callbacks.BackupAndRestore(workdir / 'backup', delete_checkpoint=False)
    callbacks = [keep, Clock(learning_rate, minutes, cosine, warmup=100), measure]
    model.fit(batches, epochs=10**6, shuffle=False, verbose=2, callbacks=callbacks)
    return measure.measure(), int(optimizer.iterations), float(model.seconds) / 60


_DATA = flags.DEFINE_string('data', None, 'Folder with the archives, see student_pictures.py.', required=True)
_STYLES = flags.DEFINE_list('styles', [], 'Folders of more paintings to train on.')
_UNDERWAY = flags.DEFINE_string('underway', None, 'Folder of pictures on their way; it is looked at again and again.')
_TEACHER = flags.DEFINE_string('teacher', None, "VGG-16's weights.", required=True)
_WORKDIR = flags.DEFINE_string('workdir', None, 'Where the run is kept.', required=True)
_OUTPUT = flags.DEFINE_string('output', None, f'Where the result goes; the one that ships is {SMALL_VGG_WEIGHTS}.')
_MINUTES = flags.DEFINE_float('minutes', 120, 'By the clock, all starts together.')
_INIT = flags.DEFINE_string('init', None, 'What to start from: small_vgg, or a .keras file of a student.')
_CROPS = flags.DEFINE_list('crops', ['112x16', '160x8', '224x4'], 'SIDExCOUNT, of which each batch has one.')
_RATE = flags.DEFINE_float('learning_rate', 2e-3, 'The peak.')
_POOL = flags.DEFINE_integer('pool', 40, 'Batches kept, of about 50 MB each.')
_REUSE = flags.DEFINE_integer('reuse', 4, 'How often each is used.')
_EPOCH = flags.DEFINE_integer('steps_per_epoch', 200, 'Steps from one measurement and backup to the next.')
_SEED = flags.DEFINE_integer('seed', 0, 'Of the weights, and of the pictures that the components are made of.')
_PRECISION = flags.DEFINE_enum('precision', 'mixed_bfloat16', ['float32', 'mixed_bfloat16'], "Of both networks' sums.")


def main(argv):
    if len(argv) > 1:
        raise app.UsageError(f'Unexpected arguments: {argv[1:]}')
    workdir = Path(_WORKDIR.value)
    workdir.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(_SEED.value)
    pictures = Pictures(_DATA.value, _STYLES.value, _UNDERWAY.value)
    rng = np.random.default_rng(_SEED.value)
    crops = [tuple(int(n) for n in crop.split('x')) for crop in _CROPS.value]
    plain = (pictures.batch(rng, count, side) for side, count in itertools.repeat(crops[0]))
    teacher = Teacher(_TEACHER.value, _PRECISION.value, workdir / 'components.npz', plain)
    print(json.dumps({'share of the variance': {n: round(s, 3) for n, s in teacher.shares.items()}}), flush=True)
    keras.config.set_dtype_policy(_PRECISION.value)
    network = build_small_vgg(_PRECISION.value)
    if _INIT.value and not (workdir / 'backup').exists():
        start_from(network, opened(_INIT.value), teacher, plain)
    pictures.refresh()
    found, steps, minutes = train(
        network, pictures, teacher, workdir, crops, _MINUTES.value, _RATE.value, _SEED.value, _POOL.value,
        _REUSE.value, _EPOCH.value,
    )  # fmt: skip
    print(f'{steps} steps in {minutes:.0f} minutes')
    if _OUTPUT.value:
        print(f'{_OUTPUT.value}: sha256 {save_small_vgg(_OUTPUT.value, network)}')
    for name, by_layer in found.items():
        print(name, dict(zip(SMALL_VGG_COMPONENTS, np.round(by_layer, 3).tolist(), strict=True)))


if __name__ == '__main__':
    app.run(main)
