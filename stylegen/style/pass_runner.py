"""Runs the network that paints in one pass: by NumPy, by TensorFlow, or strip by strip."""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from stylegen.style.norms import NetworkShape, paint_by_parts
from stylegen.style.numpy_pass import paint_by_numpy
from stylegen.utils.errors import UserError
from stylegen.utils.memory import AUTO, parse_memory

PER_PIXEL = 400  # bytes that a pass takes for a pixel at most, at 96 channels; measured: 374, in float32
PER_STRIP_PIXEL = 1000  # the same for a pixel of a strip; measured: 910
KEPT_PIXEL = 135  # bytes that stay in memory for a pixel of the whole picture; measured: 122
LEAST = 16  # pixels: the least side within the network; mirroring a map needs two positions of it
NUMPY_PIXELS = 6_000_000  # so many in all NumPy paints; more take longer than with TensorFlow and its start


@dataclass(eq=False)
class PassRunner:
    """Chooses what the network runs on.

    Attributes:
        shape, max_memory, precision: Of a `OnePass`.
        painted: Pixels that were painted so far.
    """

    shape: NetworkShape
    max_memory: str | float
    precision: str
    painted: int = 0

    def run(
        self,
        arrays: Mapping[str, np.ndarray],
        photo: np.ndarray,
        norms: np.ndarray,
        before: np.ndarray,
        share: float,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Paints a photo, which is mirrored for `NetworkShape.margin` around and to sides that the network takes.

        Args:
            arrays: The weights, by name.
            photo: float32 (H, W, 3) in [0, 1].
            norms: (norms,).
            before: The statistics of the frame before, (norms,).
            share: Of these, 0 to 1.

        Returns:
            float32 (H, W, 3), about in [0, 1]; and the statistics of the normalizations, (norms,).

        Raises:
            UserError: Even strips take more memory than is allowed.
        """
        height, width = photo.shape[:2]
        grid, margin = self.shape.grid, self.shape.margin
        scale, memory = self.shape.width / 96, parse_memory(self.max_memory)
        tall, wide = (max(LEAST, -(-(side + 2 * margin) // grid) * grid) for side in (height, width))
        beyond = tall - height - margin, wide - width - margin
        padded = np.pad(photo, [*((margin, more) for more in beyond), (0, 0)], 'symmetric')
        if tall * wide * PER_PIXEL * scale > memory:
            from stylegen.style.strips import paint_by_strips

            room = memory - tall * wide * KEPT_PIXEL * scale
            rows = int(room // (wide * PER_STRIP_PIXEL * scale)) // grid * grid
            if rows < 2 * LEAST:
                what = f'a picture of {width} x {height} takes more memory than is allowed'
                raise UserError(f'{what}; raise --max_memory or give a smaller --size')
            by_rows = functools.partial(paint_by_strips, rows=rows)
            made, statistics = paint_by_parts(by_rows, arrays, self.shape, padded, norms, before, share)
        elif self.uses_numpy(tall * wide):
            made, statistics = paint_by_parts(paint_by_numpy, arrays, self.shape, padded, norms, before, share)
        else:
            found = self._graph(arrays, padded[None], norms[None], before, share)
            made, statistics = (each.numpy()[0] for each in found)
        return made[margin : margin + height, margin : margin + width], statistics

    def uses_numpy(self, pixels: int) -> bool:
        """Whether NumPy is to paint so many pixels more: TensorFlow is not imported, and little was painted."""
        self.painted += pixels
        free = self.precision in (AUTO, 'float32') and 'tensorflow' not in sys.modules
        return free and self.painted <= NUMPY_PIXELS

    @property
    def precision_here(self) -> str:
        """What 'auto' means where TensorFlow is imported; elsewhere it stays, and a replay chooses anew."""
        return self._settled() if 'tensorflow' in sys.modules else self.precision

    def _settled(self) -> str:
        from stylegen.utils.backend import fast_precision

        fast = fast_precision() if self.shape.deep else 'float32'  # without noise, rounding shows in a plain photo
        return fast if self.precision == AUTO else self.precision

    @functools.cached_property
    def _graph(self) -> Any:
        from stylegen.style.painting_graph import painting_graph

        return painting_graph(self.shape, self._settled())
