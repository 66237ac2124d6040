"""Tells from what ffmpeg says of a clip whether it has transparent parts, and how they are read."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from stylegen.images.pixels import from_uint8, on_white

_FORMATS = r'\b(argb|rgba|abgr|bgra|gbra|ya8|ya16|yaf|ayuv|yuva|vuya|uyva|pal8)'  # beginnings of ffmpeg's names
_DECODERS = {'vp8': 'libvpx', 'vp9': 'libvpx-vp9'}  # ffmpeg's own decoders leave out the transparency of a WebM


@dataclass(frozen=True)
class Layout:
    """How the pixels of a clip are read.

    Attributes:
        alpha: Whether there are transparent parts.
        decoder: The decoder that reads them, where it is not ffmpeg's own; else None.
    """

    alpha: bool = False
    decoder: str | None = None

    @property
    def channels(self) -> int:
        """Bytes of a pixel."""
        return 4 if self.alpha else 3

    @property
    def name(self) -> str:
        """What ffmpeg calls the layout."""
        return 'rgba' if self.alpha else 'rgb24'

    @property
    def reading(self) -> list[str]:
        """The arguments of ffmpeg before the input."""
        return ['-c:v', self.decoder] if self.decoder else []

    def frame(self, data: bytes, height: int, width: int) -> np.ndarray:
        """Returns a frame as float32 (height, width, 3) in [0, 1], with transparent parts on white."""
        pixels = from_uint8(np.frombuffer(data, np.uint8).reshape(height, width, self.channels))
        return on_white(pixels[..., :3], pixels[..., 3]) if self.alpha else pixels


OPAQUE = Layout()


def layout_of(log: str) -> Layout:
    """Returns the layout of the first video of a clip, from ffmpeg's messages about it at the level 'info'."""
    streams = re.split(r'^ *Stream #0:', log, flags=re.M)[1:]
    video = next((text for text in streams if ': Video: ' in text and '(attached pic)' not in text), '')
    if re.search(r'^ *alpha_mode *: 1$', video, re.M | re.I):
        codec = re.search(r': Video: (\w+)', video)
        if decoder := _DECODERS.get(codec[1] if codec else ''):
            return Layout(alpha=True, decoder=decoder)
    return Layout(alpha=bool(re.search(_FORMATS, video.partition('\n')[0])))
