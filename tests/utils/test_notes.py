"""Lines that functions say: warnings that point to the caller, plain lines of a command."""

import warnings

import numpy as np
import pytest
from PIL import Image

from stylegen.utils.notes import Note, note, notes_to


def test_a_note_points_to_whom_the_package_was_called_by():
    with pytest.warns(Note, match='a line') as caught:
        note('a line')
    assert caught[0].filename == __file__


@pytest.mark.parametrize('quiet', [False, True])
def test_a_command_prints_what_was_not_taken_as_it_stood(tmp_path, capsys, quiet):
    from tests.conftest import run

    picture = tmp_path / 'a.png'
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(picture, icc_profile=b'nonsense')
    code = run(f'--input={picture}', '--explore=wrong', f'--output={tmp_path}/b.png', *(['--quiet'] if quiet else []))
    lines = capsys.readouterr().err.splitlines()
    told = f'{str(picture)!r}: its colour profile is not applied (it is damaged)'
    assert code == 2 and lines[:-1] == ([] if quiet else [told])


def test_a_command_prints_each_note_once_and_leaves_warnings_as_they_were():
    said, before = [], warnings.showwarning
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        notes_to(said.append)
        for line in ('one', 'two', 'one'):
            note(line)
        warnings.warn('of another', UserWarning, stacklevel=1)
    assert said == ['one', 'two'] and warnings.showwarning is before
    with pytest.warns(Note):
        note('one')
    assert said == ['one', 'two']
