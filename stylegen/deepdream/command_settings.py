"""The settings that only the command line has: the pictures it reads, the film it makes and the results it writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stylegen.deepdream.presets import PRESETS
from stylegen.deepdream.settings import (
    FILM,
    FROM_NOISE,
    NOISE_SIZE,
    STEPS,
    SUBJECT,
    FootageSettings,
    ZoomSettings,
)
from stylegen.runs.inputs import DEFAULT_SIZE
from stylegen.runs.layer_weights import format_weights, parse_weights
from stylegen.runs.settings import ResultSettings
from stylegen.utils.errors import UserError
from stylegen.utils.settings import Settings, setting

PICTURES = 'Pictures'
HEADINGS = (PICTURES, 'Network', SUBJECT, STEPS, FROM_NOISE, FILM, 'Machine')  # of `--help`, in order
DEFAULT_OUTPUT = 'deepdream.png'
FILM_SIZE = 512  # longest side of a film's frames, in pixels, unless --size says otherwise
TILE_SIZE = 512  # side of a tile that repeats and is made from noise
EXPLORE_SIZE = 256  # longest side of each picture on a contact sheet


@dataclass(frozen=True, kw_only=True)
class FilmSettings(FootageSettings, ZoomSettings):
    """The film that the command makes. Without a zoom it makes one of a clip only."""

    zoom: float | None = setting(  # type: ignore[assignment]
        None,
        'makes a film that zooms into its own dream: factor per second, such as 1.5',
        group=FILM,
        at_least=1,
    )


def read_paths(value: Any, name: str) -> tuple[str, ...]:
    """Paths, from one, several or none."""
    return () if value is None else (value,) if isinstance(value, str) else tuple(map(str, value))


def _format_inputs(paths: Sequence[str]) -> Any:
    """None, one path or a list, as results have recorded `input` from the first."""
    return list(paths) if len(paths) > 1 else paths[0] if paths else None


def read_regions(value: Any, name: str) -> tuple[tuple[str, dict[str, float]], ...]:
    """Pairs of a mask's path and weights by layer, also from texts 'MASK=LAYER:WEIGHT,...'.

    Raises:
        UserError: A text has another form.
    """
    regions = []
    for region in value:
        path, equals, layers = region.rpartition('=') if isinstance(region, str) else (region[0], '=', region[1])
        if not equals or not path:
            raise UserError(f'expected --{name}=MASK=LAYER:WEIGHT,..., got {region!r}')
        regions.append((path, parse_weights(layers, name) if isinstance(layers, str) else layers))
    return tuple(regions)


def _format_regions(regions: Sequence[tuple[str, dict[str, float]]]) -> list[str]:
    return [f'{path}={format_weights(layers)}' for path, layers in regions]


@dataclass(frozen=True, kw_only=True)
class PictureSettings(Settings):
    """The pictures that the command reads, and what it makes of them."""

    input: tuple[str, ...] = setting(
        (),
        "a picture, a folder, a clip, or 'noise'; several pictures give a result each; by default a picture that comes "
        'with the program',
        group=PICTURES,
        kind='paths',
        read=read_paths,
        write=_format_inputs,
    )
    size: int | None = setting(
        None,
        f'longest side in pixels; by default its own, up to {DEFAULT_SIZE}; of a film {FILM_SIZE}, from noise '
        f'{NOISE_SIZE} (a tile {TILE_SIZE}), of each picture on a contact sheet {EXPLORE_SIZE}',
        group=PICTURES,
        at_least=1,
    )
    mask: str | None = setting(
        None,
        'grey picture: where it is white the dream shows, where it is black the picture stays, bit for bit',
        group=PICTURES,
        kind='path',
    )
    preset: str | None = setting(
        None, 'settings by name; a flag that is typed wins over them', group=SUBJECT, choices=PRESETS
    )
    guide: tuple[str, ...] = setting(
        (),
        'a picture whose contents the dream looks for in yours; may be given several times',
        group=SUBJECT,
        kind='paths',
        read=read_paths,
        write=list,
    )
    region: tuple[tuple[str, dict[str, float]], ...] = setting(
        (),
        'MASK=LAYER:WEIGHT,...: layers that act where the grey picture MASK is white; may be given several times',
        group=SUBJECT,
        kind='paths',
        read=read_regions,
        write=_format_regions,
    )
    explore: str | None = setting(
        None,
        "a contact sheet of what every layer does to the picture ('layers'), or the channels of one layer (its name)",
        group=SUBJECT,
    )

    @property
    def read_beside(self) -> tuple[str, ...]:
        """The pictures that are read beside the inputs: guides and masks."""
        masks = (self.mask, *(mask for mask, _ in self.region))
        return (*self.guide, *filter(None, masks))


@dataclass(frozen=True, kw_only=True)
class DreamResultSettings(ResultSettings):
    """How the command writes its results."""

    output: str | None = setting(
        None,
        f'PNG, JPEG, WebP or TIFF; GIF, WebP or MP4 of a film; of many results a folder; by default {DEFAULT_OUTPUT}, '
        'or a free name like it',
        group=PICTURES,
        kind='path',
    )
