"""Folders of pictures: their order, the names of the results, and targets that cannot be."""

from pathlib import Path

import pytest

from stylegen.errors import UserError
from stylegen.folders import pictures_in, prepare_folder, result_names


def test_pictures_are_in_the_order_that_people_count_and_results_bear_their_names(tmp_path):
    for name in ('b.png', 'a10.jpg', 'a2.jpg', 'a2.png', 'c.jp2', '.hidden.png', 'notes.txt', '1².png'):
        (tmp_path / name).write_bytes(b'')
    (tmp_path / 'folder.png').mkdir()
    found = pictures_in(tmp_path)
    assert [p.name for p in found] == ['1².png', 'a2.jpg', 'a2.png', 'a10.jpg', 'b.png', 'c.jp2']
    names = [p.name for p in result_names(found, Path('out'))]
    assert names == ['1².png', 'a2_jpg.jpg', 'a2_png.png', 'a10.jpg', 'b.png', 'c.png']


def test_a_folder_without_pictures_is_told(tmp_path):
    (tmp_path / 'notes.txt').write_text('no picture')
    with pytest.raises(UserError, match=r'no pictures in .*\.png'):
        pictures_in(tmp_path)


def test_a_target_is_made_once_and_is_neither_a_file_nor_the_source(tmp_path):
    source, target = tmp_path / 'in', tmp_path / 'new' / 'out'
    source.mkdir()
    prepare_folder(source, target)
    (target / 'earlier.png').write_bytes(b'')
    prepare_folder(source, target)
    assert (target / 'earlier.png').exists()
    (tmp_path / 'file').write_bytes(b'')
    (tmp_path / 'old.png').mkdir()
    prepare_folder(source, tmp_path / 'old.png')
    for wrong, message in (
        (tmp_path / 'file', 'is a file'),
        (tmp_path / 'new.PNG', 'is the name of a picture, but there are many results'),
        (target / '..' / '..' / 'in', 'the folder of the inputs'),
        (tmp_path / 'file' / 'out', 'cannot make the folder'),
    ):
        with pytest.raises(UserError, match=message):
            prepare_folder(source, wrong)
