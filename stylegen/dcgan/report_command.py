"""`python -m stylegen.dcgan report`: its flags, and what it does with them."""

from absl.flags import FlagValues

from stylegen.dcgan.reporting import save_report
from stylegen.dcgan.training_command import DEFAULT_WORKDIR
from stylegen.runs import cli
from stylegen.runs.names import Output
from stylegen.utils.console import Console
from stylegen.utils.files import check_target

DEFAULT_OUTPUT = 'report.html'


def define_flags() -> cli.Flags:
    """All flags of the command, in groups."""
    flags = cli.Flags('Writes all that is known of a run into one HTML file that opens anywhere.', save_report)
    flags.group('What')
    flags.path('workdir', 'of the run, which may go on meanwhile', default=DEFAULT_WORKDIR)
    text = f'HTML file, in place of an earlier one; by default {DEFAULT_OUTPUT} or a free name like it'
    flags.path('output', text, default=None)
    flags.talk()
    return flags


def work(flags: FlagValues) -> None:
    """Does what the flags say."""
    console = Console(flags.quiet)
    output = Output.of(flags.output, DEFAULT_OUTPUT, say=console.say)
    check_target(output.path, ['.html', '.htm'])
    path = output.save(lambda path, overwrite: save_report(flags.workdir, path, overwrite))
    console.say(f'{path} has all about {flags.workdir} ({path.stat().st_size / 1e6:.1f} MB)')
