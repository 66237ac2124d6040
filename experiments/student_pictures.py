"""The pictures that `train_student.py` shows to teacher and student: photographs, paintings, and worse.

A picture on its way to a style is no photograph: it is overlaid, noisy, oversaturated, grey or flat. So half of the
crops are disturbed, and pictures that were really on their way (`underway.py`) are among them.
"""

import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

HELD_OUT_PHOTOS = 50  # the last of BSDS500's test photographs by name
HELD_OUT_PAINTINGS = 20  # every so many paintings by name, one is held out
CALTECH_EVERY = 5  # of Caltech-101's photographs, so that they do not drown the sharper ones


def read_archive(path, every=1):
    """{name: uint8 picture} of every so many of an archive's JPEG files, in the order of their names."""
    with zipfile.ZipFile(path) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith('.jpg'))[::every]
        return {name: _decoded(io.BytesIO(archive.read(name))) for name in names}


def read_folder(path, known=()):
    """{name: uint8 picture} of a folder's PNG and JPEG files that are not known yet."""
    files = [file for file in sorted(Path(path).glob('*')) if file.suffix in ('.png', '.jpg')]
    return {file.name: _decoded(file) for file in files if file.name not in known}


def _decoded(file):
    return np.asarray(Image.open(file).convert('RGB'))


class Pictures:
    """Pictures to train on and to measure on.

    Args:
        data: folder of the archives: bsds500.zip, imagenet_samples_256.zip, caltech101_128.zip, paintings_256.zip.
        styles: folders of more paintings, to train on.
        underway: folder of pictures on their way, which may grow; those in its subfolder `held_out` are to measure on.
    """

    def __init__(self, data, styles=(), underway=None):
        data = Path(data)
        bsds = read_archive(data / 'bsds500.zip')
        photos = [*bsds.values()]
        self.photos = photos[:-HELD_OUT_PHOTOS]
        self.photos += read_archive(data / 'imagenet_samples_256.zip').values()
        self.small = [*read_archive(data / 'caltech101_128.zip', CALTECH_EVERY).values()]
        paintings = [*read_archive(data / 'paintings_256.zip').values()]
        self.paintings = [p for i, p in enumerate(paintings) if i % HELD_OUT_PAINTINGS]
        for folder in styles:
            self.paintings += read_folder(folder).values()
        self.held_out = {'photos': photos[-HELD_OUT_PHOTOS:], 'paintings': paintings[::HELD_OUT_PAINTINGS]}
        self.folder, self.underway = underway, {}
        if underway and (Path(underway) / 'held_out').is_dir():
            self.held_out['underway'] = [*read_folder(Path(underway) / 'held_out').values()]

    def refresh(self):
        """Looks for new pictures on their way."""
        if self.folder:
            self.underway |= read_folder(self.folder, self.underway)

    def batch(self, rng, count, side):
        """float32 (count, side, side, 3), about in [0, 1]."""
        return np.stack([self.sample(rng, side) for _ in range(count)])

    def sample(self, rng, side):
        if rng.random() < min(0.3, len(self.underway) / 300):
            found = [*self.underway.values()]
            picture = found[rng.integers(len(found))]
            return disturbed(rng, crop(rng, picture, side, native=0.8), self, 0.2)
        return disturbed(rng, self.plain(rng, side), self, 0.5)

    def plain(self, rng, side):
        """A crop of a photograph or a painting, as it is."""
        groups = self.photos, self.paintings, self.small
        group = groups[rng.choice(3, p=(0.42, 0.48, 0.1))]
        return crop(rng, group[rng.integers(len(group))], side)

    def measured(self, name, side, count):
        """float32 (count, side, side, 3): the middles of held-out pictures."""
        chosen = self.held_out[name][:count]
        return np.stack([resized(picture, side, *middle(picture, side)) for picture in chosen])


def middle(picture, side):
    """left, top, size of the central square, `side` pixels where there are so many."""
    height, width = picture.shape[:2]
    size = min(height, width, side)
    return (width - size) / 2, (height - size) / 2, size


def crop(rng, picture, side, native=0.25):
    """A random square of a picture, mirrored or not, at another scale but in a share `native` of the cases."""
    height, width = picture.shape[:2]
    most = min(height, width)
    size = side if rng.random() < native else side * np.exp(rng.uniform(np.log(0.55), np.log(max(1.0, most / side))))
    size = min(size, most)
    left, top = rng.uniform(0, width - size), rng.uniform(0, height - size)
    if size == side:
        left, top = int(left), int(top)
    out = resized(picture, side, left, top, size)
    return out[:, ::-1] if rng.random() < 0.5 else out


def resized(picture, side, left, top, size):
    box = (left, top, left + size, top + size)
    image = Image.fromarray(picture).resize((side, side), Image.Resampling.BICUBIC, box=box)
    return np.asarray(image, np.float32) / 255


def disturbed(rng, x, pictures, share):
    """In a share of the cases one to three things that happen to pictures on their way."""
    if rng.random() < share:
        for index in rng.choice(len(DISTURBANCES), size=rng.integers(1, 4), replace=False):
            x = DISTURBANCES[index](rng, x, pictures)
    return np.clip(x, -0.1, 1.1).astype(np.float32)


def noise(rng, x, pictures):
    """Grain from fine to coarse, in grey or in colour."""
    side = len(x)
    cell = int(rng.choice([1, 1, 1, 2, 3, 6]))
    shape = -(-side // cell), -(-side // cell), rng.choice([1, 3])
    grain = rng.standard_normal(shape, np.float32) * np.exp(rng.uniform(np.log(0.005), np.log(0.25)))
    return x + grain.repeat(cell, 0).repeat(cell, 1)[:side, :side]


def colours(rng, x, pictures):
    """Other colours: mixed channels, contrast, a tint."""
    mix = np.eye(3) * rng.uniform(0.5, 1.6) + rng.normal(0, 0.25, (3, 3))
    middle = x.mean((0, 1))
    return (x - middle) @ mix.astype(np.float32) + middle + rng.normal(0, 0.1, 3).astype(np.float32)


def grey(rng, x, pictures):
    return np.broadcast_to(x @ np.float32([0.299, 0.587, 0.114])[:, None], x.shape)


def inverted(rng, x, pictures):
    return 1 - x


def gamma(rng, x, pictures):
    return np.clip(x, 0, 1) ** np.float32(np.exp(rng.uniform(-1, 1)))


def overlaid(rng, x, pictures):
    """Another picture through this one, evenly or by its lightness."""
    other = pictures.plain(rng, len(x))
    share = rng.uniform(0.1, 0.6) if rng.random() < 0.6 else other.mean(2, keepdims=True)
    return x * (1 - share) + other * share


def flat(rng, x, pictures):
    """A rectangle of one colour over the picture, or the picture nearly gone in one."""
    side, colour = len(x), rng.uniform(0, 1, 3).astype(np.float32)
    if rng.random() < 0.4:
        return x * (share := np.float32(rng.uniform(0.02, 0.3))) + colour * (1 - share)
    x = x.copy()
    (top, bottom), (left, right) = np.sort(rng.integers(0, side, (2, 2)), axis=1)
    x[top:bottom, left:right] = colour
    return x


def blurred(rng, x, pictures):
    """Reduced and enlarged, as pictures come from one size to the next."""
    side, small = len(x), int(len(x) * rng.uniform(0.3, 0.8))
    image = Image.fromarray((np.clip(x, 0, 1) * 255).astype(np.uint8))
    image = image.resize((small, small), Image.Resampling.BILINEAR).resize((side, side), Image.Resampling.BILINEAR)
    return np.asarray(image, np.float32) / 255


DISTURBANCES = noise, colours, grey, inverted, gamma, overlaid, flat, blurred
