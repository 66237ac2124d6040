"""Measure time and memory of style transfer by stylegen, TensorFlow's tutorial, the Keras example and PyTorch.

Command:   python experiments/benchmarks/style.py [--parts=gradient,reach] [--sizes=256,512,1024] [--rounds=3]
Needs:     the extra `bench` for PyTorch: pip install -e ".[bench]"; without it the row of PyTorch is left out
Time:      about 50 minutes on two cores, 10 of them for reach
Expected:  tables. Measured on two cores (AVX512_BF16), by wall time. At 512 pixels ours takes 1.03 s per step in
           float32 (80 % of the convolution peak) and 0.63 s in bfloat16 (67 % of its peak), the tutorial 1.05 s and the
           Keras example 2.85 s in float32. Measured earlier on a slower machine, all in float32: a step of ours is 1.04
           to 1.05 x as fast as the tutorial's, 2.85 to 3.0 x as fast as the Keras example's, and 1.1 x (256 pixels),
           1.2 x (512) and 1.35 x (1024) as fast as PyTorch's. It reaches 86 to 87 % of the convolution peak. At 1024
           pixels it takes 2.26 GB; the others take 3.46, 7.33 and 4.00 GB. With mini in float32 ours reaches the
           tutorial's loss 5.9 and 6.2 x sooner (14 s; 83 and 89 s). With VGG-19 of random weights it does not: it falls
           from 6.76e5 to 4.33e5 in 1000 steps and 180 s in bfloat16, the tutorial to 4.27e5 in 318 s. With
           VGG-16's ImageNet weights (--vgg16=FILE) it reaches the tutorial's loss (5.62e6 of 2.68e8, in 223.5 s) in
           41.3 s in bfloat16 (5.4 x sooner, with AMX) and in 139.4 s in float32 (1.6 x), once each

gradient: VGG-19 with random weights up to block5_conv2, style from block*_conv1 and content from block5_conv2, the loss
of TensorFlow's tutorial (ours: --like=tensorflow), square pictures. A step is a gradient and an update by Adam. Ours is
measured in float32 and in bfloat16, the others in float32. Each run is a separate process, and the programs take turns.
The first step is kept apart, since it traces. The share of the convolution peak is the number of operations in the
network's convolutions, forward and backward, for one picture, divided by the processor time and by the peak. The peak
is that of one 3 x 3 convolution of 256 channels in the same process and the same precision.

reach: the wall time until a program reaches the loss of the tutorial after 1000 steps of Adam in float32. All begin
with the content and use the same loss, with VGG-19 of random weights and with `mini`. Ours is measured in float32 and
in bfloat16 with the best settings for it, with mini from coarse to fine. Its time runs from the call, with tracing,
until the picture, clipped to [0, 1], has that loss in the tutorial's own function.

The other programs are in style_rivals.py.
"""

import contextlib
import json
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
from absl import app, flags
from measuring import Clock, check_precision, in_process, peak_flops, peak_gigabytes, precision_of, rows_of, runnable
from style_rivals import (
    CONTENT_LAYER,
    STYLE_LAYERS,
    keras,
    keras_extract,
    pytorch,
    tutorial,
    tutorial_loss,
    tutorial_steps,
)

import stylegen

MINI_CONTENT = 'block4_conv1'  # mini has no block5_conv2
TUTORIAL_STEPS = 1000

_PARTS = flags.DEFINE_list('parts', ['gradient', 'reach'], 'Parts to measure.')
_SIZES = flags.DEFINE_list('sizes', ['256', '512', '1024'], 'Sides of the square picture in pixels.')
_ROUNDS = flags.DEFINE_integer('rounds', 3, 'Number of turns of each program.')
_STEPS = flags.DEFINE_integer('steps', 4, 'Steps of a turn; the first is not counted.')
_REACH = flags.DEFINE_integer('reach_size', 192, 'Side in pixels of the picture for reach.')
_CHILD = flags.DEFINE_string(
    'child', None, 'Internal: the program that this process runs; it prints its figures as JSON.'
)
_WEIGHTS = flags.DEFINE_string('weights', None, 'Internal: the file of the weights for --child.')
_VGG16 = flags.DEFINE_string('vgg16', None, "VGG-16's ImageNet weights without top; adds a row to reach.")
_NETWORKS = flags.DEFINE_list('networks', ['mini', 'vgg19', 'vgg16'], 'Networks of reach.')
_TARGET = flags.DEFINE_float('target', None, 'Internal: the loss to reach for --child.')


def write_weights(path):
    """Writes He-normal weights, with which activations neither vanish nor grow."""
    from stylegen.utils.backend import keras

    model = keras.applications.VGG19(weights=None, include_top=False)
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if layer.weights:
            kernel, bias = layer.get_weights()
            deviation = np.sqrt(2 / np.prod(kernel.shape[:3]))
            layer.set_weights([rng.normal(0, deviation, kernel.shape), np.zeros_like(bias)])
    model.save_weights(path)


def pictures(size):
    """Returns the content and the style of the package, cut to squares and resized to this side."""
    from stylegen.images import load_image, resize

    found = []
    for name in ('raccoon', 'whirls'):
        picture = load_image(Path(stylegen.__file__).parent / 'pictures' / f'{name}.jpg')
        side = min(picture.shape[:2])
        top, left = ((extent - side) // 2 for extent in picture.shape[:2])
        found.append(resize(picture[top : top + side, left : left + side], (size, size)).clip(0, 1))
    return found


def ours(content, style, weights, steps, clock, precision):
    """Transfers with `stylegen.style`."""
    from stylegen.style import Stylizer

    stylizer = Stylizer(
        network='vgg19',
        weights=weights,
        like='tensorflow',
        content_layers={CONTENT_LAYER: 1.0},
        iterations=steps,
        precision=precision,
    )
    check_precision(stylizer.extractor, precision)
    clock.tick()
    stylizer(content, [(style, 1.0)], callback=lambda step: clock.tick(), steps_per_call=1)


OURS = rows_of('ours')
PROGRAMS = {row: partial(ours, precision=precision) for row, precision in OURS.items()}
PROGRAMS |= {'tutorial, float32': tutorial, 'keras, float32': keras, 'pytorch, float32': pytorch}


def convolution_flops(size):
    """Returns the operations of VGG-19's convolutions up to the content layer for one gradient: both passes."""
    widths = [(3, 64), (64, 64), (64, 128), (128, 128), (128, 256), *[(256, 256)] * 3, (256, 512), *[(512, 512)] * 3]
    widths += [(512, 512)] * 2
    halved = [0, 0, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4]
    return 2 * sum(2 * (size // 2**k) ** 2 * 9 * a * b for (a, b), k in zip(widths, halved, strict=True))


def gradient_child(name, size, steps, weights):
    """Runs the steps of one program and returns its figures."""
    content, style = pictures(size)
    clock = Clock()
    PROGRAMS[name](content, style, weights, steps, clock)
    wall, processor, first = clock.medians()
    share = convolution_flops(size) / processor / peak_flops(precision_of(name))
    return {'clock': wall, 'processor': processor, 'first': first, 'memory': peak_gigabytes(), 'share': share}


class Reached(Exception):
    """Raised when the loss is reached."""


def vgg16_extract(weights):
    """VGG-16 of a weights file, as the tutorial uses VGG-19."""
    from stylegen.utils.backend import keras, tf

    base = keras.applications.VGG16(weights=None, include_top=False)
    base.load_weights(weights)
    model = keras.Model(base.input, [base.get_layer(name).output for name in (*STYLE_LAYERS, CONTENT_LAYER)])

    def extract(image):
        seen = model(keras.applications.vgg16.preprocess_input(tf.convert_to_tensor(image) * 255.0))
        return dict(zip((*STYLE_LAYERS, CONTENT_LAYER), seen, strict=True))

    return extract


def reach_extract(network, weights):
    """Returns the network for both programs, the style layers and the content layer."""
    if network == 'vgg19':
        return keras_extract(weights), STYLE_LAYERS, CONTENT_LAYER
    if network == 'vgg16':
        return vgg16_extract(weights), STYLE_LAYERS, CONTENT_LAYER
    from stylegen.networks import feature_extractor

    return feature_extractor('mini', (*STYLE_LAYERS, MINI_CONTENT)), STYLE_LAYERS, MINI_CONTENT


def reach_tutorial(network, size, weights):
    """Runs the tutorial's 1000 steps; returns their time, the loss that they reach and the loss at the start."""
    from stylegen.utils.backend import tf

    content, style = pictures(size)
    extract, layers, content_layer = reach_extract(network, weights)
    began = time.perf_counter()
    image = tutorial_steps(extract, content, style, layers, content_layer, TUTORIAL_STEPS, lambda: None)
    seconds = time.perf_counter() - began
    loss = tutorial_loss(extract, content, style, layers, content_layer)
    return {
        'seconds': seconds,
        'loss': float(loss(tf.constant(image))),
        'start': float(loss(tf.constant(content[None]))),
    }


ADAM = {'optimizer': 'adam', 'beta_2': 0.99, 'epsilon': 1e-8, 'ema_decay': 0.98}
# mini goes from coarse to fine. The VGGs stay at one size: there the content is a better start than a
# coarse result.
BEST = {
    'mini': {**ADAM, 'beta_1': 0.98, 'learning_rate': 0.02},
    'vgg19': {**ADAM, 'beta_1': 0.9, 'learning_rate': 0.01},
    'vgg16': {**ADAM, 'beta_1': 0.9, 'beta_2': 0.999, 'ema_decay': 0.96, 'learning_rate': 0.05},
}
COARSE_TO_FINE = ('mini',)
SMALLEST, RATIO = 64, 2**0.5
FIRST_STEPS, LAST_STEPS = (150, 120, 100), 1000  # at each size before the last; at most at the last one
LOOK_EVERY = 5  # steps between checks of the loss


def reach_ours(network, size, weights, target, precision):
    """Runs our steps until the loss is reached; returns their time, the loss and the last step."""
    from stylegen.style import Stylizer
    from stylegen.utils.backend import tf

    content, style = pictures(size)
    extract, layers, content_layer = reach_extract(network, weights)
    loss = tutorial_loss(extract, content, style, layers, content_layer)
    looking, found = 0.0, {}

    def follow(step):
        nonlocal looking
        if step.stage < step.stages - 1 or step.step % LOOK_EVERY:
            return
        paused = time.perf_counter()
        found.update(
            seconds=paused - began - looking, loss=float(loss(tf.constant(step.result()[None]))), step=step.step
        )
        if found['loss'] <= target:
            raise Reached
        looking += time.perf_counter() - paused

    began = time.perf_counter()
    settings = {} if network == 'mini' else {'weights': weights}
    smaller = int(np.log(size / SMALLEST) / np.log(RATIO)) if network in COARSE_TO_FINE else 0
    stylizer = Stylizer(
        network=network,
        iterations=[*(*FIRST_STEPS, *FIRST_STEPS[-1:] * smaller)[:smaller], LAST_STEPS],
        like='tensorflow',
        style_layers=dict.fromkeys(layers, 1.0),
        content_layers={content_layer: 1.0},
        smallest_size=SMALLEST if smaller else size,
        size_ratio=RATIO,
        precision=precision,
        **settings,
        **BEST[network],
    )
    check_precision(stylizer.extractor, precision)
    with contextlib.suppress(Reached):
        stylizer(content, [(style, 1.0)], callback=follow, steps_per_call=1)
    return found


def child(name):
    size = int(_SIZES.value[0])
    if name == 'weights':
        return write_weights(_WEIGHTS.value)
    if name in PROGRAMS:
        return gradient_child(name, size, _STEPS.value, _WEIGHTS.value)
    row, network = name.split(':')
    if row in OURS:
        return reach_ours(network, _REACH.value, _WEIGHTS.value, _TARGET.value, OURS[row])
    return reach_tutorial(network, _REACH.value, _WEIGHTS.value)


def measured(name, weights, size=0, **more):
    given = {'child': name, 'weights': weights, 'sizes': size, 'steps': _STEPS.value, 'reach_size': _REACH.value}
    return in_process(__file__, **given, **more)


def median(rounds, name, key):
    return statistics.median(one[name][key] for one in rounds)


def compare_gradients(weights):
    programs = runnable(PROGRAMS)
    for size in _SIZES.value:
        rounds = [{name: measured(name, weights, size) for name in programs} for _ in range(_ROUNDS.value)]
        print(f'{size} x {size}, one step; medians of {_ROUNDS.value} rounds')
        heads = ''.join(f'{f"{row} is (CPU)":>24}' for row in OURS)
        print(f'{"":<17}  s clock  s CPU{heads}  first s  peak GB  of conv peak in that precision')
        for name in programs:
            m = {key: median(rounds, name, key) for key in rounds[0][name]}
            times = ''.join(f'{ratio(rounds, name, row):>24}' for row in OURS)
            print(
                f'{name:<17} {m["clock"]:8.2f} {m["processor"]:6.2f}{times} {m["first"]:8.1f} {m["memory"]:8.2f} '
                f'{m["share"]:13.0%}',
                flush=True,
            )


def ratio(rounds, name, row):
    """Writes how many times as long a program takes as a row of ours, by wall time and by processor time."""
    of_clock, of_cpu = (
        statistics.median(one[name][key] / one[row][key] for one in rounds) for key in ('clock', 'processor')
    )
    return f'{of_clock:.2f}x {of_cpu:6.2f}x'


def compare_reach(random_weights):
    for network, weights in {'mini': '', 'vgg19': random_weights, 'vgg16': _VGG16.value}.items():
        if weights is None or network not in _NETWORKS.value:
            continue
        theirs = measured(f'tutorial, float32:{network}', weights)
        print(f'{network}, {_REACH.value} x {_REACH.value}: the loss falls from {theirs["start"]:.4g}')
        print(f'  to {theirs["loss"]:.4g} in {theirs["seconds"]:.1f} s by tutorial, float32', flush=True)
        for row in OURS:
            ours = measured(f'{row}:{network}', weights, target=theirs['loss'])
            times = theirs['seconds'] / ours['seconds']
            print(
                f'  to {ours["loss"]:.4g} in {ours["seconds"]:.1f} s by {row} (last size: {ours["step"]} steps): '
                + (f'{times:.1f} x as fast' if ours['loss'] <= theirs['loss'] else 'not reached'),
                flush=True,
            )


def main(argv):
    del argv
    if _CHILD.value:
        print(json.dumps(child(_CHILD.value)))
        return
    with tempfile.TemporaryDirectory() as folder:
        weights = f'{folder}/vgg19.weights.h5'
        measured('weights', weights)
        if 'gradient' in _PARTS.value:
            compare_gradients(weights)
        if 'reach' in _PARTS.value:
            compare_reach(weights)


if __name__ == '__main__':
    app.run(main)
