"""Save intermediate pictures of style transfers, for `train_student.py --underway` to train on.

Command:   python experiments/underway.py --data=DATA --network=WORK/student.keras --output=UNDERWAY --count=300
Time:      about 10 seconds for a transfer of 96 to 256 px on two idle cores; four pictures of each transfer are saved
Expected:  UNDERWAY/NUMBER_STEP.png, where NUMBER starts with --first

The network file is opened again after every --reopen transfers, so that the pictures come from the current state of the
student. With --held_out the photographs and paintings are those that measure the student and do not train it.
"""

from pathlib import Path

import numpy as np
from absl import app, flags
from student_pictures import Pictures, read_folder

from stylegen import images
from stylegen.images import pixels
from stylegen.networks.small_vgg import SMALL_VGG_COMPONENTS
from stylegen.style import Stylizer

CONTENT_LAYER = 'block4_conv2'
STYLE_LAYERS = ('input', *(name for name in SMALL_VGG_COMPONENTS if name != CONTENT_LAYER))
KEPT = 4  # pictures of each transfer that are saved


def random_settings(rng):
    """Draws settings of a transfer, such as users may choose."""
    return {
        'strength': float(rng.uniform(0.3, 0.9)),
        'tv_weight': float(rng.choice([0, 2, 6, 6, 12])),
        'loss': str(rng.choice(['wasserstein', 'wasserstein', 'gram', 'covariance'])),
        'init': str(rng.choice(['content', 'content', 'noise'])),
        'optimizer': str(rng.choice(['adam', 'adam', 'lbfgs'])),
        'iterations': int(rng.choice([40, 60, 100])),
    }


def scaled(picture, side):
    """Returns a picture as float32 in [0, 1], reduced so that no side is longer than `side`."""
    height, width = picture.shape[:2]
    factor = min(1.0, side / max(height, width))
    shape = round(height * factor), round(width * factor)
    return pixels.resize(picture.astype(np.float32) / 255, shape)


class Keeper:
    """A callback that saves some of the pictures that it gets."""

    def __init__(self, path, rng):
        self.path, self.rng, self.told, self.kept = path, rng, 0, 0

    def __call__(self, step):
        self.told += 1
        if self.kept < KEPT and max(step.image.shape) > 112 and self.rng.random() < 0.4:
            self.kept += 1
            images.save_image(f'{self.path}_{self.told}.png', np.clip(step.image, 0, 1))


def main(argv):
    if len(argv) > 1:
        raise app.UsageError(f'Unexpected arguments: {argv[1:]}')
    output = Path(_OUTPUT.value)
    output.mkdir(parents=True, exist_ok=True)
    pictures = Pictures(_DATA.value)
    if _HELD_OUT.value:
        photos, paintings = pictures.held_out['photos'], pictures.held_out['paintings']
    else:
        photos, paintings = pictures.photos, pictures.paintings
        for folder in _STYLES.value:
            paintings += read_folder(folder).values()
    for number in range(_FIRST.value, _FIRST.value + _COUNT.value):
        rng = np.random.default_rng([_SEED.value, number])
        if (number - _FIRST.value) % _REOPEN.value == 0:
            stylizer = Stylizer(
                network=_NETWORK.value,
                style_layers=dict.fromkeys(STYLE_LAYERS, 1.0),
                content_layers={CONTENT_LAYER: 1.0},
                **random_settings(rng),
            )
        side = int(rng.choice([144, 192, 256]))
        content = scaled(photos[rng.integers(len(photos))], side)
        style = scaled(paintings[rng.integers(len(paintings))], 256)
        keeper = Keeper(output / f'{number:05d}', rng)
        stylizer(content, [(style, 1.0)], seed=number, callback=keeper, steps_per_call=int(rng.choice([5, 15, 25])))
        print(number, content.shape, style.shape, keeper.kept, flush=True)


_DATA = flags.DEFINE_string('data', None, 'Folder with the archives, see student_pictures.py.', required=True)
_STYLES = flags.DEFINE_list('styles', [], 'Folders of further paintings.')
_NETWORK = flags.DEFINE_string('network', None, 'The .keras file of the student.', required=True)
_OUTPUT = flags.DEFINE_string('output', None, 'Folder for the pictures.', required=True)
_HELD_OUT = flags.DEFINE_bool('held_out', False, 'Use the held-out photographs and paintings.')
_FIRST = flags.DEFINE_integer('first', 0, 'Number of the first transfer.')
_COUNT = flags.DEFINE_integer('count', 300, 'Number of transfers.')
_REOPEN = flags.DEFINE_integer(
    'reopen', 8, 'Number of transfers with the same settings and the same state of the network.'
)
_SEED = flags.DEFINE_integer('seed', 0, 'Seed of the random choices.')


if __name__ == '__main__':
    app.run(main)
