"""Measure what spectral normalisation, averaged weights and augmentation each do for a DCGAN, at equal steps.

Command:   python experiments/ablate_dcgan.py --data=cifar10_jpeg.zip --workdir=ablation [--steps=4000]
Time:      about an hour on two cores; the same command continues an interrupted run
Expected:  a table of fid_mini, and ablation/samples.png with 40 pictures of each arm from the same latents. Measured
           after 4,000 steps in bfloat16 (floor 0.51, ceiling 180), with averaged and with live weights:
             plain          11.3  12.1
             spectral norm  20.7  22.2
             augmentation    8.8   8.6

Every arm trains `cifar32` with mirrored images, batch size 64 and seed 0, in bfloat16 if that is faster. It differs
from the first arm in one setting. The averaged and the live weights of an arm come from the same run.
"""

from pathlib import Path

import numpy as np
from absl import app, flags

ARMS = {
    'plain': {},
    'spectral norm': {'d_norm': 'spectral'},
    'augmentation': {'augment': 'translation,cutout'},
}
SHOWN = 40

_DATA = flags.DEFINE_string('data', None, 'Images to train on, as for `train`.', required=True)
_WORKDIR = flags.DEFINE_string('workdir', 'ablation', 'Folder that holds a folder for each run.')
_STEPS = flags.DEFINE_integer('steps', 4000, 'Steps of each arm.')
_COUNT = flags.DEFINE_integer('count', 2000, 'Number of generated and of real pictures for fid_mini.')
_ARMS = flags.DEFINE_multi_enum('arms', list(ARMS), list(ARMS), 'Arms to train and measure.')


def main(argv):
    """Trains the arms that are not trained yet, and measures all."""
    del argv
    from stylegen.datasets.opening import open_images
    from stylegen.dcgan.evaluating import evaluate, evaluator_of, held_out
    from stylegen.dcgan.latent_vectors import latents
    from stylegen.dcgan.load import WHICH, load_generator
    from stylegen.dcgan.training import train
    from stylegen.images import save_image
    from stylegen.images.sheets import contact_sheet, grid
    from stylegen.utils.backend import fast_precision

    data = open_images(_DATA.value, (32, 32), 3)
    evaluator = evaluator_of(data, held_out(data), count=_COUNT.value)
    rows, sheets, names, precision = [], [], [], fast_precision()
    for arm in _ARMS.value:
        folder = Path(_WORKDIR.value) / arm.replace(' ', '-')
        shared = {'flip': True, 'ema': 0.999, 'precision': precision, 'evaluate_every': 0, 'sample_every': _STEPS.value}
        train(data, workdir=folder, steps=_STEPS.value, checkpoint_every=500, keep=1, warn=print, **shared, **ARMS[arm])
        for which in WHICH:
            generator = load_generator(folder, which=which)
            figure = evaluate(generator, evaluator, count=_COUNT.value)['fid_mini']
            rows.append((arm, which, figure))
            sheets.append(grid(generator(latents(range(SHOWN), generator.latent_dim)), columns=8, gap=1))
            names.append(f'{arm}, {which}: fid_mini {figure["value"]:.3g}')
            print(names[-1], flush=True)
    large = [np.kron(sheet, np.ones((2, 2, 1), np.float32)) for sheet in sheets]
    save_image(Path(_WORKDIR.value) / 'samples.png', contact_sheet(large, names, columns=len(WHICH)))
    _, _, figure = rows[0]
    edges = f'floor {figure["floor"]:.3g}, ceiling {figure["ceiling"]:.4g}'
    print(f'fid_mini after {_STEPS.value} steps in {precision}; {edges}')
    for arm in _ARMS.value:
        values = {which: figure['value'] for name, which, figure in rows if name == arm}
        print(f'{arm:<14}', *(f'{which} {value:6.2f}' for which, value in values.items()))


if __name__ == '__main__':
    app.run(main)
