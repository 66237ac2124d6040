"""Time and memory of a dream by us, by TensorFlow's tutorial and by the Keras example, on the same work, taking turns.

Command:   python experiments/benchmarks/deepdream.py [--sizes=512,1024] [--rounds=3]
Time:      about 10 minutes on two cores
Expected:  a table. Measured on two cores (AVX-512): ours takes 1.2 to 1.3 times as long for a covered pixel, which is
           the mirrored margin dreamt beyond each border; it holds 1.04 GB at 1024 pixels, the Keras example 1.50

The work: InceptionV3 to mixed3 and mixed5, random weights, a picture of random noise, three octaves (1, 1/1.4, 1/1.96),
the same number of steps each. Every run is a process of its own. The two others are reimplemented here in their
essentials: the tutorial (tensorflow.org/tutorials/generative/deepdream, "Taking it up an octave" with tiles of 512)
leaves out the last tile of a side longer than one, so that times are per pixel that got a gradient; the Keras example
(keras.io/examples/generative/deep_dream) takes the picture whole and traces anew for every size.

The peak of this machine is that of one 3 x 3 convolution of 256 channels, measured in the same process.
"""

import json
import resource
import statistics
import subprocess
import sys
import time

import numpy as np
from absl import app, flags

LAYERS = ('mixed3', 'mixed5')
SCALE, OCTAVES = 1.4, 3
PROGRAMS = ('ours', 'tutorial', 'keras')

_SIZES = flags.DEFINE_list('sizes', ['512', '1024'], 'Sides of the square picture.')
_ROUNDS = flags.DEFINE_integer('rounds', 3, 'Times that each program has its turn.')
_STEPS = flags.DEFINE_integer('steps', 5, 'Steps at each octave.')
_CHILD = flags.DEFINE_enum('child', None, PROGRAMS, 'One program, which prints its figures as JSON.')


def sides(size):
    return [round(size / SCALE**k) for k in reversed(range(OCTAVES))]


def inception():
    from stylegen.backend import keras

    keras.utils.set_random_seed(0)
    base = keras.applications.InceptionV3(weights=None, include_top=False)
    return keras.Model(base.input, [base.get_layer(name).output for name in LAYERS])


def convolution_flops(model, side):
    """Floating-point operations of the convolutions for one gradient with respect to a picture: there and back."""
    from stylegen.backend import keras

    known = keras.Input((side, side, 3))
    rebuilt = keras.models.clone_model(model, input_tensors=known)
    total = 0
    for layer in rebuilt.layers:
        if isinstance(layer, keras.layers.Conv2D):
            _, height, width, channels = layer.output.shape
            total += 2 * height * width * channels * np.prod(layer.kernel.shape[:3])
    return 2 * total


def ours(image, model, steps, note):
    """(seconds of the steps, covered pixels) by octave, by `stylegen.optimize` as a dream uses it."""
    from stylegen.deepdream.ascent import dream_step, step_state
    from stylegen.deepdream.plan import MARGIN
    from stylegen.images import resize
    from stylegen.losses import dream_loss
    from stylegen.optimize import Term, optimize_image
    from stylegen.tiling import TiledObjective

    def extractor(pixels):
        return dict(zip(LAYERS, model(pixels * 2 - 1, training=False), strict=True)) | {'input': pixels}

    terms = tuple(Term(name, 1.0, dream_loss(name, 'mean')) for name in LAYERS)
    objective = TiledObjective(extractor, terms, tile=512, stride=16, jitter=32, margin=MARGIN)
    update = dream_step('std')
    detail = np.zeros((1, 1, 3), np.float32)
    for number, side in enumerate(sides(len(image))):
        base = resize(image, (side, side))
        current = (base + resize(detail, (side, side)))[None]
        ends = []
        state = step_state(base[None], number, OCTAVES, 0, steps, 0.005, 0.0)
        began = time.perf_counter()
        optimize_image(
            current, objective, update, steps, lambda step, ends=ends: ends.append(time.perf_counter()), state=state,
            steps_per_call=1, jit='off',
        )  # fmt: skip
        note(began, ends, side * side)
    return objective


def tutorial(image, model, steps, note):
    from stylegen.backend import tf

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
        began, ends = time.perf_counter(), []
        for _ in range(steps):
            step = gradient(picture, tf.constant([side, side]))
            picture = tf.clip_by_value(picture + 0.01 * step, -1, 1)
            picture.numpy()
            ends.append(time.perf_counter())
        reached = 512 * max(1, len(range(0, side, 512)) - 1)
        note(began, ends, min(reached, side) ** 2)


def keras(image, model, steps, note):
    from stylegen.backend import tf

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
        began, ends = time.perf_counter(), []
        for _ in range(steps):
            picture = step(picture)
            picture.numpy()
            ends.append(time.perf_counter())
        note(began, ends, side * side)


def peak_flops():
    """The best of a 3 x 3 convolution's operations a second."""
    from stylegen.backend import tf

    x, kernel = tf.random.normal([4, 64, 64, 256]), tf.random.normal([3, 3, 256, 256])
    convolve = tf.function(lambda: tf.reduce_sum(tf.nn.conv2d(x, kernel, 1, 'SAME')))
    convolve()
    times = []
    for _ in range(7):
        began = time.perf_counter()
        convolve().numpy()
        times.append(time.perf_counter() - began)
    return 2 * 4 * 64 * 64 * 256 * 9 * 256 / min(times)


def child(name, size, steps):
    """Runs one program and prints seconds by covered pixel, first calls, peak memory and the share of the peak."""
    peak = peak_flops()
    model = inception()
    image = np.random.default_rng(0).random((size, size, 3), np.float32)
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    first, later, covered, sizes = [], [], [], []

    def note(began, ends, pixels):
        first.append(ends[0] - began)
        later.append(statistics.median(np.diff(ends)))
        covered.append(pixels)
        sizes.append(pixels)

    began = time.perf_counter()
    globals()[name](image, model, steps, note)
    total = time.perf_counter() - began
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    per_pixel = sum(later) / sum(covered)
    flops = sum(convolution_flops(model, round(pixels**0.5)) for pixels in covered)
    result = {
        'microseconds_per_pixel': per_pixel * 1e6,
        'first_calls': sum(a - b for a, b in zip(first, later, strict=True)),
        'gigabytes': memory,
        'gigabytes_before': base,
        'share_of_peak': flops / sum(later) / peak,
        'peak_gflops': peak / 1e9,
        'seconds': total,
        'covered': sum(covered) / sum(side * side for side in sides(size)),
    }
    print(json.dumps(result))


def main(argv):
    del argv
    if _CHILD.value:
        return child(_CHILD.value, int(_SIZES.value[0]), _STEPS.value)
    for size in _SIZES.value:
        results = {name: [] for name in PROGRAMS}
        for _ in range(_ROUNDS.value):
            for name in PROGRAMS:
                command = [sys.executable, __file__, f'--child={name}', f'--sizes={size}', f'--steps={_STEPS.value}']
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                results[name].append(json.loads(done.stdout.splitlines()[-1]))
        median = {n: {key: statistics.median(r[key] for r in rs) for key in rs[0]} for n, rs in results.items()}
        print(f'{size} x {size}, {OCTAVES} octaves, {_STEPS.value} steps; medians of {_ROUNDS.value} rounds')
        print(f'{"":<10}us/pixel  against ours   covered  tracing s   peak GB  of conv peak   total s')
        for name, m in median.items():
            ratio = m['microseconds_per_pixel'] / median['ours']['microseconds_per_pixel']
            print(
                f'{name:<10}{m["microseconds_per_pixel"]:8.3f}  {ratio:10.2f} x  {m["covered"]:8.0%}  '
                f'{m["first_calls"]:9.1f}  {m["gigabytes"]:8.2f}  {m["share_of_peak"]:12.0%}  {m["seconds"]:8.1f}'
            )
    return None


if __name__ == '__main__':
    app.run(main)
