"""One file from the network: whole and verified, or not there at all."""

import contextlib
import hashlib
import os
import queue
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Generator
from pathlib import Path
from typing import Any

from stylegen.utils.streams import Lasting

TIMEOUT = 10.0  # seconds without a single byte (name look-up and connection included) after which it gives up
_CHUNK = 1 << 18


class DownloadError(Exception):
    """Why nothing was fetched, in a few words."""


def download(url: str, path: Path, digest: str | None = None) -> None:
    """Fetch `url` to `path`, with a progress bar on stderr where that is a terminal.

    The bytes go to a temporary file beside `path`, which takes its place only when they are all there and their
    digest is right. Nothing is waited for longer than `TIMEOUT` seconds: the work is done by a thread that is left
    behind, since a name look-up cannot be interrupted.

    Args:
        url: http or https.
        path: where to; its folder is made.
        digest: MD5 (32 digits), SHA-1 (40) or SHA-256 (64) of the content; None takes what comes in the right length.

    Raises:
        DownloadError: no connection, no answer, an HTTP error, too few bytes, the wrong file, a folder not writable.
    """
    from tqdm import tqdm

    hasher = hashlib.new(algorithm(digest or ''), usedforsecurity=False)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f'.{path.name}.', dir=path.parent)
        with os.fdopen(handle, 'wb') as file, contextlib.closing(_chunks(url)) as chunks:
            expected = next(chunks)
            screen = Lasting(sys.stderr)
            with tqdm(total=expected, unit='B', unit_scale=True, desc=path.name, file=screen, disable=None) as bar:
                for chunk in chunks:
                    file.write(chunk)
                    hasher.update(chunk)
                    bar.update(len(chunk))
            received = file.tell()
        if expected is not None and received != expected:
            raise DownloadError(f'the connection broke after {received} of {expected} bytes')
        if digest and hasher.hexdigest() != digest:
            raise DownloadError(f'the file that came is another one: {hasher.name} {hasher.hexdigest()}, not {digest}')
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        raise DownloadError(f'{error.filename or path}: {error.strerror or error}') from error
    finally:
        if temporary:
            Path(temporary).unlink(missing_ok=True)


def algorithm(digest: str) -> str:
    """The hash that a hexadecimal digest is of, by its length."""
    return {32: 'md5', 40: 'sha1'}.get(len(digest), 'sha256')


def _chunks(url: str) -> Generator[Any, None, None]:
    """First the length that was announced (or None), then the bytes."""
    arrived: queue.Queue = queue.Queue()
    stop = threading.Event()

    def read() -> None:
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT) as response:
                arrived.put(response.length)
                while not stop.is_set():
                    chunk = response.read1(_CHUNK)
                    arrived.put(chunk)
                    if not chunk:
                        return
        except Exception as error:  # whatever it is, it is raised where it is waited for
            arrived.put(error)

    threading.Thread(target=read, daemon=True, name='stylegen-download').start()
    try:
        while True:
            item = arrived.get(timeout=TIMEOUT)
            if isinstance(item, TimeoutError):
                raise queue.Empty
            if isinstance(item, Exception):
                raise DownloadError(_reason(item)) from item
            if item == b'':
                return
            yield item
    except queue.Empty:
        raise DownloadError(f'no answer within {TIMEOUT:g} s') from None
    finally:
        stop.set()


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f'HTTP {error.code} {error.reason}'
    reason = getattr(error, 'reason', error)
    if isinstance(reason, TimeoutError):
        return f'no answer within {TIMEOUT:g} s'
    return str(getattr(reason, 'strerror', None) or reason)
