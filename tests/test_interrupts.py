"""Ctrl-C is not lost where something swallows it."""

import contextlib
import signal

import pytest

from stylegen import cli, interrupts
from stylegen.console import Progress


def swallowed():
    """What a destructor does to the exception of a signal that comes while it runs."""
    with contextlib.suppress(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_a_swallowed_interrupt_comes_again_at_the_next_step():
    with interrupts.remembered():
        interrupts.check()
        swallowed()
        with pytest.raises(KeyboardInterrupt):
            interrupts.check()
    interrupts.check()  # what is over is forgotten
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_without_it_a_swallowed_interrupt_is_lost():
    swallowed()
    interrupts.check()


def test_an_interrupt_that_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interrupts.remembered():
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

    def define():
        flags = cli.Flags('Is stopped.')
        flags.group('Messages')
        flags.talk()
        return flags

    assert cli.run('stopped', define, work, ['stopped']) == 130 and not done
