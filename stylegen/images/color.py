"""Keeps a picture's colours while its pixels change, and transfers the colours of one picture to another."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from stylegen.utils.errors import unknown

# ITU-R BT.601, the weights of JPEG's luma; the two chroma axes follow as B - Y and R - Y.
LUMA = np.array([0.299, 0.587, 0.114], np.float32)

TONED = 0.02, 0.04  # chroma deviation of a style: below the first it counts as a tone, above the second it does not
_NOISE = 1e-6  # about the variance of rounding to 8 bits; it bounds how far a small variance is stretched
_FINE, _COARSE = 1 / 1024, 1 / 4  # distances between the knots of tone curves
_SUBDIVISIONS = 64  # histogram bins per distance between knots


def luminance(image: np.ndarray) -> np.ndarray:
    """Returns the luma of an RGB picture: (..., 3) to (..., 1), in the picture's own range."""
    return (image @ LUMA)[..., None]


def keep_chroma(image: np.ndarray, original: np.ndarray) -> np.ndarray:
    """Combines the luma of `image` with the chroma (Cb and Cr) of `original`.

    Args:
        image: float32 (H, W, 3) in [0, 1].
        original: Of the same shape.

    Returns:
        float32 (H, W, 3) in [0, 1]. If a pixel's new luma does not fit its old chroma, the pixel keeps its hue and
        loses just enough saturation to be in range. All other pixels keep Cb and Cr exactly.

    Example:
        result = keep_chroma(stylized, photo)
    """
    luma = luminance(image)
    chroma = original - luminance(original)
    room = np.where(chroma > 0, 1 - luma, luma)
    scale = np.divide(room, np.abs(chroma), out=np.ones_like(chroma), where=np.abs(chroma) > 1e-12)
    return np.clip(luma + chroma * np.clip(scale.min(-1, keepdims=True), 0, 1), 0, 1).astype(np.float32)


def chroma_moments(pictures: Sequence[tuple[np.ndarray, float]]) -> tuple[np.ndarray, float]:
    """Returns the mean and standard deviation of the chroma of pictures, weighted by their shares.

    Chroma is a pixel minus its luma, in units of the pixel range. The deviation is the length over the channels.

    Returns:
        The mean, float64 (3,), and the standard deviation.
    """
    total = sum(share for _, share in pictures)
    chromas = [((picture - luminance(picture)).reshape(-1, 3), share / total) for picture, share in pictures]
    mean = sum(share * chroma.mean(0, dtype=np.float64) for chroma, share in chromas)
    variance = sum(share * np.square(chroma - mean).sum(1).mean() for chroma, share in chromas)
    return mean, float(np.sqrt(variance))


def match_tone(image: np.ndarray, mean: np.ndarray, deviation: float, share: float = 1.0) -> np.ndarray:
    """Reduces a picture's colours to those of a nearly colourless style: ink, black-and-white or sepia.

    The chroma gets the style's mean and at most its deviation. The effect is full if the style's deviation is under
    `TONED[0]` of the pixel range, and fades to none at `TONED[1]`. Luma stays.

    Args:
        image: float32 (H, W, 3) in [0, 1].
        mean, deviation: `chroma_moments` of the style.
        share: The strength of the effect, 0 to 1.
    """
    share *= np.clip((TONED[1] - deviation) / (TONED[1] - TONED[0]), 0, 1)
    if not share:
        return image
    own_mean, own_deviation = chroma_moments([(image, 1.0)])
    luma = luminance(image)
    chroma = mean + (image - luma - own_mean) * min(1.0, deviation / max(own_deviation, 1e-9))
    return np.clip((1 - share) * image + share * (luma + chroma), 0, 1).astype(np.float32)


def match_luminance(style: np.ndarray, content: np.ndarray) -> np.ndarray:
    """Gives the luma of a style picture the mean and standard deviation of a content picture's luma.

    Luminance-only transfer does this to the style before it takes the targets: L_S' = s_C / s_S (L_S - m_S) + m_C
    (Gatys et al. 2017, "Controlling Perceptual Factors in Neural Style Transfer", section 5.1). Unlike the paper it
    adds the variance of 8-bit rounding to both variances, so that a flat picture stays flat.

    Args:
        style: The style's luma, of any shape, in [0, 1].
        content: The content's luma, of any shape, in [0, 1].

    Returns:
        float32 of the style's shape. It is not clipped, because clipping would undo the match.
    """
    luma, wanted = np.asarray(style, np.float64), np.asarray(content, np.float64)
    gain = np.sqrt((wanted.var() + _NOISE) / (luma.var() + _NOISE))
    return (gain * (luma - luma.mean()) + wanted.mean()).astype(np.float32)


def linear_map(image: np.ndarray, original: np.ndarray, solution: str = 'symmetric') -> tuple[np.ndarray, np.ndarray]:
    """Returns the colour map x -> A x + b that gives a picture the mean and covariance of another.

    Any A with A S A^T = T does so, where S and T are the covariances of the picture and of the original; b shifts the
    mean (Gatys et al. 2016, "Preserving Color in Neural Artistic Style Transfer"; 2017, "Controlling Perceptual Factors
    in Neural Style Transfer", section 5.2). The solutions differ by a rotation:

    - 'cholesky': A = chol(T) chol(S)^-1. It depends on the order of the channels.
    - 'pca': A = T^1/2 S^-1/2, with the roots of the eigenvalues.
    - 'symmetric': A = S^-1/2 (S^1/2 T S^1/2)^1/2 S^-1/2, which moves colours least (Pitie and Kokaram 2007, "The linear
      Monge-Kantorovitch linear colour mapping", eq. 6).

    The variance of 8-bit rounding is added to both covariances, so that grey and flat pictures have a map. If the
    picture has almost no colour and the original has much, the map stretches the noise and JPEG blocks of the chroma,
    up to 1000 times the original's standard deviation. Use `keep_chroma` for such pictures.

    Args:
        image: float32 (H, W, 3) in [0, 1].
        original: float32 (H', W', 3) in [0, 1].
        solution: A name in `SOLUTIONS`.

    Returns:
        A, float64 (3, 3), and b, float64 (3,).

    Raises:
        UserError: The solution is unknown.
    """
    if solution not in SOLUTIONS:
        raise unknown('solution of colour transfer', solution, SOLUTIONS)
    (mean, source), (wanted, target) = (_moments(_pixels(picture)) for picture in (image, original))
    matrix = SOLUTIONS[solution](source, target)
    return matrix, wanted - matrix @ mean


def match_colors(image: np.ndarray, original: np.ndarray, solution: str = 'symmetric') -> np.ndarray:
    """Gives a picture the mean colour and the colour covariance of `original`, with `linear_map`.

    Args:
        image: float32 (H, W, 3) in [0, 1].
        original: float32 (H', W', 3) in [0, 1].
        solution: A name in `SOLUTIONS`.

    Returns:
        float32 (H, W, 3) in [0, 1]. Values outside are clipped; with strong colours these are a few percent of the
        pixels. Mean and covariance hold before clipping.

    Raises:
        UserError: The solution is unknown.

    Example:
        style = match_colors(style, photo)
    """
    matrix, offset = linear_map(image, original, solution)
    return np.clip(_pixels(image) @ matrix.T + offset, 0, 1).reshape(image.shape).astype(np.float32)


def match_histogram(image: np.ndarray, original: np.ndarray) -> np.ndarray:
    """Gives a picture the histograms of `original` in red, green and blue, and nearly its palette.

    It takes three steps of distribution transfer (Pitie, Kokaram and Dahyot 2007, "Automated colour grading using
    colour distribution transfer"): the symmetric linear map; one monotone curve along each principal axis of the
    original's colours; one along each of red, green and blue. Curves of the channels alone would leave hues that the
    original lacks; the first two steps bring the colours together before that.

    The paper turns the axes at random until the whole distribution matches. Each turn stretches grain and JPEG blocks
    (which the paper filters away afterwards) and takes time, so this function does not. For the same reason the curves
    along the principal axes have only a few knots; those of the channels are exact.

    A curve maps equal values to equal values. So pixels of the same colour keep the same colour, and the histogram of a
    picture with few tones matches only roughly. A curve is steep if the original has far more contrast than the
    picture: the blocks in the clear sky of a JPEG become visible.

    Args:
        image: float32 (H, W, 3) in [0, 1].
        original: float32 (H', W', 3) in [0, 1].

    Returns:
        float32 (H, W, 3), in each channel within the range of `original`.
    """
    matrix, offset = linear_map(image, original)
    pixels, wanted = _pixels(image) @ matrix.T + offset, _pixels(original)
    mean, covariance = _moments(wanted)
    axes = np.linalg.eigh(covariance)[1]
    turned = _tone_curves((pixels - mean) @ axes, (wanted - mean) @ axes, _COARSE)
    out = _tone_curves(turned @ axes.T + mean, wanted, _FINE)
    return out.reshape(image.shape).astype(np.float32)


def _tone_curves(values: np.ndarray, wanted: np.ndarray, width: float) -> np.ndarray:
    """Maps each column of `values` by the monotone curve that gives it the histogram of the column of `wanted`.

    Each non-empty bin of `values`, `width` wide, is a knot: its mean is mapped to the mean of the same quantile range
    of `wanted`. Values that differ only by rounding share a bin and stay together. Beyond its last knots a curve
    continues with a slope of one, up to the limits of `wanted`.
    """
    columns = []
    for column, goal in zip(values.T, wanted.T, strict=True):
        share, knots = _binned_means(column, width)
        below, means = _binned_means(goal, width, _SUBDIVISIONS)
        # The sum of the smallest values of the goal, as a function of their share: its slope is the quantile.
        total = np.interp(share, [0, *below], [0, *np.cumsum(means * np.diff(below, prepend=0))])
        shift = np.diff(total, prepend=0) / np.diff(share, prepend=0) - knots
        columns.append(np.clip(column + np.interp(column, knots, shift), goal.min(), goal.max()))
    return np.stack(columns, -1)


def _binned_means(values: np.ndarray, width: float, parts: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Returns, for each bin that is not empty, the share of values up to its end, and their mean.

    A `width` has `parts` bins.
    """
    bins = np.floor((values / width + 0.5) * parts).astype(int)
    bins -= bins.min()
    count = np.bincount(bins)
    full = count > 0
    return np.cumsum(count[full]) / values.size, np.bincount(bins, values)[full] / count[full]


def _pixels(picture: np.ndarray) -> np.ndarray:
    """Reshapes a picture (H, W, 3) to float64 (H * W, 3)."""
    return np.asarray(picture, np.float64).reshape(-1, 3)


def _moments(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the mean colour and the covariance, with the variance of rounding added. One pixel is enough."""
    mean = pixels.mean(0)
    centred = pixels - mean
    return mean, centred.T @ centred / max(len(pixels) - 1, 1) + _NOISE * np.eye(3)


def _power(matrix: np.ndarray, exponent: float) -> np.ndarray:
    """Returns a power of a symmetric positive definite matrix."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * values**exponent) @ vectors.T


def _cholesky(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    return np.linalg.cholesky(target) @ np.linalg.inv(np.linalg.cholesky(source))


def _pca(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    return _power(target, 0.5) @ _power(source, -0.5)


def _symmetric(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    root, inverse = _power(source, 0.5), _power(source, -0.5)
    return inverse @ _power(root @ target @ root, 0.5) @ inverse


# Functions from the covariances of a picture and of its original to the matrix A of `linear_map`.
SOLUTIONS: Mapping[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    'cholesky': _cholesky,
    'pca': _pca,
    'symmetric': _symmetric,
}

# All methods of colour transfer: (image, original) -> image.
TRANSFERS: Mapping[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    **{name: partial(match_colors, solution=name) for name in SOLUTIONS},
    'histogram': match_histogram,
}
