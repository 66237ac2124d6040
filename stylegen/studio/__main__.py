"""The command line of the page: `python -m stylegen.studio`, or `stylegen-studio`."""

from collections.abc import Sequence

from absl.flags import FlagValues

from stylegen.runs import cli
from stylegen.studio.settings import StudioSettings
from stylegen.utils.console import Console


def define_flags() -> cli.Flags:
    """All flags of the command, in groups."""
    flags = cli.Flags('Opens a page in the browser: drop a photo, click a style.')
    for heading in ('Page', 'Limits', 'Machine'):
        flags.group(heading)
    flags.settings(StudioSettings)
    flags.messages()
    return flags


def work(flags: FlagValues) -> None:
    """Serves the page until Ctrl-C."""
    from stylegen.studio.server import serve

    serve(cli.settings_of(StudioSettings, flags), Console(flags.quiet))


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line. Returns its exit code."""
    return cli.run('stylegen-studio', define_flags, work, argv)


if __name__ == '__main__':
    cli.exit_with(main())
