"""Make the folder that the generator `caltech64` was trained on: six classes of Caltech-101, each about as often.

Command:   python experiments/caltech_classes.py --data=caltech101 --output=classes
Time:      ten seconds
Expected:  a line for each class: its pictures in Caltech-101, and the files that are made of them

DATA is the unpacked folder of Caltech-101 (Li, Andreeto, Ranzato and Perona 2022, CC BY 4.0), with a folder for each
class. Pictures are stretched to 64 x 64, so that no aeroplane loses its nose. Small classes get copies, and those whose
things have no left and right get mirrored ones, so that a batch has each class about as often.
"""

import sys
from pathlib import Path

from absl import app, flags
from PIL import Image, ImageOps

SIDE = 64
CLASSES = {  # name -> folder of Caltech-101, copies of each picture, mirrored copies
    'airplanes': ('airplanes', 1, 0),
    'cars': ('car_side', 6, 0),
    'faces': ('Faces_easy', 1, 1),
    'motorbikes': ('Motorbikes', 1, 0),
    'sunflowers': ('sunflower', 4, 4),
    'watches': ('watch', 3, 0),
}

_DATA = flags.DEFINE_string('data', None, 'Folder of Caltech-101.', required=True)
_OUTPUT = flags.DEFINE_string('output', 'classes', 'Folder that gets a folder for each class.')


def main(argv):
    """Writes the pictures of all classes."""
    del argv
    for name, (source, plain, mirrored) in CLASSES.items():
        paths = sorted((Path(_DATA.value) / source).glob('*.jpg'))
        if not paths:
            sys.exit(f'caltech_classes: {_DATA.value} has no folder {source} with pictures')
        folder = Path(_OUTPUT.value) / name
        folder.mkdir(parents=True, exist_ok=True)
        for path in paths:
            with Image.open(path) as opened:
                image = opened.convert('RGB').resize((SIDE, SIDE), Image.Resampling.LANCZOS, reducing_gap=3)
            for copy in range(plain):
                image.save(folder / f'{path.stem}_{copy}.png')
            for copy in range(mirrored):
                ImageOps.mirror(image).save(folder / f'{path.stem}_m{copy}.png')
        print(f'{name}: {len(paths)} pictures, {len(paths) * (plain + mirrored)} files')


if __name__ == '__main__':
    app.run(main)
