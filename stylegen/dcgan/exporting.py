"""Export a trained generator to formats of other programs, compared with the checkpoint, with a card."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylegen.dcgan.card import ExportSettings, card, markdown
from stylegen.dcgan.latent_vectors import latents
from stylegen.runs.exporting import TOLERANCES, check_export, format_of, greatest_difference, made_beside
from stylegen.utils.files import atomic_write, settings_beside
from stylegen.utils.settings import takes

if TYPE_CHECKING:
    from stylegen.dcgan.load import Generator

LEVEL = 1 / 255  # the difference that rounding to bytes may add
SEEDS = 16


@dataclass(frozen=True)
class Exported:
    """The result of `export`: path, card, and the difference of its images from those of the checkpoint.

    Args:
        path: The file or, of a SavedModel, the folder.
        card: See `stylegen.dcgan.card.card`; it is beside it as `PATH.json`, and in words as `PATH.md`.
        difference, tolerance: The greatest difference of a value, and the greatest that is allowed; 1 is the width of
            the range of pixels.
    """

    path: Path
    card: dict[str, Any]
    difference: float
    tolerance: float


@takes(ExportSettings)
def check_output(output: str | os.PathLike, *, settings: ExportSettings) -> None:
    """Refuses what `export` would refuse, before any work is done.

    Raises:
        UserError: The name is of another format, or there something is or cannot be; `quantize` is not for the format.
    """
    form = settings.format or format_of(output)
    settings.replace(format=form)  # refuses settings that exclude the format
    check_export(output, form)


@takes(ExportSettings)
def export(
    generator: 'Generator',
    output: str | os.PathLike,
    *,
    overwrite: bool = True,
    settings: ExportSettings,
) -> Exported:
    """Writes a generator, opens what was written, and compares it with the checkpoint on 16 seeds.

    What is written computes in float32, takes any number of latents, has batch normalisation by the moving statistics,
    and is opened without this package: .keras files have layers of Keras only, TFLite built-in operations only.

    Args:
        generator: From `load_generator`.
        output: The file, or for a SavedModel the folder, which must not be there yet.
        {settings}
        overwrite: False never replaces a file, also not one that another process makes meanwhile.

    Raises:
        FileExistsError: The output is there and is not to be overwritten.
        UserError: What `check_output` refuses.
        ArithmeticError: The images differ by more than `TOLERANCES`; nothing is written.

    Example:
        made = export(open_generator('run'), 'generator.tflite', quantize='float16')
        print(made.difference)
    """
    form = settings.format or format_of(output)
    settings = settings.replace(format=form)
    check_output(output, settings=settings)
    from stylegen.dcgan import formats

    path, kind, pixels = Path(output), formats.FORMATS[form], settings.pixels
    network = formats.in_float32(generator)
    exported = formats.portable(network, pixels)
    given = formats.given(network, latents(range(SEEDS), generator.latent_dim), len(generator.plan.classes))
    expected = formats.PIXELS[pixels].values(formats.images_of(network)(given))
    tolerance = TOLERANCES[settings.quantize] + LEVEL * (pixels == 'uint8')
    with made_beside(path, overwrite) as beside:
        kind.write(formats.Portable(exported, formats.OUTPUT), beside, settings.quantize)
        found = kind.open(beside)(given)
        difference = greatest_difference(found, expected, formats.PIXELS[pixels].width)
        if not difference <= tolerance:
            raise ArithmeticError(
                f'the {form} differs from the checkpoint by {difference:.2g} of the range of pixels, more '
                f'than {tolerance:.2g}: not written'
            )
        about = card(
            generator, beside, settings, seeds=SEEDS, difference=difference,
            tolerance=tolerance, parameters=exported.count_params(),
        )  # fmt: skip
    with settings_beside(path, about), atomic_write(f'{path}.md') as text:
        text.write_text(markdown(about), encoding='utf-8')
    return Exported(path, about, difference, tolerance)
