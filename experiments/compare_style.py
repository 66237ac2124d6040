"""Show our style transfers beside those of another program, and measure how near each is to its style.

Command:   python experiments/compare_style.py --data=DATA --neutral=neutral.npz --output=style_sheet.png
Time:      about a minute and a half for each pair on two cores
Expected:  a contact sheet (content, style, ours, theirs), and for each pair the relative Wasserstein and Gram
           distances to the style, as means over the layers, for the content, for ours and for theirs. Lower is nearer

DATA holds the folders content/, style/ and peers/ (CONTENT_STYLE__PROGRAM.png). The distances are measured with a
neutral network, which no picture was optimised for: a `mini` trained with another seed, by
`python experiments/train_mini.py --seed=7 --output=neutral.npz`. Before measuring, the pictures of both programs are
resized to the same size, and the style is resized as our transfer does.
"""

from pathlib import Path

import numpy as np
from absl import app, flags

from stylegen import images
from stylegen.images import pixels, sheets
from stylegen.losses.moments import moments
from stylegen.losses.statistics import STYLE_LOSSES
from stylegen.losses.wasserstein import wasserstein_target
from stylegen.networks import feature_extractor
from stylegen.style import Stylizer
from stylegen.utils.backend import fast_precision

PAIRS = (
    *('golden_gate_starry', 'golden_gate_scream', 'tubingen_starry', 'tubingen_scream'),
    *('tubingen_seated_nude', 'tubingen_shipwreck'),
)
STYLES = {'starry': 'starry_night', 'scream': 'the_scream'}
LAYERS = ('block1_conv2', 'block2_conv2', 'block3_conv2', 'block4_conv2')

_DATA = flags.DEFINE_string('data', None, 'Folder with content/, style/ and peers/.', required=True)
_NEUTRAL = flags.DEFINE_string('neutral', None, 'Weights of mini, trained with another seed.', required=True)
_PAIRS = flags.DEFINE_list(
    'pairs', list(PAIRS), 'Pairs to compare: CONTENT_STYLE, as in the names of the files in peers/.'
)
_SIZE = flags.DEFINE_integer('size', 512, 'Longest side of the content in pixels.')
_OUTPUT = flags.DEFINE_string('output', 'style_sheet.png', 'File for the contact sheet.')


def judge(extractor, picture, style):
    """Returns the relative Wasserstein and Gram distances of a picture to a style, as means over the layers."""
    of_picture, of_style = extractor(picture[None]), extractor(style[None])
    found = {'wasserstein': [], 'gram': []}
    for layer in LAYERS:
        target = moments(of_style, layer)
        target |= wasserstein_target(target)
        for name, values in found.items():
            values.append(float(STYLE_LOSSES[name](layer, target)(of_picture)))
    return {name: float(np.mean(values)) for name, values in found.items()}


def main(argv):
    del argv
    extractor = feature_extractor('mini', LAYERS, weights=_NEUTRAL.value)
    precision = fast_precision()
    stylizer = Stylizer(network='mini', precision=precision)
    print(f'ours is made in {precision}, and all are judged in float32', flush=True)
    shown, labels = [], []
    for pair in _PAIRS.value:
        content_name = next(n for n in ('golden_gate', 'tubingen', 'chicago') if pair.startswith(n))
        style_name = pair.removeprefix(f'{content_name}_')
        folder = Path(_DATA.value)
        content = images.load_image(folder / 'content' / f'{content_name}.jpg', _SIZE.value)
        style = images.load_image(folder / 'style' / f'{STYLES.get(style_name, style_name)}.jpg')
        peer = next((folder / 'peers').glob(f'{pair}__*'))
        theirs = images.load_image(peer)
        ours = stylizer(content, [(style, 1.0)])
        theirs = np.clip(images.resize(theirs, content.shape[:2]), 0, 1)
        small = pixels.fit(style.shape, min(round(_SIZE.value * stylizer.settings.style_scale), max(style.shape)))
        style = np.clip(images.resize(style, small), 0, 1)
        for name, picture in (('content', content), ('ours', ours), ('theirs', theirs)):
            values = ', '.join(f'{key} {value:.4f}' for key, value in judge(extractor, picture, style).items())
            print(f'{pair:<24}{name:<9}{values}', flush=True)
        shown += [content, np.clip(images.resize(style, content.shape[:2]), 0, 1), ours, theirs]
        labels += [content_name, style_name, 'stylegen', peer.stem.partition('__')[2]]
    images.save_image(_OUTPUT.value, sheets.contact_sheet(shown, labels, columns=4))


if __name__ == '__main__':
    app.run(main)
