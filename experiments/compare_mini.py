"""Show dreams and style transfers by several weights of `mini` side by side, to choose between the weights.

Command:   python experiments/compare_mini.py --output=sheet.png --style=painting.jpg [--photos=a.jpg,b.jpg] A.npz B.npz
Time:      about 2 minutes a candidate on two cores
Expected:  a contact sheet with a row for each candidate: dreams with three layers on each photograph, and one style
           transfer

The candidate 'random' is the control: the same network without training.
"""

import tempfile
from pathlib import Path

from absl import app, flags

import stylegen
from stylegen import images
from stylegen.deepdream import dream
from stylegen.networks import feature_extractor
from stylegen.networks.mini import build_mini, mini_classes, save_mini
from stylegen.style import transfer

STYLE_LAYERS = ('block1_conv1', 'block1_conv2', 'block2_conv1', 'block2_conv2', 'block3_conv1', 'block3_conv3')
DREAM_LAYERS = ('block3_conv3', 'block4_conv2', 'block5_conv1')
SETTINGS = {  # a plain Gatys transfer, coarse to fine
    'loss': 'gram',
    'content_weight': 0.2,
    'style_weight': 6.0,
    'tv_weight': 5.0,
    'learning_rate': 0.02,
    'ema_decay': 0.0,
    'iterations': (120, 100, 80, 60, 40),
}


def random_mini(folder):
    """Writes the random weights of an untrained network and returns the path of the file."""
    model = build_mini(len(mini_classes()))
    arrays = {f'{layer.name}/{w.name}': w.numpy() for layer in model.layers for w in layer.weights}
    path = Path(folder) / 'random.npz'
    save_mini(path, {name: a for name, a in arrays.items() if 'normalize' not in name}, mini_classes())
    return path


_OUTPUT = flags.DEFINE_string('output', 'compare_mini.png', 'File for the contact sheet.')
RACCOON = Path(stylegen.__file__).parent / 'pictures' / 'raccoon.jpg'
_PHOTOS = flags.DEFINE_list('photos', [str(RACCOON)], 'Photographs to dream on.')
_STYLE = flags.DEFINE_string(
    'style', None, 'Painting to transfer to the first photograph; without it there is no transfer.'
)


def main(argv):
    photos = [images.load_image(path, 384) for path in _PHOTOS.value]
    style = images.load_image(_STYLE.value) if _STYLE.value else None
    pictures, labels = [], []
    with tempfile.TemporaryDirectory() as folder:
        for candidate in argv[1:]:
            weights = random_mini(folder) if candidate == 'random' else candidate
            for photo in photos:
                for layer in DREAM_LAYERS:
                    extractor = feature_extractor('mini', (layer,), weights=weights)
                    pictures.append(dream(photo, network=extractor))
                    labels.append(f'{Path(candidate).stem}: {layer}')
            if style is not None:
                extractor = feature_extractor('mini', STYLE_LAYERS, weights=weights)
                layers = {'style_layers': dict.fromkeys(STYLE_LAYERS, 1.0), 'content_layers': {'block3_conv3': 1.0}}
                pictures.append(transfer(photos[0], style, network=extractor, **layers, **SETTINGS))
                labels.append(f'{Path(candidate).stem}: style')
    columns = len(photos) * len(DREAM_LAYERS) + (style is not None)
    print(images.save_image(_OUTPUT.value, images.contact_sheet(pictures, labels, columns=columns)))


if __name__ == '__main__':
    app.run(main)
