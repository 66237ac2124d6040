"""`python -m stylegen.dcgan arithmetic`: its flags and its work."""

from dataclasses import dataclass

from absl.flags import FlagValues

from stylegen import images
from stylegen.dcgan.opening import LabelSettings, SourceSettings, open_generator, parse_seeds, record_of
from stylegen.dcgan.vector_arithmetic import ArithmeticSettings, Term, arithmetic, parse_expression, sheet
from stylegen.runs import cli
from stylegen.runs.names import Output
from stylegen.utils.console import Console
from stylegen.utils.errors import UserError
from stylegen.utils.settings import setting

DEFAULT_OUTPUT = 'arithmetic.png'
SIGNS = {'a': 1.0, 'b': -1.0, 'c': 1.0}


@dataclass(frozen=True, kw_only=True)
class ArithmeticFiles(LabelSettings):
    """The terms of the sum, and the output file."""

    expression: str | None = setting(None, "such as 'mean(1,4,7) - mean(2,3) + mean(9)'", group='Sum')
    a: str | None = setting(None, 'instead: the mean of these seeds, such as 1,4-6', group='Sum')
    b: str | None = setting(None, 'minus the mean of these seeds, such as 1,4-6', group='Sum')
    c: str | None = setting(None, 'plus the mean of these seeds, such as 1,4-6', group='Sum')
    output: str | None = setting(
        None, f'a picture, by default {DEFAULT_OUTPUT} or a free name like it', group='Output', kind='path'
    )


def define_flags() -> cli.Flags:
    """Returns the flags of the command, in groups."""
    flags = cli.Flags('Adds and subtracts latent vectors, and draws the sum.')
    flags.settings(SourceSettings, ArithmeticFiles, ArithmeticSettings)
    flags.messages()
    return flags


def terms_of(files: ArithmeticFiles) -> tuple[Term, ...]:
    """Returns the terms of the sum.

    Raises:
        UserError: There is neither an expression nor lists, or there are both.
    """
    lists = {name: text for name in SIGNS if (text := getattr(files, name)) is not None}
    if bool(lists) == (files.expression is not None) or (lists and 'a' not in lists):
        raise UserError("give --expression='mean(1,4,7) - mean(2,3) + mean(9)', or --a=1,4,7 --b=2,3 --c=9")
    if files.expression is not None:
        return parse_expression(files.expression)
    return tuple(Term(SIGNS[name], tuple(parse_seeds(text, name))) for name, text in lists.items())


def work(flags: FlagValues) -> None:
    """Runs the command with parsed flags."""
    console = Console(flags.quiet)
    source = cli.settings_of(SourceSettings, flags)
    files = cli.settings_of(ArithmeticFiles, flags)
    settings = cli.settings_of(ArithmeticSettings, flags)
    terms = terms_of(files)
    output = Output.from_flag(files.output, DEFAULT_OUTPUT, say=console.say)
    images.check_writable(output.path)
    generator = open_generator(source.workdir, settings=source)
    found = arithmetic(generator, terms, files.classes, settings=settings)
    expression = ' '.join(map(str, terms))
    recorded = {'expression': expression, 'classes': files.classes, **settings.recorded()}
    record = record_of('arithmetic', recorded, generator)
    path = output.save(images.save_image, sheet(found), settings=record)
    console.say(f'{expression.removeprefix("+ ")}: {path}')
