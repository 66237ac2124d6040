"""Dreams and style transfers of several weights of `mini` side by side, to choose between them by looking.

Command:   python experiments/compare_mini.py --output=sheet.png --style=painting.jpg [--photos=a.jpg,b.jpg] A.npz B.npz
Time:      about 2 minutes a candidate on two cores
Expected:  a sheet: a row for each candidate, its dreams at three depths on each photograph, and one style transfer

'random' as a candidate is the control: the same network without training.
"""

import tempfile
from pathlib import Path

import numpy as np
from absl import app, flags

import stylegen
from stylegen import images
from stylegen.backend import tf
from stylegen.deepdream import dream
from stylegen.losses import content_loss, gram_loss, gram_matrix, total_variation_loss
from stylegen.mini import build_mini, mini_classes, save_mini
from stylegen.networks import feature_extractor
from stylegen.optimize import Objective, Term, optimize_image
from stylegen.updates import adam

STYLE_LAYERS = ('block1_conv1', 'block1_conv2', 'block2_conv1', 'block2_conv2', 'block3_conv1', 'block3_conv3')
CONTENT_LAYER = 'block3_conv3'
DREAM_LAYERS = ('block3_conv3', 'block4_conv2', 'block5_conv1')
SIZES = ((96, 120), (136, 100), (192, 80), (272, 60), (384, 40))  # longest side, Adam steps


def random_mini(folder):
    """A weights file of the network as it is before training."""
    model = build_mini(len(mini_classes()))
    arrays = {f'{layer.name}/{w.name}': w.numpy() for layer in model.layers for w in layer.weights}
    path = Path(folder) / 'random.npz'
    save_mini(path, {name: a for name, a in arrays.items() if 'normalize' not in name}, mini_classes())
    return path


def transfer(weights, content, style):
    """A plain Gatys transfer, coarse to fine."""
    extractor = feature_extractor('mini', STYLE_LAYERS, weights=weights)
    image = None
    for size, steps in SIZES:
        photo = images.resize(content, images.fit(content.shape, size))
        painting = images.resize(style, images.fit(style.shape, int(size * 1.3)))
        wanted = extractor(painting[None].clip(0, 1))
        target = extractor(photo[None].clip(0, 1))[CONTENT_LAYER]
        energy = float(tf.reduce_mean(tf.square(target)))
        terms = [Term(layer, 1.0, gram_loss(layer, gram_matrix(wanted[layer]))) for layer in STYLE_LAYERS]
        terms.append(Term('content', 0.2 / energy, content_loss(CONTENT_LAYER, target)))
        terms.append(Term('smooth', 5.0, total_variation_loss()))
        start = photo if image is None else images.resize(np.asarray(image[0]), photo.shape[:2])
        image = optimize_image(start[None].clip(0, 1), Objective(extractor, tuple(terms)), adam(0.02), steps)
    return np.asarray(image[0])


_OUTPUT = flags.DEFINE_string('output', 'compare_mini.png', 'The sheet.')
RACCOON = Path(stylegen.__file__).parent / 'pictures' / 'raccoon.jpg'
_PHOTOS = flags.DEFINE_list('photos', [str(RACCOON)], 'Photographs to dream on.')
_STYLE = flags.DEFINE_string('style', None, 'Painting to transfer to the first photograph; without one, none.')


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
                pictures.append(transfer(weights, photos[0], style))
                labels.append(f'{Path(candidate).stem}: style')
    columns = len(photos) * len(DREAM_LAYERS) + (style is not None)
    print(images.save_image(_OUTPUT.value, images.contact_sheet(pictures, labels, columns=columns)))


if __name__ == '__main__':
    app.run(main)
