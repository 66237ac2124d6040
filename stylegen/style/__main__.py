"""The command line of style transfer: `python -m stylegen.style`, or `stylegen-style`."""

import importlib
import sys
from collections.abc import Sequence

from absl.flags import FlagValues

from stylegen.cluster.settings import ClusterSettings
from stylegen.networks import listings
from stylegen.runs import cli
from stylegen.style.cluster_job import paint_on_cluster
from stylegen.style.command import Command
from stylegen.style.folder import paint_folder
from stylegen.style.options import LIST, ListSettings, PictureSettings, StyleResultSettings, is_many
from stylegen.style.presets import EMBEDDED, FIRST_CHOICE
from stylegen.style.published import PUBLISHED
from stylegen.style.settings import StyleSettings
from stylegen.style.single import paint_single
from stylegen.utils.console import Console
from stylegen.utils.errors import UserError

# to the module that has `define_flags` and `work`
COMMANDS = {'apply': 'apply_command', 'train': 'train_command', 'export': 'export_command'}
HEADINGS = ('Pictures', 'Network', 'How much style', 'How to get there', 'Colour', 'Machine')


def define_flags() -> cli.Flags:
    """All flags of the command, in groups."""
    flags = cli.Flags(
        'Paints the content of one picture in the style of others. `apply` paints in one pass of a trained network, '
        '`train` trains one, `export` writes one for other programs: `apply --help`, `train --help`, `export --help`.'
    )
    flags.positional('content', 'style')
    for heading in HEADINGS:
        flags.group(heading)
    flags.settings(StyleSettings, without=('like',))
    flags.settings(PictureSettings, StyleResultSettings, ListSettings, ClusterSettings)
    flags.messages()
    return flags


def work(flags: FlagValues) -> None:
    """Does what the flags say."""
    console = Console(flags.quiet)
    if flags.like == LIST:
        return print('\n'.join(list_published()))
    command = Command.read(flags)
    if LIST in (command.style.network, flags.layers, flags.style_layers, flags.content_layers):
        return print('\n'.join(list_network(command.style.network)))
    if flags.layers:
        raise UserError(f'--layers={LIST} lists layers; choose them with --style_layers and --content_layers')
    cluster = ClusterSettings.read(flags, *command.sources.content, command.results.output)
    command.check(console.say, many=bool(cluster.cluster) or is_many(command.sources))
    if cluster.cluster:
        return paint_on_cluster(command, cluster, console)
    paint = paint_folder if is_many(command.sources) else paint_single
    paint(command, console)


def list_network(network: str) -> list[str]:
    """The layers of a network, or for 'list' the networks."""
    if network == LIST:
        return listings.list_networks()
    return listings.list_layers(listings.resolve_network(network, FIRST_CHOICE, EMBEDDED[0]))


def list_published() -> list[str]:
    """The published programs and their settings, as flags where there is one."""
    lines = []
    for name, published in PUBLISHED.items():
        lines.append(f'--like={name}')
        recorded, abouts = StyleSettings.of_record({'like': name}).recorded(), StyleSettings.abouts()
        lines += [f'    --{of}={recorded[of]}' for of in published.settings if abouts[of].flag]
        lines += [f'    {of}={recorded[of]} (no flag)' for of in published.settings if not abouts[of].flag]
    return lines


def main(argv: Sequence[str] | None = None) -> int:
    """The console script."""
    argv = list(sys.argv if argv is None else argv)
    if command := COMMANDS.get(''.join(argv[1:2])):
        module = importlib.import_module(f'stylegen.style.{command}')
        return cli.run(f'stylegen-style {argv[1]}', module.define_flags, module.work, [argv[0], *argv[2:]])
    return cli.run('stylegen-style', define_flags, work, argv)


if __name__ == '__main__':
    cli.exit_with(main())
