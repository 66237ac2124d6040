"""What the page does, without a page: paints, dreams and draws, and says how the same is done without it."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from stylegen import images
from stylegen.deepdream.presets import EMBEDDED
from stylegen.images.io import Picture
from stylegen.networks.pretrained import WeightsSource
from stylegen.runs import records
from stylegen.studio.dreams import dream_arguments
from stylegen.studio.live import Finished, Preview, Report, follow
from stylegen.studio.results import Result, call, command_line
from stylegen.utils.errors import UserError
from stylegen.utils.files import digest_of
from stylegen.utils.memory import AUTO

LAYERS_NETWORK = EMBEDDED[0]  # whose layers the page shows
MASK_NAME = 'mask.png'  # as the command of a result calls the mask that a visitor drew
Watched = Iterator[Preview | Result]


@dataclass(frozen=True, eq=False)
class Works:
    """The networks, opened when they are first used, and what is done with them. Threads take turns.

    Args:
        size: Longest side of a photo; a larger one is made smaller.
        max_memory: As the programs take it.
    """

    size: int = 1600
    max_memory: str | float = AUTO

    @functools.cached_property
    def one_pass(self) -> Any:
        """The network that paints in one pass, by TensorFlow from the first picture: the page has time to start."""
        from stylegen.style import OnePass
        from stylegen.utils.backend import tf  # noqa: F401

        return OnePass.open(max_memory=self.max_memory)

    @functools.cached_property
    def _one_pass_source(self) -> WeightsSource:
        from stylegen.style.one_pass import ONE_PASS_WEIGHTS

        return WeightsSource(ONE_PASS_WEIGHTS, digest_of(ONE_PASS_WEIGHTS), 'embedded')

    @functools.lru_cache(maxsize=3)  # noqa: B019  one `Works` lives as long as the page
    def _dreamer(self, given: tuple[tuple[str, Any], ...]) -> Any:
        from stylegen.deepdream import Dreamer

        return Dreamer(**dict(given), max_memory=self.max_memory)

    def photo(self, path: str | Path, longest: int | None = None) -> Picture:
        """Reads an uploaded picture. It is known by its name, without the folder that the page keeps it in.

        Args:
            path: The file.
            longest: Side in pixels, in place of the page's; a smaller picture keeps its own.

        Raises:
            UserError: It is no picture that can be read.
        """
        file = Path(path)
        changed = file.stat().st_mtime_ns if file.exists() else 0
        return self._photo(str(path), changed, min(longest or self.size, self.size))

    @functools.lru_cache(maxsize=3)  # noqa: B019  a photo of a camera takes longer to read than to paint
    def _photo(self, path: str, changed: int, most: int) -> Picture:
        picture = images.load_picture(path)
        pixels = picture.pixels
        alpha = picture.alpha
        if max(pixels.shape[:2]) > most:
            size = images.fit(pixels.shape, most)
            pixels = images.resize(pixels, size).clip(0, 1)
            alpha = None if alpha is None else images.resize(alpha, size).clip(0, 1)
        return replace(picture, pixels=pixels, alpha=alpha, path=safe_name(path))

    def styles(self) -> tuple[str, ...]:
        """The names of the styles that ship."""
        return self.one_pass.styles

    def thumbnails(self, side: int = 160) -> list[tuple[np.ndarray, str, str]]:
        """The photo of the package in each style, small, with its name and whose painting it is."""
        from stylegen.runs.inputs import DEFAULT_PICTURE

        photo = images.load_image(DEFAULT_PICTURE, side)
        about = self.one_pass.about
        painted = {name: images.to_uint8(self.one_pass(photo, name)) for name in self.styles()}
        return [
            (picture, name.replace('_', ' '), '{title}, {artist}'.format(**about[name]))
            for name, picture in painted.items()
        ]

    def paint_now(
        self, photo: Picture, style: str | Picture, *, strength: float, color: str, mask: np.ndarray | None,
        stroke: float = 1.0,
    ) -> Result:  # fmt: skip
        """Paints a photo in one pass, in a style that ships or in that of a painting."""
        from stylegen.style.apply_settings import PROGRAM, ApplySettings

        painting = style if isinstance(style, Picture) else None
        name = painting.path if painting else str(style)
        known = painting.pixels if painting else style
        how: dict[str, Any] = {'strength': strength, 'style_scale': stroke, 'color': color}
        painted = self.one_pass(photo.pixels, known, mask=mask, **how)
        masked = None if mask is None else MASK_NAME
        settings = ApplySettings(input=(photo.path,), style=(name,), mask=masked, size=_size_of(photo), **how)
        options = _changed(settings, *how, 'mask')
        hashes = {photo.path: photo.sha256} | ({painting.path: painting.sha256} if painting else {})
        made = call('OnePass.open()', _python_photo(photo), repr(name), **options)
        return _result(
            f'{Path(name).stem.replace("_", " ")} in one pass',
            painted,
            photo,
            records.record(PROGRAM, settings.recorded(), hashes, self._one_pass_source),
            command_line(PROGRAM, (photo.path,), style=name, size=settings.size, **options),
            f'from stylegen import load_image, save_image\nfrom stylegen.style import OnePass\n\n'
            f"save_image('out.png', {made})",
        )

    def paint(
        self, photo: Picture, painting: Picture, *, strength: float, stroke: float, color: str,
        mask: np.ndarray | None, stop: threading.Event, others: Mapping[str, Any] | None = None,
    ) -> Watched:  # fmt: skip
        """Paints a photo by optimisation, watched; `others` are more of its settings."""
        from stylegen.style import Stylizer
        from stylegen.style.command import PROGRAM
        from stylegen.style.options import PictureSettings
        from stylegen.style.settings import StyleSettings

        changed = {'strength': strength, 'style_scale': stroke, 'color': color, **(others or {})}
        stylizer = Stylizer(settings=StyleSettings.of_record({'max_memory': self.max_memory, **changed}))

        def job(report: Report) -> np.ndarray:
            tell = lambda step: report(step.work, step.all_work, step.result)
            return stylizer(photo.pixels, painting.pixels, mask=mask, callback=tell)

        masked = None if mask is None else MASK_NAME
        sources = PictureSettings(content=(photo.path,), style=(painting.path,), mask=masked, size=_size_of(photo))
        options = _changed(StyleSettings.of_record(changed), *changed)
        hashes = {photo.path: photo.sha256, painting.path: painting.sha256}
        recorded = sources.recorded() | stylizer.settings.recorded()
        made = call('transfer', _python_photo(photo), repr(painting.path), **options, mask=masked)
        result = functools.partial(
            _result,
            f'{Path(painting.path).stem}, painted properly',
            photo=photo,
            record=records.record(PROGRAM, recorded, hashes, stylizer.extractor.source),
            command=command_line(PROGRAM, (photo.path, painting.path), size=sources.size, **options, mask=masked),
            python=f"from stylegen import load_image, save_image, transfer\n\nsave_image('out.png', {made})",
        )
        return _watched(job, stop, result)

    def dream(
        self, photo: Picture, *, preset: str | None, layers: str | None, classes: str | None, strength: float | None,
        stop: threading.Event, network: str | None = None, others: Mapping[str, Any] | None = None,
    ) -> Watched:  # fmt: skip
        """Dreams on a photo, watched; `network` is that of the layers, `others` are more of its settings."""
        from stylegen.deepdream.command_line import PROGRAM
        from stylegen.deepdream.command_settings import PictureSettings

        more = {**({'network': network} if network else {}), **(others or {})}
        given = dream_arguments(preset, layers, classes, strength) | more
        dreamer = self._dreamer(tuple(given.items()))

        def job(report: Report) -> np.ndarray:
            return dreamer(photo.pixels, callback=lambda step: report(step.work, step.all_work, step.picture))

        sources = PictureSettings(input=(photo.path,), size=_size_of(photo))
        recorded = sources.recorded() | dreamer.settings.recorded()
        typed = {'preset': preset, 'layers': layers, 'classes': classes, 'strength': strength, **more}
        made = call('dream', _python_photo(photo), **given)
        result = functools.partial(
            _result,
            f'dream of {classes or layers or preset or "the network"}',
            photo=photo,
            record=records.record(PROGRAM, recorded, {photo.path: photo.sha256}, dreamer.extractor.source),
            command=command_line(PROGRAM, (photo.path,), size=sources.size, **typed),
            python=f"from stylegen import dream, load_image, save_image\n\nsave_image('out.png', {made})",
        )
        return _watched(job, stop, result)

    def grade(self, photo: Picture, before: Picture, after: Picture) -> Result:
        """Gives a photo the colour grade that lies between two pictures."""
        from stylegen.compose import GradeSettings, grade

        made = grade(photo.pixels, before.pixels, after.pixels)
        hashes = {one.path: one.sha256 for one in (photo, before, after)}
        pair = {'before': before.path, 'after': after.path}
        return _result(
            f'grade of {Path(after.path).stem}',
            made,
            photo,
            records.record('stylegen.compose grade', GradeSettings().recorded() | pair, hashes),
            command_line('stylegen.compose grade', (photo.path,), **pair),
            'from stylegen import load_image, save_image\nfrom stylegen.compose import grade\n\n'
            f"save_image('out.png', {call('grade', _python_photo(photo), **pair)})",
        )

    def mosaic(self, photo: Picture, tiles: Sequence[str | Path], columns: int, tint: float) -> Result:
        """Makes a photo of the pictures in a .zip, or of pieces of other pictures, or of itself where there are none.

        Args:
            photo: What is to be seen from afar.
            tiles: One archive, or pictures.
            columns: Blocks in a row.
            tint: How much a tile takes the colour of its block, 0 to 1.
        """
        from stylegen.compose import MosaicSettings, mosaic

        settings = MosaicSettings(columns=columns, tint=tint, tile_size=max(8, min(48, 2400 // columns)))
        archive = [path for path in tiles if str(path).lower().endswith('.zip')]
        if archive and len(tiles) > 1:
            raise UserError('drop one .zip, or pictures')
        pieces = [photo] if not tiles else [] if archive else [self.photo(path) for path in tiles]
        source: Any = archive[0] if archive else {one.path: one.pixels for one in pieces}
        made = mosaic(photo.pixels, source, settings=settings)
        hashes = {one.path: one.sha256 for one in (photo, *pieces)}
        hashes |= {safe_name(str(path)): digest_of(Path(path)) for path in archive}
        name = safe_name(str(archive[0])) if archive else None
        options = _changed(settings, 'columns', 'tint', 'tile_size')
        source_text = repr(name) if name else '{' + ', '.join(f'{one.path!r}: {one.path!r}' for one in pieces) + '}'
        called = call('mosaic', repr(photo.path), source_text, **options)
        height, width = made.assignment.tiles.shape
        return Result(
            f'mosaic of {width} x {height} tiles',
            images.to_uint8(made.image),
            None,
            records.record(
                'stylegen.compose mosaic', settings.recorded() | {'input': photo.path, 'tiles': name}, hashes
            ),
            command_line('stylegen.compose mosaic', (photo.path, *([name] if name else [])), **options),
            f"from stylegen import save_image\nfrom stylegen.compose import mosaic\n\nsave_image('out.png', "
            f'{called}.image)',
        )

    def layers(self) -> tuple[str, ...]:
        """The layers of `LAYERS_NETWORK`, as the sheet of layers shows them."""
        from stylegen.deepdream.explore import layers_to_show

        return tuple(layers_to_show(LAYERS_NETWORK))

    def layer_dream(self, photo: Picture, layer: str) -> np.ndarray:
        """A dream of one layer, uint8, for the sheet of layers."""
        from stylegen.deepdream import dream

        return images.to_uint8(dream(photo.pixels, network=LAYERS_NETWORK, layers=layer, max_memory=self.max_memory))


def _size_of(photo: Picture) -> int:
    """The longest side of a photo."""
    return max(photo.pixels.shape[:2])


def _python_photo(photo: Picture) -> str:
    return call('load_image', repr(photo.path), size=_size_of(photo))


def _changed(settings: Any, *names: str) -> dict[str, Any]:
    """The settings of these names that are not the defaults, as people type them."""
    values, defaults = settings.recorded(), type(settings)().recorded()
    return {name: values[name] for name in names if values[name] != defaults[name]}


def _result(
    title: str, pixels: np.ndarray, photo: Picture, record: Mapping[str, Any], command: str, python: str,
    stopped: bool = False,
) -> Result:  # fmt: skip
    title += ', stopped' if stopped else ''
    before = images.to_uint8(photo.pixels)
    return Result(title, images.to_uint8(pixels), before, record, command, python, stopped, photo.alpha)


def safe_name(path: str) -> str:
    """The last part of a path, without what a shell, a browser or a file system could take amiss."""
    name = Path(path.replace('\\', '/')).name
    kept = ''.join(letter if letter.isalnum() or letter in '.-_ ' else '_' for letter in name).strip(' .-')
    return kept[-80:] or 'picture'


def _watched(job: Callable[[Report], np.ndarray], stop: threading.Event, result: Callable[..., Result]) -> Watched:
    for step in follow(job, stop):
        yield result(pixels=step.picture, stopped=step.stopped) if isinstance(step, Finished) else step
