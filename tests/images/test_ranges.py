"""One rule for the range of numbers that a picture is made of."""

import numpy as np
import pytest

from stylegen.images.pixels import from_uint8, to_uint8
from stylegen.images.ranges import BYTES, DEEP, IN_FILES, SIGNED, UNIT, range_of, scaled
from stylegen.utils.errors import UserError

HALF = 0.5 / 255  # of a level


def unit(values, others=()):
    return scaled(values, range_of(values, 'it', others))


@pytest.mark.parametrize('dtype', [np.float16, np.float32, np.float64])
@pytest.mark.parametrize('others', [(), IN_FILES])
def test_what_rounding_adds_is_clipped_and_changes_no_byte(dtype, others):
    values = np.array([0, 0.2, 1], dtype)
    assert np.array_equal(unit(values, others), np.float32(values))
    near = values + np.array([-0.9 * HALF, 0, 0.9 * HALF], dtype)
    found = unit(near, others)
    assert found.dtype == np.float32 and found.min() == 0 and found.max() == 1
    assert np.array_equal(to_uint8(found), [0, 51, 255])
    for beyond in (np.array([0, 1 + 1.2 * HALF], np.float64), np.array([-1.2 * HALF, 1], np.float64)):
        with pytest.raises(UserError, match='expected floats'):
            unit(beyond, others)


def test_values_within_the_range_come_back_as_they_are():
    values = np.float32([0, 0.3, 1])
    assert unit(values) is values


@pytest.mark.parametrize(
    ('values', 'of'),
    [([-1, 0.5], SIGNED), ([-0.51, 1.001], SIGNED), ([0, 128], BYTES), ([0.2, 255.2], BYTES), ([0, 40000], DEEP)],
)
def test_in_a_file_what_plainly_is_of_another_range_is_read_as_such(values, of):
    values = np.float64(values)
    assert range_of(values, 'it', IN_FILES) == of
    with pytest.raises(UserError):
        range_of(values, 'it')


@pytest.mark.parametrize(
    ('values', 'told'),
    [
        ([0, 1.2], 'are from 0 to 1.2; .* np.clip'),
        ([-0.1, 1], 'are from -0.1 to 1; .*np.clip'),
        ([0, 100], 'are from 0 to 100; .* divide them by 255'),
        ([-3, 200], 'are from -3 to 200; .* scale them'),
        ([0, 5000], 'are from 0 to 5000; .* divide them by 65535'),
        ([0, 1e6], 'are from 0 to 1e[+]06; .* scale them'),
        ([0, np.nan], '1 of 2 values of it are NaN'),
        ([0, np.inf], '1 of 2 values of it are infinite'),
        ([-np.inf, np.nan], '1 of 2 values of it are NaN'),
    ],
)
def test_what_lies_between_is_refused_everywhere_with_what_was_found(values, told):
    for others in ((), IN_FILES):
        with pytest.raises(UserError, match=told):
            range_of(np.float64(values), 'it', others)


def test_an_array_is_told_how_to_be_mended():
    for values, told in (([0, 255], 'divide them by 255'), ([-1, 1], 'add 1 and halve them')):
        with pytest.raises(UserError, match=f'from {values[0]} to {values[1]}; expected floats in .0, 1.: {told}'):
            range_of(np.float32(values), 'it')


def test_whole_numbers_mean_bytes_or_what_their_type_says():
    every = np.arange(256, dtype=np.uint8)
    for dtype in (np.uint8, np.int32, np.int64):
        assert np.array_equal(unit(every.astype(dtype)), from_uint8(every))
    assert np.array_equal(unit(np.uint16([0, 13107, 65535])), np.float32([0, 0.2, 1]))
    assert unit(np.int64([0, 1])).tolist() == [0, 1] == unit(np.array([False, True])).tolist()
    assert unit(np.uint8([0, 1])).tolist() == [0, np.float32(1) / np.float32(255)]
    assert (
        range_of(np.uint16([0, 200]), 'it', IN_FILES) == BYTES and range_of(np.uint16([40000]), 'it', IN_FILES) == DEEP
    )
    assert range_of(np.uint16([0, 200]), 'it') == DEEP and range_of(np.bool_([True]), 'it') == UNIT
    for wrong, told in (
        (np.int32([0, 300]), 'from 0 to 300; expected uint8, uint16 or floats'),
        (np.int32([-1, 3]), 'from -1 to 3'),
        (np.uint16([0, 4000]), 'from 0 to 4000'),
    ):
        with pytest.raises(UserError, match=told):
            range_of(wrong, 'it', IN_FILES)
    for wrong in (np.complex64([1j]), np.array(['a']), np.array([None])):
        with pytest.raises(UserError, match='expected floats'):
            range_of(wrong, 'it')
