"""Settings records: a field of a dataclass states a setting's default, allowed values, unit and effect once.

Flags, their help, the checks with their errors, the keyword arguments of functions and the settings in results all come
from the fields:

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
    """What a field declares about its setting, see `setting`."""

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
        """The bounds in words; empty if there are none."""
        low = '' if self.at_least is None else f'from {self.at_least:g}'
        low = low if self.above is None else f'above {self.above:g}'
        high = '' if self.at_most is None else f'up to {self.at_most:g}'
        high = high if self.below is None else f'below {self.below:g}'
        return (
            f'{low} to below {self.below:g}' if low and self.below is not None else ' '.join(filter(None, (low, high)))
        )

    def within(self, value: float) -> bool:
        """Returns whether a number is within the bounds."""
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
    """Declares a field of a settings record.

    Args:
        default: The value if none is given. None is allowed only if the annotation includes it.
        help: What the setting does, in one line, for `--help` and docstrings.
        group: The heading of its flag.
        unit: The unit of the value.
        at_least, above, at_most, below: Bounds of a number, which must be finite.
        choices: The allowed names.
        kind: The kind of its flag, 'path' or 'paths' for a text. By default the annotation decides.
        read: Called with what people write and the setting's name; returns the value. For values that are no number,
            text or choice.
        write: Returns a value as JSON and `read` take it, as a person would type it.
        flag: Whether the setting has a flag.
        formerly: An earlier name, which flags, keyword arguments and recorded results may still use.
    """
    about = About(
        help, group, unit, at_least, above, at_most, below, None if choices is None else tuple(choices), kind, read,
        write, flag, formerly,
    )  # fmt: skip
    return dataclasses.field(default=default, metadata={'about': about})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The base class of settings records. It checks every value when a record is created.

    Raises:
        UserError: A value is not allowed. The error says which values are.
    """

    def __post_init__(self) -> None:
        allowed = _types(type(self))
        for name, about in self.abouts().items():
            object.__setattr__(self, name, _checked(name, getattr(self, name), about, allowed[name]))

    @classmethod
    def abouts(cls) -> dict[str, About]:
        """Returns what each field declares, by name."""
        return {field.name: field.metadata['about'] for field in dataclasses.fields(cls)}

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        """Returns the default of each field, by name."""
        return {field.name: field.default for field in dataclasses.fields(cls)}

    @classmethod
    def kind_of(cls, name: str) -> str:
        """Returns what a field's flag takes: 'integer', 'number', 'switch', 'choice', 'text', 'path' or 'paths'."""
        about, allowed = cls.abouts()[name], _types(cls)[name]
        if about.kind or about.choices:
            return about.kind or 'choice'
        names = {bool: 'switch', int: 'integer', float: 'number'}
        return 'text' if about.read else names.get(allowed[0], 'text')

    def replace(self: SettingsRecord, **changes: Any) -> SettingsRecord:
        """Returns a copy with other values."""
        return dataclasses.replace(self, **changes)

    def recorded(self) -> dict[str, Any]:
        """Returns the values as JSON stores them and as people type them; `of_record` reads them."""
        values = {name: (getattr(self, name), about.write) for name, about in self.abouts().items()}
        return {name: write(value) if write and value is not None else value for name, (value, write) in values.items()}

    @classmethod
    def of_record(cls: type[SettingsRecord], recorded: Mapping[str, Any]) -> SettingsRecord:
        """Creates a record from recorded values. Other names are ignored, and missing ones get their default."""
        values = cls.renamed(recorded)
        values = {**cls.preset_values(values), **values}
        return cls(**{name: values[name] for name in cls.defaults() if name in values})

    @classmethod
    def preset_values(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """The values of a preset that one of `values` names; each of `values` wins over them. By default none."""
        return {}

    @classmethod
    def renamed(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the values with former names replaced by the current ones."""
        former = {about.formerly: name for name, about in cls.abouts().items() if about.formerly}
        return {former.get(name, name): value for name, value in values.items()}


def _types(record: type[Settings]) -> dict[str, tuple[Any, ...]]:
    """Returns the types that each field may have, by name. The first member of a union decides its kind."""
    hints = typing.get_type_hints(record)
    unions = (typing.Union, types.UnionType)
    return {
        field.name: typing.get_args(hint) if typing.get_origin(hint) in unions else (hint,)
        for field in dataclasses.fields(record)
        for hint in [hints[field.name]]
    }


def _checked(name: str, value: Any, about: About, allowed: tuple[Any, ...]) -> Any:
    """Returns the value in the field's type.

    Raises:
        UserError: The value is not allowed.
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
    """Gives a function the fields of a record as keyword arguments. The function receives the record as `settings`.

    The signature and the docstring name each field, so that `help()`, the completion of a notebook and
    `inspect.signature` show them; the docstring does so in place of a line `{settings}`. A record that is passed as
    `settings` is used as it is; keyword arguments beside it replace its values.

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
            given = {**record.preset_values(given), **given}
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
    """Returns the docstring with a line for each field in place of the line `{settings}`."""
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
    """Returns a sentence about a field: what it does, its choices or bounds, its unit and its default."""
    choices = ', '.join(repr(name) for name in about.choices or ())
    limits = ', '.join(filter(None, (choices, about.bounds, about.unit)))
    text = about.help[:1].upper() + about.help[1:]
    return f'{text}{f" ({limits})" if limits else ""}. Default: {default!r}.'
