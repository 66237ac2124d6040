"""What the command lines share: flags in groups, one line for flags that change nothing, and errors of one line.

A program says which flags it has (`Flags`), and `run` parses them, runs it and turns what goes wrong into an exit code:
0 done, 2 the user's mistake, 1 ours, 130 Ctrl-C.
"""

import contextlib
import functools
import math
import os
import re
import sys
import textwrap
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from absl import flags

from stylegen.networks.pretrained import telling
from stylegen.networks.registry import PRECISIONS
from stylegen.runs import typed
from stylegen.utils import interrupts, streams
from stylegen.utils.choices import JIT
from stylegen.utils.console import Console, close_bars
from stylegen.utils.errors import UserError, one_line, unknown
from stylegen.utils.memory import FREE_SHARE
from stylegen.utils.notes import notes_to
from stylegen.utils.settings import About, Settings, SettingsRecord
from stylegen.utils.signatures import defaults_of


class Flags:
    """The flags of one command, in groups. Defaults come from the signature of the function that does the work.

    Args:
        summary: What the command does, for `--help`.
        works: The functions whose keyword defaults are the flags' defaults, where a flag names none; of two that have
            the same keyword the first counts.
    """

    def __init__(self, summary: str, *works: Callable):
        self.summary = summary
        self.values = flags.FlagValues()
        self.groups: dict[str, list[str]] = {}
        self._words: tuple[str, ...] = ()
        self._many = False
        self._defaults = {name: value for work in reversed(works) for name, value in defaults_of(work).items()}

    def group(self, title: str) -> None:
        """The flags that follow belong to this group."""
        self.groups[title] = []

    def words(self, *names: str, many: bool = False) -> None:
        """What is typed without a flag are the values of these, in turn; with `many` the last one takes all others."""
        self._words, self._many = names, many

    def _define(self, define, name, *args, default=..., **kwargs):
        default = self._defaults[name] if default is ... else default
        define(name, default, *args, flag_values=self.values, **kwargs)
        list(self.groups.values())[-1].append(name)

    def string(self, name: str, text: str, **kwargs: Any) -> None:
        """A text."""
        self._define(flags.DEFINE_string, name, text, **kwargs)

    def strings(self, name: str, text: str) -> None:
        """A text that may be given several times; the value is a list."""
        self._define(flags.DEFINE_multi_string, name, text, default=[])

    def path(self, name: str, text: str, **kwargs: Any) -> None:
        """A path."""
        self._define(functools.partial(flags.DEFINE, typed.Path()), name, text, **kwargs)

    def paths(self, name: str, text: str) -> None:
        """A path that may be given several times, with more after a `:` or `=`; the value is a list."""
        self._define(functools.partial(flags.DEFINE_multi, typed.Path(), None), name, text, default=[])

    def integer(self, name: str, text: str, **kwargs: Any) -> None:
        """A whole number; `lower_bound` and `upper_bound` limit it."""
        limits = {limit: kwargs.pop(limit, None) for limit in ('lower_bound', 'upper_bound')}
        self._define(functools.partial(flags.DEFINE, typed.Integer(**limits)), name, text, **kwargs)

    def number(self, name: str, text: str, **kwargs: Any) -> None:
        """A number; `lower_bound` and `upper_bound` limit it."""
        limits = {limit: kwargs.pop(limit, None) for limit in ('lower_bound', 'upper_bound')}
        self._define(functools.partial(flags.DEFINE, typed.Number(**limits)), name, text, **kwargs)
        flags.register_validator(
            name, lambda value: value is None or math.isfinite(value), 'expected a number', flag_values=self.values
        )

    def switch(self, name: str, text: str, default: bool | None = False) -> None:
        """On or off; None: nothing was said."""
        self._define(flags.DEFINE_boolean, name, text, default=default)

    def choice(self, name: str, text: str, choices: Iterable[str], **kwargs: Any) -> None:
        """One of a few names."""
        self._define(flags.DEFINE_enum, name, list(choices), text, **kwargs)

    def settings(self, *records: type[Settings], without: Iterable[str] = ()) -> None:
        """A flag for each field of the records that is to have one, under the heading that it names.

        Bounds and choices are checked where the records are made, see `settings_of`; of a flag only the kind is.

        Args:
            records: See `stylegen.utils.settings.Settings`; a field that an earlier one has too is left out.
            without: Fields that get no flag here.
        """
        for record in records:
            defaults = record().recorded()
            for name, about in record.abouts().items():
                if about.flag and name not in (*self.values, *without):
                    self.groups.setdefault(about.group, [])
                    self._define_setting(record.kind_of(name), name, defaults[name], about)

    def _define_setting(self, kind: str, name: str, default: Any, about: About) -> None:
        text = f'{about.help}{f", in {about.unit}" if about.unit else ""}'
        parsers = {'integer': typed.Integer, 'number': typed.Number, 'path': typed.Path, 'paths': typed.Path}
        if kind == 'paths':
            flags.DEFINE_multi(typed.Path(), None, name, [*(default or ())], text, flag_values=self.values)  # type: ignore[call-overload]
        elif kind in parsers:
            flags.DEFINE(parsers[kind](), name, default, text, flag_values=self.values)
        elif kind == 'switch':
            flags.DEFINE_boolean(name, default, text, flag_values=self.values)
        elif kind == 'choice':
            flags.DEFINE_enum(name, default, list(about.choices or ()), text, flag_values=self.values)
        else:
            flags.DEFINE_string(name, default, text, flag_values=self.values)
        if about.formerly:
            flags.DEFINE_alias(about.formerly, name, flag_values=self.values)
        self.groups[about.group].append(name)

    def network(self, layers: str = "LAYER:WEIGHT,... or 'list' to see what the network has") -> None:
        """The flags of every program that looks through a feature network; `layers` is the help of that flag."""
        self.group('Network')
        self.path('network', "auto, a name, a .keras file, or 'list' to see what there is")
        self.path('weights', 'weights for the network: .h5, .weights.h5, .keras or, of Caffe, .caffemodel')
        self.string('layers', layers, default=None)

    def machine(self) -> None:
        """The flags of every program that are about the machine, not the picture."""
        self.group('Machine')
        share = f'auto is up to {FREE_SHARE:.0%} of what is free'
        self.string('max_memory', f'memory to stay within, such as 4GB, by cutting larger pictures up; {share}')
        self.choice('jit', 'compile with XLA; auto: on a GPU', JIT)
        self.choice('precision', 'of the network; everything else is float32', PRECISIONS)
        self.path('workdir', 'folder that keeps the state: the same command again goes on', default=None)

    def talk(self) -> None:
        """How much a program says."""
        self.group('Messages')
        self.switch('quiet', 'print errors only')
        self.switch('debug', "show tracebacks and TensorFlow's messages")
        self.switch('help', 'show this')

    def help(self, program: str) -> str:
        """The text of `--help`."""
        words = [f'[{name.upper()}{" ..." if self._many and name == self._words[-1] else ""}]' for name in self._words]
        lines = [f'usage: {" ".join([program, *words])} [--flag=value ...]', '', self.summary]
        names = [name for group in self.groups.values() for name in group]
        width = max(20, *(len(self._head(name)) + 1 for name in names))
        for title, names in self.groups.items():
            lines += ['', f'{title}:']
            for name in names:
                flag = self.values[name]
                text = re.sub(r'^<[^>]*>: |;\s+repeat this option to .*', '', flag.help)  # what absl adds of its own
                if choices := getattr(flag.parser, 'enum_values', None):
                    text += f' ({"|".join(choices)})'
                if flag.default not in (None, []) and not (flag.boolean and not flag.default):
                    text += f' [{flag.default}]'
                body = textwrap.wrap(text, 112 - width)
                lines += [f'{self._head(name):<{width}}{body[0]}', *(' ' * width + line for line in body[1:])]
        return '\n'.join(lines)

    def _head(self, name: str) -> str:
        """How a flag begins in `--help`."""
        return f'  --{name}' + ('' if self.values[name].boolean else '=')

    def parse(self, argv: Sequence[str]) -> flags.FlagValues:
        """The flags as typed; a mistake is a UserError."""
        try:
            rest = self.values(list(argv))
        except flags.UnrecognizedFlagError as error:
            raise unknown('flag', error.flagname, list(self.values)) from None
        except flags.Error as error:
            raise UserError(' '.join(str(error).split())) from None
        self._take_words(rest[1:])
        return self.values

    def _take_words(self, words: Sequence[str]) -> None:
        """Gives words without a flag to the flags that take them and were not typed.

        Raises:
            UserError: There are too many, or a word looks like a flag.
        """
        names = [name for name in self._words if self._many or not self.values[name].present]
        for number, word in enumerate(words):
            flag = word.partition('=')[0]
            if '=' in word and flag in self.values and not os.path.exists(typed.expanded(word)):
                raise UserError(f'unexpected argument {word!r}; flags are typed --name=value: --{word}')
            if number >= len(names) and not (names and self._many):
                takes = f'takes {" and ".join(self._words)} without a flag' if self._words else 'has no use for it'
                several = [name for name in self._words if isinstance(self.values[name].value, list)]
                more = f'; several are typed --{several[-1]}=A --{several[-1]}=B' if several else ''
                raise UserError(f'unexpected argument {word!r}: this command {takes}{more}; see --help')
            try:
                self.values[names[min(number, len(names) - 1)]].parse(word)
            except flags.Error as error:
                raise UserError(' '.join(str(error).split())) from None


def typed_settings(values: flags.FlagValues, record: type[Settings]) -> dict[str, Any]:
    """The values of those fields of a record that were typed, by name."""
    return {name: values[name].value for name in record.defaults() if name in values and values[name].present}


def settings_of(record: type[SettingsRecord], values: flags.FlagValues, *layers: Mapping[str, Any]) -> SettingsRecord:
    """The record of what was typed, else of the last of `layers` that has it, else of the defaults.

    Args:
        record: The dataclass.
        values: The parsed flags.
        layers: Values by name, such as those of a preset or of a result that is made again; names of other records may
            be among them.

    Raises:
        UserError: A value that cannot be, with what can.
    """
    given: dict[str, Any] = {}
    for layer in (*layers, typed_settings(values, record)):
        given |= layer
    return record.of_record(given)


@streams.lasting()
def run(
    program: str, define: Callable[[], Flags], work: Callable[[Any], None], argv: Sequence[str] | None = None
) -> int:
    """Parses the command line, runs `work(flags)`, and answers with the exit code."""
    argv = list(sys.argv if argv is None else argv)
    debug = '--debug' in argv
    try:
        command = define()
        if {'--help', '-help', '-h', '--helpfull', '--helpshort'} & set(argv[1:]):
            print(command.help(program))
            return 0
        values = command.parse(argv)
        if values.help:
            print(command.help(program))
            return 0
        debug = values.debug
        quiet = telling(lambda text: None) if values.quiet else contextlib.nullcontext()
        with warnings.catch_warnings(), interrupts.remembered(), quiet, _debugging(debug):
            if not debug:
                warnings.simplefilter('ignore')
            notes_to((lambda line: None) if values.quiet else Console().warn)
            work(values)
        sys.stdout.flush()
        return 0
    except KeyboardInterrupt as stop:
        if isinstance(stop.__cause__, Exception):
            _complain(program, one_line(stop.__cause__), debug=False)
        _complain(program, 'stopped', debug=False)
        return interrupts.exit_code(stop)
    except UserError as error:
        _complain(program, str(error), debug)
        return 2
    except Exception as error:  # everything else is our fault, and still one line
        _complain(program, one_line(error), debug)
        return 1


@contextlib.contextmanager
def _debugging(debug: bool) -> Iterator[None]:
    """Within the block STYLEGEN_DEBUG is set, where that is wanted; `stylegen.utils.backend` reads it."""
    before = os.environ.get('STYLEGEN_DEBUG')
    if debug:
        os.environ['STYLEGEN_DEBUG'] = '1'
    try:
        yield
    finally:
        if debug and before is None:
            os.environ.pop('STYLEGEN_DEBUG', None)


def leave(code: int) -> None:
    """Ends the process; when stopped, at once: TensorFlow may still be at work, and can crash when taken down."""
    if code > 128:
        streams.flush()
        os._exit(code)
    sys.exit(code)


def _complain(program: str, text: str, debug: bool) -> None:
    close_bars()
    if debug:
        traceback.print_exc()
    print(f'{program}: {text}', file=sys.stderr)


def say_idle(idle: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Says in one line which flags change nothing; nothing where there are none.

    Args:
        idle: Why, by flag.
        say: Is told.
    """
    told = []
    for why in dict.fromkeys(idle.values()):
        names = [f'--{name}' for name, other in idle.items() if other == why]
        told.append(f'{", ".join(names)} {"change" if len(names) > 1 else "changes"} nothing here ({why})')
    if told:
        say('; '.join(told))
