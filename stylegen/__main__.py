"""What there is: `python -m stylegen`, or `stylegen`, lists the programs, and runs the one whose name comes next."""

import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from absl.flags import FlagValues

from stylegen.runs import cli
from stylegen.utils.errors import UserError
from stylegen.utils.settings import Settings, setting
from stylegen.utils.version import __version__

PROGRAMS = {  # by name: what it does, and a first command
    'deepdream': ('dreams on a picture or a clip, from noise, or in a zoom', 'photo.jpg --output=dream.png'),
    'style': ('paints pictures and clips in the style of a painting', 'apply photo.jpg --style=starry_night'),
    'dcgan': ('draws new pictures, and learns to from pictures of yours', 'sample'),
    'compose': ('grades colours; makes mosaics, collages and blends', 'mosaic photo.jpg --tiles=photos'),
    'studio': ('opens a page in the browser that does all this', ''),
}


def listing() -> str:
    """Returns the programs: for each a line of words and a first command."""
    lines = [f'stylegen {__version__}: image synthesis in TensorFlow/Keras', '']
    for name, (summary, first) in PROGRAMS.items():
        lines += [f'{name:<11}{summary}', f'{"":<11}python -m stylegen.{name} {first}'.rstrip()]
    return '\n'.join([*lines, '', 'Each tells its flags with --help.'])


@dataclass(frozen=True, kw_only=True)
class ListingSettings(Settings):
    """What is listed."""

    program: str | None = setting(None, 'a program to run', group='Package', choices=tuple(PROGRAMS))
    version: bool = setting(False, 'print the version alone', group='Package')


def define_flags() -> cli.Flags:
    """The flags of the command without a program."""
    flags = cli.Flags(listing())
    flags.group('Package')
    flags.settings(ListingSettings)
    flags.positional('program')
    flags.messages()
    return flags


def work(flags: FlagValues) -> None:
    """Prints the programs, or the version.

    Raises:
        UserError: A program is named behind a flag.
    """
    if flags.program:
        raise UserError(f'the program comes first: stylegen {flags.program} [--flag=value ...]')
    print(__version__ if flags.version else listing())


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program that is named first, or lists them all. Returns the exit code."""
    argv = list(sys.argv if argv is None else argv)
    name = argv[1] if len(argv) > 1 else ''
    if name in PROGRAMS:
        program = importlib.import_module(f'stylegen.{name}.__main__')
        return program.main([f'stylegen-{name}', *argv[2:]])
    return cli.run('stylegen', define_flags, work, argv)


if __name__ == '__main__':
    cli.exit_with(main())
