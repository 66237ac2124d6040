"""The door of the Python functions: every form of a picture that people have, and what is said of what is none."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylegen import images
from stylegen.images.conversion import as_batch, as_mask, as_picture, as_pictures, as_shares
from stylegen.runs.layer_weights import as_weights
from stylegen.utils.errors import UserError
from tests.icc_profiles import swapped_srgb

BYTES = np.random.default_rng(0).integers(0, 256, (5, 7, 4), np.uint8)
RGB, GREY = BYTES[..., :3], BYTES[..., 0]
FLOATS = images.from_uint8(RGB)
ON = BYTES[..., 0] > 127


def same(picture, expected=FLOATS):
    assert picture.dtype == np.float32 and picture.flags.c_contiguous
    np.testing.assert_array_equal(picture, expected)


def test_a_picture_as_it_is_to_be_comes_back_itself():
    assert as_picture(FLOATS) is FLOATS
    assert as_picture(FLOATS[None]).base is FLOATS


@pytest.mark.parametrize(
    'form',
    [
        RGB,
        RGB.astype(np.int64),
        RGB.tolist(),
        np.uint16(RGB) * 257,
        FLOATS.astype(np.float64),
        FLOATS.tolist(),
        FLOATS[None],
        RGB[None],
        BYTES,
        FLOATS[:, ::-1][:, ::-1],
        Image.fromarray(RGB),
        Image.fromarray(BYTES),
    ],
)
def test_all_forms_of_a_picture_are_the_same_picture(form):
    same(as_picture(form))


def test_half_precision_is_as_near_as_it_can_be():
    np.testing.assert_allclose(as_picture(FLOATS.astype(np.float16)), FLOATS, atol=5e-4)


def test_tensors_are_pictures():
    from stylegen.utils.backend import keras, tf

    for tensor in (tf.constant(FLOATS), tf.Variable(RGB), tf.constant(RGB[None]), keras.ops.array(FLOATS),
                   keras.Variable(FLOATS)):  # fmt: skip
        same(as_picture(tensor))
    np.testing.assert_allclose(as_picture(tf.constant(FLOATS, tf.bfloat16)), FLOATS, atol=4e-3)
    with pytest.raises(UserError, match='the picture cannot be read as numbers'):
        as_picture(keras.Input((5, 7, 3)))


def test_grey_is_a_picture_of_three_equal_channels():
    expected = images.from_uint8(np.repeat(GREY[..., None], 3, 2))
    for form in (GREY, GREY[..., None], GREY[None], GREY[None, ..., None], BYTES[..., [0, 1]], GREY.tolist(),
                 Image.fromarray(GREY)):  # fmt: skip
        same(as_picture(form), expected)
    same(as_picture(ON), np.repeat(np.float32(ON)[..., None], 3, 2))


def test_files_and_pil_pictures_are_turned_and_their_profiles_applied(tmp_path, monkeypatch):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(BYTES).save(tmp_path / 'a.png', exif=exif, icc_profile=swapped_srgb())
    expected = images.load_image(tmp_path / 'a.png')
    assert expected.shape == (7, 5, 3) and not np.array_equal(expected[::-1].swapaxes(0, 1), FLOATS)
    monkeypatch.setenv('HOME', str(tmp_path))
    for form in (
        tmp_path / 'a.png',
        str(tmp_path / 'a.png'),
        '~/a.png',
        Path('~/a.png'),
        Image.open(tmp_path / 'a.png'),
    ):
        same(as_picture(form), expected)
    for mode in ('P', 'CMYK', '1', 'LA', 'I', 'HSV', 'YCbCr'):
        image = Image.fromarray(RGB).convert('L' if mode in '1I' else 'RGB').convert(mode)
        if mode in ('P', '1', 'LA'):
            image.save(tmp_path / 'b.png')
            same(as_picture(image), images.load_image(tmp_path / 'b.png'))
        with pytest.warns() if mode == 'I' else pytest.MonkeyPatch.context():
            assert as_picture(image).shape == (5, 7, 3)


@pytest.mark.parametrize(
    ('wrong', 'told'),
    [
        (np.moveaxis(FLOATS, -1, 0), r'the channels of the sky come first, \(3, 5, 7\); .* np.moveaxis\(x, 0, -1\)'),
        (np.moveaxis(FLOATS, -1, 0)[None], r'come first, \(1, 3, 5, 7\); .* np.moveaxis\(x, 1, -1\)'),
        (np.stack([FLOATS, FLOATS]), 'the sky is a batch of 2 pictures'),
        (FLOATS * 255, 'the values of the sky are from .* to .*; .* divide them by 255'),
        (np.float32([[-1.0, 1.0]]), 'the values of the sky are from -1 to 1; .* add 1 and halve them'),
        (np.float32([[0.2, np.nan]]), '1 of 2 values of the sky are NaN'),
        (FLOATS[:0], 'the sky is empty: its shape is .0, 7, 3'),
        ([], 'the sky is empty'),
        (FLOATS.astype(complex), 'the sky is complex'),
        (FLOATS.ravel(), r'the shape of the sky is \(105,\); expected'),
        (np.zeros((5, 7, 6)), r'the shape of the sky is \(5, 7, 6\); expected'),
        (0.5, r'the shape of the sky is \(\); expected'),
        ('nothing.png', "'nothing.png' does not exist"),
        ('', 'does not exist'),
        (Path('/'), 'is a folder'),
        ([[0.1, 0.2], [0.3]], 'the sky cannot be read as numbers'),
        (['a.png', 'b.png'], 'the sky is a list; expected a picture: a path'),
        (None, 'the sky is a NoneType; expected a picture'),
        (b'bytes', 'the sky is a bytes; expected'),
        ({'a': 1}, 'the sky is a dict; expected'),
        (iter([1]), 'expected a picture'),
    ],
)
def test_what_is_no_picture_is_told_in_words(wrong, told):
    with pytest.raises(UserError, match=told) as caught:
        as_picture(wrong, 'sky')
    assert '\n' not in str(caught.value)


def test_a_pil_picture_whose_pixels_are_missing_is_told(tmp_path):
    Image.fromarray(RGB).save(tmp_path / 'a.bmp')
    (tmp_path / 'a.bmp').write_bytes((tmp_path / 'a.bmp').read_bytes()[:80])
    message = r'Pillow cannot read the pixels of the picture .*truncated'
    with Image.open(tmp_path / 'a.bmp') as opened, pytest.raises(UserError, match=message):
        as_picture(opened)


def test_batches_and_single_pictures_become_batches():
    two = np.stack([RGB, RGB[::-1]])
    same(as_batch(two), images.from_uint8(two))
    same(as_batch([FLOATS, FLOATS[::-1]]), images.from_uint8(two))
    for one in (RGB, RGB[None]):
        same(as_batch(one), FLOATS[None])
    with pytest.raises(UserError, match=r'np.moveaxis\(x, 1, -1\)'):
        as_batch(np.moveaxis(two, -1, 1))


@pytest.mark.parametrize(
    'form',
    [
        ON,
        np.float64(ON),
        ON[..., None],
        ON[None],
        np.uint8(ON),
        255 * np.uint8(ON),
        np.int64(ON),
        np.repeat(255 * np.uint8(ON)[..., None], 3, 2),
        ON.tolist(),
        Image.fromarray(255 * np.uint8(ON)),
        Image.fromarray(ON),
    ],
)
def test_all_forms_of_a_mask_are_the_same_mask(form):
    same(as_mask(form, 'mask', (5, 7)), np.float32(ON))


def test_a_mask_of_the_same_aspect_is_resized_and_another_refused(tmp_path):
    Image.fromarray(255 * np.uint8(ON)).resize((70, 50)).save(tmp_path / 'a.png')
    small = as_mask(tmp_path / 'a.png', 'mask', (5, 7))
    assert small.shape == (5, 7) and np.array_equal(small > 0.5, ON)
    with pytest.raises(UserError, match='the mask is 7 x 5, the picture 7 x 8: of another shape'):
        as_mask(ON, 'mask', (8, 7))


def test_pictures_with_and_without_shares_become_pairs():
    paths = [FLOATS, RGB]
    for form in (FLOATS, RGB.tolist(), [FLOATS], np.stack([RGB]), (FLOATS,)):
        found = as_pictures(form, 'guide')
        assert len(found) == 1
        same(found[0])
    for form in (paths, tuple(paths), np.stack(paths) if paths[0].dtype == paths[1].dtype else [FLOATS, FLOATS]):
        assert [share for _, share in as_shares(form)] == [1.0, 1.0]
    assert as_pictures((), 'guide') == [] == as_shares([])
    for form in ([(FLOATS, 0.5), RGB], [(RGB, np.float32(0.5)), [FLOATS, 1]]):
        assert [share for _, share in as_shares(form)] == [0.5, 1]
    assert [share for _, share in as_shares((RGB, 0.5))] == [0.5]
    with pytest.raises(UserError, match='the style is a tuple; expected a picture'):
        as_shares([('a.png', 'b.png', 'c.png')])


def test_layers_and_weights_are_taken_in_all_forms():
    for form in ({'a': 1, 'b': 0.5}, [('a', 1), ('b', 0.5)], 'a,b:0.5'):
        assert as_weights(form, 'layers') == {'a': 1.0, 'b': 0.5}
    assert as_weights(['a', 'c[3,4]'], 'layers') == {'a': 1.0, 'c[3,4]': 1.0} and as_weights(None, 'layers') is None
    assert as_weights({3: 1.0}, 'classes') == {'3': 1.0} == as_weights([3], 'classes')
    for wrong in (3.5, {'a': None}, [None]):
        with pytest.raises(UserError, match='expected layers as'):
            as_weights(wrong, 'layers')
    with pytest.raises(UserError, match='a is named twice'):
        as_weights(['a', 'a'], 'layers')
