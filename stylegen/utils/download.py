"""Downloads a file completely and verifies it, or leaves nothing behind.

Neither `keras.utils.get_file` nor pooch limits the time of a name look-up, which takes minutes on some machines without
a network. So the reading is done here.
"""

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

from stylegen.utils.streams import SafeStream

TIMEOUT = 10.0  # seconds without a byte after which a download fails; name look-up and connection count
_CHUNK = 1 << 18


class DownloadError(Exception):
    """A download failed; the text gives the reason in a few words."""


def download(url: str, path: Path, digest: str | None = None) -> None:
    """Downloads `url` to `path`, with a progress bar if stderr is a terminal.

    The bytes go to a temporary file beside `path`. It replaces `path` only when it is complete and its digest is right.
    A thread reads the bytes, because a name look-up cannot be interrupted. After `TIMEOUT` seconds without a byte the
    thread is abandoned.

    Args:
        url: An http or https address.
        path: The target; its folder is created.
        digest: MD5 (32 digits), SHA-1 (40) or SHA-256 (64) of the content. None checks only the length.

    Raises:
        DownloadError: No connection, no answer, an HTTP error, too few bytes, the wrong content, or a folder that
            cannot be written to.

    Example:
        download('https://example.org/photo.png', Path('photo.png'))
    """
    from tqdm import tqdm

    hasher = hashlib.new(hash_name(digest or ''), usedforsecurity=False)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f'.{path.name}.', dir=path.parent)
        with os.fdopen(handle, 'wb') as file, contextlib.closing(_chunks(url)) as chunks:
            expected = next(chunks)
            screen = SafeStream(sys.stderr)
            with tqdm(total=expected, unit='B', unit_scale=True, desc=path.name, file=screen, disable=None) as bar:
                for chunk in chunks:
                    file.write(chunk)
                    hasher.update(chunk)
                    bar.update(len(chunk))
            received = file.tell()
        if expected is not None and received != expected:
            raise DownloadError(f'the connection broke after {received} of {expected} bytes')
        if digest and hasher.hexdigest() != digest:
            raise DownloadError(f'the downloaded file has {hasher.name} {hasher.hexdigest()}, expected {digest}')
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        raise DownloadError(f'{error.filename or path}: {error.strerror or error}') from error
    finally:
        if temporary:
            Path(temporary).unlink(missing_ok=True)


def hash_name(digest: str) -> str:
    """Returns the name of the hash of a hexadecimal digest, by the digest's length."""
    return {32: 'md5', 40: 'sha1'}.get(len(digest), 'sha256')


def _chunks(url: str) -> Generator[Any, None, None]:
    """Yields the announced length (or None), then the bytes."""
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
        except Exception as error:  # raised again in the thread that waits
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
