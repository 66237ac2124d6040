"""Grids and contact sheets."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import ImageFont

from stylegen.images import contact_sheet, grid
from stylegen.images.sheets import _wrap


def plain(height, width, value):
    return np.full((height, width, 3), value, np.float32)


def test_grid_places_images_row_by_row():
    sheet = grid((plain(5, 7, value / 10) for value in range(5)), columns=3, gap=2, background=1.0)
    assert sheet.shape == (12, 25, 3)
    assert sheet.dtype == np.float32
    np.testing.assert_allclose(sheet[0, [0, 7, 9, 18], 0], [0, 1, 0.1, 0.2])
    np.testing.assert_allclose(sheet[7, [0, 9, 18], 0], [0.3, 0.4, 1])
    assert (sheet[5:7] == 1).all()


def test_a_grid_has_the_size_of_its_cells_and_gaps():
    assert grid([plain(4, 4, 0)]).shape == (4, 4, 3)
    assert grid([plain(4, 4, 0)] * 9, gap=0).shape == (12, 12, 3)
    assert grid([np.zeros((4, 4))] * 2, columns=8, gap=1).shape == (4, 9, 3)
    assert grid([plain(4, 4, 0)] * 3, background=0.25)[-1, -1, 0] == 0.25


def test_a_grid_refuses_what_it_cannot_place():
    with pytest.raises(ValueError, match='got none'):
        grid([])
    with pytest.raises(ValueError, match='one size'):
        grid([plain(4, 4, 0), plain(4, 5, 0)])
    with pytest.raises(ValueError, match='column'):
        grid([plain(4, 4, 0)], columns=0)
    with pytest.raises(ValueError, match='gap'):
        grid([plain(4, 4, 0)], gap=-1)


def test_contact_sheet_fits_images_and_draws_labels():
    images = [plain(100, 200, 0.5), plain(200, 100, 0.5), plain(1, 1, 0.5)]
    bare = contact_sheet(images, ['', '', ''], columns=2)
    sheet = contact_sheet(images, ['wide', 'tall', 'dot'], columns=2)
    assert sheet.shape == bare.shape
    assert sheet.shape[1] > 2 * 200
    assert sheet.shape[0] > 2 * 200
    grey = (np.abs(bare - 0.5) < 0.01).all(-1)
    assert abs(grey.sum() - (200 * 100 * 2 + 200 * 200)) < 500
    assert set(np.unique(bare[~grey])) == {1.0}
    ink = np.flatnonzero((sheet != bare).any((1, 2)))
    assert ink.size > 10
    assert sheet.min() < 0.1
    assert not (sheet != bare)[grey].any()  # no label lies on an image


def test_contact_sheet_wraps_long_labels_and_takes_a_title():
    image = plain(50, 50, 0.5)
    short = contact_sheet([image], ['a'])
    long = contact_sheet([image], ['a much longer label that needs several lines ' + 'x' * 60])
    assert long.shape[1] == short.shape[1]
    assert long.shape[0] > short.shape[0] + 50
    assert (long[:, :2] == 1).all()
    assert (long[:, -2:] == 1).all()
    titled = contact_sheet([image], ['a'], title='Title')
    assert titled.shape[0] > short.shape[0]
    np.testing.assert_array_equal(titled[-short.shape[0] + 8 :], short[8:])
    assert titled[:20].min() < 0.2


def test_contact_sheet_of_odd_sizes():
    sheet = contact_sheet([plain(20, 10000, 0.5), plain(1, 1, 0)], ['strip', 'dot'])
    assert max(sheet.shape) < 1300
    with pytest.raises(ValueError, match='1 labels for 2'):
        contact_sheet([plain(2, 2, 0)] * 2, ['a'])
    with pytest.raises(ValueError, match='got none'):
        contact_sheet([], [])


def test_each_label_stands_under_its_picture_and_the_title_in_the_middle_above():
    images = [plain(100, 200, 0.5)] * 5
    bare = contact_sheet(images, [''] * 5, columns=2)
    grey = (np.abs(bare - 0.5) < 0.01).all(-1)
    for number in range(5):
        sheet = contact_sheet(images, ['label' if other == number else '' for other in range(5)], columns=2)
        rows, columns = (np.flatnonzero((sheet != bare).any((axis, 2))) for axis in (1, 0))
        picture = np.flatnonzero(grey[:, columns[0]])
        above = picture[picture < rows[0]]
        assert len(above) == 100 * (number // 2 + 1) and 0 < rows[0] - above[-1] < 20  # the last picture is its own
        below = picture[picture > rows[-1]]
        assert not len(below) or below[0] - rows[-1] > 1
        left, right = np.flatnonzero(grey[above[-1]]).reshape(-1, 200)[number % 2][[0, -1]]
        assert left < columns[0] and columns[-1] < right and abs(columns.mean() - (left + right) / 2) < 2
    titled = contact_sheet(images, [''] * 5, columns=2, title='A title of many words')
    ink = (titled < 0.4).any(-1)
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    assert abs((columns[0] + columns[-1]) / 2 - titled.shape[1] / 2) < 3
    assert rows[-1] < titled.shape[0] - bare.shape[0] + 8
    assert columns[0] > 4 and columns[-1] < titled.shape[1] - 4


def test_labels_are_broken_at_spaces_and_only_words_of_more_than_a_line_within():
    font = SimpleNamespace(getlength=len)
    assert _wrap('aa bb cccccc d eeeee', font, 5) == ['aa bb', 'ccccc', 'c d', 'eeeee']
    assert _wrap('  ', font, 5) == [''] and _wrap('abc', font, 1) == ['a', 'b', 'c']


def bands(sheet):
    """How many lines of text there are one below the other; the picture is grey."""
    inked = (sheet < 0.45).any((1, 2)).astype(int)
    return int((np.diff(inked, prepend=0) == 1).sum())


def test_lines_of_a_label_and_of_a_title_stand_one_below_the_other():
    image, words = plain(100, 200, 0.5), 'xxxx ' * 12
    lines = len(_wrap(words, ImageFont.load_default(size=12), 200))
    assert lines > 1 and bands(contact_sheet([image], [words])) == lines
    assert bands(contact_sheet([image], [''], title=words)) > 2


def test_a_picture_of_another_shape_is_in_the_middle_of_its_cell():
    sheet = contact_sheet([plain(200, 200, 0.5), plain(100, 200, 0), plain(200, 100, 0)], [''] * 3, columns=3)
    square, black = sheet[..., 0] == 0.5, np.argwhere(sheet[..., 0] == 0)
    top, left = (np.flatnonzero(square.any(axis))[0] for axis in (1, 0))
    first, second = black[black[:, 1] < left + 410], black[black[:, 1] >= left + 410]
    assert abs(first[:, 0].mean() - (top + 99.5)) < 1 and np.ptp(first[:, 0]) == 99
    step = first[:, 1].min() - left
    assert abs(second[:, 1].mean() - (left + 2 * step + 99.5)) < 1 and np.ptp(second[:, 1]) == 99
