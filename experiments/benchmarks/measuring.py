"""Helpers of the benchmarks: a clock for steps, measurements in separate processes, and the peaks of this machine.

A row of a table names a program and its precision, such as 'ours, bfloat16', so that a reader sees which precisions are
compared. A share of the peak refers to the peak in the same precision.
"""

import importlib.util
import json
import resource
import subprocess
import sys
import time

import numpy as np

POLICIES = {
    'float32': 'float32',
    'bfloat16': 'mixed_bfloat16',
}  # the precision in a row -> the precision in our functions


def rows_of(name):
    """Returns the rows of one of our programs, one for each precision: {row: precision as our functions name it}."""
    return {f'{name}, {precision}': policy for precision, policy in POLICIES.items()}


def precision_of(row):
    """Returns the precision that a row names."""
    precision = row.rpartition(', ')[2]
    if precision not in POLICIES:
        raise ValueError(f'the row {row!r} does not say its precision')
    return precision


def check_precision(model, policy):
    """Raises a ValueError if the convolutions of a Keras network compute in another precision."""
    found = {layer.compute_dtype for layer in model.layers if 'Conv' in type(layer).__name__}
    if found != {policy.removeprefix('mixed_')}:
        raise ValueError(f'the network computes in {", ".join(sorted(found))}, not in {policy}')


class Clock:
    """Measures the wall time and the processor time of each step. The first step is kept apart, since it traces."""

    def __init__(self):
        self._times = []

    def tick(self):
        """Notes the time; to be called before the first step and after each step."""
        self._times.append((time.perf_counter(), time.process_time()))

    def medians(self):
        """Returns the medians of a step.

        Returns:
            wall: Seconds of wall time.
            processor: Seconds of processor time.
            first: Seconds of wall time that the first step took in addition.
        """
        first, *later = np.diff(self._times, axis=0)
        wall, processor = np.median(later, axis=0)
        return wall, processor, first[0] - wall


def peak_flops(precision):
    """Returns the most operations of a 3 x 3 convolution per second of processor time, in 'float32' or 'bfloat16'."""
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
    """Returns the most memory in GiB that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def in_process(script, **flags):
    """Runs a benchmark with these flags in a separate process and returns its last line, read as JSON."""
    command = [sys.executable, script, *(f'--{name}={value}' for name, value in flags.items())]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1]) if done.stdout else None


def runnable(names):
    """Returns the programs that can run here: those of PyTorch only if it is installed."""
    return [name for name in names if 'pytorch' not in name or importlib.util.find_spec('torch')]
