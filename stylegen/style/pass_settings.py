"""How a photo, and how the frames of a clip, are painted in one pass."""

from __future__ import annotations

from dataclasses import dataclass

from stylegen.style.settings import COLORS
from stylegen.utils.settings import Settings, setting


@dataclass(frozen=True, kw_only=True)
class PassSettings(Settings):
    """How a photo is painted in one pass.

    Attributes:
        strength: 0 keeps the photo's own norms, 1 takes the style's; between and beyond, in a straight line. A network
            that takes no paintings has no norms of a photo: there the pixels are mixed.
        style_scale: See `stylegen.style.strokes`.
    """

    strength: float = setting(1.0, 'of the style; above 1 exaggerates it', group='How', at_least=0, at_most=2)
    style_scale: float = setting(
        1.0, 'size of the strokes: 2 makes them twice as large', group='How', at_least=0.5, at_most=4
    )
    color: str = setting(
        'style',
        "style: the style's colours; luminance: the photo's, pixel by pixel; linear, histogram: the photo's palette",
        group='How',
        choices=COLORS,
    )


@dataclass(frozen=True, kw_only=True)
class FootageSettings(PassSettings):
    """How the frames of a clip are painted.

    Attributes:
        blend: 0 paints each frame by itself. A larger share holds still better.
    """

    blend: float = setting(
        0.8,
        'share of the painted frame before that the optical flow carries to the next frame of a clip',
        group='How',
        at_least=0,
        below=1,
    )
