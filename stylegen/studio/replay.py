"""The tab that takes a result made before: its settings come back, for they are in the file."""

from __future__ import annotations

from typing import Any

import gradio as gr

from stylegen import images
from stylegen.networks.catalog import NETWORKS
from stylegen.runs.layer_weights import parse_weights
from stylegen.studio.dream_tab import DreamTab
from stylegen.studio.panel import LIGHT, guarded
from stylegen.studio.style_tab import StyleTab
from stylegen.utils.errors import UserError


class Replay:
    """The components of the tab, and what it fills in.

    Args:
        style, dream: The tabs whose settings come back.
        tabs: Where one of them is shown.
    """

    def __init__(self, style: StyleTab, dream: DreamTab, tabs: gr.Tabs):
        self.style, self.dream, self.tabs = style, dream, tabs
        self.file = gr.File(label='A picture that stylegen made', type='filepath', height=120, elem_id='made')
        self.said = gr.Markdown('Its settings come back. Drop its photo and painting too: they are not in the file.')

    def connect(self, machine: dict[str, Any]) -> None:
        """Connects the upload."""
        style, dream = self.style, self.dream
        filled: list[Any] = [style.name, style.styles, style.strength, style.fine, style.color]
        filled += [style.balance, style.stroke]
        filled += [dream.seen, dream.amount, dream.layer, dream.network, self.tabs, self.said]
        self.file.upload(guarded(self.fill), self.file, filled, **LIGHT)

    def fill(self, path: str) -> dict[Any, Any]:
        """The values of a result, by component."""
        record = images.read_settings(path)
        program, settings = str(record.get('program')), dict(record.get('settings') or {})
        style, dream = self.style, self.dream
        if program == 'stylegen.style apply':
            names = [str(name) for name in settings.get('style', [])]
            known = names[0] if names and names[0] in self.style.works.styles() else ''
            values: dict[Any, Any] = {
                style.name: known,
                style.styles: style.marked(known),
                style.strength: settings['strength'],
                style.fine: settings.get('style_scale', 1.0),
                style.color: settings['color'],
            }
            tab, needs = 'style', 'the photo' if known else f'the photo, and the painting {", ".join(names)}'
        elif program == 'stylegen.style':
            values = {style.balance: settings['strength'], style.stroke: settings['style_scale'],
                      style.color: settings['color']}  # fmt: skip
            tab, needs = 'style', f'the photo, and the painting {", ".join(map(str, settings.get("style", [])))}'
        elif program == 'stylegen.deepdream':
            layers, classes, network = (settings.get(name) for name in ('layers', 'classes', 'network'))
            values = {dream.seen: ','.join(parse_weights(classes, 'classes')) if classes else '',
                      dream.layer: layers or None,
                      dream.network: network if network in NETWORKS else None}  # fmt: skip
            if settings.get('strength'):
                values[dream.amount] = settings['strength']
            tab, needs = 'dream', 'the photo'
        else:
            raise UserError(f'the picture was made by {program}, which this tab does not know')
        return values | {self.tabs: gr.Tabs(selected=tab), self.said: f'Made by {program}. Drop {needs}, then begin.'}
