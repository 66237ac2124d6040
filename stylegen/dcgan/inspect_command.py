"""`python -m stylegen.dcgan inspect-data`: its flags and its work."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from absl.flags import FlagValues

from stylegen.datasets.inspection import Inspection, inspect_images
from stylegen.datasets.sources import ALL
from stylegen.runs import cli
from stylegen.runs.names import Output
from stylegen.utils.console import Console
from stylegen.utils.errors import UserError
from stylegen.utils.files import atomic_write, check_target
from stylegen.utils.settings import Settings, setting

JSON = '.json'


@dataclass(frozen=True, kw_only=True)
class InspectSettings(Settings):
    """The set of pictures, and the form of the answer."""

    data: str | None = setting(
        None, 'a folder, .zip, .tar or .npz; cifar10, cifar100, mnist or fashion_mnist', group='Images', kind='path'
    )
    split: str = setting(ALL, 'train, val, test, or all', group='Images')
    most: int = setting(
        10, 'entries shown of a long list, such as corrupt files; the JSON has all', group='Images', at_least=0
    )
    output: str | None = setting(
        None, f'{JSON[1:]}: print as JSON; NAME{JSON}: write that file', group='Images', kind='path'
    )


def define_flags() -> cli.Flags:
    """Returns the flags of the command, in groups."""
    flags = cli.Flags('Lists the contents of a set of pictures: sizes, classes, damaged and equal files.')
    flags.positional('data')
    flags.settings(InspectSettings)
    flags.messages()
    return flags


def described(found: Inspection, most: int) -> list[str]:
    """Formats the result as lines; of each long list the first `most` entries."""
    lines = [f'{found.source}, {found.split}: {found.files} files, {found.files - len(found.corrupt)} of them pictures']
    sizes = [f'{width}x{height}: {count}' for (height, width), count in found.sizes[:most]]
    if found.smallest and found.largest:
        ends = ' to '.join(f'{width}x{height}' for height, width in (found.smallest, found.largest))
        kinds = f'{len(found.sizes)} sizes, {ends}' if len(found.sizes) > 1 else 'one size'
        lines += ['', f'sizes (width x height): {kinds}', *_first(sizes, len(found.sizes), most)]
    if found.classes:
        lines += [
            '',
            f'classes: {len(found.classes)}',
            *(f'  {name}: {count}' for name, count in found.classes.items()),
        ]
    for what, names in (
        ('cannot be read', [f'{name}: {reason}' for name, reason in found.corrupt]),
        ('grey', found.grey),
        ('with transparency', found.alpha),
        ('of one colour', found.flat),
        ('of several frames or pages, the first of which is used', found.first_only),
        ('equal, groups', [', '.join(group[:5]) + (', ...' if len(group) > 5 else '') for group in found.duplicates]),
    ):
        lines += ['', f'{what}: {len(names)}', *_first(names[:most], len(names), most)]
    return lines


def _first(lines: Iterable[str], count: int, most: int) -> list[str]:
    rest = [f'  ... and {count - most} more'] if count > most else []
    return [*(f'  {line}' for line in lines), *rest]


def work(flags: FlagValues) -> None:
    """Runs the command with parsed flags."""
    settings = cli.settings_of(InspectSettings, flags)
    if settings.data is None:
        raise UserError('give the set of pictures: --data=FOLDER')
    console, bar = Console(flags.quiet), None
    to_screen = settings.output in (JSON[1:], JSON)
    output = None
    if settings.output and not to_screen:
        output = Output.from_flag(settings.output, f'data{JSON}', say=console.say)
        check_target(output.path, [JSON])

    def report(done: int, total: int) -> None:
        nonlocal bar
        bar = bar or console.progress(total)
        bar.to(done, f'{done} of {total}')

    try:
        found = inspect_images(settings.data, split=settings.split, progress=report)
    finally:
        if bar:
            bar.close()
    text = json.dumps(asdict(found), indent=2)
    if to_screen:
        print(text)
        return
    console.say(*described(found, settings.most))
    if output:
        with atomic_write(output.path) as beside:
            Path(beside).write_text(text + '\n', encoding='utf-8')
        console.say('', f'the whole list is in {output.path}')
