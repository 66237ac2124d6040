"""What a command prints: lines, warnings and a bar, and what --quiet leaves of them."""

import pytest

from stylegen import interrupts
from stylegen.console import Console, Progress


def test_lines_go_to_stdout_and_warnings_to_stderr_also_when_quiet(capsys):
    for console, out in ((Console(), 'one\ntwo\n'), (Console(quiet=True), '')):
        console.say('one', 'two')
        console.say()
        console.warn('three')
        assert capsys.readouterr() == (out, 'three\n')


def test_a_name_that_is_no_text_is_shown_nevertheless(capsys):
    Console().say('a\udcff.png')
    assert capsys.readouterr().out == 'a?.png\n'


def test_progress_shows_the_loss_and_the_time_left(capsys):
    bar = Console().progress(2.0)
    bar.to(1.0, 'octave 1/2', loss=-1.23456)
    bar.close()
    err = capsys.readouterr().err
    assert 'octave 1/2' in err and 'loss -1.235' in err and '50%' in err and 'left' in err
    Progress(1.0, quiet=True).close()
    assert capsys.readouterr().err == ''


def test_the_bar_and_what_it_says_are_on_stderr_and_it_goes_on_where_it_was(capsys):
    bar = Console().progress(4.0, initial=1.0)
    bar.to(3.0, 'third')
    bar.to(3.0, 'third')
    bar.say('a line')
    bar.close()
    out, err = capsys.readouterr()
    assert out == '' and 'a line\n' in err
    assert '25%' in err and '75%' in err and '100%' not in err


def test_a_step_that_is_shown_hears_of_a_ctrl_c_that_was_lost(monkeypatch):
    monkeypatch.setattr(interrupts, '_asked', [2])
    bar = Console(quiet=True).progress(1.0)
    with pytest.raises(KeyboardInterrupt):
        bar.to(0.5, 'half')
    bar.close()
