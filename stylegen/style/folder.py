"""Contents times styles: a result for each pair, in a folder; what cannot be read is reported and skipped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from absl.flags import FlagValues

from stylegen import images
from stylegen.console import Console
from stylegen.errors import UserError
from stylegen.folders import pictures_in, prepare_folder
from stylegen.style.job import Job, Pictures, Session, state_folder, unfinished_of
from stylegen.style.options import DEFAULT_CONTENT, DEFAULT_STYLE, parse_style

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
    contents = [[path] for path in _files(settings['content'])] or [[]]
    styles = [list(settings['style'])]
    folders = [path for path in settings['style'] if Path(path).is_dir()]
    if folders:
        if len(folders) < len(settings['style']):
            raise UserError(f'{folders[0]} is a folder, each picture of which is a style; leave out the other --style')
        styles = [[path] for path in _files(folders)]
    names = zip(_names(contents, DEFAULT_CONTENT), contents, strict=True)
    looks = list(zip(_names(styles, DEFAULT_STYLE), styles, strict=True))
    return [Pair(content, style, target / f'{a}__{b}.png') for a, content in names for b, style in looks]


def _files(paths: Sequence[str]) -> list[str]:
    """The paths, with the pictures of a folder in its place."""
    groups = [[str(one) for one in pictures_in(Path(path))] if Path(path).is_dir() else [path] for path in paths]
    return [path for group in groups for path in group]


def _names(groups: Sequence[Sequence[str]], default: Path) -> list[str]:
    """A name for each group of pictures, none twice: their stems, or else with their suffixes and a number."""
    paths = [[Path(parse_style(text)[0]) for text in group] or [default] for group in groups]
    stems = ['+'.join(path.stem for path in group) for group in paths]
    names: list[str] = []
    for stem, group in zip(stems, paths, strict=True):
        name = stem if stems.count(stem) == 1 else '+'.join(path.name.replace('.', '_') for path in group)
        number, taken = 1, name
        while taken in names:
            number, taken = number + 1, f'{name}-{number + 1}'
        names.append(taken)
    return names


def style_folder(settings: dict[str, Any], record: dict[str, Any] | None, flags: FlagValues, console: Console) -> None:
    """Makes every result that is not there yet.

    Raises:
        UserError: There are no pictures; or, at the end, some results could not be made.
    """
    target = Path(flags.output or DEFAULT_FOLDER)
    pairs = pairs_of(settings, target)
    for source in (*settings['content'], *(parse_style(text)[0] for text in settings['style'])):
        prepare_folder(Path(source), target)
    images.check_writable(pairs[0].output)
    session, failed = None, []
    for number, pair in enumerate(pairs, 1):
        output = pair.output
        if output.exists() and not flags.overwrite:
            console.say(f'{number}/{len(pairs)}  {output} is there already; --overwrite makes it again')
            continue
        console.say(f'{number}/{len(pairs)}  {output.name}')
        if session is None:
            session = Session.open(settings, record, flags.workdir or (target if flags.resume else None))
            console.say(*session.about())
        try:
            unfinished = _one(session, pair, flags, console)
            if unfinished not in [other.output for other in pairs]:
                unfinished.unlink(missing_ok=True)
        except (UserError, ArithmeticError) as error:
            failed.append(output.name)
            console.warn(f'{output.name} is skipped: {error}')
    if failed:
        raise UserError(f'{len(failed)} of {len(pairs)} results could not be made: {", ".join(failed[:10])}')


def _one(session: Session, pair: Pair, flags: FlagValues, console: Console) -> Path:
    """Makes one result; where it would have been had it been stopped."""
    output = pair.output
    unfinished = unfinished_of(output)
    workdir = Path(flags.workdir) / output.name if flags.workdir else state_folder(output) if flags.resume else None
    settings = session.settings | {'content': pair.content, 'style': pair.style}
    pictures = Pictures.read(settings, console.say)
    console.say(*session.outlook(settings, pictures))
    job = Job(session, settings, pictures, output, flags, console, workdir=workdir, unfinished=unfinished)
    job.run()
    console.say(*job.terms())
    return unfinished
