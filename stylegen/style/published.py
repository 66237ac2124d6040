"""The published programs by name: their settings, and their formulas in terms of our relative losses.

With C channels, M positions, the Gram matrix per position G, the style's A, features F and the content's P, a program's
style term is a number times |G - A|^2, which is |A|^2 times ours (of Wasserstein distances, tr A times ours), and its
content term a number times |F - P|^2, which is the total variance |P - mean P|^2 times ours. They work on pixels from 0
to 255, we on 0 to 1.

What differs still:
- Our result of L-BFGS and of plain descent is the picture of the lowest loss; theirs is the last one. Our L-BFGS keeps
  fewer than 100 pairs where memory is short. Its first step is 1 in our pixels, so it is 255 times as long as theirs.
- Our total variation counts the last row and column. neural-style, johnson and keras leave them out.
- crowsonkb: our conv1_1 pads with zeros, hers repeats the edge. Her total variation
  looks at diagonals too. She enlarges a style that is smaller than the picture; we never do.
- keras: our style keeps its shape. Theirs is squashed to the shape of the picture.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Formula:
    """Gives the factor of each of our terms that makes it the program's term.

    Attributes:
        style: The factor of a style term, from (unit, C, M, (height, width) of the picture).
        content: The factor of a content term, from (total variance, C, M).
        tv: The factor of total variation, from (height, width) of the picture.
        unit: The number that our style distance is divided by, from A.
    """

    style: Callable[[float, int, int, tuple[int, int]], float]
    content: Callable[[float, int, int], float]
    tv: Callable[[tuple[int, int]], float] = lambda shape: 0.0
    unit: Callable[[np.ndarray], float] = lambda gram: float(np.sum(np.square(gram, dtype=np.float64)))


@dataclass(frozen=True)
class Published:
    """A published program: its settings by name, see `StyleSettings`, and the formula of its weights."""

    settings: Mapping[str, Any]
    formula: Formula


def _values_with_neighbours(shape):
    """How many values of a picture have a neighbour both below and to the right."""
    return 3 * (shape[0] - 1) * (shape[1] - 1)


def _convolutions(number, *blocks):
    """The convolution of this number in each block, with a weight of 1."""
    return {f'block{block}_conv{number}': 1.0 for block in blocks}


_FIVE = _convolutions(1, 1, 2, 3, 4, 5)
_SINGLE_SIZE = {'smallest_size': 10**9, 'margin': 0}
_TORCH_LBFGS = {'optimizer': 'lbfgs', 'history': 100, 'backtracking': 0}  # whole steps, as the direction has them
_GATYS = {
    'network': 'vgg19',
    'loss': 'gram',
    'style_layers': _FIVE,
    'content_layers': _convolutions(2, 4),
    **_TORCH_LBFGS,
    **_SINGLE_SIZE,
}


def _mean_square(weight):
    """The content's factor of a program that weighs the mean square of |F - P|."""
    return lambda variance, channels, positions: weight * variance / (channels * positions)


PUBLISHED: Mapping[str, Published] = {
    # L. Gatys, PytorchNeuralStyleTransfer: the author's own notebook
    'gatys': Published(
        {**_GATYS, 'iterations': 500, 'style_scale': 1.0},
        Formula(lambda a, c, m, _: 1e3 * a / c**4, _mean_square(1.0)),
    ),
    # J. Johnson, neural-style (and neural-style-pt): the TV gradient is that of half the sum of squares
    'neural-style': Published(
        {**_GATYS, 'iterations': 1000, 'style_scale': 1.0, 'init': 'mean'},
        Formula(
            lambda a, c, m, _: 100 * a / c**4,
            _mean_square(5.0),
            lambda shape: 0.5e-3 * 255**2 * _values_with_neighbours(shape),
        ),
    ),
    # Johnson et al. 2016, fast-neural-style, whose criterion is optimised here on the picture itself
    'johnson': Published(
        {
            'network': 'vgg16',
            'loss': 'gram',
            'style_layers': {'block1_conv2': 1.0, 'block2_conv2': 1.0, 'block3_conv3': 1.0, 'block4_conv3': 1.0},
            'content_layers': _convolutions(3, 3),
            'iterations': 500,
            'style_scale': 1.0,
            **_TORCH_LBFGS,
            **_SINGLE_SIZE,
        },
        Formula(
            lambda a, c, m, _: 5 * a / c**4,
            _mean_square(1.0),
            lambda shape: 0.5e-6 * 255**2 * _values_with_neighbours(shape),
        ),
    ),
    # K. Crowson, style-transfer-pytorch: Wasserstein-2 on features of torchvision's VGG-19, whose inputs are
    # 255 * 0.226 times smaller than ours; the sizes and steps are hers
    'crowsonkb': Published(
        {
            'network': 'vgg19',
            'loss': 'wasserstein',
            'style_layers': {f'block{n}_conv1': 4.0 ** (5 - n) / 341 for n in range(1, 6)},
            'content_layers': _convolutions(2, 4),
            'optimizer': 'adam',
            'learning_rate': 0.02,
            'ema_decay': 0.99,
            'iterations': (1000, 500),
            'smallest_size': 128,
            'margin': 0,
            'style_scale': 1.0,
        },
        Formula(lambda a, c, m, _: a / c, _mean_square(0.015), lambda shape: 2.0 * (255 * 0.226) ** 2, np.trace),
    ),
    # TensorFlow's tutorial
    'tensorflow': Published(
        {
            'network': 'vgg19',
            'loss': 'gram',
            'style_layers': _FIVE,
            'content_layers': _convolutions(2, 5),
            'optimizer': 'adam',
            'learning_rate': 0.02,
            'beta_1': 0.99,
            'beta_2': 0.999,
            'epsilon': 0.1,
            'epsilon_hat': True,
            'ema_decay': 0.0,
            'iterations': 1000,
            'style_scale': 1.0,
            'tv_form': 'absolute',
            **_SINGLE_SIZE,
        },
        Formula(
            lambda a, c, m, _: 2e-3 * a / c**2, _mean_square(1e4), lambda shape: 30.0 * _values_with_neighbours(shape)
        ),
    ),
    # The Keras example: sums, divided by the picture's size where the others take the layer's
    'keras': Published(
        {
            'network': 'vgg19',
            'loss': 'gram',
            'style_layers': _FIVE,
            'content_layers': _convolutions(2, 5),
            'optimizer': 'descent',
            'learning_rate': 100 / 255**2,
            'iterations': 4000,
            'style_scale': 1.0,
            'tv_form': 'power',
            **_SINGLE_SIZE,
        },
        Formula(
            lambda a, c, m, shape: 2e-7 * a * m**2 / (36 * (shape[0] * shape[1]) ** 2),
            lambda variance, c, m: 2.5e-8 * variance,
            lambda shape: 1e-6 * 255**2.5 * _values_with_neighbours(shape),
        ),
    ),
}
