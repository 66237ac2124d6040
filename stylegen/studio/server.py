"""Serves the page: on this machine only, unless a password is set."""

from __future__ import annotations

import hmac
import os
import threading

from stylegen.studio.settings import StudioSettings
from stylegen.utils.console import Console
from stylegen.utils.errors import UserError

STYLE = """
footer { display: none !important; }
#file { position: absolute; left: -9999px; }
#status { min-height: 1.6em; }
@media (max-width: 700px) { #results { order: -1; } }
#gallery .caption-label, #styles .caption-label { font-size: 11px; }
"""
HEAD = """
<script>
document.addEventListener('DOMContentLoaded', () => {
  const name = () => {
    document.querySelectorAll('#status').forEach(e => e.setAttribute('aria-live', 'polite'));
    document.querySelectorAll('#compare img').forEach((e, i) => { if (!e.alt) e.alt = i ? 'The result' : 'The photo'; });
    document.querySelectorAll('.thumbnail-item, .gallery-item').forEach(e => {
      const text = e.querySelector('.caption-label'), image = e.querySelector('img');
      if (text && image) image.alt = text.textContent.trim();
    });
  };
  new MutationObserver(name).observe(document.body, {childList: true, subtree: true});
  name();
});
</script>
"""


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
        page.close(verbose=False)


def start(settings: StudioSettings):
    """Starts the server in threads of its own.

    Returns:
        The `gradio.Blocks`, whose `close` ends it, and its address.

    Raises:
        UserError: Gradio is not installed, or the port is taken.
    """
    for name in ('GRADIO_ANALYTICS_ENABLED', 'HF_HUB_DISABLE_TELEMETRY'):  # nothing is told to anyone
        os.environ.setdefault(name, 'False' if name.startswith('GRADIO') else '1')
    try:
        import gradio as gr
    except ImportError:
        raise UserError('the page needs Gradio; install it by: pip install "stylegen[studio]"') from None
    from stylegen.studio.page import build_page
    from stylegen.studio.works import Works

    works = Works(settings.size, settings.max_memory)
    page = build_page(settings, works)
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
            max_file_size=settings.upload * 2**20,
            theme=gr.themes.Soft(font=fonts, font_mono=['ui-monospace', 'monospace']),
            css=STYLE,
            head=HEAD,
            footer_links=[],
            ssr_mode=False,
            enable_monitoring=False,
        )
    except OSError as error:
        page.close(verbose=False)
        raise UserError(f'port {settings.port} at {settings.host} cannot be had ({error}); give another --port') from None
    return page, url


def _free_port(host: str) -> int:
    import socket

    with socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET) as found:
        found.bind((host, 0))
        return found.getsockname()[1]
