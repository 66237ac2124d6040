"""Sizes, tiles and memory: arithmetic with known answers."""

import pytest

from stylegen import pyramid
from stylegen.errors import UserError
from stylegen.pyramid import format_memory, octave_sizes, parse_memory, settled_memory, tile_side, total_pixels


def test_octaves_grow_to_the_picture_and_are_rounded_once():
    assert octave_sizes((300, 451), 4, 1.4) == [(109, 164), (153, 230), (214, 322), (300, 451)]


def test_octaves_too_small_are_left_out_but_never_the_picture_itself():
    assert octave_sizes((100, 50), 6, 2.0, smallest=20) == [(50, 25), (100, 50)]
    assert octave_sizes((10, 10), 3, 2.0, smallest=20) == [(10, 10)]
    assert octave_sizes((1, 1000), 3, 1.5) == [(1, 444), (1, 667), (1, 1000)]


@pytest.mark.parametrize('text, size', [('4GB', 4 << 30), ('500m', 500 << 20), ('1.5 GiB', 3 << 29), ('1024', 1024)])
def test_memory_is_read_as_people_write_it(text, size):
    assert parse_memory(text) == size


@pytest.mark.parametrize('text', ['', 'lots', '-1GB', '4XB', '0', '0GB'])
def test_other_texts_are_refused(text):
    with pytest.raises(UserError, match='4GB'):
        parse_memory(text)


def test_auto_is_a_share_of_what_is_free_and_is_settled_to_a_number(monkeypatch):
    for free in (7 << 30, 13 << 30):
        monkeypatch.setattr(pyramid, 'available_memory', lambda free=free: free)
        assert parse_memory('auto') == 4 << 30 and settled_memory('auto') == '4096MB'
    assert parse_memory(settled_memory('auto')) == 4 << 30 and settled_memory('5GB') == '5GB'


def test_memory_is_written_as_people_read_it():
    assert [format_memory(n) for n in (12, 3000, 5 << 20, 3 << 29)] == ['12 B', '2.93 KB', '5 MB', '1.5 GB']


def test_a_tile_is_the_largest_multiple_of_the_stride_that_fits():
    assert tile_side(1000, 1000 * 100 * 100, 16, 16) == 96
    with pytest.raises(UserError, match='raise --max_memory'):
        tile_side(1000, 1000 * 30 * 30, 16, 16)


def test_pixels_of_all_sizes_are_added_up():
    assert total_pixels([(2, 3), (4, 5)]) == 26
