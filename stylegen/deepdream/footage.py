"""Dreams on footage: what is dreamed on a frame moves along with what the frame shows."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from stylegen.deepdream.zoom import DreamFunction
from stylegen.images.conversion import as_picture
from stylegen.images.flow import CUT, dense_flow, likeness, trust, warp
from stylegen.utils.errors import UserError


@dataclass(frozen=True)
class FootageFrame:
    """A frame that was dreamed on.

    Attributes:
        index: its number, from 0.
        frame: as it was, float32 HxWx3 in [0, 1].
        picture: the dream on it, of the same shape.
        cut: whether it begins a scene, so that nothing was carried into it.
    """

    index: int
    frame: np.ndarray
    picture: np.ndarray
    cut: bool


def carry(last: FootageFrame, frame: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool]:
    """What was dreamed on the last frame, moved to where its ground is in the next one.

    Returns:
        The detail, float32 HxWx3 (dream less frame); the trust in it, HxW in [0, 1], 0 where something came into sight;
        and whether there is a cut between the frames, where there is no trust at all.
    """
    flow, back = dense_flow(frame, last.frame), dense_flow(last.frame, frame)
    trusted = trust(flow, back)
    ground, detail = np.split(warp(np.dstack([last.frame, last.picture - last.frame]), flow), 2, axis=-1)
    cut = likeness(ground, frame, trusted) < CUT
    return detail, trusted * (not cut), cut


def dream_footage(
    frames: Iterable[np.ndarray],
    dream: DreamFunction,
    *,
    blend: float = 0.7,
    seed: int = 0,
    previous: FootageFrame | None = None,
) -> Iterator[FootageFrame]:
    """Dreams on the frames of a clip so that the dream holds on to what they show.

    With f a frame, d the detail carried into it and s = blend * trust, the dream begins at x = f + s d, and the picture
    is s x + (1 - s) dream(x). On a still shot, with a dream that adds n, the new detail is s d + (1 - s) n: a mean
    of dreams, as strong as a single one at any blend. So it cannot grow brighter from frame to frame, as it does where
    the picture is dream(f + d) (samim23/DeepDreamAnim, issue 11). What comes into sight, and the first frame after a
    cut, has a dream of full strength at once.

    Args:
        frames: float32 HxWx3 in [0, 1], all of one size, taken one by one.
        dream: takes a picture and a seed, and gives the dream on it.
        blend: share of what is carried, at least 0 (every frame by itself) and below 1. More holds still better; less
            lets the dream follow sooner.
        seed: the same for every frame, so that what holds still is dreamed alike.
        previous: where an interrupted run goes on: what it gave last. `frames` then begin with the one after it.

    Yields:
        A `FootageFrame` for each frame.

    Raises:
        UserError: a blend that cannot be; what `stylegen.images.flow.dense_flow` refuses.
        ValueError: frames of different sizes.
    """
    if not 0 <= blend < 1:
        raise UserError(f'the blend is at least 0 and below 1; got {blend}')
    for index, frame in enumerate(map(as_picture, frames), 0 if previous is None else previous.index + 1):
        if previous is None:
            start, share, cut = frame, np.float32(0), True
        elif frame.shape != previous.frame.shape:
            raise ValueError(f'frame {index} is {frame.shape} and the last {previous.frame.shape}')
        else:
            detail, trusted, cut = carry(previous, frame)
            share = np.float32(blend) * trusted[..., None]
            start = np.clip(frame + share * detail, 0, 1)
        picture = np.clip(share * start + (1 - share) * dream(start, seed), 0, 1)
        previous = FootageFrame(index, frame, picture, cut)
        yield previous
