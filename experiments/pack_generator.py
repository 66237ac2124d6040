"""Pack the generator of a run into the file that ships with the package, and measure how its pictures change.

Command:   python experiments/pack_generator.py --workdir=RUN --output=stylegen/weights/dcgan_cifar10.npz
Time:      some seconds
Expected:  the .npz, its .sha256 beside it, and two lines: the size of the file, and the greatest and mean difference of
           64 pictures in 8-bit levels

Run `stylegen.dcgan evaluate` first. The manifest of the data and the figures in the run's evaluation.json go into the
file, and from there into the card of each export. The card beside the file (dcgan_cifar10.md) is written by hand: data,
command, time of training, and quality.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from absl import app, flags

from stylegen.dcgan.latent_vectors import latents
from stylegen.dcgan.load import WHICH
from stylegen.dcgan.opening import labels_of, open_generator
from stylegen.dcgan.shipped import load_packed, pack_generator
from stylegen.images.pixels import to_uint8
from stylegen.runs.records import versions
from stylegen.training.checkpoints import LAST
from stylegen.utils.errors import UserError

MOST_BYTES = 6_000_000

_WORKDIR = flags.DEFINE_string('workdir', None, 'Workdir of the run.', required=True)
_CHECKPOINT = flags.DEFINE_string('checkpoint', LAST, 'Checkpoint to pack: last, best or the number of a step.')
_WHICH = flags.DEFINE_enum(
    'which', None, list(WHICH), 'Averaged or live weights; by default averaged ones if the run has them.'
)
_OUTPUT = flags.DEFINE_string('output', None, 'File for the .npz.', required=True)


def main(argv) -> None:
    """Packs the generator, opens the packed file and compares the pictures of both."""
    del argv
    seeds = range(64)
    try:
        generator = open_generator(_WORKDIR.value, checkpoint=_CHECKPOINT.value, which=_WHICH.value)
    except UserError as error:
        sys.exit(f'pack_generator: {error}')
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / 'trial.npz'
        pack_generator(generator, trial)
        if trial.stat().st_size > MOST_BYTES:
            sys.exit(f'pack_generator: {trial.stat().st_size:,} bytes; what ships has {MOST_BYTES:,} at most')
    digest = pack_generator(generator, _OUTPUT.value, packages=versions())
    size = Path(_OUTPUT.value).stat().st_size
    given = latents(seeds, generator.latent_dim), labels_of(generator, seeds)
    before, after = (to_uint8(one(*given)).astype(int) for one in (generator, load_packed(_OUTPUT.value)))
    moved = np.abs(before - after)
    print(f'{_OUTPUT.value}: {size:,} bytes, sha256 {digest}')
    print(f'64 pictures moved by {moved.max()} at most, {moved.mean():.4f} on average, of 255')


if __name__ == '__main__':
    app.run(main)
