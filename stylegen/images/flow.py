"""Optical flow: where what a frame shows was in another, what it carries along, and how far that can be trusted."""

import numpy as np

from stylegen.images.color import luminance
from stylegen.images.pixels import sample, to_uint8
from stylegen.utils.errors import UserError

SMALLEST = 8  # pixels a side that OpenCV's method takes
# The `likeness` below which there is a cut. Measured: 54 pairs within shots of six photographs (pans, zooms, turns,
# noise, blur, light changed by up to 30 %) have 0.57 to 1; 57 cuts among them, textures, black, white and grey have at
# most 0.06.
CUT = 0.2


def check_flow() -> None:
    """Refuse now, before the hours of work, what `dense_flow` would refuse.

    Raises:
        UserError: OpenCV is not installed.
    """
    _opencv()


def _opencv():
    try:
        import cv2

        return cv2
    except ImportError:
        raise UserError('following motion needs OpenCV; pip install "stylegen[video]"') from None


def dense_flow(image: np.ndarray, other: np.ndarray) -> np.ndarray:
    """How far each pixel of `image` is from its place in `other`.

    Kroeger, Timofte, Dai, Van Gool 2016, "Fast optical flow using dense inverse search": OpenCV's, at full resolution.

    Args:
        image: float32 HxWx3 in [0, 1].
        other: of the same shape.

    Returns:
        float32 HxWx2, in pixels: what `image` shows at (x, y), `other` shows at (x, y) + flow[y, x].

    Raises:
        UserError: OpenCV is not installed, or the frames are below SMALLEST pixels a side.
    """
    cv2 = _opencv()
    if min(image.shape[:2]) < SMALLEST:
        height, width = image.shape[:2]
        raise UserError(f'motion is followed in frames of at least {SMALLEST} pixels a side; got {width} x {height}')
    method = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    method.setFinestScale(0)
    return method.calc(to_uint8(luminance(image)[..., 0]), to_uint8(luminance(other)[..., 0]), None)


def warp(image: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """What `image` (float32 HxWxC) has where the flow (HxWx2) points: at (x, y) its value at (x, y) + flow[y, x]."""
    height, width = flow.shape[:2]
    return sample(image, np.arange(width) + flow[..., 0], np.arange(height)[:, None] + flow[..., 1])


def trust(flow: np.ndarray, back: np.ndarray) -> np.ndarray:
    """How far a flow can be trusted, pixel by pixel: not where what it starts from is hidden in the other frame.

    Sundaram, Brox, Keutzer 2010, "Dense point trajectories by GPU-accelerated large displacement optical flow",
    equation 5: there and back again ends within sqrt(0.01 (|flow|^2 + |back|^2) + 0.5) pixels. Here trust does not
    break off at that bound but fades between it and its double (in squares), and is blurred over 3 x 3 pixels.

    Args:
        flow: float32 HxWx2, from frame a to frame b.
        back: the same, from b to a.

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
    return _opencv().blur(trusted.astype(np.float32), (3, 3))


def likeness(warped: np.ndarray, frame: np.ndarray, trusted: np.ndarray) -> float:
    """How much of a frame is the one before, moved: about 1 within a shot, about 0 across a cut (see CUT).

    The mean trust times the likeness in structure and contrast, (2 cov + c) / (var + var + c), of which the structural
    similarity index is made (Wang et al. 2004); c is the square of 0.01, so that two flat frames are alike.

    Args:
        warped: the frame before, float32 HxWx3, warped by the flow from `frame` to it.
        frame: of the same shape.
        trusted: HxW, the trust in that flow.
    """
    a, b = (image - image.mean((0, 1), dtype=np.float64).astype(np.float32) for image in (warped, frame))
    alike = (2 * np.mean(a * b) + 1e-4) / (np.mean(a * a) + np.mean(b * b) + 1e-4)
    return float(trusted.mean() * alike)
