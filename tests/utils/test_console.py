"""What a command prints: lines, warnings and a bar, and what --quiet leaves of them."""

import io
import sys

import pytest

from stylegen.runs import cli
from stylegen.utils import interrupts
from stylegen.utils.console import Console, Progress
from stylegen.utils.errors import UserError


class Screen(io.StringIO):
    """A terminal, or a file that output is sent to."""

    def __init__(self, terminal):
        super().__init__()
        self.isatty = lambda: terminal

    def lines(self):
        """What is to be seen: a carriage return goes to the beginning of the line, which is written over."""
        shown = []
        for line in self.getvalue().split('\n'):
            seen = ''
            for part in line.split('\r'):
                seen = part + seen[len(part) :]
            shown.append(seen.rstrip())
        return shown


@pytest.mark.parametrize('terminal', [True, False])
def test_a_line_stands_alone_also_while_a_bar_is_shown(terminal, monkeypatch):
    screen = Screen(terminal)
    monkeypatch.setattr(sys, 'stderr', screen)
    monkeypatch.setattr(sys, 'stdout', screen)
    console = Console()
    bar = console.progress(3.0)
    bar.to(1.0, 'step 1', loss=5.609)
    console.warn('the discriminator has won')
    console.say('the first line', 'and the second')
    bar.to(2.0, 'step 2')
    bar.say('preview  out.png')
    bar.close()
    console.warn('done')
    lines = screen.lines()
    for line in ('the discriminator has won', 'the first line', 'and the second', 'preview  out.png', 'done'):
        assert lines.count(line) == 1, lines
    assert sum('left' in line for line in lines) == (1 if terminal else 2) and '' not in lines[:-1]


@pytest.mark.parametrize('terminal', [True, False])
@pytest.mark.parametrize('error', [UserError('no such thing'), RuntimeError('odd'), KeyboardInterrupt()])
def test_an_error_stands_alone_also_where_a_bar_was_left(terminal, error, monkeypatch):
    screen = Screen(terminal)
    monkeypatch.setattr(sys, 'stderr', screen)

    def work(flags):
        Console().progress(3.0).to(1.0, 'step 1')
        raise error

    def define():
        flags = cli.Flags('Fails.')
        flags.messages()
        return flags

    assert cli.run('pretend', define, work, ['pretend']) in (1, 2, 130)
    assert [line for line in screen.lines() if line.startswith('pretend: ')] == screen.lines()[-2:-1]


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
    monkeypatch.setattr(interrupts, '_pending', [2])
    bar = Console(quiet=True).progress(1.0)
    with pytest.raises(KeyboardInterrupt):
        bar.to(0.5, 'half')
    bar.close()
