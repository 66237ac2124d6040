"""Train `one_pass`, the network that ships: it paints a photograph in one pass, in the manner of any painting.

Command:   python experiments/train_one_pass.py --data=DATA --workdir=WORK --minutes=120
Time:      as --minutes says; goes on from WORK when it was interrupted
Expected:  WORK/samples: held-out photographs in the manner of held-out paintings; WORK/losses.csv

To make the result the one that ships, add --output=stylegen/weights/one_pass.npz: the network, the one that predicts
norms from a painting, and norms and adapters of the paintings in STYLES, by name.

The losses are those of `python -m stylegen.style train`, see stylegen/style/judge.py. With --teacher=FILE,
VGG-16's published weights, they are the means of those by `small_vgg` and by VGG-16. A small network predicts the norms
from the means and deviations of a painting's features (after Ghiasi et al. 2017). So each photograph of a batch gets a
painting of its own, out of a pool that is renewed all the time. At the end each painting in STYLES gets an adapter of
--adapter_rank, trained by `small_vgg` for --adapter_steps while the network stays as it is.
"""

import csv
import dataclasses
import itertools
import time
from pathlib import Path

import numpy as np
from absl import app, flags
from clock import Clock
from named_styles import STYLES
from student_pictures import Pictures, crop, read_archive

from stylegen import images
from stylegen.networks.embedded import weight_arrays
from stylegen.style.judge import Judge
from stylegen.style.norms import NOISE_SIDE, NetworkShape, palette_of
from stylegen.style.one_pass import ONE_PASS_WEIGHTS, OnePass
from stylegen.style.one_pass_model import METRICS, OnePassModel
from stylegen.style.transform_network import give_weights, shift_noise, style_predictor, transform_network
from stylegen.utils.backend import keras, tf

NETWORK = 'small_vgg'
SHEET = 5  # photographs and paintings on a sheet


class Judges:
    """Several judges, whose losses are averaged. To be used as a `Judge`."""

    def __init__(self, judges):
        self.judges, self.name = judges, judges[0].name
        self.layers = tuple(f'{judge.name}/{layer}' for judge in judges for layer in judge.layers)

    def style_of(self, painting):
        found = [judge.style_of(painting) for judge in self.judges]
        return {
            f'{judge.name}/{layer}': target
            for judge, (targets, _) in zip(self.judges, found, strict=True)
            for layer, target in targets.items()
        }, found[0][1]

    def losses(self, pictures, photos, targets):
        rows = []
        for judge in self.judges:
            own = {layer: targets[f'{judge.name}/{layer}'] for layer in judge.layers}
            rows.append(judge.losses(pictures, photos, own))
        return {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}

    def total(self, losses, strength):
        return self.judges[0].total(losses, strength)


class OnePassTrainer(keras.Model):
    """The network that paints and the one that predicts its norms, trained together."""

    def __init__(self, judge, reader, shape, statistics, precision, strength):
        super().__init__()
        self.judge, self.reader, self.shape, self.strength = judge, reader, shape, strength
        self.transform = transform_network(shape, precision)
        self.predictor = style_predictor(statistics, shape.norms)
        self.seconds = self.add_weight(name='seconds', shape=(), initializer='zeros', trainable=False)
        self.means = {name: keras.metrics.Mean(name) for name in METRICS}

    @property
    def metrics(self):
        return list(self.means.values())

    def call(self, inputs, training=False):
        photos, statistics = inputs
        return self.transform([photos, self.predictor(statistics)])

    def train_step(self, data):
        photos, statistics, targets = data
        photos = tf.cast(photos, tf.float32) / 255
        shift_noise(self.transform, tf.unstack(tf.random.uniform([2], 0, NOISE_SIDE, tf.int32)))
        with tf.GradientTape() as tape:
            pictures = self([photos, statistics], training=True)
            losses = self.judge.losses(pictures, photos, targets)
            loss = self.judge.total(losses, self.strength)
        shift_noise(self.transform, (0, 0))
        variables = self.transform.trainable_variables + self.predictor.trainable_variables
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        for name, value in {'loss': loss, **losses}.items():
            self.means[name].update_state(value)
        return {name: mean.result() for name, mean in self.means.items()}

    def begin_with(self, kept):
        """Takes the weights of a `OnePass`."""
        for model in (self.transform, self.predictor):
            give_weights(model, kept.arrays)

    def network(self, named):
        """The network for use, with the norms that are predicted of {name: (painting, what is known of it)}."""
        arrays = weight_arrays(self.transform) | weight_arrays(self.predictor)
        known = {name: about for name, (_, about) in named.items()}
        made = OnePass(self.shape, arrays, {}, known, self.reader.name, self.reader.layers)
        norms = {name: made.norms_of(painting) for name, (painting, _) in named.items()}
        palettes = {name: palette_of(painting) for name, (painting, _) in named.items()}
        return OnePass(self.shape, arrays, norms, known, self.reader.name, self.reader.layers, palettes=palettes)


class TunedModel(OnePassModel):
    """Trains the adapter of one style after the other; nothing is compiled anew for the next."""

    def __init__(self, judge, targets, **how):
        super().__init__(judge, [targets], norms_only=True, **how)
        self.targets = tf.nest.map_structure(lambda table: tf.Variable(table, trainable=False), self.targets)

    def begin(self, targets, norms, seed, pairs=None):
        """Forgets the style before; begins with an adapter of `pairs` of factors, or with none."""
        tf.nest.map_structure(lambda variable, table: variable.assign(table), self.targets, targets)
        self.norms.assign(norms[None])
        rng = np.random.default_rng(seed)
        for number, (_, left, right) in enumerate(self.factors):
            fresh = rng.normal(0, left.shape[1] ** -0.5, left.shape), np.zeros(right.shape)
            for variable, value in zip((left, right), pairs[number] if pairs else fresh, strict=True):
                variable.assign(np.reshape(value, variable.shape))
        for variable in (*self.optimizer.variables, self.sums):
            variable.assign(np.zeros(variable.shape))


def train_adapters(path, named, judge, batches, strength, precision, rank, steps, rate, earlier):
    """Trains the adapters of the named styles that a network in a file lacks, and adds each to the file.

    They begin with those of the network `earlier`, as far as it has some of this rank.
    """
    network, targets = OnePass.open(path), {name: judge.style_of(painting)[0] for name, (painting, _) in named.items()}
    how = dict(shape=network.shape, precision=precision, strength=strength, seed=0, rank=rank)
    model = TunedModel(judge, next(iter(targets.values())), **how)
    give_weights(model.transform, network.arrays)
    model.compile(optimizer=keras.optimizers.Adam(rate, beta_2=0.99, global_clipnorm=1.0), jit_compile=False)
    model.optimizer.build(model.trained)

    def look(step, logs):
        left = 1 - (step + 1) / steps
        model.optimizer.learning_rate.assign(rate * (0.02 + 0.98 * min(1.0, 2 * left)))

    clock = keras.callbacks.LambdaCallback(on_train_batch_end=look)
    for number, name in enumerate(name for name in named if name not in network.adapters):
        norms, pairs = network.norms[name], None
        known = earlier and earlier.adapters.get(name)
        if known and known.rank(earlier.kernels) == rank:
            norms, pairs = norms + known.norms - earlier.norms[name], [*known.factors(earlier.kernels)]
        model.begin(targets[name], norms, number, pairs)
        model.fit(Photos(batches), steps_per_epoch=steps, shuffle=False, verbose=0, callbacks=[clock])
        print('adapter', name, {key: round(value, 4) for key, value in model.means().items()}, flush=True)
        adapters = network.adapters | {name: model.adapter(0)}
        network = dataclasses.replace(
            network, adapters={known: adapters[known] for known in named if known in adapters}
        )
        network.save(path, compact=True)


def named_paintings(data):
    """The paintings of STYLES, float32, and what is known of each."""
    archive = read_archive(Path(data) / 'paintings_256.zip')
    return {
        name: (np.float32(archive[f'{file}.jpg']) / 255, {'title': title, 'artist': artist, 'year': year})
        for name, (file, title, artist, year) in STYLES.items()
    }


class Styles:
    """Paintings, photographs among them, in other sizes and colours, with their targets; a pool that is renewed."""

    def __init__(self, pictures, judge, rng, pool, sides, named, share):
        self.pictures, self.judge, self.rng = pictures, judge, rng
        self.pool, self.sides, self.kept = pool, sides, []
        self.named, self.share = [*named], share

    def fresh(self):
        """The targets of the losses, and the statistics that the predictor sees."""
        if self.rng.random() < self.share:
            return self.judge.style_of(self.named[self.rng.integers(len(self.named))])
        return self.judge.style_of(self.picture())

    def one(self, fresh):
        if len(self.kept) < self.pool:
            self.kept.append(self.fresh())
            return self.kept[-1]
        index = self.rng.integers(self.pool)
        if fresh:
            self.kept[index] = self.fresh()
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
            for name in styles[0][0]
        }
        return photos, np.stack([statistics for _, statistics in styles]), targets

    def photo(self, side):
        group = self.pictures.photos if self.rng.random() < 0.9 else self.pictures.paintings
        picture = crop(self.rng, group[self.rng.integers(len(group))], side, native=0.15)
        return (picture.clip(0, 1) * 255).astype(np.uint8)


class Photos(keras.utils.PyDataset):
    """The photographs of `Batches` alone."""

    def __init__(self, batches):
        super().__init__(workers=1, max_queue_size=6)
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, step):
        side, count = next(self.batches.shapes)
        return (np.stack([self.batches.photo(side) for _ in range(count)]),)


def late_cosine(gone):
    """The share of the learning rate: 1, and a cosine over the last 40 percent of the time."""
    return 0.02 + 0.98 * (1 + np.cos(np.pi * max(0.0, (gone - 0.6) / 0.4))) / 2


class Sheets(keras.callbacks.Callback):
    """After each epoch: a row of losses, the weights, and held-out photographs in the manner of held-out paintings."""

    def __init__(self, model, pictures, reader, workdir, side):
        super().__init__()
        self.one_pass, self.workdir = model, workdir
        pick = lambda group, n: [
            crop(np.random.default_rng(k), group[k * 7 % len(group)], n, native=0) for k in range(SHEET)
        ]
        self.photos = np.stack(pick(pictures.held_out['photos'], side))
        self.paintings = pick(pictures.held_out['paintings'], 256)
        self.statistics = np.stack([reader.style_of(np.float32(p))[1] for p in self.paintings])

    def on_epoch_end(self, epoch, logs=None):
        minutes, step = float(self.one_pass.seconds) / 60, int(self.one_pass.optimizer.iterations)
        with open(self.workdir / 'losses.csv', 'a', newline='') as file:
            row = [f'{minutes:.1f}', step, *(f'{logs[n]:.4f}' for n in METRICS)]
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
_TEACHER = flags.DEFINE_string('teacher', None, f'Weights file of VGG-16, to judge the pictures beside {NETWORK}.')
_INIT = flags.DEFINE_string('init', None, 'A network, .npz, to begin a new run with; its adapters too.')
_OUTPUT = flags.DEFINE_string('output', None, f'Where the result goes; the one that ships is {ONE_PASS_WEIGHTS}.')
_MINUTES = flags.DEFINE_float('minutes', 120, 'By the clock, all starts together; 0: only write --output.')
_RANK = flags.DEFINE_integer('adapter_rank', 14, 'Of the adapters of the named styles in --output; 0: none.')
_STEPS = flags.DEFINE_integer('adapter_steps', 450, 'How long each adapter is trained.')
_ADAPTER_RATE = flags.DEFINE_float('adapter_rate', 9e-3, 'Learning rate of adapters and their norms, at first.')
_SHAPES = flags.DEFINE_list('shapes', ['256x4', '192x8', '320x3'], 'SIDExCOUNT, of which each batch has one.')
_RATE = flags.DEFINE_float('learning_rate', 1e-3, 'The peak.')
_WIDTH = flags.DEFINE_integer('width', 80, 'Channels at a quarter of the sides.')
_BLOCKS = flags.DEFINE_integer('blocks', 2, 'Residual blocks at a quarter of the sides.')
_DEEP = flags.DEFINE_integer('deep', 5, 'Residual blocks at an eighth of the sides.')
_STRENGTH = flags.DEFINE_float('strength', 0.6, 'Of the style, as in the optimisation.')
_NAMED = flags.DEFINE_float('named', 0, 'Share of the styles that are the named paintings, whole and as they are.')
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
    judge = reader = Judge.open(NETWORK, _PRECISION.value)
    if _TEACHER.value:
        judge = Judges([reader, Judge.open('vgg16', _PRECISION.value, weights=_TEACHER.value)])
    shapes = [tuple(int(n) for n in shape.split('x')) for shape in _SHAPES.value]
    _, statistics = reader.style_of(np.float32(crop(np.random.default_rng(0), pictures.paintings[0], 128)))
    shape = NetworkShape(_WIDTH.value, _BLOCKS.value, _DEEP.value)
    model = OnePassTrainer(judge, reader, shape, statistics.shape[-1], _PAINTER.value, _STRENGTH.value)
    earlier = OnePass.open(_INIT.value) if _INIT.value else None
    if earlier:
        model.begin_with(earlier)
    print('parameters', model.transform.count_params(), model.predictor.count_params(), flush=True)
    optimizer = keras.optimizers.Adam(_RATE.value, beta_2=0.99, global_clipnorm=1.0)
    model.compile(optimizer=optimizer, jit_compile=False)
    rng = np.random.default_rng([_SEED.value, time.time_ns()])
    named = named_paintings(_DATA.value)
    sides, whole = [192, 256, 256, 320, 384], [painting for painting, _ in named.values()]
    styles = Styles(pictures, judge, rng, _POOL.value, sides, whole, _NAMED.value)
    batches = Batches(pictures, styles, rng, shapes, _REUSE.value, _EPOCH.value)
    model([np.zeros((1, 64, 64, 3), np.float32), statistics[None]])
    keep = keras.callbacks.BackupAndRestore(workdir / 'backup', delete_checkpoint=False)
    sheets = Sheets(model, pictures, reader, workdir, 256)
    callbacks = [keep, Clock(_RATE.value, _MINUTES.value, late_cosine, warmup=200), sheets]
    if _MINUTES.value:
        model.fit(batches, epochs=10**6, shuffle=False, verbose=0, callbacks=callbacks)
    if _OUTPUT.value:
        model.transform.load_weights(workdir / 'transform.weights.h5')
        model.predictor.load_weights(workdir / 'predictor.weights.h5')
        made = workdir / 'network.npz'
        if not made.exists():
            model.network(named).save(made, compact=True)
        if _RANK.value:
            batches = Batches(pictures, styles, rng, [(192, 4)], _REUSE.value, _STEPS.value)
            how = _STRENGTH.value, _PAINTER.value, _RANK.value, _STEPS.value, _ADAPTER_RATE.value
            train_adapters(made, named, reader, batches, *how, earlier)
        OnePass.open(made).save(_OUTPUT.value, compact=True)


if __name__ == '__main__':
    app.run(main)
