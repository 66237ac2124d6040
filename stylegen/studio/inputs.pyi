"""Components that take pictures from a visitor, as files that our own readers open."""

from __future__ import annotations

from typing import Any

import gradio as gr
import numpy as np

from gradio.events import Dependency

class PictureInput(gr.Image):
    """An upload whose file goes to our reader as it is: with its bits, its profile and its turn."""

    def __init__(self, label: str, **options: Any):
        super().__init__(
            label=label, type='filepath', image_mode=None, sources=['upload', 'clipboard'], height=220, **options
        )

    def get_block_name(self) -> str:
        """The name of the component in the page."""
        return 'image'

    def preprocess(self, payload: Any) -> str | None:
        """The path of the uploaded file, or None."""
        return None if payload is None else payload.path
    from typing import Callable, Literal, Sequence, Any, TYPE_CHECKING
    from gradio.blocks import Block
    if TYPE_CHECKING:
        from gradio.components import Timer
        from gradio.components.base import Component


def drawn_mask(edited: dict[str, Any] | None, shape: tuple[int, int]) -> np.ndarray | None:
    """What a visitor drew over the photo, (H, W) in [0, 1]; None where nothing was drawn.

    Args:
        edited: What `gr.ImageEditor` gives.
        shape: (height, width) of the photo.
    """
    from stylegen import images

    layers = [np.asarray(layer)[..., 3] for layer in (edited or {}).get('layers') or [] if layer is not None]
    drawn = [layer for layer in layers if layer.any()]
    if not drawn:
        return None
    covered = np.max(drawn, axis=0).astype(np.float32) / 255
    return images.resize(covered[..., None].repeat(3, -1), shape)[..., 0].clip(0, 1)