"""The tab of pictures out of noise: a grid of seeds, and the way from one to another."""

from __future__ import annotations

from typing import Any

import gradio as gr

from stylegen.studio.choices import picture_choices, sent
from stylegen.studio.noise import Face, Noise
from stylegen.studio.panel import LIGHT, Panel, Updates, guarded
from stylegen.utils.errors import UserError


class FacesTab:
    """The components of the tab.

    Args:
        noise: Draws the pictures.
        panel: Shows the results.
        runs: Whether the visitor may open runs by their folder: only on this machine.
    """

    def __init__(self, noise: Noise, panel: Panel, runs: bool):
        self.noise, self.panel = noise, panel
        gr.Markdown('Draw, then click a picture, and another one to go from one to the other. No photo is needed.')
        self.seeds = gr.Textbox('0-31', label='Seeds, such as 0-31,77', elem_id='seeds')
        self.labels = gr.Textbox('', label='Classes by name, with commas; empty: each in turn', elem_id='labels')
        self.draw = gr.Button('Draw', variant='primary', elem_id='draw')
        self.grid = picture_choices('Pictures by seed', elem_id='grid', kind='dense', keeps=2, visible=False)
        self.drawn, self.ends = gr.State([]), gr.State([])  # each picture's `Face`; the places of the clicked ones
        self.share = gr.Slider(0, 1, 0, step=0.05, label='From the first to the second', elem_id='share', visible=False)
        with gr.Accordion('A run of your own', open=False, visible=runs):
            self.run = gr.Textbox('', label='Its folder; empty: the generator that ships', elem_id='run')
            self.look = gr.Button('Show how it is going', elem_id='look')
            self.curves = gr.LinePlot(x='step', y='value', color='curve', label='Losses', height=260, visible=False)
            self.samples = gr.Image(
                label='The newest samples', alt_text='The newest samples', buttons=['fullscreen'], interactive=False,
                visible=False,
            )  # fmt: skip
            self.make_film = gr.Button('Show how it came about, as a film', elem_id='make_film')
            self.film = gr.Image(
                label='The samples from the first to the newest', alt_text='A film of the samples', format='gif',
                type='filepath', buttons=['download', 'fullscreen'], interactive=False, visible=False, elem_id='film',
            )  # fmt: skip
            self.ticks = gr.Timer(10, active=False)

    def connect(self, machine: dict[str, Any]) -> None:
        """Connects the components. `machine` are the arguments of events that wait for the machine."""
        gr.on(
            [self.draw.click, self.seeds.submit, self.labels.submit],
            guarded(self.draw_grid),
            [self.run, self.seeds, self.labels],
            [self.grid, self.drawn, self.ends, self.share],
            **machine,
        )
        between = [self.run, self.drawn, self.ends, self.share]
        self.grid.select(_clicked, self.ends, [self.ends, self.share], **LIGHT).then(
            guarded(self.between), between, self.panel.outputs, **machine
        )
        self.share.release(guarded(self.between), between, self.panel.outputs, **machine)
        follow = [self.curves, self.samples, self.ticks]
        self.look.click(guarded(self.progress), self.run, follow, **LIGHT)
        self.ticks.tick(guarded(self.progress), self.run, follow, **LIGHT)

        self.make_film.click(guarded(self.show_film), self.run, self.film, **LIGHT)

    def draw_grid(self, run: str, seeds: str, labels: str) -> tuple[Any, list[Face], list[int], Any]:
        """The grid of seeds, of which none is chosen, what its pictures are drawn from, and the slider."""
        found = self.noise.faces(run.strip() or None, seeds, labels.strip() or None)
        grid = gr.update(value=sent([(picture, str(face.seed)) for picture, face in found]), chosen=[], visible=True)
        return grid, [face for _, face in found], [], gr.update(value=0, visible=True)

    def between(self, request: gr.Request, run: str, drawn: list[Face], ends: list[int], share: float) -> Updates:
        """The picture between two that were clicked; of one, it alone."""
        if not ends:
            raise UserError('draw, then click a picture')
        session = self.panel.session_of(request)
        session.add(self.noise.between(run.strip() or None, drawn[ends[0]], drawn[ends[-1]], share))
        return self.panel.show(session)

    def progress(self, run: str) -> tuple[Any, Any, Any]:
        """The curves and the newest samples of a run, and a timer that looks again."""
        curves, samples = self.noise.progress(_typed(run))
        shown = gr.update(value=samples, visible=samples is not None)
        return gr.update(value=curves, visible=True), shown, gr.Timer(active=True)

    def show_film(self, request: gr.Request, run: str) -> Any:
        """The film of the samples so far, written into the visitor's folder."""
        folder = self.panel.session_of(request).files()
        return gr.update(value=str(self.noise.film(_typed(run), folder)), visible=True)


def _typed(run: str) -> str:
    """The folder of a run, as it was typed.

    Raises:
        UserError: There is none.
    """
    if not run.strip():
        raise UserError('type the folder of a run')
    return run.strip()


def _clicked(ends: list[int], event: gr.SelectData) -> tuple[list[int], float]:
    """The places of the two pictures that were clicked last, and the middle between them; of one, itself."""
    ends = [*ends, int(event.index)][-2:]
    return ends, 0.5 if len(ends) == 2 else 0
