"""Lines that functions say: warnings that point to the caller, plain lines of a command."""

import warnings

import pytest

from stylegen.notes import Note, note, notes_to


def test_a_note_points_to_whom_the_package_was_called_by():
    with pytest.warns(Note, match='a line') as caught:
        note('a line')
    assert caught[0].filename == __file__


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
