"""The right half of the page: the result beside its photo, how it is made, files, and the visitor's gallery."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr
import numpy as np

from stylegen import images
from stylegen.studio.choices import picture_choices, sent
from stylegen.studio.inputs import page_folder
from stylegen.studio.live import Preview
from stylegen.studio.results import Result
from stylegen.studio.sessions import Session, check_room
from stylegen.utils.errors import UserError, one_line

FORMATS = {'PNG': '.png', 'JPEG': '.jpg', 'WebP': '.webp'}
# Events that need not wait for the machine. They are in Gradio's queue all the same: it shows no error of others.
LIGHT: dict[str, Any] = {'show_progress': 'hidden', 'api_visibility': 'private'}
Updates = dict[Any, Any]


class Panel:
    """The components that show results, and what fills them.

    Attributes:
        sessions: The `Session` of each visitor, by the name that Gradio gives to an open page.
    """

    def __init__(self, kept: int):
        self.kept_results, self.sessions = kept, dict[str, Session]()
        self.status = gr.Markdown('', elem_id='status')
        self.empty = gr.HTML('Your picture appears here.', elem_id='empty', apply_default_css=False)
        self.compare = gr.ImageSlider(
            label='Photo | result',
            format='jpeg',
            interactive=False,
            elem_id='compare',
            max_height=640,
            visible=False,
            buttons=['fullscreen'],
        )
        self.alone = gr.Image(
            label='Result',
            alt_text='The result',
            buttons=['fullscreen'],
            format='jpeg',
            interactive=False,
            elem_id='alone',
            visible=False,
        )
        self.stop = gr.Button('Stop, keep the best so far', variant='stop', visible=False, elem_id='stop')
        with gr.Column(visible=False, elem_id='kept') as self.kept:
            with gr.Row():
                self.downloads = {
                    kind: gr.Button(f'Download {kind}', size='sm', min_width=80, elem_id=kind.lower())
                    for kind in FORMATS
                }
                self.undo = gr.Button('Undo', size='sm', min_width=80, elem_id='undo')
            self.file = gr.DownloadButton('File', elem_id='file')
        with gr.Column(visible=False, elem_id='more') as self.more:
            gr.Markdown('Results of this visit')
            self.gallery = picture_choices('Results of this visit', elem_id='gallery', kind='strip')
            with gr.Accordion('How it is made', open=False):
                self.command = gr.Code(label='The command that makes this', language='shell', lines=1, wrap_lines=True,
                                       interactive=False, elem_id='command')  # fmt: skip
                self.python = gr.Code(label='The Python that makes this', language='python', lines=4, wrap_lines=True,
                                      interactive=False, elem_id='python')  # fmt: skip
        self.outputs = [
            self.status, self.empty, self.compare, self.alone, self.stop, self.kept, self.more, self.gallery,
            self.command, self.python,
        ]  # fmt: skip

    def connect(self) -> None:
        """Connects its own buttons. They do not wait for the machine."""
        self.stop.click(self._stop, None, None, **LIGHT)
        self.undo.click(guarded(self._undo), None, self.outputs, **LIGHT)
        self.gallery.select(guarded(self._select), None, self.outputs, **LIGHT)
        for kind, button in self.downloads.items():
            suffix = FORMATS[kind]
            prepare = guarded(self._writer(suffix))
            ready = button.click(prepare, None, self.file, **LIGHT)
            ready.success(None, js="() => document.querySelector('#file a, a#file, #file').click()")

    def show(self, session: Session, text: str | None = None) -> Updates:
        """The updates that show the current result of a visitor."""
        result = session.current
        return {
            self.status: text or describe(result),
            self.empty: gr.update(visible=False),
            self.compare: gr.update(
                value=None if result.before is None else (result.before, result.pixels),
                visible=result.before is not None,
            ),
            self.alone: gr.update(value=result.pixels, visible=result.before is None),
            self.gallery: gr.update(
                value=sent([(one.thumbnail, one.title) for one in session.results]), chosen=[session.shown]
            ),
            self.stop: gr.update(visible=False),
            self.kept: gr.update(visible=True),
            self.more: gr.update(visible=True),
            self.command: result.command,
            self.python: result.python,
        }

    def watch(self, session: Session, before: np.ndarray, steps: Iterator[Preview | Result]) -> Iterator[Updates]:
        """The updates of a job while it runs, and of its result."""
        yield {self.status: 'Opening the network ...', self.stop: gr.update(visible=True)}
        for step in steps:
            if isinstance(step, Result):
                session.add(step)
                yield self.show(session)
            else:
                yield {
                    self.status: f'{step.share:.0%} done, about {duration(step.seconds_left)} left',
                    self.compare: gr.update(value=(before, images.to_uint8(step.picture)), visible=True),
                    self.alone: gr.update(visible=False),
                    self.empty: gr.update(visible=False),
                }

    def session_of(self, request: gr.Request) -> Session:
        """What the page keeps for the visitor who asks.

        Raises:
            UserError: There is no room for what the page would show.
        """
        check_room(page_folder())
        return self.sessions.setdefault(str(request.session_hash), Session(self.kept_results))

    def leave(self, request: gr.Request) -> None:
        """Ends the work of a visitor who closes the page, and forgets the results."""
        if session := self.sessions.pop(str(request.session_hash), None):
            session.close()

    def _stop(self, request: gr.Request) -> None:
        if session := self.sessions.get(str(request.session_hash)):
            session.stop.set()

    def _writer(self, suffix: str) -> Callable:
        """The function that writes the result that is shown into a file of this format."""

        def write(request: gr.Request) -> str:
            return str(self.session_of(request).file(suffix))

        return write

    def _undo(self, request: gr.Request) -> Updates:
        session = self.session_of(request)
        session.undo()
        return self.show(session)

    def _select(self, request: gr.Request, event: gr.SelectData) -> Updates:
        session = self.session_of(request)
        if 0 <= event.index < len(session.results):
            session.shown = event.index
        return self.show(session)


def guarded(function: Callable) -> Callable:
    """The function, whose errors become one line on the page."""
    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def watched(*arguments: Any, **keywords: Any) -> Iterator[Any]:
            try:
                yield from function(*arguments, **keywords)
            except Exception as error:
                raise _shown(error) from None

        return watched

    @functools.wraps(function)
    def called(*arguments: Any, **keywords: Any) -> Any:
        try:
            return function(*arguments, **keywords)
        except Exception as error:
            raise _shown(error) from None

    return called


def _shown(error: Exception) -> Exception:
    text = str(error) if isinstance(error, UserError) else one_line(error)
    text = without_folders(text)
    return error if isinstance(error, gr.Error) else gr.Error(text, duration=20, print_exception=False)


def without_folders(text: str) -> str:
    """A line without the folders that Gradio keeps uploads in: a visitor knows their names alone."""
    return re.sub(rf'{re.escape(str(page_folder()))}/[0-9a-f]+/', '', text)


def describe(result: Result) -> str:
    """One line about a result."""
    height, width = result.pixels.shape[:2]
    return f'{result.title}: {width} x {height} pixels'


def duration(seconds: float) -> str:
    """A time in words."""
    return f'{seconds:.0f} s' if seconds < 90 else f'{seconds / 60:.0f} min'
