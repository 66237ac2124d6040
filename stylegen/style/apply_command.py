"""`python -m stylegen.style apply`: paints photos and clips in one pass of a trained network."""

from __future__ import annotations

from pathlib import Path

from absl.flags import FlagValues

from stylegen.cluster.making import make_all
from stylegen.cluster.settings import ClusterSettings
from stylegen.images.io import check_writable
from stylegen.runs import cli
from stylegen.runs.folders import expand_folders
from stylegen.runs.inputs import DEFAULT_PICTURE
from stylegen.runs.names import Output
from stylegen.style.apply_film import paint_film
from stylegen.style.apply_settings import ApplyResultSettings, ApplySettings, Command
from stylegen.style.cluster_film import paint_film_on_cluster
from stylegen.style.cluster_job import ApplyJob
from stylegen.style.one_pass import OnePass
from stylegen.style.options import DEFAULT_FOLDER, DEFAULT_OUTPUT
from stylegen.style.painter import Painter
from stylegen.style.style_sheet import save_style_sheet
from stylegen.utils.console import Console
from stylegen.utils.errors import UserError


def define_flags() -> cli.Flags:
    """All flags of the command, in groups."""
    flags = cli.Flags('Paints photos and clips in one pass of a trained network.')
    flags.positional('input', many=True)
    for heading in ('Pictures', 'How', 'Machine'):
        flags.group(heading)
    flags.settings(ApplySettings)
    flags.settings(ApplyResultSettings, without=('save_every',))
    flags.settings(ClusterSettings)
    flags.messages()
    return flags


def work(flags: FlagValues) -> None:
    """Does what the flags say."""
    console = Console(flags.quiet)
    command = Command.read(flags)
    settings, result = command.settings, command.result
    cluster = ClusterSettings.read(flags, *settings.input, result.output)
    one_pass = OnePass.open(settings.model_file, max_memory=settings.max_memory, precision=settings.precision)
    if settings.list and result.output:
        return save_style_sheet(one_pass, command, console)
    if settings.list:
        return print('\n'.join(list_styles(one_pass)))
    if not settings.style and not settings.region:
        raise UserError('give a --style: a picture, or one of these names: ' + ', '.join(one_pass.styles))
    command.report_unused(console.say)
    painter = Painter(one_pass, command, console)
    if command.clip and cluster.cluster:
        return paint_film_on_cluster(painter, command.clip, cluster, console)
    if command.clip:
        return paint_film(painter, command.clip, console)
    if cluster.cluster:
        check_writable('painted.png', depth=result.depth)
        job = ApplyJob(command, (painter.source.sha256, *painter.inputs.hashes.values()))
        sources, folder = settings.input or (str(DEFAULT_PICTURE),), result.output or DEFAULT_FOLDER
        others = painter.inputs.hashes
        return make_all(job, sources, folder, cluster, overwrite=result.overwrite, console=console, others=others)
    photos = expand_folders(settings.input or [str(DEFAULT_PICTURE)])
    if len(photos) > 1 or any(Path(one).is_dir() for one in settings.input):
        return painter.paint_folder(photos)
    painter.paint(photos[0], Output.from_flag(result.output, DEFAULT_OUTPUT, say=console.say))


def list_styles(one_pass: OnePass) -> list[str]:
    """A line for each style of a network: its name, and what is known of it."""
    return [
        f'{name:<24} {", ".join(str(value) for value in about.values())}'.rstrip()
        for name, about in one_pass.about.items()
    ]
