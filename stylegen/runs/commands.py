"""The command line of a program that has several commands, such as `stylegen-dcgan train`."""

import importlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stylegen.runs import cli
from stylegen.utils import streams
from stylegen.utils.errors import UserError, unknown


@dataclass(frozen=True)
class Commands:
    """The commands of one program.

    Attributes:
        program: The name that begins every error message, such as 'stylegen-dcgan'.
        package: Holds the modules of the commands, such as 'stylegen.dcgan'.
        summary: What the program does, in one line or several, for `--help`.
        modules: The name of each command's module, which has `define_flags` and `work`, and its line of help.
        needed: Whether the program does nothing without a command.
    """

    program: str
    package: str
    summary: Sequence[str]
    modules: Mapping[str, tuple[str, str]]
    needed: bool = True

    def usage(self) -> str:
        """Returns the list of commands, as `--help` prints it."""
        width = max(map(len, self.modules)) + 3
        command = 'COMMAND' if self.needed else '[COMMAND]'
        lines = [f'usage: {self.program} {command} [--flag=value ...]', '', *self.summary, '', 'Commands:']
        lines += [f'  {name:<{width}}{text}' for name, (_, text) in self.modules.items()]
        return '\n'.join([*lines, '', f'{self.program} COMMAND --help shows the flags of a command.'])

    @streams.safe_streams()
    def run(self, argv: Sequence[str] | None = None) -> int:
        """Runs the command that is typed first, and returns the exit code, see `cli.run`.

        Args:
            argv: The command line, by default `sys.argv`.
        """
        argv = list(sys.argv if argv is None else argv)
        command, rest = ''.join(argv[1:2]), argv[2:]
        if command in ('', '--help', '-h', '-help', 'help'):
            print(self.usage())
            return 0 if command else 2
        if command in self.modules:
            module = importlib.import_module(f'{self.package}.{self.modules[command][0]}')
            return cli.run(f'{self.program} {command}', module.define_flags, module.work, [self.program, *rest])
        mistake = unknown('command', command, self.modules)
        if command.startswith('-'):
            example = f'{self.program} {next(iter(self.modules))} {command}'
            mistake = UserError(f'the command comes first: {example}; see --help')
        print(f'{self.program}: {mistake}', file=sys.stderr)
        return 2
