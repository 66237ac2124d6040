"""Components that take pictures from a visitor, as files that our own readers open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from gradio.utils import get_upload_folder

from stylegen import images
from stylegen.runs.inputs import load_first_frame


def page_folder() -> Path:
    """The folder where Gradio keeps what was uploaded and what is shown."""
    return Path(get_upload_folder())


def picture_input(label: str, height: int = 220, **options: Any) -> gr.Image:
    """An upload whose file goes to our reader as it is: with its bits, its profile and its turn."""
    component = gr.Image(
        label=label, type='filepath', image_mode=None, sources=['upload', 'clipboard'], height=height,
        alt_text=label, **options,
    )  # fmt: skip
    component.preprocess = lambda payload: None if payload is None else payload.path  # type: ignore[method-assign]
    return component


def photo_and_notes(path: str, longest: int) -> tuple[images.Picture, list[str]]:
    """An uploaded photo, and a line for each thing that its result will not show.

    Args:
        path: The file.
        longest: Side of the photo, in pixels.

    Raises:
        UserError: It is no picture that can be read.
    """
    told: list[str] = []
    hint = "the command under 'How it is made', with --output=NAME.gif, paints all"
    picture = load_first_frame(path, longest, lambda line: told.append(f'{line}.'), hint)
    if picture.alpha is not None and picture.alpha.min() < 1:
        told.append('Its transparent parts are painted too; PNG and WebP files of the result keep them transparent.')
    return picture, told


def drawn_over(edited: dict[str, Any] | None) -> np.ndarray | None:
    """What a visitor drew over the photo, uint8 (H, W); None where nothing was drawn.

    Args:
        edited: What `gr.ImageEditor` gives.
    """
    layers = [np.asarray(layer)[..., 3] for layer in (edited or {}).get('layers') or [] if layer is not None]
    drawn = [layer for layer in layers if layer.any()]
    return np.max(drawn, axis=0) if drawn else None


def mask_of(drawn: np.ndarray | None, shape: tuple[int, int]) -> np.ndarray | None:
    """What was drawn as a mask of a photo, (H, W) in [0, 1].

    Args:
        drawn: As `drawn_over` gives it.
        shape: (height, width) of the photo.
    """
    if drawn is None:
        return None
    return images.resize(images.from_uint8(drawn)[..., None].repeat(3, -1), shape)[..., 0].clip(0, 1)
