"""Ctrl-C and SIGTERM are not lost where something swallows them."""

import contextlib
import signal

import pytest

from stylegen.runs import cli
from stylegen.utils import interrupts
from stylegen.utils.console import Progress


def nothing():
    flags = cli.Flags('Is stopped.')
    flags.group('Messages')
    flags.messages()
    return flags


def swallowed(number=signal.SIGINT):
    """What a destructor does to the exception of a signal that comes while it runs."""
    with contextlib.suppress(KeyboardInterrupt):
        signal.raise_signal(number)


@pytest.mark.parametrize(('number', 'code'), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_swallowed_interrupt_comes_again_at_the_next_step(number, code):
    before = signal.getsignal(number)
    with interrupts.remember_signals():
        interrupts.check()
        swallowed(number)
        with pytest.raises(KeyboardInterrupt) as caught:
            interrupts.check()
    interrupts.check()  # what is over is forgotten
    assert signal.getsignal(number) is before and interrupts.exit_code(caught.value) == code


def test_without_it_a_swallowed_interrupt_is_lost():
    swallowed()
    interrupts.check()


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_for_the_end_of_a_save(number):
    saved = []
    with interrupts.remember_signals(), pytest.raises(KeyboardInterrupt) as caught:
        with interrupts.delay_signals():
            signal.raise_signal(number)
            saved.append(True)
        saved.append('too much')
    assert saved == [True] and interrupts.exit_code(caught.value) == 128 + number


def test_a_signal_counts_also_where_the_save_fails(capsys):
    def work(flags):
        try:
            with interrupts.delay_signals():
                signal.raise_signal(signal.SIGTERM)
                raise OSError('the disk is full; the result is kept in /tmp/out.png')
        except OSError:  # as of a state that cannot be kept: the work goes on
            pass

    assert cli.run('stopped', nothing, work, ['stopped']) == 143
    assert capsys.readouterr().err == (
        'stopped: the disk is full; the result is kept in /tmp/out.png\nstopped: stopped\n'
    )


def test_an_interrupt_that_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interrupts.remember_signals(), interrupts.delay_signals():
            signal.raise_signal(signal.SIGINT)
            interrupts.check()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_command_ends_at_the_next_step_of_its_bar():
    done = []

    def work(flags):
        bar = Progress(2, quiet=True)
        bar.to(1, 'half')
        swallowed()
        bar.to(2, 'whole')
        done.append(True)

    assert cli.run('stopped', nothing, work, ['stopped']) == 130 and not done


def test_what_a_shell_calls_it():
    assert interrupts.exit_code(KeyboardInterrupt(signal.SIGTERM)) == 143
    assert interrupts.exit_code(KeyboardInterrupt()) == 130


def test_signals_that_are_ignored_stay_so_and_the_others_come_back():
    before = {number: signal.getsignal(number) for number in interrupts.DEFAULT_HANDLERS}
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interrupts.delay_signals():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) is not before[signal.SIGTERM]
        with interrupts.ending_the_process():
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        assert signal.getsignal(signal.SIGTERM) is before[signal.SIGTERM]
    finally:
        signal.signal(signal.SIGINT, before[signal.SIGINT])


def test_what_fails_while_nothing_was_asked_fails_as_it_is():
    with pytest.raises(ZeroDivisionError), interrupts.delay_signals():
        raise ZeroDivisionError
