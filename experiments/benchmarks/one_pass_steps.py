"""Johnson's table: how many steps of optimisation have the loss of one pass? See `one_pass.py`."""

import statistics
import sys
from pathlib import Path

import numpy as np

from stylegen import images
from stylegen.images.pixels import from_uint8
from stylegen.style import OnePass, Stylizer

sys.path.insert(0, str(Path(__file__).parents[1]))

from named_styles import STYLES
from student_pictures import HELD_OUT_PAINTINGS, HELD_OUT_PHOTOS, read_archive

STRENGTH = 0.6  # of the losses that the network was trained with
STYLE_SIZE = 256  # pixels, longest side of a painting
STARTS = {
    'photo': 'adam',
    'noise': 'lbfgs',
}  # where the optimisation begins: by which optimizer; the latter is Johnson's


def stylizer(steps, optimizer='adam'):
    """Returns our optimisation, of so many steps at one size, by `small_vgg` in float32."""
    return Stylizer(
        network='small_vgg', strength=STRENGTH, iterations=(steps,), smallest_size=100_000, style_size=STYLE_SIZE,
        precision='float32', optimizer=optimizer,
    )  # fmt: skip


def losses_of(painter, photo, painting, init=None):
    """Returns the loss at the start and after each step but the last."""
    found = []
    painter(photo, painting, init=init, steps_per_call=1, callback=lambda step: found.append(sum(step.losses.values())))
    return found


def step_of(loss, losses):
    """Returns the first step with a loss as low as this, or the number of losses where none has."""
    return next((step for step, other in enumerate(losses) if other <= loss), len(losses))


def held_out(data, size):
    """Returns the photos, in order, of `size` pixels, and all paintings of the archive by name."""
    data = Path(data)
    photos = [*read_archive(data / 'bsds500.zip').values()][-HELD_OUT_PHOTOS:]
    small = [images.resize(from_uint8(photo), images.fit(photo.shape, size)).clip(0, 1) for photo in photos]
    paintings = {name: from_uint8(painting) for name, painting in read_archive(data / 'paintings_256.zip').items()}
    return small, paintings


def kinds_of(one_pass, paintings):
    """Returns pairs (what `OnePass` takes, painting) of each kind: styles by name, and paintings never seen."""
    named = {name: paintings[f'{STYLES[name][0]}.jpg'] for name in one_pass.styles if name in STYLES}
    unseen = [*paintings.values()][::HELD_OUT_PAINTINGS]
    return {'named styles': [*named.items()], 'paintings never seen': [(one, one) for one in unseen]}


def johnson(data, count, styles, size, steps, start):
    """Prints the table.

    Args:
        data: Folder of the archives.
        count: How many of the photos.
        styles: How many styles of each kind each photo gets; the next photo gets the next ones.
        size: Longest side of a photo.
        steps: The most steps that are looked at.
        start: Of the optimisation, 'photo' or 'noise'.
    """
    one_pass, long, short = OnePass.open(), stylizer(steps + 1, STARTS[start]), stylizer(1)
    photos, paintings = held_out(data, size)
    photos = photos[:: max(1, len(photos) // count)][:count]
    print(f'\njohnson: {len(photos)} photos of {size} px; losses: {start} > one pass > after {steps} steps')
    for kind, pairs in kinds_of(one_pass, paintings).items():
        rows = []
        for number, photo in enumerate(photos):
            for turn in range(styles):
                style, painting = pairs[(number * styles + turn) % len(pairs)]
                (loss,) = losses_of(short, photo, painting, one_pass(photo, style))
                init = np.random.default_rng(number).random(photo.shape, np.float32) if start == 'noise' else None
                losses = losses_of(long, photo, painting, init)
                rows.append((losses[0], loss, losses[steps], step_of(loss, losses[: steps + 1])))
        begun, made, ended, needed = zip(*rows, strict=True)
        capped = sum(step > steps for step in needed)
        print(
            f'{kind}: one pass has the loss of {statistics.mean(needed):.1f} steps (median '
            f'{statistics.median(needed)}, {min(needed)} to {max(needed)}; {capped} of {len(rows)} above {steps}); '
            f'losses {statistics.mean(begun):.3f} > {statistics.mean(made):.3f} > {statistics.mean(ended):.3f}',
            flush=True,
        )
