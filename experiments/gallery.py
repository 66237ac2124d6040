"""Make README's pictures anew, each by the command that `assets/README.md` names.

Command:   python experiments/gallery.py [--only=whirls.jpg,raccoon.jpg] [--output=assets]
Time:      about six minutes on two cores
Expected:  a line for each picture with its size in kB; nothing else in the folder changes

Pictures of trainings (`dcgan_training.jpg`, `report.jpg`, `mini.jpg`), of the page (`studio_pictures.py`) and of
composing are made elsewhere.
"""

import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from absl import app, flags
from PIL import Image

from stylegen.images.sheets import grid
from stylegen.runs.inputs import DEFAULT_PICTURE, PICTURES

QUALITY = 88
PHOTO, WHIRLS = shlex.quote(str(DEFAULT_PICTURE)), shlex.quote(str(PICTURES / 'whirls.jpg'))
GUIDE, MASK = (
    shlex.quote(str(Path(__file__).parents[1] / 'assets' / name)) for name in ('sunflowers.jpg', 'around.png')
)
DREAM = 'deepdream --network=mini'
OF_MINI = 'temples', 'eyes', 'cubist', 'airbrush', 'etching'
COMMANDS = {  # picture: command, longest side that it is shrunk to
    **{f'{name}.jpg': (f'deepdream --preset={name}', 640) for name in ('creatures', 'spirals')},
    **{
        f'{name}.jpg': (f'{DREAM} --preset={name}', 640)
        for name in ('temples', 'eyes', 'cubist', 'airbrush', 'etching')
    },
    'sunflower.jpg': (f'{DREAM} --classes=sunflower', 640),
    'sunflowers.jpg': (f'{DREAM} --input=noise --classes=sunflower --size=192 --count=4 --diversity=1', None),
    'tile.jpg': (f'{DREAM} --input=noise --wrap --layers=block4_conv3 --strength=0.25 --size=256', None),
    'guide.jpg': (f'{DREAM} --guide={GUIDE}', 640),
    'region.jpg': (f'{DREAM} --region={MASK}=block3_conv1 --strength=0.25', 640),
    'luminance.jpg': (f'{DREAM} --input={WHIRLS} --preset=eyes --color=luminance', 480),
    'explore.jpg': ('deepdream --network=small_vgg --explore=layers --size=192', None),
    'whirls.jpg': ('style --network=small_vgg --size=640', None),
    'composition_viii': (f'style apply {PHOTO} --style=composition_viii --size=384', None),
    'roman_mosaic': (f'style apply {PHOTO} --style=roman_mosaic --size=384', None),
    'styles.jpg': (f'style apply {PHOTO} --list --size=320', 1400),
}
HERO = ('creatures.jpg', 'whirls.jpg', 'composition_viii', 'roman_mosaic')  # beside the photo in raccoon.jpg
HERO_SIZE = 255, 340  # height and width of each
TILED = 'tile.jpg'  # shown as four of it

_ONLY = flags.DEFINE_list('only', [], 'Pictures to make; by default all.')
_OUTPUT = flags.DEFINE_string('output', 'assets', 'Folder of the pictures.')


def main(argv):
    """Makes the pictures."""
    del argv
    wanted = _ONLY.value or [*COMMANDS, 'raccoon.jpg']
    needed = dict.fromkeys([*wanted, *(HERO if 'raccoon.jpg' in wanted else ())])
    made = {name: picture_of(*COMMANDS[name]) for name in needed if name in COMMANDS}
    if TILED in made:
        made[TILED] = Image.fromarray(np.tile(np.asarray(made[TILED]), (2, 2, 1)))
    if 'raccoon.jpg' in wanted:
        pictures = [Image.open(DEFAULT_PICTURE), *(made[name] for name in HERO)]
        shown = [picture.resize(HERO_SIZE[::-1], Image.Resampling.LANCZOS) for picture in pictures]
        row = grid(np.stack([np.asarray(picture, np.float32) / 255 for picture in shown]), columns=len(shown), gap=6)
        made['raccoon.jpg'] = Image.fromarray(np.uint8(row * 255 + 0.5))
    for name in wanted:
        if name.endswith('.jpg'):
            path = Path(_OUTPUT.value) / name
            made[name].save(path, quality=QUALITY)
            print(f'{path}  {path.stat().st_size // 1000} kB', flush=True)


def picture_of(command, longest):
    """The picture that a command of the package makes, shrunk to a longest side."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'made.png'
        subprocess.run([sys.executable, '-m', *arguments(command), f'--output={path}', '--quiet'], check=True)
        picture = Image.open(path).convert('RGB')
    if longest:
        picture.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    return picture


def arguments(command):
    """The arguments of Python's `-m` for a command."""
    program, *others = shlex.split(command)
    return [f'stylegen.{program}', *others]


if __name__ == '__main__':
    app.run(main)
