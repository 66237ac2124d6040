"""Tell where the time of a step of the DCGAN goes, in per cent, and which share of the convolution peak it reaches.

Command:   python experiments/benchmarks/dcgan_shares.py [--preset=paper64] [--augment=color,translation,cutout]
Time:      about 2 minutes on one core for `cifar32`
Expected:  the table below. Measured on two cores without BF16 while other programs ran (load 8 to 15), float32

Shares of a step of `cifar32` (simultaneous, batch 64, 32 x 32), 237 ms of processor time with all augmentations:

    convolutions                83.8 %: of the discriminator 58, of the generator 26 (each measured alone)
    batch normalisation          4.3 %
    augmentation                 3.7 %
    activations                  3.6 %
    Adam                         2.1 %
    losses, random numbers, sums 0.9 %
    average of the weights       0.7 %
    dense layers                 0.6 %
    checks, norms of gradients   0.2 %

A step has 22.3 GFLOP of convolutions. At the peak (174 GFLOP/s on one core) they take 128 ms, so that the least step
that was seen (202 ms, without augmentation) reaches 64 % of the peak. The 4 x 4 convolutions between 8 x 8 and 16 x 16
maps reach 117 to 141 GFLOP/s, those between 4 x 4 and 8 x 8 maps 85 to 113, those of the image 34 to 56.

What pays, as the least processor time: the transposed convolution to the image as a 2 x 2 convolution with four pixels
as channels (`stylegen.dcgan.image_layers`), twice a step: 2.9 for 6.7 ms at 32 px, 7.9 for 16.7 ms at 64 px. Adam as
one operation for each variable: 4.9 for 7.8 ms. A step in all: 202 ms; 217 before; the tutorial's 209.

What does not, or not enough:
- The same rewriting of the wide layers: 11.7 for 8.0 ms (8 x 8 to 16 x 16), 14.1 for 9.4 ms (4 x 4 to 8 x 8). A 3 x 3
  convolution for the image, 16 channels instead of 12, or a matrix product: 3.7, 4.5 and 5.7 for 2.9 ms.
- The average every k steps with the power k: it could save 0.7 % of a step at most, and samples would lag.
- One pass for real and generated images, with separate batch statistics, was tried for alternating updates: 0.99 x the
  processor time as the median of 10 turns, 0.94 x as the least. The convolutions of 128 images take 0.89 x those of
  twice 64, and copies take back a part of it. It is not taken: batch deviations and dropout would need the same
  separation. With simultaneous updates the generator's gradient would be computed for the real images too.
- XLA is 1.2 x slower on a CPU, and several steps a call are no faster (`dcgan.py`): the host's work is hidden.

TensorFlow's profiler gives the time of each operation. The least of all steps counts, because other programs can only
make it longer; one thread computes, so that nothing overlaps. An operation belongs to the method of `DCGAN` that made
it. The convolutions have what is left of the least processor time of a step: they take so long that on a machine with
other work none of them is ever left alone.
"""

import collections
import os
import tempfile
import time
from pathlib import Path

os.environ |= {'TF_NUM_INTRAOP_THREADS': '1', 'TF_NUM_INTEROP_THREADS': '1'}

import numpy as np
from absl import app, flags
from measuring import POLICIES, peak_flops

_PRESET = flags.DEFINE_string('preset', 'cifar32', 'Preset.')
_UPDATES = flags.DEFINE_string('updates', 'simultaneous', 'Order of the updates.')
_AUGMENT = flags.DEFINE_string('augment', 'none', 'Augmentation.')
_BATCH = flags.DEFINE_integer('batch_size', 64, 'Images of a step.')
_PRECISION = flags.DEFINE_enum('precision', 'float32', list(POLICIES), 'Number format of the networks.')
_STEPS = flags.DEFINE_integer('steps', 40, 'Counted steps.')

METHODS = {  # of `DCGAN` -> group
    '_move_average': 'average of the weights', '_check': 'checks', '_apply': 'Adam', 'augment': 'augmentation',
}  # fmt: skip
CONVOLUTIONS, REST = 'convolutions', 'rest: losses, random numbers, sums'
GROUPS = {  # part of the type of an operation -> group; the first that fits, before the methods
    'Conv2D': CONVOLUTIONS, 'BatchNorm': 'batch normalisation', 'Relu': 'activations', 'Tanh': 'activations',
    'MatMul': 'dense layers', 'L2Loss': 'checks',
}  # fmt: skip
# passes through the discriminator's convolutions: values, gradients for maps and kernels, of real and fake images
PASSES = {'simultaneous': 7, 'alternating': 8}


def group_of(name, kind):
    """Returns the group of an operation with this name and type."""
    by_kind = (group for part, group in GROUPS.items() if part in kind)
    by_method = (group for method, group in METHODS.items() if f'method{method}' in name)
    return next(by_kind, None) or next(by_method, REST)


def name_methods(gan):
    """Lets the operations of some methods bear their names."""
    from stylegen.dcgan import gan as module
    from stylegen.utils.backend import tf

    def scoped(function, name):
        def call(*args):
            with tf.name_scope(name):
                return function(*args)

        return call

    for method in METHODS:
        owner = gan if hasattr(gan, method) else module

        setattr(owner, method, scoped(getattr(owner, method), f'method{method}'))


def operations(folder):
    """Returns the microseconds of each operation of a profile, by name and type."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    space = xplane_pb2.XSpace()
    space.ParseFromString(next(Path(folder).rglob('*.xplane.pb')).read_bytes())
    found = collections.Counter()
    for plane in space.planes:
        names = {key: value.name for key, value in plane.event_metadata.items()}
        for event in (event for line in plane.lines for event in line.events):
            name, _, kind = names[event.metadata_id].rpartition(':')
            if name and kind.replace('_', '').isalnum() and not name.endswith(':'):
                found[name, kind] += event.duration_ps / 1e6
    return found


def flops(gan, batch):
    """Returns the floating point operations of the convolutions of a step."""
    total = 0
    for network, times in ((gan.generator, 3), (gan.discriminator, PASSES[gan.updates])):
        for layer in network.layers:
            if len(layer.weights) and len(layer.weights[0].shape) == 4:
                positions = min(np.prod(tensor.shape[1:3]) for tensor in (layer.input, layer.output))
                fewer = 2 * (layer.input is network.inputs[0])  # the discriminator's loss has no gradient for images
                total += 2 * (times - fewer) * batch * positions * np.prod(layer.weights[0].shape)
    return total


def main(argv):
    del argv
    from stylegen.dcgan.plan import make_plan
    from stylegen.utils.backend import tf

    precision = POLICIES[_PRECISION.value]
    chosen = {'updates': _UPDATES.value, 'augment': _AUGMENT.value, 'batch_size': _BATCH.value}
    plan = make_plan(preset=_PRESET.value, precision=precision, **chosen)
    gan = plan.build()
    name_methods(gan)
    images = np.random.default_rng(0).integers(0, 256, (_BATCH.value, *plan.size, plan.channels)).astype(np.uint8)
    batch = tf.constant(images), tf.zeros([_BATCH.value], tf.int32)
    step = tf.function(gan.train_step)
    options = tf.profiler.experimental.ProfilerOptions(host_tracer_level=2, python_tracer_level=0)
    step(batch)
    processor, least = [], {}
    for _ in range(_STEPS.value):
        began = time.process_time()
        step(batch)['d_loss'].numpy()
        processor.append(time.process_time() - began)
        with tempfile.TemporaryDirectory() as folder:
            tf.profiler.experimental.start(folder, options)
            step(batch)['d_loss'].numpy()
            tf.profiler.experimental.stop()
            for key, microseconds in operations(folder).items():
                least[key] = min(least.get(key, microseconds), microseconds)
    groups = collections.Counter()
    for key, microseconds in least.items():
        groups[group_of(*key)] += microseconds / 1e3
    total = min(processor) * 1e3
    groups[CONVOLUTIONS] = total - (sum(groups.values()) - groups[CONVOLUTIONS])
    print(f'{plan.preset}, {gan.updates}, augment {_AUGMENT.value}, batches of {_BATCH.value}, {_PRECISION.value}')
    for group, milliseconds in groups.most_common():
        print(f'{group:<40} {milliseconds:8.2f} ms {milliseconds / total:6.1%}')
    share = flops(gan, _BATCH.value) / peak_flops(_PRECISION.value) / min(processor)
    print(f'{"a step":<40} {total:8.2f} ms; {share:.0%} of the peak of a 3 x 3 convolution')


if __name__ == '__main__':
    app.run(main)
