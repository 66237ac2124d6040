"""`python -m stylegen.dcgan report`: its flags and its work."""

from dataclasses import dataclass

from absl.flags import FlagValues

from stylegen.dcgan.reporting import save_report
from stylegen.dcgan.settings import DEFAULT_WORKDIR
from stylegen.runs import cli
from stylegen.runs.names import Output
from stylegen.utils.console import Console
from stylegen.utils.files import check_target
from stylegen.utils.settings import Settings, setting

DEFAULT_OUTPUT = 'report.html'


@dataclass(frozen=True, kw_only=True)
class ReportSettings(Settings):
    """The run, and the output file."""

    workdir: str = setting(DEFAULT_WORKDIR, 'folder of the run, which may go on meanwhile', group='What', kind='path')
    output: str | None = setting(
        None,
        f'HTML file, in place of an earlier one; by default {DEFAULT_OUTPUT} or a free name like it',
        group='What',
        kind='path',
    )


def define_flags() -> cli.Flags:
    """Returns the flags of the command, in groups."""
    flags = cli.Flags('Writes a report on a run as one HTML file that opens offline.')
    flags.settings(ReportSettings)
    flags.messages()
    return flags


def work(flags: FlagValues) -> None:
    """Runs the command with parsed flags."""
    console, settings = Console(flags.quiet), cli.settings_of(ReportSettings, flags)
    output = Output.from_flag(settings.output, DEFAULT_OUTPUT, say=console.say)
    check_target(output.path, ['.html', '.htm'])
    path = output.save(lambda path, overwrite: save_report(settings.workdir, path, overwrite))
    console.say(f'{path} is the report on {settings.workdir} ({path.stat().st_size / 1e6:.1f} MB)')
