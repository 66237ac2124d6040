"""Colour: what of a picture's colour survives a change of its pixels."""

import numpy as np

# ITU-R BT.601, the weights of JPEG's luma; the two chroma axes follow as B - Y and R - Y.
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def luminance(image: np.ndarray) -> np.ndarray:
    """Luma of an RGB picture: (..., 3) to (..., 1), in the picture's own units."""
    return (image @ LUMA)[..., None]


def keep_chroma(image: np.ndarray, original: np.ndarray) -> np.ndarray:
    """The lightness of `image` with the colours of `original`: Y of the one, Cb and Cr of the other.

    Args:
        image: float32 (H, W, 3) in [0, 1].
        original: of the same shape.

    Returns:
        float32 (H, W, 3) in [0, 1]. A pixel whose new luma does not fit its old chroma keeps its hue and loses
        saturation, by as little as brings it into range; all others keep Cb and Cr exactly.
    """
    luma = luminance(image)
    chroma = original - luminance(original)
    room = np.where(chroma > 0, 1 - luma, luma)
    scale = np.divide(room, np.abs(chroma), out=np.ones_like(chroma), where=np.abs(chroma) > 1e-12)
    return np.clip(luma + chroma * np.clip(scale.min(-1, keepdims=True), 0, 1), 0, 1).astype(np.float32)


def match_colors(image: np.ndarray, original: np.ndarray) -> np.ndarray:
    """The picture with the mean colour and the colour covariance of `original`.

    Of the linear maps that do this the one that moves colours least: A = S^-1/2 (S^1/2 T S^1/2)^1/2 S^-1/2, with S and
    T the covariances of the picture and of the original (Pitie and Kokaram 2007, "The linear Monge-Kantorovitch linear
    colour mapping", eq. 6).

    Args:
        image: float32 (H, W, 3) in [0, 1].
        original: float32 (H', W', 3) in [0, 1].

    Returns:
        float32 (H, W, 3) in [0, 1], clipped.
    """
    if image[..., 0].size < 2:
        return np.broadcast_to(original.mean((0, 1)), image.shape).astype(np.float32)
    pixels, wanted = (x.reshape(-1, 3).astype(np.float64) for x in (image, original))
    source, target = (np.cov(x, rowvar=False) + 1e-6 * np.eye(3) for x in (pixels, wanted))
    root = _power(source, 0.5)
    inverse = _power(source, -0.5)
    change = inverse @ _power(root @ target @ root, 0.5) @ inverse
    out = (pixels - pixels.mean(0)) @ change + wanted.mean(0)
    return np.clip(out.reshape(image.shape), 0, 1).astype(np.float32)


def _power(matrix: np.ndarray, exponent: float) -> np.ndarray:
    """A power of a symmetric positive definite matrix."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * values**exponent) @ vectors.T
