"""Paints the photos of one command in one pass, and saves them with their record."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stylegen import images
from stylegen.networks.pretrained import WeightsSource
from stylegen.runs import records
from stylegen.runs.folders import check_output_folder, make_results, refuse_inputs_as_results, unique_names
from stylegen.runs.inputs import Inputs, load_first_frame, read_mask, refuse_overwriting_inputs
from stylegen.runs.names import Output
from stylegen.runs.saving import save_result
from stylegen.style.apply_settings import PROGRAM, Command
from stylegen.style.areas import Area, areas_of, masked
from stylegen.style.one_pass import OnePass, Scene
from stylegen.style.options import DEFAULT_FOLDER, NONE, parse_regions, parse_style
from stylegen.utils.console import Console
from stylegen.utils.errors import UserError
from stylegen.utils.files import digest_of

FEW = 4  # photos of a folder that NumPy may paint


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


def use_tensorflow() -> None:
    """Lets TensorFlow paint all that follows, so that no picture depends on how many were painted before it."""
    from stylegen.utils import backend

    backend.prepare_devices()


class Painter:
    """Paints photos in the styles of one command.

    Args:
        one_pass: The network.
        command: What is asked for.
        console: Prints.
    """

    def __init__(self, one_pass: OnePass, command: Command, console: Console):
        self.one_pass, self.command, self.console = one_pass, command, console
        self.settings, self.result = command.settings, command.result
        path = self.settings.model_file
        self.source = WeightsSource(path, digest_of(path), 'embedded' if self.settings.model is None else 'file')
        self.inputs = Inputs(say=console.say)
        self.regions = parse_regions(self.settings.region)
        self.norms = [self._norms(texts) for texts in (self.settings.style or (NONE,), *self.regions.values())]
        if all(norms is None for norms in self.norms):
            raise UserError('expected at least one style')
        if command.replayed:
            records.check_replay(command.replayed, self.inputs.hashes, self.source, console.warn)

    def _norms(self, texts: Sequence[str]) -> np.ndarray | None:
        """The norms of the styles of one area; of 'none', None."""
        if NONE in texts:
            if len(texts) > 1:
                raise UserError(f'give either {NONE} or styles for one place, not both')
            return None
        return norms_of_texts(self.one_pass, texts, self.inputs)

    def areas(self, shape: tuple[int, int]) -> tuple[list[Area], np.ndarray | None]:
        """The areas of a picture of (height, width), and how much of the result shows, (H, W), or None: all of it."""
        masks = [read_mask(self.inputs, mask, shape) for mask in self.regions]
        mask = self.settings.mask
        return areas_of(self.norms, masks), read_mask(self.inputs, mask, shape) if mask else None

    def paint_frame(
        self, photo: np.ndarray, areas: Sequence[Area], scene: Scene | None = None
    ) -> tuple[np.ndarray, Scene]:
        """`OnePass.paint_frame` with the settings of the command."""
        return self.one_pass.paint_frame(photo, areas, self.settings, scene)

    def record(self, source: Path | str, digest: str, precision: str | None = None) -> dict[str, Any]:
        """The record of the result of a photo or a clip.

        Args:
            source: The photo or clip, as the record calls it.
            digest: Its sha256.
            precision: The one that a replay is to take; by default that of the command.

        Raises:
            UserError: It is a replay, and the photo is not the one that the result was made from.
        """
        hashes: Mapping[str, str] = {str(source): digest} | self.inputs.hashes
        if self.command.replayed:
            records.check_replay(self.command.replayed, hashes, self.source, lambda text: None)
        model = None if self.settings.model is None else str(self.settings.model_file)
        precision = precision or self.settings.precision
        recorded = self.settings.replace(input=[str(source)], model=model, precision=precision).recorded()
        return records.record(PROGRAM, recorded, hashes, self.source)

    def paint(self, photo: Path, output: Output, name: str | None = None) -> None:
        """Paints one photo, which the record calls `name`, by default as it is called."""
        began = time.monotonic()
        picture = load_first_frame(photo, self.settings.size, self.console.say, '--output=NAME.gif makes a clip of all')
        images.check_writable(output.path, picture.pixels.shape, self.result.depth)
        areas, mask = self.areas((picture.pixels.shape[0], picture.pixels.shape[1]))
        record = self.record(name or photo, picture.sha256, self.one_pass.runner.precision_here)
        refuse_overwriting_inputs(output.path, record['inputs'])
        painted, _ = self.paint_frame(picture.pixels, areas)
        painted = masked(painted, picture.pixels, mask)
        path = save_result(output, painted, record, self.result, picture.alpha)
        self.console.say(f'result   {path} ({time.monotonic() - began:.1f} s)')

    def paint_folder(self, photos: Sequence[Path]) -> None:
        """Paints every photo whose result is not there yet."""
        target = Path(self.result.output or DEFAULT_FOLDER)
        for source in self.settings.input:
            check_output_folder(Path(source), target)
        if len(photos) > FEW:
            use_tensorflow()
        names = unique_names([[photo] for photo in photos])
        outputs = [target / f'{name}.png' for name in names]
        refuse_inputs_as_results(outputs, [*photos, *self.inputs.hashes])
        images.check_writable(outputs[0], depth=self.result.depth)

        def make(painter: Painter, number: int, unfinished: Path) -> None:
            painter.paint(photos[number], Output(outputs[number], self.result.overwrite))

        shown = [photo.name for photo in photos]
        make_results(outputs, shown, lambda: self, make, overwrite=self.result.overwrite, console=self.console)
