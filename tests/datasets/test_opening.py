"""Sets of pictures: every kind is read, what is bad is left out, and the order hangs on seed and step alone."""

import contextlib
import io
import json
import os
import subprocess
import sys
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

from stylegen.datasets import archives
from stylegen.datasets.framing import Decoded, Framing
from stylegen.datasets.imageset import ImageSet
from stylegen.datasets.inspection import inspect_images
from stylegen.datasets.opening import open_images
from stylegen.datasets.order import Order, sampling_order
from stylegen.datasets.synthetic import draw_shapes
from stylegen.datasets.tables import NotDownloaded
from stylegen.utils.errors import UserError
from stylegen.utils.notes import Note
from tests.conftest import ROOT

RNG = np.random.default_rng(5)
PIXELS = RNG.integers(0, 256, (12, 8, 8, 3), np.uint8)
ORDER_OF_EIGHT = [4, 1, 6, 3, 2, 7, 5, 0, 3, 1, 6, 2, 5, 4, 0, 7]


def encoded(pixels, kind='PNG', **options):
    """The bytes of a picture file."""
    buffer = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def write(folder, files):
    """Files with their folders, from bytes by name."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def pngs(count=12, name='{}.png'):
    return {name.format(f'{index:02d}'): encoded(PIXELS[index]) for index in range(count)}


def zipped(path, files):
    with zipfile.ZipFile(path, 'w') as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def tarred(path, files, mode='w'):
    with tarfile.open(path, mode) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


@pytest.fixture
def photos(tmp_path):
    """A folder of twelve pictures of 8 x 8."""
    return write(tmp_path / 'photos', pngs())


def everything(images: ImageSet):
    """All pictures, in the order of their names, through the public way."""
    order = Order(images.count, 0).at(np.arange(images.count))
    batch = next(images.batches(images.count, seed=0).as_numpy_iterator())[0]
    return batch[np.argsort(order)]


def some(images, steps, *args, **options):
    return list(images.batches(*args, **options).take(steps).as_numpy_iterator())


# ---- where they come from


CLASSED = {f'{kind}/{index}.png': encoded(PIXELS[index]) for index, kind in enumerate(['cat', 'dog', 'dog', 'cat'])}


@pytest.mark.parametrize('kind', ['folder', 'zip', 'tar', 'tar.gz', 'tar.xz'])
def test_a_folder_and_all_archives_of_it_are_the_same_set(tmp_path, kind):
    path = tmp_path / f'set.{kind}'
    if kind == 'folder':
        write(path, CLASSED)
    elif kind == 'zip':
        zipped(path, CLASSED)
    else:
        tarred(path, dict(reversed(CLASSED.items())), f'w:{kind[4:]}')
    images = open_images(path, np.int64(8))
    assert (images.count, images.classes, images.labels.tolist()) == (4, ('cat', 'dog'), [0, 0, 1, 1])
    assert images.labels.dtype == np.int32 and images.split == 'all' and images.in_memory
    assert np.array_equal(everything(images), PIXELS[[0, 3, 1, 2]])
    assert images.manifest['sha256'] == open_images(write(tmp_path / 'again', CLASSED), 8).manifest['sha256']


def test_parts_are_told_by_folders_and_train_is_the_one_taken(tmp_path):
    files = {f'cifar/{part}/{name}': data for part in ('train', 'test') for name, data in CLASSED.items()}
    files.pop('cifar/test/cat/0.png')
    path = zipped(tmp_path / 'cifar.zip', files | {'cifar/test/bird/1.png': encoded(PIXELS[5])})
    train = open_images(path, 8)
    assert (train.count, train.split, train.classes) == (4, 'train', ('bird', 'cat', 'dog'))
    assert train.labels.tolist() == [1, 1, 2, 2]  # numbered as in the test part
    assert open_images(path, 8, split='test').labels.tolist() == [0, 1, 2, 2]
    assert open_images(path, 8, split='all').count == 8
    with pytest.raises(UserError, match="no part 'val'; it has test, train, all"):
        open_images(path, 8, split='val')


def test_parts_without_classes_have_no_labels(tmp_path):
    path = write(tmp_path / 'set', pngs(4, 'training/{}.png') | pngs(2, 'validation/{}.png'))
    assert open_images(path, 8).labels is None and open_images(path, 8).count == 4
    assert open_images(path, 8, split='val').count == 2


def test_a_class_that_is_called_train_is_a_class(tmp_path):
    path = write(tmp_path / 'set', pngs(2, 'plane/{}.png') | pngs(2, 'train/{}.png'))
    assert open_images(path, 8).classes == ('plane', 'train')


def test_one_class_is_a_class_and_a_loose_picture_ends_them(tmp_path):
    path = write(tmp_path / 'set', pngs(3, 'cat/{}.png'))
    assert open_images(path, 8).classes == ('cat',) and open_images(path, 8).labels.tolist() == [0, 0, 0]
    assert open_images(path, 8, labels=False).labels is None
    write(path, {'loose.png': encoded(PIXELS[3])})
    assert open_images(path, 8).labels is None and open_images(path, 8).classes == ()
    assert open_images(path, 8).count == 4


def test_hidden_files_and_other_suffixes_are_not_pictures(tmp_path):
    files = pngs(2) | {'.hidden.png': b'x', '__MACOSX/._0.png': b'x', 'notes.txt': b'x', '.git/a.png': b'x'}
    images = open_images(zipped(tmp_path / 'set.zip', files), 8)
    assert (images.count, images.skipped) == (2, ())


@pytest.mark.skipif(os.name == 'nt', reason='links need rights there')
def test_linked_folders_are_followed_once(tmp_path):
    path = write(tmp_path / 'set', pngs(2, 'cat/{}.png'))
    write(tmp_path / 'elsewhere', pngs(3))
    (path / 'dog').symlink_to(tmp_path / 'elsewhere')
    (path / 'cat' / 'up').symlink_to(path)
    assert open_images(path, 8).count == 5


def test_arrays_in_an_npz_become_pictures_and_labels(tmp_path):
    path = tmp_path / 'set.npz'
    np.savez(path, labels=np.arange(12) % 3, classes=['a', 'b', 'c'], other=np.zeros(3), images=PIXELS)
    images = open_images(path, np.int64(8))
    assert np.array_equal(everything(images), PIXELS)
    assert images.classes == ('a', 'b', 'c') and images.labels.tolist() == [0, 1, 2] * 4
    np.savez(path, mean=np.zeros((3, 3)), data=PIXELS.transpose(0, 3, 1, 2) / np.float32(127.5) - 1)
    with pytest.warns(Note, match=r'data: its values are read as \[-1, 1\]'):
        images = open_images(path, np.int64(8))
    assert np.array_equal(everything(images), PIXELS)
    np.savez(path, x_train=PIXELS[:8, ..., 0], y_train=np.arange(8), x_test=PIXELS[8:, ..., 0], y_test=np.arange(4))
    assert np.array_equal(everything(open_images(path, 8, 1, split='test')), PIXELS[8:, ..., :1])
    assert open_images(path, 8).count == 8
    np.savez(path, images=np.dstack([np.zeros((2, 2, 3)), np.zeros((2, 2))]).astype(np.uint8)[None])
    assert (everything(open_images(path, 2)) == 255).all()  # transparent: white


def test_floats_in_an_npz_mean_the_same_in_every_range_and_with_rounding(tmp_path):
    path, unit = tmp_path / 'set.npz', PIXELS / 255
    for floats, told in (
        (unit, None),
        (unit * 1.0000001, None),
        (unit.astype(np.float16), None),
        (np.float32(PIXELS), 'read as .0, 255.'),
        (unit * 65535, 'read as .0, 65535.'),
        (unit * 2 - 1, 'read as .-1, 1.'),
    ):
        np.savez(path, images=floats)
        with pytest.warns(Note, match=told) if told else contextlib.nullcontext():
            images = open_images(path, np.int64(8))
        assert np.array_equal(everything(images), PIXELS)


def test_of_an_npz_only_what_is_wanted_is_read(tmp_path):
    path, unread = tmp_path / 'set.npz', np.array([{}], object)  # which cannot be read
    np.savez(path, x_train=PIXELS[:8], x_test=unread, other=unread)
    assert open_images(path, 8).count == 8
    np.savez(path, mean=np.zeros((8, 8, 3)), data=PIXELS, other=unread)
    assert np.array_equal(everything(open_images(path, 8)), PIXELS)
    np.savez(path, data=PIXELS[..., 0])
    assert np.array_equal(everything(open_images(path, 8, 1)), PIXELS[..., :1])


def test_parts_of_two_sizes_are_not_taken_together(tmp_path):
    np.savez(tmp_path / 'set.npz', x_train=PIXELS, x_test=PIXELS[:, :4])
    assert open_images(tmp_path / 'set.npz', 8).count == 12
    with pytest.raises(UserError, match='pictures of 4x8x3 and 8x8x3 in its parts; take one part'):
        open_images(tmp_path / 'set.npz', 8, split='all')


def test_a_picture_that_unpacks_to_too_much_is_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, 'LARGEST', 1 << 20)
    path = zipped(tmp_path / 'set.zip', pngs(2) | {'bomb.png': bytes(2 << 20)})
    images = open_images(path, np.int64(8))
    assert images.count == 2 and [name for name, _ in images.skipped] == ['bomb.png']
    assert images.skipped[0][1].startswith('unpacks to 2 MB; the limit is 1 MB')


def test_what_is_noted_of_many_pictures_is_one_line(tmp_path):
    files = {f'{name}.png': encoded(PIXELS[0], icc_profile=b'nonsense') for name in 'abc'}
    with pytest.warns(Note) as caught:
        assert open_images(write(tmp_path, pngs(2) | files), 8).count == 5
    assert [str(one.message) for one in caught] == [
        "'a.png' and 2 more: its colour profile is not applied (it is damaged)"
    ]


@pytest.mark.parametrize(
    ('arrays', 'message'),
    [
        ({'weights': np.zeros((3, 3))}, r'has no pictures; expected an array .images.*found weights \(3, 3\) float64'),
        ({'images': np.full((2, 4, 4, 3), np.nan)}, '96 of 96 values of .*: images are NaN'),
        ({'images': np.float32(PIXELS) / 212.5}, 'are from 0 to 1.2; expected floats'),
        ({'images': np.float32(PIXELS) / 255 - 0.1}, 'are from -0.1 to 0.9; expected floats'),
        ({'images': np.zeros((2, 5, 5, 7), np.uint8)}, 'has the shape'),
        ({'images': PIXELS, 'labels': np.zeros(5, int)}, '12 pictures, but 5 labels'),
        ({'images': PIXELS[:0]}, 'has the shape'),
    ],
)
def test_an_npz_without_pictures_is_refused(tmp_path, arrays, message):
    np.savez(tmp_path / 'set.npz', **arrays)
    with pytest.raises(UserError, match=message):
        open_images(tmp_path / 'set.npz', 8)


def test_a_set_of_keras_that_is_not_there_is_one_line(monkeypatch, tmp_path):
    monkeypatch.setenv('KERAS_HOME', str(tmp_path))
    with pytest.raises(NotDownloaded, match=r'cifar10 is not in .*give a folder') as caught:
        open_images('cifar10', 32)
    assert '\n' not in str(caught.value)


def test_a_set_of_keras_that_cannot_be_fetched_is_one_line(monkeypatch, tmp_path):
    from stylegen.utils.backend import keras

    def fail():
        raise Exception('URL fetch failure\non https: no route')

    monkeypatch.setenv('KERAS_HOME', str(tmp_path))
    monkeypatch.setenv('STYLEGEN_OFFLINE', '')
    monkeypatch.setattr(keras.datasets.mnist, 'load_data', fail)
    with pytest.raises(NotDownloaded, match='URL fetch failure on https'):
        open_images('mnist', 28, 1)


def test_a_set_of_keras_from_its_cache(monkeypatch, tmp_path):
    from stylegen.utils.backend import keras

    train, test = (PIXELS[:8], np.arange(8)[:, None]), (PIXELS[8:], np.arange(4)[:, None])
    monkeypatch.setenv('KERAS_HOME', str(tmp_path))
    (tmp_path / 'datasets' / 'cifar-10-batches-py').mkdir(parents=True)
    monkeypatch.setattr(keras.datasets.cifar10, 'load_data', lambda: (train, test))
    images = open_images('cifar10', 8)
    assert (images.count, images.split, images.classes[6], images.labels[6]) == (8, 'train', 'frog', 6)
    assert np.array_equal(everything(images), PIXELS[:8])
    assert open_images('cifar10', 8, split='test').count == 4


def test_names_of_classes_are_as_many_as_published():
    from stylegen.datasets.tables import NAMED

    assert {name: len(set(classes.split())) for name, (classes, _) in NAMED.items()} == {
        'cifar10': 10, 'cifar100': 100, 'mnist': 10, 'fashion_mnist': 10,
    }  # fmt: skip
    assert NAMED['cifar100'][0].split() == sorted(NAMED['cifar100'][0].split())


def test_the_drawn_set_never_repeats_and_its_parts_differ():
    train, test = open_images('shapes', (16, 24), 1), open_images('shapes', (16, 24), 1, split='test')
    (pixels, labels), (others, _) = some(train, 1, 16, seed=3)[0], some(test, 1, 16, seed=3)[0]
    assert pixels.shape == (16, 16, 24, 1) and not np.array_equal(pixels, others)
    assert np.array_equal(labels, train.labels[Order(train.count, 3, fresh=True).at(np.arange(16)) % train.count])
    later = some(train, 1, 16, seed=3, first_step=train.count // 16)[0][0]
    assert np.array_equal(
        later, draw_shapes(Order(train.count, 3).at(train.count + np.arange(16)) + train.count, (16, 24), 1)
    )
    assert train.manifest['sha256'] != test.manifest['sha256'] and len(train.classes) == 8


# ---- what is bad


def test_a_missing_path_and_a_wrong_name_say_what_there_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r'does not exist \(seen from .*check the path'):
        open_images(tmp_path / 'none', 8)
    with pytest.raises(UserError, match=r"'cifar11' is neither the name of a set \(cifar10, .*shapes\) nor a folder"):
        open_images('cifar11', 8)


def test_places_without_pictures_are_refused(tmp_path):
    with pytest.raises(UserError, match=r'there are no pictures in .*\.png'):
        open_images(tmp_path, 8)
    with pytest.raises(UserError, match='there are no pictures'):
        open_images(write(tmp_path / 'texts', {'a.txt': b'x', 'b/c.txt': b'x'}), 8)
    with pytest.raises(UserError, match='neither a folder nor a set of pictures'):
        open_images(write(tmp_path, {'a.png': encoded(PIXELS[0])}) / 'a.png', 8)


@pytest.mark.parametrize('suffix', ['zip', 'tar', 'tar.gz', 'npz'])
@pytest.mark.parametrize('cut', ['rubbish', 'half', 'empty'])
def test_broken_archives_are_refused_in_one_line(tmp_path, suffix, cut):
    path = tmp_path / f'set.{suffix}'
    if suffix == 'npz':
        np.savez(path, images=PIXELS)
    else:
        zipped(path, pngs()) if suffix == 'zip' else tarred(path, pngs(), 'w:gz' if suffix == 'tar.gz' else 'w')
    whole = path.read_bytes()
    path.write_bytes({'rubbish': b'not an archive ' * 99, 'half': whole[: len(whole) // 2 + 100], 'empty': b''}[cut])
    with pytest.raises(UserError, match=r'damaged|empty') as caught:
        open_images(path, 8)
    assert '\n' not in str(caught.value)


def bad_files():
    whole = encoded(np.repeat(PIXELS[0], 8, 0).repeat(8, 1), 'JPEG')
    return {
        'bad/cut.jpg': whole[: len(whole) // 2],
        'bad/empty.png': b'',
        'bad/page.jpg': b'<html>not found</html>',
        'bad/short.png': encoded(PIXELS[1])[:60],
    }


def test_what_cannot_be_read_is_left_out_and_told(tmp_path):
    images = open_images(write(tmp_path / 'set', pngs(5, 'good/{}.png') | bad_files()), 8)
    assert images.count == 5 == len(images.labels) and images.manifest['skipped'] == 4
    assert [name for name, _ in images.skipped] == sorted(bad_files())
    reasons = dict(images.skipped)
    assert reasons['bad/empty.png'].startswith('is empty') and 'is damaged' in reasons['bad/cut.jpg']
    assert 'is not a picture' in reasons['bad/page.jpg'] and 'is damaged' in reasons['bad/short.png']
    assert np.array_equal(everything(images), PIXELS[:5])


def test_a_pipe_in_a_folder_is_left_out_and_told(tmp_path):
    folder = write(tmp_path / 'photos', pngs(3))
    os.mkfifo(folder / '00-pipe.png')
    opened = open_images(folder, 8)
    assert opened.count == 3 and 'is a pipe' in dict(opened.skipped)['00-pipe.png']


def test_nothing_left_is_an_error_with_the_first_reason(tmp_path):
    with pytest.raises(UserError, match=r"none of the 4 pictures of .* the first, 'bad/cut.jpg', is damaged"):
        open_images(write(tmp_path / 'set', bad_files()), 8)


def test_a_member_that_is_damaged_within_a_zip_is_left_out(tmp_path):
    path = zipped(tmp_path / 'set.zip', pngs(3))
    data = bytearray(path.read_bytes())
    data[data.index(encoded(PIXELS[1])) + 70] ^= 255
    path.write_bytes(data)
    images = open_images(path, np.int64(8))
    assert images.count == 2 and images.skipped[0][0] == '01.png' and 'CRC' in images.skipped[0][1]


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'size': 0}, 'at least 1 pixel'),
        ({'channels': 2}, '1 channel'),
        ({'fit': 'zoom'}, "unknown way to fit a picture 'zoom'"),
        ({'memory_budget': 'much'}, 'a size of memory'),
    ],
)
def test_impossible_wishes_are_refused(photos, options, message):
    with pytest.raises(UserError, match=message):
        open_images(photos, **{'size': 8} | options)


# ---- pixels


def one(tmp_path, data, name='a.png', size=8, channels=3, **options):
    """The only picture of a set, as ints."""
    path = write(tmp_path / 'one', {name: data})
    return everything(open_images(path, size, channels, **options))[0].astype(int)


def test_grey_becomes_colour_and_colour_grey(tmp_path):
    grey = PIXELS[0][..., 0]
    assert np.array_equal(one(tmp_path, encoded(grey)), np.repeat(grey[..., None], 3, 2))
    luma = PIXELS[0] @ [0.299, 0.587, 0.114]
    assert np.abs(one(tmp_path, encoded(PIXELS[0]), channels=1)[..., 0] - luma).max() <= 1


def test_transparency_lies_on_white(tmp_path):
    alpha = np.repeat(np.uint8([0, 51, 128, 255]), 16).reshape(8, 8)
    seen = one(tmp_path, encoded(np.dstack([PIXELS[0], alpha])))
    share = alpha[..., None] / 255
    assert np.abs(seen - (PIXELS[0] * share + 255 * (1 - share))).max() <= 0.51


def test_palettes_keep_their_colours_and_may_be_transparent(tmp_path):
    image = Image.fromarray(PIXELS[0]).quantize(16)
    colours = np.asarray(image.convert('RGB'))
    assert np.array_equal(one(tmp_path, encoded(image)), colours)
    hole = np.asarray(image) == 3
    seen = one(tmp_path, encoded(image, transparency=3))
    assert (seen[hole] == 255).all() and np.array_equal(seen[~hole], colours[~hole])


def test_sixteen_bits_become_eight(tmp_path):
    deep = RNG.integers(0, 2**16, (8, 8), np.uint16)
    assert np.abs(one(tmp_path, encoded(deep), channels=1)[..., 0] - deep / 257).max() <= 0.51


def test_a_photograph_held_sideways_stands_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees to the right
    tall = np.zeros((8, 4, 3), np.uint8)
    tall[:4] = 200
    seen = one(tmp_path, encoded(np.ascontiguousarray(np.rot90(tall)), exif=exif), size=(8, 4))
    assert np.array_equal(seen, tall)


def test_cmyk_becomes_rgb_and_of_an_animation_the_first_frame_counts(tmp_path):
    paint = Image.new('CMYK', (8, 8), (0, 255, 255, 0))
    red = one(tmp_path, encoded(paint, 'JPEG', quality=100), 'a.jpg')
    assert red[..., 0].min() > 200 and red[..., 1:].max() < 60
    frames = [Image.new('RGB', (8, 8), colour) for colour in ('#0000ff', '#00ff00')]
    for path in (tmp_path / 'one').iterdir():
        path.unlink()
    first = one(tmp_path, encoded(frames[0], 'GIF', save_all=True, append_images=frames[1:]), 'a.gif')
    assert (first == [0, 0, 255]).all()


def test_one_pixel_fills_the_picture(tmp_path):
    assert (one(tmp_path, encoded(np.uint8([[[7, 8, 9]]])), size=(3, 5)) == [7, 8, 9]).all()


def test_each_fit_crops_stretches_or_pads(tmp_path):
    wide = np.zeros((8, 16, 3), np.uint8)
    wide[:, 4:12] = 100
    data = encoded(wide)
    assert (one(tmp_path, data) == 100).all()
    stretched = one(tmp_path, data, fit='stretch')
    assert np.abs(stretched[:, 3:5] - 100).max() < 5 and stretched[:, 0].max() < 10
    padded = one(tmp_path, data, fit='pad')
    assert (padded[[0, 1, 6, 7]] == 255).all() and np.abs(padded[2:6, 3:5] - 100).max() < 5


@pytest.mark.parametrize('shape', [(40, 29), (60, 58), (500, 225)])
@pytest.mark.parametrize('turned', [False, True])
def test_a_cut_whose_borders_are_rounded_stays_within_the_picture(shape, turned):
    """Pillow refuses a border of -2e-15."""
    pixels = np.full((*(shape[::-1] if turned else shape), 3), 7, np.uint8)
    assert (Framing((28, 28), 3)(Decoded(pixels)) == 7).all()


def test_shrinking_is_antialiased(tmp_path):
    checks = np.uint8(np.indices((64, 64)).sum(0) % 2 * 255)
    assert np.abs(one(tmp_path, encoded(checks), channels=1) - 127).max() <= 8


def test_a_large_jpeg_is_as_sharp_as_a_large_png(tmp_path):
    coarse = Image.fromarray(PIXELS[0]).resize((512, 512), Image.Resampling.BICUBIC)
    jpeg = one(tmp_path, encoded(coarse, 'JPEG', quality=95), 'a.jpg', size=16)
    (tmp_path / 'one' / 'a.jpg').unlink()
    assert np.abs(jpeg - one(tmp_path, encoded(coarse), size=16)).mean() < 2


def test_sizes_may_be_mixed(tmp_path):
    files = {f'{side}.png': encoded(np.full((side, 3 * side, 3), side, np.uint8)) for side in (1, 7, 8, 40)}
    seen = everything(open_images(write(tmp_path / 'set', files), (8, 12)))
    assert seen.shape == (4, 8, 12, 3) and sorted(seen[:, 4, 6, 0]) == [1, 7, 8, 40]


# ---- order


def test_every_epoch_is_a_permutation_of_its_own():
    epochs = Order(50, seed=1).at(np.arange(200)).reshape(4, 50)
    assert (np.sort(epochs) == np.arange(50)).all() and len(np.unique(epochs, axis=0)) == 4
    assert not np.array_equal(epochs[0], Order(50, seed=2).at(np.arange(50)))
    assert not any(np.array_equal(epoch, sampling_order(50, 1)) for epoch in epochs)


def test_the_order_is_the_same_on_every_machine():
    assert Order(8, seed=7).at(np.arange(16)).tolist() == ORDER_OF_EIGHT


def test_seeds_may_be_any_whole_number():
    assert sorted(Order(5, -1).at(np.arange(5))) == list(range(5))
    assert not np.array_equal(Order(50, 2**63).at(np.arange(50)), Order(50, 0).at(np.arange(50)))


def test_pictures_are_equally_often_at_every_place():
    firsts = [Order(4, seed).at(np.array([0]))[0] for seed in range(2000)]
    assert np.abs(np.bincount(firsts) - 500).max() < 100  # 5 standard deviations


def test_batches_follow_the_order(photos):
    images = open_images(photos, 8)
    order = Order(12, 4).at(np.arange(40))
    for step, (pixels, labels) in enumerate(some(images, 8, 5, seed=4)):
        assert pixels.shape == (5, 8, 8, 3) and pixels.dtype == np.uint8
        assert np.array_equal(pixels, PIXELS[order[5 * step : 5 * step + 5]])
        assert labels.dtype == np.int32 and not labels.any()


def test_labels_go_with_their_pictures(tmp_path):
    images = open_images(write(tmp_path / 'set', CLASSED), 8)
    by_picture = {PIXELS[index].tobytes(): label for index, label in enumerate([0, 1, 1, 0])}
    for pixels, labels in some(images, 4, 3, seed=0):
        assert [by_picture[one.tobytes()] for one in pixels] == labels.tolist()


def test_beginning_later_is_passing_over(photos):
    images = open_images(photos, 8)
    for whole, later in zip(some(images, 9, 5, seed=2)[6:], some(images, 3, 5, seed=2, first_step=6), strict=True):
        assert np.array_equal(whole[0], later[0])


def test_workers_share_each_batch(tmp_path):
    images = open_images(write(tmp_path / 'set', CLASSED), 8)
    workers = [some(images, 3, 6, seed=2, shard=(worker, 3)) for worker in range(3)]
    for step, (pixels, labels) in enumerate(some(images, 3, 6, seed=2)):
        assert np.array_equal(pixels, np.concatenate([worker[step][0] for worker in workers]))
        assert np.array_equal(labels, np.concatenate([worker[step][1] for worker in workers]))


def test_workers_share_each_part_of_a_batch(photos):
    images = open_images(photos, 8)
    workers = [some(images, 2, 12, seed=2, shard=(worker, 3), parts=2) for worker in range(3)]
    for step, (pixels, _) in enumerate(some(images, 2, 12, seed=2)):
        for part in (0, 1):
            shares = [worker[step][0][2 * part : 2 * part + 2] for worker in workers]
            assert np.array_equal(pixels[6 * part : 6 * part + 6], np.concatenate(shares))
    with pytest.raises(UserError, match='cannot be shared out'):
        images.batches(6, seed=0, shard=(0, 3), parts=4)


@pytest.mark.parametrize(('batch_size', 'shard'), [(0, (0, 1)), (5, (0, 2)), (4, (2, 2)), (4, (-1, 2))])
def test_a_batch_that_cannot_be_shared_out_is_refused(photos, batch_size, shard):
    with pytest.raises(UserError, match='cannot be shared out'):
        open_images(photos, 8).batches(batch_size, seed=0, shard=shard)


def test_a_set_may_be_smaller_than_a_batch(tmp_path):
    images = open_images(write(tmp_path / 'set', pngs(5)), 8)
    pixels = some(images, 1, 16, seed=1)[0][0]
    for epoch in range(3):
        assert {one.tobytes() for one in pixels[5 * epoch : 5 * epoch + 5]} == {one.tobytes() for one in PIXELS[:5]}


def test_the_shape_of_a_batch_is_known_when_a_step_is_compiled(photos):
    pixels, labels = open_images(photos, (8, 6), 1).batches(4, seed=0).element_spec
    assert pixels.shape == (4, 8, 6, 1) and labels.shape == (4,)


# ---- memory and disk


def test_from_disk_comes_the_same_as_from_memory(tmp_path):
    path = write(tmp_path / 'set', pngs(9, 'good/{}.png') | bad_files())
    memory, disk = open_images(path, 6), open_images(path, 6, memory_budget=100)
    assert memory.in_memory and not disk.in_memory and memory.manifest == disk.manifest
    for one, other in zip(some(memory, 5, 4, seed=3), some(disk, 5, 4, seed=3), strict=True):
        assert np.array_equal(one[0], other[0]) and np.array_equal(one[1], other[1])
    assert np.array_equal(memory.take(7, 1), disk.take(7, 1))


def test_a_picture_that_becomes_unreadable_is_replaced_by_the_next_and_told_once(photos):
    warnings = []
    images = open_images(photos, 8, memory_budget=100, warn=warnings.append)
    (photos / '04.png').write_bytes(b'rust')
    (photos / '07.png').unlink()
    order, lost = Order(12, 9).at(np.arange(40)), (4, 7)
    expected = [next(index for index in order[place:] if index not in lost) for place in range(36)]
    pixels = np.concatenate([pixels for pixels, _ in some(images, 6, 6, seed=9)])
    assert np.array_equal(pixels, PIXELS[expected])
    assert len(warnings) == 2 and "'04.png' is not a picture" in ' '.join(warnings) and '\n' not in ''.join(warnings)
    taken = images.take(10)
    assert {one.tobytes() for one in taken} == {PIXELS[index].tobytes() for index in range(12) if index not in lost}
    with pytest.raises(UserError, match='fewer than 11 pictures'):
        images.take(11)


def test_when_no_picture_is_left_it_says_so(photos):
    images = open_images(photos, 8, memory_budget=100, warn=lambda line: None)
    for path in photos.iterdir():
        path.unlink()
    with pytest.raises(Exception, match=r'no picture of .* can be read any more'):
        some(images, 1, 4, seed=0)


def test_pictures_are_taken_aside_without_repetition(photos):
    images = open_images(photos, 8)
    taken = images.take(12, seed=1)
    assert len({one.tobytes() for one in taken}) == 12 and not np.array_equal(taken, images.take(12, seed=2))
    assert np.array_equal(taken[:5], images.take(5, seed=1))
    with pytest.raises(UserError, match='there are 12'):
        images.take(13)


def test_progress_is_told_to_the_end(photos):
    told = []
    open_images(photos, 8, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (12, 12)


# ---- what a set is


def test_the_manifest_knows_contents_but_not_places_and_times(tmp_path, photos):
    first = open_images(photos, 8).manifest
    os.utime(photos / '03.png', (1, 1))
    moved = write(tmp_path / 'moved', dict(reversed(pngs().items())))
    assert open_images(photos, 8).manifest == first == json.loads(json.dumps(first))
    assert open_images(moved, 8).manifest['sha256'] == first['sha256']
    (moved / '03.png').write_bytes(encoded(PIXELS[3] ^ 1))
    changed = open_images(moved, 8).manifest['sha256']
    (photos / '03.png').rename(photos / '99.png')
    assert len({first['sha256'], changed, open_images(photos, 8).manifest['sha256']}) == 3
    assert (first['count'], first['size'], first['classes']) == (12, [8, 8], [])


@pytest.mark.skipif(os.name == 'nt', reason='names are texts there')
def test_names_that_are_no_text_do_no_harm(tmp_path):
    path = write(tmp_path / 'set', pngs(2))
    os.rename(path / '00.png', os.fsencode(path) + b'/0\xff.png')
    first = open_images(path, 8).manifest['sha256']
    os.rename(os.fsencode(path) + b'/0\xff.png', os.fsencode(path) + b'/0\xfe.png')
    assert open_images(path, 8).manifest['sha256'] != first


def test_a_picture_in_another_class_is_another_set(tmp_path):
    moved = {name.replace('cat/0', 'dog/0'): data for name, data in CLASSED.items()}
    first, second = (open_images(write(tmp_path / n, files), 8) for n, files in (('a', CLASSED), ('b', moved)))
    assert first.manifest['sha256'] != second.manifest['sha256']


def test_inspection_tells_what_is_there(tmp_path):
    files = pngs(3, 'cat/{}.png') | {
        'dog/twin.bmp': encoded(PIXELS[1], 'BMP'),
        'dog/grey.png': encoded(np.repeat(PIXELS[4][..., :1], 3, 2)),
        'dog/glass.png': encoded(np.dstack([PIXELS[5], PIXELS[5][..., 0]])),
        'dog/flat.png': encoded(np.full((2, 3, 3), (1, 2, 3), np.uint8)),
        'dog/wide.png': encoded(np.repeat(PIXELS[6], 4, 1)),
    }
    found = inspect_images(write(tmp_path / 'set', files | bad_files()))
    assert found.files == 12 and found.split == 'all'
    assert found.sizes == (((8, 8), 6), ((2, 3), 1), ((8, 32), 1))
    assert (found.smallest, found.largest) == ((2, 3), (8, 32))
    assert [name for name, _ in found.corrupt] == sorted(bad_files())
    assert (found.grey, found.alpha, found.flat) == (('dog/grey.png',), ('dog/glass.png',), ('dog/flat.png',))
    assert found.duplicates == (('cat/01.png', 'dog/twin.bmp'),)
    assert found.classes == {'bad': 4, 'cat': 3, 'dog': 5}


def test_inspection_of_parts_of_nothing_readable_and_of_the_drawn_set(tmp_path):
    parts = write(tmp_path / 'parts', pngs(3, 'train/{}.png') | pngs(2, 'test/{}.png'))
    assert inspect_images(parts).files == 5 and inspect_images(parts, split='test').files == 2
    assert inspect_images(parts).duplicates == (('test/00.png', 'train/00.png'), ('test/01.png', 'train/01.png'))
    assert inspect_images(write(tmp_path / 'bad', bad_files())).smallest is None
    with pytest.raises(UserError, match="'shapes' is drawn"):
        inspect_images('shapes')


def test_a_process_ends_although_batches_are_being_prepared():
    code = (
        'from stylegen.datasets import open_images\n'
        "batches = iter(open_images('shapes', 64).batches(64, seed=1))\n"
        'for _ in range(5): next(batches)'
    )
    subprocess.run([sys.executable, '-c', code], env=os.environ | {'PYTHONPATH': str(ROOT)}, timeout=60, check=True)
