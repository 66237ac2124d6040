"""What a command prints: lines, warnings and a bar, and what --quiet leaves of them."""

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
