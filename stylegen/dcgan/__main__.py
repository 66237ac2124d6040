"""The command line of DCGAN: `python -m stylegen.dcgan COMMAND`, or `stylegen-dcgan COMMAND`."""

import importlib
import sys
from collections.abc import Sequence

from stylegen.runs import cli
from stylegen.utils import streams
from stylegen.utils.errors import UserError, unknown

COMMANDS = {  # command -> module with its `define_flags` and `work`, and its help
    'train': ('training_command', 'train a DCGAN, or go on with a run'),
    'evaluate': ('evaluate_command', 'compare the pictures of a run with its data'),
    'sample': ('sample_command', 'draw pictures by seed'),
    'interpolate': ('interpolate_command', 'draw pictures along a path from seed to seed'),
    'arithmetic': ('arithmetic_command', 'add and subtract latent vectors'),
    'project': ('project_command', 'find the latent vector of a picture, or complete a picture'),
    'inspect-data': ('inspect_command', 'list the contents of a set of pictures'),
    'export': ('export_command', 'write a generator in a format of other programs'),
    'report': ('report_command', 'write a report on a run as an HTML page'),
}


def usage(program: str) -> str:
    """Returns the list of commands, as `--help` prints it."""
    lines = [f'usage: {program} COMMAND [--flag=value ...]', '', 'Deep convolutional generative adversarial networks.']
    lines += ['', 'Commands:', *(f'  {name:<18}{text}' for name, (_, text) in COMMANDS.items())]
    return '\n'.join([*lines, '', f'{program} COMMAND --help shows the flags of a command.'])


@streams.safe_streams()
def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command line and returns the exit code."""
    argv = list(sys.argv if argv is None else argv)
    program, command, rest = 'stylegen-dcgan', ''.join(argv[1:2]), argv[2:]
    if command in ('', '--help', '-h', '-help', 'help'):
        print(usage(program))
        return 0 if command else 2
    if command not in COMMANDS:
        mistake = unknown('command', command, COMMANDS)
        if command.startswith('-'):
            mistake = UserError(f'the command comes first: {program} {next(iter(COMMANDS))} {command}; see --help')
        print(f'{program}: {mistake}', file=sys.stderr)
        return 2
    module = importlib.import_module(f'stylegen.dcgan.{COMMANDS[command][0]}')
    return cli.run(f'{program} {command}', module.define_flags, module.work, [program, *rest])


if __name__ == '__main__':
    cli.exit_with(main())
