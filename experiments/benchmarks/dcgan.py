"""Measure images per second of adversarial training: ours, TensorFlow's tutorial and PyTorch's example.

Command:   python experiments/benchmarks/dcgan.py [--parts=simultaneous,alternating,compiled,input] [--rounds=9]
Needs:     the extra `bench` for PyTorch: pip install -e ".[bench]"; without it the rows of PyTorch are left out
Time:      about 10 minutes on two cores
Expected:  tables; each row names its precision. Figures are medians of the ratios in the rounds. In float32 ours is as
           fast as the tutorial on the same networks: 1.01 x by the clock (0.80 to 1.37 in 15 rounds) and 1.04 x by
           processor time (306 and 294 ms a step), measured on two cores without BF16 at a load of 11.
           Measured before `image_layers` and the fused Adam, on two cores (AVX512_BF16) with PyTorch 2.13: 1.01 x as
           fast as the tutorial with Keras's batch normalisation, 2.25 x if it is eager. It is 1.11 (channels last) to
           1.17 x as fast as PyTorch's example. Ours in bfloat16 is 1.35 and 1.39 x as fast as ours in float32, 0.94 x
           as fast as the tutorial in bfloat16 and 1.01 x as fast as PyTorch in bfloat16. In float32 a tf.function is
           2.0 x as fast as eager mode and 1.2 x as fast as XLA. 10 steps per call are no faster than one. A batch takes
           0.3 % of the time of a step. `dcgan_shares.py` says where the time goes, and what did not pay

All programs have the same networks, batch size and data: `cifar32` (1,068,928 parameters in the generator, 663,296 in
the discriminator), 64 images, and pictures of 32 x 32 that are in memory. Each program is a separate process. In each
round every program has one turn of some steps; the first round is not counted. Ours is `python -m stylegen.dcgan train`
through Keras's `fit`, with the averaged generator, the metrics, the check for non-finite values at every step, and a
row of the log for every turn. Compare only programs of the same part:

simultaneous: both gradients come from one pass of each network, as in TensorFlow's tutorial
(tensorflow.org/tutorials/generative/dcgan). Its loop is reimplemented here: one tf.function with two tapes, on batches
from `from_tensor_slices`. It runs on our networks, on our networks with Keras's batch normalisation, which the tutorial
uses, in eager mode, and in bfloat16; its convolutions are always Keras's own.

alternating: the generator learns from the discriminator after its update, as in PyTorch's example
(github.com/pytorch/examples, dcgan). Its loop is reimplemented here: the discriminator on real images, then on
generated ones, then both networks once more. It runs in PyTorch's default layout, with channels last, with
torch.compile, and with channels last in bfloat16. A batch is gathered from a tensor, which is faster than the example's
DataLoader.

compiled: our alternating step in eager mode, as a tf.function, with 10 steps per call, and with XLA.

input: the input pipeline alone, the bare step on one batch, and the step of `train`.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from functools import partial

import numpy as np
from absl import app, flags
from dcgan_rivals import BATCH, NETWORKS, pytorch, tutorial
from measuring import peak_gigabytes, rows_of, runnable

SIDE, PICTURES = 32, 10000
ENDLESS = 10**9
BATCHES = 'batch'  # the row without a network
LONGER = {BATCHES: 50}  # a short turn would only use batches that were prepared before it

_PARTS = flags.DEFINE_list('parts', ['simultaneous', 'alternating', 'compiled', 'input'], 'Parts to measure.')
_ROWS = flags.DEFINE_multi_string('row', [], 'A row to measure; by default all rows of the parts.')
_ROUNDS = flags.DEFINE_integer('rounds', 9, 'Number of counted turns of each program.')
_STEPS = flags.DEFINE_integer('steps', 10, 'Steps of a turn.')
_CHILD = flags.DEFINE_string('child', None, 'Internal: the program that this process runs, as PART:NAME.')
_DATA = flags.DEFINE_string('data', None, 'Internal: the .npz of pictures for --child.')


def ours(path, tick, updates, precision, per_call=1, jit='auto', eager=False):
    """Trains with `stylegen.dcgan`, as its command does."""
    from stylegen.datasets.opening import open_images
    from stylegen.dcgan.training import train
    from stylegen.utils.backend import tf

    if eager:
        tf.config.run_functions_eagerly(True)
        warnings.filterwarnings('ignore', 'Even though')  # a warning that functions of tf.data stay compiled
    never = dict.fromkeys(('sample_every', 'collapse_every', 'evaluate_every'), 0) | {'checkpoint_every': ENDLESS}
    with tempfile.TemporaryDirectory() as workdir:
        train(
            open_images(path, SIDE), workdir=workdir, preset=NETWORKS, batch_size=BATCH, steps=ENDLESS,
            log_every=tick.steps, steps_per_execution=per_call, jit=jit, precision=precision, updates=updates,
            callback=lambda report: tick(tick.steps), **never,
        )  # fmt: skip


def batches(path, tick):
    """Runs our input pipeline alone."""
    from stylegen.datasets.opening import open_images

    for _ in open_images(path, SIDE).batches(BATCH, seed=0):
        tick()


def bare(path, tick, precision):
    """Runs our alternating step alone, always on the same batch."""
    from stylegen.datasets.opening import open_images
    from stylegen.dcgan.plan import make_plan
    from stylegen.utils.backend import tf

    gan = make_plan(preset=NETWORKS, precision=precision).build()
    batch = next(iter(open_images(path, SIDE).batches(BATCH, seed=0)))
    step = tf.function(gan.train_step)
    while True:
        step(batch)
        tick()


def in_both(name, program, **options):
    """Returns the rows of one of our programs, one for each precision: {row: program}."""
    return {row: partial(program, precision=policy, **options) for row, policy in rows_of(name).items()}


alternating, simultaneous = partial(ours, updates='alternating'), partial(ours, updates='simultaneous')
PROGRAMS = {
    'simultaneous': {
        **in_both('ours', simultaneous),
        **in_both('tutorial', tutorial),
        "tutorial, Keras's norm, float32": partial(tutorial, norm='keras'),
        'tutorial, eager, float32': partial(tutorial, eager=True),
    },
    'alternating': {
        **in_both('ours', alternating),
        'pytorch, float32': pytorch,
        'pytorch, last, float32': partial(pytorch, last=True),
        'pytorch, compiled, float32': partial(pytorch, last=True, compiled=True),
        'pytorch, last, bfloat16': partial(pytorch, last=True, bfloat16=True),
    },
    'compiled': {
        **in_both('function', alternating, jit='off'),
        **in_both('10 steps a call', alternating, jit='off', per_call=10),
        **in_both('eager', alternating, jit='off', eager=True),
        **in_both('xla', alternating, jit='on'),
    },
    'input': {**in_both('train', alternating), **in_both('bare step', bare), BATCHES: batches},
}


def turn_of(name):
    """Returns the number of steps in a turn of a program."""
    return _STEPS.value * LONGER.get(name, 1)


class Done(Exception):
    """Raised in a child when it gets no more turns."""


class Turns:
    """In a child: waits for each turn, and prints the times of a step and the memory after it."""

    def __init__(self, steps):
        self.steps = steps
        self._wait()

    def _wait(self):
        if not sys.stdin.readline():
            raise Done
        self._left, self._began, self._processor = self.steps, time.perf_counter(), time.process_time()

    def __call__(self, done=1):
        """Counts steps that were done, and ends the turn after its last step."""
        self._left -= done
        if self._left > 0:
            return
        clock = (time.perf_counter() - self._began) / self.steps
        processor = (time.process_time() - self._processor) / self.steps
        print(json.dumps({'clock': clock, 'processor': processor, 'memory': peak_gigabytes()}), flush=True)
        self._wait()


class Child:
    """A program in a separate process."""

    def __init__(self, part, name, path):
        command = [sys.executable, __file__, f'--child={part}:{name}', f'--data={path}', f'--steps={turn_of(name)}']
        self._name = name
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def turn(self):
        """Lets the program have a turn; returns the seconds of a step, by the clock and of processors, and GiB."""
        self._process.stdin.write('go\n')
        self._process.stdin.flush()
        told = self._process.stdout.readline()
        if not told:
            sys.exit(f'{self._name} failed, see above')
        return json.loads(told)

    def end(self):
        """Ends the process."""
        self._process.stdin.close()
        self._process.wait()


def measure(part, path):
    """Measures the programs of a part.

    Returns:
        first: The figures of each program in its first turn, in which it traces.
        rounds: The figures of each program, for each counted round.
    """
    names = [name for name in runnable(PROGRAMS[part]) if not _ROWS.value or name in _ROWS.value]
    children = {name: Child(part, name, path) for name in names}
    first = {name: child.turn() for name, child in children.items()}
    rounds = [{name: child.turn() for name, child in children.items()} for _ in range(1 + _ROUNDS.value)]
    for child in children.values():
        child.end()
    return first, rounds[1:]


def compare(part, path):
    """Measures a part and prints its table."""
    first, rounds = measure(part, path)
    against = [row for name in ('ours', 'function') for row in rows_of(name) if row in first]
    head = '  '.join(f'{name + " is":>26}' for name in against)
    print(
        f'\n{part}, batches of {BATCH}; medians of {_ROUNDS.value} rounds of {_STEPS.value} steps (lowest to highest)'
    )
    print(f'{"":<32} {"images a second":>22}  {head}  {"ms of processors":>24}  first s  peak GB')
    for name in first:
        rates = spread([BATCH / one[name]['clock'] for one in rounds], '.0f')
        times = '  '.join(
            f'{spread([one[name]["clock"] / one[base]["clock"] for one in rounds], ".2f", "x"):>26}' for base in against
        )
        seconds, memory = first[name]['clock'] * turn_of(name), rounds[-1][name]['memory']
        processor = spread([one[name]['processor'] * 1e3 for one in rounds], '.1f')
        print(f'{name:<32} {rates:>22}  {times}  {processor:>24}  {seconds:7.1f}  {memory:7.2f}', flush=True)
    if part == 'input':
        shares(rounds)


def shares(rounds):
    """Prints which share of a step the input takes, and which share `fit` adds to the bare step."""
    for train, bare_step in zip(rows_of('train'), rows_of('bare step'), strict=True):
        of_batch = [one[BATCHES]['clock'] / one[train]['clock'] for one in rounds]
        of_fit = [1 - one[bare_step]['clock'] / one[train]['clock'] for one in rounds]
        print(f'a batch takes {spread(of_batch, ".2%")} of the time of a step of {train}, if not made beside it')
        print(f'{train} takes {spread(of_fit, ".1%")} of its time beyond {bare_step}', flush=True)


def spread(values, form, unit=''):
    """Writes the median of values, and the lowest and the highest."""
    lowest, highest = min(values), max(values)
    return f'{statistics.median(values):{form}}{unit} ({lowest:{form}} to {highest:{form}})'


def write_pictures(path):
    from stylegen.datasets.opening import open_images

    np.savez(path, images=open_images('shapes', SIDE).take(PICTURES))


def main(argv):
    del argv
    if _CHILD.value:
        part, name = _CHILD.value.split(':')
        try:
            PROGRAMS[part][name](_DATA.value, Turns(_STEPS.value))
        except Done:
            return
    with tempfile.TemporaryDirectory() as folder:
        path = f'{folder}/pictures.npz'
        write_pictures(path)
        for part in _PARTS.value:
            compare(part, path)


if __name__ == '__main__':
    app.run(main)
