"""What `python -m stylegen.compose` does without arguments: a grade and a mosaic of the pictures of the package."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from absl.flags import FlagValues

from stylegen.compose.files import LEFT_OUT, PICTURES, Run, describe, with_record
from stylegen.compose.fitting import product
from stylegen.compose.grading import learn_grade, write_cube
from stylegen.compose.mosaic_command import MosaicFiles, make_mosaic
from stylegen.compose.settings import GradeSettings, MosaicSettings
from stylegen.images.color import luminance
from stylegen.runs import cli
from stylegen.runs.inputs import DEFAULT_PICTURE
from stylegen.runs.inputs import PICTURES as PACKAGE_PICTURES
from stylegen.runs.names import Output
from stylegen.runs.settings import ResultSettings
from stylegen.utils.console import Console

GRADED, MOSAIC = 'graded.png', 'mosaic.jpg'
TINTS = np.array([[-0.04, 0.02, 0.09], [0.08, 0.0, -0.14]], np.float32)  # of the shadows and of the lights


def define_flags() -> cli.Flags:
    """The flags of the messages alone."""
    flags = cli.Flags('Learns a colour grade and makes a mosaic of pictures that come with the package.')
    flags.group(PICTURES)
    flags.settings(ResultSettings, without=(*LEFT_OUT, 'overwrite', 'output', 'depth'))
    flags.messages()
    return flags


def work(flags: FlagValues) -> None:
    """Makes both, and says where they are."""
    console = Console(flags.quiet)
    result = cli.settings_of(ResultSettings, flags)
    demonstrate_grade(console, result)
    settings = MosaicSettings(columns=64, tile_size=16)
    make_mosaic(MosaicFiles(), settings, result, console, MOSAIC)
    console.say('your own: python -m stylegen.compose grade --help, mosaic --help; --help lists all commands')


def demonstrate_grade(console: Console, result: ResultSettings) -> None:
    """Learns the grade between a picture and its film look, and gives it to another picture and a LUT."""
    run, settings = Run('stylegen.compose', console, result), GradeSettings()
    photo = run.read(DEFAULT_PICTURE)
    look = learn_grade(photo, film_look(photo), settings=settings)
    console.say(f'grade    learned from {DEFAULT_PICTURE.name} and a film look of it', describe(look))
    other = run.read(PACKAGE_PICTURES / 'whirls.jpg')
    output = Output.free(Path(GRADED), '.cube', '.json').with_fixed_name()
    console.say(f'LUT      {write_cube(output.path.with_suffix(".cube"), look)}')
    recorded = settings.recorded()
    console.say(f'T        {with_record(look, run.record(recorded)).save(output.path.with_suffix(".json"))}')
    run.save(output, product(look.matrix, look.recipe, [other]), recorded)


def film_look(pixels: np.ndarray) -> np.ndarray:
    """Returns a picture with lifted blacks, cold shadows, warm lights and less colour, float32 (H, W, 3) in [0, 1]."""
    luma = luminance(pixels)
    faded = luma + 0.75 * (pixels - luma)
    curved = 1 / (1 + np.exp(-6 * (faded - 0.5)))
    toned = 0.04 + 0.94 * curved + TINTS[0] * np.exp(-((luma / 0.35) ** 2)) + TINTS[1] * np.sqrt(luma) * luma
    return toned.clip(0, 1).astype(np.float32)
