"""A sheet of all styles that a one-pass network knows by name, on one photo or several."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stylegen import images
from stylegen.networks.pretrained import WeightsSource
from stylegen.runs import records
from stylegen.runs.folders import expand_folders
from stylegen.runs.inputs import DEFAULT_PICTURE, load_first_frame, refuse_overwriting_inputs
from stylegen.runs.names import Output
from stylegen.runs.saving import save_result
from stylegen.style.apply_settings import PROGRAM, Command
from stylegen.style.one_pass import OnePass
from stylegen.style.options import parse_regions, parse_style
from stylegen.style.pass_settings import PassSettings
from stylegen.utils.console import Console
from stylegen.utils.errors import UserError
from stylegen.utils.files import digest_of
from stylegen.utils.settings import takes

SHEET_SIZE = 384  # longest side of a picture on the sheet, in pixels
SHEET_OUTPUT = 'styles.png'
COLUMNS = 6


@takes(PassSettings)
def style_sheet(one_pass: OnePass, photos: Sequence[np.ndarray], *, settings: PassSettings) -> np.ndarray:
    """Returns a sheet of the photos and of all styles on them, with the name of the style under each.

    Args:
        one_pass: The network.
        photos: One or more, float32 (H, W, 3) in [0, 1].
        {settings}

    Raises:
        UserError: There are no photos.

    Example:
        save_image('styles.png', style_sheet(OnePass.open(), [load_image('photo.jpg', size=384)]))
    """
    if not photos:
        raise UserError('expected one photo at least')
    pictures, labels = list(photos), ['the photo'] * len(photos)
    for name in one_pass.styles:
        pictures += [one_pass(photo, name, settings=settings) for photo in photos]
        labels += [name] * len(photos)
    columns = len(photos) * max(1, COLUMNS // len(photos))
    return images.contact_sheet(pictures, labels, columns)


def save_style_sheet(one_pass: OnePass, command: Command, console: Console) -> None:
    """Saves the sheet that `apply --list --output` asks for."""
    settings, result, path = command.settings, command.result, command.settings.model_file
    output = Output.from_flag(result.output, SHEET_OUTPUT, say=console.say)
    images.check_writable(output.path)
    if not one_pass.styles:
        raise UserError(f'{path} knows no style by name; give a --style')
    size = settings.size or SHEET_SIZE
    sources = expand_folders(settings.input or [str(DEFAULT_PICTURE)])
    pictures = [load_first_frame(source, size, console.say) for source in sources]
    hashes = {picture.path: picture.sha256 for picture in pictures}
    idle = *settings.style, *(one for texts in parse_regions(settings.region).items() for one in (texts[0], *texts[1]))
    named = [parse_style(text)[0] for text in idle] + ([settings.mask] if settings.mask else [])
    refuse_overwriting_inputs(output.path, [*hashes, str(path), *named])
    sheet = style_sheet(one_pass, [one.pixels for one in pictures], settings=settings)
    source = WeightsSource(Path(path), digest_of(path), 'embedded' if settings.model is None else 'file')
    record = records.record(f'{PROGRAM} --list', settings.recorded(), hashes, source)
    console.say(f'result   {save_result(output, sheet, record, result)}')
