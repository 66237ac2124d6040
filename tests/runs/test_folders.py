"""Folders of pictures: the order of the inputs, the names of the results, and output folders that are refused."""

from pathlib import Path

import pytest
from PIL import Image

from stylegen.images import load_image
from stylegen.runs.folders import (
    check_output_folder,
    make_results,
    pictures_in,
    refuse_inputs_as_results,
    result_paths,
    unique_names,
)
from stylegen.utils.console import Console
from stylegen.utils.errors import UserError


def test_pictures_are_in_natural_order_and_results_have_their_names(tmp_path):
    for name in ('b.png', 'a10.jpg', 'a2.jpg', 'a2.png', 'c.jp2', '.hidden.png', 'notes.txt', '1².png'):
        (tmp_path / name).write_bytes(b'')
    (tmp_path / 'folder.png').mkdir()
    found = pictures_in(tmp_path)
    assert [p.name for p in found] == ['1².png', 'a2.jpg', 'a2.png', 'a10.jpg', 'b.png', 'c.jp2']
    names = [p.name for p in result_paths(found, Path('out'))]
    assert names == ['1².png', 'a2_jpg.jpg', 'a2_png.png', 'a10.jpg', 'b.png', 'c.png']
    names = [p.name for p in result_paths([Path('a.jpg'), Path('b.TIF'), Path('c.webp')], Path('out'), depth=16)]
    assert names == ['a.png', 'b.TIF', 'c.png']


def test_no_two_results_have_the_same_name():
    pictures = [Path(name) for name in ('a.jpg', 'a.png', 'a_png.png', 'a_png-2.png', 'b.pgm', 'b.pbm')]
    names = [path.name for path in result_paths(pictures, Path('out'))]
    assert names == ['a_jpg.jpg', 'a_png.png', 'a_png-2.png', 'a_png-2-2.png', 'b_pgm.png', 'b_pbm.png']


@pytest.mark.parametrize('suffix', ['.pgm', '.pbm', '.pnm'])
def test_pictures_of_one_channel_are_found(tmp_path, suffix):
    Image.new('1' if suffix == '.pbm' else 'L', (4, 4)).save(tmp_path / f'a{suffix}', 'PPM')
    (found,) = pictures_in(tmp_path)
    assert load_image(found).shape == (4, 4, 3)


def test_each_result_is_made_once_and_failures_are_listed_at_the_end(tmp_path, capsys):
    outputs, made, begun = [tmp_path / f'{name}.png' for name in 'abcd'], [], []
    outputs[0].touch()

    def make(session, number, unfinished):
        unfinished.touch()
        made.append((session, number))
        if number == 2:
            raise ArithmeticError('it overflowed')

    def begin():
        begun.append(True)
        return 'open'

    with pytest.raises(UserError, match=r'1 of 4 results could not be made: C$'):
        make_results(outputs, list('ABCD'), begin, make, overwrite=False, console=Console())
    assert made == [('open', 1), ('open', 2), ('open', 3)] and len(begun) == 1
    assert [path.name for path in sorted(tmp_path.iterdir())] == ['a.png', 'c-unfinished.png']
    out, err = capsys.readouterr()
    assert out.startswith('1/4  ') and 'a.png exists already' in out and err == 'C is skipped: it overflowed\n'
    make_results(outputs[:1], ['A'], begin, make, overwrite=True, console=Console(quiet=True))
    assert made[-1] == ('open', 0)


def test_a_session_that_cannot_be_opened_stops_the_folder(tmp_path):
    def begin():
        raise UserError('no network')

    with pytest.raises(UserError, match='no network'):
        make_results(
            [tmp_path / 'a.png', tmp_path / 'b.png'], ['a', 'b'], begin, None, overwrite=False, console=Console(True)
        )


def test_a_folder_without_pictures_is_refused(tmp_path):
    (tmp_path / 'notes.txt').write_text('no picture')
    with pytest.raises(UserError, match=r'no pictures in .*\.png'):
        pictures_in(tmp_path)


def test_an_output_folder_is_neither_a_file_nor_the_input_folder_and_is_not_made_yet(tmp_path):
    source, target = tmp_path / 'in', tmp_path / 'new' / 'out'
    source.mkdir()
    check_output_folder(source, target)
    (tmp_path / 'file').write_bytes(b'')
    (tmp_path / 'old.png').mkdir()
    check_output_folder(source, tmp_path / 'old.png')
    for wrong, message in (
        (tmp_path / 'file', 'is a file'),
        (tmp_path / 'new.PNG', 'is the name of a picture, but there are many results'),
        (tmp_path / 'old.png' / '..' / 'in', 'the folder of the inputs'),
    ):
        with pytest.raises(UserError, match=message):
            check_output_folder(source, wrong)
    assert not target.parent.exists()


def test_a_result_that_is_an_input_is_refused_also_through_a_link(tmp_path):
    (tmp_path / 'a.png').touch()
    (tmp_path / 'link.png').symlink_to(tmp_path / 'a.png')
    for output in ('a.png', 'link.png', '../' + tmp_path.name + '/a.png'):
        with pytest.raises(UserError, match=r'png is an input; give another --output'):
            refuse_inputs_as_results([tmp_path / 'b.png', tmp_path / output], [tmp_path / 'c.png', tmp_path / 'a.png'])
    refuse_inputs_as_results([tmp_path / 'b.png'], [tmp_path / 'c.png', tmp_path / 'a.png'])


def test_a_dead_link_is_listed_so_that_it_is_told_of(tmp_path):
    (tmp_path / 'dead.png').symlink_to(tmp_path / 'nowhere')
    (tmp_path / 'real.png').touch()
    (tmp_path / 'folder').mkdir()
    (tmp_path / 'linked.png').symlink_to(tmp_path / 'folder')
    assert [path.name for path in pictures_in(tmp_path)] == ['dead.png', 'real.png']


def test_three_pictures_with_the_same_name_give_three_names():
    names = unique_names([[Path(folder) / 'a.jpg'] for folder in 'xyz'])
    assert names == ['a_jpg', 'a_jpg-2', 'a_jpg-3']


def test_each_result_is_announced_by_its_number_and_name(tmp_path, capsys):
    outputs = [tmp_path / 'a.png', tmp_path / 'a-unfinished.png']
    outputs[1].write_bytes(b'')
    make_results(outputs, ['one', 'two'], lambda: True, lambda *args: None, overwrite=False, console=Console())
    assert capsys.readouterr().out == f'1/2  one\n2/2  {outputs[1]} exists already; --overwrite makes it again\n'
    assert outputs[1].exists()  # it is a result, although its name ends in -unfinished
