"""The endless zoom: a film in which each frame is the last one, moved and dreamed on."""

import math
from collections.abc import Callable, Iterator

import numpy as np

from stylegen.images.conversion import as_picture
from stylegen.images.pixels import sample
from stylegen.utils.errors import UserError

DreamFunction = Callable[[np.ndarray, int], np.ndarray]
RATE = 24.0  # frames per second


def count_frames(seconds: float, fps: float) -> int:
    """How many frames a film has, at least 1.

    Raises:
        UserError: a length or a rate that is not above 0.
    """
    for name, value in (('length in seconds', seconds), ('rate in frames per second', fps)):
        if not 0 < value < math.inf:
            raise UserError(f'the {name} is a number above 0; got {value}')
    return max(1, round(seconds * fps))


def motion(
    shape: tuple[int, ...],
    seconds: float,
    *,
    zoom: float = 1.5,
    rotation: float = 0.0,
    shift: tuple[float, float] = (0.0, 0.0),
) -> np.ndarray:
    """Where the points of a picture are after some time.

    The motion is steady: z' = (log(zoom) + i rotation) z + shift in the complex plane about the picture's middle. So
    motions of s and of t seconds, one after the other, are the motion of s + t, and the frame rate does not matter.

    Args:
        shape: (height, width, ...) of the picture.
        seconds: how long it moves.
        zoom: factor per second, at least 1.
        rotation: degrees per second, counter-clockwise.
        shift: speed of what is in the middle, to the right and down, in widths and heights per second.

    Returns:
        float64 3x3, which takes (x, y, 1), in pixels from the middle of the top left pixel, to the new place.

    Raises:
        UserError: a zoom below 1, which would need a picture beyond the border; a number that is not finite.
    """
    if not np.isfinite([zoom, rotation, *shift]).all():
        raise UserError(f'a motion is of finite numbers; got zoom {zoom}, rotation {rotation}, shift {tuple(shift)}')
    if zoom < 1:
        raise UserError(
            f'the zoom is a factor per second of at least 1 (there is nothing beyond the border); got {zoom}'
        )
    height, width = shape[:2]
    middle = complex(width - 1, height - 1) / 2
    rate = complex(math.log(zoom), -math.radians(rotation))  # y points down
    grown = np.exp(rate * seconds)
    moved = complex(shift[0] * width, shift[1] * height) * ((grown - 1) / rate if rate else seconds)
    rest = middle + moved - grown * middle
    return np.array([[grown.real, -grown.imag, rest.real], [grown.imag, grown.real, rest.imag], [0, 0, 1]])


def move(image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """A picture after a motion; what comes in over the border is its mirror image, so that no border is ever seen.

    Args:
        image: float32 HxWx3 in [0, 1].
        matrix: of `motion`.

    Returns:
        float32 HxWx3 in [0, 1]; bicubic, nothing is rounded to bytes.
    """
    back = np.linalg.inv(matrix)
    x, y = np.arange(image.shape[1]), np.arange(image.shape[0])[:, None]
    return np.clip(sample(image, *(row[0] * x + row[1] * y + row[2] for row in back[:2])), 0, 1)


def zoom_frames(
    image: np.ndarray,
    dream: DreamFunction,
    *,
    seconds: float = 5.0,
    fps: float = RATE,
    zoom: float = 1.5,
    rotation: float = 0.0,
    shift: tuple[float, float] = (0.0, 0.0),
    seed: int = 0,
    first: int = 0,
    previous: np.ndarray | None = None,
) -> Iterator[np.ndarray]:
    """The frames of an endless zoom, one by one.

    Frame 0 is the dream on the picture; every other one is the dream on the frame before, moved by 1/fps seconds.

    Args:
        image: float32 HxWx3 in [0, 1].
        dream: takes such a picture and a seed, and gives the dream on it. Frame i gets seed + i.
        seconds: length of the film.
        fps: frames per second.
        zoom: see `motion`, as rotation and shift.
        rotation: degrees per second.
        shift: widths and heights per second.
        seed: of frame 0.
        first: the frame to begin with; above 0 it goes on from `previous`, and ends as if it had not been interrupted.
        previous: frame first - 1, as it was given.

    Yields:
        float32 HxWx3 in [0, 1].

    Raises:
        UserError: a length, rate or motion that cannot be.
    """
    frames = count_frames(seconds, fps)
    step = motion(image.shape, 1 / fps, zoom=zoom, rotation=rotation, shift=shift)
    if (first > 0) != (previous is not None):
        raise ValueError(f'a film goes on at frame {first} from the frame before it, and begins without one')
    for index in range(first, frames):
        start = as_picture(image) if previous is None else move(previous, step)
        previous = dream(start, seed + index)
        yield previous
