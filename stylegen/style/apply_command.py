"""`python -m stylegen.style apply`: paints photos in one pass of a trained network."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from absl.flags import FlagValues

from stylegen import images
from stylegen.networks.pretrained import WeightsSource
from stylegen.runs import cli, records
from stylegen.runs.folders import check_output_folder, expand_folders, make_results, unique_names
from stylegen.runs.inputs import DEFAULT_PICTURE, Inputs, load_first_frame, read_mask, refuse_overwriting_inputs
from stylegen.runs.names import Output
from stylegen.runs.saving import save_result
from stylegen.runs.settings import MemorySettings, ResultSettings
from stylegen.style.one_pass import ONE_PASS_WEIGHTS, RESULT, OnePass
from stylegen.style.options import DEFAULT_FOLDER, DEFAULT_OUTPUT, parse_style, read_texts
from stylegen.style.settings import COLORS
from stylegen.utils.console import Console
from stylegen.utils.errors import UserError
from stylegen.utils.files import digest_of
from stylegen.utils.settings import setting

PROGRAM = 'stylegen.style apply'  # as results call it


@dataclass(frozen=True, kw_only=True)
class ApplySettings(MemorySettings):
    """What the command line of `apply` takes beside where results go."""

    input: tuple[str, ...] = setting(
        (), 'photos or folders of them; the default comes with the package', group='Pictures', kind='paths',
        read=read_texts, write=list,
    )  # fmt: skip
    style: tuple[str, ...] = setting(
        (), 'NAME of a style, or a painting; NAME:SHARE or PICTURE:SHARE, several times, mixes them', group='Pictures',
        kind='paths', read=read_texts, write=list,
    )  # fmt: skip
    list: bool = setting(False, 'print the names of the styles', group='Pictures')
    size: int | None = setting(None, 'longest side; by default its own', group='Pictures', at_least=1, unit='pixels')
    mask: str | None = setting(
        None, 'grey picture: white is painted, black stays as it is, bit for bit', group='Pictures', kind='path'
    )
    model: str | None = setting(
        None,
        f'{RESULT} of a training, or its folder; by default the one that comes with the package',
        group='How',
        kind='path',
    )
    strength: float = setting(1.0, 'of the style; above 1 exaggerates it', group='How', at_least=0, at_most=2)
    color: str = setting(
        'style',
        "style: the style's colours; luminance: the photo's, pixel by pixel; linear, histogram: the photo's palette",
        group='How',
        choices=COLORS,
    )


def define_flags() -> cli.Flags:
    """All flags of the command, in groups."""
    flags = cli.Flags('Paints photos in one pass of a trained network.')
    flags.positional('input', many=True)
    for heading in ('Pictures', 'How', 'Machine'):
        flags.group(heading)
    flags.settings(ApplySettings)
    flags.settings(ResultSettings, without=('replay', 'save_every', 'workdir'))
    flags.messages()
    return flags


def work(flags: FlagValues) -> None:
    """Does what the flags say."""
    console = Console(flags.quiet)
    settings, result = cli.settings_of(ApplySettings, flags), cli.settings_of(ResultSettings, flags)
    path = model_file(settings.model)
    one_pass = OnePass.open(path, max_memory=settings.max_memory)
    if settings.list:
        return print('\n'.join(list_styles(one_pass)))
    if not settings.style:
        raise UserError('give a --style: a picture, or one of these names: ' + ', '.join(one_pass.styles))
    painter = Painter(one_pass, settings, result, path, console)
    photos = expand_folders(settings.input or [str(DEFAULT_PICTURE)])
    if len(photos) > 1 or any(Path(one).is_dir() for one in settings.input):
        return painter.paint_folder(photos)
    painter.paint(photos[0], Output.from_flag(result.output, DEFAULT_OUTPUT, say=console.say))


def model_file(model: str | None) -> Path:
    """The file of a network, given it or the folder of a training."""
    path = ONE_PASS_WEIGHTS if model is None else Path(model)
    return path / RESULT if path.is_dir() else path


def list_styles(one_pass: OnePass) -> list[str]:
    """A line for each style of a network: its name, and what is known of it."""
    return [
        f'{name:<24} {", ".join(str(value) for value in about.values())}'.rstrip()
        for name, about in one_pass.about.items()
    ]


def norms_of_texts(one_pass: OnePass, texts: Sequence[str], inputs: Inputs) -> np.ndarray:
    """The norms of styles as they are typed: NAME or PICTURE, with :SHARE where several are mixed.

    Args:
        one_pass: The network.
        texts: One at least.
        inputs: Reads the paintings and keeps their hashes.
    """

    def style(text: str, share: float) -> tuple[Any, float]:
        if text in one_pass.norms:
            return text, share
        one_pass.check_style(text)
        return inputs.load(text).pixels, share

    return one_pass.norms_of([style(*parse_style(text)) for text in texts])


class Painter:
    """Paints photos in one style, and saves them with their record.

    Args:
        one_pass: The network.
        settings, result: Of the command line.
        path: The network's file.
        console: Prints.
    """

    def __init__(
        self, one_pass: OnePass, settings: ApplySettings, result: ResultSettings, path: Path, console: Console
    ):
        self.one_pass, self.settings, self.result, self.console = one_pass, settings, result, console
        self.source = WeightsSource(path, digest_of(path), 'embedded' if settings.model is None else 'file')
        self.inputs = Inputs(say=console.say)
        self.norms = norms_of_texts(one_pass, settings.style, self.inputs)

    def paint(self, photo: Path, output: Output) -> None:
        """Paints one photo."""
        began = time.monotonic()
        settings = self.settings
        picture = load_first_frame(photo, settings.size, self.console.say)
        images.check_writable(output.path, picture.pixels.shape, self.result.depth)
        mask = read_mask(self.inputs, settings.mask, picture.pixels.shape[:2]) if settings.mask else None
        hashes = {picture.path: picture.sha256} | self.inputs.hashes
        refuse_overwriting_inputs(output.path, hashes)
        painted = self.one_pass(picture.pixels, self.norms, strength=settings.strength, color=settings.color, mask=mask)
        recorded = settings.replace(input=[str(photo)]).recorded()
        record = records.record(PROGRAM, recorded, hashes, self.source)
        path = save_result(output, painted, record, self.result, picture.alpha)
        self.console.say(f'result   {path} ({time.monotonic() - began:.1f} s)')

    def paint_folder(self, photos: Sequence[Path]) -> None:
        """Paints every photo whose result is not there yet."""
        target = Path(self.result.output or DEFAULT_FOLDER)
        for source in self.settings.input:
            check_output_folder(Path(source), target)
        names = unique_names([[photo] for photo in photos])
        outputs = [target / f'{name}.png' for name in names]
        images.check_writable(outputs[0])

        def make(painter: Painter, number: int, unfinished: Path) -> None:
            painter.paint(photos[number], Output(outputs[number], self.result.overwrite))

        shown = [photo.name for photo in photos]
        make_results(outputs, shown, lambda: self, make, overwrite=self.result.overwrite, console=self.console)
