"""The dreams that the page offers: the presets whose networks ship, each with a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

DREAM_PICTURES = Path(__file__).parents[1] / 'pictures' / 'dreams'  # experiments/dream_thumbnails.py makes them


def dream_arguments(
    preset: str | None, layers: str | None, classes: str | None, strength: float | None
) -> dict[str, Any]:
    """The arguments of `stylegen.dream` that a preset and the visitor's choices mean."""
    from stylegen.deepdream.presets import PRESETS

    typed = {'layers': layers, 'classes': classes, 'strength': strength}
    given = dict(PRESETS.get(preset or '', {})) | {name: value for name, value in typed.items() if value is not None}
    if classes and not layers:
        given.pop('layers', None)
    return given


def offline_presets() -> list[str]:
    """The presets of dreams whose networks ship with the package."""
    from stylegen.deepdream.presets import EMBEDDED, PRESETS

    return [name for name, values in PRESETS.items() if values['network'] in EMBEDDED]


def dream_pictures() -> list[tuple[str, str]]:
    """The picture that shows each of these presets, and its name."""
    return [(str(DREAM_PICTURES / f'{name}.jpg'), name) for name in offline_presets()]
