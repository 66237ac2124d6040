"""`python -m stylegen.dcgan report`: its flags, and what it does with them."""

from absl.flags import FlagValues

from stylegen import cli
from stylegen.console import Console
from stylegen.dcgan.reporting import save_report
from stylegen.dcgan.training_command import DEFAULT_WORKDIR
from stylegen.files import check_target

DEFAULT_OUTPUT = 'report.html'


def define_flags() -> cli.Flags:
    """All flags of the command, in groups."""
    flags = cli.Flags('Writes all that is known of a run into one HTML file that opens anywhere.', save_report)
    flags.group('What')
    flags.string('workdir', 'of the run, which may go on meanwhile', default=DEFAULT_WORKDIR)
    flags.string('output', 'HTML file, in place of an earlier one', default=DEFAULT_OUTPUT)
    flags.talk()
    return flags


def work(flags: FlagValues) -> None:
    """Does what the flags say."""
    console = Console(flags.quiet)
    check_target(flags.output, ['.html', '.htm'])
    path = save_report(flags.workdir, flags.output)
    console.say(f'{path} has all about {flags.workdir} ({path.stat().st_size / 1e6:.1f} MB)')
