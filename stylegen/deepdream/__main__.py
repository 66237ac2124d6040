"""The command line of DeepDream: `python -m stylegen.deepdream`, or `stylegen-deepdream`."""

from collections.abc import Sequence

from absl.flags import FlagValues

from stylegen import images
from stylegen.cluster.settings import ClusterSettings
from stylegen.deepdream.cluster_film import dream_film_on_cluster
from stylegen.deepdream.cluster_job import dream_on_cluster
from stylegen.deepdream.command_line import NOISE, CommandLine, check_flags
from stylegen.deepdream.command_settings import (
    DEFAULT_OUTPUT,
    HEADINGS,
    TILE_SIZE,
    DreamResultSettings,
    FilmSettings,
    PictureSettings,
)
from stylegen.deepdream.explore import explore
from stylegen.deepdream.film import dream_film
from stylegen.deepdream.folder import dream_folder
from stylegen.deepdream.job import Job, Session
from stylegen.deepdream.noise import dream_from_noise, noise_picture
from stylegen.deepdream.presets import EMBEDDED, FIRST_CHOICE
from stylegen.deepdream.settings import DreamSettings, NoiseSettings
from stylegen.networks import listings
from stylegen.runs import cli
from stylegen.runs.inputs import DEFAULT_PICTURE, DEFAULT_SIZE, read_picture
from stylegen.runs.jobs import resolve_memory
from stylegen.runs.names import Output
from stylegen.utils.console import Console


def define_flags() -> cli.Flags:
    """All flags of the command, in groups."""
    flags = cli.Flags('Lets a neural network dream on a picture: what it sees, it draws.')
    flags.positional('input', many=True)
    for heading in HEADINGS:
        flags.group(heading)
    flags.settings(PictureSettings, without=('explore',))
    flags.settings(DreamSettings, NoiseSettings, FilmSettings)
    flags.settings(DreamResultSettings, PictureSettings, ClusterSettings)
    flags.messages()
    return flags


def work(flags: FlagValues) -> None:
    """Does what the flags ask for."""
    console = Console(flags.quiet)
    command = CommandLine.read(flags)
    if lines := list_names(command):
        return print('\n'.join(lines))
    cluster = ClusterSettings.read(flags, *command.pictures.input, command.result.output)
    if cluster.cluster and command.mode != 'clip':
        command = command.of_many()
    check_flags(command, console.say)
    if cluster.cluster and command.mode == 'folder':
        return dream_on_cluster(command, cluster, console)
    if cluster.cluster and command.mode == 'clip':  # each worker takes its share of what 'auto' means
        return dream_film_on_cluster(command, cluster, console)
    memory = resolve_memory(str(command.dream.max_memory), command.result.workdir)
    command = command.replace(dream=command.dream.replace(max_memory=memory))
    if command.mode == 'explore':
        return explore(command, console)
    if command.mode in ('zoom', 'clip'):
        return dream_film(command, console)
    if command.mode == 'folder':
        return dream_folder(command, console)
    output = Output.from_flag(command.result.output, DEFAULT_OUTPUT, say=console.say)
    images.check_writable(output.path, depth=command.result.depth)
    if command.mode == 'noise':
        return dream_from_noise(command, output, console)
    dream_picture(command, output, console)


def dream_picture(command: CommandLine, output: Output, console: Console) -> None:
    """Dreams on one picture, or on noise where a tile is to repeat."""
    source, size = next(iter(command.pictures.input), None), command.pictures.size
    if source == NOISE:
        picture = noise_picture(size or TILE_SIZE, command.dream.seed)
    else:
        hint = '--output=NAME.gif makes a clip of all'
        picture = read_picture(source, size, console.say, default=DEFAULT_PICTURE, default_size=DEFAULT_SIZE, hint=hint)
    session = Session.open(command, console.say)
    console.say(*session.describe_subject())
    picture = session.prepare(picture)
    console.say(*session.describe_plan(picture))
    Job(session, picture, output, console, workdir=command.result.workdir).run()


def list_names(command: CommandLine) -> list[str]:
    """The networks, layers or classes that there are, where one of them is 'list'; otherwise nothing."""
    dream = command.dream
    if dream.network == 'list':
        return listings.list_networks()
    if [*(dream.layers or ())] == ['list']:
        return listings.list_layers(listings.resolve_network(dream.network, FIRST_CHOICE, EMBEDDED[0]))
    if [*(dream.classes or ())] == ['list']:
        return listings.list_classes(listings.resolve_network(dream.network, FIRST_CHOICE))
    return []


def main(argv: Sequence[str] | None = None) -> int:
    """The console script."""
    return cli.run('stylegen-deepdream', define_flags, work, argv)


if __name__ == '__main__':
    cli.exit_with(main())
