"""What the benchmarks share: a clock for steps, programs in processes of their own, and the peaks of this machine.

A row of a table is a program and the precision that it computes in, 'ours, bfloat16': a figure of one is never compared
with one of the other unsaid, and a share of the peak is one of the peak in the same precision.
"""

import importlib.util
import json
import resource
import subprocess
import sys
import time

import numpy as np

POLICIES = {'float32': 'float32', 'bfloat16': 'mixed_bfloat16'}  # by the precision of a row, what our functions call it


def rows_of(name):
    """The rows of a program of ours, one in each precision: {row: what our functions call the precision}."""
    return {f'{name}, {precision}': policy for precision, policy in POLICIES.items()}


def precision_of(row):
    """The precision that a row says."""
    precision = row.rpartition(', ')[2]
    if precision not in POLICIES:
        raise ValueError(f'the row {row!r} does not say its precision')
    return precision


def check_precision(model, policy):
    """Refuses to measure a network of Keras whose convolutions compute in something else."""
    found = {layer.compute_dtype for layer in model.layers if 'Conv' in type(layer).__name__}
    if found != {policy.removeprefix('mixed_')}:
        raise ValueError(f'the network computes in {", ".join(sorted(found))}, not in {policy}')


class Clock:
    """Seconds of each step on the clock and of the processor; the first step, which traces, is kept apart."""

    def __init__(self):
        self._times = []

    def tick(self):
        """Called before the first step and after each."""
        self._times.append((time.perf_counter(), time.process_time()))

    def medians(self):
        """Of a step, on the clock and of the processor, and what the first took beyond."""
        first, *later = np.diff(self._times, axis=0)
        wall, processor = np.median(later, axis=0)
        return wall, processor, first[0] - wall


def peak_flops(precision):
    """The best of a 3 x 3 convolution's operations in a second of the processor, in 'float32' or 'bfloat16'."""
    from stylegen.utils.backend import tf

    x = tf.cast(tf.random.normal([4, 64, 64, 256]), precision)
    kernel = tf.cast(tf.random.normal([3, 3, 256, 256]), precision)
    convolve = tf.function(lambda: tf.reduce_sum(tf.nn.conv2d(x, kernel, 1, 'SAME')))
    convolve()
    times = []
    for _ in range(10):
        began = time.process_time()
        convolve().numpy()
        times.append(time.process_time() - began)
    return 2 * 4 * 64 * 64 * 256 * 9 * 256 / min(times)


def peak_gigabytes():
    """The most memory that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def in_process(script, **flags):
    """What a benchmark prints last, read as JSON, when it runs with these flags in a process of its own."""
    command = [sys.executable, script, *(f'--{name}={value}' for name, value in flags.items())]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1]) if done.stdout else None


def runnable(names):
    """Of programs those that can run here: without PyTorch, not its own."""
    return [name for name in names if 'pytorch' not in name or importlib.util.find_spec('torch')]
