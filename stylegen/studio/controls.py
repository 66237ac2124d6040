"""Components made from a settings record: its bounds, choices and help; a setting that is new shows up by itself."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import gradio as gr

from stylegen.utils.settings import Settings

OF_THE_MACHINE = ('Machine',)  # groups that are the host's to set, not a visitor's
PATHS = ('path', 'paths')


class Controls:
    """A folded list of the settings of a record, each with its help.

    Args:
        record: The dataclass.
        without: Fields that the page asks for elsewhere.
        title: What the list is called.

    Attributes:
        components: One for each setting; the inputs of an event.
    """

    def __init__(self, record: type[Settings], without: Sequence[str] = (), title: str = 'All settings'):
        self.record = record
        self.names = [
            name
            for name, about in record.abouts().items()
            if about.flag
            and name not in without
            and about.group not in OF_THE_MACHINE
            and record.kind_of(name) not in PATHS
        ]
        self._defaults = record().recorded()
        with gr.Accordion(title, open=False):
            self.components = [self._component(name) for name in self.names]

    def changed(self, values: Sequence[Any]) -> dict[str, Any]:
        """The settings that are not the defaults, by name. An empty text or number is the default."""
        given = zip(self.names, values, strict=True)
        typed = {name: value for name, value in given if value not in ('', None, self._defaults[name])}
        return {name: self._read(name, value) for name, value in typed.items()}

    def _read(self, name: str, value: Any) -> Any:
        """A value in the type of its setting. What cannot be read stays, and the record refuses it in a line."""
        number = {'integer': int, 'number': float}.get(self.record.kind_of(name))
        with contextlib.suppress(ValueError):
            return number(value) if number else value
        return value

    def _component(self, name: str) -> Any:
        about, kind, default = self.record.abouts()[name], self.record.kind_of(name), self._defaults[name]
        unit, bounds = about.unit and f', in {about.unit}', about.bounds and f' ({about.bounds})'
        words: dict[str, Any] = {'label': name.replace('_', ' '), 'info': f'{about.help}{unit}{bounds}'}
        if kind == 'switch':
            return gr.Checkbox(default, **words)
        if kind == 'choice':
            none = [('by itself', '')] if default is None else []
            named = [(one, one) for one in about.choices or ()]
            return gr.Dropdown([*none, *named], value=default or '', **words)
        if kind in ('integer', 'number') and default is not None:  # Gradio shows 0 for a number that is not there
            return gr.Number(default, precision=0 if kind == 'integer' else None, **words)
        return gr.Textbox('' if default is None else str(default), **words)


def slider(
    record: type[Settings],
    name: str,
    label: str,
    step: float,
    low: float | None = None,
    high: float | None = None,
    value: float | None = None,
    **options: Any,
) -> Any:
    """A slider of a setting.

    Args:
        record, name: The setting; its bounds and default count where no others are given.
        label: What the page calls it.
        step: From one value to the next.
        low, high, value: In place of the setting's own.
        options: As for `gr.Slider`.
    """
    about, default = record.abouts()[name], record.defaults()[name]
    least = next(bound for bound in (low, about.at_least, 0.0) if bound is not None)
    most = next(bound for bound in (high, about.at_most, 1.0) if bound is not None)
    return gr.Slider(least, most, default if value is None else value, step=step, label=label, **options)
