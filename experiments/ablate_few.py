"""Measure what helps a DCGAN that has few pictures: no augmentation, augmentation, or an adaptive one, at equal steps.

Command:   python experiments/ablate_few.py --data=motorbikes/ --workdir=few [--counts=100,600] [--steps=800]
Time:      about four minutes an arm on two cores that others use too; the same command continues an interrupted run
Expected:  a table of kid_mini against pictures that no arm was trained on, of the discriminator's overfitting at the
           end (see `stylegen.dcgan.overfitting`), and few/samples.png with 24 pictures of each arm

Measured on motorbikes, 800 steps, float32, 2026-11-27: kid_mini of augmented, plain and adaptive is 0.59, 3.14 and 1.58
for 100 pictures, 0.17, 1.70 and 1.89 for 600. One sees motorbikes in each of the augmented arms, grey shades of them in
the others; plain makes one picture of 100. So `few64` augments from the first step. An adaptive augmentation begins
with none and has not caught up by then. A second run of 100 augmented had 0.37: differences below 0.3 say nothing.

DATA is a folder of one class, such as Motorbikes of Caltech-101 (798 pictures, CC BY 4.0). The same REFERENCE pictures
of it are trained on by no arm. Every arm trains `few64` with seed 0; it differs from the first in the settings of ARMS.
"""

from pathlib import Path

import numpy as np
from absl import app, flags

ARMS = {
    'augmented': {},
    'plain': {'augment': 'none'},
    'adaptive': {'augment_target': 0.6},
}
SHOWN, REFERENCE = 24, 198

_DATA = flags.DEFINE_string('data', None, 'Folder of pictures of one class.', required=True)
_WORKDIR = flags.DEFINE_string('workdir', 'few', 'Folder that holds a folder for each run.')
_COUNTS = flags.DEFINE_list('counts', ['100', '600'], 'Numbers of pictures to train on.')
_STEPS = flags.DEFINE_integer('steps', 800, 'Steps of each arm.')
_ARMS = flags.DEFINE_multi_enum('arms', list(ARMS), list(ARMS), 'Arms to train and measure.')


def main(argv):
    """Trains the arms that are not trained yet, and measures all."""
    del argv
    from stylegen.datasets.opening import open_images
    from stylegen.dcgan.evaluating import evaluate, evaluator_of
    from stylegen.dcgan.history import OVERFITTING
    from stylegen.dcgan.latent_vectors import latents
    from stylegen.dcgan.load import load_generator
    from stylegen.dcgan.training import train
    from stylegen.images import save_image
    from stylegen.images.sheets import contact_sheet, grid
    from stylegen.training.logs import read_log

    everything = open_images(_DATA.value, (64, 64), 3, fit='stretch')
    pool, reference = everything.without(REFERENCE)
    evaluator = evaluator_of(reference, count=reference.count // 2, features=['mini'])
    sheets, names = [], []
    for count in map(int, _COUNTS.value):
        data = pool.some(count)
        for arm in _ARMS.value:
            folder = Path(_WORKDIR.value) / f'{count}-{arm}'
            often = {'checkpoint_every': 200, 'collapse_every': 100, 'sample_every': _STEPS.value, 'evaluate_every': 0}
            train(data, workdir=folder, preset='few64', steps=_STEPS.value, keep=1, warn=print, **often, **ARMS[arm])
            generator = load_generator(folder)
            figures = evaluate(generator, evaluator, count=500)
            rows = read_log(folder / OVERFITTING)[-3:]
            overfitting = np.mean([float(row['overfitting']) for row in rows])
            sheets.append(grid(generator(latents(range(SHOWN), generator.latent_dim)), columns=8, gap=1))
            kid, fid = (figures[name]['value'] for name in ('kid_mini', 'fid_mini'))
            names.append(f'{count} {arm}: kid {kid:.3f}, fid {fid:.2f}, overfitting {overfitting:.2f}')
            print(names[-1], flush=True)
    save_image(Path(_WORKDIR.value) / 'samples.png', contact_sheet(sheets, names, columns=len(_ARMS.value)))


if __name__ == '__main__':
    app.run(main)
