"""Flags, names and exit codes that all programs share, tried on a program of no work."""

import signal

import numpy as np
import pytest

from stylegen import cli, images, interrupts
from stylegen.errors import UserError
from stylegen.names import Output


def pretend(*, size: int = 7, color: str = 'free', ratio: float = 1.5, name: str | None = None):
    """Stands for the function that does the work."""


def define():
    flags = cli.Flags('Pretends to work.', pretend)
    flags.group('Pictures')
    flags.integer('size', 'longest side', lower_bound=1)
    flags.choice('color', 'which colours', ('free', 'luminance'))
    flags.group('Other')
    flags.number('ratio', 'of one to the other')
    flags.string('name', 'how it is called')
    flags.talk()
    return flags


def run(*args, work=lambda flags: None):
    return cli.run('pretend', define, work, ['pretend', *args])


def test_flags_reach_the_work_with_the_defaults_of_its_signature():
    seen = []
    assert run('--color=luminance', '--ratio', '2', work=seen.append) == 0
    assert (seen[0].size, seen[0].color, seen[0].ratio, seen[0].name) == (7, 'luminance', 2.0, None)


@pytest.mark.parametrize('flag', ['--help', '-h', '--helpfull', '--help=true'])
def test_help_lists_groups_defaults_and_choices_and_nothing_of_absl(flag, capsys):
    assert run(flag) == 0
    out = capsys.readouterr().out
    assert out.index('Pictures:') < out.index('--size=') < out.index('Other:') < out.index('Messages:')
    for text in ('longest side [7]', '(free|luminance) [free]', '[1.5]', '--quiet'):
        assert text in out
    assert '<' not in out and not any(word in out for word in ('None', 'absl', 'verbosity', 'flagfile', 'logtostderr'))


@pytest.mark.parametrize(
    'args, message',
    [
        (['--sise=3'], "pretend: unknown flag 'sise'; did you mean size?"),
        (['--size=big'], '--size'),
        (['--size=0'], '--size'),
        (['--color=green'], 'free|luminance'),
        (['photo.jpg'], "unexpected argument 'photo.jpg': this command has no use for it; see --help"),
        (['size=3'], "unexpected argument 'size=3'; flags are typed --name=value: --size=3"),
        (['--name'], 'name'),
        (['--ratio=nan'], 'ratio'),
    ],
)
def test_a_wrong_flag_is_one_line_and_exit_code_2(args, message, capsys):
    assert run(*args) == 2
    out, err = capsys.readouterr()
    assert message in err and err.count('\n') == 1 and out == ''


@pytest.mark.parametrize(
    'error, code, message',
    [
        (UserError('give a picture'), 2, 'pretend: give a picture'),
        (KeyboardInterrupt(), 130, 'pretend: stopped'),
        (ValueError('odd\nthing'), 1, 'ValueError: odd thing (an error of ours; --debug shows where)'),
        (MemoryError(), 1, 'out of memory; make the pictures, their number or the batch smaller'),
        (OSError('the disk is full'), 1, 'pretend: the disk is full'),
    ],
)
def test_what_goes_wrong_is_one_line_and_an_exit_code(error, code, message, capsys):
    def work(flags):
        raise error

    assert run(work=work) == code
    err = capsys.readouterr().err
    assert message in err and err.count('\n') == 1


def test_ctrl_c_during_a_save_waits_for_its_end():
    done = []
    with pytest.raises(KeyboardInterrupt), interrupts.uninterrupted():
        signal.raise_signal(signal.SIGINT)
        done.append(True)
    assert done
    with interrupts.uninterrupted():
        pass


def test_debug_shows_the_traceback(capsys, monkeypatch):
    monkeypatch.setenv('STYLEGEN_DEBUG', '')  # put back afterwards

    def work(flags):
        raise ValueError('odd')

    assert run('--debug', work=work) == 1
    assert 'Traceback' in capsys.readouterr().err


def test_a_result_that_cannot_be_saved_is_kept_elsewhere(tmp_path, monkeypatch):
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))

    def save(path, overwrite):
        if path.parent != tmp_path:
            raise OSError('the disk is full')
        assert not overwrite
        path.write_text('result')
        return path

    for name in ('out.png', 'out-2.png'):
        with pytest.raises(OSError, match=f'the disk is full; the result is kept in .*{name}'):
            cli.save_somewhere(save, Output(tmp_path / 'gone' / 'out.png'))
        assert (tmp_path / name).read_text() == 'result'


def test_a_picture_that_its_format_cannot_hold_is_kept_as_png(tmp_path, monkeypatch):
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    long = np.zeros((1, 16_384, 3), np.float32)
    save = lambda path, overwrite: images.save_image(path, long, overwrite=overwrite)
    with pytest.raises(OSError, match=r'at most 16383 .*; the result is kept in .*out\.png'):
        cli.save_somewhere(save, Output(tmp_path / 'out.webp'))
    assert images.load_image(tmp_path / 'out.png').shape == (1, 16_384, 3)


@pytest.mark.parametrize('fault', [KeyboardInterrupt(), MemoryError(), UserError('no')])
def test_what_is_there_is_saved_whatever_happens_and_the_fault_goes_on(fault):
    saved, said = [], []

    def save(picture):
        saved.append(picture)
        return 'out.png'

    for latest in (None, 'half'):
        with pytest.raises(type(fault)), cli.rescued(save, lambda latest=latest: latest, said.append):
            raise fault
    assert saved == ['half'] and said == ['stopped; the picture so far is in out.png']
    with cli.rescued(save, lambda: 'half', said.append):
        pass
    assert len(saved) == 1


@pytest.mark.parametrize('fault', [KeyboardInterrupt, RuntimeError])
def test_a_fault_goes_on_also_where_nothing_can_be_saved(fault, capsys):
    def full(picture):
        raise OSError('the disk is full; the result is kept in /tmp/out.png')

    with pytest.raises(fault), cli.rescued(full, lambda: 'half', pytest.fail):
        raise fault
    assert capsys.readouterr().err == (
        'the picture so far could not be saved: the disk is full; the result is kept in /tmp/out.png\n'
    )


def test_an_overflow_saves_its_last_good_picture():
    from stylegen.optimize import NonFiniteLoss

    error = NonFiniteLoss('term', 3, None)
    error.picture = 'good'
    saved, message = [], r'term is not finite at step 3; the last good picture is in None; try'
    with pytest.raises(ArithmeticError, match=message), cli.rescued(saved.append, lambda: 'bad', print):
        raise error
    assert saved == ['good']


def test_layers_are_read_with_their_weights():
    assert cli.parse_weights('a:1, b:-0.5,c') == {'a': 1.0, 'b': -0.5, 'c': 1.0}


@pytest.mark.parametrize('text', ['a:x', ':1', 'a:1,a:2', '', ' , ', 'a:nan', 'a:inf'])
def test_other_layers_are_refused(text):
    with pytest.raises(UserError, match='--layers'):
        cli.parse_weights(text)


def test_weights_are_written_to_the_last_bit():
    weights = {'a': 1.0, 'b[3,4]': -0.1, 'c': 1 / 3, 'd': 1e39, 'e': 100000.0}
    assert cli.parse_weights(cli.format_weights(weights)) == weights
    assert cli.format_weights({'a': 1.0, 'b': 0.5}) == 'a:1,b:0.5'
