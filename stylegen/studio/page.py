"""The page: the photo and what is done with it on the left, the result on the right."""

from __future__ import annotations

import gradio as gr

from stylegen.studio.compose_tab import ComposeTab
from stylegen.studio.dream_tab import DreamTab
from stylegen.studio.faces_tab import FacesTab
from stylegen.studio.inputs import picture_input
from stylegen.studio.noise import Noise
from stylegen.studio.panel import Panel
from stylegen.studio.replay import Replay
from stylegen.studio.settings import StudioSettings, is_loopback
from stylegen.studio.style_tab import StyleTab
from stylegen.studio.waiting import MACHINE_LINE, bound_line
from stylegen.studio.works import Works

MACHINE = {'concurrency_id': MACHINE_LINE, 'concurrency_limit': 1, 'api_visibility': 'private'}
UPLOADS_KEPT = 3600  # seconds that Gradio keeps uploaded files


def build_page(settings: StudioSettings, works: Works) -> gr.Blocks:
    """The page, which is not served yet. Its styles are painted on the way, which takes a few seconds."""
    with gr.Blocks(title='stylegen', analytics_enabled=False, delete_cache=(600, UPLOADS_KEPT)) as page:
        gr.Markdown('# stylegen\nDrop a photo. Paint it, or let a network dream on it. Nothing leaves this machine.')
        with gr.Row(elem_id='studio'):
            with gr.Column(scale=5, min_width=320, elem_id='controls'):
                photo = picture_input('Photo', elem_id='photo')
                told = gr.Markdown(visible=False, elem_id='told')
                tabs = gr.Tabs(elem_id='tabs')
            with gr.Column(scale=6, min_width=320, elem_id='results'):
                panel = Panel(settings.kept)
        with tabs:
            with gr.Tab('Style', id='style'):
                style = StyleTab(works, panel, photo, told)
            with gr.Tab('Dream', id='dream'):
                dream = DreamTab(works, panel, photo)
            with gr.Tab('Out of noise', id='faces'):
                faces = FacesTab(Noise(), panel, runs=is_loopback(settings.host))
            with gr.Tab('Compose', id='compose'):
                compose = ComposeTab(works, panel, photo)
            with gr.Tab('Replay', id='again'):
                replay = Replay(style, dream, tabs)
        panel.connect()
        # beside the status, so that the old result stays in sight until the new one is there
        machine = MACHINE | {'show_progress': 'minimal', 'show_progress_on': panel.status}
        page.unload(panel.leave)
        for tab in (style, dream, faces, compose, replay):
            tab.connect(machine)
    page.queue(default_concurrency_limit=4)
    bound_line(page._queue, settings.waiting)
    return page
