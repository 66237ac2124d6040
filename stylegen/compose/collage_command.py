"""`python -m stylegen.compose collage`: puts parts of pictures into a scene without seams."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from absl.flags import FlagValues

from stylegen import images
from stylegen.compose.blending import cover
from stylegen.compose.collaging import Part, collage
from stylegen.compose.files import LEFT_OUT, PICTURES, Run, needed
from stylegen.compose.settings import COLLAGE, CollageSettings, read_texts
from stylegen.runs import cli
from stylegen.runs.names import Output
from stylegen.runs.settings import ResultSettings
from stylegen.utils.console import Console
from stylegen.utils.errors import UserError
from stylegen.utils.settings import Settings, setting

DEFAULT_OUTPUT = 'collage.png'
_PLACE = re.compile(r'(.+)@(-?[\d.]+),(-?[\d.]+)(?:,([\d.]+))?')


@dataclass(frozen=True, kw_only=True)
class CollageFiles(Settings):
    """What the command line of `collage` reads."""

    scene: str | None = setting(None, 'the picture that parts are put into', group=PICTURES, kind='path')
    part: tuple[str, ...] = setting(
        (),
        'MASK=PICTURE@X,Y,WIDTH: what is white in the mask, its middle at X,Y and so wide, in shares of the scene: '
        'mask.png=boat.jpg@0.5,0.6,0.3; without @ the mask is of the scene and the picture covers it; without '
        'a mask the transparency of the picture counts; several times',
        group=PICTURES,
        kind='paths',
        read=read_texts,
        write=list,
    )


def define_flags() -> cli.Flags:
    """All flags of the command, in groups."""
    flags = cli.Flags(
        'Puts parts of pictures into a scene; within the masks their gradients are kept, so there is no seam.'
    )
    flags.positional('scene', 'part', many=True)
    for heading in (PICTURES, COLLAGE):
        flags.group(heading)
    flags.settings(CollageFiles, CollageSettings)
    flags.settings(ResultSettings, without=(*LEFT_OUT, 'overwrite'))
    flags.messages()
    return flags


def work(flags: FlagValues) -> None:
    """Does what the flags say."""
    console = Console(flags.quiet)
    files, settings = cli.settings_of(CollageFiles, flags), cli.settings_of(CollageSettings, flags)
    result = cli.settings_of(ResultSettings, flags)
    needed((('scene', files.scene), ('part', files.part)), 'collage sea.jpg --part=mask.png=boat.jpg@0.5,0.6,0.3')
    output = Output.from_flag(result.output, DEFAULT_OUTPUT, say=console.say)
    images.check_writable(output.path, depth=result.depth)
    run = Run('stylegen.compose collage', console, result)
    scene = run.inputs.load(files.scene or '')
    parts = [read_part(run, text, scene.pixels.shape[:2]) for text in files.part]
    made = collage(scene.pixels, parts, settings=settings)
    run.save(output, made, files.recorded() | settings.recorded(), scene.alpha)


def read_part(run: Run, text: str, shape: tuple[int, int]) -> Part:
    """Reads a part as it is typed: [MASK=]PICTURE[@X,Y[,WIDTH]], for a scene of (height, width) `shape`.

    Raises:
        UserError: A file cannot be read, or a number is none.
    """
    name, at, width = text, None, None
    if not os.path.exists(text) and (match := _PLACE.fullmatch(text)):
        try:
            name, at = match[1], (float(match[2]), float(match[3]))
            width = float(match[4]) if match[4] else None
        except ValueError:
            raise UserError(f'expected a place as X,Y or X,Y,WIDTH in {text!r}, such as @0.5,0.6,0.3') from None
    mask_path, equals, path = name.partition('=')
    if not equals or os.path.exists(name):
        mask_path, path = '', name
    if not path:
        raise UserError(f'expected --part=[MASK=]PICTURE[@X,Y[,WIDTH]], got {text!r}')
    picture = run.inputs.load(path)
    mask = run.read(mask_path) if mask_path else picture.alpha
    if at is None and not mask_path and mask is not None:
        mask = cover(mask, shape)  # the transparency lies over the scene as the picture does
    return Part(picture.pixels, mask, at, width)
