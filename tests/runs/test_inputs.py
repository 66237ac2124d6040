"""Input pictures of a run: their sizes, masks and hashes; an output that is an input is refused."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from stylegen import images
from stylegen.runs.inputs import Inputs, read_mask, read_picture, refuse_overwriting_inputs
from stylegen.utils.errors import UserError
from tests.conftest import photo


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images.save_image('photo.png', photo(30, 40))
    return tmp_path


def test_a_picture_that_is_loaded_is_hashed():
    inputs = Inputs()
    assert inputs.load('photo.png').pixels.shape == (30, 40, 3)
    assert inputs.hashes == {'photo.png': hashlib.sha256(Path('photo.png').read_bytes()).hexdigest()}


@pytest.mark.parametrize('size, shape, told', [(None, (18, 24), True), (40, (30, 40), False), (20, (15, 20), False)])
def test_a_picture_is_reduced_to_the_default_size_only_with_a_message(size, shape, told):
    said = []
    picture = read_picture(None, size, said.append, default=Path('photo.png'), default_size=24)
    assert picture.pixels.shape[:2] == shape and bool(said) == told
    assert not told or said == ['photo.png is 40 pixels long; --size=40 works at its full size']


def test_a_named_picture_takes_the_place_of_the_default_one():
    assert read_picture('photo.png', None, print, default=Path('none.png'), default_size=40).path == 'photo.png'


def test_a_mask_has_the_size_of_the_picture_and_black_is_0():
    grey = np.full((60, 80, 3), 0.2, np.float32)
    grey[:, :40] = 0
    images.save_image('mask.png', grey)
    inputs = Inputs()
    mask = read_mask(inputs, 'mask.png', (30, 40))
    assert mask.shape == (30, 40) and mask.dtype == np.float32 and list(inputs.hashes) == ['mask.png']
    assert not mask[:, :18].any() and np.allclose(mask[:, 22:], 0.2, atol=0.02)
    with pytest.raises(UserError, match=r'mask\.png is 80 x 60, the picture 30 x 40: of another shape'):
        read_mask(inputs, 'mask.png', (40, 30))


def test_an_output_that_is_an_input_is_refused(folder):
    refuse_overwriting_inputs(Path('other.png'), ['photo.png', 'gone.png'])
    (folder / 'link.png').symlink_to('photo.png')
    for name in ('photo.png', 'link.png', str(folder / 'photo.png')):
        with pytest.raises(UserError, match='is an input; give another --output'):
            refuse_overwriting_inputs(Path(name), ['photo.png'])


def test_an_existing_output_that_is_no_input_is_accepted():
    Path('other.png').write_bytes(b'')
    refuse_overwriting_inputs(Path('other.png'), ['photo.png', 'gone.png'])


def test_the_aspect_ratio_of_a_mask_may_differ_by_rounding_and_by_two_percent():
    for height, taken in {293: False, 295: True, 305: True, 307: False}.items():
        images.save_image('mask.png', np.ones((height, 400, 3), np.float32))
        if taken:
            assert read_mask(Inputs(), 'mask.png', (300, 400)).shape == (300, 400)
        else:
            with pytest.raises(UserError, match='of another shape'):
                read_mask(Inputs(), 'mask.png', (300, 400))
    images.save_image('mask.png', np.ones((3, 5, 3), np.float32))  # of 31 x 50, rounded
    assert read_mask(Inputs(), 'mask.png', (31, 50)).shape == (31, 50)


def test_a_mask_value_below_the_darkest_grey_becomes_0():
    greys = np.repeat(np.float32([0.9, 1.1, 100])[None, :, None] / 255, 3, -1)
    images.save_image('mask.png', greys, depth=16)
    assert np.allclose(read_mask(Inputs(), 'mask.png', (1, 3)), [[0, 1.1 / 255, 100 / 255]], atol=1e-5)
