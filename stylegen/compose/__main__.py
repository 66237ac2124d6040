"""The command line of composing: `python -m stylegen.compose COMMAND`, or `stylegen-compose COMMAND`."""

import importlib
import sys
from collections.abc import Sequence

from stylegen.runs import cli
from stylegen.utils import streams
from stylegen.utils.errors import UserError, unknown

PROGRAM = 'stylegen-compose'
COMMANDS = {  # command -> module with its `define_flags` and `work`, and its help
    'fit': ('fit_command', 'learn the matrix T that makes a target of elements'),
    'apply': ('apply_command', 'make pictures of other elements by a T'),
    'grade': ('grade_command', 'learn colours from a picture before and after; photos, .cube'),
    'blend': ('blend_command', 'blend pictures into the one nearest to a target'),
    'mosaic': ('mosaic_command', 'make a picture of pictures'),
    'collage': ('collage_command', 'put parts of pictures into a scene without seams'),
}


def usage() -> str:
    """Returns the list of commands, as `--help` prints it."""
    lines = [
        f'usage: {PROGRAM} [COMMAND] [--flag=value ...]',
        '',
        'Composes pictures of elements: I_new = T X, T learned.',
    ]
    lines += ['Without a command it makes a grade and a mosaic of pictures that come with the package.', '']
    lines += ['Commands:', *(f'  {name:<10}{text}' for name, (_, text) in COMMANDS.items())]
    return '\n'.join([*lines, '', f'{PROGRAM} COMMAND --help shows the flags of a command.'])


@streams.safe_streams()
def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command line and returns the exit code."""
    argv = list(sys.argv if argv is None else argv)
    command, rest = ''.join(argv[1:2]), argv[2:]
    if command in ('--help', '-h', '-help', 'help'):
        print(usage())
        return 0
    if command in COMMANDS:
        module = importlib.import_module(f'stylegen.compose.{COMMANDS[command][0]}')
        return cli.run(f'{PROGRAM} {command}', module.define_flags, module.work, [PROGRAM, *rest])
    if not command or command.split('=')[0] in ('--quiet', '--debug', '--sidecar'):
        module = importlib.import_module('stylegen.compose.demonstration')
        return cli.run(PROGRAM, module.define_flags, module.work, [PROGRAM, *argv[1:]])
    mistake = unknown('command', command, COMMANDS)
    if command.startswith('-'):
        mistake = UserError(f'the command comes first: {PROGRAM} {next(iter(COMMANDS))} {command}; see --help')
    print(f'{PROGRAM}: {mistake}', file=sys.stderr)
    return 2


if __name__ == '__main__':
    cli.exit_with(main())
