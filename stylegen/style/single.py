"""Paints one content in one style, or in several that are blended."""

from dataclasses import replace
from pathlib import Path

from stylegen import images
from stylegen.runs.folders import remove_unfinished, unfinished_path
from stylegen.runs.names import Output
from stylegen.style.command import Command
from stylegen.style.job import Job, state_folder
from stylegen.style.options import DEFAULT_OUTPUT
from stylegen.style.pictures import Pictures
from stylegen.style.session import Session
from stylegen.utils.console import Console
from stylegen.utils.errors import UserError


def paint_single(command: Command, console: Console) -> None:
    """Paints the result of a command.

    Raises:
        UserError: A flag that lacks another one, a file that cannot be written, or a picture that cannot be read.
    """
    results = command.results
    if results.resume and not (results.output or results.workdir):
        raise UserError('--resume needs the --output of the run that is to go on, or its --workdir')
    target = Output.from_flag(results.output, DEFAULT_OUTPUT, say=console.say)
    if results.skip_existing:
        target = replace(target, overwrite=False)  # another run may write the output meanwhile
    images.check_writable(target.path, depth=results.depth)
    if results.film:
        images.check_animation(results.film)
    if results.film and Path(results.film).resolve() == target.path.resolve():
        raise UserError(f'{target.path} cannot be both the picture and the film; give another --film')
    if results.skip_existing and target.path.exists():
        return console.say(f'{target.path} exists already')
    pictures = Pictures.read(command.sources, command.style.init_picture, console.say)
    workdir = results.workdir or (state_folder(target.path) if results.resume else None)
    session = Session.open(command, workdir)
    console.say(*session.describe(), *session.describe_result(command.sources, pictures))
    unfinished = unfinished_path(target.path) if results.skip_existing else None
    job = Job(session, command.sources, pictures, target, results, console, workdir=workdir, unfinished=unfinished)
    job.run()
    if unfinished:
        remove_unfinished(unfinished)
    console.say('', *job.terms())
