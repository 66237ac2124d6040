"""Train the regression that tells whether a style shows a face, see `stylegen.style.faces`.

Command:   python experiments/train_faces.py --paintings=PAINTINGS --caltech=CALTECH [--output=faces.npz]
Time:      one minute on two cores
Expected:  the share of faces that are found, and of other pictures that are taken for one, by 8-fold cross-validation

PAINTINGS is the unpacked folder of paintings_256.zip, CALTECH that of Caltech-101 (CC BY 4.0). faces.csv, beside this
file, says which of the paintings show a face of about a fifth of their height or more, as one person saw them, and
which are left out because the face is smaller or hidden. All others show none. Of Caltech-101 come 60 faces of each of
its two classes, and three pictures of every other class, at half weight.
"""

import csv
import random
from pathlib import Path

import numpy as np
from absl import app, flags

from stylegen import images
from stylegen.images import pixels
from stylegen.style import faces
from stylegen.utils.npz import save_arrays

FACES = Path(__file__).with_name('faces.csv')
FOLDS = 8
FACE_WEIGHT = 3.0  # a face counts as much as so many others
PENALTY = 2e-5  # on the squared weights
FALSE = 0.02  # share of the pictures without a face that may be taken for one

_PAINTINGS = flags.DEFINE_string('paintings', None, 'Folder of paintings.', required=True)
_CALTECH = flags.DEFINE_string('caltech', None, 'Folder of Caltech-101.', required=True)
_OUTPUT = flags.DEFINE_string('output', 'faces.npz', 'File that gets the weights.')


def main(argv):
    """Trains and measures."""
    del argv
    pairs = [(path, shown, 1.0) for path, shown in paintings()] + [(*pair, 0.5) for pair in photographs()]
    found = np.stack([faces.features(picture(path)) for path, *_ in pairs])
    labels = np.array([shown for _, shown, _ in pairs], np.float64)
    weights = np.array([weight for *_, weight in pairs]) * np.where(labels > 0, FACE_WEIGHT, 1)
    painted = np.array([weight == 1 for *_, weight in pairs])
    mean, deviation = found.mean(0), found.std(0) + 1e-3
    scale = deviation * np.sqrt(found.shape[1])
    inputs = (found - mean) / scale
    fold = np.random.default_rng(0).integers(0, FOLDS, len(pairs))
    scores = np.zeros(len(pairs))
    for number in range(FOLDS):
        kept, other = fold != number, fold == number
        slope, offset = regression(inputs[kept], labels[kept], weights[kept])
        scores[other] = inputs[other] @ slope + offset
    faces_of, others = (scores[painted & (labels == kind)] for kind in (1, 0))
    threshold = np.quantile(others, 1 - FALSE)
    print(f'{len(faces_of)} paintings with a face, {np.mean(faces_of > threshold):.2f} of them found')
    taken = [
        path.name
        for (path, *_), score, one in zip(pairs, scores, painted & (labels == 0), strict=True)
        if one and score > threshold
    ]
    print(f'{len(others)} others, {np.mean(others > threshold):.3f} of them taken for one: {", ".join(taken)}')
    slope, offset = regression(inputs, labels, weights)
    arrays = {'weights': slope / scale, 'bias': np.array(offset - threshold - (mean / scale) @ slope)}
    save_arrays(_OUTPUT.value, {name: array.astype(np.float32) for name, array in arrays.items()})
    print(f'written  {_OUTPUT.value}')


def picture(path):
    """A picture as `shows_face` sees it."""
    whole = images.load_image(path)
    return images.resize(whole, pixels.fit(whole.shape, faces.SIDE)).clip(0, 1)


def paintings():
    """Pairs of a path and whether a face is shown."""
    with FACES.open(newline='') as file:
        said = {row['path']: row['face'] for row in csv.DictReader(file)}
    folder = Path(_PAINTINGS.value)
    for path in sorted(folder.glob('*/*')):
        shown = said.get(path.relative_to(folder).as_posix(), 'no')
        if shown != 'unsure':
            yield path, shown == 'yes'


def photographs():
    """Pairs of a path and whether a face is shown, of Caltech-101."""
    chance = random.Random(0)
    for folder in sorted(path for path in Path(_CALTECH.value).iterdir() if path.is_dir()):
        shown = folder.name.startswith('Faces')
        paths = sorted(folder.glob('*.jpg'))
        yield from ((path, shown) for path in chance.sample(paths, min(len(paths), 60 if shown else 3)))


def regression(inputs, labels, weights, steps=30):
    """The slope and the offset of a penalised logistic regression, by Newton's method."""
    inputs = np.column_stack([inputs, np.ones(len(inputs))])
    penalty = np.diag([2 * PENALTY] * (inputs.shape[1] - 1) + [0.0])
    weights, solution = weights / weights.sum(), np.zeros(inputs.shape[1])
    for _ in range(steps):
        guesses = 1 / (1 + np.exp(-(inputs @ solution)))
        slope = inputs.T @ (weights * (guesses - labels)) + penalty @ solution
        curvature = (inputs.T * (weights * guesses * (1 - guesses))) @ inputs + penalty
        solution -= np.linalg.solve(curvature, slope)
    return solution[:-1], solution[-1]


if __name__ == '__main__':
    app.run(main)
