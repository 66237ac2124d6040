"""Serves the page: on this machine only, unless a password is set."""

from __future__ import annotations

import hmac
import os
import shutil
import tempfile
import threading
from typing import TYPE_CHECKING

from stylegen.studio.look import HEAD, SCRIPT, STYLE
from stylegen.studio.sessions import unwritten
from stylegen.studio.settings import StudioSettings
from stylegen.utils.console import Console
from stylegen.utils.errors import UserError

if TYPE_CHECKING:
    import gradio as gr
    from starlette.responses import Response

FOLDER_VARIABLE = 'GRADIO_TEMP_DIR'  # where Gradio keeps files


def serve(settings: StudioSettings, console: Console, stop: threading.Event | None = None) -> None:
    """Serves the page until Ctrl-C, or until `stop` is set.

    Raises:
        UserError: Gradio is not installed, or the port is taken.
    """
    page, url = start(settings)
    console.say(f'the page is at {url} (Ctrl-C ends it)')
    try:
        (stop or threading.Event()).wait()
    finally:
        close(page)


def close(page: gr.Blocks) -> None:
    """Ends the server and removes what visitors uploaded and made."""
    page.close(verbose=False)
    _remove_files()


def _remove_files() -> None:
    """Removes the folder where Gradio keeps files."""
    shutil.rmtree(os.environ.pop(FOLDER_VARIABLE, ''), ignore_errors=True)


def start(settings: StudioSettings) -> tuple[gr.Blocks, str]:
    """Starts the server in threads of its own.

    Returns:
        The `gradio.Blocks`, which `close` ends, and its address.

    Raises:
        UserError: Gradio is not installed, or the port is taken.
    """
    os.environ[FOLDER_VARIABLE] = tempfile.mkdtemp(prefix='stylegen-studio-')
    for name in ('GRADIO_ANALYTICS_ENABLED', 'HF_HUB_DISABLE_TELEMETRY'):  # nothing is told to anyone
        os.environ.setdefault(name, 'False' if name.startswith('GRADIO') else '1')
    try:
        try:
            import gradio as gr
        except ImportError:
            raise UserError('the page needs Gradio; install it by: pip install "stylegen[studio]"') from None
        from stylegen.studio.page import build_page
        from stylegen.studio.works import Works

        page = build_page(settings, Works(settings.size, settings.max_memory))
    except BaseException:
        _remove_files()
        raise
    secret = settings.secret
    fonts = ['system-ui', 'sans-serif']
    try:
        _, url, _ = page.launch(
            server_name=settings.host,
            server_port=settings.port or _free_port(settings.host),
            auth=(lambda name, typed: hmac.compare_digest(typed.encode(), secret.encode())) if secret else None,
            inbrowser=settings.browser,
            share=False,
            prevent_thread_lock=True,
            quiet=True,
            show_error=False,
            app_kwargs={'exception_handlers': {OSError: _not_written}},
            max_file_size=settings.upload * 2**20,
            theme=gr.themes.Soft(font=fonts, font_mono=['ui-monospace', 'monospace']),
            css=STYLE,
            head=HEAD,
            js=SCRIPT,
            footer_links=[],
            ssr_mode=False,
            enable_monitoring=False,
        )
    except OSError as error:
        close(page)
        raise UserError(
            f'port {settings.port} at {settings.host} cannot be had ({error}); give another --port'
        ) from None
    return page, url


def _not_written(request: object, error: Exception) -> Response:
    """The answer to an upload that the disk does not take."""
    from starlette.responses import PlainTextResponse

    return PlainTextResponse(unwritten(error) if isinstance(error, OSError) else '', status_code=507)


def _free_port(host: str) -> int:
    import socket

    with socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET) as found:
        found.bind((host, 0))
        return found.getsockname()[1]
