"""Whose colours a result has: the style's, or the content's, in one of the ways of Gatys et al. 2017, section 5."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from stylegen.images import color as colors

COLORS = ('style', 'luminance', 'linear', 'histogram')
TIMES = ('before', 'after')
MAPS = tuple(colors.SOLUTIONS)


@dataclass(frozen=True)
class Coloring:
    """What is done to the colours of the pictures before a transfer, and of the result after it.

    Attributes:
        color: 'style'; 'luminance': every pixel keeps the content's chroma; 'linear', 'histogram': the colours as a
            whole are the content's.
        time: 'before': the style is given the content's colours (or both lose theirs, for 'luminance') and the
            transfer has no others to take; 'after': the result is.
        transfer: Which linear map, a key of `stylegen.images.color.TRANSFERS`.
    """

    color: str
    time: str
    transfer: str

    @property
    def _moved(self) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
        return colors.TRANSFERS['histogram' if self.color == 'histogram' else self.transfer]

    def content(self, content: np.ndarray) -> np.ndarray:
        """The content as the transfer sees it."""
        return _grey(colors.luminance(content)) if (self.color, self.time) == ('luminance', 'before') else content

    def style(self, style: np.ndarray, content: np.ndarray) -> np.ndarray:
        """A style's picture as the transfer sees it."""
        if self.time == 'after' or self.color == 'style':
            return style
        if self.color == 'luminance':
            return _grey(colors.match_luminance(colors.luminance(style), colors.luminance(content)))
        return self._moved(style, content)

    def finish(self, result: np.ndarray, content: np.ndarray) -> np.ndarray:
        """The result with the colours it is to have."""
        if self.color == 'luminance':
            return colors.keep_chroma(result, content)
        if self.time == 'before' or self.color == 'style':
            return result
        return self._moved(result, content)


def _grey(luma: np.ndarray) -> np.ndarray:
    return np.repeat(np.clip(luma, 0, 1), 3, -1).astype(np.float32)
