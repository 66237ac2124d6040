"""Measure how near pictures of style transfer are to their style and content, by the features of a network.

Command:   python experiments/compare_networks.py --pictures=DATA/peers --contents=DATA/content --styles=DATA/style
               --weights=vgg16_notop.h5
Time:      about 4 seconds for a picture of 512 px on two cores
Expected:  a line for each picture, and the means for each program. Lower is nearer. For neural-style's six pictures in
           the colours of the style: style 0.122, content 1.118, colours 0.0013

The pictures are named CONTENT_STYLE__PROGRAM. CONTENT is the stem of a file in --contents; STYLE is the stem of a file
in --styles or one of its parts between underscores. A picture with another name is left out, with a message. The
columns:

- style: the mean over the layers of |G - A|^2 / |A|^2, where G and A are the Gram matrices of the picture and of the
  style at --size
- content: the mean squared difference of the feature maps at the content layer, divided by the variance of the
  content's map
- colours: the share of pixels whose chroma does not occur in the style, such as specks and fringes
"""

import re
from collections import defaultdict
from pathlib import Path

import numpy as np
from absl import app, flags

from stylegen import images
from stylegen.images import color, pixels
from stylegen.networks import feature_extractor

BIN = 0.08  # width of a bin of chroma: of red minus luma, and of blue minus luma
RARE = 1e-4  # a colour with a smaller share of the style's pixels counts as absent


def grams(features, layers):
    maps = [features[layer][0].numpy().reshape(-1, features[layer].shape[-1]).astype(np.float64) for layer in layers]
    return [values.T @ values / len(values) for values in maps]


def style_distance(ours, target):
    return float(np.mean([np.sum((g - a) ** 2) / np.sum(a**2) for g, a in zip(ours, target, strict=True)]))


def content_distance(ours, target):
    """Returns the mean squared difference of two maps (1, H, W, C), divided by the variance of the target."""
    ours, target = np.asarray(ours, np.float64), np.asarray(target, np.float64)
    return float(np.mean((ours - target) ** 2) / np.mean(np.var(target, axis=(0, 1, 2))))


def chroma(picture):
    """Returns the bin of each pixel's chroma, (H, W, 2). Grey is 0."""
    return np.round((picture - color.luminance(picture))[..., ::2] / BIN).astype(int)


def foreign_colours(picture, style):
    """Returns the share of pixels whose chroma is neither in a bin that the style has nor in one beside it."""
    known = np.zeros((64, 64), bool)
    found, counts = np.unique(chroma(style).reshape(-1, 2), axis=0, return_counts=True)
    for red, blue in found[counts >= RARE * counts.sum()] + 32:
        known[red - 1 : red + 2, blue - 1 : blue + 2] = True
    red, blue = np.moveaxis(chroma(picture) + 32, -1, 0)
    return float(np.mean(~known[red, blue]))


def parts(name, contents, styles):
    """Finds the files of a picture by its name.

    Returns:
        content: The content's file, or None if it is missing.
        style: The style's file, or None if it is missing.
    """
    pair = name.partition('__')[0]
    content = max((stem for stem in contents if pair.startswith(f'{stem}_')), key=len, default=None)
    if content is None:
        return None, None
    wanted = pair.removeprefix(f'{content}_')
    style = wanted if wanted in styles else next((s for s in styles if re.search(rf'(^|_){wanted}(_|$)', s)), None)
    return contents[content], styles.get(style)


def files(folder):
    return {file.stem: file for file in sorted(Path(folder).iterdir()) if file.suffix in ('.png', '.jpg', '.webp')}


_PICTURES = flags.DEFINE_multi_string(
    'pictures', None, 'Folder of pictures to measure; may be given several times.', required=True
)
_CONTENTS = flags.DEFINE_string('contents', None, 'Folder of the content pictures.', required=True)
_STYLES = flags.DEFINE_string('styles', None, 'Folder of the style pictures.', required=True)
_NETWORK = flags.DEFINE_string('network', 'vgg16', 'Network that gives the features.')
_WEIGHTS = flags.DEFINE_string('weights', None, 'File of its weights; by default it is searched for.')
_SIZE = flags.DEFINE_integer('size', 512, 'Longest side of the style pictures in pixels.')
_STYLE_LAYERS = flags.DEFINE_list('style_layers', [f'block{n}_conv1' for n in range(1, 6)], 'Layers for the style.')
_CONTENT_LAYER = flags.DEFINE_string('content_layer', 'block4_conv2', 'Layer for the content.')


def main(argv):
    if len(argv) > 1:
        raise app.UsageError(f'Unexpected arguments: {argv[1:]}')
    layers, deep = _STYLE_LAYERS.value, _CONTENT_LAYER.value
    extractor = feature_extractor(_NETWORK.value, [*layers, deep], weights=_WEIGHTS.value, precision='auto')
    contents, styles = files(_CONTENTS.value), files(_STYLES.value)
    of_styles = {}
    by_program = defaultdict(list)
    print(f'{"":<50} style  content  colours')
    for folder in _PICTURES.value:
        for name, file in files(folder).items():
            content, style = parts(name, contents, styles)
            if style is None:
                print(f'{name:<50} left out: its content or style is not in the folders')
                continue
            if style not in of_styles:
                shown = images.load_image(style, _SIZE.value)
                of_styles[style] = grams(extractor(shown[None]), layers), shown
            target, shown = of_styles[style]
            picture = images.load_image(file)
            photo = np.clip(pixels.resize(images.load_image(content), picture.shape[:2]), 0, 1)
            features = extractor(picture[None])
            row = (
                style_distance(grams(features, layers), target),
                content_distance(features[deep], extractor(photo[None])[deep]),
                foreign_colours(picture, shown),
            )
            by_program[f'{name.partition("__")[2]} ({Path(folder).name})'].append(row)
            print(f'{name:<50} {row[0]:.3f}  {row[1]:7.3f}  {row[2]:7.4f}', flush=True)
    print()
    for program, rows in by_program.items():
        means = np.mean(rows, 0)
        print(f'{program:<40} {len(rows):>3} pictures {means[0]:.3f}  {means[1]:7.3f}  {means[2]:7.4f}')


if __name__ == '__main__':
    app.run(main)
