"""Optical flow: where the pixels of one frame are in another, and how reliable that is."""

from dataclasses import dataclass

import numpy as np

from stylegen.images.color import luminance
from stylegen.images.pixels import sample, to_uint8
from stylegen.utils.errors import UserError

SMALLEST = 8  # pixels a side that OpenCV's method needs
# A `likeness` below this is a cut. Measured: 54 pairs within shots of six photographs (pans, zooms, turns,
# noise, blur, light changed by up to 30 %) have 0.57 to 1; 57 cuts among them, textures, black, white and grey have at
# most 0.06.
CUT = 0.2


def check_flow(shape: tuple[int, ...] | None = None) -> None:
    """Checks, before any work is done, that `dense_flow` can run.

    Args:
        shape: (height, width, ...) of the frames; None: any.

    Raises:
        UserError: OpenCV is not installed, or the frames are below SMALLEST pixels a side.
    """
    _opencv()
    if shape and min(shape[:2]) < SMALLEST:
        height, width = shape[:2]
        raise UserError(
            f'motion is followed in frames of at least {SMALLEST} pixels a side; got {width} x {height}: enlarge them'
        )


def _opencv():
    try:
        import cv2

        return cv2
    except ImportError:
        raise UserError('following motion needs OpenCV; pip install "stylegen[video]"') from None


def dense_flow(image: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Returns how far each pixel of `image` is from its place in `other`.

    It uses OpenCV's implementation of Kroeger, Timofte, Dai, Van Gool 2016, "Fast optical flow using dense inverse
    search", at full resolution.

    Args:
        image: float32 HxWx3 in [0, 1].
        other: Of the same shape.

    Returns:
        float32 HxWx2, in pixels: what `image` shows at (x, y), `other` shows at (x, y) + flow[y, x].

    Raises:
        UserError: OpenCV is not installed, or the frames are below SMALLEST pixels a side.

    Example:
        moved = warp(previous, dense_flow(frame, previous))
    """
    cv2 = _opencv()
    check_flow(image.shape)
    method = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    method.setFinestScale(0)
    return method.calc(to_uint8(luminance(image)[..., 0]), to_uint8(luminance(other)[..., 0]), None)


def warp(image: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Moves pixels along a flow: the result at (x, y) is the value of `image` at (x, y) + flow[y, x].

    Args:
        image: float32 HxWxC.
        flow: float32 HxWx2, in pixels.

    Returns:
        float32 HxWxC.
    """
    height, width = flow.shape[:2]
    return sample(image, np.arange(width) + flow[..., 0], np.arange(height)[:, None] + flow[..., 1])


def trust(flow: np.ndarray, back: np.ndarray) -> np.ndarray:
    """Returns how reliable a flow is, pixel by pixel. It is unreliable where the other frame hides the pixel.

    Sundaram, Brox, Keutzer 2010, "Dense point trajectories by GPU-accelerated large displacement optical flow",
    equation 5: the path there and back ends within sqrt(0.01 (|flow|^2 + |back|^2) + 0.5) pixels of its start. Here the
    trust fades between that bound and its double (in squares) instead of ending there, and is blurred over 3 x 3
    pixels.

    Args:
        flow: float32 HxWx2, from frame a to frame b.
        back: float32 HxWx2, from b to a.

    Returns:
        float32 HxW in [0, 1].
    """
    height, width = flow.shape[:2]
    returned = warp(back, flow)
    error = np.square(flow + returned).sum(-1)
    bound = 0.01 * (np.square(flow).sum(-1) + np.square(returned).sum(-1)) + 0.5
    x, y = np.arange(width) + flow[..., 0], np.arange(height)[:, None] + flow[..., 1]
    inside = (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
    trusted = np.where(inside, np.clip(2 - error / bound, 0, 1), 0)
    return box_blur(trusted.astype(np.float32), 3)


def box_blur(image: np.ndarray, side: int) -> np.ndarray:
    """Returns the mean of the square of so many pixels a side around each pixel; the image is mirrored at its borders.

    Args:
        image: float32 HxW or HxWxC.
        side: An odd number.
    """
    return _opencv().blur(image, (side, side))


def likeness(warped: np.ndarray, frame: np.ndarray, trusted: np.ndarray) -> float:
    """Returns how much of a frame is the warped previous frame: about 1 within a shot, about 0 across a cut (see CUT).

    It is the mean trust times the similarity of structure and contrast, (2 cov + c) / (var + var + c), a factor of the
    structural similarity index (Wang et al. 2004). c is the square of 0.01, so that two flat frames are alike.

    Args:
        warped: The previous frame, float32 HxWx3, warped by the flow from `frame` to it.
        frame: Of the same shape.
        trusted: HxW, the trust in that flow.
    """
    a, b = (image - image.mean((0, 1), dtype=np.float64).astype(np.float32) for image in (warped, frame))
    alike = (2 * np.mean(a * b) + 1e-4) / (np.mean(a * a) + np.mean(b * b) + 1e-4)
    return float(trusted.mean() * alike)


@dataclass(frozen=True)
class Motion:
    """How a frame follows from the one before.

    Attributes:
        flow: float32 HxWx2, from the frame to the one before, as of `dense_flow`.
        trusted: float32 HxW in [0, 1], the `trust` in the flow; 0 where something came into sight, and everywhere after
            a cut.
        ground: The frame before, warped to where its objects are in the frame, float32 HxWx3.
        cut: Whether the frame begins a scene.
    """

    flow: np.ndarray
    trusted: np.ndarray
    ground: np.ndarray
    cut: bool


def motion(frame: np.ndarray, before: np.ndarray) -> Motion:
    """Returns how a frame follows from the one before.

    Args:
        frame: float32 HxWx3 in [0, 1].
        before: Of the same shape.

    Raises:
        UserError: As of `dense_flow`.
    """
    flow, back = dense_flow(frame, before), dense_flow(before, frame)
    trusted, ground = trust(flow, back), warp(before, flow)
    cut = likeness(ground, frame, trusted) < CUT
    return Motion(flow, trusted * (not cut), ground, cut)
