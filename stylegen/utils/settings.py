"""Settings records: what a setting is, which values it may have and what it does, said once, in a field of a dataclass.

Flags, their help, the checks with their errors, the keyword arguments of functions and what is written into results all
come from the fields:

    @dataclass(frozen=True, kw_only=True)
    class BlurSettings(Settings):
        radius: float = setting(2.0, 'how far it reaches', at_least=0, unit='pixels')
        border: str = setting('mirror', 'what lies beyond the edges', choices=('mirror', 'zeros'))

    @takes(BlurSettings)
    def blur(image, *, settings): ...

    blur(image, radius=3.0)
    blur(image, settings=BlurSettings(radius=3.0))
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import math
import numbers
import textwrap
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from stylegen.utils.errors import UserError, unknown

SettingsRecord = TypeVar('SettingsRecord', bound='Settings')


@dataclass(frozen=True)
class About:
    """What a field says of its setting, see `setting`."""

    help: str
    group: str
    unit: str
    at_least: float | None
    above: float | None
    at_most: float | None
    below: float | None
    choices: tuple[str, ...] | None
    kind: str | None
    read: Callable[[Any, str], Any] | None
    write: Callable[[Any], Any] | None
    flag: bool
    formerly: str | None

    @property
    def bounds(self) -> str:
        """The bounds in words; empty where there are none."""
        low = '' if self.at_least is None else f'from {self.at_least:g}'
        low = low if self.above is None else f'above {self.above:g}'
        high = '' if self.at_most is None else f'up to {self.at_most:g}'
        high = high if self.below is None else f'below {self.below:g}'
        return (
            f'{low} to below {self.below:g}' if low and self.below is not None else ' '.join(filter(None, (low, high)))
        )

    def within(self, value: float) -> bool:
        """Whether a number is within the bounds."""
        return (
            (self.at_least is None or value >= self.at_least)
            and (self.above is None or value > self.above)
            and (self.at_most is None or value <= self.at_most)
            and (self.below is None or value < self.below)
        )


def setting(
    default: Any,
    help: str,
    *,
    group: str = '',
    unit: str = '',
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    below: float | None = None,
    choices: Iterable[str] | None = None,
    kind: str | None = None,
    read: Callable[[Any, str], Any] | None = None,
    write: Callable[[Any], Any] | None = None,
    flag: bool = True,
    formerly: str | None = None,
) -> Any:
    """A field of a settings record.

    Args:
        default: The value where none is given. None is allowed only where the annotation has it.
        help: What it does, in one line, for `--help` and docstrings.
        group: The heading that its flag stands under.
        unit: Of the value.
        at_least, above, at_most, below: Bounds of a number, which must be finite.
        choices: The names that it may be.
        kind: Of its flag: 'path' or 'paths' for what would be a text; by default by the annotation.
        read: Takes what people write and the setting's name, and gives the value; for values that are more than a
            number, a text or a choice.
        write: Gives of a value what JSON and `read` take; the text that a person would type.
        flag: Whether there is a flag for it.
        formerly: A name that it had before, which flags, keyword arguments and recorded results may still use.
    """
    about = About(
        help, group, unit, at_least, above, at_most, below, None if choices is None else tuple(choices), kind, read,
        write, flag, formerly,
    )  # fmt: skip
    return dataclasses.field(default=default, metadata={'about': about})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The base of the records. Every value is checked when a record is made.

    Raises:
        UserError: A value that cannot be, with what can.
    """

    def __post_init__(self) -> None:
        allowed = _types(type(self))
        for name, about in self.abouts().items():
            object.__setattr__(self, name, _checked(name, getattr(self, name), about, allowed[name]))

    @classmethod
    def abouts(cls) -> dict[str, About]:
        """What each field says, by name."""
        return {field.name: field.metadata['about'] for field in dataclasses.fields(cls)}

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        """The default of each field, by name."""
        return {field.name: field.default for field in dataclasses.fields(cls)}

    @classmethod
    def kind_of(cls, name: str) -> str:
        """What the flag of a field takes: 'integer', 'number', 'switch', 'choice', 'text', 'path' or 'paths'."""
        about, allowed = cls.abouts()[name], _types(cls)[name]
        if about.kind or about.choices:
            return about.kind or 'choice'
        names = {bool: 'switch', int: 'integer', float: 'number'}
        return 'text' if about.read else names.get(allowed[0], 'text')

    def replace(self: SettingsRecord, **changes: Any) -> SettingsRecord:
        """The same with other values."""
        return dataclasses.replace(self, **changes)

    def recorded(self) -> dict[str, Any]:
        """The values as JSON has them, and as people would type them; `of_record` reads them."""
        values = {name: (getattr(self, name), about.write) for name, about in self.abouts().items()}
        return {name: write(value) if write and value is not None else value for name, (value, write) in values.items()}

    @classmethod
    def of_record(cls: type[SettingsRecord], recorded: Mapping[str, Any]) -> SettingsRecord:
        """The record of values by name, among which there may be others; what is missing has its default."""
        values = cls.renamed(recorded)
        values = {**cls.preset(values), **values}
        return cls(**{name: values[name] for name in cls.defaults() if name in values})

    @classmethod
    def preset(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """The values of a preset that one of `values` names; each of `values` wins over them. By default none."""
        return {}

    @classmethod
    def renamed(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values by name, where some may have a field's former name."""
        former = {about.formerly: name for name, about in cls.abouts().items() if about.formerly}
        return {former.get(name, name): value for name, value in values.items()}


def _types(record: type[Settings]) -> dict[str, tuple[Any, ...]]:
    """The types that each field may have, by name; of a union all its members, of which the first says its kind."""
    hints = typing.get_type_hints(record)
    unions = (typing.Union, types.UnionType)
    return {
        field.name: typing.get_args(hint) if typing.get_origin(hint) in unions else (hint,)
        for field in dataclasses.fields(record)
        for hint in [hints[field.name]]
    }


def _checked(name: str, value: Any, about: About, allowed: tuple[Any, ...]) -> Any:
    """The value as the field has it.

    Raises:
        UserError: It cannot be.
    """
    if value is None and type(None) in allowed:
        return None
    if about.read:
        value = about.read(value, name)
    elif about.choices is not None:
        if value not in about.choices:
            raise unknown(name, str(value), about.choices)
    elif allowed[0] in (int, float):
        value = _number(name, value, about, allowed)
    elif allowed[0] is bool:
        if value not in (True, False):
            raise UserError(f'expected {name} to be True or False, got {value!r}')
        value = bool(value)
    return value


def _number(name: str, value: Any, about: About, allowed: tuple[Any, ...]) -> Any:
    if isinstance(value, str) and str in allowed:
        return value
    whole = float not in allowed
    is_number = isinstance(value, numbers.Integral if whole else numbers.Real) and not isinstance(value, bool)
    if is_number and math.isfinite(value) and about.within(value):
        return int(value) if whole else float(value)
    what = ' '.join(filter(None, ('a whole number' if whole else 'a number', about.bounds)))
    raise UserError(f'expected {name} to be {what}, got {value if is_number else repr(value)}')


def takes(record: type[Settings], *without: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Gives a function the fields of a record as keyword arguments; it gets them as one, its keyword `settings`.

    The signature and, where the docstring has a line `{settings}`, the docstring name each field, so that `help()`, a
    notebook's completion and `inspect.signature` show them. A record that is passed as `settings` is taken as it is,
    with the keyword arguments beside it in place of its own values.

    Args:
        record: The dataclass.
        without: Fields that are no keyword arguments of this function.
    """
    names = [name for name in record.defaults() if name not in without]

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapper(*args: Any, settings: Any = None, **keywords: Any) -> Any:
            keywords = record.renamed(keywords)
            given = {name: keywords.pop(name) for name in names if name in keywords}
            given = {**record.preset(given), **given}
            if settings is None:
                settings = record(**given)
            elif given:
                settings = settings.replace(**given)
            return function(*args, settings=settings, **keywords)

        wrapper.__signature__ = _signature(function, record, names)  # type: ignore[attr-defined]
        wrapper.__doc__ = _documented(function.__doc__ or '', record, names)
        return wrapper

    return decorate


def _signature(function: Callable[..., Any], record: type[Settings], names: list[str]) -> inspect.Signature:
    own = [p for p in inspect.signature(function).parameters.values() if p.name != 'settings']
    hints, defaults = record.__annotations__, record.defaults()
    for base in record.__mro__:
        hints = {**getattr(base, '__annotations__', {}), **hints}
    keywords = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=defaults[name], annotation=hints[name])
        for name in names
    ]
    keywords.append(inspect.Parameter('settings', inspect.Parameter.KEYWORD_ONLY, default=None, annotation=record))
    rest = [p for p in own if p.kind == inspect.Parameter.VAR_KEYWORD]
    first = [p for p in own if p.kind < inspect.Parameter.KEYWORD_ONLY]
    of_function = [p for p in own if p.kind == inspect.Parameter.KEYWORD_ONLY]
    return inspect.Signature([*first, *of_function, *keywords, *rest])


def _documented(doc: str, record: type[Settings], names: list[str]) -> str:
    """The docstring with a line for each field in place of the line `{settings}`."""
    lines: list[str] = []
    for line in doc.splitlines():
        if line.strip() != '{settings}':
            lines.append(line)
            continue
        indent = line[: -len('{settings}')]
        abouts, defaults = record.abouts(), record.defaults()
        for name in [*names, 'settings']:
            text = (
                _described(abouts[name], defaults[name])
                if name in abouts
                else f'All of them, as a `{record.__name__}`.'
            )
            lines += textwrap.wrap(
                f'{name}: {text}', 120, initial_indent=indent, subsequent_indent=f'{indent}    ', break_long_words=False
            )
    return '\n'.join(lines)


def _described(about: About, default: Any) -> str:
    """A field in a sentence: what it does, its choices or bounds, its unit and its default."""
    choices = ', '.join(repr(name) for name in about.choices or ())
    limits = ', '.join(filter(None, (choices, about.bounds, about.unit)))
    text = about.help[:1].upper() + about.help[1:]
    return f'{text}{f" ({limits})" if limits else ""}. Default: {default!r}.'
