"""The tab that composes: the colours of a pair on a photo, and a photo made of pictures."""

from __future__ import annotations

from typing import Any

import gradio as gr

from stylegen.studio.inputs import picture_input
from stylegen.studio.panel import Panel, Updates, guarded
from stylegen.studio.style_tab import needed
from stylegen.studio.works import Works


class ComposeTab:
    """The components of the tab; see `stylegen.studio.style_tab.StyleTab`."""

    def __init__(self, works: Works, panel: Panel, photo: gr.Image):
        self.works, self.panel, self.photo = works, panel, photo
        gr.Markdown(
            '### Grade\nDrop a photo, and a picture before and after: the photo gets the same change of colours.'
        )
        with gr.Row():
            self.before = picture_input('Before', height=150, elem_id='before', min_width=140)
            self.after = picture_input('After', height=150, elem_id='after', min_width=140)
        self.grade = gr.Button('Grade the photo', variant='primary', elem_id='grade')
        gr.Markdown(
            '### Mosaic\nDrop a .zip of pictures, or some pictures to cut tiles from; without them the photo is cut.'
        )
        self.tiles = gr.File(
            label='Pictures', file_count='multiple', type='filepath', file_types=['.zip', 'image'], height=120,
            elem_id='tiles',
        )  # fmt: skip
        self.columns = gr.Slider(10, 200, 60, step=1, label='Tiles in a row', elem_id='columns')
        self.tint = gr.Slider(0, 1, 0.3, step=0.05, label='Tint of the tiles', elem_id='tint')
        self.mosaic = gr.Button('Make a mosaic of the photo', variant='primary', elem_id='mosaic')

    def connect(self, machine: dict[str, Any]) -> None:
        """Connects the components. `machine` are the arguments of events that wait for the machine."""
        outputs = self.panel.outputs
        self.grade.click(guarded(self.grade_photo), [self.photo, self.before, self.after], outputs, **machine)
        self.mosaic.click(
            guarded(self.make_mosaic), [self.photo, self.tiles, self.columns, self.tint], outputs, **machine
        )

    def grade_photo(self, request: gr.Request, photo: str | None, before: str | None, after: str | None) -> Updates:
        """Gives the photo the grade of the pair."""
        read = self.works.photo
        pair = read(needed(before, 'a picture before')), read(needed(after, 'the same picture after'))
        session = self.panel.session_of(request)
        session.add(self.works.grade(read(needed(photo)), *pair))
        return self.panel.show(session)

    def make_mosaic(
        self, request: gr.Request, photo: str | None, tiles: list[str] | None, columns: int, tint: float
    ) -> Updates:
        """Makes a mosaic of the photo."""
        session = self.panel.session_of(request)
        session.add(self.works.mosaic(self.works.photo(needed(photo)), tiles or [], int(columns), tint))
        return self.panel.show(session)
