"""Contents times styles: a result for each pair, in a folder; what cannot be read is reported and skipped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from absl.flags import FlagValues

from stylegen import images
from stylegen.runs.folders import check_folder, each, pictures_of, unique_names
from stylegen.runs.names import Output
from stylegen.style.job import Job, Pictures, Session, state_folder
from stylegen.style.options import DEFAULT_CONTENT, DEFAULT_STYLE, parse_style
from stylegen.utils.console import Console
from stylegen.utils.errors import UserError

DEFAULT_FOLDER = 'style'


@dataclass(frozen=True)
class Pair:
    """One result: its content and styles as flags have them, and where it goes."""

    content: list[str]
    style: list[str]
    output: Path


def is_many(settings: Mapping[str, Any]) -> bool:
    """Whether there is more than one result, or a folder says that there may be."""
    contents, styles = settings['content'], settings['style']
    return len(contents) > 1 or any(Path(path).is_dir() for path in (*contents, *styles))


def pairs_of(settings: Mapping[str, Any], target: Path) -> list[Pair]:
    """The results that there are to be, of every content in every style.

    Several files of style are blended into one, a folder of them gives a result each.

    Raises:
        UserError: A folder has no pictures, or stands beside files of style.
    """
    contents = [[str(path)] for path in pictures_of(settings['content'])] or [[]]
    styles = [list(settings['style'])]
    folders = [path for path in settings['style'] if Path(path).is_dir()]
    if folders:
        if len(folders) < len(settings['style']):
            raise UserError(f'{folders[0]} is a folder, each picture of which is a style; leave out the other --style')
        styles = [[str(path)] for path in pictures_of(folders)]
    names = zip(_names(contents, DEFAULT_CONTENT), contents, strict=True)
    looks = list(zip(_names(styles, DEFAULT_STYLE), styles, strict=True))
    return [Pair(content, style, target / f'{a}__{b}.png') for a, content in names for b, style in looks]


def _names(groups: Sequence[Sequence[str]], default: Path) -> list[str]:
    """A name for each group of pictures, none twice."""
    return unique_names([[Path(parse_style(text)[0]) for text in group] or [default] for group in groups])


def style_folder(settings: dict[str, Any], record: dict[str, Any] | None, flags: FlagValues, console: Console) -> None:
    """Makes every result that is not there yet.

    Raises:
        UserError: There are no pictures; or, at the end, some results could not be made.
    """
    target = Path(flags.output or DEFAULT_FOLDER)
    pairs = pairs_of(settings, target)
    for source in (*settings['content'], *(parse_style(text)[0] for text in settings['style'])):
        check_folder(Path(source), target)
    outputs = [pair.output for pair in pairs]
    images.check_writable(outputs[0])

    def begin() -> Session:
        session = Session.open(settings, record, flags.workdir or (target if flags.resume else None))
        console.say(*session.about())
        return session

    def make(session: Session, number: int, unfinished: Path) -> None:
        pair, output = pairs[number], outputs[number]
        workdir = Path(flags.workdir) / output.name if flags.workdir else state_folder(output) if flags.resume else None
        chosen = session.settings | {'content': pair.content, 'style': pair.style}
        pictures = Pictures.read(chosen, console.say)
        console.say(*session.outlook(chosen, pictures))
        goal = Output(output, flags.overwrite)
        job = Job(session, chosen, pictures, goal, flags, console, workdir=workdir, unfinished=unfinished)
        job.run()
        console.say(*job.terms())

    each(outputs, [output.name for output in outputs], begin, make, overwrite=flags.overwrite, console=console)
