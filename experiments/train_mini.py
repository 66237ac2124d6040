"""Train `mini`, the feature network that ships with stylegen, by adversarial training on a CPU.

Command:   python experiments/train_mini.py --data=DATA --workdir=WORK
Time:      about 100 minutes on two cores with AVX512_BF16 and --precision=mixed_bfloat16, otherwise half as long
           again; the same command continues an interrupted run
Expected:  the accuracies in stylegen/weights/mini.md, to within one or two percent (the noise is not seeded by step)

To replace the weights that ship, add --output=stylegen/weights/mini.npz. To continue training from them, add
--init=stylegen/weights/mini.npz and other --phases.

DATA holds three archives of JPEG files: cifar10_jpeg.zip (train/<class>/, test/<class>/), caltech101_128.zip
(<class>/) and cats_dogs_120.zip (cat/, dog/). Every tenth photograph of a class is held out.

The first phase trains on CIFAR-10, which has many small pictures. The next phases train on crops of photographs, which
become larger from phase to phase, mixed with enlarged pictures of CIFAR-10. So its classes are not forgotten, and the
batch normalisation fits both kinds of pictures.

Each update is one step of fast adversarial training (Wong, Rice, Kolter 2020, "Fast is better than free", Algorithm 3)
with an L2 bound: a random start inside the ball, one gradient step of 1.25 eps, projection, then the ordinary update
on the perturbed pictures. The bound is proportional to the side, so that the perturbation per pixel is the same at all
sizes. With --precision=mixed_bfloat16 an update takes 0.7 of the time on a CPU that has AVX512_BF16.
"""

import io
import time
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from absl import app, flags
from PIL import Image

from stylegen.networks.mini import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    MINI_BLOCKS,
    MINI_WEIGHTS,
    build_mini,
    load_mini,
    save_mini,
)
from stylegen.utils.backend import keras, tf

CIFAR_EPS = 0.5  # L2 bound for pictures of 32 px in [0, 1]; proportional to the side
STEPS_PER_EPOCH = 50


def trainable_mini(classes):
    """Returns the network with batch normalisation, from pixels in [0, 1] of any size to logits."""
    x = inputs = keras.Input((None, None, 3))
    x = keras.layers.Normalization(mean=IMAGENET_MEAN, variance=np.square(IMAGENET_STD), name='normalize')(x)
    for block, (channels, convolutions) in enumerate(MINI_BLOCKS, 1):
        for conv in range(1, convolutions + 1):
            name = f'block{block}_conv{conv}'
            x = keras.layers.Conv2D(
                channels, 3, padding='same', use_bias=False, kernel_initializer='he_normal', name=name
            )(x)
            x = keras.layers.BatchNormalization(momentum=0.95, epsilon=1e-5, name=f'{name}_bn')(x)
            x = keras.layers.ReLU(name=f'{name}_relu')(x)
        if block < len(MINI_BLOCKS):
            x = keras.layers.MaxPooling2D(name=f'block{block}_pool')(x)
    x = keras.layers.GlobalAveragePooling2D(dtype='float32', name='pool')(x)
    return keras.Model(inputs, keras.layers.Dense(classes, dtype='float32', name='predictions')(x), name='mini')


def folded(network):
    """Returns the arrays of the network that ships: batch normalisation is folded into the convolutions before it."""
    arrays = {}
    for layer in network.layers:
        if isinstance(layer, keras.layers.Conv2D):
            norm = network.get_layer(f'{layer.name}_bn')
            gamma, beta, mean, variance = norm.get_weights()
            scale = gamma / np.sqrt(variance + norm.epsilon)
            arrays[f'{layer.name}/kernel'] = layer.get_weights()[0] * scale
            arrays[f'{layer.name}/bias'] = beta - mean * scale
        elif isinstance(layer, keras.layers.Dense):
            arrays[f'{layer.name}/kernel'], arrays[f'{layer.name}/bias'] = layer.get_weights()
    return arrays


def unfold(network, path, data, side):
    """Fills the trainable network from an exported one, so that training can continue from it.

    Each batch normalisation gets the mean and variance that its convolution has on photographs, and the scale and shift
    that undo it. So the network computes the same as the exported one.
    """
    exported = build_mini(len(data.classes))
    load_mini(exported, path)
    values = tf.constant(centred_photos(data, side, 64), tf.float32) / 255.0
    for layer in network.layers[1:]:
        if isinstance(layer, keras.layers.Conv2D):
            kernel, bias = exported.get_layer(layer.name).get_weights()
            layer.set_weights([kernel])
        if isinstance(layer, keras.layers.Dense):
            layer.set_weights(exported.get_layer(layer.name).get_weights())
        if isinstance(layer, keras.layers.BatchNormalization):
            mean, variance = (moment.numpy() for moment in tf.nn.moments(values, [0, 1, 2]))
            layer.set_weights([np.sqrt(variance + layer.epsilon), mean + bias, mean, variance])
        values = layer(values)


def balanced(arrays, pictures):
    """Rescales every channel to a root mean square of 1 on `pictures`, (N, H, W, 3) in [0, 1].

    ReLU and max pooling commute with a positive factor. So a channel may be divided by its root mean square and the
    next layer's kernel multiplied by it: the logits stay the same, but no channel dominates a Gram matrix or a dream.
    Gatys et al. 2015, section "Methods", rescale VGG in this way by mean activations. Channels that are always 0 stay
    as they are.
    """
    arrays = dict(arrays)
    model = build_mini(len(arrays['predictions/bias']))
    for layer in (layer for layer in model.layers if layer.weights):
        layer.set_weights([arrays[f'{layer.name}/kernel'], arrays[f'{layer.name}/bias']])
    names = [layer.name for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    outputs = keras.Model(model.input, [model.get_layer(name).output for name in names])(pictures)
    before = np.ones(3, np.float32)  # root mean square of each channel in the layer before
    for name, output in zip([*names, 'predictions'], [*outputs, None], strict=True):
        kernel = arrays[f'{name}/kernel'] * before[:, None]
        size = np.ones(kernel.shape[-1], np.float32)
        if output is not None:
            size = np.sqrt(np.mean(np.square(output), axis=(0, 1, 2)))
            size = np.where(size > 1e-4, size, 1)
        arrays[f'{name}/kernel'], arrays[f'{name}/bias'] = kernel / size, arrays[f'{name}/bias'] / size
        before = size
    return arrays


def l2_norm(x):
    return tf.sqrt(tf.reduce_sum(tf.square(x), axis=[1, 2, 3], keepdims=True) + 1e-20)


def project(delta, images, eps):
    """Projects a perturbation into the L2 ball of radius eps, and so that the picture stays in [0, 1]."""
    delta = delta * tf.minimum(1.0, eps / l2_norm(delta))
    return tf.clip_by_value(images + delta, 0.0, 1.0) - images


def attack(network, loss, images, labels, eps, steps, step_size, training):
    """Perturbs pictures by projected gradient ascent from a random start (Madry et al. 2018, L2 form)."""
    noise = tf.random.normal(tf.shape(images))
    delta = project(noise / l2_norm(noise) * eps * tf.random.uniform([tf.shape(images)[0], 1, 1, 1]), images, eps)
    for _ in range(steps):
        with tf.GradientTape() as tape:
            tape.watch(delta)
            value = loss(labels, network(images + delta, training=training))
        gradient = tape.gradient(value, delta)
        delta = project(delta + step_size * gradient / l2_norm(gradient), images, eps)
    return images + delta


class AdversarialClassifier(keras.Model):
    """Trains `network` on pictures perturbed within an L2 ball of radius `eps`."""

    def __init__(self, network, eps):
        super().__init__()
        self.network = network
        self.eps = eps
        self.loss_tracker = keras.metrics.Mean('loss')
        self.accuracy = keras.metrics.SparseCategoricalAccuracy('accuracy')

    def call(self, images, training=False):
        return self.network(images, training=training)

    @property
    def metrics(self):
        return [self.loss_tracker, self.accuracy]

    def train_step(self, data):
        images, labels = data
        loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
        images = tf.cast(images, tf.float32) / 255.0
        targets = tf.one_hot(labels, self.network.output_shape[-1])
        images = attack(self.network, loss, images, targets, self.eps, 1, 1.25 * self.eps, training=True)
        with tf.GradientTape() as tape:
            logits = self.network(images, training=True)
            value = loss(targets, logits)
        variables = self.network.trainable_variables
        self.optimizer.apply(tape.gradient(value, variables), variables)
        self.loss_tracker.update_state(value)
        self.accuracy.update_state(labels, logits)
        return {metric.name: metric.result() for metric in self.metrics}


def read_archive(path):
    """Reads the pictures of an archive, sorted by name: {class path: [uint8 picture, ...]}."""
    pictures = {}
    with zipfile.ZipFile(path) as archive:
        for name in sorted(n for n in archive.namelist() if n.endswith('.jpg')):
            picture = Image.open(io.BytesIO(archive.read(name))).convert('RGB')
            pictures.setdefault(name.rpartition('/')[0], []).append(np.asarray(picture))
    return pictures


class Data:
    """CIFAR-10 and the photographs, split into training and test, with one list of classes for both."""

    def __init__(self, folder):
        folder = Path(folder)
        cifar = read_archive(folder / 'cifar10_jpeg.zip')
        photos = read_archive(folder / 'caltech101_128.zip') | read_archive(folder / 'cats_dogs_120.zip')
        cifar_names = sorted({name.partition('/')[2] for name in cifar})
        self.classes = cifar_names + [name for name in sorted(photos) if name not in cifar_names]
        label = {name: index for index, name in enumerate(self.classes)}

        def stacked(split):
            images = np.concatenate([np.stack(cifar[f'{split}/{name}']) for name in cifar_names])
            return images, np.repeat(np.arange(len(cifar_names)), len(images) // len(cifar_names)).astype(np.int32)

        self.cifar_train, self.cifar_test = stacked('train'), stacked('test')
        self.photos_train, self.photos_test = [], []
        for name in sorted(photos):
            for index, picture in enumerate(photos[name]):
                (self.photos_test if index % 10 == 9 else self.photos_train).append((picture, label[name]))
        labels = np.array([c for _, c in self.photos_train])
        weight = 1.0 / np.sqrt(np.bincount(labels, minlength=len(self.classes)).clip(1))
        self.photo_odds = weight[labels] / weight[labels].sum()


def crop(picture, box, side, flip):
    x, y, size = box
    if (side, side) == (size, size):
        out = picture[int(y) : int(y) + side, int(x) : int(x) + side]
    else:
        whole = Image.fromarray(picture)
        out = np.asarray(whole.resize((side, side), Image.Resampling.BICUBIC, box=(x, y, x + size, y + size)))
    return out[:, ::-1] if flip else out


class Phase(NamedTuple):
    """One phase of the training, with one cycle of the learning rate."""

    data: str  # 'cifar' (32 px) or 'photos' (any side; a quarter of each batch is CIFAR-10)
    side: int
    batch: int
    epochs: int  # of STEPS_PER_EPOCH updates
    learning_rate: float  # the peak

    @property
    def eps(self):
        return CIFAR_EPS * self.side / 32

    @classmethod
    def parse(cls, text):
        return cls(*(kind(part) for kind, part in zip((str, int, int, int, float), text.split(':'), strict=True)))


class Batches(keras.utils.PyDataset):
    """Batches of pictures. The seed of each is (seed, epoch, step), so that a resumed run gets the same pictures."""

    def __init__(self, data, phase, seed):
        super().__init__(workers=2, max_queue_size=4)  # threads prepare batches while the network trains
        self.data, self.phase, self.seed, self.epoch = data, phase, seed, 0

    def __len__(self):
        return STEPS_PER_EPOCH

    def __getitem__(self, step):
        rng = np.random.default_rng([self.seed, self.epoch, step])
        if self.phase.data == 'cifar':
            return self.cifar(rng, self.phase.batch, self.phase.side)
        enlarged = self.phase.batch // 4
        parts = self.cifar(rng, enlarged, self.phase.side), self.photos(rng, self.phase.batch - enlarged)
        return tuple(np.concatenate(part) for part in zip(*parts, strict=True))

    def cifar(self, rng, count, side):
        images, labels = self.data.cifar_train
        chosen = rng.integers(len(images), size=count)
        padded = np.pad(images[chosen], ((0, 0), (4, 4), (4, 4), (0, 0)), mode='reflect')
        boxes = zip(*rng.integers(9, size=(2, count)), rng.integers(2, size=count), strict=True)
        out = [crop(picture, (x, y, 32), side, flip) for picture, (x, y, flip) in zip(padded, boxes, strict=True)]
        return np.stack(out), labels[chosen]

    def photos(self, rng, count):
        chosen = rng.choice(len(self.data.photos_train), size=count, p=self.data.photo_odds)
        out = []
        for index in chosen:
            picture = self.data.photos_train[index][0]
            height, width = picture.shape[:2]
            size = min(height, width) * rng.uniform(0.55, 1.0)
            box = rng.uniform(0, width - size), rng.uniform(0, height - size), size
            out.append(crop(picture, box, self.phase.side, rng.integers(2)))
        return np.stack(out), np.array([self.data.photos_train[i][1] for i in chosen], np.int32)


def evaluate(network, images, labels, eps, batch=100):
    """Measures a network.

    Returns:
        clean: The accuracy on the pictures.
        robust: The accuracy under PGD-10 at eps with steps of eps / 4.
    """
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    @tf.function
    def hits(images, labels):
        hit = lambda x: tf.reduce_sum(
            tf.cast(tf.equal(tf.argmax(network(x, training=False), 1, tf.int32), labels), tf.int32)
        )
        return hit(images), hit(attack(network, loss, images, labels, eps, 10, eps / 4, training=False))

    totals = np.zeros(2)
    for start in range(0, len(images) // batch * batch, batch):
        part = tf.constant(images[start : start + batch], tf.float32) / 255.0
        totals += [int(n) for n in hits(part, tf.constant(labels[start : start + batch], tf.int32))]
    return totals / (len(images) // batch * batch)


def centre(picture):
    """Returns the box of the central square: x, y, side."""
    height, width = picture.shape[:2]
    side = min(height, width)
    return (width - side) / 2, (height - side) / 2, side


def centred_photos(data, side, count, seed=0):
    """Returns the central squares of `count` training photographs, uint8 (count, side, side, 3)."""
    chosen = np.random.default_rng(seed).permutation(len(data.photos_train))[:count]
    photos = [data.photos_train[i][0] for i in chosen]
    return np.stack([crop(photo, centre(photo), side, False) for photo in photos])


def held_out(data, side, count, seed=0):
    """Draws fixed samples of CIFAR-10's test pictures and of the held-out photographs: {set: (pictures, labels)}."""
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(data.cifar_test[0]))[:count]
    photos = [data.photos_test[i] for i in rng.permutation(len(data.photos_test))[:count]]
    return {
        'cifar': (data.cifar_test[0][chosen], data.cifar_test[1][chosen]),
        'photos': (
            np.stack([crop(p, centre(p), side, False) for p, _ in photos]),
            np.array([c for _, c in photos], np.int32),
        ),
    }


def train(data, workdir, phases, seed, init=None):
    """Trains the network in phases and returns it. Continues an interrupted run from `workdir`."""
    keras.utils.set_random_seed(seed)
    network = trainable_mini(len(data.classes))
    if init and init.endswith('.npz'):
        unfold(network, init, data, phases[0].side)
    elif init:
        network.load_weights(init)
    start = 0
    for number, phase in enumerate(phases):
        updates = STEPS_PER_EPOCH * phase.epochs
        schedule = keras.optimizers.schedules.CosineDecay(
            0.0, updates - updates // 8, warmup_target=phase.learning_rate, warmup_steps=updates // 8
        )
        model = AdversarialClassifier(network, phase.eps)
        model.build((None, None, None, 3))
        model.compile(optimizer=keras.optimizers.AdamW(schedule, weight_decay=5e-4), jit_compile=False)
        batches = Batches(data, phase, seed)
        begin = keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs, batches=batches: setattr(batches, 'epoch', epoch)
        )
        keep = keras.callbacks.BackupAndRestore(workdir / f'backup_{number}', delete_checkpoint=False)
        log = keras.callbacks.CSVLogger(workdir / f'log_{number}.csv', append=True)
        model.fit(
            batches,
            initial_epoch=start,
            epochs=start + phase.epochs,
            shuffle=False,
            verbose=2,
            callbacks=[begin, keep, log],
        )
        start += phase.epochs
        network.save_weights(workdir / f'phase_{number}.weights.h5')
    return network


_DATA = flags.DEFINE_string('data', None, 'Folder with the three archives.', required=True)
_WORKDIR = flags.DEFINE_string('workdir', None, 'Folder for the state of the run.', required=True)
_PHASES = flags.DEFINE_list(
    'phases',
    ['cifar:32:128:80:0.003', 'photos:64:96:26:0.002', 'photos:96:48:14:0.0012'],
    f'DATA:SIDE:BATCH:EPOCHS:LEARNING_RATE of each phase; DATA is cifar or photos, an epoch {STEPS_PER_EPOCH} updates.',
)
_INIT = flags.DEFINE_string('init', None, 'Weights to start from: a .weights.h5 of a run, or an exported .npz.')
_SEED = flags.DEFINE_integer('seed', 0, 'Seed of the weights and the batches.')
_PRECISION = flags.DEFINE_enum(
    'precision', 'float32', ['float32', 'mixed_bfloat16'], 'Precision in which the network computes.'
)
_OUTPUT = flags.DEFINE_string('output', None, f'File for the weights; those that ship are {MINI_WEIGHTS}.')
_EVALUATE = flags.DEFINE_integer('evaluate', 1000, 'Number of held-out pictures of each set for the final measurement.')


def export(network, data, side, path):
    """Writes the network folded, balanced on training photographs and in half precision. Returns it as loaded."""
    pictures = centred_photos(data, side, 128).astype(np.float32) / 255
    digest = save_mini(path, balanced(folded(network), pictures), data.classes)
    model = build_mini(len(data.classes))
    load_mini(model, path)
    difference = np.abs(model(pictures[:16]) - network(pictures[:16], training=False)).max()
    print(f'{path}: sha256 {digest}; logits differ by {difference:.2g} at most from the network that was trained')
    return model


def main(argv):
    if len(argv) > 1:
        raise app.UsageError(f'Unexpected arguments: {argv[1:]}')
    workdir = Path(_WORKDIR.value)
    workdir.mkdir(parents=True, exist_ok=True)
    data = Data(_DATA.value)
    phases = [Phase.parse(phase) for phase in _PHASES.value]
    began = time.time()
    keras.config.set_dtype_policy(_PRECISION.value)
    trained = train(data, workdir, phases, _SEED.value, _INIT.value)
    keras.config.set_dtype_policy('float32')
    network = trainable_mini(len(data.classes))
    network.set_weights(trained.get_weights())
    print(f'trained for {(time.time() - began) / 60:.0f} minutes')
    side = phases[-1].side
    model = export(network, data, side, _OUTPUT.value or workdir / 'mini.npz')
    for name, (images, labels) in held_out(data, side, _EVALUATE.value).items():
        eps = CIFAR_EPS * images.shape[1] / 32
        clean, robust = evaluate(model, images, labels, eps)
        side = images.shape[1]
        print(f'{name}: {side} px, {len(images)} held out, clean {clean:.3f}, PGD-10 at L2 {eps:g} {robust:.3f}')


if __name__ == '__main__':
    app.run(main)
