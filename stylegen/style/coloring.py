"""Gives a result the colours of the style or of the content (Gatys et al. 2017, section 5)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from stylegen.images import color as colors
from stylegen.style.settings import StyleSettings


@dataclass(frozen=True)
class Coloring:
    """Changes the colours of the pictures before a transfer, and of the result after it; see `color` of the settings.

    Before a transfer the style is given the content's colours; for 'luminance' both pictures are made grey.
    """

    settings: StyleSettings

    @property
    def before(self) -> bool:
        """Whether the pictures are changed, and not the result."""
        return self.settings.color_time == 'before' and self.settings.color != 'style'

    def content(self, content: np.ndarray) -> np.ndarray:
        """The content that the transfer takes, (H, W, 3)."""
        return _grey(colors.luminance(content)) if self.before and self.settings.color == 'luminance' else content

    def style(self, style: np.ndarray, content: np.ndarray) -> np.ndarray:
        """The picture of style that the transfer takes, (h, w, 3)."""
        if not self.before:
            return style
        if self.settings.color == 'luminance':
            return _grey(colors.match_luminance(colors.luminance(style), colors.luminance(content)))
        return self._recolor(style, content)

    def finish(self, result: np.ndarray, content: np.ndarray) -> np.ndarray:
        """The result with its final colours, (H, W, 3)."""
        if self.settings.color == 'luminance':
            return colors.keep_chroma(result, content)
        return result if self.before or self.settings.color == 'style' else self._recolor(result, content)

    @property
    def _recolor(self) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
        """Gives a picture the colours of another."""
        histogram = self.settings.color == 'histogram'
        return colors.TRANSFERS['histogram' if histogram else self.settings.color_map]


def _grey(luma: np.ndarray) -> np.ndarray:
    return np.repeat(np.clip(luma, 0, 1), 3, -1).astype(np.float32)
