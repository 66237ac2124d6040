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
