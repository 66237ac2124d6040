"""The tab that dreams: by a preset, a layer clicked on the sheet of layers, or a class."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from stylegen import images
from stylegen.deepdream.settings import DreamSettings
from stylegen.studio.choices import picture_choices, sent
from stylegen.studio.controls import Controls, slider
from stylegen.studio.dreams import dream_pictures, offline_presets
from stylegen.studio.panel import LIGHT, Panel, Updates, guarded
from stylegen.studio.style_tab import SIZES, needed
from stylegen.studio.works import LAYERS_NETWORK, Works


class DreamTab:
    """The components of the tab; see `stylegen.studio.style_tab.StyleTab`."""

    def __init__(self, works: Works, panel: Panel, photo: gr.Image):
        self.works, self.panel, self.photo = works, panel, photo
        gr.Markdown('Drop a photo, then click a dream, or type what the network is to dream of.')
        self.presets = picture_choices('Dreams', dream_pictures(), elem_id='presets', kind='large strip')
        self.preset = gr.State(offline_presets()[0])
        self.seen = gr.Textbox('', label='Something by its name, such as sunflower', elem_id='class')
        self.amount = slider(DreamSettings, 'strength', 'Strength', 0.01, 0.02, 0.4, 0.12, elem_id='amount')
        self.size = gr.Dropdown(SIZES, value=768, label='Longest side in pixels', elem_id='dream_size')
        self.dream = gr.Button('Dream', variant='primary', elem_id='dream')
        self.settings = Controls(DreamSettings, without=('layers', 'classes', 'guide_layers', 'strength'))
        with gr.Accordion('Choose a layer of the network by its look', open=False):
            self.explore = gr.Button('Show what each layer dreams', elem_id='explore')
            self.layers = picture_choices('Layers', elem_id='layers', kind='large')
        self.layer, self.network = gr.State(None), gr.State(None)  # the network that the layer is of

    def connect(self, machine: dict[str, Any]) -> None:
        """Connects the components. `machine` are the arguments of events that wait for the machine."""
        inputs = [self.photo, self.preset, self.seen, self.amount, self.size, self.layer, self.network]
        inputs += self.settings.components
        self.presets.select(_preset, None, [self.preset, self.seen, self.layer, self.network], **LIGHT).then(
            guarded(self.dream_on), inputs, self.panel.outputs, **machine
        )
        self.seen.input(lambda: (None, None), None, [self.layer, self.network], **LIGHT)
        gr.on([self.dream.click, self.seen.submit], guarded(self.dream_on), inputs, self.panel.outputs, **machine)
        self.explore.click(
            guarded(self.explore_layers),
            self.photo,
            [self.layers, self.panel.status, self.panel.stop],
            **machine,
        )
        self.layers.select(_layer, None, [self.layer, self.network], **LIGHT).then(
            guarded(self.dream_on), inputs, self.panel.outputs, **machine
        )

    def dream_on(
        self,
        request: gr.Request,
        photo: str | None,
        preset: str,
        seen: str,
        amount: float,
        size: int,
        layer: str | None,
        network: str | None,
        *others: Any,
    ) -> Iterator[Updates]:
        """Dreams on the photo."""
        session, more = self.panel.session_of(request), self.settings.changed(others)
        picture, seen = self.works.photo(needed(photo), size), seen.strip()
        steps = self.works.dream(
            picture,
            preset=None if seen or layer else preset,
            layers=layer,
            classes=seen or None,
            strength=None if 'step_size' in more else amount,  # steps of a size are not steered
            stop=session.begin(),
            network=network,
            others=more,
        )
        yield from self.panel.watch(session, images.to_uint8(picture.pixels), steps)

    def explore_layers(self, request: gr.Request, photo: str | None) -> Iterator[Updates]:
        """A small dream of each layer, one after the other."""
        picture, found = self.works.photo(needed(photo), 192), []
        stop = self.panel.session_of(request).begin()
        names = self.works.layers()
        for number, name in enumerate(names):
            if stop.is_set():
                break
            yield {
                self.panel.stop: gr.update(visible=True),
                self.panel.status: f'layer {number + 1} of {len(names)}: {name}',
            }
            found += sent([(self.works.layer_dream(picture, name), name)])
            yield {self.layers: gr.update(value=list(found))}
        yield {self.panel.status: 'Click a layer to dream of it.', self.panel.stop: gr.update(visible=False)}


def _preset(event: gr.SelectData) -> tuple[str, str, None, None]:
    """The name of the preset that was clicked; what was chosen before goes."""
    return event.value, '', None, None


def _layer(event: gr.SelectData) -> tuple[str, str]:
    """The layer that was clicked on the sheet, and its network."""
    return event.value, LAYERS_NETWORK
