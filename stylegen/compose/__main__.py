"""The command line of composing: `python -m stylegen.compose COMMAND`, or `stylegen-compose COMMAND`."""

import sys
from collections.abc import Sequence

from stylegen.runs import cli
from stylegen.runs.commands import Commands

COMMANDS = {  # command -> module with its `define_flags` and `work`, and its help
    'fit': ('fit_command', 'learn the matrix T that makes a target of elements'),
    'apply': ('apply_command', 'make pictures of other elements by a T'),
    'grade': ('grade_command', 'learn colours from a picture before and after; photos, .cube'),
    'blend': ('blend_command', 'blend pictures into the one nearest to a target'),
    'mosaic': ('mosaic_command', 'make a picture of pictures'),
    'collage': ('collage_command', 'put parts of pictures into a scene without seams'),
}
SUMMARY = [
    'Composes pictures of elements: I_new = T X, T learned.',
    'Without a command it makes a grade and a mosaic of pictures that come with the package.',
]
PROGRAM = Commands('stylegen-compose', 'stylegen.compose', SUMMARY, COMMANDS, needed=False)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command line and returns the exit code."""
    argv = list(sys.argv if argv is None else argv)
    first = ''.join(argv[1:2])
    if first and first.partition('=')[0] not in ('--quiet', '--debug', '--sidecar'):
        return PROGRAM.run(argv)
    from stylegen.compose import demonstration

    return cli.run(PROGRAM.program, demonstration.define_flags, demonstration.work, [PROGRAM.program, *argv[1:]])


if __name__ == '__main__':
    cli.exit_with(main())
