"""Measure how the border of a dream differs from its inside, for two kinds of jitter and several margins.

Command:   python experiments/margins.py [--contrast]
Time:      5 minutes on two cores, with or without --contrast
Expected:  a table of the mean change at each distance from the border, divided by the mean change far inside. It is
           divided again by the same ratio in a dream on a larger picture, of which this picture is the middle. 1 means
           that the border does not show. Measured, at 0-2, 2-4, 4-8, 8-16 and 16-32 pixels:
                              the picture                     with --contrast
             rolled, 0 px    0.99  0.86  0.87  0.90  0.86    3.64  4.04  2.81  1.82  1.33
             rolled, 4 px    0.88  0.87  0.88  0.90  0.87    3.05  2.63  2.07  1.85  1.45
             rolled, 16 px   0.93  0.87  0.87  0.91  0.94    1.94  1.74  1.59  1.51  1.19
             moved, 4 px     0.91  0.91  0.94  1.03  0.99    2.05  2.01  2.06  1.96  1.31
             moved, 8 px     0.97  0.94  0.95  1.00  0.97    1.78  1.71  1.67  1.60  1.20
             moved, 16 px    1.01  0.94  0.96  1.01  0.98    1.71  1.58  1.46  1.43  1.11
           Moving with a margin of 8 pixels, half a stride, is at least as good as rolling with 16, and costs half as
           much.

Rolled: before each step the picture with its mirrored margins is rolled by up to 32 pixels. Moved: instead, the window
of the network moves within the mirrored margins. The picture is the middle of the raccoon. It is dreamt on with mini's
block5_conv1 and block4_conv3 for 20 steps, at one size. With --contrast it becomes darker towards the bottom, so that
rolling brings black next to white.
"""

import dataclasses
from pathlib import Path

import numpy as np
from absl import app, flags

PICTURE = Path(__file__).parents[1] / 'stylegen' / 'pictures' / 'raccoon.jpg'
AROUND = 48  # pixels of the larger picture on each side of the smaller one
BANDS = ((0, 2), (2, 4), (4, 8), (8, 16), (16, 32))
STEPS, SEEDS = 20, 3

_CONTRAST = flags.DEFINE_bool('contrast', False, 'Use a picture that is bright at the top and dark at the bottom.')


def rolled(objective):
    """Returns the same objective, which rolls the picture with its margins by up to 32 pixels before the network."""
    from stylegen.networks.padding import extend
    from stylegen.optimize.stateless_random import draw
    from stylegen.utils.backend import tf

    @dataclasses.dataclass(frozen=True, eq=False)
    class Rolled(type(objective)):
        def value_and_gradient(self, image, key=None):
            shift = tf.cast(draw(key) % tf.constant(65, tf.uint32), tf.int32) - 32
            wide = tf.roll(extend(image, objective.margin), shift, [1, 2])
            losses, gradient = self._of_tile(wide)
            gradient = tf.roll(gradient, -shift, [1, 2])
            inside = tf.slice(gradient, [0, objective.margin, objective.margin, 0], tf.shape(image))
            return losses, tf.ensure_shape(inside, image.shape)

    return Rolled(objective.extractor, objective.terms, stride=objective.stride)


def changes(objective, picture):
    """Returns the mean absolute change of each pixel, over the seeds and the channels."""
    from stylegen.deepdream.ascent import dream_step, step_state
    from stylegen.optimize import optimize_image

    start, update = picture[None], dream_step()

    def dreamt(seed):
        state = step_state(start, 0, 1, 0, STEPS, 0.0, 0.15)
        return optimize_image(start, objective, update, STEPS, state=state, seed=seed, jit='off').numpy()[0]

    return np.mean([np.abs(dreamt(seed) - picture) for seed in range(SEEDS)], (0, 3))


def main(argv):
    del argv
    from stylegen import images, networks
    from stylegen.losses import dream_loss
    from stylegen.optimize import Term
    from stylegen.optimize.tiling import TiledObjective

    layers = ('block5_conv1', 'block4_conv3')
    extractor = networks.feature_extractor('mini', layers)
    terms = tuple(Term(layer, 1.0, dream_loss(layer)) for layer in layers)
    large = np.clip(images.resize(images.load_image(PICTURE), (300, 400)), 0, 1)
    if _CONTRAST.value:
        large = (0.25 * large + np.linspace(0.75, 0, len(large))[:, None, None]).astype(np.float32)
    inner = (slice(AROUND, -AROUND),) * 2
    height, width = large[inner].shape[:2]
    rows, columns = np.arange(height), np.arange(width)
    distance = np.minimum.outer(np.minimum(rows, rows[::-1]), np.minimum(columns, columns[::-1]))
    if _CONTRAST.value:
        distance = np.broadcast_to(np.minimum(rows, rows[::-1])[:, None], (height, width))

    def profile(change):
        means = [change[(distance >= low) & (distance < high)].mean() for low, high in BANDS]
        return np.array(means) / change[distance >= BANDS[-1][1]].mean()

    def objective(margin):
        return TiledObjective(extractor, terms, stride=16, jitter=32, margin=margin)

    true = profile(changes(objective(8), large)[inner])
    print('true'.ljust(16), *(f'{x:6.2f}' for x in true))
    for margin in (0, 4, 16):
        found = profile(changes(rolled(objective(margin)), large[inner])) / true
        print(f'rolled, {margin} px'.ljust(16), *(f'{x:6.2f}' for x in found))
    for margin in (4, 8, 16):
        found = profile(changes(objective(margin), large[inner])) / true
        print(f'moved, {margin} px'.ljust(16), *(f'{x:6.2f}' for x in found))


if __name__ == '__main__':
    app.run(main)
