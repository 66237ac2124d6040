"""Ends a program in one line where Ctrl-C comes while its modules are imported, which takes up to some seconds."""

import contextlib
import os
import re
import signal
import sys
from collections.abc import Sequence
from types import FrameType

_PROGRAM = r'stylegen(-(deepdream|style|dcgan|compose|studio))?'
_MODULE = r'-[bBdEiIOPqRsSuvx]*m(.*)'  # Python's option -m, alone or together with others: -m NAME, -mNAME, -Im NAME


def program_of(command: Sequence[str], script: str) -> str | None:
    """Returns the name of the program of ours that a Python process runs, such as 'stylegen-style', or None.

    Args:
        command: The command of the process, `sys.orig_argv`.
        script: The file that Python runs, `sys.argv[0]`. It is '-m' while Python looks for the module that it is to
            run.
    """
    name = os.path.basename(script)
    if script == '-m':
        name = _module_of(command).removesuffix('.__main__').replace('.', '-')
    return name if re.fullmatch(_PROGRAM, name) else None


def _module_of(command: Sequence[str]) -> str:
    """Returns the module that Python's option -m names; '' if there is none."""
    for number, word in enumerate(command):
        if option := re.fullmatch(_MODULE, word):
            return option[1] or ''.join(command[number + 1 : number + 2])
    return ''


def end_at_interrupts() -> None:
    """Lets Ctrl-C end the process with one line and exit code 130, if the process runs a program of ours.

    In other processes this does nothing. It replaces only Python's own handler: a job in the background goes on to
    ignore Ctrl-C.
    """
    program = program_of(sys.orig_argv, *getattr(sys, 'argv', [])[:1] or [''])
    if program and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        with contextlib.suppress(ValueError):  # only the main thread may set handlers
            signal.signal(signal.SIGINT, _Stop(program))


def raise_at_interrupts() -> None:
    """Lets Ctrl-C raise KeyboardInterrupt again, if `end_at_interrupts` changed that."""
    if isinstance(signal.getsignal(signal.SIGINT), _Stop):
        signal.signal(signal.SIGINT, signal.default_int_handler)


class _Stop:
    """The handler that ends the process at once: nothing has been made yet."""

    def __init__(self, program: str):
        self.program = program

    def __call__(self, number: int, frame: FrameType | None) -> None:
        with contextlib.suppress(OSError):  # there may be no stderr
            os.write(2, f'{self.program}: stopped\n'.encode())
        os._exit(128 + number)
