"""The tab that paints: at once in one pass, or slowly and better by optimisation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr
import numpy as np

from stylegen import images
from stylegen.studio.choices import picture_choices
from stylegen.studio.controls import Controls, slider
from stylegen.studio.inputs import drawn_over, mask_of, page_folder, photo_and_notes, picture_input
from stylegen.studio.panel import LIGHT, Panel, Updates, guarded, without_folders
from stylegen.studio.sessions import check_room
from stylegen.studio.works import Works
from stylegen.style.apply_settings import ApplySettings
from stylegen.style.settings import StyleSettings
from stylegen.utils.errors import UserError

COLORS = [
    ("the painting's", 'style'), ("the photo's", 'luminance'), ("the photo's palette", 'histogram'),
]  # fmt: skip
CANVAS = 800  # pixels: longest side of what a mask is drawn on
SIZES = [512, 768, 1024, 1600]


class StyleTab:
    """The components of the tab.

    Args:
        works: Makes the pictures.
        panel: Shows the results.
        photo: The component with the visitor's photo.
        told: The component beside it, for notes about the photo.
    """

    def __init__(self, works: Works, panel: Panel, photo: gr.Image, told: gr.Markdown):
        self.works, self.panel, self.photo, self.told = works, panel, photo, told
        gr.Markdown('Drop a photo, then click a style, or drop a painting of your own.')
        self.styles = picture_choices('Styles', works.thumbnails(), elem_id='styles', kind='strip')
        self.name, self.asked = gr.State(''), gr.State(0)
        self.painting = picture_input('Or a painting of your own', height=150, elem_id='painting')
        self.strength = slider(ApplySettings, 'strength', 'Strength', 0.05, elem_id='strength')
        self.fine = slider(ApplySettings, 'style_scale', 'Stroke size', 0.1, elem_id='fine')
        self.color = gr.Dropdown(COLORS, value='style', label='Colours', elem_id='color')
        with gr.Accordion('Paint only a part', open=False, elem_id='part'):
            self.mask = gr.ImageEditor(
                label='Draw over what is to be painted', type='numpy', sources=(), layers=False, transforms=(),
                brush=gr.Brush(default_size=40, colors=['#ff6090'], color_mode='fixed'), elem_id='mask',
            )  # fmt: skip
        self.drawn = gr.State(None)  # what was drawn; the editor itself would be sent anew with every click
        with gr.Accordion('Paint it properly', open=False, elem_id='properly'):
            gr.Markdown('The optimisation takes a minute or more and needs a painting of your own.')
            self.balance = slider(StyleSettings, 'strength', 'Style against photo', 0.05, elem_id='balance')
            self.stroke = slider(StyleSettings, 'style_scale', 'Size of its strokes', 0.1, 0.5, 3, elem_id='stroke')
            self.size = gr.Dropdown(SIZES, value=768, label='Longest side in pixels', elem_id='size')
            self.settings = Controls(StyleSettings, without=('strength', 'style_scale', 'color'))
            self.paint = gr.Button('Paint it properly', variant='primary', elem_id='paint')

    def connect(self, machine: dict[str, Any]) -> None:
        """Connects the components. `machine` are the arguments of events that wait for the machine."""
        inputs = [self.photo, self.painting, self.name, self.strength, self.fine, self.color, self.drawn]
        outputs = self.panel.outputs
        ask: dict[str, Any] = {
            'fn': self.ask, 'inputs': [self.photo, self.painting, self.name, self.asked], 'outputs': self.asked,
        }  # fmt: skip
        canvas = [self.mask, self.drawn, self.told]
        self.photo.upload(guarded(self.as_canvas), self.photo, canvas, **LIGHT).success(**ask, **LIGHT)
        self.photo.clear(guarded(self.as_canvas), self.photo, canvas, **LIGHT)
        gr.on([self.mask.input, self.mask.clear], drawn_over, self.mask, self.drawn, **LIGHT).then(**ask, **LIGHT)
        gr.on([self.strength.release, self.fine.release, self.color.input], **ask, **LIGHT)
        self.asked.change(guarded(self.paint_now), inputs, outputs, **machine | {'trigger_mode': 'always_last'})
        self.styles.select(self.chosen, None, [self.name, self.painting], **LIGHT).then(
            guarded(self.paint_now), inputs, outputs, **machine
        )
        self.painting.upload(lambda: ('', self.marked('')), None, [self.name, self.styles], **LIGHT).then(
            guarded(self.paint_now), inputs, outputs, **machine
        )
        own = [self.photo, self.painting, self.balance, self.stroke, self.color, self.size, self.drawn]
        self.paint.click(guarded(self.paint_properly), [*own, *self.settings.components], outputs, **machine)

    def chosen(self, event: gr.SelectData) -> tuple[str, None]:
        """The name of the style that was clicked; the painting goes."""
        return self.works.styles()[event.index], None

    def marked(self, name: str) -> Any:
        """The update that marks a style as the one that was clicked; of an empty name, none."""
        return gr.update(chosen=[self.works.styles().index(name)] if name else [])

    def as_canvas(self, photo: str | None) -> tuple[Any, None, Any]:
        """The photo, at a size that fits the brush, to draw a mask on; nothing is drawn yet. And what to tell of it."""
        if photo is None:
            return None, None, gr.update(visible=False)
        check_room(page_folder())
        picture, told = photo_and_notes(photo, CANVAS)
        shown = images.to_uint8(picture.pixels)
        note = gr.update(value=without_folders(' '.join(told)), visible=bool(told))
        return {'background': shown, 'layers': [], 'composite': shown}, None, note

    def ask(self, photo: str | None, painting: str | None, name: str, asked: int) -> int:
        """Another number, after which it is painted anew; the same where no photo or no style is there yet."""
        return asked if photo is None or (painting is None and not name) else asked + 1

    def paint_now(
        self, request: gr.Request, photo: str | None, painting: str | None, name: str, strength: float, fine: float,
        color: str, drawn: np.ndarray | None,
    ) -> Updates:  # fmt: skip
        """Paints in one pass."""
        session = self.panel.session_of(request)
        asked = photo, painting, name, strength, fine, color, None if drawn is None else drawn.tobytes()
        made = session.known(asked)
        if made is None:
            picture = self.works.photo(needed(photo))
            style = name if name else self.works.photo(needed(painting, 'a painting'))
            mask = mask_of(drawn, picture.pixels.shape[:2])
            made = self.works.paint_now(picture, style, strength=strength, stroke=fine, color=color, mask=mask)
        session.add(made, asked)
        return self.panel.show(session)

    def paint_properly(
        self, request: gr.Request, photo: str | None, painting: str | None, balance: float, stroke: float, color: str,
        size: int, drawn: np.ndarray | None, *others: Any,
    ) -> Iterator[Updates]:  # fmt: skip
        """Paints by optimisation."""
        if painting is None:
            raise UserError('drop a painting of your own first: the optimisation looks at the painting itself')
        session = self.panel.session_of(request)
        picture, style = self.works.photo(needed(photo), size), self.works.photo(painting)
        steps = self.works.paint(
            picture, style, strength=balance, stroke=stroke, color=color,
            mask=mask_of(drawn, picture.pixels.shape[:2]), stop=session.begin(),
            others=self.settings.changed(others),
        )  # fmt: skip
        yield from self.panel.watch(session, images.to_uint8(picture.pixels), steps)


def needed(path: str | None, what: str = 'a photo') -> str:
    """The path of an upload.

    Raises:
        UserError: There is none.
    """
    if path is None:
        raise UserError(f'drop {what} first')
    return path
