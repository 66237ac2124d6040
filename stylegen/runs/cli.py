"""Flags in groups, `--help`, errors of one line and exit codes, for all command lines.

A program defines its flags with `Flags`. `run` parses them, calls the program and returns its exit code: 0 after
success, 2 after a mistake of the user, 1 after an error of ours, 130 after Ctrl-C.
"""

import contextlib
import errno
import os
import re
import sys
import textwrap
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from absl import flags

from stylegen.networks.pretrained import announcing_downloads
from stylegen.runs import flag_types
from stylegen.utils import interrupts, starting, streams
from stylegen.utils.console import Console, close_bars
from stylegen.utils.errors import UserError, one_line, unknown
from stylegen.utils.files import quoted
from stylegen.utils.notes import notes_to
from stylegen.utils.settings import About, Settings, SettingsRecord, setting

_FORBIDDEN = 'may not be used by this user; change its permissions'
MISTAKES = {  # an error of the system with a path -> what to tell the user
    errno.EACCES: _FORBIDDEN,
    errno.EPERM: _FORBIDDEN,
    errno.ENAMETOOLONG: 'is too long a name; give a shorter one',
}


@dataclass(frozen=True, kw_only=True)
class MessageSettings(Settings):
    """How much a program prints."""

    quiet: bool = setting(False, 'print errors only', group='Messages')
    debug: bool = setting(False, "print tracebacks and TensorFlow's messages", group='Messages')
    help: bool = setting(False, 'print this help', group='Messages')


class Flags:
    """The flags of one command, in groups.

    Args:
        summary: One sentence for `--help` that says what the command does.
    """

    def __init__(self, summary: str):
        self.summary = summary
        self.values = flags.FlagValues()
        self.groups: dict[str, list[str]] = {}
        self._positional: tuple[str, ...] = ()
        self._many = False

    def group(self, title: str) -> None:
        """Begins a group: the flags that are defined next belong to it."""
        self.groups[title] = []

    def positional(self, *names: str, many: bool = False) -> None:
        """Lets these flags take words that are typed without a flag, one word each, in this order.

        Args:
            names: The flags.
            many: Whether the last flag takes all words that are left.
        """
        self._positional, self._many = names, many

    def settings(self, *records: type[Settings], without: Iterable[str] = ()) -> None:
        """Defines a flag for each field of settings records, in the group that the field names.

        A flag checks only the type of its value. The record checks bounds and choices, see `settings_of`.

        Args:
            records: Records, see `stylegen.utils.settings.Settings`. If two records have the same field, the first one
                counts.
            without: Fields that get no flag.
        """
        for record in records:
            defaults = record().recorded()
            for name, about in record.abouts().items():
                if about.flag and name not in (*self.values, *without):
                    self.groups.setdefault(about.group, [])
                    self._define_setting(record.kind_of(name), name, defaults[name], about)

    def _define_setting(self, kind: str, name: str, default: Any, about: About) -> None:
        text = f'{about.help}{f", in {about.unit}" if about.unit else ""}'
        parsers = {
            'integer': flag_types.Integer,
            'number': flag_types.Number,
            'path': flag_types.Path,
            'paths': flag_types.Path,
        }
        if kind == 'paths':
            define_multi: Any = flags.DEFINE_multi  # its annotations leave out a serializer of None
            define_multi(flag_types.Path(), None, name, list(default or ()), text, flag_values=self.values)
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

    def messages(self) -> None:
        """Defines the flags that choose how much a program prints."""
        self.settings(MessageSettings)

    def help(self, program: str) -> str:
        """Returns the text of `--help`."""
        words = [
            f'[{name.upper()}{" ..." if self._many and name == self._positional[-1] else ""}]'
            for name in self._positional
        ]
        lines = [f'usage: {" ".join([program, *words])} [--flag=value ...]', '', self.summary]
        names = [name for group in self.groups.values() for name in group]
        width = max(20, *(len(self._head(name)) + 1 for name in names))
        for title, names in self.groups.items():
            lines += ['', f'{title}:']
            for name in names:
                flag = self.values[name]
                text = re.sub(r'^<[^>]*>: |;\s+repeat this option to .*', '', flag.help)  # absl adds these parts
                if choices := getattr(flag.parser, 'enum_values', None):
                    text += f' ({"|".join(choices)})'
                if flag.default not in (None, []) and not (flag.boolean and not flag.default):
                    text += f' [{flag.default}]'
                body = textwrap.wrap(text, 112 - width)
                lines += [f'{self._head(name):<{width}}{body[0]}', *(' ' * width + line for line in body[1:])]
        return '\n'.join(lines)

    def _head(self, name: str) -> str:
        """Returns how the line of a flag begins in `--help`."""
        return f'  --{name}' + ('' if self.values[name].boolean else '=')

    def parse(self, argv: Sequence[str]) -> flags.FlagValues:
        """Parses a command line.

        Raises:
            UserError: A flag is unknown, a value is wrong, or there are too many words without a flag.
        """
        try:
            rest = self.values(list(argv))
        except flags.UnrecognizedFlagError as error:
            raise unknown('flag', error.flagname, list(self.values)) from None
        except flags.Error as error:
            raise UserError(' '.join(str(error).split())) from None
        self._take_words(rest[1:])
        return self.values

    def _take_words(self, words: Sequence[str]) -> None:
        """Gives words without a flag to the flags that take them, except to those that were typed.

        Raises:
            UserError: There are too many words, or a word looks like a flag.
        """
        names = [name for name in self._positional if self._many or not self.values[name].present]
        for number, word in enumerate(words):
            flag = word.partition('=')[0]
            if '=' in word and flag in self.values and not os.path.exists(flag_types.expand_home(word)):
                raise UserError(f'unexpected argument {word!r}; flags are typed --name=value: --{word}')
            if number >= len(names) and not (names and self._many):
                takes = 'takes only flags'
                if self._positional:
                    takes = f'takes {" and ".join(self._positional)} without a flag'
                several = [name for name in self._positional if isinstance(self.values[name].value, list)]
                more = f'; several are typed --{several[-1]}=A --{several[-1]}=B' if several else ''
                raise UserError(f'unexpected argument {word!r}: this command {takes}{more}; see --help')
            try:
                self.values[names[min(number, len(names) - 1)]].parse(word)
            except flags.Error as error:
                raise UserError(' '.join(str(error).split())) from None


def typed_settings(values: flags.FlagValues, record: type[Settings]) -> dict[str, Any]:
    """Returns the values of those fields of a record that the user typed, by name."""
    return {name: values[name].value for name in record.defaults() if name in values and values[name].present}


def settings_of(record: type[SettingsRecord], values: flags.FlagValues, *sources: Mapping[str, Any]) -> SettingsRecord:
    """Makes a settings record. Typed flags win over the sources, later sources over earlier ones.

    Args:
        record: The dataclass.
        values: The parsed flags.
        sources: Values by field, such as those of a preset or of a replayed result. Names that the record does not have
            are left out.

    Raises:
        UserError: A value is out of bounds or not among the choices.
    """
    given: dict[str, Any] = {}
    for source in (*sources, typed_settings(values, record)):
        given |= source
    return record.of_record(given)


@streams.safe_streams()
def run(
    program: str, define: Callable[[], Flags], work: Callable[[Any], None], argv: Sequence[str] | None = None
) -> int:
    """Runs a program and returns its exit code.

    Args:
        program: The name that begins every error message.
        define: Returns the flags of the program.
        work: Does the work, given the parsed flags.
        argv: The command line, by default `sys.argv`.
    """
    argv = list(sys.argv if argv is None else argv)
    debug = '--debug' in argv
    try:
        starting.raise_at_interrupts()
        command = define()
        if {'--help', '-help', '-h', '--helpfull', '--helpshort'} & set(argv[1:]):
            print(command.help(program))
            return 0
        values = command.parse(argv)
        if values.help:
            print(command.help(program))
            return 0
        debug = values.debug
        quiet = announcing_downloads(lambda text: None) if values.quiet else contextlib.nullcontext()
        with warnings.catch_warnings(), interrupts.remember_signals(), quiet, _debugging(debug):
            if not debug:
                warnings.simplefilter('ignore')
            notes_to((lambda line: None) if values.quiet else Console().warn)
            work(values)
        sys.stdout.flush()
        return 0
    except KeyboardInterrupt as stop:
        if isinstance(stop.__cause__, Exception):
            _print_error(program, one_line(stop.__cause__), debug=False)
        _print_error(program, 'stopped', debug=False)
        return interrupts.exit_code(stop)
    except UserError as error:
        _print_error(program, str(error), debug)
        return 2
    except OSError as error:
        mistake = MISTAKES.get(error.errno or 0) if error.filename else None
        _print_error(program, f'{quoted(error.filename)} {mistake}' if mistake else one_line(error), debug)
        return 2 if mistake else 1
    except Exception as error:  # an error of ours; the user still gets one line
        _print_error(program, one_line(error), debug)
        return 1


@contextlib.contextmanager
def _debugging(debug: bool) -> Iterator[None]:
    """Sets STYLEGEN_DEBUG within the block if `debug` is true; `stylegen.utils.backend` reads it."""
    before = os.environ.get('STYLEGEN_DEBUG')
    if debug:
        os.environ['STYLEGEN_DEBUG'] = '1'
    try:
        yield
    finally:
        if debug and before is None:
            os.environ.pop('STYLEGEN_DEBUG', None)


def exit_with(code: int) -> None:
    """Ends the process. After Ctrl-C it skips Python's cleanup: TensorFlow may still compute, and could crash in it."""
    if code > 128:
        streams.flush()
        os._exit(code)
    sys.exit(code)


def _print_error(program: str, text: str, debug: bool) -> None:
    close_bars()
    if debug:
        traceback.print_exc()
    print(f'{program}: {text}', file=sys.stderr)


def report_unused_flags(idle: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Prints one line that lists the flags that change nothing, if there are any.

    Args:
        idle: The reason, by flag.
        say: Prints a line.
    """
    parts = []
    for reason in dict.fromkeys(idle.values()):
        names = [f'--{name}' for name, other in idle.items() if other == reason]
        parts.append(f'{", ".join(names)} {"change" if len(names) > 1 else "changes"} nothing here ({reason})')
    if parts:
        say('; '.join(parts))
