"""The command line of DCGAN: `python -m stylegen.dcgan COMMAND`, or `stylegen-dcgan COMMAND`."""

from collections.abc import Sequence

from stylegen.runs import cli
from stylegen.runs.commands import Commands

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
SUMMARY = ['Deep convolutional generative adversarial networks.']
PROGRAM = Commands('stylegen-dcgan', 'stylegen.dcgan', SUMMARY, COMMANDS)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command line and returns the exit code."""
    return PROGRAM.run(argv)


if __name__ == '__main__':
    cli.exit_with(main())
