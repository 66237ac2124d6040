"""Measure composing: least squares beside other libraries, a grade of 24 megapixels, a mosaic of 7,500 blocks.

Command:   python experiments/benchmarks/compose.py [--parts=fit,grade,mosaic] [--rounds=5] [--tiles=FOLDER_OR_ZIP]
Needs:     nothing; OpenCV and scikit-learn have rows where they are installed. Without --tiles 5,000 JPEG files of 128
           pixels are cut out of noise and of the pictures of the package
Time:      about 2 minutes on two cores
Expected:  three tables. Measured on two cores while other programs ran (load 6 to 12): T in 0.09 s, numpy.linalg.lstsq
           1.09 s, OpenCV 2.29 s by QR and 1.68 s by normal equations; T differs from numpy's by 2.9e-12. A grade of 24
           megapixels takes 1.07 s in memory and 6.4 s from file to file, of which saving the JPEG takes about half. A
           mosaic from 5,000 pictures of Caltech-101 takes 7.9 to 10.9 s and 0.25 GB

fit: T (3 x 20) of a cubic basis, from 1,000,000 pixels: X is given, (20, pixels) in float64, and each program finds T
from it. In each round every program has one turn; the first round is not counted. The figures are medians. The largest
difference to numpy.linalg.lstsq, which works on X and not on X X^T, stands beside.

grade: T X of 6000 x 4000 pixels in memory, in float32, and the command from a JPEG file to a JPEG file.

mosaic: the command, 100 x 75 blocks from 5,000 files, and the most memory that it held.
"""

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
from absl import app, flags
from measuring import peak_gigabytes

PIXELS, TILES, SHAPE = 1_000_000, 5000, (4000, 6000)

_PARTS = flags.DEFINE_list('parts', ['fit', 'grade', 'mosaic'], 'Parts to measure.')
_ROUNDS = flags.DEFINE_integer('rounds', 5, 'Number of counted turns of each program.')
_TILES = flags.DEFINE_string('tiles', None, 'Folder or archive of tiles; at most 5,000 are taken.')
_CHILD = flags.DEFINE_list('child', None, 'Internal: a command of stylegen.compose, whose time and memory are printed.')


def ours(x, y):
    from stylegen.compose.solving import least_squares, mean_moments

    step = 1 << 15
    bands = ((x[:, at : at + step], y[:, at : at + step]) for at in range(0, x.shape[1], step))
    return least_squares(mean_moments(bands)).matrix


def numpy_lstsq(x, y):
    return np.linalg.lstsq(x.T, y.T, rcond=None)[0].T


def opencv(x, y):
    import cv2

    return cv2.solve(np.ascontiguousarray(x.T), np.ascontiguousarray(y.T), flags=cv2.DECOMP_QR)[1].T


def opencv_normal(x, y):
    import cv2

    return cv2.solve(x.T, y.T, flags=cv2.DECOMP_CHOLESKY | cv2.DECOMP_NORMAL)[1].T


def scikit_learn(x, y):
    from sklearn.linear_model import LinearRegression

    return LinearRegression(fit_intercept=False).fit(x.T, y.T).coef_


PROGRAMS = {
    'ours, float64': ours,
    'numpy.linalg.lstsq, float64': numpy_lstsq,
    'OpenCV, QR, float64': opencv,
    'OpenCV, normal equations, float64': opencv_normal,
    'scikit-learn, float64': scikit_learn,
}


def photo(shape, seed=0):
    """A photograph-like picture: smooth, with grain."""
    from stylegen import images

    rng = np.random.default_rng(seed)
    coarse = images.resize(rng.random((shape[0] // 40, shape[1] // 40, 3)).astype(np.float32), shape)
    return np.clip(coarse + 0.02 * rng.standard_normal(shape, np.float32)[..., None], 0, 1)


def runnable():
    needs = {'OpenCV': 'cv2', 'scikit': 'sklearn'}
    missing = [name for name, module in needs.items() if not importlib.util.find_spec(module)]
    return {row: program for row, program in PROGRAMS.items() if not row.startswith(tuple(missing) or '-')}


def measure_fit():
    from stylegen.compose.recipe import Recipe

    picture = photo((1000, PIXELS // 1000))
    x = np.concatenate([part for _, part in Recipe(('a',), 'cubic').bands([picture], dtype=np.float64)], axis=1)
    y = np.random.default_rng(1).normal(0, 0.3, (3, 20)) @ x + np.random.default_rng(2).normal(0, 0.01, (3, PIXELS))
    programs = runnable()
    times, found = {row: [] for row in programs}, {}
    for turn in range(_ROUNDS.value + 1):
        for row, program in programs.items():
            began = time.perf_counter()
            found[row] = program(x, y)
            if turn:
                times[row].append(time.perf_counter() - began)
    reference = found['numpy.linalg.lstsq, float64']
    print(f'\n{"T of 3 x 20, 1,000,000 pixels":<36} {"seconds":>9} {"largest difference":>20}')
    for row in programs:
        print(f'{row:<36} {statistics.median(times[row]):9.3f} {np.abs(found[row] - reference).max():20.1e}')


def measure_grade(folder):
    from stylegen import images
    from stylegen.compose import learn_grade
    from stylegen.compose.fitting import product

    before = photo((400, 600))
    images.save_image(folder / 'before.png', before)
    images.save_image(folder / 'after.png', before**0.8)
    large = photo(SHAPE)
    images.save_image(folder / 'large.jpg', large)
    look = learn_grade(before, before**0.8)
    times = []
    for turn in range(_ROUNDS.value + 1):
        began = time.perf_counter()
        product(look.matrix, look.recipe, [large])
        if turn:
            times.append(time.perf_counter() - began)
    del large
    pair = [f'--before={folder}/before.png', f'--after={folder}/after.png']
    seconds, memory, said = command('grade', f'{folder}/large.jpg', *pair, f'--output={folder}/made.jpg')
    print(f'\n{"grade of 6000 x 4000 pixels, float32":<52} {"seconds":>9} {"peak GB":>9}')
    print(f'{"T X in memory":<52} {statistics.median(times):9.2f}')
    print(f'{"the command, JPEG to JPEG":<52} {seconds:9.2f} {memory:9.2f}   {said}')


def command(*args):
    """Runs a command in a process of its own: seconds by the clock, its peak memory, and its last line."""
    child = [sys.executable, __file__, '--child=' + ','.join(args)]
    began = time.perf_counter()
    done = subprocess.run(child, stdout=subprocess.PIPE, text=True, check=True)
    seconds = time.perf_counter() - began
    *_, said, memory = done.stdout.splitlines()
    return seconds, json.loads(memory), said


def tiles_in(folder):
    """A zip of 5,000 small JPEG files."""
    from stylegen import images
    from stylegen.compose.tiles import cut_tiles
    from stylegen.datasets.archives import listing
    from stylegen.runs.inputs import PICTURES

    path = folder / 'tiles.zip'
    with zipfile.ZipFile(path, 'w') as archive:
        if _TILES.value:
            names, read = listing(Path(_TILES.value))
            for name in names[:: max(1, len(names) // TILES)][:TILES]:
                archive.writestr(name, read(name))
            return path
        pictures = {one.stem: images.load_image(one) for one in sorted(PICTURES.glob('*.jpg'))}
        pictures |= {f'noise{seed}': photo((400, 600), seed) for seed in range(10)}
        cut = cut_tiles(pictures, 128, 4, 0, TILES)
        for number in range(TILES):
            images.save_image(folder / 'tile.jpg', images.from_uint8(cut.load(number)), quality=90)
            archive.write(folder / 'tile.jpg', f'{number}.jpg')
    return path


def measure_mosaic(folder):
    from stylegen import images

    images.save_image(folder / 'target.jpg', photo((900, 1200), 3))
    path = tiles_in(folder)
    seconds, memory, said = command('mosaic', f'{folder}/target.jpg', str(path), f'--output={folder}/mosaic.jpg')
    print(f'\n{"mosaic of 100 x 75 blocks from 5,000 files":<52} {"seconds":>9} {"peak GB":>9}')
    print(f'{"the command, 2400 x 1800 pixels, float32":<52} {seconds:9.2f} {memory:9.2f}   {said}')


def main(argv):
    del argv
    if _CHILD.value:
        from stylegen.compose.__main__ import main as compose

        code = compose(['stylegen-compose', *_CHILD.value])
        print(json.dumps(peak_gigabytes()))
        sys.exit(code)
    print(f'{os.cpu_count()} cores, numpy {np.__version__}, load {os.getloadavg()[0]:.1f}')
    with tempfile.TemporaryDirectory() as name:
        if 'fit' in _PARTS.value:
            measure_fit()
        if 'grade' in _PARTS.value:
            measure_grade(Path(name))
        if 'mosaic' in _PARTS.value:
            measure_mosaic(Path(name))


if __name__ == '__main__':
    app.run(main)
