"""`python -m stylegen.dcgan arithmetic`: its flags, and what it does with them."""

from absl.flags import FlagValues

from stylegen import images
from stylegen.dcgan.opening import generator_flags, open_generator, parse_seeds, record_of
from stylegen.dcgan.vector_arithmetic import Term, arithmetic, parse_expression, sheet
from stylegen.runs import cli
from stylegen.runs.names import Output
from stylegen.utils.console import Console
from stylegen.utils.errors import UserError

DEFAULT_OUTPUT = 'arithmetic.png'
SIGNS = {'a': 1.0, 'b': -1.0, 'c': 1.0}
SETTINGS = ('labels', 'around', 'noise', 'seed')


def define_flags() -> cli.Flags:
    """All flags of the command, in groups."""
    flags = cli.Flags('Adds and subtracts the vectors of pictures, and draws the sum.', arithmetic)
    generator_flags(flags)
    flags.group('Sum')
    flags.string('expression', "such as 'mean(1,4,7) - mean(2,3) + mean(9)'", default=None)
    for name, text in zip(SIGNS, ('instead: the', 'minus the', 'plus the'), strict=True):
        flags.string(name, f'{text} mean of these seeds, such as 1,4-6', default=None)
    flags.integer('around', 'pictures near the sum to show', lower_bound=0, upper_bound=1000)
    flags.number('noise', 'how far from it they are, at most', lower_bound=0)
    flags.integer('seed', 'of that noise', lower_bound=0)
    flags.group('Output')
    flags.path('output', f'a picture, by default {DEFAULT_OUTPUT} or a free name like it', default=None)
    flags.talk()
    return flags


def terms_of(flags: FlagValues) -> tuple[Term, ...]:
    """What the flags say is to be added up.

    Raises:
        UserError: Nothing, or both an expression and lists.
    """
    lists = {name: text for name in SIGNS if (text := flags[name].value) is not None}
    if bool(lists) == (flags.expression is not None) or (lists and 'a' not in lists):
        raise UserError("give --expression='mean(1,4,7) - mean(2,3) + mean(9)', or --a=1,4,7 --b=2,3 --c=9")
    if flags.expression is not None:
        return parse_expression(flags.expression)
    return tuple(Term(SIGNS[name], tuple(parse_seeds(text, name))) for name, text in lists.items())


def work(flags: FlagValues) -> None:
    """Does what the flags say."""
    console = Console(flags.quiet)
    terms = terms_of(flags)
    output = Output.of(flags.output, DEFAULT_OUTPUT, say=console.say)
    images.check_writable(output.path)
    generator = open_generator(flags.workdir, checkpoint=flags.checkpoint, which=flags.which)
    found = arithmetic(
        generator, terms, flags.labels, around=flags.around, noise=flags.noise, seed=flags.seed
    )  # fmt: skip
    expression = ' '.join(map(str, terms))
    settings = {'expression': expression} | {name: flags[name].value for name in SETTINGS}
    record = record_of('arithmetic', settings, generator)
    path = output.save(
        lambda path, overwrite: images.save_image(path, sheet(found), settings=record, overwrite=overwrite)
    )
    console.say(f'{expression.removeprefix("+ ")}: {path}')
