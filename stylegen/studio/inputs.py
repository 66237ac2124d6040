"""Components that take pictures from a visitor, as files that our own readers open."""

from __future__ import annotations

from typing import Any

import gradio as gr
import numpy as np


def picture_input(label: str, **options: Any) -> gr.Image:
    """An upload whose file goes to our reader as it is: with its bits, its profile and its turn."""
    component = gr.Image(
        label=label, type='filepath', image_mode=None, sources=['upload', 'clipboard'], height=220,
        alt_text=label, **options,
    )  # fmt: skip
    component.preprocess = lambda payload: None if payload is None else payload.path  # type: ignore[method-assign]
    return component


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
