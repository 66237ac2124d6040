"""Measure time and memory of the same dream by stylegen, by TensorFlow's tutorial and by the Keras example.

Command:   python experiments/benchmarks/deepdream.py [--sizes=512,1024] [--rounds=3]
Time:      about 10 minutes on two cores
Expected:  a table. Measured on two cores (AVX512_BF16), while other programs ran, by processor time for a covered
           pixel: ours is as fast as the tutorial in float32 (0.94 x at 512 pixels, 1.00 x at 1024) and 1.5 to 1.6 x as
           fast in bfloat16. It reaches 72 to 81 % of the convolution peak. At 1024 pixels it takes 1.08 GB, the Keras
           example 1.52 GB

The work: InceptionV3 with random weights up to mixed3 and mixed5, a picture of random noise, three octaves (1, 1/1.4,
1/1.96), and the same number of steps at each. Each run is a separate process, and the programs take turns. Ours is the
code of `stylegen.dream`: the network from `networks.feature_extractor`, in float32 and in bfloat16, with tiles of 352
pixels for pictures above 512. The two others use Keras's own model with the same weights in float32. They are
reimplemented here with the parts that take time. The tutorial
(tensorflow.org/tutorials/generative/deepdream, "Taking it up an octave" with tiles of 512) leaves out the last tile of
a side that is longer than one tile; so the times are per pixel that got a gradient. The Keras example
(keras.io/examples/generative/deep_dream) takes the whole picture at once and traces anew for every size.

The table gives the wall time, and in brackets the processor time of all threads, which other programs disturb less. The
peak of this machine is that of one 3 x 3 convolution of 256 channels in the same precision and process. The share of
the peak that a program reaches is the number of operations in the network's convolutions for the covered pixels,
divided by its processor time and by the peak.
"""

import contextlib
import json
import statistics
import tempfile
import time
from functools import partial

import numpy as np
from absl import app, flags
from measuring import Clock, check_precision, in_process, peak_flops, peak_gigabytes, precision_of, rows_of

LAYERS = ('mixed3', 'mixed5')
SCALE, OCTAVES = 1.4, 3
TILE = 352  # three tiles cover 1024 pixels and the margins

_SIZES = flags.DEFINE_list('sizes', ['512', '1024'], 'Sides of the square picture in pixels.')
_ROUNDS = flags.DEFINE_integer('rounds', 3, 'Number of turns of each program.')
_STEPS = flags.DEFINE_integer('steps', 5, 'Steps at each octave.')
_CHILD = flags.DEFINE_string(
    'child', None, 'Internal: the program that this process runs; it prints its figures as JSON.'
)
_WEIGHTS = flags.DEFINE_string('weights', None, 'Internal: the file of the weights for --child.')


def sides(size):
    return [round(size / SCALE**k) for k in reversed(range(OCTAVES))]


def inception(weights=None):
    """Returns Keras's network up to the layers."""
    from stylegen.utils.backend import keras

    base = keras.applications.InceptionV3(weights=weights, include_top=False)
    return keras.Model(base.input, [base.get_layer(name).output for name in LAYERS])


def write_weights(path):
    from stylegen.utils.backend import keras

    keras.utils.set_random_seed(0)
    keras.applications.InceptionV3(weights=None, include_top=False).save_weights(path)


def convolution_flops(model, side):
    """Returns the floating-point operations of the convolutions for one gradient: forward and backward pass."""
    from stylegen.utils.backend import keras

    known = keras.Input((side, side, 3))
    rebuilt = keras.models.clone_model(model, input_tensors=known)
    total = 0
    for layer in rebuilt.layers:
        if isinstance(layer, keras.layers.Conv2D):
            _, height, width, channels = layer.output.shape
            total += 2 * height * width * channels * np.prod(layer.kernel.shape[:3])
    return 2 * total


def ours(image, weights, steps, note, precision):
    """Dreams with `stylegen.optimize`, as `stylegen.dream` does."""
    from stylegen import networks
    from stylegen.deepdream.ascent import dream_step, step_state
    from stylegen.deepdream.plan import margin_of
    from stylegen.images import resize
    from stylegen.losses import dream_loss
    from stylegen.optimize import Term, optimize_image
    from stylegen.optimize.tiling import TiledObjective

    extractor = networks.feature_extractor('inception_v3', LAYERS, weights=weights, precision=precision)
    check_precision(extractor, precision)
    terms = tuple(Term(name, 1.0, dream_loss(name, 'mean')) for name in LAYERS)
    margin = margin_of(extractor, wrap=False)
    objective = TiledObjective(
        extractor, terms, tile=TILE if len(image) > 512 else 0, stride=16, jitter=32, margin=margin
    )
    update = dream_step('std')
    detail = np.zeros((1, 1, 3), np.float32)
    for number, side in enumerate(sides(len(image))):
        base = resize(image, (side, side))
        current = (base + resize(detail, (side, side)))[None]
        state = step_state(base[None], number, OCTAVES, 0, steps, 0.005, 0.0)
        with note(side * side) as clock:
            current = optimize_image(
                current,
                objective,
                update,
                steps,
                lambda _, tick=clock: tick(),
                state=state,
                steps_per_call=1,
                jit='off',
                checked=True,
            ).numpy()
        detail = current[0] - base


def tutorial(image, weights, steps, note):
    from stylegen.utils.backend import tf

    model = inception(weights)

    @tf.function(input_signature=[tf.TensorSpec([None, None, 3]), tf.TensorSpec([2], tf.int32)])
    def gradient(picture, size):
        shift = tf.random.uniform([2], -512, 512, tf.int32)
        rolled = tf.roll(picture, shift, [0, 1])
        total = tf.zeros_like(rolled)
        xs = tf.range(0, size[1], 512)[:-1]
        ys = tf.range(0, size[0], 512)[:-1]
        xs = xs if tf.cast(len(xs), bool) else tf.constant([0])
        ys = ys if tf.cast(len(ys), bool) else tf.constant([0])
        for x in xs:
            for y in ys:
                with tf.GradientTape() as tape:
                    tape.watch(rolled)
                    activations = model(rolled[y : y + 512, x : x + 512][None])
                    loss = tf.add_n([tf.reduce_mean(a) for a in activations])
                total += tape.gradient(loss, rolled)
        total = tf.roll(total, -shift, [0, 1])
        return total / (tf.math.reduce_std(total) + 1e-8)

    picture = tf.constant(image * 2 - 1)
    for side in sides(len(image)):
        picture = tf.image.resize(picture, [side, side])
        reached = 512 * max(1, len(range(0, side, 512)) - 1)
        with note(min(reached, side) ** 2) as tick:
            for _ in range(steps):
                step = gradient(picture, tf.constant([side, side]))
                picture = tf.clip_by_value(picture + 0.01 * step, -1, 1)
                picture.numpy()
                tick()


def keras(image, weights, steps, note):
    from stylegen.utils.backend import tf

    model = inception(weights)

    @tf.function
    def step(picture):
        with tf.GradientTape() as tape:
            tape.watch(picture)
            loss = tf.add_n([tf.reduce_mean(tf.square(a[:, 2:-2, 2:-2, :])) for a in model(picture)])
        gradient = tape.gradient(loss, picture)
        gradient /= tf.maximum(tf.reduce_mean(tf.abs(gradient)), 1e-6)
        return picture + 0.01 * gradient

    original = tf.constant(image[None] * 2 - 1)
    picture = tf.image.resize(original, [sides(len(image))[0]] * 2)
    for side in sides(len(image)):
        picture = tf.image.resize(picture, [side, side])
        with note(side * side) as tick:
            for _ in range(steps):
                picture = step(picture)
                picture.numpy()
                tick()


PROGRAMS = {row: partial(ours, precision=precision) for row, precision in rows_of('ours').items()}
PROGRAMS |= {'tutorial, float32': tutorial, 'keras, float32': keras}


class Octaves:
    """Sums the median wall and processor time of a step over the octaves. First steps are kept apart."""

    def __init__(self):
        self.first, self.wall, self.processor, self.covered = 0.0, 0.0, 0.0, []

    @contextlib.contextmanager
    def __call__(self, covered):
        """Measures one octave; gives the function to call after each step."""
        clock = Clock()
        clock.tick()
        yield clock.tick
        wall, processor, first = clock.medians()
        self.first += first
        self.wall += wall
        self.processor += processor
        self.covered.append(covered)


def child(name, size, steps, weights):
    """Runs one program and prints its figures as JSON."""
    if name == 'weights':
        return write_weights(weights)
    peak = peak_flops(precision_of(name))
    image = np.random.default_rng(0).random((size, size, 3), np.float32)
    clock = Octaves()
    began = time.perf_counter()
    PROGRAMS[name](image, weights, steps, clock)
    total = time.perf_counter() - began
    model = inception()
    flops = sum(convolution_flops(model, round(pixels**0.5)) for pixels in clock.covered)
    result = {
        'clock': clock.wall / sum(clock.covered) * 1e6,
        'processor': clock.processor / sum(clock.covered) * 1e6,
        'covered': sum(clock.covered) / sum(side * side for side in sides(size)),
        'first': clock.first,
        'memory': peak_gigabytes(),
        'share': flops / clock.processor / peak,
        'seconds': total,
    }
    print(json.dumps(result))
    return None


def measured(name, size, weights):
    return in_process(__file__, child=name, sizes=size, steps=_STEPS.value, weights=weights)


def main(argv):
    del argv
    if _CHILD.value:
        return child(_CHILD.value, int(_SIZES.value[0]), _STEPS.value, _WEIGHTS.value)
    with tempfile.TemporaryDirectory() as folder:
        weights = f'{folder}/inception.weights.h5'
        measured('weights', 0, weights)
        for size in _SIZES.value:
            rounds = [{name: measured(name, size, weights) for name in PROGRAMS} for _ in range(_ROUNDS.value)]
            print(f'{size} x {size}, {OCTAVES} octaves, {_STEPS.value} steps; medians of {_ROUNDS.value} rounds')
            columns = 'us/pixel  (CPU)   speed  (CPU)  covered  tracing s   peak GB  of conv peak  total s'
            print(' ' * 17, columns)
            for name in PROGRAMS:
                m = {key: statistics.median(r[name][key] for r in rounds) for key in rounds[0][name]}
                times, times_cpu = (
                    statistics.median(one['tutorial, float32'][key] / one[name][key] for one in rounds)
                    for key in ('clock', 'processor')
                )
                print(
                    f'{name:<17} {m["clock"]:8.2f} {m["processor"]:6.2f}  {times:5.2f}x {times_cpu:5.2f}x '
                    f'{m["covered"]:8.0%} {m["first"]:10.1f} {m["memory"]:9.2f} {m["share"]:13.0%} {m["seconds"]:8.1f}',
                    flush=True,
                )
    return None


if __name__ == '__main__':
    app.run(main)
