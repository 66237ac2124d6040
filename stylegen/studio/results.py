"""A result of the page: its pixels, its record, and how it is made without the page."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from stylegen import images

THUMBNAIL = 192  # pixels, the longest side in the gallery


@dataclass(frozen=True, eq=False)
class Result:
    """A picture that was made.

    Attributes:
        title: What it is, in a few words.
        pixels: uint8 (H, W, 3).
        before: The photo that it was made from, uint8 of the same shape, or None.
        record: What is written into the file; `--replay` reads it.
        command: The command that makes it.
        python: The lines of Python that make it.
        stopped: Whether a visitor ended the work before its time.
        alpha: float32 (H, W) in [0, 1] where the photo has transparent parts; PNG and WebP files keep it.
    """

    title: str
    pixels: np.ndarray
    before: np.ndarray | None
    record: Mapping[str, Any]
    command: str
    python: str
    stopped: bool = False
    alpha: np.ndarray | None = None

    @functools.cached_property
    def thumbnail(self) -> np.ndarray:
        """The picture for the gallery, uint8."""
        if max(self.pixels.shape[:2]) <= THUMBNAIL:
            return self.pixels
        size = images.fit(self.pixels.shape, THUMBNAIL)
        return images.to_uint8(images.resize(images.from_uint8(self.pixels), size).clip(0, 1))


def command_line(program: str, words: tuple[str, ...] = (), **flags: Any) -> str:
    """The text of a command for a shell. Flags that are None are left out.

    Example:
        command_line('stylegen.style apply', ('photo.jpg',), style='waves', strength=0.8)
    """
    typed = [f'--{name}={value:g}' if isinstance(value, float) else f'--{name}={value}' for name, value in flags.items()
             if value is not None]  # fmt: skip
    return ' '.join(['python -m', program, *map(shlex.quote, [*words, *typed])])


def call(function: str, *arguments: str, **keywords: Any) -> str:
    """The text of a call in Python. Keywords that are None are left out."""
    given = [f'{name}={value!r}' for name, value in keywords.items() if value is not None]
    return f'{function}({", ".join([*arguments, *given])})'
