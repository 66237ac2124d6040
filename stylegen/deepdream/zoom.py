"""The endless zoom: a film in which each frame is the frame before, moved and dreamt on."""

import math
from collections.abc import Callable, Iterator

import numpy as np

from stylegen.deepdream.settings import ZoomSettings
from stylegen.images.conversion import as_picture
from stylegen.images.pixels import sample
from stylegen.utils.settings import takes

DreamFunction = Callable[[np.ndarray, int], np.ndarray]


@takes(ZoomSettings, 'seconds', 'fps')
def motion(shape: tuple[int, ...], seconds: float, *, settings: ZoomSettings) -> np.ndarray:
    """Where the points of a picture are after some time.

    The motion is steady: z' = (log(zoom) + i rotation) z + shift in the complex plane about the middle of the picture.
    A motion of s seconds and one of t seconds together are the motion of s + t: the frame rate does not matter.

    Args:
        shape: (height, width, ...) of the picture.
        seconds: How long it moves.
        {settings}

    Returns:
        float64 (3, 3). It takes (x, y, 1), in pixels from the middle of the top left pixel, to the new place.
    """
    height, width = shape[:2]
    middle = complex(width - 1, height - 1) / 2
    rate = complex(math.log(settings.zoom), -math.radians(settings.rotation))  # y points down
    growth = np.exp(rate * seconds)
    x, y = settings.shift
    moved = complex(x * width, y * height) * ((growth - 1) / rate if rate else seconds)
    offset = middle + moved - growth * middle
    return np.array([[growth.real, -growth.imag, offset.real], [growth.imag, growth.real, offset.imag], [0, 0, 1]])


def move(image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """A picture after a motion. Beyond its border lies its mirror image, so that no border is seen.

    Args:
        image: float32 (H, W, 3) in [0, 1].
        matrix: What `motion` gives.

    Returns:
        float32 (H, W, 3) in [0, 1], by bicubic interpolation. Nothing is rounded to bytes.
    """
    back = np.linalg.inv(matrix)
    x, y = np.arange(image.shape[1]), np.arange(image.shape[0])[:, None]
    return np.clip(sample(image, *(row[0] * x + row[1] * y + row[2] for row in back[:2])), 0, 1)


@takes(ZoomSettings)
def zoom_frames(
    image: np.ndarray,
    dream: DreamFunction,
    *,
    seed: int = 0,
    first: int = 0,
    previous: np.ndarray | None = None,
    settings: ZoomSettings,
) -> Iterator[np.ndarray]:
    """The frames of an endless zoom, one by one.

    Frame 0 is the dream on the picture. Every other frame is the dream on the frame before, moved by 1 / fps seconds.

    Example:
        from stylegen import images

        dreamer = Dreamer(network='mini', octaves=3, steps=4, strength=0.08, color='match')
        photo = images.load_image('photo.jpg', size=512)
        frames = zoom_frames(photo, lambda image, seed: dreamer(image, seed=seed), seconds=2, fps=12)
        images.save_animation('zoom.gif', frames, fps=12)

    Args:
        image: float32 (H, W, 3) in [0, 1].
        dream: Takes such a picture and a seed, and gives the dream on the picture. Frame i gets seed + i.
        seed: The seed of frame 0.
        first: The frame to begin with. Above 0 the film goes on from `previous`, and ends as if it had not been
            interrupted.
        previous: Frame first - 1, as it was given.
        {settings}

    Yields:
        float32 (H, W, 3) in [0, 1].

    Raises:
        UserError: A length, rate or motion that cannot be.
        ValueError: Only one of `first` and `previous` was given.
    """
    step = motion(image.shape, 1 / settings.fps, settings=settings)
    if (first > 0) != (previous is not None):
        raise ValueError(f'a film goes on at frame {first} from the frame before it, and begins without one')
    for index in range(first, settings.frames):
        start = as_picture(image) if previous is None else move(previous, step)
        previous = dream(start, seed + index)
        yield previous
