"""Finds the weights of a feature network: in a given file, the package or Keras's cache, or downloads them."""

import contextlib
import functools
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

from stylegen.networks import mini, small_vgg
from stylegen.networks.catalog import FALLBACK, WeightsFile, network_row
from stylegen.utils.download import DownloadError, download, hash_name
from stylegen.utils.errors import NoWeights, UserError
from stylegen.utils.files import digest_of
from stylegen.utils.npz import verify
from stylegen.utils.streams import SafeStream

URL_BASE = 'https://storage.googleapis.com/'
AUTO = 'auto'


@dataclass(frozen=True)
class WeightsSource:
    """A weights file on this machine.

    Attributes:
        path: The file.
        sha256: Of its content, 64 hexadecimal digits.
        origin: 'embedded', 'file', 'cache' or 'download'.
    """

    path: Path
    sha256: str
    origin: str


def _on_stderr(text: str) -> None:
    print(text, file=SafeStream(sys.stderr), flush=True)


_say: ContextVar[Callable[[str], None]] = ContextVar('say', default=_on_stderr)


@contextlib.contextmanager
def announcing_downloads(say: Callable[[str], None]) -> Iterator[None]:
    """Within the block `say` gets a line before each download; by default the line goes to stderr."""
    before = _say.set(say)
    try:
        yield
    finally:
        _say.reset(before)


def find_weights(
    network: str, weights: str | Path | None = None, *, offline: bool | None = None, classifier: bool = False
) -> WeightsSource:
    """Finds or downloads the weights of a network.

    It takes the first of these: the given file; for `mini` and `small_vgg` the file in the package; a file in Keras's
    cache (`$KERAS_HOME/models`, `~/.keras/models`) with the published digest; a download to that cache. A download is
    announced on stderr, and fails after `download.TIMEOUT` seconds without a byte. mobilenet_v2's files have no
    published digest: their length is checked, and their shapes when they are loaded.

    Args:
        network: A name in `NETWORKS`, or the path of a `.keras` file, which includes its weights.
        weights: `.h5`, `.weights.h5` or `.keras`, with or without the classifier (`.npz` for mini and small_vgg,
            `.caffemodel` for googlenet and alexnet). Its content is checked when it is loaded.
        offline: True never downloads; None reads the environment variable STYLEGEN_OFFLINE.
        classifier: True accepts only the published file with the classifier.

    Raises:
        UserError: The network is unknown, or the file does not exist.
        NoWeights: The weights are missing and cannot be downloaded.

    Example:
        find_weights('vgg19').path
    """
    row = network_row(network)
    if weights is not None and network.endswith('.keras'):
        raise UserError(f'{network} brings its own weights; leave --weights out')
    if weights is not None or network.endswith('.keras'):
        return _given(Path(weights or network).expanduser())
    if not row.files:
        path = embedded_file(row.name)
        return WeightsSource(path, verify(path), 'embedded')
    files = row.files[-1:] if classifier else row.files
    return published_file(files, row.name, 'pass --weights=PATH', offline=offline)


def embedded_file(network: str) -> Path:
    """Returns the weights file of a network that ships with the package."""
    return {'mini': mini.MINI_WEIGHTS, 'small_vgg': small_vgg.SMALL_VGG_WEIGHTS}[network]


def published_file(
    files: Sequence[WeightsFile], user: str, advice: str, *, offline: bool | None = None
) -> WeightsSource:
    """Returns the first of some published files that is intact in Keras's cache, or downloads the first of them.

    Args:
        files: Any of them will do.
        user: What needs the file, for messages.
        advice: What to do with a file that was downloaded by hand, for errors.
        offline: As for `find_weights`.

    Raises:
        NoWeights: No file is in the cache, and it cannot be downloaded.
    """
    notes = []
    for file in files:
        path = cache_folder() / file.name
        if path.is_file():
            try:
                if _verified(path, file):
                    return WeightsSource(path, _digest_of(path, 'sha256'), 'cache')
                notes.append(f'{path} is damaged: its digest is not {file.digest}')
            except OSError as error:
                notes.append(f'{path} cannot be read ({error.strerror})')
    return _fetch(files[0], user, advice, notes, offline_mode() if offline is None else offline)


def fallback_line(network: str, embedded: str = FALLBACK, *, classifier: bool = False) -> str:
    """Returns a line that names the embedded network in use, and says how to get the preferred one."""
    file = network_row(network).files[-1 if classifier else 0].name
    other = f'put {file} in {cache_folder()}, pass --weights=FILE or run with internet'
    return f'{embedded} (embedded); for {network} {other}'


def describe(name: str, source: WeightsSource) -> str:
    """Returns a line with the network and the place of its weights."""
    where = source.origin if source.origin in ('embedded', 'download') else f'{source.origin} {source.path}'
    return f'{name} ({where})'


def cache_folder() -> Path:
    """Returns the folder where keras.applications keeps weights."""
    return keras_folder() / 'models'


def keras_folder() -> Path:
    """Returns the folder where Keras keeps downloads."""
    return Path(os.environ.get('KERAS_HOME') or '~/.keras').expanduser()


def offline_mode() -> bool:
    """Returns whether STYLEGEN_OFFLINE forbids downloads: it is set, and neither empty nor 0."""
    return os.environ.get('STYLEGEN_OFFLINE', '') not in ('', '0')


def _given(path: Path) -> WeightsSource:
    try:
        return WeightsSource(path, _digest_of(path, 'sha256'), 'file')
    except OSError as error:
        raise UserError(f'{path}: cannot be read ({error.strerror})') from error


def _fetch(file: WeightsFile, user: str, advice: str, notes: list[str], offline: bool) -> WeightsSource:
    url, path = urljoin(URL_BASE, file.folder + file.name), cache_folder() / file.name
    size = f' ({file.megabytes} MB)' if file.megabytes else ''
    if offline:
        reason = 'STYLEGEN_OFFLINE is set, so it was not fetched' if offline_mode() else 'offline, so not fetched'
    else:
        _say.get()(f'downloading {file.name}{size}, which {user} needs: {url}')
        try:
            download(url, path, file.digest)
            return WeightsSource(path, _digest_of(path, 'sha256'), 'download')
        except DownloadError as error:
            reason = f'it could not be fetched: {error}'
    raise NoWeights(
        f'{user} needs {file.name}{size}, which is not in {path.parent} '
        f'({"; ".join([*notes, reason])}); get it from {url} and {advice}'
    )


def _verified(path: Path, file: WeightsFile) -> bool:
    return file.digest is None or _digest_of(path, hash_name(file.digest)) == file.digest


def _digest_of(path: Path, name: str) -> str:
    stat = path.stat()
    return _digest(path, name, stat.st_size, stat.st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _digest(path: Path, name: str, size: int, mtime: int) -> str:
    """Computes a digest once per version of a file: size and modification time are part of the cache key."""
    return digest_of(path, name)
