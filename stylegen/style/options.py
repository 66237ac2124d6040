"""What the command line takes beside the settings of a transfer: pictures in, results out, and lists."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stylegen.runs.inputs import DEFAULT_PICTURE, DEFAULT_SIZE, PICTURES
from stylegen.runs.settings import ResultSettings
from stylegen.style.published import PUBLISHED
from stylegen.utils.errors import UserError
from stylegen.utils.settings import Settings, setting

NONE = 'none'  # as a style: the place has no style
LIST = 'list'
DEFAULT_CONTENT, DEFAULT_STYLE = DEFAULT_PICTURE, PICTURES / 'whirls.jpg'
DEFAULT_OUTPUT, DEFAULT_FOLDER = 'style.png', 'style'


def read_texts(given: Sequence[str], name: str) -> tuple[str, ...]:
    """The texts of a flag that may be given several times."""
    return tuple(given)


def paths_setting(help: str, group: str = 'Pictures') -> Any:
    """A setting of paths, whose flag may be given several times."""
    return setting((), help, group=group, kind='paths', read=read_texts, write=list)


@dataclass(frozen=True, kw_only=True)
class PictureSettings(Settings):
    """The pictures that the command line reads, and the seed."""

    content: tuple[str, ...] = paths_setting(
        'a picture or a folder; several give a result each; the default comes with the package'
    )
    style: tuple[str, ...] = paths_setting(
        'PICTURE or PICTURE:SHARE; several are blended in their shares; a folder gives a result for each picture in '
        'it; the default comes with the package'
    )
    size: int | None = setting(
        None, f"longest side; by default the content's own, up to {DEFAULT_SIZE}", group='Pictures', at_least=1
    )
    region: tuple[str, ...] = paths_setting(
        f'MASK=STYLE, or MASK={NONE}: a style of its own where a grey picture is white; several times'
    )
    mask: str | None = setting(
        None,
        'grey picture: white is painted, black stays as it is, bit for bit',
        group='Pictures',
        kind='path',
    )
    seed: int = setting(0, 'of noise: the same seed gives the same picture', group='How to get there', at_least=0)


@dataclass(frozen=True, kw_only=True)
class StyleResultSettings(ResultSettings):
    """How the command line writes results, and goes on with results that were interrupted."""

    output: str | None = setting(
        None,
        f'PNG, JPEG, WebP or TIFF, by default {DEFAULT_OUTPUT} or a free name like it; of many results a folder, by '
        f'default {DEFAULT_FOLDER}, for CONTENT__STYLE.png',
        group='Pictures',
        kind='path',
    )
    preview: bool = setting(
        False, 'save the result of the first size as soon as it is there, as OUTPUT-preview', group='Pictures'
    )
    film: str | None = setting(None, 'GIF, WebP or MP4 of how the picture comes about', group='Pictures', kind='path')
    skip_existing: bool = setting(
        False, 'do nothing where the output is there, as it is with many results', group='Pictures'
    )
    resume: bool = setting(
        False, 'go on from the state in --workdir, or else in OUTPUT.state; and keep it there', group='Machine'
    )


@dataclass(frozen=True, kw_only=True)
class ListSettings(Settings):
    """The lists that the command line prints instead of painting."""

    layers: str | None = setting(
        None, f"'{LIST}' prints the network's layers, for --style_layers and --content_layers", group='Network'
    )
    like: str | None = setting(
        None,
        f"settings and formula of a published program; '{LIST}' prints them; what is typed beside it wins",
        group='How much style',
        choices=(*PUBLISHED, LIST),
    )


def parse_style(text: str) -> tuple[str, float]:
    """The path and the share in PATH or PATH:SHARE. A colon before something else than a number belongs to the path.

    Raises:
        UserError: The path is empty, or the share is below 0.
    """
    path, colon, share = text.rpartition(':')
    try:
        value = float(share) if colon and not Path(text).exists() else None
    except ValueError:
        value = None
    if value is None:
        return text, 1.0
    if not path or not 0 <= value < math.inf:
        raise UserError(f'expected --style=PATH or PATH:SHARE with a share from 0, got {text!r}')
    return path, value


def parse_styles(texts: Sequence[str]) -> list[tuple[str, float]]:
    """Returns the styles that are blended, with their shares: none for 'none', the default style for no text.

    Raises:
        UserError: 'none' stands beside others.
    """
    if NONE in texts and len(texts) > 1:
        raise UserError(f'give either {NONE} or styles for one place, not both')
    return [] if list(texts) == [NONE] else [parse_style(text) for text in texts or [str(DEFAULT_STYLE)]]


def parse_regions(texts: Sequence[str]) -> dict[str, list[str]]:
    """The styles of each mask, from texts MASK=STYLE. Several texts may name one mask. See `parse_styles`.

    Raises:
        UserError: A text has another form.
    """
    regions: dict[str, list[str]] = {}
    for text in texts:
        mask, equals, style = text.partition('=')
        if not (mask and equals and style):
            raise UserError(f'expected --region=MASK=STYLE or MASK={NONE}, got {text!r}')
        regions.setdefault(mask, []).append(style)
    return regions


def read_beside(sources: PictureSettings) -> list[str]:
    """The paths of the pictures that are read beside contents and styles: masks, and the styles of regions."""
    regions = parse_regions(sources.region)
    styles = [path for texts in regions.values() for path, _ in parse_styles(texts)]
    return [*styles, *regions, *([sources.mask] if sources.mask else [])]


def find_moved(settings: dict[str, Any], moved: Mapping[str, str]) -> None:
    """Corrects the paths in the `style` and `region` of recorded settings.

    Args:
        settings: Of a result that is made again.
        moved: The path of each of its inputs now, by its path then.
    """

    def found(style: str) -> str:
        old, _ = parse_style(style)
        return moved.get(old, old) + style[len(old) :]

    settings['style'] = [found(style) for style in settings['style']]
    regions = parse_regions(settings.get('region', []))
    settings['region'] = [f'{moved.get(mask, mask)}={found(s)}' for mask, styles in regions.items() for s in styles]


def is_many(sources: PictureSettings) -> bool:
    """Whether there may be several results: several contents, or a folder."""
    contents, styles = sources.content, sources.style
    return len(contents) > 1 or any(Path(path).is_dir() for path in (*contents, *styles))
