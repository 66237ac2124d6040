"""Dreams on footage: the dream on a frame moves along with what the frame shows."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from stylegen.deepdream.settings import FootageSettings
from stylegen.deepdream.zoom import DreamFunction
from stylegen.images.conversion import as_picture
from stylegen.images.flow import motion, warp
from stylegen.utils.settings import takes


@dataclass(frozen=True)
class FootageFrame:
    """A frame that was dreamt on.

    Attributes:
        index: The number of the frame, from 0.
        frame: The frame without the dream, float32 (H, W, 3) in [0, 1].
        picture: The frame with the dream, of the same shape.
        cut: Whether the frame begins a scene. Then no dream is carried into it.
    """

    index: int
    frame: np.ndarray
    picture: np.ndarray
    cut: bool


def carry(previous: FootageFrame, frame: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool]:
    """Moves the dream on a frame to where the objects of that frame are in the next one.

    Returns:
        The moved dream, less its frame, float32 (H, W, 3). The trust in it, (H, W) in [0, 1], which is 0 where
        something came into sight. Whether a scene begins with the frame: then the trust is 0 everywhere.
    """
    moved = motion(frame, previous.frame)
    return warp(previous.picture - previous.frame, moved.flow), moved.trusted, moved.cut


@takes(FootageSettings)
def dream_footage(
    frames: Iterable[np.ndarray],
    dream: DreamFunction,
    *,
    seed: int = 0,
    previous: FootageFrame | None = None,
    settings: FootageSettings,
) -> Iterator[FootageFrame]:
    """Dreams on the frames of a clip so that the dream holds on to what they show.

    Let f be a frame, d the detail carried into it and s = blend * trust. The dream begins at x = f + s d, and the
    picture is s x + (1 - s) dream(x). On a still shot, with a dream that adds n, the new detail is s d + (1 - s) n: a
    mean of dreams, as strong as a single one at any blend. So it does not grow from frame to frame. The picture
    dream(f + d) does (samim23/DeepDreamAnim, issue 11). What comes into sight, and the first frame after a cut, has
    a dream of full strength at once.

    Example:
        from stylegen.images.video import open_clip

        dreamer = Dreamer(network='mini', octaves=3, steps=4, strength=0.05, color='match')
        for frame in dream_footage(open_clip('sea.mp4').read(), lambda image, seed: dreamer(image, seed=seed)):
            print(frame.index, frame.picture.shape)

    Args:
        frames: float32 (H, W, 3) in [0, 1], all of one size. They are read one by one.
        dream: Takes a picture and a seed, and gives the dream on the picture.
        seed: The same for every frame, so that what holds still is dreamt alike.
        previous: Where an interrupted run goes on: the last frame that it gave. `frames` begin after it.
        {settings}

    Yields:
        A `FootageFrame` for each frame.

    Raises:
        UserError: A blend that cannot be, or what `stylegen.images.flow.dense_flow` refuses.
        ValueError: Frames of different sizes.
    """
    for index, frame in enumerate(map(as_picture, frames), 0 if previous is None else previous.index + 1):
        if previous is None:
            start, share, cut = frame, np.float32(0), True
        elif frame.shape != previous.frame.shape:
            raise ValueError(f'frame {index} is {frame.shape} and the last {previous.frame.shape}')
        else:
            detail, trusted, cut = carry(previous, frame)
            share = np.float32(settings.blend) * trusted[..., None]
            start = np.clip(frame + share * detail, 0, 1)
        picture = np.clip(share * start + (1 - share) * dream(start, seed), 0, 1)
        previous = FootageFrame(index, frame, picture, cut)
        yield previous
